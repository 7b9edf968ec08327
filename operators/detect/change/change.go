// Package change finds when a series changed: its level, its slope or its spread. A change is one finding, with the window in which it began, its
// kind, its size and intervals of both; it closes when the new regime is established, which is what is normal from then on.
//
// # Method
//
// On scales of L = 4, 8, 16, … windows the mean of the last L values is compared with that of the max(24, 2L) before them; so is the mean root
// of the differences between neighbours, which is the spread and does not see levels:
//
//	T² = (mean(last) − mean(prior) − trend)² / (1/L + 1/prior) / usual
//	z² = ν·ln(1 + T²/ν) − 2·ln(longest/L)        score = max z / threshold
//
// usual is the mean of these squares on that scale in the past of the series, and no less than what independent values have. So each scale knows
// how far neighbouring stretches of this series are apart without a change: series that are correlated (AR(1) of 0.8 has 9 for 1),
// seasonal or growing raise no alarm, and nothing has to be assumed of how they are correlated. That it is an estimate of ν lengths is what
// the logarithm is for (Wallace's approximation of Student's t); the last term makes long and short scales alarm as often, since of the short ones
// there are more (the penalty of Dümbgen and Spokoiny, Multiscale testing of qualitative hypotheses, Annals of Statistics 29, 2001). A scale says
// nothing before it knows eight of its lengths, and long ones are looked at every L/8 windows. Means over a scale against those before are
// Haar wavelets and, squared, Allan's variance.
//
// Values count to be three deviations from the average at most (package ewma; it stands still while a change is near), and differences 2.2² times
// their average, so heavy tails are cut: one outlier is nothing.
//
// When z passes the threshold, each place in the last values is compared as the place of a step, of a kink, and of another spread, by the likelihood
// of normal values. The likeliest is kind and onset; the interval of the onset is where the likelihood is nearly as high: 95 % by Siegmund
// (Confidence sets in change-point problems, International Statistical Review 56, 1988), wider by usual. A slope becomes the trend that is
// expected. While the finding is open its score is what remains of the change; if half of it is gone, the window is calm.
//
// # Promise
//
// False findings in 2 million windows (231 days of windows of 10 s) of each noise, by threshold:
//
//	                              4.5    5  5.5    6
//	normal                          5    0    0    0
//	AR(1) of 0.5                    5    0    0    0
//	AR(1) of 0.8                    2    0    0    0
//	AR(1) of 0.95                   0    0    0    0
//	white and AR(1) of 0.97         5    1    0    0
//	Student's t, 3 degrees         10    2    0    0
//	exponential                    26    3    0    0
//	lognormal, σ = 0.8             32    2    0    0
//	counts, three of four 0        33    5    1    0
//	a day of amplitude 20 σ        61    8    2    1
//	random walk, spikes, coins      3    0    0    0
//
// What it finds of 100 series of normal noise that are 5000 windows old, with the threshold of 5.5 (windows from the change to the finding, on
// average; errors of the onset, of nine in ten of the series):
//
//	level by 10 σ                  100 in 7            exact
//	level by 2.5 σ                 100 in 13           −1 to 1
//	level by 1 σ                    40 in 60           −4 to 4
//	slope of 1 σ a window          100 in 10           0 to 2
//	slope of 0.1 σ                 100 in 32           −4 to 10
//	slope of 0.02 σ                100 in 97           −9 to 31
//	spread by 4                    100 in 27           −1 to 2
//	spread by 0.3                   69 in 59           −4 to 1
//	spread by 2                     15 in 60
//
// Longer scales find smaller changes: each doubles what is remembered.
//
// # Which detector
//
// Package cusum sums up deviations from one level: it tells while a series is away from where it belongs, costs a tenth and 100 bytes a series, and
// needs a level that stays. This package tells when something became different, what and by how much; afterwards the new is
// normal. So cusum is for queues and temperatures that have a place to be, change for deployments, leaks (a slope), noise that grows,
// and for the time at which to look for a cause. What is gone after a few windows is for ewma, robustz or extremes.
//
// The probability of a finding is 1/(1 + e^((threshold² − z²)/2)): as likely as not at the threshold, and more as chance has less of it.
package change

import (
	"maps"
	"math"

	"github.com/homeostat/homeostat/operators/detect/alarm"
	"github.com/homeostat/homeostat/operators/detect/ewma"
	"github.com/homeostat/homeostat/operators/detect/univariate"
	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// Kind is the detector.
var Kind = &univariate.Kind[regime]{
	Name: "change", Version: 1, Doc: "Finds when the level, the slope or the spread of a series changed, once for each change.",
	Example: "[{metric: latency.*, threshold: 8}]",
	Judgement: append(ewma.Floors(), pipeline.Setting{
		Name: "threshold", Type: pipeline.Float, Default: 5.5, Min: pipeline.Bound(3), Max: pipeline.Bound(1e6),
		Doc: "So many standard deviations of what is usual between neighbouring stretches are a change.",
	}),
	Settings: []pipeline.Setting{
		pipeline.Whole("history", 240, 4, 1_000_000, "The span of the moving average and deviation, which values are cut by, in windows."),
		pipeline.Whole("warmup", 48, 32, 8192, "The number of windows of a series, and again after a change, without which nothing is said; a finding closes when the new regime has so many."),
		pipeline.Whole("scales", 5, 3, 9, "So many lengths are compared: 4, 8, 16, … windows. Memory doubles with each: 4 KB a series for 5."),
	},
	Alarm: alarm.Config{Hold: 1, Of: 1, Clear: 3, Rest: 0, Update: 30, Gone: 30, Settle: alarm.Settle},
	Model: newModel,
	Fields: append(ewma.Fields(),
		state.Field{Name: "count", Type: state.Uint64}, state.Field{Name: "known", Type: state.Uint32},
		state.Field{Name: "trend", Type: state.Float64}, state.Field{Name: "step", Type: state.Float64},
		state.Field{Name: "kind", Type: state.Uint16}, state.Field{Name: "began", Type: state.Uint64}, state.Field{Name: "until", Type: state.Uint32},
		state.Field{Name: "was", Type: state.Float64}, state.Field{Name: "moved", Type: state.Float64}, state.Field{Name: "peak", Type: state.Float64},
		state.Field{Name: "size", Type: state.Float64}, state.Field{Name: "size_low", Type: state.Float64}, state.Field{Name: "size_high", Type: state.Float64},
		state.Field{Name: "early", Type: state.Float64}, state.Field{Name: "late", Type: state.Float64}),
	Write: func(t *state.TableWriter, s *regime) {
		s.Write(t)
		t.Uint64(s.count).Uint32(s.known).Float64(s.trend).Float64(s.step)
		t.Uint16(uint16(s.kind)).Uint64(s.began).Uint32(s.until).Float64(s.was).Float64(s.moved).Float64(s.peak)
		t.Float64(s.size).Float64(s.low).Float64(s.high).Float64(s.early).Float64(s.late)
	},
	Read: func(t *state.TableReader) regime {
		s := regime{Average: ewma.Read(t), count: t.Uint64("count"), known: t.Uint32("known"), trend: t.Float64("trend"), step: t.Float64("step")}
		s.change = change{
			kind: min(kind(t.Uint16("kind")), spread), began: t.Uint64("began"), until: t.Uint32("until"),
			was: t.Float64("was"), moved: t.Float64("moved"), peak: t.Float64("peak"),
			size: t.Float64("size"), low: t.Float64("size_low"), high: t.Float64("size_high"), early: t.Float64("early"), late: t.Float64("late"),
		}
		return s
	},
}

// kind is what changed.
type kind uint16

const (
	none kind = iota
	level
	slope
	spread
)

var names = [...]string{"", "level_change", "slope_change_per_second", "spread_ratio"}

// regime is what is kept of a series, besides its row.
type regime struct {
	// Average is that of the regime. It stands still while a change is open or near.
	ewma.Average
	count uint64  // of values so far
	known uint32  // of them since the regime began, at most the ring's length
	trend float64 // per window, learned slowly
	step  float64 // the average root of a difference between neighbours, in those of the deviation
	change
}

// change is the one that is open.
type change struct {
	kind             kind
	began            uint64  // the count of values before it
	until            uint32  // how many values the regime has to have before the change is over
	was, moved, peak float64 // what the recent values were, by how much they had left it and with which score, when it was found
	size, low, high  float64 // with an interval of 95 %
	early, late      float64 // how many seconds before or after the onset it may have been
}

const (
	// steepest is the trend that is taken off at most, in deviations a window.
	steepest = 100
	// cut is how many deviations a value counts to be off at most, cutStep how many times the average the root of a difference counts.
	cut, cutStep = 3, 2.2
	// near is the score from which the average is not moved.
	near = 0.4
)

// lean is the trend in deviations.
func (s *regime) lean() float64 { return max(-steepest, min(steepest, s.trend/s.Deviation)) }

type model struct {
	ewma.Scale
	threshold float64
	warmup    uint32
	blocks
}

func newModel(s pipeline.Settings) (univariate.Model[regime], error) {
	average := maps.Clone(s)
	average["adapt"] = s.Int("warmup")
	b := newBlocks(int(s.Int("scales")))
	return &model{ewma.ReadScale(average), s.Float("threshold"), uint32(min(int(s.Int("warmup")), b.ring)), b}, nil
}

// Begin implements univariate.Model.
func (m *model) Begin(series *pipeline.Series) regime { return regime{Average: ewma.Begin(series)} }

// Score implements univariate.Model. What it found of a value is there until that is learned.
func (m *model) Score(r *univariate.Rows[regime]) {
	for i, v := range r.Values {
		r.Scores[i] = m.score(r.At(i), v)
	}
}

func (m *model) score(s *regime, v float64) float64 {
	m.push(s, v)
	if s.kind != none {
		return m.remains(s)
	}
	z := m.compare(s)
	if s.known < m.warmup {
		return -1
	}
	return z / m.threshold
}

// remains is the score while a change is open: that of its first window as far as it is still there, less than half if more than half is
// gone.
func (m *model) remains(s *regime) float64 {
	switch part := (m.now(s, s.kind) - s.was) / s.moved; {
	case part > 0.5:
		return min(1, part) * s.peak
	case part > 0:
		return part
	}
	return 0
}

// Band implements univariate.Model: within it four windows in a row may be.
func (m *model) Band(s *regime, _ float64) (low, expected, high float64) {
	width := m.threshold * s.Deviation * math.Sqrt(m.usual(level, 0)*m.noise[0])
	return s.Mean - width, s.Mean, s.Mean + width
}

// Explain implements univariate.Model. It finds out about a change when it is first asked.
func (m *model) Explain(s *regime, f *pipeline.Finding) {
	if s.kind == none {
		m.start(s, f.Start)
		f.Onset = m.locate(s, f)
	}
	f.Direction = "up"
	if s.kind == spread && s.size < 1 || s.kind != spread && s.size < 0 {
		f.Direction = "down"
	}
	f.Probability = 1 / (1 + math.Exp(m.threshold*m.threshold*(1-s.peak*s.peak)/2))
	f.Evidence = []pipeline.Evidence{{Name: names[s.kind], Value: s.size}, {Name: "size_low", Value: s.low}, {Name: "size_high", Value: s.high},
		{Name: "onset_early_seconds", Value: s.early}, {Name: "onset_late_seconds", Value: s.late}, {Name: "z", Value: s.peak * m.threshold}}
}

// Learn implements univariate.Model.
func (m *model) Learn(r *univariate.Rows[regime]) {
	for i, v := range r.Values {
		s := r.At(i)
		m.start(s, r.Start)
		r.Adapted = m.take(s, v, r.Scores[i], r.Open)
	}
}

// take learns a value. It returns true when a change has become what is normal.
func (m *model) take(s *regime, v, score float64, open bool) bool {
	switch {
	case s.kind == none:
		m.learn(s, score < near)
		if score < 0 && s.N < m.warmup {
			m.Scale.Learn(&s.Average, v)
		} else if score < near {
			m.Scale.Learn(&s.Average, s.Cut(v, cut))
		}
		return false
	case !open: // it went back, or the series was away
		m.settle(s, shortest)
		return false
	case s.known < s.until:
		return false
	}
	of, began := s.kind, s.began
	m.settle(s, s.known)
	if of != spread {
		s.trend = m.gradient(s, int(min(s.count-began, uint64(m.ring))))
	}
	return true
}

// settle begins anew with what so many of the last windows show.
func (m *model) settle(s *regime, windows uint32) {
	s.known = min(s.known, windows)
	s.Average = ewma.Average{Whole: s.Whole}
	for i := s.known; i > 0; i-- {
		m.Scale.Learn(&s.Average, m.value(s, int(i)))
	}
	s.change = change{}
}
