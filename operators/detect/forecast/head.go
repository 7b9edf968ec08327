package forecast

import "math"

// The forecasts of a series.
const (
	level = iota
	daily
	weekly
	forecasts
)

const (
	// slow is the weight of a bin in what follows the level: about twelve hours.
	slow = 1.0 / 24
	// errorBins is the memory of errors: three days.
	errorBins = 3 * dayBins
	// spreadWeight is the weight of a day in how far values are off at its times.
	spreadWeight = 0.25
	// alive is how much larger than the best one's the errors of a forecast may be while it still counts.
	alive = 1.3
	// wild is where errors are cut, in errors; cut is where values are, in scales beyond what was expected.
	wild, cut = 4, 3
	// A finding moves the bar by barWeight towards barHeight times how far off it was; barKeep is what is left of it after a bin.
	barWeight, barHeight, barKeep = 0.25, 2, 1 - 0.5/weekBins
)

// head is what is kept of a series beside its rows in the matrices.
type head struct {
	learned
	sums
	fresh bool // what is expected is that of the rest
	expected
}

// learned is what a series has shown.
type learned struct {
	bin, first int64  // the bin of the last value, and the first there was; numbers since 1970
	seen       uint32 // bins that were learned, a week's at most
	at, every  int64  // when the last window began, and how long after the one before
	whole      bool   // a counter whose increases have all been whole numbers

	level float64 // what the forecast of that name expects
	mean  float64 // of the last day
	size  float64 // mean absolute value
	bar   float64 // how far off values have to be beside all else
	// shift is what the seasonal forecasts were off of late; season what they expect of the bins before, at and after the present one,
	// from the mean; not a number where nothing is known.
	shift  [forecasts]float64
	season [forecasts][3]float64
	// err is the mean absolute error of each, of what was calm; loss is that of all values, by which forecasts are compared; bins
	// is over how many bins.
	err, loss [forecasts]float64
	calm, all [forecasts]uint32

	// Of the abnormal windows of the open finding: when they began, their number, the sum of what they were off; and the most, also
	// of those that led to it.
	since   int64
	refused uint32
	astray  float64
	peak    float64
}

// sums is what is added up of the present bin: of all values, and of those that are calm.
type sums struct {
	span         uint8 // of so many bins, the present one is the last of them
	n, kept      uint32
	sum, keptSum float64
	near, far    float64            // how far values were from the nearest forecast, added up and at most
	off, keptOff [forecasts]float64 // how far they were from each
}

// expected follows from the rest.
type expected struct {
	mid          [forecasts]float64 // not a number where there is no forecast
	best         uint8
	low, high    float64 // of the forecasts that count
	scale, width float64 // a value may be a width off
	bound        float64 // the greatest error that is believed
}

// settle computes what is expected of the present bin; spread is how far values are off at this time of the day, if known.
func (h *head) settle(r *rule, spread float64) {
	h.fresh = true
	h.mid = [forecasts]float64{h.level, h.mean + h.shift[daily] + h.season[daily][1], h.mean + h.shift[weekly] + h.season[weekly][1]}
	if h.seen == 0 {
		h.mid[level] = math.NaN()
	}
	h.best = level
	for i := daily; i < forecasts; i++ {
		if h.proven(i) && known(h.mid[i]) && h.loss[i] < h.loss[h.best] {
			h.best = uint8(i)
		}
	}
	h.low, h.high = h.mid[h.best], h.mid[h.best]
	for i := range h.mid {
		if known(h.mid[i]) && (h.all[i] < dayBins/3 || h.loss[i] <= alive*h.loss[h.best]) {
			h.include(i)
		}
	}
	off := h.err[h.best]
	if spread > off {
		off = spread
	}
	h.bound = math.Inf(1)
	if h.ready() {
		h.bound = wild * off
		off *= 1 + dayBins/float64(h.seen) // days are not alike, and few are known
	}
	h.scale = max(1.2533141373155*off, r.relative*max(math.Abs(h.mid[h.best]), h.size), r.absolute) // √(π/2)
	if h.whole {
		h.scale = max(h.scale, math.Sqrt(math.Abs(h.mid[h.best])+1)) // what chance does to counts
	}
	h.width = max(r.threshold*h.scale, h.bar)
}

// proven tells whether a forecast was measured for long enough to stand alone: daily in its second day, weekly when it knows two weeks.
func (h *head) proven(i int) bool {
	return h.all[i] >= dayBins/3 && h.bin >= h.first+[...]int64{0, 2 * dayBins, pastBins + dayBins}[i]
}

// include widens what is expected by a forecast: by its bin, and by the two beside it where there is a season.
func (h *head) include(i int) {
	h.low, h.high = min(h.low, h.mid[i]), max(h.high, h.mid[i])
	if i == level {
		return
	}
	for _, s := range [...]float64{h.season[i][0], h.season[i][2]} {
		if known(s) {
			v := h.mean + h.shift[i] + s
			h.low, h.high = min(h.low, v), max(h.high, v)
		}
	}
}

// ready tells whether enough was learned to say anything.
func (h *head) ready() bool { return h.seen >= dayBins/3 && h.bin >= h.first+dayBins }

// beyond is how far a value is from what is expected.
func (h *head) beyond(v float64) float64 {
	switch {
	case v > h.high:
		return v - h.high
	case v < h.low:
		return v - h.low
	}
	return 0
}

// take adds a value to the present bin.
func (h *head) take(v float64, calm bool) {
	h.n++
	h.sum += v
	far := wild * h.bound
	near := far
	for i, mid := range h.mid {
		if off := math.Abs(v - mid); known(off) {
			h.off[i] += min(off, far)
			near = min(near, off)
		}
	}
	if near < math.Inf(1) { // there is a forecast
		h.near += min(near, h.bound)
		h.far = max(h.far, near)
	}
	if !calm {
		return
	}
	if h.ready() {
		v = min(max(v, h.low-cut*h.scale), h.high+cut*h.scale)
	}
	h.kept++
	h.keptSum += v
	for i, mid := range h.mid {
		h.keptOff[i] += min(math.Abs(v-mid), h.limit(i))
	}
}

// limit is the greatest error of a forecast that is believed.
func (h *head) limit(i int) float64 {
	if h.calm[i] < dayBins/2 {
		return math.Inf(1)
	}
	return wild * h.err[i]
}

// spread is how far values were off in the present bin. A quarter of the farthest is where that of normal ones is.
func (h *head) spread() float64 { return max(h.near/float64(h.n), h.far/wild) }

// learn learns of the present bin what is not of its time.
func (h *head) learn() {
	h.bar *= barKeep
	size := math.Abs(h.sum / float64(h.n))
	if h.seen < dayBins/2 || h.size == 0 {
		h.size += (size - h.size) / float64(h.seen+1)
	} else {
		h.size += (min(size, wild*wild*h.size) - h.size) / errorBins
	}
	for i, mid := range h.mid {
		if known(mid) {
			h.all[i] = min(h.all[i]+1, errorBins)
			h.loss[i] += (h.off[i]/float64(h.n) - h.loss[i]) / float64(h.all[i])
		}
	}
	if h.kept == 0 {
		return
	}
	v := h.keptSum / float64(h.kept)
	if h.seen == 0 {
		h.level = v
	}
	h.seen = min(h.seen+1, weekBins)
	limit := h.limit(level)
	h.level += max(slow, 1/float64(h.seen)) * min(max(v-h.level, -limit), limit)
	for i, mid := range h.mid {
		if !known(mid) {
			continue
		}
		if off := v - mid; i != level && math.Abs(off) < cut*h.scale {
			h.shift[i] += slow * off
		}
		h.calm[i] = min(h.calm[i]+1, errorBins)
		h.err[i] += (h.keptOff[i]/float64(h.kept) - h.err[i]) / float64(h.calm[i])
	}
}

// refuse counts an abnormal window of the open finding, that began at start.
func (h *head) refuse(start int64, v float64) {
	if h.refused == 0 {
		h.since = start
	}
	if h.refused < math.MaxUint32 {
		h.refused++
		h.astray += v - h.mid[h.best]
	}
}

// top remembers how far off abnormal values were.
func (h *head) top(beyond, score float64) {
	if score < 1 {
		h.peak = 0
		return
	}
	h.peak = max(h.peak, math.Abs(beyond))
}

// raise moves the bar after a finding.
func (h *head) raise() {
	h.bar += barWeight * (barHeight*min(h.peak, wild*h.width) - h.bar)
}
