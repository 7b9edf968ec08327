package novelty

import (
	"math"

	"github.com/homeostat/homeostat/pipeline"
)

// probability is the share of reports with a score that were true, see docs/quality.md.
func probability(score float64) float64 {
	if score <= 0 {
		return 0
	}
	return 1 / (1 + math.Pow(1/score, steepness)*odds)
}

// odds are those of a report at the threshold to be false, and steepness says how they fall with the score.
const odds, steepness = 2.2, 1.2

// strange returns the feature that is farthest from the nearest pattern's.
func (at *sight) strange() int {
	most := 0
	for i := range features {
		if math.Abs(float64(at.x[i]-at.near[i])) > math.Abs(float64(at.x[most]-at.near[most])) {
			most = i
		}
	}
	return most
}

// direction says which way a value is off: out of the band, or by the window's mean.
func direction(v float64, h *head, at *sight) string {
	switch d := at.x[mean] - at.near[mean]; {
	case v > h.high || v >= h.low && d > 0:
		return "up"
	case v < h.low || d < 0:
		return "down"
	}
	return ""
}

// evidence says in the metric's unit what is strange, and in which window.
func (at *sight) evidence(h *head) []pipeline.Evidence {
	i := at.strange()
	in := func(p *point) float64 {
		v := float64(p[i]) * h.scale()
		switch i {
		case mean, least, greatest:
			v += h.mid
		case halves:
			v /= halvesWeight
		}
		return v
	}
	return []pipeline.Evidence{
		{Name: "novelty", Value: at.novelty}, {Name: "bar", Value: math.Exp(h.bar)}, {Name: "window", Value: float64(lengths[at.size])},
		{Name: names[i], Value: in(&at.x)}, {Name: names[i] + "_nearest", Value: in(&at.near)},
	}
}

// onset returns the start of the value that most likely began the change in the last n: where the means before and after differ most,
// standardised.
func (m *memory) onset(h *head, n int) int64 {
	ring, times := m.values.Row(h.slot-1), m.times.Row(h.slot-1)
	at := func(back int) uint64 { return (h.count - 1 - uint64(back)) % longest }
	unit := 1 / h.scale()
	var total float64
	for back := range n {
		total += (ring[at(back)] - h.mid) * unit
	}
	best, onset := -1.0, 0
	var late float64
	for back := range n - 1 {
		late += (ring[at(back)] - h.mid) * unit
		k := float64(back + 1)
		rest := float64(n) - k
		d := late/k - (total-late)/rest
		if contrast := d * d * k * rest; contrast > best {
			best, onset = contrast, back
		}
	}
	return times[at(onset)]
}
