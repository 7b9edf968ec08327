// Package ewma finds values far from the moving average of their series, in units of its moving scale. It is the cheapest
// detector: a handful of multiplications a window, 40 bytes a series.
//
// Average and mean absolute deviation move by exponential weights (Roberts, Control Chart Tests Based on Geometric Moving Averages,
// Technometrics 1, 1959; Hunter, The Exponentially Weighted Moving Average, Journal of Quality Technology 18, 1986):
//
//	mean += α·(v − mean)        deviation += α·(|v − mean| − deviation)        α = 2/(history + 1)
//	z = (v − mean) / max(1.2533·deviation, floors)        score = |z| / threshold
//
// 1.2533 = √(π/2) makes the standard deviation of a mean absolute deviation where values are normal; of the absolute deviation an
// outlier moves less than of squares. The first windows are averaged alike (α = 1/n while that is larger), and nothing is said
// before warmup of them. The value is scored before it is learned.
//
// Beyond three deviations a value is learned as if it were there, so that the beginning of a fault does not hide the rest of
// it; while a finding is open only what is calm is learned. After adapt other windows of it the series begins anew where it is.
//
// A series that is new, of a service that has at least three instances already, begins with what these have learned (Lend), which weighs as
// much as its own warm-up.
//
// Compared with package robustz it forgets by weights, not by a window of values, costs a tenth, and is misled by a heavier tail.
package ewma

import (
	"math"

	"github.com/homeostat/homeostat/operators/detect/alarm"
	"github.com/homeostat/homeostat/operators/detect/univariate"
	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// Kind is the detector.
var Kind = &univariate.Kind[learned]{
	Name: "ewma", Version: 2, Doc: "Finds values far from the moving average of their series, at the least cost.",
	Example: "[{metric: cpu.*, threshold: 12}, {metric: latency.*, direction: up}]",
	Judgement: append(Floors(), []pipeline.Setting{
		{Name: "threshold", Type: pipeline.Float, Default: 8.0, Min: pipeline.Bound(1), Max: pipeline.Bound(1e6), Doc: "The z beyond which a window is abnormal."},
		{Name: "direction", Type: pipeline.String, Default: "both", Enum: []string{"both", "up", "down"}, Doc: "Where values are abnormal."},
	}...),
	Settings: Memory(), Lends: true,
	Alarm:  alarm.Config{Hold: 3, Of: 4, Clear: 3, Rest: 6, Update: 30, Gone: 30, Habit: alarm.Habit, Settle: alarm.Settle},
	Model:  newModel,
	Fields: Fields(),
	Write:  func(t *state.TableWriter, s *learned) { s.Write(t) },
	Read:   func(t *state.TableReader) learned { return learned{Read(t)} },
}

// learned is what is kept of a series.
type learned struct{ Average }

const (
	// calm is the score below which an open finding does not keep a value from being learned.
	calm = 0.5
	// cut is how many deviations a value is learned to be off at most.
	cut = 3
)

type model struct {
	Scale
	threshold, per float64 // per is one by the threshold: a division is a third of what a window costs
	up, down       bool
}

func newModel(s pipeline.Settings) (univariate.Model[learned], error) {
	threshold, direction := s.Float("threshold"), s.Text("direction")
	return &model{ReadScale(s), threshold, 1 / threshold, direction != "down", direction != "up"}, nil
}

// Lend implements univariate.Lender.
func (m *model) Lend(_ *pipeline.Series, like []learned) (learned, bool) {
	averages := make([]Average, len(like))
	for i := range like {
		averages[i] = like[i].Average
	}
	a, ok := m.Scale.Lend(averages)
	return learned{a}, ok
}

// Begin implements univariate.Model.
func (m *model) Begin(series *pipeline.Series) learned { return learned{Begin(series)} }

// Score implements univariate.Model.
func (m *model) Score(r *univariate.Rows[learned]) {
	for i, v := range r.Values {
		s := r.At(i)
		if !m.Ready(&s.Average) {
			r.Scores[i] = -1
			continue
		}
		z := s.Z(v)
		r.Scores[i] = math.Abs(z) * m.per
		if !m.up && z > 0 || !m.down && z < 0 { // the sign is a coin's: it is asked last
			r.Scores[i] = 0
		}
	}
}

// Band implements univariate.Model.
func (m *model) Band(s *learned, _ float64) (low, expected, high float64) {
	width := m.threshold * s.Deviation
	return s.Mean - width, s.Mean, s.Mean + width
}

// Explain implements univariate.Model.
func (m *model) Explain(s *learned, f *pipeline.Finding) {
	z := s.Z(f.Value)
	f.Direction, f.Probability = "up", 1/(1+1/(z*z))
	if z < 0 {
		f.Direction = "down"
	}
	f.Evidence = []pipeline.Evidence{{Name: "mean", Value: s.Mean}, {Name: "scale", Value: s.Deviation}, {Name: "z", Value: z}}
}

// Learn implements univariate.Model.
func (m *model) Learn(r *univariate.Rows[learned]) {
	for i, v := range r.Values {
		s, score := r.At(i), r.Scores[i]
		if r.Open && score >= calm {
			r.Adapted = m.Reject(&s.Average, v)
			continue
		}
		if score >= 0 {
			v = s.Cut(v, cut)
		}
		m.Scale.Learn(&s.Average, v)
	}
}
