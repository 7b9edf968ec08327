package otlp

import "math"

// estimator estimates quantiles from buckets as Prometheus' histogram_quantile does: evenly within a bucket of explicit bounds and within
// that of zeros, evenly in the logarithm within an exponential one. The least and the greatest value, where known, are
// the ends of the buckets that they lie in.
type estimator struct {
	quantiles    []float64 // rising
	min, max     float64   // NaN if unknown
	total, below float64   // observations, and those in the buckets so far
	logarithmic  bool      // within buckets beside that of zeros
	out          []float64 // for each of quantiles, from the first on
}

// explicit estimates from bounds and counts. false: they contradict themselves.
func (e *estimator) explicit(d *distribution) bool {
	if len(d.bounds) == 0 && len(d.counts) <= 1 {
		return len(d.counts) == 0 || (d.counts[0] == 0) == (d.count == 0) // one bucket for all says nothing of where they are
	}
	if !d.rising() {
		return false
	}
	for _, n := range d.counts {
		e.total += float64(n)
	}
	if (e.total == 0) != (d.count == 0) {
		return false
	}
	low := math.Inf(-1)
	for i, n := range d.counts {
		high := math.Inf(1)
		if i < len(d.bounds) {
			high = d.bounds[i]
		}
		if e.reaches(float64(n)) {
			e.bucket(low, high, float64(n))
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
func (e *estimator) exponential(d *distribution) bool {
	if d.scale < leastScale || d.scale > greatestScale || !(d.zeroThreshold >= 0) || math.IsInf(d.zeroThreshold, 1) {
		return false
	}
	e.logarithmic = true
	width := math.Ldexp(1, int(-d.scale))
	// The total is added up in the order of the buckets, so that all ranks are reached in the end, rounded or not.
	negative := 0.0
	for i := len(d.negative.counts) - 1; i >= 0; i-- {
		negative += float64(d.negative.counts[i])
	}
	e.total = negative + float64(d.zeroCount)
	positive := false
	for _, n := range d.positive.counts {
		e.total += float64(n)
		positive = positive || n > 0
	}
	if (e.total == 0) != (d.count == 0) || !d.negative.within(width) || !d.positive.within(width) {
		return false
	}
	for i := len(d.negative.counts) - 1; i >= 0; i-- {
		if n := float64(d.negative.counts[i]); e.reaches(n) {
			low, high := d.negative.ends(i, width)
			e.bucket(-high, -low, n)
		}
	}
	if n := float64(d.zeroCount); e.reaches(n) {
		low, high := d.zeros(negative > 0, positive)
		e.bucket(low, high, n)
	}
	for i, n := range d.positive.counts {
		if n := float64(n); e.reaches(n) {
			low, high := d.positive.ends(i, width)
			e.bucket(low, high, n)
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

// reaches tells whether a quantile lies in the next bucket, which has n observations; if none does, the bucket is passed.
func (e *estimator) reaches(n float64) bool {
	if n > 0 && len(e.out) < len(e.quantiles) && e.below+n >= e.quantiles[len(e.out)]*e.total {
		return true
	}
	e.below += n
	return false
}

// bucket takes the next bucket, which has n observations in (low, high].
func (e *estimator) bucket(low, high, n float64) {
	low, high = e.narrow(low, high)
	for len(e.out) < len(e.quantiles) {
		rank := e.quantiles[len(e.out)] * e.total
		if e.below+n < rank {
			break
		}
		e.out = append(e.out, e.between(low, high, (rank-e.below)/n))
	}
	e.below += n
}

// narrow narrows a bucket to the values that there were, unless they contradict it. An end that is not known is 0 below and the
// other end above, as Prometheus has it.
func (e *estimator) narrow(low, high float64) (float64, float64) {
	l, h := low, high
	if e.min > l {
		l = e.min
	}
	if e.max < h {
		h = e.max
	}
	if l > h {
		l, h = low, high
	}
	if math.IsInf(l, -1) {
		l = min(h, 0)
	}
	if math.IsInf(h, 1) {
		h = l
	}
	return l, h
}

// between returns the value at a share of the way between two ends.
func (e *estimator) between(low, high, share float64) float64 {
	switch {
	case e.logarithmic && low > 0:
		l := math.Log2(low)
		return min(math.Exp2(l+(math.Log2(high)-l)*share), high)
	case e.logarithmic && high < 0:
		h := math.Log2(-high)
		return max(-math.Exp2(h+(math.Log2(-low)-h)*(1-share)), low)
	case math.IsInf(high-low, 0):
		return low*(1-share) + high*share
	}
	return low + (high-low)*share
}
