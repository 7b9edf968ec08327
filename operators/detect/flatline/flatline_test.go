package flatline

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/homeostat/homeostat/operators/operatortest"
	"github.com/homeostat/homeostat/pipeline"
)

func made(changes ...any) func() (pipeline.Detector, error) {
	return func() (pipeline.Detector, error) { return Kind.New(operatortest.Settings(Kind.Spec(), changes...)) }
}

var quick = []any{"history", int64(100), "warmup", int64(10), "adapt", int64(12), "threshold", 10.0}

func TestFindings(t *testing.T) {
	for _, c := range []struct{ fact, input, want string }{{
		fact:  "a gauge that stands still, from the second equal value on, until it moves",
		input: `windows temp{host="a"} at 0s every 10s: 1 2 3 4 5 6 7 8 9 10 11 11 11 11 11 11 11 12`,
		want: `
			[2m20s,2m30s) temp{host="a"} open rev=0 onset=1m50s score=1.20442 value=11 expect=11..11 p=0.999994 evidence{windows=4 moves=0.95076}
			[2m50s,3m) temp{host="a"} closed rev=1 onset=1m50s score=0 value=12 expect=12..12 evidence{windows=0 moves=0.95076}`,
	}, {
		fact:  "a counter that no longer counts, whatever number it counted by",
		input: `windows jobs:delta{host="a"} at 0s every 10s: 5 5 5 5 5 5 5 5 5 5 0 0 0 0 0 0 5`,
		want: `
			[2m10s,2m20s) jobs:delta{host="a"} open rev=0 onset=1m40s score=1.20442 value=0 expect=0..0 p=0.999994 evidence{windows=4 moves=0.95076}
			[2m40s,2m50s) jobs:delta{host="a"} closed rev=1 onset=1m40s score=0 value=5 expect=5..5 evidence{windows=0 moves=0.95076}`,
	}, {
		fact:  "what seldom moves, or never did, may stand still",
		input: "windows a{} at 0s every 10s: 1 1 1 2 2 2 3 3 3 4 4 4 5 5 5 6 6 6 6 6 6 6 6 6 6\nwindows b{} at 0s every 10s: 1x40\nwindows c:delta{} at 0s every 10s: 0x40",
	}} {
		t.Run(c.fact, func(t *testing.T) {
			operatortest.RunDetector(t, operatortest.DetectorCase{New: made(quick...), Input: operatortest.Script(t, c.input), Want: c.want, Silent: c.want == ""})
		})
	}
}

// A night is a surprise once, and normal from then on; what stands still for longer than a night is found.
func TestNights(t *testing.T) {
	d, err := made()()
	if err != nil {
		t.Fatal(err)
	}
	const day, fault = 1000, 20*1000 + 350
	found := operatortest.Scan(t, d, 1, 22*day, func(int) func(int) float64 {
		rnd := rand.New(rand.NewPCG(1, 1))
		return func(k int) float64 {
			if k%day < 300 && k > day || k >= fault && k < fault+950 {
				return 0
			}
			return rnd.Float64()
		}
	})
	var onsets []int64
	for _, f := range found {
		if f.Open && f.Revision == 0 {
			onsets = append(onsets, f.Onset/10e9)
		}
	}
	if want := []int64{day + 2, fault + 1}; !slices.Equal(onsets, want) {
		t.Errorf("findings with the onsets %v, want %v", onsets, want)
	}
}

func TestAdapted(t *testing.T) {
	operatortest.RunDetector(t, operatortest.DetectorCase{
		New: made(quick...), Input: operatortest.Script(t, `windows cpu{} at 0s every 10s: 10 11 9 10 11 9 10 11 12 13 14 15 30x40`),
		Check: func(t testing.TB, out *operatortest.Output) {
			last := out.Findings[len(out.Findings)-1]
			if last.Open || last.Evidence[len(last.Evidence)-1].Name != "adapted" {
				t.Errorf("last: %+v", last)
			}
		},
	})
}

func TestQuiet(t *testing.T) {
	for kind, n := range operatortest.Quiet(t, made()) {
		if n > 0 {
			t.Errorf("%d false findings in 20 series and a day of %s", n, kind)
		}
	}
}

func TestHostile(t *testing.T) { operatortest.Hostile(t, made()) }

func BenchmarkQuiet(b *testing.B) { operatortest.Bench(b, made()) }
