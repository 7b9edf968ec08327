package change

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/homeostat/homeostat/operators/operatortest"
	"github.com/homeostat/homeostat/pipeline"
)

func made(changes ...any) func() (pipeline.Detector, error) {
	return func() (pipeline.Detector, error) { return Kind.New(operatortest.Settings(Kind.Spec(), changes...)) }
}

var quick = []any{"threshold", 4.0, "scales", int64(3), "warmup", int64(32), "clear", int64(2)}

func TestFindings(t *testing.T) {
	calm := strings.Repeat("10 11 9 10 11 9 10 11 9 10 9 11 10 10 9 11 10 9 11 10 ", 8)
	for _, c := range []struct{ fact, input, want string }{{
		fact:  "a level that stays is found with its first window, and over when it is established",
		input: `windows cpu{host="a"} at 0s every 10s: ` + calm + ` 16 17 15 16 17 15 16 16 17 15 16 15 16 17 16 15 16 17 15 16 17 15 16 16 17 15 16 15 16 17 16 15 16 17 16 15`,
		want: `
			[27m10s,27m20s) cpu{host="a"} open rev=0 onset=26m40s score=1.10127 value=16 expect=8.33001..11.7081 up p=0.84585 evidence{level_change=6.00001 size_low=5.19577 size_high=6.80424 onset_early_seconds=0 onset_late_seconds=0 z=4.40509}
			[31m50s,32m) cpu{host="a"} closed rev=1 onset=26m40s score=1.10127 value=15 expect=8.33001..11.7081 up p=0.84585 evidence{level_change=6.00001 size_low=5.19577 size_high=6.80424 onset_early_seconds=0 onset_late_seconds=0 z=4.40509 adapted=1}`,
	}, {
		fact:  "one that goes back is over when it has gone back",
		input: `windows cpu{host="a"} at 0s every 10s: ` + calm + ` 16 17 15 16 17 15 16 16 17 15 16 15 10 9 10 11 10 9 10`,
		want: `
			[27m10s,27m20s) cpu{host="a"} open rev=0 onset=26m40s score=1.10127 value=16 expect=8.33001..11.7081 up p=0.84585 evidence{level_change=6.00001 size_low=5.19577 size_high=6.80424 onset_early_seconds=0 onset_late_seconds=0 z=4.40509}
			[29m,29m10s) cpu{host="a"} closed rev=1 onset=26m40s score=0.144278 value=10 expect=8.33001..11.7081 up p=0.84585 evidence{level_change=6.00001 size_low=5.19577 size_high=6.80424 onset_early_seconds=0 onset_late_seconds=0 z=4.40509}`,
	}, {
		fact:  "a single outlier is nothing",
		input: `windows cpu{} at 0s every 10s: ` + calm + ` 900 10 9 11 10 9 10 11 9 10 11 9 10 9 11 10 -900 10 9 11`,
	}} {
		t.Run(c.fact, func(t *testing.T) {
			operatortest.RunDetector(t, operatortest.DetectorCase{New: made(quick...), Input: operatortest.Script(t, c.input), Want: c.want, Silent: c.want == ""})
		})
	}
}

// at is the window in which the series of the tests change.
const at = 5000

// opened gives forty series of normal noise that are changed to a detector, and returns what opened, by series.
func opened(t *testing.T, windows int, changed func(k int, noise float64) float64) [][]pipeline.Finding {
	t.Helper()
	d, err := made()()
	if err != nil {
		t.Fatal(err)
	}
	out := make([][]pipeline.Finding, 40)
	for _, f := range operatortest.Scan(t, d, len(out), windows, func(s int) func(int) float64 {
		rnd := rand.New(rand.NewPCG(uint64(s), 1))
		return func(k int) float64 { return 10 + 2.5*changed(k-at, rnd.NormFloat64()) }
	}) {
		if f.Open && f.Revision == 0 {
			out[f.Series] = append(out[f.Series], f)
		}
	}
	return out
}

func TestChanges(t *testing.T) {
	step := func(by float64) func(int, float64) float64 {
		return func(k int, noise float64) float64 {
			if k >= 0 {
				noise += by
			}
			return noise
		}
	}
	kink := func(by float64) func(int, float64) float64 {
		return func(k int, noise float64) float64 { return noise + by*float64(max(0, k)) }
	}
	factor := func(by float64) func(int, float64) float64 {
		return func(k int, noise float64) float64 {
			if k >= 0 {
				noise *= by
			}
			return noise
		}
	}
	for _, c := range []struct {
		name      string
		of        func(int, float64) float64
		kind      string
		size      float64
		direction string
		// Of forty: found, of the right kind, with the onset so near, with an interval that has the true onset; and findings in all.
		found, right, near, within, covered, all int
		delay                                    float64
	}{
		{"level by 10 σ", step(-10), names[level], -25, "down", 40, 40, 0, 39, 39, 41, 8},
		{"level by 2.5 σ", step(2.5), names[level], 6.25, "up", 39, 36, 2, 31, 35, 42, 16},
		{"slope of 1 σ", kink(1), names[slope], 0.25, "up", 40, 38, 3, 36, 35, 42, 12},
		{"slope of 0.1 σ", kink(-0.1), names[slope], -0.025, "down", 40, 31, 10, 28, 30, 45, 36},
		{"spread by 4", factor(4), names[spread], 4, "up", 39, 37, 5, 32, 34, 43, 32},
		{"spread by 0.25", factor(0.25), names[spread], 0.25, "down", 35, 34, 10, 31, 31, 42, 70},
	} {
		t.Run(c.name, func(t *testing.T) {
			found, right, within, covered, all, delay := 0, 0, 0, 0, 0, 0.0
			var sizes []float64
			for _, of := range opened(t, at+300, c.of) {
				all += len(of)
				if len(of) == 0 {
					continue
				}
				f := of[0]
				if f.End <= at*10e9 {
					t.Errorf("series %d: found before it was: %+v", f.Series, f)
				}
				found++
				delay += float64(f.End/10e9 - at)
				e := f.Evidence
				if e[0].Name == c.kind && f.Direction == c.direction {
					right++
					sizes = append(sizes, e[0].Value)
				}
				away := float64(f.Onset/10e9 - at)
				if math.Abs(away) <= float64(c.near) {
					within++
				}
				if 10*away-e[3].Value <= 0 && 10*away+e[4].Value >= 0 {
					covered++
				}
			}
			if found < c.found || right < c.right || within < c.within || covered < c.covered || all > c.all || delay/float64(found) > c.delay {
				t.Errorf("found %d, %d right, %d onsets near, %d covered, %d findings in all, %.1f windows late", found, right, within, covered, all, delay/float64(found))
			}
			slices.Sort(sizes)
			if m := sizes[len(sizes)/2]; math.Abs(m-c.size) > 0.3*math.Abs(c.size) {
				t.Errorf("the size of half of them is %.3g or less, %.3g is true", m, c.size)
			}
		})
	}
}

// TestRegimes: three changes are three findings, each closed before the next, and a series that changed is quiet afterwards.
func TestRegimes(t *testing.T) {
	levels := []float64{0, 6, 12, -4}
	total, near := 0, 0
	for _, of := range opened(t, at+2000, func(k int, noise float64) float64 {
		if k >= 0 {
			noise += levels[min(3, 1+k/300)]
		}
		return noise
	}) {
		total += len(of)
		for i, f := range of[:min(3, len(of))] {
			if want := int64(at + 300*i); f.Onset/10e9 >= want-1 && f.Onset/10e9 <= want+1 {
				near++
			}
		}
	}
	if total != 120 || near < 115 {
		t.Errorf("%d findings of 120 changes, %d with their onset", total, near)
	}
}

// TestQuiet: nothing in a day of twenty series of each kind, nor in 100,000 windows of what is correlated.
func TestQuiet(t *testing.T) {
	for kind, n := range operatortest.Quiet(t, made()) {
		if n > 0 {
			t.Errorf("%d false findings in 20 series and a day of %s", n, kind)
		}
	}
	for _, correlation := range []float64{0.5, 0.8, 0.95} {
		d, err := made()()
		if err != nil {
			t.Fatal(err)
		}
		found := operatortest.Scan(t, d, 10, 10_000, func(s int) func(int) float64 {
			rnd, x := rand.New(rand.NewPCG(uint64(s), 9)), 0.0
			return func(int) float64 { x = correlation*x + rnd.NormFloat64(); return 10 + x }
		})
		if n := operatortest.Opened(found); n > 0 {
			t.Errorf("%d false findings of a correlation of %g", n, correlation)
		}
	}
}

// TestGaps: an onset is the start of a window, also where windows are missing.
func TestGaps(t *testing.T) {
	d, err := made()()
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(1, 1))
	found := operatortest.Scan(t, d, 1, 3000, func(int) func(int) float64 {
		return func(k int) float64 {
			v := 10 + rnd.NormFloat64()
			switch {
			case k > 2000 && k < 2100, k > 2102 && k < 2150:
				return math.NaN()
			case k >= 2100:
				return v + 10
			}
			return v
		}
	})
	if operatortest.Opened(found) != 1 || found[0].Onset != 2100*10e9 || found[len(found)-1].Open {
		t.Errorf("%+v", found)
	}
}

func TestHostile(t *testing.T) { operatortest.Hostile(t, made()) }

func BenchmarkQuiet(b *testing.B) { operatortest.Bench(b, made()) }

func FuzzRestore(f *testing.F) { operatortest.FuzzRestore(f, made(quick...), 400) }
