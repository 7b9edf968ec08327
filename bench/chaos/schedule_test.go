package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/homeostat/homeostat/bench/stand"
)

func TestScheduleIsOfTheSeed(t *testing.T) {
	const session = 3 * time.Second
	a, b := schedule(7, 200, 4, session), schedule(7, 200, 4, session)
	if d := cmp.Diff(a, b); d != "" {
		t.Error(d)
	}
	if cmp.Equal(a, schedule(8, 200, 4, session)) {
		t.Error("two seeds have one schedule")
	}
	seen := map[kind]int{}
	for i := range a {
		f := &a[i]
		seen[f.Kind]++
		if f.Kind == freeze && f.Down <= session {
			t.Errorf("round %d freezes an engine for %s, less than its session", i, f.Down)
		}
		for _, e := range f.Engines {
			if e < 0 || e >= 4 {
				t.Errorf("round %d hits engine %d of 4", i, e)
			}
		}
	}
	for _, k := range kinds {
		if seen[k.kind] == 0 {
			t.Errorf("no round of 200 is a %s", k.kind)
		}
	}
	if n := seen[killEngine] + seen[killTwo]; n < 100 {
		t.Errorf("only %d of 200 rounds kill engines", n)
	}
}

// Also a short run has some of each important kind.
func TestShortSchedule(t *testing.T) {
	seen := map[kind]bool{}
	for _, f := range schedule(1, len(opening), 4, time.Second) {
		seen[f.Kind] = true
	}
	for _, k := range opening {
		if !seen[k] {
			t.Errorf("no %s in %d rounds", k, len(opening))
		}
	}
}

// steps feeds some steps without a broker.
func steps(seed uint64, n int) (records []*kgo.Record, f *feeder) {
	f = newFeeder(seed, nil, inboxTopic, inboxPartitions, false)
	for range n {
		records = append(records, f.next()...)
	}
	return append(records, f.end()...), f
}

func TestInputIsOfTheSeed(t *testing.T) {
	flat := func(rs []*kgo.Record) (out []string) {
		for _, r := range rs {
			text := r.Topic + string(rune('0'+r.Partition)) + string(r.Key) + string(r.Value)
			for _, h := range r.Headers {
				text += h.Key + string(h.Value)
			}
			out = append(out, text)
		}
		return out
	}
	a, _ := steps(3, 50)
	b, _ := steps(3, 50)
	c, _ := steps(4, 50)
	if d := cmp.Diff(flat(a), flat(b)); d != "" {
		t.Error(d)
	}
	if cmp.Equal(flat(a), flat(c)) {
		t.Error("two seeds have one input")
	}
}

// Every partition gets rows in each step, so that none is idle while the others run, and one at the end.
func TestAllPartitionsAdvance(t *testing.T) {
	rs, f := steps(3, 1)
	rows := map[stand.Partition]int{}
	for _, r := range rs {
		if len(r.Key) > 0 {
			rows[stand.Partition{Topic: r.Topic, N: r.Partition}]++
		}
	}
	if len(rows) != metricPartitions+logPartitions {
		t.Errorf("the first step has rows for %v", rows)
	}
	if f.rows["metrics"] == 0 || f.rows["logs"] == 0 {
		t.Errorf("rows %v", f.rows)
	}
}
