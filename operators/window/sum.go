package window

import (
	"math"
	"math/big"
	"slices"
	"unsafe"
)

// Sums are exact, and by that independent of the order of their parts: what is given out is the true sum, rounded once.
//
// A cell holds its sum as two numbers whose unrounded sum is the true one. Each addition is Knuth's TwoSum, which gives the
// rounding error as a number (The Art of Computer Programming, vol. 2, 4.2.2, theorem B); the error is added to the second number, again
// with its error. As long as that last error is 0, nothing was lost. Whole numbers below 2^53 never get past the first
// comparison, and what is measured in practice spans far less than the 106 bits there are. A cell whose parts span more
// moves to a wide sum, which spans all of float64: the small superaccumulator of R. M. Neal (Fast Exact Summation Using Small
// and Large Superaccumulators, arXiv:1505.05571, 2015).
//
// Sums that are only reproducible, in bins (J. Demmel, H. D. Nguyen: Parallel Reproducible Summation, IEEE Transactions on
// Computers 64(7), 2015), need as many operations at each addition as two TwoSums, and six numbers a cell.

// wide is a sum in fixed point: chunk i counts 2^(32i-1074).
type wide struct {
	chunk [wideChunks]int64
	// pending additions since carries were passed on: a chunk takes 2^30 of them at least.
	pending int64
	// born is the number of freezes when it was made: those since then see it.
	born uint64
}

const (
	wideChunks   = 67
	mostPending  = 1 << 30
	bytesPerWide = int64(unsafe.Sizeof(wide{}))
)

// add adds a finite number.
func (w *wide) add(v float64) {
	bits := math.Float64bits(v)
	exponent, mantissa := bits>>52&0x7ff, bits&(1<<52-1)
	if exponent > 0 {
		mantissa |= 1 << 52
		exponent--
	}
	i, shift := exponent>>5, exponent&31
	low, middle, high := int64(mantissa<<shift&0xffffffff), int64(mantissa>>(32-shift)&0xffffffff), int64(mantissa>>(64-shift))
	if bits>>63 == 1 {
		low, middle, high = -low, -middle, -high
	}
	w.chunk[i] += low
	w.chunk[i+1] += middle
	w.chunk[i+2] += high
	w.settle(1)
}

// merge adds another sum.
func (w *wide) merge(other *wide) {
	w.settle(other.pending)
	for i, c := range other.chunk {
		w.chunk[i] += c
	}
}

// settle notes additions and passes carries on before a chunk could overflow.
func (w *wide) settle(additions int64) {
	if w.pending += additions; w.pending < mostPending {
		return
	}
	for i := range wideChunks - 1 {
		carry := w.chunk[i] >> 32
		w.chunk[i] -= carry << 32
		w.chunk[i+1] += carry
	}
	w.pending = additions + 1
}

// value returns the sum, rounded to the nearest float64.
func (w *wide) value() float64 {
	total, chunk := new(big.Int), new(big.Int)
	for i := wideChunks - 1; i >= 0; i-- {
		total.Lsh(total, 32)
		total.Add(total, chunk.SetInt64(w.chunk[i]))
	}
	exact := new(big.Float).SetInt(total)
	v, _ := exact.SetMantExp(exact, -1074).Float64()
	return v + 0
}

// wides is the wide sums of an operator. Few cells ever need one. A freeze takes the pointers, and the first change of a sum
// after it copies it.
type wides struct {
	all     []*wide
	free    []uint32
	freezes uint64
}

// freeze returns the sums by their places, never to be changed any more.
func (p *wides) freeze() []*wide {
	p.freezes++
	return slices.Clone(p.all)
}

// edit returns a sum to be changed.
func (p *wides) edit(i uint32) *wide {
	w := p.all[i]
	if w.born < p.freezes {
		own := *w
		own.born = p.freezes
		w = &own
		p.all[i] = w
	}
	return w
}

// take returns the place of an empty sum; made tells whether memory was taken for it.
func (p *wides) take() (i uint32, made bool) {
	if n := len(p.free); n > 0 {
		i, p.free = p.free[n-1], p.free[:n-1]
		p.all[i] = &wide{born: p.freezes}
		return i, false
	}
	p.all = append(p.all, &wide{born: p.freezes})
	return uint32(len(p.all) - 1), true
}

// used tells whether any is.
func (p *wides) used() bool { return len(p.all) > len(p.free) }

func (p *wides) give(i uint32) { p.free = append(p.free, i) }
