package plant

import (
	"math/bits"
	"time"
)

// Latency summarises how long requests took in one interval.
type Latency struct {
	Count         int64
	Sum           time.Duration
	P50, P95, P99 time.Duration
}

// histogram counts durations in buckets that grow with the duration: 16 to each doubling, so that a
// quantile is right within 1/16. The unit is the microsecond.
type histogram struct {
	counts [16 * 34]uint32
	n      int64
	sum    time.Duration
	most   time.Duration
}

func (h *histogram) add(d time.Duration) {
	h.n++
	h.sum += d
	h.most = max(h.most, d)
	h.counts[min(bucket(uint64(max(d, 0)/time.Microsecond)), len(h.counts)-1)]++
}

// bucket numbers 0..15 hold one microsecond each, and each further sixteen a doubling.
func bucket(us uint64) int {
	if us < 16 {
		return int(us)
	}
	shift := bits.Len64(us) - 5
	return (shift+1)*16 + int(us>>shift) - 16
}

// lower is the least number of microseconds that falls into bucket i.
func lower(i int) uint64 {
	if i < 16 {
		return uint64(i)
	}
	return uint64(i%16+16) << (i/16 - 1)
}

func (h *histogram) quantile(q float64) time.Duration {
	rank := q * float64(h.n)
	seen := 0.0
	for i, c := range h.counts {
		if c > 0 && seen+float64(c) >= rank {
			low, high := float64(lower(i)), float64(lower(i+1))
			us := low + (high-low)*(rank-seen)/float64(c)
			return min(time.Duration(us)*time.Microsecond, h.most)
		}
		seen += float64(c)
	}
	return 0
}

// take returns the summary and starts anew.
func (h *histogram) take() Latency {
	l := Latency{Count: h.n, Sum: h.sum}
	if h.n > 0 {
		l.P50, l.P95, l.P99 = h.quantile(0.50), h.quantile(0.95), h.quantile(0.99)
	}
	*h = histogram{}
	return l
}
