package forecast

import (
	"math"
	"time"

	"github.com/homeostat/homeostat/operators/state"
)

const (
	// binLength is the time of a bin; a day and two weeks have whole numbers of them.
	binLength = int64(30 * time.Minute)
	dayBins   = 48
	weekBins  = 7 * dayBins
	pastBins  = 2 * weekBins
)

// seasons is the past of all series, by slot in the order of first values.
type seasons struct {
	slots uint32
	// past is how far the mean of each bin of two weeks was from the mean of its day, bin k at k % pastBins; day is the bins of the last day
	// without what is abnormal; spread is how far values are off in each bin of the day. What is not known is not a number.
	past, day, spread *state.Matrix[float32]
}

func newSeasons() seasons {
	return seasons{0, state.NewMatrix[float32](pastBins), state.NewMatrix[float32](dayBins), state.NewMatrix[float32](dayBins)}
}

func (m *seasons) matrices() [3]*state.Matrix[float32] {
	return [...]*state.Matrix[float32]{m.past, m.day, m.spread}
}

// add makes room for one more series and returns its slot.
func (m *seasons) add() uint32 {
	slot := m.slots
	m.slots++
	for _, x := range m.matrices() {
		x.Grow(int(m.slots))
		row := x.Edit(slot)
		for i := range row {
			row[i] = nan32
		}
	}
	return slot
}

var nan32 = float32(math.NaN())

// known tells whether a number is one.
func known[F float32 | float64](x F) bool { return x == x }

// place is where bin k lies in a ring.
func place(k int64, ring int) int { return int(((k % int64(ring)) + int64(ring)) % int64(ring)) }

// end ends the present bin: what was added up is learned.
func (m *seasons) end(slot uint32, h *head) {
	past, day := m.past.Edit(slot), m.day.Edit(slot)
	usual := float32(h.mid[h.best]) // in the place of what is abnormal
	if h.kept > 0 {
		usual = float32(h.keptSum / float64(h.kept))
	}
	if known(h.mid[daily]) {
		s := &m.spread.Edit(slot)[place(h.bin, dayBins)]
		if x := float32(h.spread()); !known(*s) {
			*s = x
		} else {
			*s += spreadWeight * (x - *s)
		}
	}
	v := float32(h.sum / float64(h.n))
	h.learn()
	for k := h.bin - int64(h.span) + 1; k <= h.bin; k++ {
		day[place(k, dayBins)] = usual
		h.mean = meanOf(day)
		past[place(k, pastBins)] = v - float32(h.mean)
		if k == h.first+dayBins-1 { // the mean of the first day is known only now
			for j := h.first; j <= k; j++ {
				past[place(j, pastBins)] = day[place(j, dayBins)] - float32(h.mean)
			}
		}
	}
	h.sums = sums{}
}

// skip goes over the bins before k that had no value.
func (m *seasons) skip(slot uint32, h *head, k int64) {
	past, day := m.past.Edit(slot), m.day.Edit(slot)
	for j := max(h.bin+1, k-pastBins); j < k; j++ {
		past[place(j, pastBins)] = nan32
		if j < k-dayBins {
			continue
		}
		// A bin without a value is as it was expected, so that the mean of a day is that of all of it.
		day[place(j, dayBins)] = nan32
		if s := lastDays(past, j); known(s) {
			day[place(j, dayBins)] = float32(h.mean + s)
		}
	}
	h.mean = meanOf(day)
}

// foresee looks up what is expected of bin k, and of those beside it.
func (m *seasons) foresee(slot uint32, h *head, k int64) {
	past := m.past.Row(slot)
	from := int64(-1)
	if k == h.bin+1 {
		for i := daily; i < forecasts; i++ {
			s := &h.season[i]
			s[0], s[1] = s[1], s[2]
		}
		from = 1
	}
	for j := from; j <= 1; j++ {
		s := lastDays(past, k+j)
		h.season[daily][j+1], h.season[weekly][j+1] = s, lastWeeks(past, k+j, s)
	}
	h.bin = k
}

// lastDays is the median of what the bin's time of day was on the last seven days. An even number of days is made odd by one without a
// season, so that of two days the lesser deviation counts, and a fault on one of them not at all.
func lastDays(past []float32, k int64) float64 {
	var v [8]float32
	n, at := 0, place(k, pastBins)
	for range 7 {
		if at -= dayBins; at < 0 {
			at += pastBins
		}
		if x := past[at]; known(x) {
			insert(&v, n, x)
			n++
		}
	}
	if n == 0 {
		return math.NaN()
	}
	if n%2 == 0 {
		insert(&v, n, 0)
		n++
	}
	return float64(v[n/2])
}

// insert puts x where it belongs among n values in order.
func insert(v *[8]float32, n int, x float32) {
	i := n
	for ; i > 0 && v[i-1] > x; i-- {
		v[i] = v[i-1]
	}
	v[i] = x
}

// lastWeeks is the median of what the bin was one and two weeks ago and of what its time of day is; of one week alone, what it was.
func lastWeeks(past []float32, k int64, days float64) float64 {
	one, two := float64(past[place(k-weekBins, pastBins)]), float64(past[place(k, pastBins)])
	switch {
	case !known(one):
		return two
	case !known(two) || !known(days):
		return one
	}
	return max(min(one, two), min(max(one, two), days))
}

// meanOf is the mean of what is known, 0 of nothing.
func meanOf(day []float32) float64 {
	sum, n := 0.0, 0
	for _, x := range day {
		if known(x) {
			sum += float64(x)
			n++
		}
	}
	return sum / float64(max(n, 1))
}

// move moves all that is expected.
func (m *seasons) move(slot uint32, h *head, by float64) {
	h.level += by
	day := m.day.Edit(slot)
	for i := range day {
		day[i] += float32(by)
	}
	h.mean = meanOf(day)
}
