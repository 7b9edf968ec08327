package engine

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// remembering is a detector with state, and something to close.
type remembering struct {
	high
	state  string
	closed int
	fail   error
}

func (d *remembering) Snapshot() (pipeline.Frozen, error) { return frozenText(d.state), nil }
func (d *remembering) Restore(r io.Reader) error {
	b, err := io.ReadAll(r)
	d.state = string(b)
	return err
}
func (d *remembering) Close() error { d.closed++; return nil }
func (d *remembering) Detect(w *pipeline.Window, found []pipeline.Finding) ([]pipeline.Finding, error) {
	if d.fail != nil {
		return found, d.fail
	}
	return d.high.Detect(w, found)
}

// frozenText is a state of one text.
type frozenText string

func (f frozenText) Write(w io.Writer) error { _, err := io.WriteString(w, string(f)); return err }
func (f frozenText) Release()                {}

func TestDetectorWrapper(t *testing.T) {
	mem := checked(t)
	table := pipeline.NewSeriesTable(func(string, pipeline.Labels) pipeline.Scope {
		return pipeline.Scope{Entity: "web", System: "shop", Domain: "web"}
	}, 0)
	low, _ := table.Intern("low", "", pipeline.Gauge, nil)
	tall, _ := table.Intern("tall", "", pipeline.Gauge, nil)
	env := &pipeline.Env{Pipeline: "p", Component: "high", Allocator: mem}
	windows := &bucket{size: 10 * second, table: table, env: env}
	d := &remembering{}
	op := FromDetector(d)
	if err := op.Open(env); err != nil || d.env != env {
		t.Fatal(err)
	}
	var found []schemas.Event
	collect := emitFunc(func(b pipeline.Batch) error {
		defer b.Release()
		if b.Kind != pipeline.Events || b.Position.Next != 9 {
			t.Errorf("kind %s, position %+v", b.Kind, b.Position)
		}
		return schemas.EachEvent(b, func(e schemas.Event) error { found = append(found, e); return nil })
	})
	feed := func(sums map[uint32]float64) error {
		windows.open = map[int64]map[uint32]float64{0: sums}
		return windows.Watermark(10*second, emitFunc(func(b pipeline.Batch) error {
			defer b.Release()
			b.Position.Next = 9
			return op.Process(b, collect)
		}))
	}
	if err := feed(map[uint32]float64{low: 3}); err != nil || len(found) != 0 {
		t.Errorf("%v, %v", found, err)
	}
	if err := feed(map[uint32]float64{low: 3, tall: 20}); err != nil || len(found) != 1 {
		t.Fatalf("%v, %v", found, err)
	}
	var f schemas.Finding
	e := found[0]
	if err := e.Into(&f); err != nil || e.Type != schemas.TypeFinding || e.Time != 10*second || e.System != "shop" || e.Subject != "web" || f.Series.Metric != "tall" || f.Value != 20 || f.Detector != "high" {
		t.Errorf("%+v %+v %v", e, f, err)
	}
	if err := feed(map[uint32]float64{tall: 20}); err != nil || len(found) != 2 || found[1].ID != e.ID {
		t.Errorf("the same finding has another id: %v %v", found, err)
	}
	none := array.NewRecordBuilder(mem, pipeline.Windows.Schema())
	empty := pipeline.Batch{Kind: pipeline.Windows, Record: none.NewRecord(), Series: table}
	none.Release()
	if err := op.Process(empty, collect); err != nil || len(found) != 2 {
		t.Errorf("a window without rows: %v, %v", found, err)
	}
	empty.Release()
	d.fail = errors.New("no")
	if err := feed(map[uint32]float64{tall: 20}); !errors.Is(err, d.fail) {
		t.Errorf("%v", err)
	}
	if err := op.Close(); err != nil || d.closed != 1 {
		t.Errorf("closed %d times, %v", d.closed, err)
	}
}

// judging says of each row that it expected it.
type judging struct {
	high
	scores []pipeline.Score
}

func (d *judging) Detect(w *pipeline.Window, found []pipeline.Finding) ([]pipeline.Finding, error) {
	d.scores = d.scores[:0]
	for i, s := range w.Series {
		if !w.Table.At(s).IsDerived() {
			d.scores = append(d.scores, pipeline.Score{Series: s, Score: 0.5, Low: w.Sum[i] - 1, Expected: w.Sum[i], High: w.Sum[i] + 2})
		}
	}
	return d.high.Detect(w, found)
}
func (d *judging) Scores() []pipeline.Score { return d.scores }

func TestScoresBecomeSeries(t *testing.T) {
	mem := checked(t)
	scope := pipeline.Scope{Entity: "web", System: "shop", Domain: "web"}
	table := pipeline.NewSeriesTable(func(string, pipeline.Labels) pipeline.Scope { return scope }, 5)
	env := &pipeline.Env{Pipeline: "p", Component: "high", Allocator: mem}
	cpu, _ := table.Intern("cpu", "percent", pipeline.Gauge, []pipeline.Label{{Name: "host", Value: "a"}})
	windows := &bucket{size: 10 * second, table: table, env: env}
	op := FromDetector(&judging{})
	if err := op.Open(env); err != nil {
		t.Fatal(err)
	}
	var got []string
	feed := func(sums map[uint32]float64) {
		windows.open = map[int64]map[uint32]float64{0: sums}
		err := windows.Watermark(10*second, emitFunc(func(b pipeline.Batch) error {
			defer b.Release()
			b.Position.Next, b.Revision = 9, 2
			return op.Process(b, emitFunc(func(b pipeline.Batch) error {
				defer b.Release()
				if b.Kind != pipeline.Windows || b.Position.Next != 9 || b.Revision != 2 {
					return nil
				}
				w := WindowOf(b)
				for i, s := range w.Series {
					x := table.At(s)
					if *x.Scope != scope {
						t.Errorf("%s has the scope %+v", x.Key(), *x.Scope)
					}
					got = append(got, fmt.Sprintf("%s [%d,%d) %q: %d of %g in %g..%g, last %g", x.Key(), w.Start, w.End, x.Unit, w.Count[i], w.Sum[i], w.Min[i], w.Max[i], w.Last[i]))
				}
				return nil
			}))
		}))
		if err != nil {
			t.Fatal(err)
		}
	}
	feed(map[uint32]float64{cpu: 3})
	mem2, _ := table.Intern("mem", "", pipeline.Gauge, nil)
	feed(map[uint32]float64{cpu: 4, mem2: 1}) // the table has room for one of the two series of mem
	want := []string{
		`anomaly.score{detector="high",host="a",metric="cpu"} [0,10000000000) "": 1 of 0.5 in 0.5..0.5, last 0.5`,
		`anomaly.expected{detector="high",host="a",metric="cpu"} [0,10000000000) "percent": 1 of 3 in 2..5, last 3`,
		`anomaly.score{detector="high",host="a",metric="cpu"} [0,10000000000) "": 1 of 0.5 in 0.5..0.5, last 0.5`,
		`anomaly.expected{detector="high",host="a",metric="cpu"} [0,10000000000) "percent": 1 of 4 in 3..6, last 4`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestDetectorSnapshotPassesThrough(t *testing.T) {
	if _, ok := FromDetector(&high{}).(pipeline.Snapshotter); ok {
		t.Error("a detector without state can be snapshotted")
	}
	from, ok := FromDetector(&remembering{state: "what it learned"}).(pipeline.Snapshotter)
	if !ok {
		t.Fatal("a detector with state can't be snapshotted")
	}
	frozen, err := from.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer frozen.Release()
	var b strings.Builder
	if err := frozen.Write(&b); err != nil {
		t.Fatal(err)
	}
	to := &remembering{}
	if err := FromDetector(to).(pipeline.Snapshotter).Restore(strings.NewReader(b.String())); err != nil || to.state != "what it learned" {
		t.Errorf("%q, %v", to.state, err)
	}
}

// patient judges a window when that is complete: it finds its sum, and says so in its score.
type patient struct {
	judging
	start, end int64
	sum        float64
	series     uint32
}

func (d *patient) Detect(w *pipeline.Window, found []pipeline.Finding) ([]pipeline.Finding, error) {
	d.scores, d.start, d.end, d.series = d.scores[:0], w.Start, w.End, w.Series[0]
	for _, v := range w.Sum {
		d.sum += v
	}
	return found, nil
}

func (d *patient) Conclude(t int64, found []pipeline.Finding) ([]pipeline.Finding, error) {
	if d.scores = d.scores[:0]; d.sum == 0 || t < d.end {
		return found, nil
	}
	d.scores = append(d.scores, pipeline.Score{Series: d.series, Score: d.sum, Low: d.sum, Expected: d.sum, High: d.sum})
	found = append(found, pipeline.Finding{Series: d.series, Onset: d.start, Start: d.start, End: d.end, Open: true, Score: 1, Value: d.sum})
	d.sum = 0
	return found, nil
}

func (d *patient) Judged() (start, end int64) { return d.start, d.end }

func TestWindowsAreJudgedWhenTheyAreComplete(t *testing.T) {
	mem := checked(t)
	table := pipeline.NewSeriesTable(nil, 0)
	env := &pipeline.Env{Pipeline: "p", Component: "patient", Allocator: mem, Series: table, Now: func() int64 { return 0 }}
	a, _ := table.Intern("a", "", pipeline.Gauge, nil)
	windows := &bucket{size: 10 * second, table: table, env: env}
	op := FromDetector(&patient{})
	if err := op.Open(env); err != nil {
		t.Fatal(err)
	}
	var got []string
	out := emitFunc(func(b pipeline.Batch) error {
		defer b.Release()
		if b.Kind == pipeline.Events {
			got = append(got, "finding")
			return nil
		}
		w := WindowOf(b)
		got = append(got, fmt.Sprintf("%s [%d,%d) %g", table.At(w.Series[0]).Metric, w.Start/second, w.End/second, w.Sum[0]))
		return nil
	})
	for _, sum := range []float64{3, 4} {
		windows.open = map[int64]map[uint32]float64{0: {a: sum}}
		if err := windows.Watermark(10*second, emitFunc(func(b pipeline.Batch) error {
			defer b.Release()
			return op.Process(b, out)
		})); err != nil {
			t.Fatal(err)
		}
	}
	for _, at := range []int64{9, 10, 20} {
		if err := op.(pipeline.Watermarker).Watermark(at*second, out); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"anomaly.score [0,10) 7", "finding"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
