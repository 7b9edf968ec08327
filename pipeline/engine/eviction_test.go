package engine

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/engine/snapshot"
	"github.com/homeostat/homeostat/schemas"
)

// churning has room for 16 series a lane; those that are silent for 20 s may go.
var churning = strings.ReplaceAll(small, "high, echo, breaker]", "high]\ndeclare: [{metric: \"*\"}]\nlimits: {series: 16, series_idle: 20s}")

// saved is the state of a lane, as a snapshot keeps it.
func saved(t *testing.T, l lane) *snapshot.Snapshot {
	t.Helper()
	f, err := l.freeze()
	if err != nil {
		t.Fatal(err)
	}
	defer f.release()
	var names []string
	parts := map[string]frozenPart{}
	for _, p := range f.parts {
		names, parts[p.name] = append(names, p.name), p
	}
	s, err := snapshot.New(snapshot.Manifest{Lane: "test", Watermark: f.watermark, Account: f.account}, names,
		func(name string, w io.Writer) error { return parts[name].write(w) })
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// driveRestored feeds a lane a log, cut at random, and now and then goes on with a new lane from its state. It returns what was written.
func driveRestored(t *testing.T, begin func() lane, log []pipeline.Record, seed uint64, restore bool) (out string, last lane) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(seed, 5))
	l := begin()
	var b strings.Builder
	for from := 0; from < len(log); {
		to := min(len(log), from+1+rnd.IntN(6))
		if err := l.process(input(log[from:to]...)); err != nil {
			t.Fatal(err)
		}
		b.WriteString(text(l.take()))
		if from = to; restore && rnd.IntN(4) == 0 {
			s := saved(t, l)
			next := begin()
			if err := next.restore(s); err != nil {
				t.Fatal(err)
			}
			if err := l.close(); err != nil {
				t.Fatal(err)
			}
			l = next
		}
	}
	return b.String(), l
}

// TestEvictionFollowsFromTheLog: whatever the cuts of the log and the restores between, the same series are evicted at the same
// record, and all that a lane writes has the same bytes.
func TestEvictionFollowsFromTheLog(t *testing.T) {
	oneGoroutine(t)
	rnd := rand.New(rand.NewPCG(1, 1))
	var source []string
	for i := range 800 {
		at := float64(i) / 2
		switch rnd.IntN(4) {
		case 0:
			source = append(source, fmt.Sprintf("steady %d %g", rnd.IntN(20), at))
		case 1:
			source = append(source, fmt.Sprintf("old%d 1 %g", i%3, max(0, at-4)))
		default:
			source = append(source, fmt.Sprintf("pod%d %d %g", i/8, 1+rnd.IntN(20), at))
		}
	}
	p := newKit().plan(t, churning)
	s := newSurroundings(p, options(t, p))
	s.lanes.Store(&laneSets{columns: map[string]int{"left": 1}})
	for name, tc := range map[string]struct {
		lane func() (lane, error)
		log  []pipeline.Record
	}{
		"detect":  {func() (lane, error) { return s.sourceLane(p, &p.Sources[0], "left/0", 1) }, records(source...)},
		"columns": {func() (lane, error) { return s.columnsLane(p, "columns/0", 1) }, columnsLog(t, source)},
	} {
		t.Run(name, func(t *testing.T) {
			begin := func() lane {
				l, err := tc.lane()
				if err != nil {
					t.Fatal(err)
				}
				return l
			}
			want, l := driveRestored(t, begin, tc.log, 0, false)
			if err := l.close(); err != nil {
				t.Fatal(err)
			}
			evicted := 0.0
			switch l := l.(type) {
			case *detectLane:
				evicted = testutil.ToFloat64(l.series.evicted)
			case *columnsLane:
				evicted = testutil.ToFloat64(l.series.evicted)
			}
			if evicted < 50 || strings.Contains(want, "series.limit") || !strings.Contains(want, "steady") {
				t.Fatalf("%g series were evicted, want 50 and more, and none refused", evicted)
			}
			for seed := range uint64(6) {
				got, l := driveRestored(t, begin, tc.log, seed, true)
				if got != want {
					t.Errorf("seed %d: the lane wrote something else after restores", seed)
				}
				if err := l.close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// columnsLog is what ingest writes to the columns topic for rows that come one by one.
func columnsLog(t *testing.T, rows []string) []pipeline.Record {
	t.Helper()
	p := newKit().plan(t, strings.Replace(churning, "keyed: true", "keyed: false", 1))
	s := newSurroundings(p, options(t, p))
	s.lanes.Store(&laneSets{columns: map[string]int{"left": 1}})
	p.Sources[0].Fused, p.Topics.Columns.Partitions = false, 1
	l, err := s.sourceLane(p, &p.Sources[0], "left/0", 1)
	if err != nil {
		t.Fatal(err)
	}
	encoder := newColumnsEncoder(p.Topics.Columns)
	var log []pipeline.Record
	keep := func(messages []broker.Message) {
		for _, m := range messages {
			log = append(log, recordOf(m, int64(len(log))))
		}
	}
	for _, rec := range records(rows...) {
		if err := l.process(input(rec)); err != nil {
			t.Fatal(err)
		}
		messages, err := encoder.messages(takeRows(l))
		if err != nil {
			t.Fatal(err)
		}
		keep(messages)
		keep(l.take())
	}
	return log
}

// holder holds what it is told to.
type holder struct {
	stateless
	series []uint32
}

func (h *holder) Hold(hold func(uint32)) {
	for _, s := range h.series {
		hold(s)
	}
}

// TestEvictionKeepsWhatIsHeld evicts the series that are idle but for those that some operator of the chain holds.
func TestEvictionKeepsWhatIsHeld(t *testing.T) {
	r := surroundingsOf(t, newKit().plan(t, churning)).newResidence(pipeline.Detect)
	c := &chain{nodes: []node{{op: &stateless{}}, {op: &holder{series: []uint32{3, 7}}}, {op: &holder{series: []uint32{7, 9}}}}}
	r.move(80 * second)
	for i := range 16 {
		if i == 14 {
			r.move(100 * second)
		}
		if _, err := r.table.Intern(fmt.Sprint("pod", i), "", pipeline.Gauge, nil); err != nil {
			t.Fatal(err)
		}
	}
	r.admit()
	if to := r.makeRoom(c.hold); to != nil {
		t.Errorf("evicted after 20 s, and idle is longer: %v", to)
	}
	if r.move(101*second) || !r.move(119*second) {
		t.Error("a full table is looked at each sixteenth of the time that makes a series idle, and no more often")
	}
	to := r.makeRoom(c.hold)
	left := ""
	for s := range r.table.All().Values() {
		left += s.Metric + " "
	}
	if left != "pod3 pod7 pod9 pod14 pod15 " || len(to) != 16 || to[7] != 1 || to[8] != pipeline.Gone || to[15] != 4 || testutil.ToFloat64(r.evicted) != 11 {
		t.Errorf("left: %s; ordinals %v; %g evicted", left, to, testutil.ToFloat64(r.evicted))
	}
}

// TestSnapshotWithoutSeen reads a snapshot of a program that did not note when series were seen.
func TestSnapshotWithoutSeen(t *testing.T) {
	r := &residence{table: pipeline.NewSeriesTable(nil, 10), idle: second}
	f := &frozen{}
	full := &residence{table: pipeline.NewSeriesTable(nil, 10), mark: 5 * second}
	for i := range 3 {
		if _, err := full.table.Intern(fmt.Sprint(i), "", pipeline.Gauge, nil); err != nil {
			t.Fatal(err)
		}
	}
	f.series(full.table)
	s, err := snapshot.New(snapshot.Manifest{}, []string{partSeries}, func(_ string, w io.Writer) error { return schemas.WriteSeries(w, full.table.All()) })
	if err != nil {
		t.Fatal(err)
	}
	if err := r.restore(s, 7*second); err != nil || len(r.seen) != 3 || r.seen[2] != 7*second {
		t.Errorf("seen %v, %v; want the lane's time for all three", r.seen, err)
	}
}
