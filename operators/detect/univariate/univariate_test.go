package univariate_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/homeostat/homeostat/operators/detect/ewma"
	"github.com/homeostat/homeostat/operators/operatortest"
	"github.com/homeostat/homeostat/pipeline"
)

func settings(entries []any, more ...any) pipeline.Settings {
	more = append(more, "series", entries, "history", int64(16), "warmup", int64(8), "adapt", int64(12), "hold", int64(2), "of", int64(3), "clear", int64(2), "rest", int64(2))
	return operatortest.Settings(ewma.Kind.Spec(), more...)
}

func made(t *testing.T, s pipeline.Settings) pipeline.Detector {
	t.Helper()
	d, err := ewma.Kind.New(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

var rules = []any{
	pipeline.Settings{"metric": "a*", "threshold": 3.0}, pipeline.Settings{"metric": "b*", "threshold": 5.0, "direction": "up"}, pipeline.Settings{"metric": "c*"},
}

// one is a lane with a window.
func one(t *testing.T, metrics ...string) *pipeline.Window {
	t.Helper()
	w := &pipeline.Window{Table: pipeline.NewSeriesTable(nil, 0)}
	for _, m := range metrics {
		if _, err := w.Table.Intern(m, "", pipeline.Gauge, nil); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func fill(w *pipeline.Window, k int, series []uint32, values []float64) {
	w.Start, w.End = int64(k)*10, int64(k+1)*10
	w.Series, w.Sum, w.Count = series, values, slices.Repeat([]int64{1}, len(series))
	w.Min, w.Max, w.Last = values, values, values
}

// What is said of a series does not depend on what else is in the window, how many rules there are and how many rows are judged at
// once; and what is said of a window comes in the order of its rows.
func TestSeriesHaveNothingToDoWithEachOther(t *testing.T) {
	const series, windows = 700, 60
	for _, scores := range []bool{false, true} {
		all := made(t, settings(rules, "scores", scores))
		var names []string
		alone, lanes := make([]pipeline.Detector, series), make([]*pipeline.Window, series)
		for s := range series {
			name := fmt.Sprintf("%c%d", "abcx"[s*s%7%4], s)
			names, alone[s], lanes[s] = append(names, name), made(t, settings(rules, "scores", scores)), one(t, name)
		}
		lane, rnd, opened := one(t, names...), rand.New(rand.NewPCG(1, 2)), 0
		for k := range windows {
			var here []uint32
			var values []float64
			for s := range uint32(series) {
				if rnd.IntN(10) > 0 {
					here, values = append(here, s), append(values, 100+rnd.NormFloat64()+40*float64(rnd.IntN(12)/11))
				}
			}
			if k%2 == 0 { // any order
				rnd.Shuffle(len(here), func(i, j int) { here[i], here[j], values[i], values[j] = here[j], here[i], values[j], values[i] })
			}
			fill(lane, k, here, values)
			found, err := all.Detect(lane, nil)
			if err != nil {
				t.Fatal(err)
			}
			got := fmt.Sprint(found, all.(pipeline.Scorer).Scores())
			var want []pipeline.Finding
			var told []pipeline.Score
			for i, s := range here {
				fill(lanes[s], k, []uint32{0}, values[i:i+1])
				f, err := alone[s].Detect(lanes[s], nil)
				if err != nil {
					t.Fatal(err)
				}
				for _, f := range f {
					f.Series = s
					want = append(want, f)
					opened++
				}
				for _, x := range alone[s].(pipeline.Scorer).Scores() {
					x.Series = s
					told = append(told, x)
				}
			}
			if want := fmt.Sprint(want, told); got != want {
				t.Fatalf("window %d, scores %v:\ngot  %s\nwant %s", k, scores, got, want)
			}
		}
		if opened < 100 {
			t.Errorf("only %d findings", opened)
		}
	}
}

// With a limit the first entries and the first series are watched. It is so after a restart, too, which the kit tries.
func TestMost(t *testing.T) {
	operatortest.RunDetector(t, operatortest.DetectorCase{
		New: func() (pipeline.Detector, error) { return ewma.Kind.New(settings(rules, "most", int64(2))) },
		Input: operatortest.Script(t, `
			windows c1{} at 0s every 10s: 10 11 9 10 11 9 10 11 90 90 90
			windows b1{} at 0s every 10s: 10 11 9 10 11 9 10 11 90 90 90
			windows a1{} at 0s every 10s: 10 11 9 10 11 9 10 11 90 90 90
			windows b2{} at 0s every 10s: 10 11 9 10 11 9 10 11 90 90 90`),
		Check: func(t testing.TB, out *operatortest.Output) {
			opened := 0
			for _, f := range out.Findings {
				if f.Revision == 0 {
					opened++
				}
			}
			if opened != 2 {
				t.Errorf("%d findings opened, want those of a1 and b1", opened)
			}
		},
	})
}

func TestLeftOutIsTold(t *testing.T) {
	d := made(t, settings(rules, "most", int64(2)))
	registry := prometheus.NewRegistry()
	if err := d.Open(&pipeline.Env{Metrics: &pipeline.Metrics{Registerer: registry}, Pipeline: "p", Component: "ewma", Lane: "l"}); err != nil {
		t.Fatal(err)
	}
	lane := one(t, "a1", "a2", "b1", "x", "c1")
	fill(lane, 0, []uint32{0}, []float64{1})
	if _, err := d.Detect(lane, nil); err != nil {
		t.Fatal(err)
	}
	if n, err := testutil.GatherAndCount(registry, "homeostat_series_left_out"); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	families, _ := registry.Gather()
	if got := families[0].Metric[0].Gauge.GetValue(); got != 2 {
		t.Errorf("%v are left out, want b1 and c1", got)
	}
	if got := d.(pipeline.Describer).Describe(); got != "the series of 3 selectors, at most 2 of a lane" {
		t.Error(got)
	}
}
