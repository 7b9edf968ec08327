package operatortest

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// adder is an operator that is right unless it is told to be wrong: it emits the running sum of all points.
type adder struct {
	wrong  string
	env    *pipeline.Env
	sum    float64
	kept   []float64
	closed bool
	// series is that of the first row.
	series int64

	snapshots int
}

func (a *adder) Open(env *pipeline.Env) error { a.env, a.series = env, -1; return nil }

func (a *adder) Process(b pipeline.Batch, out pipeline.Emitter) error {
	values := b.Record.Column(pipeline.PointValue).(*array.Float64).Float64Values()
	if a.wrong == "ignores offsets" {
		data := b.Record.Column(pipeline.PointValue).Data()
		values = arrow.Float64Traits.CastFromBytes(data.Buffers()[1].Bytes())[:data.Len()]
	}
	if a.wrong == "keeps borrowed memory" && a.kept != nil {
		a.sum += a.kept[0] * 1e-9
	}
	a.kept = values
	if a.wrong == "depends on batches" {
		a.sum++
	}
	if a.wrong == "loses rows silently" && len(values) > 1 {
		a.env.Lose("because", 1)
	}
	rb := array.NewRecordBuilder(a.env.Allocator, pipeline.Points.Schema())
	defer rb.Release()
	for i, v := range values {
		a.sum += v
		series := b.Record.Column(0).(*array.Uint32).Value(i)
		if a.series < 0 {
			a.series = int64(series)
		}
		if strings.HasPrefix(a.wrong, "writes to the first series") {
			series = uint32(a.series)
		}
		rb.Field(0).(*array.Uint32Builder).Append(series)
		rb.Field(1).(*array.Int64Builder).Append(b.Record.Column(1).(*array.Int64).Value(i))
		rb.Field(2).(*array.Int64Builder).Append(0)
		sum := a.sum
		if a.wrong == "looks ahead" {
			sum += values[len(values)-1]
		}
		rb.Field(3).(*array.Float64Builder).Append(sum)
	}
	rec := rb.NewRecord()
	if a.wrong == "leaks" {
		rec.Retain()
	}
	err := out.Emit(pipeline.Batch{Kind: pipeline.Points, Record: rec, Series: b.Series})
	if a.wrong == "swallows the consumer's error" {
		return nil
	}
	return err
}

func (a *adder) Close() error {
	if a.wrong == "can't close twice" && a.closed {
		return errors.New("closed already")
	}
	a.closed = true
	return nil
}

func (a *adder) Snapshot() (pipeline.Frozen, error) {
	f := &frozenSum{sum: &a.sum, series: a.series, table: a.table()}
	if a.wrong != "freezes a pointer" {
		sum := a.sum
		f.sum = &sum
	}
	if a.wrong == "numbers its snapshots" {
		a.snapshots++
		f.number = a.snapshots
	}
	return f, nil
}

// table declares the state of an adder.
func (a *adder) table() state.Table {
	role := state.Ordinal
	if a.wrong == "writes to the first series, unmarked" {
		role = ""
	}
	return state.Table{Name: "sum", Version: 1, Fields: []state.Field{
		{Name: "sum", Type: state.Float64}, {Name: "number", Type: state.Int64}, {Name: "series", Type: state.Int64, Role: role}}}
}

// frozenSum is the state of an adder.
type frozenSum struct {
	sum    *float64
	series int64
	number int
	table  state.Table
}

func (f *frozenSum) Write(w io.Writer) error {
	s := state.NewWriter(w, "adder")
	s.Table(f.table).Float64(*f.sum).Int64(int64(f.number)).Int64(f.series)
	return s.Close()
}

func (f *frozenSum) Release() {}

func (a *adder) Restore(r io.Reader) error {
	if a.wrong == "forgets its state" {
		_, err := io.Copy(io.Discard, r)
		return err
	}
	s := state.NewReader(r, "adder")
	for t := s.Table(a.table()); t.Next(); {
		a.sum, a.series = t.Float64("sum"), t.Int64("series")
	}
	return s.Close()
}

// recorder is a testing.TB that notes failures.
type recorder struct {
	testing.TB
	failures []string
}

func (r *recorder) Helper() {}
func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}
func (r *recorder) Failed() bool                      { return len(r.failures) > 0 }
func (r *recorder) Fatalf(format string, args ...any) { r.Errorf(format, args...); runtime.Goexit() }
func (r *recorder) Fatal(args ...any)                 { r.Errorf("%s", fmt.Sprint(args...)); runtime.Goexit() }

// try returns what the kit says of a case, with all ways to run it.
func try(t *testing.T, c Case) string {
	t.Setenv(ThreadsOnly, "")
	return said(t, c)
}

func said(t *testing.T, c Case) string {
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		Run(r, c)
	}()
	<-done
	return strings.Join(r.failures, "\n")
}

func sums(wrong string) Case {
	in := NewInput()
	if err := in.Add(`
		points a{} at 10s: 1 2 3
		points b{} at 13s: 4+1x10
		watermark 30s`); err != nil {
		panic(err)
	}
	return Case{New: func() (pipeline.Operator, error) { return &adder{wrong: wrong}, nil }, Input: in}
}

func TestKit(t *testing.T) {
	for wrong, complaint := range map[string]string{
		"":                                     "",
		"depends on batches":                   "differs from the plain run",
		"looks ahead":                          "differs from the plain run",
		"ignores offsets":                      "differs from the plain run",
		"keeps borrowed memory":                "differs from the plain run",
		"leaks":                                "invalid memory size",
		"loses rows silently":                  "rows lost",
		"can't close twice":                    "Close",
		"swallows the consumer's error":        "must return the consumer's error",
		"forgets its state":                    "differs from",
		"numbers its snapshots":                "differs from",
		"writes to the first series":           "",
		"writes to the first series, unmarked": "others evicted",
	} {
		t.Run(wrong, func(t *testing.T) {
			got := try(t, sums(wrong))
			if complaint == "" && got != "" || !strings.Contains(got, complaint) {
				t.Errorf("the kit said %q, want %q", got, complaint)
			}
		})
	}
}

// TestKitFindsAFrozenPointer is apart since its fault is a race, too, which the detector of races would find first.
func TestKitFindsAFrozenPointer(t *testing.T) {
	c := sums("freezes a pointer").subject()
	r := &recorder{TB: t}
	d := &driver{subject: c, variant: variant{name: "frozen"}, t: r, op: &adder{wrong: "freezes a pointer"}}
	if err := d.keep(); err != nil {
		t.Fatal(err)
	}
	d.kept.done <- <-d.kept.done // the concurrent write is over
	d.op.(*adder).sum++
	if err := d.settle(); err != nil || len(r.failures) != 1 || !strings.Contains(r.failures[0], "after the operator went on") {
		t.Errorf("the kit said %q, %v", r.failures, err)
	}
}

func TestWant(t *testing.T) {
	c := sums("")
	c.Want = "10s a{} 1"
	if got := try(t, c); !strings.Contains(got, "output (-want +got)") {
		t.Errorf("a wrong output was not noticed: %q", got)
	}
	c.Want, c.Silent = "", true
	if got := try(t, c); !strings.Contains(got, "where none was wanted") {
		t.Errorf("output of a silent case was not noticed: %q", got)
	}
}

func TestExpand(t *testing.T) {
	for text, want := range map[string]string{
		"1 2.5 -3":      "1 2.5 -3",
		"5x2":           "5 5 5",
		"1+2x3":         "1 3 5 7",
		"5-1x2":         "5 4 3",
		"-1-1x1":        "-1 -2",
		"1e-3x1":        "1e-3 1e-3",
		"_ 1 _x2":       "_ 1 _ _",
		"100/3x1":       "100/3 100/3",
		`17"a x2 b" 9`:  `17"a x2 b" 9`,
		`17"say \"x\""`: `17"say \"x\""`,
	} {
		got, err := expand(text)
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("expand(%s) = %v, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"5x", "5x-1", "axb", "1+ax3"} {
		if got, err := expand(text); err == nil {
			t.Errorf("expand(%s) = %v without error", text, got)
		}
	}
}

func TestKeys(t *testing.T) {
	for _, key := range []string{
		`cpu{}`, `cpu:delta{}`, `cpu:stream{a="b"}`, `cpu{a="b",c="d e"}`,
		pipeline.SeriesKey(`we{i"r}d:`, pipeline.Cumulative, []pipeline.Label{{Name: `n,="`, Value: `v"\,}`}}),
	} {
		d, err := parseKey(key)
		if err != nil || pipeline.SeriesKey(d.metric, d.typ, d.labels) != key {
			t.Errorf("parseKey(%s) = %+v, %v", key, d, err)
		}
		if got, rest, err := cutKey(key + " at 1s"); got != key || rest != " at 1s" || err != nil {
			t.Errorf("cutKey(%s) = %s, %s, %v", key, got, rest, err)
		}
	}
}

func TestClock(t *testing.T) {
	for ns, want := range map[int64]string{0: "0s", 10e9: "10s", 60e9: "1m", 90e9: "1m30s", 3600e9: "1h", 3660e9: "1h1m", 1.5e9: "1.5s", -10e9: "-10s"} {
		if got := clock(ns); got != want {
			t.Errorf("clock(%d) = %s, want %s", ns, got, want)
		}
	}
}

func TestKitShufflesRows(t *testing.T) {
	c := sums("")
	c.AnyOrder = true
	if got := try(t, c); !strings.Contains(got, "shuffled: output differs from the plain run") {
		t.Errorf("running sums depend on the order of rows, and the kit says %q", got)
	}
}

// counting finds how many rows each window has. If it is lazy it does so when the next window begins, though it was told before.
type counting struct {
	lazy             bool
	rows, start, end int64
}

func (d *counting) Open(*pipeline.Env) error { return nil }

func (d *counting) Detect(w *pipeline.Window, found []pipeline.Finding) ([]pipeline.Finding, error) {
	found = d.conclude(w.End-1, found)
	d.rows, d.start, d.end = d.rows+int64(len(w.Series)), w.Start, w.End
	return found, nil
}

func (d *counting) Conclude(t int64, found []pipeline.Finding) ([]pipeline.Finding, error) {
	if d.lazy {
		return found, nil
	}
	return d.conclude(t, found), nil
}

func (d *counting) conclude(t int64, found []pipeline.Finding) []pipeline.Finding {
	if d.rows == 0 || d.end > t {
		return found
	}
	found = append(found, pipeline.Finding{Onset: d.start, Start: d.start, End: d.end, Open: true, Score: 1, Value: float64(d.rows)})
	d.rows = 0
	return found
}

func (d *counting) Judged() (start, end int64) { return d.start, d.end }

func TestConcluders(t *testing.T) {
	t.Setenv(ThreadsOnly, "")
	for lazy, complaint := range map[bool]string{false: "", true: "the finding of the window that ends at 10s comes with rows of another, after Conclude was told of 10s"} {
		r := &recorder{TB: t}
		done := make(chan struct{})
		go func() {
			defer close(done)
			RunDetector(r, DetectorCase{New: func() (pipeline.Detector, error) { return &counting{lazy: lazy}, nil }, Input: Script(t, `
				windows a{} at 0s every 10s: 1x3
				windows b{} at 0s every 10s: 1x3`)})
		}()
		<-done
		if got := strings.Join(r.failures, "\n"); complaint == "" && got != "" || !strings.Contains(got, complaint) {
			t.Errorf("lazy %t: the kit said %q, want %q", lazy, got, complaint)
		}
	}
}

// What is left out has to be run elsewhere, and what two goroutines do is never left out.
func TestThreadsOnly(t *testing.T) {
	t.Setenv(ThreadsOnly, "1")
	for wrong, complaint := range map[string]string{"": "", "depends on batches": "frozen, random batches: output differs", "forgets its state": "", "numbers its snapshots": "a frozen state changed while it was written"} {
		if got := said(t, sums(wrong)); complaint == "" && got != "" || !strings.Contains(got, complaint) {
			t.Errorf("of an operator that %s the kit said %q, want %q", wrong, got, complaint)
		}
	}
}
