package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/plan"
	"github.com/homeostat/homeostat/schemas"
)

// recorder writes down all that a Local writes.
type recorder struct{ lines []string }

func (r *recorder) record(rec pipeline.Record) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s@%d %q %x", rec.Topic, rec.Offset, rec.Key, rec.Value)
	for _, h := range rec.Headers {
		fmt.Fprintf(&b, " %s=%q", h.Key, h.Value)
	}
	r.lines = append(r.lines, b.String())
}

func (r *recorder) text() string { return strings.Join(r.lines, "\n") }

func newLocal(t testing.TB, p *plan.Plan, files bool) (*Local, *recorder) {
	t.Helper()
	l, err := NewLocal(context.Background(), p, files, options(t, p))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	r := &recorder{}
	l.Watch(r.record)
	return l, r
}

// drive writes a random feed to both topics, with changes through the inbox, and finishes.
func drive(t testing.TB, l *Local, seed uint64) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 3))
	left, right := feed(random, 60, "1"), feed(random, 60, "2")
	for i := range left {
		right[i].Topic = "right"
		recs := []pipeline.Record{left[i], right[i]}
		if i%20 == 10 {
			recs = append(recs, event(t, schemas.Event{ID: fmt.Sprint("deploy", i), Source: "/ci", Type: schemas.TypeChange, Time: left[i].Timestamp * 1e6, System: "shop"}, schemas.Change{Change: "deploy", Kind: "deploy"}, left[i].Timestamp))
		}
		for _, rec := range recs {
			if err := l.Write(rec); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := l.Finish(); err != nil {
		t.Fatal(err)
	}
}

func TestLocalWritesTheSameBytesEachTime(t *testing.T) {
	run := func() (string, []Account, []string) {
		k := newKit()
		l, r := newLocal(t, k.plan(t, small), false)
		drive(t, l, 7)
		return r.text(), l.Accounts(), k.sink.written
	}
	want, accounts, acted := run()
	got, again, _ := run()
	if got != want {
		t.Error(firstDifference(got, want))
	}
	if fmt.Sprint(accounts) != fmt.Sprint(again) || len(accounts) != 3 || accounts[0].Source != "left" || accounts[2].Source != "inbox" || accounts[2].In != 3 {
		t.Errorf("%v and %v", accounts, again)
	}
	for _, a := range accounts {
		sum := a.On
		for _, n := range a.Lost {
			sum += n
		}
		if sum != a.In || a.In == 0 {
			t.Errorf("the account does not balance: %+v", a)
		}
	}
	for _, typ := range []string{schemas.TypeFinding, schemas.TypeWindow, schemas.TypeChange, schemas.TypeIncidentOpened, schemas.TypeHypothesisOpened, schemas.TypeHypothesisJudged} {
		if !strings.Contains(want, `ce_type="`+typ+`"`) {
			t.Errorf("no %s was written", typ)
		}
	}
	// Act gets all events but time, once.
	seen := map[string]int{}
	for _, id := range acted {
		seen[id]++
	}
	events := 0
	for _, line := range strings.Split(want, "\n") {
		if !strings.HasPrefix(line, "small.dead-letters") && !strings.Contains(line, schemas.HeaderLane) {
			events++
		}
	}
	if len(seen) != len(acted) || len(acted) != events {
		t.Errorf("%d events, %d writes to the sink of %d events", events, len(acted), len(seen))
	}
}

const fromFiles = `
version: 1
name: files
instance: a
scope: {entity: ["{{metric}}"], system: shop}
sources:
  - {name: one, rows: {of: one}, late: drop}
  - {name: two, rows: {of: two}, late: drop}
detect: [bucket, high, echo]
operate: [incident, answer]
sinks: [memory]
`

func TestLocalMergesFilesByTime(t *testing.T) {
	k := newKit()
	k.sources["one"] = [][]string{{"a 1 1", "a 2 4"}, {"a 3 12"}, {"a 12 25"}}
	k.sources["two"] = [][]string{{"b 1 2"}, {"b 2 11"}, {"b 3 19", "b 4 40"}}
	run := func() (*recorder, []string) {
		l, r := newLocal(t, k.plan(t, fromFiles), true)
		if err := l.Run(context.Background()); err != nil {
			t.Fatal(err)
		}
		if err := l.Finish(); err != nil {
			t.Fatal(err)
		}
		var echoed []string
		for _, line := range r.lines {
			if _, rest, ok := strings.Cut(line, `ce_subject="`); ok && strings.Contains(line, "/echo") {
				echoed = append(echoed, rest[:strings.IndexByte(rest, '"')])
			}
		}
		return r, echoed
	}
	r, echoed := run()
	if want := []string{"a=1", "a=2", "b=1", "b=2", "a=3", "b=3", "b=4", "a=12"}; !slices.Equal(echoed, want) {
		t.Errorf("%q", echoed)
	}
	if again, _ := run(); again.text() != r.text() {
		t.Error(firstDifference(again.text(), r.text()))
	}
	if !strings.Contains(r.text(), schemas.TypeHypothesisJudged) {
		t.Error("time did not come to its end")
	}
}

func TestLocalGivesUpWithEverythingClosed(t *testing.T) {
	k := newKit()
	k.sources["one"] = [][]string{{"a 1 1"}, {"! 1 2"}}
	k.sources["two"] = [][]string{{"b 1 2"}, {"b 2 11"}}
	l, _ := newLocal(t, k.plan(t, fromFiles), true)
	if err := l.Run(context.Background()); pipeline.Code(err) != "lines.malformed" {
		t.Errorf("%v", err)
	}
	l, _ = newLocal(t, k.plan(t, fromFiles), true)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := l.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}

	k.poison = 13
	l, _ = newLocal(t, k.plan(t, small), false)
	rec := records("a 13 1")[0]
	rec.Topic = "left"
	if err := l.Write(rec); err == nil || !strings.Contains(err.Error(), "operator breaker: a value of 13") {
		t.Errorf("%v", err)
	}
	rec.Topic = "nobody"
	if err := l.Write(rec); pipeline.Code(err) != "local.topic.unknown" {
		t.Errorf("%v", err)
	}
	if _, err := NewLocal(context.Background(), k.plan(t, small), true, options(t, k.plan(t, small))); pipeline.Code(err) != "backtest.source.topic" {
		t.Errorf("%v", err)
	}
	k.sink.fail = errors.New("no room")
	l, _ = newLocal(t, k.plan(t, small), false)
	rec = records("a 1 1")[0]
	rec.Topic = "left"
	if err := l.Write(rec); !errors.Is(err, k.sink.fail) || !strings.Contains(err.Error(), "sink memory") {
		t.Errorf("%v", err)
	}
}
