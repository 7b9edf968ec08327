package novelty

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// Quantiles are those of the sorted values, whatever was thought that they are.
func TestQuantilesAreExact(t *testing.T) {
	rnd, m, guessed := rand.New(rand.NewPCG(1, 1)), newMemory(480), 0
	for round := range 3000 {
		values := make([]float64, 1+rnd.IntN(60))
		for i := range values {
			if values[i] = 100 + rnd.NormFloat64(); round%3 == 0 {
				values[i] = float64(rnd.IntN(4)) // many are equal
			}
		}
		sorted := slices.Sorted(slices.Values(values))
		for _, p := range []float64{tail, 0.5, 1 - tail} {
			at := p * float64(len(values)-1)
			k := int(at)
			want := sorted[k]
			if k+1 < len(sorted) {
				want = min(want+(at-float64(k))*(sorted[k+1]-want), sorted[k+1])
			}
			for _, was := range []float64{want, sorted[k], sorted[max(0, k-1)], sorted[min(k+2, len(sorted)-1)], 0, 1e300} {
				if _, _, ok := around(values, k, was); ok {
					guessed++
				}
				if got := m.quantile(slices.Clone(values), p, was); got != want {
					t.Fatalf("%g of %v with %g for a guess: %g, want %g", p, values, was, got, want)
				}
			}
		}
	}
	if guessed < 10_000 {
		t.Errorf("only %d guesses were right", guessed)
	}
}
