package publish

import (
	"fmt"
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
	windows slo.bad:delta{slo="x",system="s"} at 0s every 10s: 10/1 10/2 10/3`

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
			rows[b.Series.At(b.Record.Column(pipeline.WindowSeries).(*array.Uint32).Value(i)).Key] = b.Record.Column(pipeline.WindowSum).(*array.Float64).Value(i)
		}
		b.Release()
		got[e.System+" "+schemas.FormatTime(e.Time)] = rows
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
				t.Fatalf("%d events, want one a system and window: %v", len(got), got)
			}
			second := got["s 1970-01-01T00:00:20Z"]
			if len(second) != 2 || second[`cpu{host="a",system="s"}`] != 2 || second[`slo.bad:delta{slo="x",system="s"}`] != 2 {
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
				if len(rows) != 1 || rows[`slo.bad:delta{slo="x",system="s"}`] == 0 {
					t.Errorf("%s has %v", at, rows)
				}
			}
		},
	})
}

func TestLargeWindowsGoInParts(t *testing.T) {
	var script strings.Builder
	for i := range 12 {
		fmt.Fprintf(&script, "windows cpu{host=%q,system=\"s\"} at 0s every 10s: %d\n", strings.Repeat(string(rune('a'+i)), 32<<10), i)
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
