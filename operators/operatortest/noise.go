package operatortest

import (
	"math"
	"math/rand/v2"
)

// Day is the number of windows of 10 s in a day.
const Day = 8640

// Noises are quiet series as systems have them, around 100, by name: no detector has anything to say of them. Each call of what they
// return is the value of the next window of 10 s.
var Noises = map[string]func(rnd *rand.Rand) func() float64{
	"normal": func(rnd *rand.Rand) func() float64 { return func() float64 { return 100 + 10*rnd.NormFloat64() } },
	"lognormal": func(rnd *rand.Rand) func() float64 {
		return func() float64 { return 100 * math.Exp(0.8*rnd.NormFloat64()) }
	},
	"autoregressive": func(rnd *rand.Rand) func() float64 {
		x := 0.0
		return func() float64 { x = 0.95*x + rnd.NormFloat64(); return 100 + 3*x }
	},
	"daily": func(rnd *rand.Rand) func() float64 {
		k := rnd.Float64() * Day
		return func() float64 { k++; return 100 + 60*math.Sin(k/Day*2*math.Pi) + 3*rnd.NormFloat64() }
	},
	"rare counts": func(rnd *rand.Rand) func() float64 {
		return func() float64 { return math.Floor(-math.Log(rnd.Float64()) * 0.7) }
	},
	"ramp": func(rnd *rand.Rand) func() float64 {
		x := 100.0
		return func() float64 { x += rnd.Float64(); return x }
	},
	"spikes": func(rnd *rand.Rand) func() float64 {
		return func() float64 {
			if rnd.Float64() < 0.005 {
				return 500
			}
			return 100 + rnd.NormFloat64()
		}
	},
	"steps": func(rnd *rand.Rand) func() float64 { return func() float64 { return float64(3 + rnd.IntN(2)) } },
}
