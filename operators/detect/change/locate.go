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
	per, lean := 1/s.Deviation, s.lean()
	for i := range z {
		z[i] = (m.value(s, n-i) - s.Mean) * per
	}
	far := max(cut, 1.5*middle(math.Abs(z[n-1]), math.Abs(z[max(0, n-2)]), math.Abs(z[max(0, n-3)])))
	for i := range z {
		z[i] = max(-far, min(far, z[i])) - lean*float64(i)
	}
	return z
}

func middle(a, b, c float64) float64 { return max(min(a, b), min(max(a, b), c)) }

// place is where a change is and what.
type place struct {
	kind            kind
	at, first, last int     // the first value behind it; the ends of the interval
	size, error     float64 // in deviations, of a slope each window; the logarithm of the ratio of spreads
	likelihood      float64 // its logarithm, more than without a change
}

// split is values cut in two, as sums of deviations from their mean.
type split struct {
	count, squares, inflation float64 // of all
	after, prior              float64 // how many
	sum, square               float64 // of those behind
	ramp                      float64 // the same, each times how many are from the first behind to it
}

// gained is by how much the likelihood is higher when so much of the squares is explained.
func (c *split) gained(squares float64) float64 {
	return -c.count / 2 * math.Log(1-min(squares/c.squares, 1-1e-9))
}

// left is the variance that a mean of so much weight has when so much of the squares is explained.
func (c *split) left(squares, weight float64) float64 {
	return math.Sqrt(max(c.squares-squares, 0) / c.count * c.inflation / weight)
}

func (c *split) step() place {
	weight := c.after * c.prior / c.count
	explained := c.sum * c.sum / weight
	return place{kind: level, size: c.sum / weight, error: c.left(explained, weight), likelihood: c.gained(explained)}
}

func (c *split) kink() place {
	ramp := c.after * (c.after + 1) / 2
	weight := ramp*(2*c.after+1)/3 - ramp*ramp/c.count
	if c.after < shortest || weight <= 0 {
		return place{}
	}
	explained := c.ramp * c.ramp / weight
	return place{kind: slope, size: c.ramp / weight, error: c.left(explained, weight), likelihood: c.gained(explained)}
}

func (c *split) spread() place {
	if c.after < shortest || c.prior < shortest {
		return place{}
	}
	all, before, behind := c.squares/c.count, max(leastVariance, (c.squares-c.square)/c.prior), max(leastVariance, c.square/c.after)
	return place{kind: spread, size: 0.5 * math.Log(behind/before), error: math.Sqrt(c.inflation * 0.5 * (1/c.after + 1/c.prior)),
		likelihood: c.prior/2*math.Log(all/before) + c.after/2*math.Log(all/behind)}
}

// likeliest compares all places of a step, a kink, and another spread. inflation is how much farther apart means are than those of
// independent values.
func likeliest(z []float64, inflation float64) place {
	n := len(z)
	c := split{count: float64(n), inflation: inflation}
	mean := 0.0
	for _, x := range z {
		mean += x / c.count
	}
	for _, x := range z {
		c.squares += (x - mean) * (x - mean)
	}
	c.squares += leastVariance * c.count
	best := place{kind: level, at: n - 1, first: n - 1, last: n - 1}
	curves := make([][3]float64, n)
	for at := n - 1; at > 0; at-- {
		x := z[at] - mean
		c.sum, c.square = c.sum+x, c.square+x*x
		c.ramp += c.sum
		c.after, c.prior = float64(n-at), float64(at)
		for i, p := range [...]place{c.step(), c.kink(), c.spread()} {
			if curves[at][i] = p.likelihood; p.likelihood > best.likelihood {
				p.at, p.first, p.last = at, at, at
				best = p
			}
		}
	}
	least, i := best.likelihood-drop*inflation, best.kind-level
	for best.first > 1 && curves[best.first-1][i] > least {
		best.first--
	}
	for best.last < n-1 && curves[best.last+1][i] > least {
		best.last++
	}
	return best
}
