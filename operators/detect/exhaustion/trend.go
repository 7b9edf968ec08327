package exhaustion

import (
	"math"
	"slices"

	"github.com/homeostat/homeostat/pipeline"
)

const (
	// blocks is how many the history has.
	blocks = 24
	// fewest is how many with values a trend is made of.
	fewest = 6
	// sure is how many standard deviations the interval of the slope has on each side: 99.9 %.
	sure = 3.29
	// clear is how large the least slope of the interval has to be, as a share of the slope.
	clear = 0.25
	// begun is what part of a rise has come where it begins.
	begun = 0.1
	// fallen is what part of what the history spans a block has to fall back by to begin a new one.
	fallen = 0.5
)

// past is what is kept of a series beside its blocks. All values are such that they rise to the limit.
type past struct {
	length         int64 // of a block
	block          int64 // the present one, a number since 1970
	n              uint32
	sum, low, high float64 // of the present block
	start, every   int64   // when the last window began, and how long after the one before
	trend
}

// trend is a line by time: it is level in the middle of block at, and rises by slope a block.
type trend struct {
	known              bool
	level              float64
	slope, least, most float64 // with its interval
	at                 int64   // the block that was measured last
	onset              int64   // the block in which the rise began
}

// scratch is room for the slopes of all pairs, and for the blocks or their distances from a line.
type scratch struct{ slopes, rests []float64 }

// add adds a value to the present block.
func (p *past) add(v float64) {
	if p.n == 0 {
		p.sum, p.low, p.high = 0, v, v
	}
	p.n++
	p.sum += v
	p.low, p.high = min(p.low, v), max(p.high, v)
}

// value is that of the present block: the mean, of four values and more without the least and the greatest.
func (p *past) value() float64 {
	if p.n < 4 {
		return p.sum / float64(p.n)
	}
	return min(max((p.sum-p.low-p.high)/float64(p.n-2), p.low), p.high)
}

// end ends the present block: ring, block k at k % blocks, has what is not a number where a block had no value. open says that there
// is a finding: it keeps its beginning.
func (p *past) end(ring []float64, open bool, x *scratch) {
	v := p.value()
	low, high, n := span(ring)
	if n >= 4 && v < p.top(ring)-fallen*(high-low) {
		forget(ring)
		p.trend = trend{}
	}
	ring[place(p.block)] = v
	p.n = 0
	begin := p.rise(ring)
	if open && p.known {
		begin = max(p.onset, p.block-blocks+1)
	}
	p.measure(ring, begin, x)
}

// span returns the least and the greatest of the blocks, and the number of those that are known.
func span(ring []float64) (low, high float64, n int) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, y := range ring {
		if y == y {
			low, high, n = min(low, y), max(high, y), n+1
		}
	}
	return low, high, n
}

// top is the median of the last three blocks that are known.
func (p *past) top(ring []float64) float64 {
	var last [3]float64
	n := 0
	for k := p.block; k > p.block-blocks && n < 3; k-- {
		if y := ring[place(k)]; y == y {
			last[n] = y
			n++
		}
	}
	slices.Sort(last[:n])
	return last[n/2]
}

// rise is the block in which the rise to the present began.
func (p *past) rise(ring []float64) int64 {
	base, _, _ := span(ring)
	limit := base + begun*(p.top(ring)-base)
	for k := p.block; k > p.block-blocks; k-- {
		if y := ring[place(k)]; y == y && y <= limit {
			return k
		}
	}
	return p.block
}

// forget makes all blocks unknown.
func forget(ring []float64) {
	for i := range ring {
		ring[i] = math.NaN()
	}
}

// skip makes room for block k after the present one: those between had no value.
func (p *past) skip(ring []float64, k int64) {
	for j := max(p.block+1, k-blocks+1); j <= k; j++ {
		ring[place(j)] = math.NaN()
	}
	if k-p.block > blocks/4 {
		p.trend = trend{} // nobody knows whether it went on
	}
	p.block = k
}

func place(k int64) int { return int(((k % blocks) + blocks) % blocks) }

// measure computes the trend from a block to the present one.
func (p *past) measure(ring []float64, begin int64, x *scratch) {
	x.slopes, x.rests = x.slopes[:0], x.rests[:0]
	for k := p.block; k >= begin; k-- {
		a := ring[place(k)]
		if a != a {
			continue
		}
		x.rests = append(x.rests, a)
		for j := k - 1; j >= begin; j-- {
			if b := ring[place(j)]; b == b {
				x.slopes = append(x.slopes, (a-b)/float64(k-j))
			}
		}
	}
	p.trend = trend{}
	n, pairs := float64(len(x.rests)), float64(len(x.slopes))
	if n < fewest {
		return
	}
	slices.Sort(x.slopes)
	beside, middle := sure*math.Sqrt(n*(n-1)*(2*n+5)/18)/2, (pairs-1)/2
	t := trend{
		known: true, at: p.block, onset: begin, slope: median(x.slopes),
		least: x.slopes[int(max(0, math.Floor(middle-beside)))], most: x.slopes[int(min(pairs-1, math.Ceil(middle+beside)))],
	}
	x.rests = x.rests[:0]
	for k := p.block; k >= begin; k-- {
		if y := ring[place(k)]; y == y {
			x.rests = append(x.rests, y+t.slope*float64(p.block-k))
		}
	}
	slices.Sort(x.rests)
	t.level = median(x.rests)
	p.trend = t
}

// median of values in order.
func median(sorted []float64) float64 {
	n := len(sorted)
	return sorted[(n-1)/2] + (sorted[n/2]-sorted[(n-1)/2])/2
}

// outlook is what a trend says of a limit. Times are in nanoseconds, infinite for never.
type outlook struct {
	now               float64
	left, least, most float64
	score             float64
	probability       float64
}

// look looks ahead from a time, when the value was v, to a limit that values rise to. What is told goes
// on while the slope does, and at the limit.
func (p *past) look(r *rule, now int64, v, limit float64, open bool) outlook {
	block := float64(r.block)
	o := outlook{now: p.level + p.slope*(float64(now-p.at*r.block)/block-0.5)}
	distance := limit - o.now
	o.left, o.least, o.most = block*left(distance, p.slope), block*left(distance, p.most), block*left(distance, p.trend.least)
	lasts := now-p.onset*r.block >= r.least && p.trend.least >= clear*p.slope
	reached := open && v >= limit
	if !reached && (p.slope <= 0 || !lasts && !open) {
		return o
	}
	if reached {
		o.left, o.least, o.most = 0, 0, 0
	}
	o.score = min(r.horizon/max(o.left, 1), maxScore)
	// How much more than the needed slope there is, in deviations of the slope.
	deviation := max((p.most-p.trend.least)/(2*sure), math.Abs(p.slope)*1e-9, 1e-300)
	o.probability = 0.5 * math.Erfc((max(distance, 0)*block/r.horizon-p.slope)/deviation/math.Sqrt2)
	return o
}

// left is in how many blocks a slope covers a distance.
func left(distance, slope float64) float64 {
	switch {
	case distance <= 0:
		return 0
	case slope <= 0:
		return math.Inf(1)
	}
	return distance / slope
}

// evidence names the numbers.
func (o *outlook) evidence(r *rule, t *trend, limit float64) []pipeline.Evidence {
	var out []pipeline.Evidence
	for _, x := range [...]pipeline.Evidence{{Name: "seconds_left", Value: o.left / 1e9}, {Name: "seconds_left_least", Value: o.least / 1e9}, {Name: "seconds_left_most", Value: o.most / 1e9}} {
		if !math.IsInf(x.Value, 0) {
			out = append(out, x)
		}
	}
	return append(out, pipeline.Evidence{Name: "slope_per_hour", Value: r.sign * t.slope * 3600e9 / float64(r.block)},
		pipeline.Evidence{Name: "limit", Value: limit})
}
