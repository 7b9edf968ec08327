package window

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// exactly is the sum by arbitrary precision, rounded once.
func exactly(parts []float64) float64 {
	sum := new(big.Float).SetPrec(2300)
	for _, p := range parts {
		sum.Add(sum, new(big.Float).SetFloat64(p))
	}
	v, _ := sum.Float64()
	return v + 0
}

// summed is the sum that a cell makes of the parts; joined, that of two cells.
func summed(parts []float64, cut int) float64 {
	s := &shared{limit: 1 << 20}
	cells := [2]cell{}
	for i, p := range parts {
		c := &cells[0]
		if i >= cut {
			c = &cells[1]
		}
		if c.count == 0 {
			c.begin(0, p, p)
			continue
		}
		if !c.plus(p) {
			s.addWide(c, p, true)
		}
		c.note(0, p)
	}
	var whole cell
	for i := range cells {
		if cells[i].count > 0 {
			s.join(&whole, &cells[i])
		}
	}
	return s.total(&whole)
}

func TestSumsAreExactInAnyOrder(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 5))
	kinds := map[string]func() float64{
		"whole numbers":   func() float64 { return float64(rnd.Int64N(1<<40) - 1<<39) },
		"shares":          rnd.Float64,
		"thousands":       func() float64 { return rnd.NormFloat64() * 1000 },
		"wide":            func() float64 { return math.Ldexp(rnd.NormFloat64(), rnd.IntN(200)-100) },
		"all there is":    func() float64 { return math.Float64frombits(rnd.Uint64() &^ (1 << 62)) },
		"nearly nothing":  func() float64 { return math.Float64frombits(rnd.Uint64() & (1<<63 | 1<<54 - 1)) },
		"cancel":          func() float64 { return []float64{1e300, -1e300, 1, 1e-300}[rnd.IntN(4)] },
		"near the limit":  func() float64 { return []float64{math.MaxFloat64, -math.MaxFloat64, 1e292}[rnd.IntN(3)] },
		"halfway between": func() float64 { return []float64{1, 0x1p-53, 0x1p-54, -0x1p-54, 0x1p-106}[rnd.IntN(5)] },
	}
	for name, next := range kinds {
		for range 60 {
			parts := make([]float64, 1+rnd.IntN(60))
			for i := range parts {
				parts[i] = next() + 0
			}
			want := exactly(parts)
			for range 3 {
				if got := summed(parts, rnd.IntN(len(parts)+1)); math.Float64bits(got) != math.Float64bits(want) {
					t.Fatalf("%s: the sum of %v is %v, want %v", name, parts, got, want)
				}
				rnd.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
			}
		}
	}
}

// TestWideCarries passes carries on long before a chunk could overflow.
func TestWideCarries(t *testing.T) {
	a, b := &wide{}, &wide{}
	for _, v := range []float64{1e10, -3.25, 7e-200, -1e10} {
		a.add(v)
		b.add(v)
	}
	b.settle(mostPending)
	if b.chunk == a.chunk || b.pending < mostPending || a.value() != b.value() {
		t.Errorf("after carries %v, before %v", b.value(), a.value())
	}
	a.merge(b)
	if a.value() != -6.5 {
		t.Errorf("merged: %v", a.value())
	}
}

func FuzzSum(f *testing.F) {
	f.Add(1.0, 1e300, -1e300, 5e-324)
	f.Fuzz(func(t *testing.T, a, b, c, d float64) {
		parts := []float64{a + 0, b + 0, c + 0, d + 0}
		for _, p := range parts {
			if p-p != 0 {
				return
			}
		}
		want := exactly(parts)
		for cut := range 5 {
			if got := summed(parts, cut); math.Float64bits(got) != math.Float64bits(want) {
				t.Fatalf("the sum of %v is %v, want %v", parts, got, want)
			}
		}
	})
}
