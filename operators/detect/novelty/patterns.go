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

// look computes the features of the windows that end at the newest value, which is ring[last].
func look(ring []float64, last int, h *head, out *[sizes]point) {
	unit := 1 / h.scale()
	var sums [longest + 1]float64 // of the newest values
	var sum, squares, steps float64
	lo, hi := math.Inf(1), math.Inf(-1)
	var newest, before float64
	at, size := last, 0
	for n := 1; n <= longest; n++ {
		v := min(max((ring[at]-h.mid)*unit, -far), far)
		if at--; at < 0 {
			at = longest - 1
		}
		if n == 1 {
			newest, before = v, v
		}
		sum += v
		sums[n] = sum
		squares += v * v
		steps += math.Abs(v - before)
		before = v
		lo, hi = min(lo, v), max(hi, v)
		if n != lengths[size] {
			continue
		}
		m := sum / float64(n)
		late := sums[n/2]
		out[size] = point{
			mean: float32(m), deviation: float32(math.Sqrt(max(0, squares/float64(n)-m*m))), least: float32(lo), greatest: float32(hi),
			step: float32(steps / float64(n-1)), net: float32(newest - v), halves: float32(halvesWeight * (2*late - sum) / float64(n/2)),
		}
		size++
	}
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

// visit returns how far a window of a size is from the nearest pattern and which that is, and remembers that the series was there. The first
// window has no distance.
func (p *patterns) visit(slot uint32, size int, x *point, now, memory uint32, vigilance float32) (distance float32, nearest int) {
	places := p.places.Row(slot)
	if places != nil {
		places = places[size*most : (size+1)*most]
	}
	met := p.met.Edit(slot)[size*most : (size+1)*most]
	best, at := float32(math.Inf(1)), -1
	oldest, age := 0, uint32(0)
	for i, seen := range met[:len(places)] {
		if seen == 0 { // places are taken in their order
			oldest = i
			break
		}
		if now-seen > age {
			oldest, age = i, now-seen
		}
		if now-seen > memory {
			continue
		}
		if d := x.from(&places[i], best); d < best {
			best, at = d, i
		}
	}
	known := at >= 0
	if known {
		best = float32(math.Sqrt(float64(best)))
	}
	if known && best <= vigilance {
		met[at] = now
		return best, at
	}
	p.places.Edit(slot)[size*most+oldest] = *x
	met[oldest] = now
	if !known {
		best = 0
	}
	return best, at
}

// from returns the square of the distance, or something not less than enough.
func (x *point) from(y *point, enough float32) float32 {
	a, b, c, d := x[0]-y[0], x[1]-y[1], x[2]-y[2], x[3]-y[3]
	s := a*a + b*b + c*c + d*d
	if s >= enough {
		return s
	}
	e, f, g := x[4]-y[4], x[5]-y[5], x[6]-y[6]
	return s + e*e + f*f + g*g
}
