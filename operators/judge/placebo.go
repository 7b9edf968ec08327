package judge

import (
	"math"
	"sort"
)

// spans are the windows that are compared, in nanoseconds, multiples of the window size: pre before a moment, then a gap,
// then post.
type spans struct{ pre, gap, post int64 }

func (s spans) length() int64 { return s.pre + s.gap + s.post }

// shift is the metric before and after a moment.
type shift struct{ pre, post float64 }

// size is the change in a direction: +1 up, -1 down.
func (s shift) size(direction float64) float64 { return direction * (s.post - s.pre) }

// coverage is the share of windows that must be there.
const coverage = 0.8

// at computes the shift at a moment; ok is false if too much is missing.
func (s *sums) at(moment int64, sp spans, window int64) (sh shift, ok bool) {
	pre, preShare, preOK := s.mean(moment-sp.pre, moment, window)
	post, postShare, postOK := s.mean(moment+sp.gap, moment+sp.gap+sp.post, window)
	if !preOK || !postOK || preShare < coverage || postShare < coverage {
		return shift{}, false
	}
	return shift{pre, post}, true
}

// mostPlacebos bounds the work; with a longer past every second moment, or every third, is taken.
const mostPlacebos = 10000

// inTime returns the sizes of the shifts at all moments whose windows lie in (…, end] and contain none of the treatments, and
// how many of them are disjoint.
func (s *sums) inTime(end int64, sp spans, window int64, direction float64, treated []int64) (sizes []float64, disjoint int) {
	if len(s.end) == 0 {
		return nil, 0
	}
	first, last := s.end[0]-window+sp.pre, end-sp.gap-sp.post
	if last < first {
		return nil, 0
	}
	step := window * (1 + (last-first)/window/mostPlacebos)
	free := int64(math.MinInt64)
	for m := first; m <= last; m += step {
		if touched(treated, m-sp.pre, m+sp.gap+sp.post) {
			continue
		}
		sh, ok := s.at(m, sp, window)
		if !ok {
			continue
		}
		sizes = append(sizes, sh.size(direction))
		if m >= free {
			disjoint++
			free = m + sp.length()
		}
	}
	return sizes, disjoint
}

// touched tells whether one of the sorted times lies in (from, to].
func touched(times []int64, from, to int64) bool {
	i := sort.Search(len(times), func(i int) bool { return times[i] > from })
	return i < len(times) && times[i] <= to
}

// rankP is the share of placebos at least as large as the effect, the effect counted among them.
func rankP(effect float64, placebos []float64) float64 {
	n := 0
	for _, p := range placebos {
		if p >= effect {
			n++
		}
	}
	return float64(1+n) / float64(1+len(placebos))
}

// spreadP is the probability of so large an effect by Student's t when the placebos hold few independent ones.
func spreadP(effect float64, placebos []float64, disjoint int) float64 {
	if disjoint < 2 {
		return 1
	}
	mean, sd := meanSD(placebos)
	// The spread of overlapping placebos is that of the disjoint ones, but estimated from few.
	sd *= math.Sqrt(1 + 1/float64(disjoint))
	if sd == 0 {
		if effect > mean {
			return 0
		}
		return 1
	}
	return studentTail((effect-mean)/sd, float64(disjoint-1))
}

func meanSD(v []float64) (mean, sd float64) {
	for _, x := range v {
		mean += x
	}
	mean /= float64(len(v))
	for _, x := range v {
		sd += (x - mean) * (x - mean)
	}
	return mean, math.Sqrt(sd / float64(max(1, len(v)-1)))
}

// spread is the distance from their median that 95 % of the placebos keep.
func spread(placebos []float64) float64 {
	if len(placebos) == 0 {
		return 0
	}
	v := append([]float64(nil), placebos...)
	sort.Float64s(v)
	median := v[len(v)/2]
	for i := range v {
		v[i] = math.Abs(v[i] - median)
	}
	sort.Float64s(v)
	return v[min(len(v)-1, int(0.95*float64(len(v))))]
}

func negated(v []float64) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = -x
	}
	return out
}
