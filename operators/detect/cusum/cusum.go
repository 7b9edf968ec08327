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
	Name: "cusum", Version: 1, Doc: "Finds small shifts of the level that last, by cumulative sums.",
	Example: "[{metric: queue.*, direction: up}]",
	Judgement: append(ewma.Floors(), []pipeline.Setting{
		{Name: "threshold", Type: pipeline.Float, Default: 30.0, Min: pipeline.Bound(1), Max: pipeline.Bound(1e6), Doc: "The sum of deviations beyond which a window is abnormal."},
		{Name: "drift", Type: pipeline.Float, Default: 1.0, Min: pipeline.Bound(0), Max: pipeline.Bound(4), Doc: "How many deviations of each window are not counted: half of the shift that is looked for."},
		{Name: "direction", Type: pipeline.String, Default: "both", Enum: []string{"both", "up", "down"}, Doc: "Where shifts are abnormal."},
	}...),
	Settings: ewma.Memory(),
	Alarm:    alarm.Config{Hold: 1, Of: 1, Clear: 3, Rest: 6, Update: 30, Gone: 30},
	Model:    newModel,
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
	threshold, per, drift float64 // per is one by the threshold
	looksUp, looksDn      bool
}

func newModel(s pipeline.Settings) (univariate.Model[sums], error) {
	threshold, direction := s.Float("threshold"), s.Text("direction")
	return &model{ewma.ReadScale(s), threshold, 1 / threshold, s.Float("drift"), direction != "down", direction != "up"}, nil
}

// Begin implements univariate.Model.
func (m *model) Begin(series *pipeline.Series) sums { return sums{Average: ewma.Begin(series)} }

// next returns the sums with a value.
func (m *model) next(s *sums, v float64) (up, down float64) {
	z := min(max(s.Z(v), -maxStep), maxStep)
	most := bound * m.threshold
	if m.looksUp {
		up = min(max(0, s.up+z-m.drift), most)
	}
	if m.looksDn {
		down = min(max(0, s.down-z-m.drift), most)
	}
	return up, down
}

// Score implements univariate.Model.
func (m *model) Score(s *sums, v float64) (float64, bool) {
	if !m.Ready(&s.Average) {
		return 0, false
	}
	up, down := m.next(s, v)
	return max(up, down) * m.per, true
}

// Band implements univariate.Model: between low and high the sums do not grow.
func (m *model) Band(s *sums, _ float64) (low, expected, high float64) {
	width := m.drift * s.Deviation
	return s.Mean - width, s.Mean, s.Mean + width
}

// Explain implements univariate.Model.
func (m *model) Explain(s *sums, f *pipeline.Finding) {
	up, down := m.next(s, f.Value)
	sum, since := up, s.upSince
	f.Direction = "up"
	if down > up {
		f.Direction, sum, since = "down", down, s.downSince
	}
	if f.Onset = since; since == 0 {
		f.Onset = f.Start
	}
	// What a sum of independent steps beyond the drift passes by chance falls by e^(−2·drift) for each deviation of it (Siegmund,
	// Sequential Analysis, 1985, chapter II).
	f.Probability = 1 - math.Exp(-2*m.drift*sum)
	f.Evidence = []pipeline.Evidence{{Name: "mean", Value: s.Mean}, {Name: "scale", Value: s.Deviation}, {Name: "sum", Value: sum}}
}

// Learn implements univariate.Model.
func (m *model) Learn(s *sums, start int64, v, score float64, open bool) bool {
	if score < 0 {
		m.Scale.Learn(&s.Average, v)
		return false
	}
	up, down := m.next(s, v)
	s.upSince, s.downSince = since(s.upSince, s.up, up, start), since(s.downSince, s.down, down, start)
	s.up, s.down = up, down
	if score < frozen {
		m.Scale.Learn(&s.Average, s.Cut(v, maxStep))
		return false
	}
	if score < 1 || !open || !m.Reject(&s.Average, v) {
		return false
	}
	s.up, s.down = 0, 0
	return true
}

// since returns when a sum left zero.
func since(before int64, was, is float64, start int64) int64 {
	switch {
	case is == 0:
		return 0
	case was == 0:
		return start
	}
	return before
}
