package change

import (
	"math"

	"github.com/homeostat/homeostat/pipeline"
)

const (
	// stay is for how many windows a finding is open at least, unless the series goes back.
	stay = 12
	// drop is by how much the logarithm of the likelihood may be less than the highest within an interval of 95 % of the place of a change: of
	// twice the maximum of what is beside it the distribution is (1 − e^(−x/2))² (Siegmund).
	drop = 3.68
	// leastVariance, in squares of the deviation, keeps the logarithm of what stands still finite.
	leastVariance = 0.01
)

// locate finds the kind, the place, the size and the intervals of a change that was seen. It returns the onset. The regime begins there.
func (m *model) locate(s *regime, f *pipeline.Finding) int64 {
	k := m.best
	n := min(int(s.known), 4*m.last[k]+before)
	z := m.values(s, n)
	p := likeliest(z, m.usual(level, k))
	after := n - p.at
	every := (f.Start - m.when(s, n)) / int64(max(1, n-1))
	seconds := float64(every) / 1e9
	unit := s.Deviation
	if p.kind == slope {
		unit /= max(seconds, 1e-9)
	}
	s.change = change{kind: p.kind, peak: f.Score, size: p.size, low: p.size - 1.96*p.error, high: p.size + 1.96*p.error,
		early: float64(p.at-p.first) * seconds, late: float64(p.last-p.at) * seconds}
	if p.kind == spread {
		s.size, s.low, s.high = math.Exp(s.size), math.Exp(s.low), math.Exp(s.high)
	} else {
		s.size, s.low, s.high = s.size*unit, s.low*unit, s.high*unit
	}
	onset := m.when(s, after)
	if after == 1 {
		onset = f.Start
	}
	whole := m.last[k] + m.prior[k]
	m.sum(s, whole)
	sums := m.zs
	if p.kind == spread {
		sums = m.ys
	}
	s.was = (sums[whole] - sums[m.last[k]]) / float64(m.prior[k])
	s.began, s.known = s.count-uint64(after), uint32(n-p.last)
	s.until = min(max(m.warmup, s.known+stay), uint32(m.ring))
	s.moved = m.now(s, p.kind) - s.was
	return onset
}

// values returns the last n values, oldest first, in deviations from the mean and without the trend. They are cut further out than for
// comparison, if the last three are further out.
func (m *model) values(s *regime, n int) []float64 {
	z := m.scratch[:n]
	per := 1 / s.Deviation
	for i := range z {
		z[i] = (m.value(s, n-i) - s.Mean) * per
	}
	far := max(cut, 1.5*middle(math.Abs(z[n-1]), math.Abs(z[max(0, n-2)]), math.Abs(z[max(0, n-3)])))
	for i := range z {
		z[i] = max(-far, min(far, z[i])) - s.trend*per*float64(i)
	}
	return z
}

func middle(a, b, c float64) float64 { return max(min(a, b), min(max(a, b), c)) }

// place is where a change is and what.
type place struct {
	kind            kind
	at, first, last int // the first value behind it; the ends of the interval
	size, error     float64
	likelihood      float64
}

// likeliest compares all places of a step, a kink, and another spread.
func likeliest(z []float64, inflation float64) place {
	n := len(z)
	count := float64(n)
	all, squares := 0.0, 0.0
	for _, x := range z {
		all += x
	}
	mean := all / count
	for _, x := range z {
		squares += (x - mean) * (x - mean)
	}
	squares += leastVariance * count
	best := place{kind: level, at: n - 1, first: n - 1, last: n - 1, likelihood: -1}
	curves := [4][]float64{level: make([]float64, n), slope: make([]float64, n), spread: make([]float64, n)}
	sum, ramp, square := 0.0, 0.0, 0.0 // of the values from at on: Σ, Σ of them by how far they are behind at − 1, and of squares
	for at := n - 1; at > 0; at-- {
		x := z[at] - mean
		sum, square = sum+x, square+x*x
		ramp += sum
		after := float64(n - at)
		prior := count - after
		gain := sum * sum * count / (after * prior)
		curves[level][at] = -count / 2 * math.Log(1-min(gain, squares*(1-1e-9))/squares)
		if curves[level][at] > best.likelihood {
			step := sum * count / (after * prior)
			left := (squares - gain) / count
			best = place{level, at, at, at, step, math.Sqrt(max(left, 0) * inflation * (1/after + 1/prior)), curves[level][at]}
		}
		r := after * (after + 1) / 2
		variance := r*(2*after+1)/3 - r*r/count
		if gain = ramp * ramp / variance; variance > 0 && after >= shortest {
			curves[slope][at] = -count / 2 * math.Log(1-min(gain, squares*(1-1e-9))/squares)
			if curves[slope][at] > best.likelihood {
				left := (squares - gain) / count
				best = place{slope, at, at, at, ramp / variance, math.Sqrt(max(left, 0) * inflation / variance), curves[slope][at]}
			}
		}
		if after >= shortest && prior >= shortest {
			a, p, v := square/after+leastVariance, (squares-square)/prior, squares/count
			p = max(p, leastVariance)
			curves[spread][at] = prior/2*math.Log(v/p) + after/2*math.Log(v/a)
			if curves[spread][at] > best.likelihood {
				best = place{spread, at, at, at, 0.5 * math.Log(a/p), math.Sqrt(inflation * 0.5 * (1/after + 1/prior)), curves[spread][at]}
			}
		}
	}
	curve := curves[best.kind]
	for best.first > 1 && curve[best.first-1] > best.likelihood-drop*inflation {
		best.first--
	}
	for best.last < n-1 && curve[best.last+1] > best.likelihood-drop*inflation {
		best.last++
	}
	return best
}
