package ewma

import (
	"math"
	"slices"

	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// Average is a moving average and mean absolute deviation of one series.
type Average struct {
	Mean, Dev float64
	// Deviation is the estimate of the standard deviation that follows from them, with its floors.
	Deviation float64
	// N counts what was learned, as far as it matters, Rejected the abnormal windows of the open finding.
	N, Rejected uint32
	// Whole says that it is a counter whose increases have all been whole numbers.
	Whole bool
	// Lent says that mean and deviation were those of others when the series began.
	Lent bool
}

// Scale is how averages move and how wide they are.
type Scale struct {
	alpha              float64
	warmup, adapt      uint32
	alike              uint32 // so many values are averaged alike at first, and counted
	relative, absolute float64
}

// Memory returns the settings of how averages move, Floors those of how narrow a scale may be.
func Memory() []pipeline.Setting {
	return []pipeline.Setting{
		pipeline.Whole("history", 120, 4, 1_000_000, "The span of the moving average in windows: the last of them have the weight of e−1 of e parts."),
		pipeline.Whole("warmup", 20, 4, 1_000_000, "The number of windows of a series before anything is said about it."),
		pipeline.Whole("adapt", 360, 8, 1_000_000, "After so many abnormal windows of one finding the new level is taken for normal."),
	}
}

// Floors returns the settings of how narrow a scale may be.
func Floors() []pipeline.Setting {
	return []pipeline.Setting{
		{Name: "relative", Type: pipeline.Float, Default: 0.05, Min: pipeline.Bound(0), Max: pipeline.Bound(1e3), Doc: "The scale is at least this share of the average."},
		{Name: "absolute", Type: pipeline.Float, Default: 1e-9, Min: pipeline.Bound(1e-300), Doc: "The scale is at least this, in the metric's unit."},
	}
}

// ReadScale reads both.
func ReadScale(s pipeline.Settings) Scale {
	span, warmup := s.Int("history"), s.Int("warmup")
	return Scale{alpha: 2 / (float64(span) + 1), warmup: uint32(warmup), adapt: uint32(s.Int("adapt")), alike: uint32(max((span+1)/2, warmup)),
		relative: s.Float("relative"), absolute: s.Float("absolute")}
}

// Begin returns the average of nothing.
func Begin(series *pipeline.Series) Average { return Average{Whole: series.Type != pipeline.Gauge} }

// Ready tells whether enough was learned to say anything.
func (m *Scale) Ready(a *Average) bool { return a.N >= m.warmup }

// lenders is how many averages it takes to lend one.
const lenders = 3

// Lend returns the average that a new series begins with: the median of what others have learned, with the distances between them added to
// its deviation. It weighs as much as the windows of the warm-up, in which nothing is said yet: so how an instance starts, with cold caches and
// a compiler at work, is not all that is known of it, and where it is unlike its like for good the deviation says so. It returns false
// where fewer than three others know enough.
func (m *Scale) Lend(like []Average) (a Average, ok bool) {
	like = slices.DeleteFunc(like, func(a Average) bool { return !m.Ready(&a) })
	if len(like) < lenders {
		return a, false
	}
	a = Average{Mean: median(like, func(a *Average) float64 { return a.Mean }), Dev: median(like, func(a *Average) float64 { return a.Dev }), Whole: true, Lent: true}
	apart := 0.0
	for i := range like {
		apart += math.Abs(like[i].Mean-a.Mean) / float64(len(like))
		a.Whole = a.Whole && like[i].Whole
	}
	a.Dev += apart
	a.Deviation = m.deviation(a.Mean, a.Dev, a.Whole)
	return a, true
}

// median returns the lower one of an even number.
func median(all []Average, of func(*Average) float64) float64 {
	values := make([]float64, len(all))
	for i := range all {
		values[i] = of(&all[i])
	}
	slices.Sort(values)
	return values[(len(values)-1)/2]
}

// deviation estimates the standard deviation, with its floors; for counters that only grow by whole numbers the square root of
// the average plus one is one of them, which is what chance does to counts (Poisson).
func (m *Scale) deviation(mean, dev float64, whole bool) float64 {
	mean = math.Abs(mean)
	d := 1.2533141373155 * dev // √(π/2)
	if floor := m.relative * mean; d < floor {
		d = floor
	}
	if d < m.absolute {
		d = m.absolute
	}
	if whole {
		d = max(d, math.Sqrt(mean+1))
	}
	return d
}

// Z is how many deviations a value is from the average.
func (a *Average) Z(v float64) float64 { return (v - a.Mean) / a.Deviation }

// Cut returns a value that is no more than so many deviations from the average.
func (a *Average) Cut(v, deviations float64) float64 {
	d, width := v-a.Mean, deviations*a.Deviation
	if math.Abs(d) <= width {
		return v
	}
	return a.Mean + math.Copysign(width, d)
}

// Learn moves the average.
func (m *Scale) Learn(a *Average, v float64) {
	alpha, mean := m.alpha, a.Mean
	if a.N < m.alike {
		a.N++
		n := a.N
		switch {
		case a.Lent:
			n += m.warmup
		case n == 1:
			mean = v
		}
		alpha = 1 / float64(n)
	}
	d := v - mean
	mean += alpha * d
	dev := a.Dev + alpha*(math.Abs(d)-a.Dev)
	whole := a.Whole && v == math.Trunc(v)
	a.Mean, a.Dev, a.Deviation, a.Whole, a.Rejected = mean, dev, m.deviation(mean, dev, whole), whole, 0
}

// Reject counts an abnormal value of an open finding. It returns true when there have been so many that the series begins anew.
func (m *Scale) Reject(a *Average, v float64) bool {
	if a.Rejected++; a.Rejected < m.adapt {
		return false
	}
	*a = Average{Whole: a.Whole}
	m.Learn(a, v)
	return true
}

// Fields are the columns of an average in a snapshot.
func Fields() []state.Field {
	return []state.Field{{Name: "mean", Type: state.Float64}, {Name: "absolute", Type: state.Float64}, {Name: "deviation", Type: state.Float64}, {Name: "learned", Type: state.Uint32},
		{Name: "rejected", Type: state.Uint32}, {Name: "whole", Type: state.Bool},
		{Name: "lent", Type: state.Bool}}
}

// Write writes them, Read reads them.
func (a *Average) Write(t *state.TableWriter) {
	t.Float64(a.Mean).Float64(a.Dev).Float64(a.Deviation).Uint32(a.N).Uint32(a.Rejected).Bool(a.Whole).Bool(a.Lent)
}

// Read reads what Write wrote.
func Read(t *state.TableReader) Average {
	return Average{t.Float64("mean"), t.Float64("absolute"), t.Float64("deviation"), t.Uint32("learned"), t.Uint32("rejected"), t.Bool("whole"), t.Bool("lent")}
}
