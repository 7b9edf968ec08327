package change

import "math"

const (
	// shortest is the length of the last values that are compared with those before them, on the first scale.
	shortest = 4
	// before is how many values at least they are compared with.
	before = 24
	// memory is over how many of its lengths a scale remembers how far neighbours usually are apart.
	memory = 200
	// enough is over how many lengths it is learned before a scale says anything, most how many count for degrees of freedom.
	enough, most = 8, 200
	// history is over how many values the average difference is learned.
	history = 240
	// certain is how many standard errors a slope has to be from the one before.
	certain = 4
	// outlying is how many times what is usual is learned at most.
	outlying = 9
	// The variance of level and spread that is taken for usual at least, in squares of the deviation.
	leastLevel, leastSpread = 1, 0.06
)

// blocks compares the last values of a series with those before them on scales of 4, 8, 16, … values. Its row is the ring of values, the
// ring of their windows' starts in microseconds, how far apart neighbours usually are on each scale (mean squares, level and
// spread), and over how many values that was learned.
type blocks struct {
	scales, ring int
	last, prior  []int     // lengths by scale
	step         []int     // each of so many windows is looked at: a power of two
	noise        []float64 // 1/last + 1/prior
	often        []float64 // what the square of a deviation has to be more, since a shorter scale has more independent comparisons

	row []float64
	// What compare found, until learn. Squares are in units of deviation², of a mean of one value.
	deepest         int
	squares         [2][]float64
	slopes          []float64
	zs, ys, scratch []float64
	best            int // the scale of the highest
}

func newBlocks(scales int) blocks {
	b := blocks{scales: scales, ring: 4 * shortest << (scales - 1)}
	for k := range scales {
		n := shortest << k
		b.last, b.prior = append(b.last, n), append(b.prior, max(before, 2*n))
		b.step = append(b.step, max(1, n/8))
		b.often = append(b.often, 2*math.Log(float64(int(1)<<(scales-1-k))))
		b.noise = append(b.noise, 1/float64(n)+1/float64(b.prior[k]))
	}
	b.squares = [2][]float64{make([]float64, scales), make([]float64, scales)}
	b.slopes = make([]float64, scales)
	b.zs, b.ys, b.scratch = make([]float64, b.ring+1), make([]float64, b.ring+1), make([]float64, b.ring+1)
	return b
}

// Width implements univariate.Ringed.
func (b *blocks) Width() int { return 2*b.ring + 3*b.scales }

// Use implements univariate.Ringed.
func (b *blocks) Use(ring []float64) { b.row = ring }

// push adds a value.
func (b *blocks) push(s *regime, v float64) {
	b.row[s.count&uint64(b.ring-1)] = v
	s.count++
	s.known = min(s.known+1, uint32(b.ring))
}

// start says in which window the last value was.
func (b *blocks) start(s *regime, start int64) {
	b.row[b.ring+int((s.count-1)&uint64(b.ring-1))] = float64(start / 1000)
}

// value returns one of the last values, 1 being the last.
func (b *blocks) value(s *regime, ago int) float64 {
	return b.row[(s.count-uint64(ago))&uint64(b.ring-1)]
}

// when returns the start of its window.
func (b *blocks) when(s *regime, ago int) int64 {
	return 1000 * int64(b.row[b.ring+int((s.count-uint64(ago))&uint64(b.ring-1))])
}

// usual is how far apart neighbours usually are on a scale: the mean of squares.
func (b *blocks) usual(of kind, k int) float64 {
	if of == spread {
		return max(leastSpread, b.row[2*b.ring+b.scales+k])
	}
	return max(leastLevel, b.row[2*b.ring+k])
}

// due tells whether a scale is looked at: the longer, the more seldom.
func (b *blocks) due(s *regime, k int) bool {
	return s.known > uint32(b.last[k]+b.prior[k]) && s.count&uint64(b.step[k]-1) == 0
}

// compare looks at all scales that are due and returns the highest of their deviations from what is usual.
func (b *blocks) compare(s *regime) float64 {
	b.deepest = -1
	for k := range b.scales {
		if b.due(s, k) {
			b.deepest = k
		}
	}
	if b.deepest < 0 {
		return 0
	}
	b.sum(s, b.last[b.deepest]+b.prior[b.deepest])
	highest := 0.0
	seen := b.row[2*b.ring+2*b.scales:]
	lean := s.lean()
	for k := range b.deepest + 1 {
		if !b.due(s, k) {
			continue
		}
		n, m := b.last[k], b.last[k]+b.prior[k]
		in, ip := 1/float64(n), 1/float64(b.prior[k])
		d := b.zs[n]*in - (b.zs[m]-b.zs[n])*ip
		apart := 0.5 * float64(m)
		b.slopes[k] = d / apart
		d -= lean * apart
		e := b.ys[n]*in - (b.ys[m]-b.ys[n])*ip
		b.squares[0][k], b.squares[1][k] = d*d/b.noise[k], e*e/b.noise[k]
		if seen[k] < enough*float64(n) {
			continue
		}
		ratio := b.squares[0][k] / b.usual(level, k)
		if k > 0 {
			ratio = max(ratio, b.squares[1][k]/b.usual(spread, k))
		}
		if ratio > highest {
			free := min(most, seen[k]/float64(n))
			if z := free*math.Log1p(ratio/free) - b.often[k]; z > highest {
				highest, b.best = z, k
			}
		}
	}
	return math.Sqrt(highest)
}

// sum makes zs[i] the sum of the last i values, in deviations from the mean, and ys[i] that of the roots of their differences from the values
// before them.
func (b *blocks) sum(s *regime, n int) {
	per, mask, at := 1/s.Deviation, b.ring-1, int(s.count)
	v := b.row[(at-1)&mask]
	z, y := 0.0, 0.0
	zs, ys := b.zs[:n+1], b.ys[:n+1]
	most := max(1, cutStep*s.step)
	most *= most
	for i := 1; i <= n; i++ {
		u := b.row[(at-i-1)&mask]
		d := (v - s.Mean) * per
		if d > cut {
			d = cut
		} else if d < -cut {
			d = -cut
		}
		z += d
		if d = math.Abs(v-u) * per; d > most {
			d = most
		}
		y += math.Sqrt(d)
		zs[i], ys[i] = z, y
		v = u
	}
}

// learn takes what compare found for usual, but no more of it than outlying; calm says that the trend may be learned of it too.
func (b *blocks) learn(s *regime, calm bool) {
	seen := b.row[2*b.ring+2*b.scales:]
	for k := range b.deepest + 1 {
		if !b.due(s, k) {
			continue
		}
		step, n := float64(b.step[k]), float64(b.last[k])
		first := seen[k] < enough*n
		seen[k] = min(seen[k]+step, memory*n)
		share := step / seen[k]
		for c, of := range [...]kind{level, spread} {
			square := b.squares[c][k]
			if !first {
				square = min(square, outlying*b.usual(of, k))
			}
			at := &b.row[2*b.ring+c*b.scales+k]
			*at += share * (square - *at)
		}
		if calm && k == 0 {
			s.step += (b.ys[1] - s.step) / min(seen[0], history)
		}
		if calm && k == b.deepest && k > 1 {
			s.trend += step / float64(16*b.ring) * (b.slopes[k]*s.Deviation - s.trend)
		}
	}
}

// now is the level or the spread of the last values.
func (b *blocks) now(s *regime, of kind) float64 {
	n := min(shortest, int(s.known))
	if of == spread {
		n = min(4*shortest, int(s.known))
	}
	b.sum(s, n)
	if of == spread {
		return b.ys[n] / float64(n)
	}
	return b.zs[n] / float64(n)
}

// gradient is the slope of the last n values by least squares; the trend as it was, where that may be by chance.
func (b *blocks) gradient(s *regime, n int) float64 {
	center, up, down := float64(n+1)/2, 0.0, 0.0
	for i := 1; i <= n; i++ {
		x := center - float64(i)
		up, down = up+x*b.value(s, i), down+x*x
	}
	after := up / max(down, 1)
	if math.Abs(after-s.trend)*math.Sqrt(down/b.usual(level, 0)) < certain*s.Deviation {
		return s.trend
	}
	return after
}
