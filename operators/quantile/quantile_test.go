package quantile

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/homeostat/homeostat/operators/operatortest"
	"github.com/homeostat/homeostat/pipeline"
)

func made(quantiles ...any) func() (pipeline.Operator, error) {
	return func() (pipeline.Operator, error) { return New(pipeline.Settings{"quantiles": quantiles}) }
}

func TestQuantiles(t *testing.T) {
	const median = `count=1 sum=%[1]g min=%[1]g max=%[1]g last=%[1]g`
	is := func(v float64) string { return fmt.Sprintf(median, v) }
	for _, c := range []struct {
		fact, input, want string
		quantiles         []any
		lost              map[string]int
	}{{
		fact:      "evenly within a bucket, beyond the last bound that bound",
		quantiles: []any{0.5, 0.99},
		input: `
			windows latency_bucket:cumulative{host="a",le="0.1"} at 0s every 10s: 20
			windows latency_bucket:cumulative{host="a",le="0.5"} at 0s every 10s: 80
			windows latency_bucket:cumulative{host="a",le="+Inf"} at 0s every 10s: 100`,
		want: `
			[0s,10s) latency{host="a",quantile="0.5"} ` + is(0.3) + `
			[0s,10s) latency{host="a",quantile="0.99"} ` + is(0.5),
	}, {
		fact:      "the last of ours, of deltas, with a point in the name; each histogram for itself",
		quantiles: []any{0.5},
		input: `
			windows rtt.bucket:delta{host="b",le="10"} at 0s every 10s: 4
			windows rtt.bucket:delta{host="b",le="+Inf"} at 0s every 10s: 4
			windows rtt.bucket:delta{host="a",le="100"} at 0s every 10s: 6
			windows rtt.bucket:delta{host="a",le="+Inf"} at 0s every 10s: 6`,
		want: `
			[0s,10s) rtt{host="a",quantile="0.5"} ` + is(50) + `
			[0s,10s) rtt{host="b",quantile="0.5"} ` + is(5),
	}, {
		fact:      "a fall is raised, equal bounds add up, a missing bucket has nothing of its own",
		quantiles: []any{0.5},
		input: `
			windows x_bucket:cumulative{le="1"} at 0s every 10s: 10 3
			windows x_bucket:cumulative{le="2"} at 0s every 10s: 8 _
			windows x_bucket:cumulative{le="4"} at 0s every 10s: 10 1
			windows x_bucket:cumulative{le="4.0"} at 0s every 10s: 10 1
			windows x_bucket:cumulative{le="+Inf"} at 0s every 10s: 20 4`,
		want: `
			[0s,10s) x{quantile="0.5"} ` + is(1) + `
			[10s,20s) x{quantile="0.5"} ` + is(0.666667),
	}, {
		fact:      "without observations, and without the last bucket, nothing is known; other series are passed by",
		quantiles: []any{0.5},
		input: `
			windows x_bucket:cumulative{le="1"} at 0s every 10s: 0 3 3
			windows x_bucket:cumulative{le="+Inf"} at 0s every 10s: 0 _ 3
			windows y_bucket{le="+Inf"} at 0s every 10s: 1x3
			windows z_bucket:delta{le="many"} at 0s every 10s: 1x3
			windows z:delta{le="+Inf"} at 0s every 10s: 1x3`,
		want: `[20s,30s) x{quantile="0.5"} ` + is(0.5),
	}, {
		fact:      "rows of a window that is done are lost",
		quantiles: []any{0.5},
		input: `
			windows x_bucket:delta{le="2"} at 0s every 10s: 5
			windows x_bucket:delta{le="+Inf"} at 0s every 10s: 5
			watermark 10s
			windows x_bucket:delta{le="1"} at 0s every 10s: 5
			windows other{} at 0s every 10s: 1`,
		want: `[0s,10s) x{quantile="0.5"} ` + is(1),
		lost: map[string]int{"late": 1},
	}, {
		fact:      "a label quantile gives way, a single bucket says nothing of where values lie",
		quantiles: []any{1.0},
		input: `
			windows x_bucket:delta{le="7",quantile="all"} at 0s every 10s: 5
			windows x_bucket:delta{le="+Inf",quantile="all"} at 0s every 10s: 5
			windows y_bucket:delta{le="+Inf"} at 0s every 10s: 5`,
		want: `[0s,10s) x{quantile="1"} ` + is(7),
	}} {
		t.Run(c.fact, func(t *testing.T) {
			operatortest.Run(t, operatortest.Case{New: made(c.quantiles...), Input: operatortest.Script(t, c.input), Want: c.want, Lost: c.lost})
		})
	}
}

// A window that was opened again is estimated again, and the one that is being added up does not mind.
func TestRevised(t *testing.T) {
	const two, all = `x_bucket:delta{le="2"}`, `x_bucket:delta{le="+Inf"}`
	in := operatortest.NewInput()
	in.Windows(two, 0, 10*time.Second, 5)
	in.Windows(all, 0, 10*time.Second, 5)
	in.Revised(0, two, 10e9, 20e9, 1, 1, 0, 0, 0) // half of the next window
	in.Revised(1, two, 0, 10e9, 2, 5, 0, 0, 0)
	in.Revised(1, all, 0, 10e9, 2, 20, 0, 0, 0)
	in.Revised(0, all, 10e9, 20e9, 1, 1, 0, 0, 0)
	in.Watermark(20e9)
	want := strings.Join([]string{
		`[0s,10s) x{quantile="0.5"} count=1 sum=1 min=1 max=1 last=1`,
		`[0s,10s) x{quantile="0.5"} count=1 sum=2 min=2 max=2 last=2 rev=1`,
		`[10s,20s) x{quantile="0.5"} count=1 sum=1 min=1 max=1 last=1`,
	}, "\n")
	operatortest.Once(t, operatortest.Case{New: made(0.5), Input: in, Check: func(t testing.TB, out *operatortest.Output) {
		if got := out.Text(); got != want {
			t.Errorf("estimates:\n%s", got)
		}
	}})
}

// Estimates are within the bucket of the true quantile, whatever was observed.
func TestEstimatesLieInTheRightBucket(t *testing.T) {
	operatortest.OneGoroutine(t)
	random := rand.New(rand.NewPCG(5, 1))
	bounds := []float64{1, 2, 5, 10, 20, 50, 100, math.Inf(1)}
	for range 50 {
		observed := make([]float64, 1+random.IntN(300))
		counts := make([]float64, len(bounds))
		for i := range observed {
			observed[i] = math.Exp(random.Float64() * 4.5)
			for b, bound := range bounds {
				if observed[i] <= bound {
					counts[b]++
				}
			}
		}
		in := operatortest.NewInput()
		for b, bound := range bounds {
			in.Window(fmt.Sprintf(`x_bucket:cumulative{le="%v"}`, bound), 0, 10e9, 1, counts[b], 0, 0, counts[b])
		}
		operatortest.Once(t, operatortest.Case{New: made(0.25, 0.9), Input: in, Check: func(t testing.TB, out *operatortest.Output) {
			w := operatortest.Windows(out)
			if len(w) != 1 || len(w[0].Sum) != 2 {
				t.Fatalf("%d windows", len(w))
			}
			for i, q := range []float64{0.25, 0.9} {
				rank, b := q*float64(len(observed)), 0
				for counts[b] < rank {
					b++
				}
				low := 0.0
				if b > 0 {
					low = bounds[b-1]
				}
				if v := w[0].Sum[i]; v < low || v > bounds[b] {
					t.Errorf("quantile %v of %d: %v is not in (%v, %v]", q, len(observed), v, low, bounds[b])
				}
			}
		}})
	}
}

func TestSettings(t *testing.T) {
	for _, c := range []struct {
		quantiles []any
		code      string
	}{{nil, "quantile.none"}, {[]any{0.0}, "quantile.range"}, {[]any{95.0}, "quantile.range"}, {[]any{math.NaN()}, "quantile.range"}} {
		if _, err := made(c.quantiles...)(); pipeline.Code(err) != c.code {
			t.Errorf("%v: %v", c.quantiles, err)
		}
	}
}
