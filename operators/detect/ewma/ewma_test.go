package ewma

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/homeostat/homeostat/operators/operatortest"
	"github.com/homeostat/homeostat/pipeline"
)

func made(changes ...any) func() (pipeline.Detector, error) {
	return func() (pipeline.Detector, error) { return Kind.New(operatortest.Settings(Kind.Spec(), changes...)) }
}

// quick warms up in 8 windows and needs 2 of 3.
func quick(changes ...any) func() (pipeline.Detector, error) {
	return made(append([]any{"history", int64(16), "warmup", int64(8), "adapt", int64(12), "hold", int64(2), "of", int64(3), "clear", int64(2), "rest", int64(2)}, changes...)...)
}

func TestFindings(t *testing.T) {
	for _, c := range []struct {
		fact, input, want string
		made              func() (pipeline.Detector, error)
	}{{
		fact:  "a jump is found in its second window and closed after two calm ones",
		made:  quick(),
		input: `windows cpu{host="a"} at 0s every 10s: 10 11 9 10 11 9 10 11 30 30 30 10 10 10`,
		want: `
			[1m30s,1m40s) cpu{host="a"} open rev=0 onset=1m20s score=2.06687 value=30 expect=0.976666..19.9037 up p=0.996356 evidence{mean=10.4402 scale=1.18294 z=16.535}
			[2m,2m10s) cpu{host="a"} closed rev=1 onset=1m20s score=0.0437896 value=10 expect=1.51901..19.2578 down p=0.109308 evidence{mean=10.3884 scale=1.10867 z=-0.350317}`,
	}, {
		fact:  "a single outlier is nothing",
		made:  quick(),
		input: `windows cpu{} at 0s every 10s: 10 11 9 10 11 9 10 11 300 10 10 10 300 10 10`,
	}, {
		fact:  "one side only, and a threshold of its own",
		made:  quick("direction", "up", "series", []any{pipeline.Settings{"metric": "mem", "threshold": 1e3}, pipeline.Settings{"metric": "*"}}),
		input: "windows cpu{} at 0s every 10s: 10 11 9 10 11 9 10 11 -30 -30 -30\nwindows mem{} at 0s every 10s: 10 11 9 10 11 9 10 11 90 90 90",
	}, {
		fact: "scores are told of each window that is judged",
		made: quick("scores", true), input: `windows cpu{} at 0s every 10s: 10 11 9 10 11 9 10 11 12`,
		want: `[1m20s,1m30s) cpu{} score=0.262462 expect=10.125 (2.98111..17.2689)`,
	}} {
		t.Run(c.fact, func(t *testing.T) {
			operatortest.RunDetector(t, operatortest.DetectorCase{New: c.made, Input: operatortest.Script(t, c.input), Want: c.want, Silent: c.want == ""})
		})
	}
}

// After adapt abnormal windows the new level is normal.
func TestAdapted(t *testing.T) {
	operatortest.RunDetector(t, operatortest.DetectorCase{
		New: quick(), Input: operatortest.Script(t, `windows cpu{} at 0s every 10s: 10 11 9 10 11 9 10 11 30x40`),
		Check: func(t testing.TB, out *operatortest.Output) {
			last := out.Findings[len(out.Findings)-1]
			if last.Open || last.Evidence[len(last.Evidence)-1].Name != "adapted" {
				t.Errorf("last: %+v", last)
			}
		},
	})
}

// TestLent: a new instance that starts unlike the others and then is like them is no finding, if there are three of them that know
// enough; alone it would be, since it would know its start only.
func TestLent(t *testing.T) {
	old := func(pods ...string) (text string) {
		for _, pod := range pods {
			text += fmt.Sprintf("windows cpu{pod=%q,service=\"cart\"} at 0s every 10s: 10 11 9 10 12 11 9 10 8 11 10 9 11 10 9 10 11 12 10 9 10 11 9 10 11 9 10 11 9 10\n", pod)
		}
		return text
	}
	start := `windows cpu{pod="new",service="%s"} at 100s every 10s: 30 31 30 30 31 30 30 31 10 11 9 10 11 9 10 11 10 9 10 11`
	for _, c := range []struct {
		fact, input string
		settings    []any
		found       bool
	}{
		{"three others", old("a", "b", "c") + fmt.Sprintf(start, "cart"), nil, false},
		{"two others", old("a", "b") + fmt.Sprintf(start, "cart"), nil, true},
		{"three of another service", old("a", "b", "c") + fmt.Sprintf(start, "web"), nil, true},
		{"instances are told apart by another label", old("a", "b", "c") + fmt.Sprintf(start, "cart"), []any{"across", []any{"host"}}, true},
	} {
		t.Run(c.fact, func(t *testing.T) {
			operatortest.RunDetector(t, operatortest.DetectorCase{New: quick(c.settings...), Input: operatortest.Script(t, c.input), Silent: !c.found, Check: func(t testing.TB, out *operatortest.Output) {
				if found := len(out.Findings) > 0; found != c.found {
					t.Errorf("%d findings", len(out.Findings))
				}
			}})
		})
	}
}

func TestQuiet(t *testing.T) {
	for kind, n := range operatortest.Quiet(t, made()) {
		if n > 0 {
			t.Errorf("%d false findings in 20 series and a day of %s", n, kind)
		}
	}
}

func TestHostile(t *testing.T) { operatortest.Hostile(t, made()) }

// TestFault wants an hour of a shift by ten deviations found at once, in each of twenty series.
func TestFault(t *testing.T) {
	d, err := made()()
	if err != nil {
		t.Fatal(err)
	}
	found := operatortest.Scan(t, d, 20, 1500, func(s int) func(int) float64 {
		rnd := rand.New(rand.NewPCG(uint64(s), 1))
		return func(k int) float64 {
			v := 100 + 10*rnd.NormFloat64()
			if k >= 1000 && k < 1350 {
				v += 120
			}
			return v
		}
	})
	if n := operatortest.Opened(found); n != 20 {
		t.Errorf("%d findings, want 20", n)
	}
	for _, f := range found {
		if f.Open && f.Revision == 0 && (f.Onset != 1000*10e9 || f.End > 1006*10e9) {
			t.Errorf("opened at window %d, onset %d", f.End/10e9, f.Onset/10e9)
		}
	}
}

func BenchmarkQuiet(b *testing.B) { operatortest.Bench(b, made()) }
