// Package cusum finds small shifts that last: a level that has moved by a deviation or two and stays there, which no single value
// shows.
//
// Deviations from the moving average, beyond drift, are summed up on both sides (Page, Continuous Inspection Schemes, Biometrika
// 41, 1954; the tabular form is that of Montgomery, Introduction to Statistical Quality Control, chapter 9):
//
//	up   = max(0, up + z − drift)          down = max(0, down − z − drift)
//	score = max(up, down) / threshold
//
// z is that of package ewma, of which average and scale are, cut to ±4: so one outlier is a step of four at most, and a shift of 1.5
// deviations takes threshold/(1.5 − drift) windows. Series of operations are correlated in time, so that plain sums wander: the
// defaults (drift 1, threshold 30) alarm once in a million windows of an AR(1) series with a correlation of 0.7, and find a shift of 2.5
// deviations in 27 windows, 43 at worst of twenty. Series that wander more, or grow all the time, have no level
// to shift from: look at their change.
//
// The onset is the window in which the sum last left zero, which is Page's estimate of the change point, and no later than the alarm.
// The sums are bounded by one and a half times the threshold, so that they come down again when the level does. While a
// sum is beyond a fifth of the threshold nothing is learned; after adapt abnormal windows the new level is taken for normal.
//
// It tells for how long a series is away from where it belongs. When and by how much it became another, and that once, is told by package change, also of
// slopes and spreads.
package cusum

import (
	"math"

	"github.com/homeostat/homeostat/operators/detect/alarm"
	"github.com/homeostat/homeostat/operators/detect/ewma"
	"github.com/homeostat/homeostat/operators/detect/univariate"
	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

const (
	// maxStep is the most that one window can add.
	maxStep = 4
	// bound is how far the sums may go, in thresholds.
	bound = 1.5
	// frozen is the score from which nothing is learned.
	frozen = 0.2
)

// Kind is the detector.
var Kind = &univariate.Kind[sums]{
	Name: "cusum", Version: 2, Doc: "Finds small shifts of the level that last, by cumulative sums.",
	Example: "[{metric: queue.*, direction: up}]",
	Judgement: append(ewma.Floors(), []pipeline.Setting{
		{Name: "threshold", Type: pipeline.Float, Default: 30.0, Min: pipeline.Bound(1), Max: pipeline.Bound(1e6), Doc: "The sum of deviations beyond which a window is abnormal."},
		{Name: "drift", Type: pipeline.Float, Default: 1.0, Min: pipeline.Bound(0), Max: pipeline.Bound(4), Doc: "How many deviations of each window are not counted: half of the shift that is looked for."},
		{Name: "direction", Type: pipeline.String, Default: "both", Enum: []string{"both", "up", "down"}, Doc: "Where shifts are abnormal."},
	}...),
	Settings: ewma.Memory(), Lends: true,
	Alarm: alarm.Config{Hold: 1, Of: 1, Clear: 3, Rest: 6, Update: 30, Gone: 30, Habit: alarm.Habit, Settle: alarm.Settle},
	Model: newModel,
	Fields: append(ewma.Fields(), state.Field{Name: "up", Type: state.Float64}, state.Field{Name: "down", Type: state.Float64},
		state.Field{Name: "up_since", Type: state.Int64}, state.Field{Name: "down_since", Type: state.Int64}),
	Write: func(t *state.TableWriter, s *sums) {
		s.Write(t)
		t.Float64(s.up).Float64(s.down).Int64(s.upSince).Int64(s.downSince)
	},
	Read: func(t *state.TableReader) sums {
		return sums{ewma.Read(t), t.Float64("up"), t.Float64("down"), t.Int64("up_since"), t.Int64("down_since")}
	},
}

// sums is what is kept of a series. The times are starts of the windows in which the sums left zero.
type sums struct {
	ewma.Average
	up, down           float64
	upSince, downSince int64
}

type model struct {
	ewma.Scale
	per, drift         float64 // per is one by the threshold
	most               float64 // a sum can be
	upDrift, downDrift float64 // infinite where shifts are none of ours
}

func newModel(s pipeline.Settings) (univariate.Model[sums], error) {
	threshold, drift := s.Float("threshold"), s.Float("drift")
	m := &model{ewma.ReadScale(s), 1 / threshold, drift, bound * threshold, drift, drift}
	switch s.Text("direction") {
	case "up":
		m.downDrift = math.Inf(1)
	case "down":
		m.upDrift = math.Inf(1)
	}
	return m, nil
}

// Lend implements univariate.Lender.
func (m *model) Lend(_ *pipeline.Series, like []sums) (sums, bool) {
	averages := make([]ewma.Average, len(like))
	for i := range like {
		averages[i] = like[i].Average
	}
	a, ok := m.Scale.Lend(averages)
	return sums{Average: a}, ok
}

// Begin implements univariate.Model.
func (m *model) Begin(series *pipeline.Series) sums { return sums{Average: ewma.Begin(series)} }

// sum adds a step to a sum, between 0 and its bound.
func (m *model) sum(was, step, drift float64) float64 {
	x := positive(was + step - drift)
	if x > m.most {
		return m.most
	}
	return x
}

// positive is max(0, x) of a number, without a branch: of noise the sign is a coin's.
func positive(x float64) float64 {
	b := math.Float64bits(x)
	return math.Float64frombits(b &^ uint64(int64(b)>>63))
}

// Score implements univariate.Model. Whatever comes of a value, it is summed up.
func (m *model) Score(r *univariate.Rows[sums]) {
	for i, v := range r.Values {
		s := r.At(i)
		if r.Scores[i] = -1; !m.Ready(&s.Average) {
			continue
		}
		z := s.Z(v)
		if z > maxStep {
			z = maxStep
		}
		if z < -maxStep {
			z = -maxStep
		}
		up, down := m.sum(s.up, z, m.upDrift), m.sum(s.down, -z, m.downDrift)
		s.upSince, s.downSince = since(s.upSince, s.up, up, r.Start), since(s.downSince, s.down, down, r.Start)
		s.up, s.down = up, down
		r.Scores[i] = greater(up, down) * m.per
	}
}

// Band implements univariate.Model: between low and high the sums do not grow.
func (m *model) Band(s *sums, _ float64) (low, expected, high float64) {
	width := m.drift * s.Deviation
	return s.Mean - width, s.Mean, s.Mean + width
}

// Explain implements univariate.Model.
func (m *model) Explain(s *sums, f *pipeline.Finding) {
	sum := s.up
	f.Direction, f.Onset = "up", s.upSince
	if s.down > s.up {
		f.Direction, f.Onset, sum = "down", s.downSince, s.down
	}
	if f.Onset == 0 {
		f.Onset = f.Start
	}
	// What a sum of independent steps beyond the drift passes by chance falls by e^(−2·drift) for each deviation of it (Siegmund,
	// Sequential Analysis, 1985, chapter II).
	f.Probability = 1 - math.Exp(-2*m.drift*sum)
	f.Evidence = []pipeline.Evidence{{Name: "mean", Value: s.Mean}, {Name: "scale", Value: s.Deviation}, {Name: "sum", Value: sum}}
}

// Learn implements univariate.Model.
func (m *model) Learn(r *univariate.Rows[sums]) {
	for i, v := range r.Values {
		switch s, score := r.At(i), r.Scores[i]; {
		case score < 0:
			m.Scale.Learn(&s.Average, v)
		case score < frozen:
			m.Scale.Learn(&s.Average, s.Cut(v, maxStep))
		case score >= 1 && r.Open && m.Reject(&s.Average, v):
			s.up, s.down, r.Adapted = 0, 0, true
		}
	}
}

// greater is max of numbers that are not negative, whose bits are in the same order; without a branch.
func greater(x, y float64) float64 {
	return math.Float64frombits(max(math.Float64bits(x), math.Float64bits(y)))
}

// since returns when a sum left zero, without a branch. Sums are not negative, so that zero has no bits.
func since(before int64, was, is float64, start int64) int64 {
	if math.Float64bits(was) == 0 {
		before = start
	}
	if math.Float64bits(is) == 0 {
		before = 0
	}
	return before
}
