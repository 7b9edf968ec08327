package group

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/homeostat/homeostat/operators/operatortest"
	"github.com/homeostat/homeostat/pipeline"
)

func made(changes ...any) func() (pipeline.Detector, error) {
	return func() (pipeline.Detector, error) { return New(operatortest.Settings(Spec(), changes...)) }
}

// quick learns in 30 windows.
func quick(changes ...any) func() (pipeline.Detector, error) {
	return made(append([]any{"average", int64(3), "history", int64(160), "memory", int64(320), "hold", int64(1), "of", int64(1), "warmup", int64(30), "threshold", 4.0, "adapt", int64(20), "gone", int64(5)}, changes...)...)
}

// hosts are 66 windows of two hosts with four series each; more changes the values of the first host from window 44 on.
func hosts(more func(k, series int) string) string {
	var b strings.Builder
	rnd := rand.New(rand.NewPCG(3, 3))
	loads := make([]float64, 132)
	for i := range loads {
		loads[i] = rnd.NormFloat64()
	}
	for s := range 8 {
		fmt.Fprintf(&b, "windows m%d{host=\"h%d\"} at 0s every 10s:", s%4, s/4)
		for k := range 66 {
			v := fmt.Sprintf("%.3f", 100+5*loads[k+s/4*66]+5*rnd.NormFloat64())
			if s < 4 && k >= 44 {
				v = cmp.Or(more(k, s), v)
			}
			b.WriteString(" " + v)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// apart is higher for half of the series and lower for the others.
func apart(k, s int) string { return fmt.Sprintf("%d", 80+s%2*40+k*s%3) }

// Each case is run in all the ways of the kit; what is said is the same in all.
func TestFindings(t *testing.T) {
	for _, c := range []struct {
		fact     string
		settings []any
		more     func(k, series int) string
		opened   int
		closed   string // the last evidence of the finding's end
	}{
		{fact: "a host's go apart for a while", settings: []any{"scores", true}, opened: 1, closed: "z m", more: func(k, s int) string {
			if k < 50 {
				return apart(k, s)
			}
			return ""
		}},
		{fact: "and vanish", opened: 1, closed: "absent_seconds", more: func(k, s int) string {
			if k < 50 {
				return apart(k, s)
			}
			return "_"
		}},
		{fact: "for good", opened: 1, closed: "adapted", settings: []any{"adapt", int64(10)}, more: func(k, s int) string { return apart(k, s) }},
	} {
		t.Run(c.fact, func(t *testing.T) {
			operatortest.RunDetector(t, operatortest.DetectorCase{New: quick(c.settings...), Input: operatortest.Script(t, hosts(c.more)), AnyOrder: true, Check: func(t testing.TB, out *operatortest.Output) {
				if n := operatortest.Opened(out.Findings); n != c.opened {
					t.Errorf("%d findings opened, not %d:\n%s", n, c.opened, out.Text())
				}
				for _, f := range out.Findings {
					if out.Series.At(f.Series).Entity != "h0" || !f.Open && !strings.HasPrefix(f.Evidence[len(f.Evidence)-1].Name, c.closed) {
						t.Errorf("said %+v", f)
					}
				}
				if last := len(out.Findings) - 1; last >= 0 && out.Findings[last].Open {
					t.Errorf("it is still open: %+v", out.Findings[last])
				}
			}})
		})
	}
}

// TestQuiet: nothing in a day of hosts with series of each kind that systems have, but for random walks, which do not keep to anything.
func TestQuiet(t *testing.T) {
	for kind, n := range operatortest.Quiet(t, made(), "ramp") {
		if n > 0 {
			t.Errorf("%d false findings in 20 series and a day of %s", n, kind)
		}
	}
}

// TestHostile: whatever comes, no panic and no number that is none.
func TestHostile(t *testing.T) { operatortest.Hostile(t, quick()) }

// FuzzRestore: no bytes make Restore panic, or what comes after a Restore that went well.
func FuzzRestore(f *testing.F) {
	operatortest.FuzzRestore(f, quick("warmup", int64(12)), 30)
}

// BenchmarkQuiet says what a window of a series costs in entities of four.
func BenchmarkQuiet(b *testing.B) { operatortest.Bench(b, made()) }

// BenchmarkMore does in entities of ten and of 32.
func BenchmarkMore(b *testing.B) {
	for _, each := range []int{10, most} {
		b.Run(fmt.Sprint(each), func(b *testing.B) {
			operatortest.Bench(b, made(), func(s int) (string, []pipeline.Label) {
				return fmt.Sprintf("m%d", s%each), []pipeline.Label{{Name: "host", Value: fmt.Sprint(s / each)}}
			})
		})
	}
}

func TestSolver(t *testing.T) {
	var s solver
	s.n = 3
	copy(s.l[:], []float64{1, 0.5, 1, 0.2, -0.3, 1})
	u := []float64{1, -2, 0.5}
	x := append([]float64(nil), u...)
	s.factor()
	d := s.whiten(x)
	s.back(x)
	// The matrix times x is u, and the distance is what both make.
	m := [3][3]float64{{1, 0.5, 0.2}, {0.5, 1, -0.3}, {0.2, -0.3, 1}}
	product := 0.0
	for i := range m {
		sum := 0.0
		for j := range m {
			sum += m[i][j] * x[j]
		}
		product += u[i] * x[i]
		if math.Abs(sum-u[i]) > 1e-12 {
			t.Errorf("row %d gives %v, not %v", i, sum, u[i])
		}
	}
	if math.Abs(product-d) > 1e-12 {
		t.Errorf("the squared distance is %v, not %v", d, product)
	}
	e := []float64{0, 1, 0}
	s.whiten(e)
	s.back(e)
	if p := s.precision(1, make([]float64, most)); math.Abs(p-e[1]) > 1e-12 {
		t.Errorf("the precision is %v, not %v", p, e[1])
	}
}
