package novelty

import (
	"math"
	"slices"

	"github.com/homeostat/homeostat/operators/state"
)

const (
	// longest is the longest window.
	longest = 60
	// blockSize is the number of values in a block, of which the memory keeps the least, the last and the greatest.
	blockSize = 12
	// tail is the share of blocks whose extreme lies outside low..high: that of values is a twelfth of it.
	tail = 0.06
	// restShare is the part of the time that the series is known for in which novelty is told once; at most restMost of the memory.
	restShare, restMost = 0.05, 0.1
	// relative and absolute are the least scale, as a share of the median and in the metric's unit.
	relative, absolute = 1e-3, 1e-9
)

// head is what is kept of a series beside its rows in the matrices.
type head struct {
	slot           uint32 // plus one; 0 before the first value
	count          uint64 // values so far, and so the name of the last one
	low, mid, high float64
	bar            float64      // logarithm of what reports have raised the threshold by
	peak           float32      // the greatest novelty of the present block
	hints          [sizes]uint8 // the patterns that were met last; nothing depends on them but time
}

// memory is what is known of the last values of all series, by slot in the order of first values.
type memory struct {
	blocks, peaks int // how many are kept
	slots         uint32
	values        *state.Matrix[float64] // the last values as a ring: value n at n % longest
	times         *state.Matrix[int64]   // the starts of their windows
	// extremes are the blocks as a ring, block n at n % blocks: the least values, then the last ones, then the greatest.
	extremes *state.Matrix[float64]
	// novelty is the greatest of each of the last blocks, block n at n % peaks.
	novelty *state.Matrix[float32]
	scratch []float64
}

func newMemory(values int) memory {
	m := memory{blocks: values / blockSize}
	m.peaks = max(1, int(restMost*float64(m.blocks)))
	m.values, m.times = state.NewMatrix[float64](longest), state.NewMatrix[int64](longest)
	m.extremes, m.novelty = state.NewMatrix[float64](3*m.blocks), state.NewMatrix[float32](m.peaks)
	return m
}

func (m *memory) grow(slots uint32) {
	m.slots = slots
	n := int(slots)
	m.values.Grow(n)
	m.times.Grow(n)
	m.extremes.Grow(n)
	m.novelty.Grow(n)
}

// add takes a value in, and at the end of a block what is usual. It returns the ring of values.
func (m *memory) add(h *head, start int64, v float64) []float64 {
	ring, at := m.values.Edit(h.slot-1), h.count%longest
	ring[at] = v
	m.times.Edit(h.slot - 1)[at] = start
	h.count++
	if h.count%blockSize != 0 {
		return ring
	}
	newest := ring[at+1-blockSize : at+1] // the ring has room for whole blocks
	least, greatest := slices.Min(newest), slices.Max(newest)
	extremes := m.extremes.Edit(h.slot - 1)
	block := int((h.count/blockSize - 1) % uint64(m.blocks))
	n := min(int(h.count/blockSize), m.blocks)
	usual := func(column int, v, p, was float64) float64 {
		values := extremes[column*m.blocks:][:m.blocks]
		values[block] = v
		return m.quantile(values[:n], p, was)
	}
	h.low, h.mid, h.high = usual(0, least, tail, h.low), usual(1, v, 0.5, h.mid), usual(2, greatest, 1-tail, h.high)
	return ring
}

// quantile interpolates between the values around position p·(n−1) in order of size. was is about what it will be: it only saves time.
func (m *memory) quantile(values []float64, p, was float64) float64 {
	at := p * float64(len(values)-1)
	k := int(at)
	v, next, ok := around(values, k, was)
	if !ok {
		m.scratch = append(m.scratch[:0], values...)
		if v = nth(m.scratch, k); k+1 == len(values) {
			return v
		}
		next = slices.Min(m.scratch[k+1:])
	}
	f := at - float64(k)
	return min(v+f*(next-v), next)
}

// around returns what would be at k and at k+1 if the values were in order of size, where one of them or a place between them is at was.
// A quantile of hundreds of values hardly moves by one more, so that is how it is mostly.
func around(values []float64, k int, was float64) (v, next float64, ok bool) {
	below, highest, second, lowest, third := 0, math.Inf(-1), math.Inf(-1), math.Inf(1), math.Inf(1)
	for _, x := range values {
		// On which side a value is can't be foretold, so there is no branch for that: a sign takes its place.
		below += int(math.Float64bits(x-was) >> 63)
		if int64(math.Float64bits(second-x)&math.Float64bits(x-third)) >= 0 {
			continue // not between second and third
		}
		if x < was {
			if second = x; x > highest {
				highest, second = x, highest
			}
		} else if third = x; x < lowest {
			lowest, third = x, lowest
		}
	}
	switch above := len(values) - below; {
	case below == k+1 && above >= 1:
		return highest, lowest, true
	case below == k && above >= 2:
		return lowest, third, true
	case below == k+2:
		return second, highest, true
	}
	return 0, 0, false
}

// nth returns what would be at k if the values were in order of size, and moves the greater ones behind it (Hoare, Algorithm 65:
// Find, Communications of the ACM 4, 1961).
func nth(values []float64, k int) float64 {
	low, high := 0, len(values)-1
	for low < high {
		pivot := values[(low+high)/2]
		i, j := low, high
		for i <= j {
			for values[i] < pivot {
				i++
			}
			for values[j] > pivot {
				j--
			}
			if i <= j {
				values[i], values[j] = values[j], values[i]
				i++
				j--
			}
		}
		if k <= j {
			high = j
		} else if k >= i {
			low = i
		} else {
			break
		}
	}
	return values[k]
}

// scale returns how large a unit is.
func (h *head) scale() float64 {
	return max(h.high-h.low, relative*math.Abs(h.mid), absolute)
}

// stands tells whether a novelty is above all of the rest, and remembers it.
func (m *memory) stands(h *head, novelty float32) bool {
	peaks := m.novelty.Edit(h.slot - 1)
	above := novelty > h.peak
	h.peak = max(h.peak, novelty)
	block := (h.count - 1) / blockSize
	rest := min(m.peaks, max(4, int(restShare*float64(h.count)/blockSize)))
	for i := 1; i <= min(rest, int(block)) && above; i++ {
		above = novelty > peaks[(block-uint64(i))%uint64(m.peaks)]
	}
	if h.count%blockSize == 0 {
		peaks[block%uint64(m.peaks)] = h.peak
		h.peak = 0
	}
	return above
}
