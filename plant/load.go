package plant

import (
	"math"
	"math/rand/v2"
	"time"
)

// load is the demand of users, which nothing in the system influences: twins with the same seed get
// the same users at the same moments with the same work, whatever is done to the system.
type load struct {
	random *rand.Rand
	script *script
	// The rate is constant within each second.
	rate   float64 // users a second
	second int64
	noise  float64 // slow random movement, a first-order autoregression
	// A small burst, as they happen all the time.
	swell      float64
	swellUntil int64
}

const (
	noiseMemory = 0.95  // a second
	noiseSize   = 0.03  // standard deviation, relative
	swellChance = 0.004 // a second: one in about four minutes
	day         = 24 * time.Hour
)

func newLoad(random *rand.Rand, sc *script) *load {
	l := &load{random: random, script: sc, second: -1}
	l.step()
	return l
}

// step goes on to the next second.
func (l *load) step() {
	l.second++
	fresh := l.random.NormFloat64() * noiseSize * math.Sqrt(1-noiseMemory*noiseMemory)
	l.noise = min(max(l.noise*noiseMemory+fresh, -3*noiseSize), 3*noiseSize)
	chance, size, length := l.random.Float64(), l.random.Float64(), l.random.Float64()
	if l.second >= l.swellUntil {
		l.swell = 0
		if chance < swellChance {
			l.swell = 0.05 + 0.12*size
			l.swellUntil = l.second + 10 + int64(25*length)
		}
	}
	l.rate = l.script.rate(time.Duration(l.second)*time.Second) * (1 + l.noise) * (1 + l.swell)
}

// next is the moment of the first arrival after t: a Poisson process whose rate changes each second.
func (l *load) next(t time.Duration) time.Duration {
	need := l.random.ExpFloat64()
	for {
		end := time.Duration(l.second+1) * time.Second
		if room := (end - t).Seconds() * l.rate; need > room {
			need -= room
			t = end
			l.step()
			continue
		}
		return t + time.Duration(need/l.rate*float64(time.Second))
	}
}
