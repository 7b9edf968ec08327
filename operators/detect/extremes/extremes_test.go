package extremes

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/homeostat/homeostat/operators/operatortest"
	"github.com/homeostat/homeostat/pipeline"
)

func made(changes ...any) func() (pipeline.Detector, error) {
	return func() (pipeline.Detector, error) { return Kind.New(operatortest.Settings(Kind.Spec(), changes...)) }
}

var noises = map[string]func(rnd *rand.Rand) func() float64{
	"normal":      func(rnd *rand.Rand) func() float64 { return func() float64 { return 10 + rnd.NormFloat64() } },
	"exponential": func(rnd *rand.Rand) func() float64 { return rnd.ExpFloat64 },
	"t3": func(rnd *rand.Rand) func() float64 {
		return func() float64 {
			a, b, c := rnd.NormFloat64(), rnd.NormFloat64(), rnd.NormFloat64()
			return 10 + rnd.NormFloat64()/math.Sqrt((a*a+b*b+c*c)/3)
		}
	},
	"lognormal": func(rnd *rand.Rand) func() float64 {
		return func() float64 { return math.Exp(0.8 * rnd.NormFloat64()) }
	},
	"Poisson": func(rnd *rand.Rand) func() float64 {
		return func() float64 {
			n, p := 0.0, math.Exp(-5)
			for u := rnd.Float64(); u > p; u *= rnd.Float64() {
				n++
			}
			return n
		}
	},
	"AR .8": func(rnd *rand.Rand) func() float64 {
		x := 0.0
		return func() float64 { x = 0.8*x + rnd.NormFloat64(); return 10 + x }
	},
	"AR .95": func(rnd *rand.Rand) func() float64 {
		x := 0.0
		return func() float64 { x = 0.95*x + rnd.NormFloat64(); return 10 + x }
	},
	"uniform": func(rnd *rand.Rand) func() float64 { return rnd.Float64 },
}

func TestExplore(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(noises)) {
		line := name
		for _, rate := range []float64{0.864, 0.0864, 0.02} {
			d, _ := made("rate", rate)()
			const series, n = 100, 43_200
			var early, late, up float64
			for _, f := range operatortest.Scan(t, d, series, n, func(s int) func(int) float64 {
				next := noises[name](rand.New(rand.NewPCG(uint64(s), 5)))
				return func(int) float64 { return next() }
			}) {
				if f.Open && f.Revision == 0 {
					if f.End/10e9 < operatortest.Day {
						early++
					} else {
						late++
						if f.Direction == "up" {
							up++
						}
					}
				}
			}
			first, rest := rate*series, rate*series*(n-operatortest.Day)/operatortest.Day
			line += fmt.Sprintf(" | rate %g: first day %.2f, then %.2f (up %.2f) of %.0f", rate, early/first, late/rest, 2*up/rest, rest)
		}
		t.Log(line)
	}
}

func TestQuiet(t *testing.T)      { t.Log(operatortest.Quiet(t, made())) }
func TestHostile(t *testing.T)    { operatortest.Hostile(t, made()) }
func BenchmarkQuiet(b *testing.B) { operatortest.Bench(b, made()) }

func FuzzRestore(f *testing.F) { operatortest.FuzzRestore(f, made()) }
