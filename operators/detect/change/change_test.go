package change

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"math/rand/v2"
	"testing"

	"github.com/homeostat/homeostat/operators/operatortest"
	"github.com/homeostat/homeostat/pipeline"
)

func made(changes ...any) func() (pipeline.Detector, error) {
	return func() (pipeline.Detector, error) { return Kind.New(operatortest.Settings(Kind.Spec(), changes...)) }
}

var at0 = 5000

func TestExplore(t *testing.T) {
	for _, c := range []struct {
		name string
		of   func(rnd *rand.Rand, k int) float64
	}{
		{"level 1", func(rnd *rand.Rand, k int) float64 {
			v := rnd.NormFloat64()
			if k >= at0 {
				v += 1
			}
			return v
		}},
		{"level 2.5", func(rnd *rand.Rand, k int) float64 {
			v := rnd.NormFloat64()
			if k >= at0 {
				v += 2.5
			}
			return v
		}},
		{"level 10", func(rnd *rand.Rand, k int) float64 {
			v := rnd.NormFloat64()
			if k >= at0 {
				v -= 10
			}
			return v
		}},
		{"level 100", func(rnd *rand.Rand, k int) float64 {
			v := rnd.NormFloat64()
			if k >= at0 {
				v += 100
			}
			return v
		}},
		{"slope .02", func(rnd *rand.Rand, k int) float64 {
			v := rnd.NormFloat64()
			if k >= at0 {
				v += .02 * float64(k-at0)
			}
			return v
		}},
		{"slope .1", func(rnd *rand.Rand, k int) float64 {
			v := rnd.NormFloat64()
			if k >= at0 {
				v += .1 * float64(k-at0)
			}
			return v
		}},
		{"slope 1", func(rnd *rand.Rand, k int) float64 {
			v := rnd.NormFloat64()
			if k >= at0 {
				v += 1 * float64(k-at0)
			}
			return v
		}},
		{"spread 2", func(rnd *rand.Rand, k int) float64 {
			v := rnd.NormFloat64()
			if k >= at0 {
				v *= 2
			}
			return v
		}},
		{"spread 4", func(rnd *rand.Rand, k int) float64 {
			v := rnd.NormFloat64()
			if k >= at0 {
				v *= 4
			}
			return v
		}},
		{"spread .3", func(rnd *rand.Rand, k int) float64 {
			v := rnd.NormFloat64()
			if k >= at0 {
				v *= .3
			}
			return v
		}},
		{"blip 20 of 5", func(rnd *rand.Rand, k int) float64 {
			v := rnd.NormFloat64()
			if k >= at0 && k < (at0+20) {
				v += 5
			}
			return v
		}},
		{"level .5", func(rnd *rand.Rand, k int) float64 {
			v := rnd.NormFloat64()
			if k >= at0 {
				v += .5
			}
			return v
		}},
	} {
		d, _ := made("threshold", 5.5)()
		const n = 100
		found := operatortest.Scan(t, d, n, at0+400, func(s int) func(int) float64 {
			rnd := rand.New(rand.NewPCG(uint64(s), 1))
			return func(k int) float64 { return 10 + 2.5*c.of(rnd, k) }
		})
		early, opened, delay, kinds := 0, map[uint32]int{}, 0.0, map[string]int{}
		var on []int64
		size, cover, sizes := 0.0, 0, 0
		for _, f := range found {
			if f.Revision > 0 || !f.Open {
				continue
			}
			at := f.End/10e9 - int64(at0)
			if at <= 0 {
				early++
				continue
			}
			opened[f.Series]++
			if opened[f.Series] == 1 {
				delay += float64(at)
				kinds[f.Evidence[0].Name]++
				on = append(on, f.Onset/10e9-int64(at0))
				size += f.Evidence[0].Value / 2.5
				o := float64(f.Onset/10e9-int64(at0)) * 10
				if o-f.Evidence[3].Value <= 0 && o+f.Evidence[4].Value >= 0 {
					cover++
				}
				_ = sizes
			}
		}
		total := 0
		for _, k := range opened {
			total += k
		}
		m := float64(len(opened))
		slices.Sort(on)
		if len(on) == 0 {
			on = []int64{0}
		}
		n4 := len(on)
		t.Logf("%s: early %d found %d total %d delay %.1f kinds %v size %.3f cover %d onset %v", c.name, early, len(opened), total, delay/m, kinds, size/m, cover, []int64{on[0], on[n4/10], on[n4/4], on[n4/2], on[n4*3/4], on[n4*9/10], on[n4-1]})
	}
}

func TestExploreQuiet(t *testing.T) {
	noises := map[string]func(rnd *rand.Rand) func() float64{}
	for n, f := range operatortest.Noises {
		noises[n] = f
	}
	for _, phi := range []float64{.5, .8} {
		noises[fmt.Sprint("AR", phi)] = func(rnd *rand.Rand) func() float64 {
			x := 0.0
			return func() float64 { x = phi*x + rnd.NormFloat64(); return 10 + x }
		}
	}
	noises["t3"] = func(rnd *rand.Rand) func() float64 {
		return func() float64 {
			a, b, c := rnd.NormFloat64(), rnd.NormFloat64(), rnd.NormFloat64()
			return rnd.NormFloat64() / math.Sqrt((a*a+b*b+c*c)/3)
		}
	}
	noises["exp"] = func(rnd *rand.Rand) func() float64 { return func() float64 { return rnd.ExpFloat64() } }
	noises["sum"] = func(rnd *rand.Rand) func() float64 {
		x := 0.0
		return func() float64 { x = .97*x + .25*rnd.NormFloat64(); return 10 + x + rnd.NormFloat64() }
	}
	for _, name := range slices.Sorted(maps.Keys(noises)) {
		line := name
		for _, th := range []float64{4.5, 5, 5.5, 6} {
			d, _ := made("threshold", th)()
			kinds := map[string]int{}
			for _, f := range operatortest.Scan(t, d, 50, 40000, func(s int) func(int) float64 {
				next := noises[name](rand.New(rand.NewPCG(uint64(s), 5)))
				return func(int) float64 { return next() }
			}) {
				if f.Open && f.Revision == 0 {
					kinds[f.Evidence[0].Name[:2]+fmt.Sprint((f.End-f.Onset)/10e9)]++
				}
			}
			line += fmt.Sprint(" | ", th, kinds)
		}
		t.Log(line)
	}
}

func TestHostile(t *testing.T) { operatortest.Hostile(t, made()) }

func BenchmarkQuiet(b *testing.B) { operatortest.Bench(b, made()) }
