package judge

import (
	"sort"

	"github.com/homeostat/homeostat/pipeline"
)

// history is a metric's past: of each window, how much was measured and the sum of it. The mean over a span is the ratio
// of the sums: of an SLI the share of bad events, of a gauge its mean, of a counter its increase a window.
type history struct {
	System, Metric string
	End            []int64
	Weight, Sum    []float64
}

// add appends a window, or adds to the last one if it has the same end; what is older than span goes.
func (h *history) add(end int64, weight, sum float64, span int64) {
	n := len(h.End)
	if n > 0 && h.End[n-1] == end {
		h.Weight[n-1] += weight
		h.Sum[n-1] += sum
		return
	}
	if n > 0 && h.End[n-1] > end {
		return
	}
	// Dropping moves what is left only when half is old, so that it costs little a window.
	if old := sort.Search(n, func(i int) bool { return h.End[i] > end-span }); old > 64 && old > n/2 {
		h.End = append(h.End[:0], h.End[old:]...)
		h.Weight = append(h.Weight[:0], h.Weight[old:]...)
		h.Sum = append(h.Sum[:0], h.Sum[old:]...)
	}
	h.End, h.Weight, h.Sum = append(h.End, end), append(h.Weight, weight), append(h.Sum, sum)
}

// measure says how a window of a series counts.
func measure(t pipeline.SeriesType, slo bool, count int64, sum float64) (weight, total float64) {
	switch {
	case slo || t == pipeline.Gauge:
		return float64(count), sum
	case t == pipeline.Stream:
		return 1, float64(count)
	}
	return 1, sum
}

// sums is a history with running totals, for many spans of it.
type sums struct {
	end         []int64
	weight, sum []float64 // of all windows before i
}

// totals returns the history from a time on, up to another, both as window ends: (from, to].
func (h *history) totals(from, to int64) sums {
	first := sort.Search(len(h.End), func(i int) bool { return h.End[i] > from })
	last := sort.Search(len(h.End), func(i int) bool { return h.End[i] > to })
	s := sums{end: h.End[first:last], weight: make([]float64, last-first+1), sum: make([]float64, last-first+1)}
	for i := first; i < last; i++ {
		s.weight[i-first+1] = s.weight[i-first] + h.Weight[i]
		s.sum[i-first+1] = s.sum[i-first] + h.Sum[i]
	}
	return s
}

// mean over the windows that end in (from, to]; share is how many of the expected windows are there.
func (s *sums) mean(from, to, window int64) (mean, share float64, ok bool) {
	a, b := s.after(from, window), s.after(to, window)
	weight := s.weight[b] - s.weight[a]
	if weight <= 0 || to <= from {
		return 0, 0, false
	}
	return (s.sum[b] - s.sum[a]) / weight, float64(b-a) * float64(window) / float64(to-from), true
}

// after is the index of the first window that ends after t. Where no window is missing it is found at once.
func (s *sums) after(t, window int64) int {
	n := len(s.end)
	if n == 0 || t < s.end[0] {
		return 0
	}
	if t >= s.end[n-1] {
		return n
	}
	if i := int((t-s.end[0])/window) + 1; i < n && s.end[i-1] <= t && t < s.end[i] {
		return i
	}
	return sort.Search(n, func(i int) bool { return s.end[i] > t })
}
