package tail

import (
	"math"
	"math/rand/v2"
	"testing"
)

// learned is a tail that has seen values.
func learned(gap uint32, n int, next func() float64) (*Side, []float64) {
	s, ring := Begin(), make([]float64, Peaks)
	for range n {
		s.Learn(ring, next(), gap)
	}
	return &s, ring
}

// TestFits: of values whose tail is a generalised Pareto distribution, the shape is found within what 128 peaks and the prior allow.
func TestFits(t *testing.T) {
	for _, shape := range []float64{-0.15, 0, 0.25, 0.5} {
		sum, scale, bar := 0.0, 0.0, 0.0
		const of = 50
		for seed := range uint64(of) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			s, _ := learned(1, 20_000, func() float64 {
				u := 1 - rnd.Float64()
				if shape == 0 {
					return -math.Log(u)
				}
				return (math.Pow(u, -shape) - 1) / shape
			})
			sum, scale, bar = sum+s.Shape/of, scale+s.Scale/of, bar+s.Bar/of
		}
		wantBar := -math.Log(share)
		if shape != 0 {
			wantBar = (math.Pow(share, -shape) - 1) / shape
		}
		// One standard error more, and drawn to the prior.
		if sum < shape || sum > shape+0.25 {
			t.Errorf("the shape %g is taken for %.3f", shape, sum)
		}
		if want := 1 + shape*wantBar; math.Abs(bar-wantBar) > 0.15*wantBar || math.Abs(scale-want) > 0.3*want {
			t.Errorf("shape %g: bar %.3f and scale %.3f, not %.3f and %.3f", shape, bar, scale, wantBar, want)
		}
	}
}

// TestClustersCountOnce: values that come in runs of five begin a fifth as often.
func TestClustersCountOnce(t *testing.T) {
	rnd, left, v := rand.New(rand.NewPCG(1, 1)), 0, 0.0
	s, _ := learned(10, 100_000, func() float64 {
		if left--; left < 0 {
			left, v = 4, rnd.ExpFloat64()
		}
		return v
	})
	if rate := math.Exp(s.LogRate); rate < 0.5*share/5 || rate > 1.5*share/5 {
		t.Errorf("clusters come at a rate of %.4f, not %.4f", rate, share/5)
	}
}

// TestLevel: it is the inverse of the chance, which falls all the way.
func TestLevel(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	for name, next := range map[string]func() float64{"nothing": func() float64 { return 0 }, "normal": rnd.NormFloat64, "bounded": rnd.Float64} {
		s, _ := learned(3, 5000, next)
		before := 0.0
		for x := 0.01; x < 50; x *= 1.1 {
			c := s.LogChance(x)
			if c > before || math.IsNaN(c) {
				t.Fatalf("%s: the chance of %g is %g, and that of less %g", name, x, c, before)
			}
			if back := s.Level(c); c > rarest && c < s.LogRate*1.001 && math.Abs(back-x) > 1e-6*x {
				t.Errorf("%s: the level of the chance of %g is %g", name, x, back)
			}
			before = c
		}
	}
}

func BenchmarkLearn(b *testing.B) {
	rnd := rand.New(rand.NewPCG(1, 1))
	values := make([]float64, 1<<12)
	for i := range values {
		values[i] = rnd.NormFloat64()
	}
	s, ring := Begin(), make([]float64, Peaks)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s.Learn(ring, values[i%len(values)], 10)
	}
}
