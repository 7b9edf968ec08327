package novelty

import (
	"math"

	"github.com/homeostat/homeostat/operators/state"
)

const (
	// sizes is the number of window sizes, most that of patterns of each of them.
	sizes = len(lengths)
	most  = 64
	// far is the most units that a value is away from the median.
	far = 3
)

// lengths are the numbers of values in the windows, ascending.
var lengths = [...]int{12, 24, 36, longest}

// point is a window in the space of its features; the last number is 0, which makes a point a cache line's half.
type point [8]float32

const (
	mean = iota
	deviation
	least
	greatest
	step
	net
	halves
	features
)

// names of the features, as findings tell them.
var names = [features]string{"mean", "deviation", "least", "greatest", "step", "net", "halves"}

// halvesWeight is how much the difference of the halves counts.
const halvesWeight = 2

// marks are the numbers of the newest values of which the sum is needed: the lengths of windows and of their halves, ascending. halfOf
// and wholeOf are where those of each window are.
var (
	marks   = [...]int{6, 12, 18, 24, 30, 36, longest}
	halfOf  = [sizes]int{0, 1, 2, 4}
	wholeOf = [sizes]int{1, 3, 5, 6}
)

// look computes the features of the windows that end at the newest value, which is ring[last].
func look(ring []float64, last int, h *head, out *[sizes]point) {
	unit, mid := 1/h.scale(), h.mid
	var values [longest]float64 // the newest first
	for n := range values {
		if last < 0 {
			last = longest - 1
		}
		values[n] = clip((ring[last] - mid) * unit)
		last--
	}
	var sums [len(marks)]float64
	var sum, squares, steps float64
	before, lo, hi := values[0], values[0], values[0]
	from, size := 0, 0
	for k, mark := range marks {
		for _, v := range values[from:mark] {
			sum += v
			squares += v * v
			steps += math.Abs(v - before)
			before = v
			// The builtins min and max cost more, since they look for NaN.
			if v < lo {
				lo = v
			}
			if v > hi {
				hi = v
			}
		}
		from, sums[k] = mark, sum
		if k != wholeOf[size] {
			continue
		}
		n := float64(mark)
		m, late := sum/n, sums[halfOf[size]]
		out[size] = point{
			mean: float32(m), deviation: float32(math.Sqrt(max(0, squares/n-m*m))), least: float32(lo), greatest: float32(hi),
			step: float32(steps / (n - 1)), net: float32(values[0] - before), halves: float32(halvesWeight * (2*late - sum) / float64(mark/2)),
		}
		size++
	}
}

func clip(v float64) float64 {
	if v > far {
		return far
	}
	if v < -far {
		return -far
	}
	return v
}

// patterns are where the windows of all series have been, by slot.
type patterns struct {
	places *state.Matrix[point]
	// met is the count at which a pattern was met last; 0 is a free place.
	met *state.Matrix[uint32]
}

func newPatterns() patterns {
	return patterns{state.NewMatrix[point](sizes * most), state.NewMatrix[uint32](sizes * most)}
}

func (p *patterns) grow(n int) {
	p.places.Grow(n)
	p.met.Grow(n)
}

// visit returns how far a window of a size is from the nearest pattern, says where that is, and remembers that the series was there. The
// first window has no distance, and is its own nearest pattern. hint is where the series was before: it only saves time.
func (p *patterns) visit(slot uint32, size int, x *point, now, memory uint32, vigilance float32, hint *uint8, nearest *point) (distance float32) {
	places := p.places.Row(slot)
	if places != nil {
		places = places[size*most : (size+1)*most]
	}
	met := p.met.Edit(slot)[size*most : (size+1)*most]
	met = met[:max(len(places), 1)]
	best, at := float32(math.MaxFloat32), most
	if h := int(*hint); h < len(places) && met[h] != 0 && now-met[h] <= memory {
		best, at = x.near(&places[h])+x.far(&places[h]), h
	}
	oldest, age := 0, uint32(0)
	for i := range places {
		seen := met[i]
		if seen == 0 { // places are taken in their order
			oldest = i
			break
		}
		since := now - seen
		if since > age {
			oldest, age = i, since
		}
		y := &places[i]
		s := x.near(y)
		if s > best || since > memory {
			continue
		}
		// Of equal distances the first place counts, whatever the hint was.
		if s += x.far(y); s < best || s == best && i < at {
			best, at = s, i
		}
	}
	if *nearest = *x; at < most {
		*nearest = places[at]
		distance = float32(math.Sqrt(float64(best)))
		if distance <= vigilance {
			met[at], *hint = now, uint8(at)
			return distance
		}
	}
	p.places.Edit(slot)[size*most+oldest] = *x
	met[oldest], *hint = now, uint8(oldest)
	return distance
}

// near and far add up to the square of the distance; near has the features that tell most.
func (x *point) near(y *point) float32 {
	a, b, c, d := x[mean]-y[mean], x[net]-y[net], x[halves]-y[halves], x[greatest]-y[greatest]
	return a*a + b*b + c*c + d*d
}

func (x *point) far(y *point) float32 {
	a, b, c := x[least]-y[least], x[deviation]-y[deviation], x[step]-y[step]
	return a*a + b*b + c*c
}
