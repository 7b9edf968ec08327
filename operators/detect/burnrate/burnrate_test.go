package burnrate

import (
	"maps"
	"math"
	"math/big"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/homeostat/homeostat/operators/operatortest"
	"github.com/homeostat/homeostat/pipeline"
)

func settings(changes pipeline.Settings) pipeline.Settings {
	s := operatortest.Settings(Spec())
	maps.Copy(s, changes)
	return s
}

// slo promises 99 % and has rules over 10 and 2 windows of 10 s, and over 40 and 8.
func slo(rules ...pipeline.BurnRule) pipeline.SLO {
	if rules == nil {
		rules = []pipeline.BurnRule{
			{Long: 100e9, Short: 20e9, Factor: 10, Severity: "critical"},
			{Long: 400e9, Short: 80e9, Factor: 4, Severity: "warning"},
		}
	}
	return pipeline.SLO{Name: "web", Objective: 0.99, Window: int64(30 * 24 * time.Hour), Burn: rules}
}

func run(t *testing.T, o pipeline.SLO, changes pipeline.Settings, input, want string) {
	t.Helper()
	operatortest.RunDetector(t, operatortest.DetectorCase{
		New:   func() (pipeline.Detector, error) { return New(settings(changes)) },
		Env:   func(env *pipeline.Env) { env.SLOs = []pipeline.SLO{o} },
		Input: operatortest.Script(t, input), Want: want, Silent: want == "",
	})
}

func TestFindings(t *testing.T) {
	quick := pipeline.Settings{"clear": int64(2), "update": int64(50)}
	for _, c := range []struct {
		fact, input, want string
		changes           pipeline.Settings
	}{{
		fact:  "an outage is found when both windows burn, and over when the short one does not", // half of all requests fail, for 4 windows
		input: `windows slo.bad:delta{slo="web"} at 0s every 10s: 100/0x19 100/50x3 100/0x30`,
		want: `
			[3m30s,3m40s) slo.bad:delta{slo="web"} open rev=0 onset=3m20s score=1.13636 value=0.125 expect=0..0.04 up warning p=0.531915 evidence{burn_long=4.54545 burn_short=12.5 factor=4 long_seconds=400 short_seconds=80 bad=100 total=2200}
			[3m40s,3m50s) slo.bad:delta{slo="web"} open rev=1 onset=3m20s score=1.63043 value=0.1875 expect=0..0.04 up critical p=0.619835 evidence{burn_long=6.52174 burn_short=18.75 factor=4 long_seconds=400 short_seconds=80 bad=150 total=2300}
			[4m20s,4m30s) slo.bad:delta{slo="web"} closed rev=2 onset=3m20s score=0 value=0 expect=0..0.1 up critical evidence{burn_long=20 burn_short=0 factor=10 long_seconds=100 short_seconds=20 bad=200 total=1000}`,
		changes: quick,
	}, {
		fact:    "what is within the budget is nothing",
		input:   `windows slo.bad:delta{slo="web"} at 0s every 10s: 100/1x60`,
		changes: quick,
	}, {
		fact:    "a short burst does not burn the long window",
		input:   `windows slo.bad:delta{slo="web"} at 0s every 10s: 1000/0x39 100/80 1000/0x9`,
		changes: quick,
	}, {
		fact:    "few bad events are nothing",
		input:   `windows slo.bad:delta{slo="web"} at 0s every 10s: 1/0x19 1/1 1/1`,
		changes: quick,
	}, {
		fact:    "nothing is said before the short window is full",
		input:   `windows slo.bad:delta{slo="web"} at 0s every 10s: 100/100`,
		changes: quick,
	}, {
		fact:    "other series are not for it",
		input:   `windows bad:delta{slo="web"} at 0s every 10s: 100/100x9`,
		changes: quick,
	}, {
		fact:    "objectives that the configuration does not have are left alone",
		input:   `windows slo.bad:delta{slo="other"} at 0s every 10s: 100/100x9`,
		changes: quick,
	}} {
		t.Run(c.fact, func(t *testing.T) {
			run(t, slo(), c.changes, c.input, c.want)
		})
	}
}

// TestManyEvents: what is found does not depend on how many events there are, up to the most that a window can tell of.
func TestManyEvents(t *testing.T) {
	at := func(scale int64) (found []pipeline.Finding) {
		in := operatortest.NewInput()
		for k := range int64(54) {
			events, bad := 100*scale, int64(0)
			if k >= 20 && k < 24 {
				events, bad = 80*scale, 40*scale
			}
			in.Window(`slo.bad:delta{slo="web"}`, k*10e9, k*10e9+10e9, events, float64(bad), 0, 0, 0)
		}
		operatortest.RunDetector(t, operatortest.DetectorCase{
			New: func() (pipeline.Detector, error) {
				return New(settings(pipeline.Settings{"clear": int64(2), "update": int64(50)}))
			},
			Env:   func(env *pipeline.Env) { env.SLOs = []pipeline.SLO{slo()} },
			Input: in, Check: func(_ testing.TB, out *operatortest.Output) {
				for _, f := range out.Findings {
					f.Evidence = slices.DeleteFunc(f.Evidence, func(e pipeline.Evidence) bool { return e.Name == "bad" || e.Name == "total" })
					found = append(found, f)
				}
			},
		})
		return found
	}
	want := at(1)
	if len(want) != 2 || want[0].Severity != "critical" || want[1].Open {
		t.Fatalf("an outage is found as %+v", want)
	}
	for _, bits := range []int{20, 33, 40, 56} {
		if got := at(1 << bits); !reflect.DeepEqual(got, want) {
			t.Errorf("of 2^%d times as many events: found %+v, want %+v", bits, got, want)
		}
	}
}

// TestSlowBurn: a fault too small for the first rule is found by the second; the onset looks over pauses.
func TestSlowBurn(t *testing.T) {
	operatortest.RunDetector(t, operatortest.DetectorCase{
		New:   func() (pipeline.Detector, error) { return New(settings(nil)) },
		Env:   func(env *pipeline.Env) { env.SLOs = []pipeline.SLO{slo()} },
		Input: operatortest.Script(t, `windows slo.bad:delta{slo="web"} at 0s every 10s: 100/0x39 100/6x8 100/0x1 100/6x29`),
		Check: func(t testing.TB, out *operatortest.Output) {
			if len(out.Findings) == 0 {
				t.Fatal("nothing was found")
			}
			if f := out.Findings[0]; f.Severity != "warning" || f.Onset != 400e9 || f.Evidence[2].Value != 4 {
				t.Errorf("found %+v", f)
			}
		},
	})
}

// TestRates compares the sliding sums with sums taken anew, over random events and gaps.
func TestRates(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	o := slo()
	x := newIndicator(&o)
	var all []sample
	at := int64(0)
	for range 3000 {
		at += 10e9 * int64(1+rnd.IntN(3)/2)
		total := math.Floor(rnd.Float64() * math.Pow(10, float64(rnd.IntN(19))))
		bad := total * rnd.Float64()
		x.add(at, at+10e9, total, bad)
		all = append(all, sample{at, at + 10e9, total, bad})
		for _, r := range x.rules {
			for _, s := range []sum{r.long, r.short} {
				var total, bad big.Rat
				for _, p := range all[max(0, len(all)-50):] {
					if p.end > at+10e9-s.length {
						total.Add(&total, new(big.Rat).SetFloat64(p.total))
						bad.Add(&bad, new(big.Rat).SetFloat64(p.bad))
					}
				}
				wantTotal, _ := total.Float64()
				wantBad, _ := bad.Float64()
				if gotTotal, gotBad := s.total.Value(), s.bad.Value(); gotTotal != wantTotal || gotBad != wantBad {
					t.Fatalf("at %d: %g of %g bad in the last %ds, want %g of %g", at/1e9, gotBad, gotTotal, s.length/1e9, wantBad, wantTotal)
				}
			}
		}
	}
	if len(x.past) > 200 {
		t.Errorf("%d windows are kept where 40 matter", len(x.past))
	}
}

// TestDefaultRules: an objective without rules gets those for paging.
func TestDefaultRules(t *testing.T) {
	o := pipeline.SLO{Name: "web", Objective: 0.999}
	in := operatortest.NewInput()
	for k := range int64(30) {
		in.Window(`slo.bad:delta{slo="web"}`, k*60e9, k*60e9+60e9, 1000, 30, 0.03, 0.03, 0.03)
	}
	operatortest.RunDetector(t, operatortest.DetectorCase{
		New:   func() (pipeline.Detector, error) { return New(settings(nil)) },
		Env:   func(env *pipeline.Env) { env.SLOs = []pipeline.SLO{o} },
		Input: in,
		Check: func(t testing.TB, out *operatortest.Output) {
			if len(out.Findings) == 0 || out.Findings[0].End != 300e9 || out.Findings[0].Severity != "critical" {
				t.Errorf("found %+v; want a critical finding when five minutes are full", out.Findings)
			}
		},
	})
}

// TestRevisedWindowsCountOnce tells of an outage by revisions: nothing is said at once, and at the next window the rules see
// what they would have seen had it been known at its time.
func TestRevisedWindowsCountOnce(t *testing.T) {
	const key = `slo.bad:delta{slo="web"}`
	in := operatortest.Script(t, `windows slo.bad:delta{slo="web"} at 0s every 10s: 100/0x18 100/0 _ 100/0`)
	in.Revised(1, key, 190e9, 200e9, 100, 90, 0.9, 0.9, 0.9)
	in.Revised(1, key, 200e9, 210e9, 100, 40, 0.4, 0.4, 0.4) // there was none
	in.Revised(2, key, 200e9, 210e9, 100, 50, 0.5, 0.5, 0.5)
	if err := in.Add(`windows slo.bad:delta{slo="web"} at 220s every 10s: 100/50`); err != nil {
		t.Fatal(err)
	}
	operatortest.RunDetector(t, operatortest.DetectorCase{
		New: func() (pipeline.Detector, error) { return New(settings(nil)) }, Input: in,
		Env: func(env *pipeline.Env) { env.SLOs = []pipeline.SLO{slo()} },
		Check: func(t testing.TB, out *operatortest.Output) {
			if len(out.Findings) != 1 || out.Findings[0].End != 230e9 {
				t.Errorf("want one finding, of the window after the revisions, got %+v", out.Findings)
			}
		},
	})
	objective := slo()
	revised, inTime := newIndicator(&objective), newIndicator(&objective)
	for k := range int64(60) {
		start, bad := k*10e9, float64(k%7)
		inTime.add(start, start+10e9, 100, bad)
		if k%5 != 3 || k == 59 {
			revised.add(start, start+10e9, 100, []float64{bad, 77}[k%2])
		}
	}
	revised.revise(-900e9, -890e9, 100, 50) // before all
	for k := range int64(60) {
		if start := k * 10e9; k%5 == 3 || k%2 == 1 {
			revised.revise(start, start+10e9, 100, float64(k%7))
		}
	}
	if got, want := revised.verdict(0), inTime.verdict(0); got != want {
		t.Errorf("verdict %+v, had it been known %+v", got, want)
	}
	for i := range revised.rules {
		if got, want := revised.rules[i].long.bad.Value(), inTime.rules[i].long.bad.Value(); got != want {
			t.Errorf("rule %d has %g bad ones, want %g", i, got, want)
		}
	}
}
