package gather

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// The sum is the true one, rounded once, whatever the order; the oracle has room for all bits.
func TestSum(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for trial := range 2000 {
		parts := make([]float64, r.IntN(20))
		oracle := new(big.Float).SetPrec(4000)
		for i := range parts {
			parts[i] = math.Ldexp(r.Float64()-0.5, r.IntN(200)-100)
			if r.IntN(4) == 0 && i > 0 {
				parts[i] = -parts[r.IntN(i)]
			}
			oracle.Add(oracle, new(big.Float).SetFloat64(parts[i]))
		}
		want, _ := oracle.Float64()
		for range 3 {
			var s Sum
			for _, i := range r.Perm(len(parts)) {
				s.Add(parts[i])
			}
			if got := s.Value(); got != want {
				t.Fatalf("trial %d: the sum of %v is %v, not %v", trial, parts, got, want)
			}
			if again := Joined(s.Split()); again.Value() != want {
				t.Fatalf("trial %d: %v after a snapshot, not %v", trial, again.Value(), want)
			}
		}
	}
}

// Half of the last place is rounded to even, unless anything is left that decides.
func TestSumHalf(t *testing.T) {
	half := math.Ldexp(1, -53)
	for _, c := range []struct {
		parts []float64
		want  float64
	}{
		{[]float64{1, half}, 1},
		{[]float64{1, half, math.Ldexp(1, -200)}, math.Nextafter(1, 2)},
		{[]float64{1, half, -math.Ldexp(1, -200)}, 1},
		{[]float64{1, 1e100, 1, -1e100}, 2},
		{nil, 0},
	} {
		var s Sum
		for _, p := range c.parts {
			s.Add(p)
		}
		if got := s.Value(); got != c.want {
			t.Errorf("the sum of %v is %v, not %v", c.parts, got, c.want)
		}
	}
}
