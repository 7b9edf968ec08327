// Package histogram estimates quantiles from the buckets of a histogram, as Prometheus' histogram_quantile does
// (prometheus.io/docs/prometheus/latest/querying/functions): values lie evenly within a bucket of explicit bounds and within that of zeros,
// and evenly in the logarithm within one of an exponential histogram. The first bucket begins at 0 if its bound is above; the last one
// is its lower bound. Beyond Prometheus, the least and the greatest value, where known, are the ends of the buckets that they lie in.
package histogram

import "math"

// Estimator takes the buckets of one histogram, one after the other and rising. It is used by one goroutine and allocates nothing
// but the growth of Out.
type Estimator struct {
	// Quantiles that are wanted, 0..1, rising.
	Quantiles []float64
	// Min and Max are the least and the greatest value, NaN where unknown.
	Min, Max float64
	// Total is the number of observations in all buckets, added up in their order.
	Total float64
	// Logarithmic is set for exponential buckets.
	Logarithmic bool
	// Out has the estimates so far, for each of Quantiles, from the first on. Without observations it stays empty.
	Out []float64

	below float64 // observations in the buckets so far
}

// Reaches tells whether a quantile lies in the next bucket, which has n observations. If so Bucket has to take it; if not, it is
// passed.
func (e *Estimator) Reaches(n float64) bool {
	if n > 0 && len(e.Out) < len(e.Quantiles) && e.below+n >= e.Quantiles[len(e.Out)]*e.Total {
		return true
	}
	e.below += n
	return false
}

// Bucket takes the next bucket, which has n observations in (low, high].
func (e *Estimator) Bucket(low, high, n float64) {
	low, high = e.narrow(low, high)
	for len(e.Out) < len(e.Quantiles) {
		rank := e.Quantiles[len(e.Out)] * e.Total
		if e.below+n < rank {
			break
		}
		e.Out = append(e.Out, e.between(low, high, (rank-e.below)/n))
	}
	e.below += n
}

// narrow narrows a bucket to the values that there were, unless they contradict it. An end that is not known is 0 below and the
// other end above, as Prometheus has it.
func (e *Estimator) narrow(low, high float64) (float64, float64) {
	l, h := low, high
	if e.Min > l {
		l = e.Min
	}
	if e.Max < h {
		h = e.Max
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
func (e *Estimator) between(low, high, share float64) float64 {
	switch {
	case e.Logarithmic && low > 0:
		l := math.Log2(low)
		return min(math.Exp2(l+(math.Log2(high)-l)*share), high)
	case e.Logarithmic && high < 0:
		h := math.Log2(-high)
		return max(-math.Exp2(h+(math.Log2(-low)-h)*(1-share)), low)
	case math.IsInf(high-low, 0):
		return low*(1-share) + high*share
	}
	return low + (high-low)*share
}
