package otlp

import (
	"math"

	"github.com/homeostat/homeostat/schemas/histogram"
)

// explicit estimates from bounds and counts. false: they contradict themselves.
func (d *distribution) explicit(e *histogram.Estimator) bool {
	if len(d.bounds) == 0 && len(d.counts) <= 1 {
		return len(d.counts) == 0 || (d.counts[0] == 0) == (d.count == 0) // one bucket for all says nothing of where they are
	}
	if !d.rising() {
		return false
	}
	for _, n := range d.counts {
		e.Total += float64(n)
	}
	if (e.Total == 0) != (d.count == 0) {
		return false
	}
	low := math.Inf(-1)
	for i, n := range d.counts {
		high := math.Inf(1)
		if i < len(d.bounds) {
			high = d.bounds[i]
		}
		if e.Reaches(float64(n)) {
			e.Bucket(low, high, float64(n))
		}
		low = high
	}
	return true
}

// rising tells whether there is one bucket more than bounds, and these rise.
func (d *distribution) rising() bool {
	if len(d.counts) != len(d.bounds)+1 {
		return false
	}
	for i, b := range d.bounds {
		if b != b || i > 0 && b <= d.bounds[i-1] {
			return false
		}
	}
	return true
}

// Scales that producers use. The width of a bucket in the logarithm to base 2 is 2^-scale.
const leastScale, greatestScale = -10, 20

// exponential estimates from the buckets of both signs and that of zeros. false: they contradict themselves or what a float64
// can be.
func (d *distribution) exponential(e *histogram.Estimator) bool {
	if d.scale < leastScale || d.scale > greatestScale || !(d.zeroThreshold >= 0) || math.IsInf(d.zeroThreshold, 1) {
		return false
	}
	e.Logarithmic = true
	width := math.Ldexp(1, int(-d.scale))
	// The total is added up in the order of the buckets, so that all ranks are reached in the end, rounded or not.
	negative := 0.0
	for i := len(d.negative.counts) - 1; i >= 0; i-- {
		negative += float64(d.negative.counts[i])
	}
	e.Total = negative + float64(d.zeroCount)
	positive := false
	for _, n := range d.positive.counts {
		e.Total += float64(n)
		positive = positive || n > 0
	}
	if (e.Total == 0) != (d.count == 0) || !d.negative.within(width) || !d.positive.within(width) {
		return false
	}
	for i := len(d.negative.counts) - 1; i >= 0; i-- {
		if n := float64(d.negative.counts[i]); e.Reaches(n) {
			low, high := d.negative.ends(i, width)
			e.Bucket(-high, -low, n)
		}
	}
	if n := float64(d.zeroCount); e.Reaches(n) {
		low, high := d.zeros(negative > 0, positive)
		e.Bucket(low, high, n)
	}
	for i, n := range d.positive.counts {
		if n := float64(n); e.Reaches(n) {
			low, high := d.positive.ends(i, width)
			e.Bucket(low, high, n)
		}
	}
	return true
}

// within tells whether all buckets with observations lie within the numbers that there are.
func (s *stretch) within(width float64) bool {
	last := len(s.counts) - 1
	for last >= 0 && s.counts[last] == 0 {
		last--
	}
	return last < 0 || float64(s.offset+int64(last))*width < 1024
}

// ends returns the bounds of a bucket, the sign aside.
func (s *stretch) ends(i int, width float64) (low, high float64) {
	index := float64(s.offset + int64(i))
	return math.Exp2(index * width), min(math.Exp2((index+1)*width), math.MaxFloat64)
}

// zeros returns the bucket of zeros. It reaches to the side of the sign that there are observations of, to both if there are
// either both or none.
func (d *distribution) zeros(negative, positive bool) (low, high float64) {
	low, high = -d.zeroThreshold, d.zeroThreshold
	switch {
	case positive && !negative:
		low = 0
	case negative && !positive:
		high = 0
	}
	return low, high
}
