// Package flatline finds series that stand still although they use to move: a gauge that repeats its last value, a counter that no
// longer counts (a stall). A broken sensor, a dead loop and a frozen exporter look like that, and no threshold finds them.
//
// Of each series the share of windows in which it moved is learned: a gauge moves when its value is another than before, a counter when it
// grew. If windows were independent, a run of n windows without a move would be seen with the probability (1 − p)ⁿ, so
//
//	score = −n·log(1 − p) / threshold
//
// with p = (moves + ½) / (windows + 1), the estimate of Jeffreys, over the last windows by weights of 2/(history + 1). The threshold of
// 25 is a probability of e⁻²⁵, 10⁻¹¹. A series that seldom moves has to stand still long; one that never moved is never found.
//
// Windows are not independent: what counts rare things, or rests every night, has long runs. So a run must also be three times as long as
// the longest before it, of the last hundred histories or so by weights; the score is the lower of both. The first night of a series is
// found, the second is not.
//
// A run is learned when it has ended; what of it was a finding only as a length, so that a fault does not change how often the
// series is said to move. After adapt windows of a finding standing still is taken for normal.
package flatline

import (
	"math"

	"github.com/homeostat/homeostat/operators/detect/alarm"
	"github.com/homeostat/homeostat/operators/detect/univariate"
	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// Kind is the detector.
var Kind = &univariate.Kind[pace]{
	Name: "flatline", Version: 1, Doc: "Finds gauges that stand still and counters that no longer count, although they use to.",
	Example: "[{metric: requests.total}, {metric: sensor.*, threshold: 40}]",
	Judgement: []pipeline.Setting{
		{Name: "threshold", Type: pipeline.Float, Default: 25.0, Min: pipeline.Bound(1), Max: pipeline.Bound(1e6), Doc: "How improbable standing still has to be: minus the logarithm of the probability."},
	},
	Settings: []pipeline.Setting{
		whole("history", 1000, 16, 1_000_000, "Over how many windows the share of moves is learned."),
		whole("warmup", 240, 8, 1_000_000, "The number of windows of a series before anything is said about it."),
		whole("adapt", 2000, 8, 1_000_000, "After so many windows of one finding standing still is taken for normal."),
	},
	Alarm:  alarm.Config{Hold: 1, Of: 1, Clear: 1, Rest: 6, Update: 30, Gone: 30},
	Model:  newModel,
	Fields: []state.Field{{Name: "last", Type: state.Float64}, {Name: "moves", Type: state.Float64}, {Name: "windows", Type: state.Float64}, {Name: "longest", Type: state.Float64}, {Name: "run", Type: state.Uint32}, {Name: "since", Type: state.Int64}, {Name: "counter", Type: state.Bool}, {Name: "seen", Type: state.Bool}},
	Write: func(t *state.TableWriter, s *pace) {
		t.Float64(s.last).Float64(s.moves).Float64(s.windows).Float64(s.longest).Uint32(s.run).Int64(s.since).Bool(s.counter).Bool(s.seen)
	},
	Read: func(t *state.TableReader) pace {
		return pace{t.Float64("last"), t.Float64("moves"), t.Float64("windows"), t.Float64("longest"), t.Int64("since"), t.Uint32("run"), t.Bool("counter"), t.Bool("seen")}
	},
}

func whole(name string, v, least, most int, doc string) pipeline.Setting {
	return pipeline.Setting{Name: name, Type: pipeline.Int, Default: int64(v), Min: pipeline.Bound(float64(least)), Max: pipeline.Bound(float64(most)), Doc: doc}
}

// pace is what is kept of a series: how often it moves, and for how many windows it has not, since the start of the first of them.
type pace struct {
	last           float64
	moves, windows float64 // weighted
	longest        float64 // run
	since          int64
	run            uint32
	counter, seen  bool
}

const (
	// margin is how much longer than any before a run must be.
	margin = 3
	// memory is for how many histories the longest run is remembered.
	memory = 100
)

type model struct {
	threshold, keep, warmup float64
	adapt                   uint32
}

func newModel(s pipeline.Settings) (univariate.Model[pace], error) {
	return &model{s.Float("threshold"), 1 - 2/(float64(s.Int("history"))+1), float64(s.Int("warmup")), uint32(s.Int("adapt"))}, nil
}

// Begin implements univariate.Model.
func (m *model) Begin(series *pipeline.Series) pace {
	return pace{counter: series.Type != pipeline.Gauge}
}

// moved tells whether a value is a move.
func (s *pace) moved(v float64) bool {
	if s.counter {
		return v != 0
	}
	return s.seen && v != s.last
}

// share is the estimated probability of a move.
func (s *pace) share() float64 { return (s.moves + 0.5) / (s.windows + 1) }

// surprise is minus the logarithm of the probability of a run.
func (s *pace) surprise(run uint32) float64 { return -float64(run) * math.Log1p(-s.share()) }

// Score implements univariate.Model.
func (m *model) Score(s *pace, v float64) (float64, bool) {
	// The windows of a weighted share are at most 1/(1 − keep), so the warm-up is counted with the run.
	if s.windows+float64(s.run) < min(m.warmup, 0.8/(1-m.keep)) {
		return 0, false
	}
	if s.moved(v) || s.moves == 0 {
		return 0, true
	}
	run := s.run + 1
	return min(s.surprise(run)/m.threshold, float64(run)/(margin*(s.longest+1))), true
}

// Band implements univariate.Model: there is none, so it is the value.
func (m *model) Band(_ *pace, v float64) (low, expected, high float64) { return v, v, v }

// Explain implements univariate.Model.
func (m *model) Explain(s *pace, f *pipeline.Finding) {
	if f.Onset = s.since; s.run == 0 {
		f.Onset = f.Start
	}
	run := s.run + 1
	if s.moved(f.Value) {
		run = 0
	}
	f.Probability = -math.Expm1(-s.surprise(run))
	f.Evidence = []pipeline.Evidence{{Name: "windows", Value: float64(run)}, {Name: "moves", Value: s.share()}}
}

// Learn implements univariate.Model.
func (m *model) Learn(s *pace, start int64, v, _ float64, open bool) bool {
	moved := s.moved(v)
	first := !s.seen
	if s.last, s.seen = v, true; first && !s.counter {
		return false
	}
	if !moved {
		if s.run == 0 {
			s.since = start
		}
		s.run++
		if open && s.run >= m.adapt {
			m.count(s, s.run, 0)
			m.end(s)
			return true
		}
		return false
	}
	if !open {
		m.count(s, s.run, 0)
	}
	m.count(s, 1, 1)
	m.end(s)
	return false
}

// end ends a run.
func (m *model) end(s *pace) {
	s.longest = max(float64(s.run), s.longest*(1-(1-m.keep)/memory))
	s.run = 0
}

// count takes n windows with as many moves each.
func (m *model) count(s *pace, n uint32, moves float64) {
	if n == 0 {
		return
	}
	keep := m.keep
	if n > 1 {
		keep = math.Pow(keep, float64(n))
	}
	weight := (1 - keep) / (1 - m.keep)
	s.moves, s.windows = s.moves*keep+moves*weight, s.windows*keep+weight
}
