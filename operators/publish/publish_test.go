package publish

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/homeostat/homeostat/operators/operatortest"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

const input = `
	windows cpu{host="a",system="s"} at 0s every 10s: 1 2 3
	windows queue{host="a",system="s"} at 0s every 10s: 4 5 6
	windows cpu{host="b",system="t"} at 0s every 10s: 7 8 9
	windows slo.bad:delta{host="a",slo="x",system="s"} at 0s every 10s: 10/1 10/2 10/3`

func declared(metrics ...string) pipeline.Settings {
	list := make([]any, len(metrics))
	for i, m := range metrics {
		list[i] = pipeline.Settings{"metric": m, "labels": map[string]any{}}
	}
	return pipeline.Settings{"series": list}
}

// sent decodes the window.v1 events of the output: by event, the rows' keys and sums.
func sent(t testing.TB, out *operatortest.Output) map[string]map[string]float64 {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	got := map[string]map[string]float64{}
	var events []schemas.Event
	for _, b := range out.Batches {
		for i := 0; i < b.Rows(); i++ {
			events = append(events, schemas.EventAt(b, i))
		}
	}
	for _, e := range events {
		if e.Type != schemas.TypeWindow || e.Key != e.System {
			t.Errorf("event %s of type %s has key %q and system %q", e.ID, e.Type, e.Key, e.System)
		}
		b, err := schemas.DecodeWindows(mem, e.Data, pipeline.NewSeriesTable(nil, 0))
		if err != nil {
			t.Fatal(err)
		}
		rows := map[string]float64{}
		for i := 0; i < b.Rows(); i++ {
			if end := b.Record.Column(pipeline.WindowEnd).(*array.Int64).Value(i); end != e.Time {
				t.Errorf("event of %d has a row of %d", e.Time, end)
			}
			rows[b.Series.At(b.Record.Column(pipeline.WindowSeries).(*array.Uint32).Value(i)).Key()] = b.Record.Column(pipeline.WindowSum).(*array.Float64).Value(i)
		}
		b.Release()
		key := e.Subject + " " + e.System + " " + schemas.FormatTime(e.Time)
		if got[key] != nil {
			t.Errorf("%s has two events", key)
		}
		got[key] = rows
	}
	mem.AssertSize(t.(*testing.T), 0)
	return got
}

func TestDeclaredSeriesAndObjectivesGoOn(t *testing.T) {
	operatortest.Run(t, operatortest.Case{
		New:   func() (pipeline.Operator, error) { return New(declared("cpu")) },
		Input: operatortest.Script(t, input),
		Check: func(t testing.TB, out *operatortest.Output) {
			got := sent(t, out)
			if len(got) != 6 {
				t.Fatalf("%d events, want one an entity and window: %v", len(got), got)
			}
			second := got["a s 1970-01-01T00:00:20Z"]
			if len(second) != 2 || second[`cpu{host="a",system="s"}`] != 2 || second[`slo.bad:delta{host="a",slo="x",system="s"}`] != 2 {
				t.Errorf("the second window of s has %v", second)
			}
		},
	})
}

func TestNothingDeclaredSendsObjectivesOnly(t *testing.T) {
	operatortest.Run(t, operatortest.Case{
		New:   func() (pipeline.Operator, error) { return New(declared()) },
		Input: operatortest.Script(t, input),
		Check: func(t testing.TB, out *operatortest.Output) {
			for at, rows := range sent(t, out) {
				if len(rows) != 1 || rows[`slo.bad:delta{host="a",slo="x",system="s"}`] == 0 {
					t.Errorf("%s has %v", at, rows)
				}
			}
		},
	})
}

func TestLargeWindowsGoInParts(t *testing.T) {
	var script strings.Builder
	for i := range 12 {
		fmt.Fprintf(&script, "windows cpu{host=\"h\",pad=%q,system=\"s\"} at 0s every 10s: %d\n", strings.Repeat(string(rune('a'+i)), 96<<10), i)
	}
	operatortest.Run(t, operatortest.Case{
		New:   func() (pipeline.Operator, error) { return New(declared("cpu")) },
		Input: operatortest.Script(t, script.String()),
		Check: func(t testing.TB, out *operatortest.Output) {
			ids, sums := map[string]bool{}, map[float64]int{}
			for _, batch := range out.Batches {
				for i := range batch.Rows() {
					e := schemas.EventAt(batch, i)
					ids[e.ID] = true
					if len(e.Data) > 1_000_000 {
						t.Errorf("event %s has %d bytes, more than a topic takes", e.ID, len(e.Data))
					}
					b, err := schemas.DecodeWindows(memory.NewGoAllocator(), e.Data, pipeline.NewSeriesTable(nil, 0))
					if err != nil {
						t.Fatal(err)
					}
					for _, v := range b.Record.Column(pipeline.WindowSum).(*array.Float64).Float64Values() {
						sums[v]++
					}
					b.Release()
				}
			}
			if len(ids) != 3 || len(sums) != 12 {
				t.Errorf("%d events with %d rows, want 12 rows in 3", len(ids), len(sums))
			}
			for v, n := range sums {
				if n != 1 {
					t.Errorf("row %g is there %d times", v, n)
				}
			}
		},
	})
}

// TestIdsDoNotDependOnLanes spreads the entities of one system over two lanes, and over one.
func TestIdsDoNotDependOnLanes(t *testing.T) {
	lines := map[string]string{
		"a": "windows cpu{host=\"a\",system=\"s\"} at 0s every 10s: 1 2 3\nwindows queue{host=\"a\",system=\"s\"} at 0s every 10s: 1 2 3\n",
		"b": "windows cpu{host=\"b\",system=\"s\"} at 0s every 10s: 4 _ 6\n",
	}
	events := func(script string) map[string]string {
		got := map[string]string{}
		operatortest.Run(t, operatortest.Case{
			New: func() (pipeline.Operator, error) { return New(declared("cpu", "queue")) }, Input: operatortest.Script(t, script),
			Check: func(t testing.TB, out *operatortest.Output) {
				for _, b := range out.Batches {
					for i := range b.Rows() {
						e := schemas.EventAt(b, i)
						if got[e.ID] != "" {
							t.Errorf("id %s is there twice", e.ID)
						}
						got[e.ID] = e.Subject + string(e.Data)
					}
				}
			},
		})
		return got
	}
	one, apart := events(lines["a"]+lines["b"]), events(lines["a"])
	for id, data := range events(lines["b"]) {
		if apart[id] != "" {
			t.Errorf("two lanes make different events with the id %s", id)
		}
		apart[id] = data
	}
	if len(one) != 5 || !maps.Equal(one, apart) {
		t.Errorf("one lane makes %d events, two make %d, and not the same", len(one), len(apart))
	}
}

func TestRevisedWindowsGoOutAgain(t *testing.T) {
	in := operatortest.Script(t, `windows cpu{host="a",system="s"} at 0s every 10s: 1 2`)
	in.Revised(1, `cpu{host="a",system="s"}`, 0, 10e9, 2, 5, 1, 4, 4)
	in.Revised(1, `slo.bad:delta{host="a",slo="x",system="s"}`, 0, 10e9, 10, 5, 1, 4, 4)
	if err := in.Add(`
		watermark 30s
		windows cpu{host="a",system="s"} at 30s every 10s: 3`); err != nil {
		t.Fatal(err)
	}
	operatortest.Run(t, operatortest.Case{
		New: func() (pipeline.Operator, error) { return New(declared("cpu")) }, Input: in, FixedTime: true,
		Check: func(t testing.TB, out *operatortest.Output) {
			ids := map[string]bool{}
			var told []string
			for _, b := range out.Batches {
				for i := range b.Rows() {
					e := schemas.EventAt(b, i)
					ids[e.ID] = true
					told = append(told, fmt.Sprintf("%d at %s", e.Revision, schemas.FormatTime(e.Time)))
				}
			}
			want := []string{"0 at 1970-01-01T00:00:10Z", "0 at 1970-01-01T00:00:20Z", "1 at 1970-01-01T00:00:30Z", "0 at 1970-01-01T00:00:40Z"}
			if !slices.Equal(told, want) || len(ids) != 4 {
				t.Errorf("revisions %v with %d ids, want %v", told, len(ids), want)
			}
		},
	})
}
