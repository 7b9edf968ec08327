package cusum

import (
	"math/rand/v2"
	"testing"

	"github.com/homeostat/homeostat/operators/operatortest"
	"github.com/homeostat/homeostat/pipeline"
)

func made(changes ...any) func() (pipeline.Detector, error) {
	return func() (pipeline.Detector, error) { return Kind.New(operatortest.Settings(Kind.Spec(), changes...)) }
}

var quick = []any{"history", int64(50), "warmup", int64(8), "adapt", int64(20), "threshold", 6.0, "rest", int64(2), "clear", int64(2)}

func TestFindings(t *testing.T) {
	for _, c := range []struct{ fact, input, want string }{{
		fact:  "a shift by two deviations, which no value shows, from its first window on",
		input: `windows queue{host="a"} at 0s every 10s: 10 11 9 10 11 9 10 11 9 10 13x8 10 9 10 9x8`,
		want: `
			[2m,2m10s) queue{host="a"} open rev=0 onset=1m40s score=1.25359 value=13 expect=9.14461..10.8554 up p=1 evidence{mean=10 scale=0.855387 sum=7.52155}
			[3m50s,4m) queue{host="a"} closed rev=1 onset=1m40s score=0.0821359 value=9 expect=9.14461..10.8554 up p=0.626796 evidence{mean=10 scale=0.855387 sum=0.492815}`,
	}} {
		t.Run(c.fact, func(t *testing.T) {
			operatortest.RunDetector(t, operatortest.DetectorCase{New: made(quick...), Input: operatortest.Script(t, c.input), Want: c.want, Silent: c.want == ""})
		})
	}
}

// TestSmallShift wants a shift by 2.5 deviations found in nearly all of a hundred series within 45 windows, with an onset near the truth.
func TestSmallShift(t *testing.T) {
	d, err := made()()
	if err != nil {
		t.Fatal(err)
	}
	const shift = 1000
	found := operatortest.Scan(t, d, 100, 1200, func(s int) func(int) float64 {
		rnd := rand.New(rand.NewPCG(uint64(s), 1))
		return func(k int) float64 {
			v := 100 + 10*rnd.NormFloat64()
			if k >= shift {
				v -= 25
			}
			return v
		}
	})
	hit, near := 0, 0
	for _, f := range found {
		if !f.Open || f.Revision > 0 {
			continue
		}
		switch at, onset := f.End/10e9, f.Onset/10e9; {
		case at <= shift:
			t.Errorf("a finding at window %d, before the shift", at)
		case at <= shift+45 && f.Direction == "down":
			hit++
			if onset >= shift-3 && onset <= shift+3 {
				near++
			}
		}
	}
	if hit < 95 || near < 85 {
		t.Errorf("found %d of 100, with %d onsets within three windows", hit, near)
	}
}

// TestQuietSeriesStayQuiet: a day of twenty series of each kind, and 100,000 windows of what is correlated by 0.7.
func TestQuietSeriesStayQuiet(t *testing.T) {
	for kind, n := range operatortest.Quiet(t, made(), "autoregressive", "ramp") {
		if n > 0 {
			t.Errorf("%d false findings in 20 series and a day of %s", n, kind)
		}
	}
	d, err := made()()
	if err != nil {
		t.Fatal(err)
	}
	found := operatortest.Scan(t, d, 1, 100_000, func(int) func(int) float64 {
		rnd, x := rand.New(rand.NewPCG(1, 1)), 0.0
		return func(int) float64 { x = 0.7*x + rnd.NormFloat64(); return 100 + 10*x }
	})
	if n := operatortest.Opened(found); n > 0 {
		t.Errorf("%d false findings", n)
	}
}

func TestHostile(t *testing.T) { operatortest.Hostile(t, made()) }

func BenchmarkQuiet(b *testing.B) { operatortest.Bench(b, made()) }
