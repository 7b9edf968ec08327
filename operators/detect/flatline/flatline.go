// Package flatline finds series that stand still although they use to move: a gauge that repeats its last value, a counter that no
// longer counts (a stall). A broken sensor, a dead loop and a frozen exporter look like that, and no threshold finds them.
//
// A gauge moves when its value is another than before, a counter when it grew. Package runs says from when on a series has stood still
// for too long.
package flatline

import (
	"github.com/homeostat/homeostat/operators/detect/alarm"
	"github.com/homeostat/homeostat/operators/detect/runs"
	"github.com/homeostat/homeostat/operators/detect/univariate"
	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// Kind is the detector.
var Kind = &univariate.Kind[movement]{
	Name: "flatline", Version: 1, Doc: "Finds gauges that stand still and counters that no longer count, although they use to.",
	Example:   "[{metric: requests.total}, {metric: sensor.*, threshold: 40}]",
	Judgement: []pipeline.Setting{runs.Threshold()},
	Settings:  runs.Settings(),
	Alarm:     alarm.Config{Hold: 1, Of: 1, Clear: 1, Rest: 6, Update: 30, Gone: 30, Habit: alarm.Habit, Settle: alarm.Settle},
	Model:     func(s pipeline.Settings) (univariate.Model[movement], error) { return &model{runs.ReadRule(s)}, nil },
	Fields:    append(runs.Fields(), state.Field{Name: "last", Type: state.Float64}, state.Field{Name: "counter", Type: state.Bool}, state.Field{Name: "seen", Type: state.Bool}),
	Write: func(t *state.TableWriter, s *movement) {
		s.Write(t)
		t.Float64(s.last).Bool(s.counter).Bool(s.seen)
	},
	Read: func(t *state.TableReader) movement {
		return movement{runs.Read(t), t.Float64("last"), t.Bool("counter"), t.Bool("seen")}
	},
}

// movement is what is kept of a series.
type movement struct {
	runs.Pace
	last          float64
	counter, seen bool
}

type model struct{ runs.Rule }

// Begin implements univariate.Model.
func (m *model) Begin(series *pipeline.Series) movement {
	return movement{counter: series.Type != pipeline.Gauge}
}

// moved tells whether a value is a move.
func (s *movement) moved(v float64) bool {
	if s.counter {
		return v != 0
	}
	return s.seen && v != s.last
}

// Score implements univariate.Model.
func (m *model) Score(r *univariate.Rows[movement]) {
	for i, v := range r.Values {
		s := r.At(i)
		switch {
		case !m.Known(&s.Pace):
			r.Scores[i] = -1
		case s.moved(v):
			r.Scores[i] = 0
		default:
			r.Scores[i] = m.Rule.Score(&s.Pace)
		}
	}
}

// Band implements univariate.Model: there is none, so it is the value.
func (m *model) Band(_ *movement, v float64) (low, expected, high float64) { return v, v, v }

// Explain implements univariate.Model.
func (m *model) Explain(s *movement, f *pipeline.Finding) {
	if f.Onset = s.Since; s.Length == 0 {
		f.Onset = f.Start
	}
	run := s.Length + 1
	if s.moved(f.Value) {
		run = 0
	}
	f.Probability = s.Probability(run)
	f.Evidence = []pipeline.Evidence{{Name: "windows", Value: float64(run)}, {Name: "moves", Value: s.Share()}}
}

// Learn implements univariate.Model.
func (m *model) Learn(r *univariate.Rows[movement]) {
	for i, v := range r.Values {
		s := r.At(i)
		moved, first := s.moved(v), !s.seen
		if s.last, s.seen = v, true; !first || s.counter {
			r.Adapted = m.Rule.Learn(&s.Pace, r.Start, moved, r.Open)
		}
	}
}
