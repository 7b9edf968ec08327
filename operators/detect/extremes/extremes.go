// Package extremes finds values that are more extreme than a series has them by chance, at a rate that is promised: the setting rate is how many false
// findings a series may have in a day. A threshold has to be chosen by nobody, and series of all kinds have the same.
//
// A value is measured by how far it is from the moving average in moving deviations (package ewma), as in DSPOT (Siffer, Fouque, Termier, Largouet, Anomaly
// Detection in Streams with Extreme Value Theory, KDD 2017), so that drift is no extreme. How far chance goes on either side is learned by package
// tail. How far windows are apart makes a probability of the rate, half of it for each side:
//
//	z = (value − average) / deviation        q = rate · distance / day / 2
//	score = min(ln P(as extreme by chance) / ln q, |z| / least)
//
// So 1 is the promised probability and 2 its square. Values of the tail that are near one another count once (gap), as they do in the promise. What a series
// takes for its tail are its own values: of what is extreme more often than promised the first ones are told, until they are
// known; that is how a series of rare spikes begins.
//
// # Promise
//
// Findings by what is promised, of 100 series of windows of 10 s and four days (of a rate of 0.02 that is 8, so its figures are rough). A tail is never
// known well so far out, so there are fewer than promised where it is light. Where it is as heavy as that of Student's t with 3 degrees there are up
// to twice as many, and more in the first day, when it is not known yet.
//
//	rate                    0.864              0.086               0.02
//	             first day    then   first day    then   first day    then
//	t3                1.4     1.1         2.4     1.8           4     2.3
//	lognormal         0.6     0.4         0.9     0.8           3       2
//	exponential       0.2     0.2         0.4     0.4         0.5     0.5
//	normal              0     0.1           0       0           0       0
//	AR(1) of 0.8        0     0.1           0       0           0       0
//	Poisson of 5      0.1     0.1         0.1       0         0.5       0
//
// It holds for series that stay what they are. Of the public series of NAB, which have bursts, days, weeks and changes, and of which 4000 windows of 5 min are
// not even enough peaks, a rate of 0.02 has 0.5 findings a day outside of what is labelled, all but 0.06 of them habits of the series (package alarm). Nothing is
// promised there.
//
// The probability of a finding is 1/(1 + P/q): as likely as not at the threshold, where as many real ones are expected as false ones are promised.
package extremes

import (
	"math"

	"github.com/homeostat/homeostat/operators/detect/alarm"
	"github.com/homeostat/homeostat/operators/detect/ewma"
	"github.com/homeostat/homeostat/operators/detect/tail"
	"github.com/homeostat/homeostat/operators/detect/univariate"
	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// Kind is the detector.
var Kind = &univariate.Kind[learned]{
	Name: "extremes", Version: 1, Doc: "Finds values as extreme as a series has them by chance at a rate that is promised.",
	Example: "[{metric: latency.*, rate: 0.1, direction: up}]",
	Judgement: append(ewma.Floors(), []pipeline.Setting{
		{Name: "rate", Type: pipeline.Float, Default: 0.02, Min: pipeline.Bound(1e-6), Max: pipeline.Bound(1e4), Doc: "How many false findings a day and series may have, while the series stays what it is; up to twice as many where tails are heavy."},
		{Name: "least", Type: pipeline.Float, Default: 3.0, Min: pipeline.Bound(0), Max: pipeline.Bound(1e6), Doc: "What is nearer to the average than so many deviations is not abnormal, however rare it is."},
		{Name: "direction", Type: pipeline.String, Default: "both", Enum: []string{"both", "up", "down"}, Doc: "Where values are abnormal."},
	}...),
	Settings: append(ewma.Memory(), pipeline.Whole("gap", 10, 1, 10_000, "Values of the tail belong together when fewer windows are between them.")),
	Alarm:    alarm.Config{Hold: 1, Of: 1, Clear: 3, Rest: 6, Update: 30, Gone: 30, Habit: alarm.Habit, Settle: alarm.Settle},
	Model:    newModel,
	Fields: append(append(append(ewma.Fields(), tail.Fields("up_")...), tail.Fields("down_")...),
		state.Field{Name: "every", Type: state.Int64}, state.Field{Name: "last", Type: state.Int64}, state.Field{Name: "promised", Type: state.Float64}),
	Write: func(t *state.TableWriter, s *learned) {
		s.Average.Write(t)
		s.up.Write(t)
		s.down.Write(t)
		t.Int64(s.every).Int64(s.last).Float64(s.promised)
	},
	Read: func(t *state.TableReader) learned {
		return learned{Average: ewma.Read(t), up: tail.Read(t, "up_"), down: tail.Read(t, "down_"), every: t.Int64("every"), last: t.Int64("last"), promised: t.Float64("promised")}
	},
}

// learned is what is kept of a series, besides the peaks of both tails in its row.
type learned struct {
	ewma.Average
	up, down    tail.Side
	every, last int64 // from one window to the next; the start of the last
	// promised is the logarithm of the probability with which a window may be abnormal by chance, on each side.
	promised float64
}

const (
	// calm is the score below which an open finding does not keep a value from being learned.
	calm = 0.5
	// cut is how many deviations a value is learned to be off at most.
	cut = 3
	// commonest is the highest probability that may be promised of one window: the bar is passed with twice that.
	commonest = 0.01
	day       = 24 * 3600e9
)

type model struct {
	ewma.Scale
	rate, least      float64
	looksUp, looksDn bool
	gap              uint32
	row              []float64
}

func newModel(s pipeline.Settings) (univariate.Model[learned], error) {
	m := &model{Scale: ewma.ReadScale(s), rate: s.Float("rate"), least: s.Float("least"), gap: uint32(s.Int("gap"))}
	m.looksUp, m.looksDn = s.Text("direction") != "down", s.Text("direction") != "up"
	if m.looksUp && m.looksDn {
		m.rate /= 2
	}
	return m, nil
}

// Width implements univariate.Ringed.
func (m *model) Width() int { return 2 * tail.Peaks }

// Use implements univariate.Ringed.
func (m *model) Use(ring []float64) { m.row = ring }

// Begin implements univariate.Model.
func (m *model) Begin(series *pipeline.Series) learned {
	return learned{Average: ewma.Begin(series), up: tail.Begin(), down: tail.Begin()}
}

// measure learns how far windows are apart, and what chance is promised of that.
func (m *model) measure(s *learned, start int64) {
	d, before := start-s.last, s.every
	if s.last != 0 && d > 0 {
		if s.every == 0 || d < s.every {
			s.every = d
		} else {
			s.every += min(d-s.every, s.every) / 64
		}
	}
	s.last = start
	if s.every != before {
		s.promised = math.Log(min(commonest, m.rate*float64(s.every)/day))
	}
}

// Score implements univariate.Model.
func (m *model) Score(r *univariate.Rows[learned]) {
	for i, v := range r.Values {
		s := r.At(i)
		if r.Scores[i] = -1; !m.Ready(&s.Average) || s.every == 0 {
			continue
		}
		z := s.Z(v)
		switch {
		case z > 0 && m.looksUp:
			r.Scores[i] = m.score(s, &s.up, z)
		case z < 0 && m.looksDn:
			r.Scores[i] = m.score(s, &s.down, -z)
		default:
			r.Scores[i] = 0
		}
	}
}

func (m *model) score(s *learned, t *tail.Side, z float64) float64 {
	score := t.LogChance(z) / s.promised
	if z < m.least*score { // which also says that m.least is not 0
		return z / m.least
	}
	return score
}

// Band implements univariate.Model.
func (m *model) Band(s *learned, _ float64) (low, expected, high float64) {
	at := s.promised
	return s.Mean - s.Deviation*max(m.least, s.down.Level(at)), s.Mean, s.Mean + s.Deviation*max(m.least, s.up.Level(at))
}

// Explain implements univariate.Model.
func (m *model) Explain(s *learned, f *pipeline.Finding) {
	z, t := s.Z(f.Value), &s.up
	f.Direction = "up"
	if z < 0 {
		f.Direction, z, t = "down", -z, &s.down
	}
	chance := t.LogChance(z)
	f.Probability = 1 / (1 + math.Exp(chance-s.promised))
	f.Evidence = []pipeline.Evidence{{Name: "mean", Value: s.Mean}, {Name: "scale", Value: s.Deviation}, {Name: "z", Value: z}, {Name: "shape", Value: t.Shape},
		{Name: "by_chance_per_day", Value: math.Exp(chance) * day / float64(max(1, s.every))}}
}

// Learn implements univariate.Model. Of a finding that is open the tails learn the first window alone.
func (m *model) Learn(r *univariate.Rows[learned]) {
	for i, v := range r.Values {
		r.Adapted = m.take(r.At(i), r.Start, v, r.Scores[i], r.Open)
	}
}

// take learns a value. It returns true when what is abnormal has lasted for so long that it is normal.
func (m *model) take(s *learned, start int64, v, score float64, open bool) bool {
	m.measure(s, start)
	abnormal := open && score >= calm
	if m.Ready(&s.Average) && !(abnormal && s.Rejected > 0) {
		z := s.Z(v)
		s.up.Learn(m.row[:tail.Peaks], z, m.gap)
		s.down.Learn(m.row[tail.Peaks:], -z, m.gap)
	}
	if abnormal {
		return m.Reject(&s.Average, v)
	}
	if score >= 0 {
		v = s.Cut(v, cut)
	}
	m.Scale.Learn(&s.Average, v)
	return false
}
