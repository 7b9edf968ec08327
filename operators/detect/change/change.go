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
		pipeline.Whole("warmup", 48, 32, 100_000, "The number of windows of a series, and again after a change, without which nothing is said; a finding closes when the new regime has so many."),
		pipeline.Whole("scales", 5, 2, 9, "So many lengths are compared: 4, 8, 16, … windows. Memory doubles with each: 4 KB a series for 5."),
	},
	Alarm: alarm.Config{Hold: 1, Of: 1, Clear: 3, Rest: 0, Update: 30, Gone: 30},
	Model: newModel,
	Fields: append(ewma.Fields(),
		state.Field{Name: "count", Type: state.Uint64}, state.Field{Name: "known", Type: state.Uint32}, state.Field{Name: "kind", Type: state.Uint16}, state.Field{Name: "began", Type: state.Uint64}, state.Field{Name: "until", Type: state.Uint32},
		state.Field{Name: "trend", Type: state.Float64}, state.Field{Name: "step", Type: state.Float64}, state.Field{Name: "was", Type: state.Float64}, state.Field{Name: "moved", Type: state.Float64},
		state.Field{Name: "peak", Type: state.Float64}, state.Field{Name: "size", Type: state.Float64}, state.Field{Name: "size_low", Type: state.Float64},
		state.Field{Name: "size_high", Type: state.Float64}, state.Field{Name: "early", Type: state.Float64}, state.Field{Name: "late", Type: state.Float64}),
	Write: func(t *state.TableWriter, s *regime) {
		s.Write(t)
		t.Uint64(s.count).Uint32(s.known).Uint16(uint16(s.kind)).Uint64(s.began).Uint32(s.until).Float64(s.trend).Float64(s.step).Float64(s.was).Float64(s.moved)
		t.Float64(s.peak).Float64(s.size).Float64(s.low).Float64(s.high).Float64(s.early).Float64(s.late)
	},
	Read: func(t *state.TableReader) regime {
		return regime{Average: ewma.Read(t), count: t.Uint64("count"), known: t.Uint32("known"), trend: t.Float64("trend"), step: t.Float64("step"), change: change{
			kind: kind(t.Uint16("kind")), began: t.Uint64("began"), until: t.Uint32("until"), was: t.Float64("was"), moved: t.Float64("moved"), peak: t.Float64("peak"), size: t.Float64("size"),
			low: t.Float64("size_low"), high: t.Float64("size_high"), early: t.Float64("early"), late: t.Float64("late"),
		}}
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
	// cut is how many deviations a value counts to be off at most, cutStep how many times the average the root of a difference counts.
	cut, cutStep = 3, 2.2
	// near is the score from which the average is not moved.
	near = 0.4
)

type model struct {
	ewma.Scale
	threshold float64
	warmup    uint32
	blocks
}

func newModel(s pipeline.Settings) (univariate.Model[regime], error) {
	average := maps.Clone(s)
	average["adapt"] = s.Int("warmup")
	return &model{ewma.ReadScale(average), s.Float("threshold"), uint32(s.Int("warmup")), newBlocks(int(s.Int("scales")))}, nil
}

// Begin implements univariate.Model.
func (m *model) Begin(series *pipeline.Series) regime { return regime{Average: ewma.Begin(series)} }

// Score implements univariate.Model.
func (m *model) Score(s *regime, v float64) (float64, bool) {
	m.push(s, v)
	if s.kind != none {
		return m.remains(s), true
	}
	z := m.compare(s)
	return z / m.threshold, s.known >= m.warmup
}

// remains is how much of the change that is open is still there: its score, while it is more than half.
func (m *model) remains(s *regime) float64 {
	part := (m.now(s, s.kind) - s.was) / s.moved
	if !(part > 0.5) {
		return max(0, part)
	}
	return min(1, part) * s.peak
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
	f.Probability = 1 / (1 + 1/(s.peak*s.peak))
	f.Evidence = []pipeline.Evidence{{Name: names[s.kind], Value: s.size}, {Name: "size_low", Value: s.low}, {Name: "size_high", Value: s.high},
		{Name: "onset_early_seconds", Value: s.early}, {Name: "onset_late_seconds", Value: s.late}, {Name: "z", Value: s.peak * m.threshold}}
}

// Learn implements univariate.Model.
func (m *model) Learn(s *regime, start int64, v, score float64, open bool) bool {
	m.start(s, start)
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
