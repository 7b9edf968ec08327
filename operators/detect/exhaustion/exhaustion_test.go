package exhaustion

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/homeostat/homeostat/operators/operatortest"
	"github.com/homeostat/homeostat/pipeline"
)

func made(changes ...any) func() (pipeline.Detector, error) {
	return func() (pipeline.Detector, error) { return New(operatortest.Settings(Spec(), changes...)) }
}

func series(entries ...pipeline.Settings) []any {
	list := make([]any, len(entries))
	for i, e := range entries {
		list[i] = e
	}
	return list
}

func TestFindings(t *testing.T) {
	quick := []any{"history", 4 * time.Hour, "least", 90 * time.Minute, "horizon", 5 * time.Hour, "hold", int64(1), "of", int64(1), "clear", int64(1)}
	for _, c := range []struct {
		fact, input, want string
		series            []any
	}{{
		fact:   "a disk that fills from half past two on, and is cleaned",
		series: series(pipeline.Settings{"metric": "used", "limit": 1.0, "severity": "critical"}),
		input:  `windows used{disk="a"} at 24h every 10m: 0.5x14 0.5+0.025x16 0.3x6`,
		want: `
			[27h50m,28h) used{disk="a"} open rev=0 onset=26h30m score=2.6087 value=0.7 expect=0.7125..1 up critical p=1 evidence{seconds_left=6900 seconds_left_least=6900 seconds_left_most=6900 slope_per_hour=0.15 limit=1}
			[28h50m,29h) used{disk="a"} open rev=1 onset=26h30m score=5.45455 value=0.85 expect=0.8625..1 up critical p=1 evidence{seconds_left=3300 seconds_left_least=3300 seconds_left_most=3300 slope_per_hour=0.15 limit=1}
			[29h20m,29h30m) used{disk="a"} open rev=2 onset=26h30m score=12 value=0.3 expect=0.9375..1 up critical p=1 evidence{seconds_left=1500 seconds_left_least=1500 seconds_left_most=1500 slope_per_hour=0.15 limit=1}
			[29h30m,29h40m) used{disk="a"} closed rev=3 onset=26h30m score=0 value=0.3 expect=0.3..0.3 up critical`,
	}, {
		fact:   "days left of a certificate",
		series: series(pipeline.Settings{"metric": "days", "limit": 0.0, "direction": "down", "horizon": 10 * 24 * time.Hour}),
		input:  `windows days{} at 24h every 10m: 10.05-0.00694444x18`,
		want: `
			[25h20m,25h30m) days{} open rev=0 onset=24h score=1.0009 value=9.99444 expect=0..9.99097 down p=1 evidence{seconds_left=863221 seconds_left_least=863221 seconds_left_most=863221 slope_per_hour=-0.0416666 limit=0}`,
	}, {
		fact:   "a limit that is another series, in the same windows and with the same labels",
		series: series(pipeline.Settings{"metric": "open", "limit_metric": "max"}),
		input: `windows open{db="a"} at 24h every 10m: 10+5x18
			windows max{db="b"} at 24h every 10m: 100x18
			windows max{db="a"} at 24h every 10m: 200x18`,
		want: `
			[25h20m,25h30m) open{db="a"} open rev=0 onset=24h score=1.01695 value=50 expect=52.5..200 up p=1 evidence{seconds_left=17700 seconds_left_least=17700 seconds_left_most=17700 slope_per_hour=30 limit=200}`,
	}, {
		fact:   "what is far from its limit",
		series: series(pipeline.Settings{"metric": "*", "limit": 10.0}),
		input:  `windows used{} at 24h every 10m: 0.5+0.01x40`,
	}, {
		fact:   "what goes the other way",
		series: series(pipeline.Settings{"metric": "*", "limit": 0.4, "direction": "up"}),
		input:  `windows used{} at 24h every 10m: 0.39-0.005x40`,
	}, {
		fact:   "a limit that nobody has seen",
		series: series(pipeline.Settings{"metric": "open", "limit_metric": "max"}),
		input:  `windows open{db="a"} at 24h every 10m: 10+5x40`,
	}} {
		t.Run(c.fact, func(t *testing.T) {
			operatortest.RunDetector(t, operatortest.DetectorCase{
				New: made(append(quick, "series", c.series)...), Input: operatortest.Script(t, c.input), Want: c.want, Silent: c.want == "",
			})
		})
	}
}

// shape is a value between 0 and 1 by the hour.
type shape func(rnd *rand.Rand) func(hour float64) float64

// TestShapes: three days of twenty series that use up something of which there is 1, in windows of a minute. What is used up is found in time.
func TestShapes(t *testing.T) {
	operatortest.OneGoroutine(t)
	for _, c := range []struct {
		fact    string
		of      shape
		by      float64 // the hour at which it has to be found, of which the limit is reached at end; 0 for never
		end     float64
		changes []any
	}{
		{"noise", func(rnd *rand.Rand) func(float64) float64 {
			return func(float64) float64 { return 0.8 + 0.05*rnd.NormFloat64() }
		}, 0, 0, nil},
		{"hourly rotation", func(rnd *rand.Rand) func(float64) float64 {
			phase := rnd.Float64()
			return func(h float64) float64 { return 0.6 + 0.3*math.Mod(h+phase, 1) }
		}, 0, 0, nil},
		{"rotation each five hours", func(rnd *rand.Rand) func(float64) float64 {
			phase := 5 * rnd.Float64()
			return func(h float64) float64 { return 0.3 + 0.05*math.Mod(h+phase, 5) + 0.002*rnd.NormFloat64() }
		}, 0, 0, []any{"least", 5 * time.Hour}},
		{"a nightly backup", func(rnd *rand.Rand) func(float64) float64 {
			return func(h float64) float64 {
				v, x := 0.5+0.002*rnd.NormFloat64(), math.Mod(h, 24)
				if x > 2 && x < 4 {
					v += 0.15 * (x - 2)
				}
				return v
			}
		}, 0, 0, nil},
		{"steps", func(rnd *rand.Rand) func(float64) float64 {
			return func(h float64) float64 { return 0.3 + 0.1*math.Floor(h/12) + 0.001*rnd.NormFloat64() }
		}, 0, 0, nil},
		{"a slow drift that is far from the limit", func(rnd *rand.Rand) func(float64) float64 {
			return func(h float64) float64 { return 0.3 + 0.001*h + 0.002*rnd.NormFloat64() }
		}, 0, 0, nil},
		{"a slow leak", func(rnd *rand.Rand) func(float64) float64 {
			return func(h float64) float64 { return 0.4 + 0.008*h + 0.01*rnd.NormFloat64() } // full at 75 h
		}, 60, 75, nil},
		{"a leak with outliers", func(rnd *rand.Rand) func(float64) float64 {
			return func(h float64) float64 {
				if rnd.Float64() < 0.02 {
					return 5 * rnd.Float64()
				}
				return 0.2 + 0.02*max(0, h-24) + 0.005*rnd.NormFloat64() // full at 64 h
			}
		}, 41, 64, nil},
		{"a fast leak", func(rnd *rand.Rand) func(float64) float64 {
			return func(h float64) float64 { return 0.2 + 0.1*max(0, h-24) + 0.005*rnd.NormFloat64() } // full at 32 h
		}, 28, 32, nil},
	} {
		d, err := made(append([]any{"series", series(pipeline.Settings{"metric": "*", "limit": 1.0})}, c.changes...)...)()
		if err != nil {
			t.Fatal(err)
		}
		found := scan(t, d, 20, 72*60, func(s int) func(int) float64 {
			f := c.of(rand.New(rand.NewPCG(uint64(s), 1)))
			return func(k int) float64 { return f(float64(k) / 60) }
		})
		opened, hour := map[uint32]bool{}, func(ns int64) float64 { return float64(ns) / 3600e9 }
		for _, f := range found {
			if !f.Open || f.Revision > 0 {
				continue
			}
			at := hour(f.End)
			if c.by > 0 && at > c.end {
				continue
			}
			if c.by == 0 || at > c.by {
				t.Errorf("%s: a finding at hour %.1f: %+v", c.fact, at, f)
				break
			}
			opened[f.Series] = true
			if left := hour(int64(f.Evidence[0].Value * 1e9)); math.Abs(at+left-c.end) > 0.25*left+0.5 {
				t.Errorf("%s: at hour %.1f it has %.1f left, not %.1f", c.fact, at, left, c.end-at)
			}
		}
		if c.by > 0 && len(opened) != 20 {
			t.Errorf("%s: found in %d of 20", c.fact, len(opened))
		}
	}
}

// scan is operatortest.Scan in windows of a minute.
func scan(t testing.TB, d pipeline.Detector, n, windows int, of func(s int) func(k int) float64) []pipeline.Finding {
	t.Helper()
	w := pipeline.Window{Table: pipeline.NewSeriesTable(nil, 0)}
	next := make([]func(int) float64, n)
	for s := range n {
		o, err := w.Table.Intern("m", "", pipeline.Gauge, []pipeline.Label{{Name: "s", Value: string(rune('a' + s))}})
		if err != nil {
			t.Fatal(err)
		}
		w.Series, w.Count, w.Sum, next[s] = append(w.Series, o), append(w.Count, 1), append(w.Sum, 0), of(s)
	}
	var found []pipeline.Finding
	for k := range windows {
		w.Start, w.End = w.End, w.End+int64(time.Minute)
		for s := range n {
			w.Sum[s] = next[s](k)
		}
		var err error
		if found, err = d.Detect(&w, found); err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// TestBudget: the series of error budgets is watched where an entry names it, and no other that is derived.
func TestBudget(t *testing.T) {
	table := pipeline.NewSeriesTable(nil, 0)
	for _, m := range []string{pipeline.BudgetMetric, pipeline.SLIMetric, pipeline.ScoreMetric, "cpu"} {
		if _, err := table.Intern(m, "", pipeline.Gauge, nil); err != nil {
			t.Fatal(err)
		}
	}
	d, err := New(operatortest.Settings(Spec(), "series", series(pipeline.Settings{"metric": "slo.*", "limit": 0.0, "direction": "down"})))
	if err != nil {
		t.Fatal(err)
	}
	d.(*Detector).grow(table)
	for i, want := range []int16{0, -1, -1, -1} {
		if got := d.(*Detector).roles[i].rule; got != want {
			t.Errorf("%s has the rule %d, want %d", table.At(uint32(i)).Metric, got, want)
		}
	}
}

func TestLimitIsGivenOnce(t *testing.T) {
	for _, c := range []struct {
		entry pipeline.Settings
		all   []any
		ok    bool
	}{
		{entry: pipeline.Settings{"metric": "a"}},
		{entry: pipeline.Settings{"metric": "a", "limit": 1.0, "limit_metric": "b"}},
		{entry: pipeline.Settings{"metric": "a", "limit": 1.0}, ok: true},
		{entry: pipeline.Settings{"metric": "a"}, all: []any{"limit", 2.0}, ok: true},
		{entry: pipeline.Settings{"metric": "a", "limit_metric": "b"}, all: []any{"limit", 2.0}, ok: true},
		{entry: pipeline.Settings{"metric": "a", "limit": 1.0}, all: []any{"limit_metric", "b"}, ok: true},
	} {
		_, err := New(operatortest.Settings(Spec(), append(c.all, "series", series(c.entry))...))
		if c.ok != (err == nil) || err != nil && pipeline.Code(err) != "exhaustion.limit" {
			t.Errorf("%v with %v for all: %v", c.entry, c.all, err)
		}
	}
}

func TestQuiet(t *testing.T) {
	operatortest.OneGoroutine(t)
	for kind, n := range operatortest.Quiet(t, made("series", series(pipeline.Settings{"metric": "*", "limit": 1e6}))) {
		if n > 0 {
			t.Errorf("%d false findings in 20 series and a day of %s", n, kind)
		}
	}
}

func TestHostile(t *testing.T) {
	operatortest.Hostile(t, made("series", series(pipeline.Settings{"metric": "*", "limit": 1e11}), "history", 10*time.Minute, "least", time.Minute))
	operatortest.Hostile(t, made("series", series(pipeline.Settings{"metric": "*", "limit_metric": "m7", "direction": "down"}), "history", 10*time.Minute, "least", time.Minute))
}

// FuzzRestore: no bytes make Restore panic, or what comes after a Restore that went well.
func FuzzRestore(f *testing.F) {
	operatortest.FuzzRestore(f, made("series", series(pipeline.Settings{"metric": "m3", "limit": 250.0}), "history", time.Hour, "least", time.Hour), 100, time.Minute)
}

func BenchmarkQuiet(b *testing.B) {
	operatortest.Bench(b, made("series", series(pipeline.Settings{"metric": "*", "limit": 1e6}), "history", 20*time.Minute))
}
