package univariate

import (
	"cmp"
	"math"
	"slices"

	"github.com/homeostat/homeostat/operators/choose"
	"github.com/homeostat/homeostat/operators/detect/alarm"
	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// piece is the number of rows of a window that are judged at once: what they need stays in the processor's nearest cache.
const piece = 256

// Rows are values of one window, of a series each. They are given to a model all at once, so that its loops run without a call a value.
type Rows[S any] struct {
	// Start is the window's.
	Start int64
	// Values are finite. Scores are as many: Score fills them in, Learn reads them.
	Values, Scores []float64
	// Open tells Learn that a finding is open; Adapted is how it answers that it is to be closed, since the series has changed for
	// good. Then there is one row.
	Open, Adapted bool

	cells  *state.Column[S]
	n      int
	series [piece]uint32
	row    [piece]uint32 // in the window
	values [piece]float64
	scores [piece]float64
}

// At returns what is kept of the series of row i.
func (r *Rows[S]) At(i int) *S { return r.cells.Owned(r.series[i%piece]) }

// loud is a row that more has to be done with than to learn from it.
type loud struct {
	row, series  uint32
	rule         int16
	value, score float64
}

// Detect implements pipeline.Detector.
func (d *Detector[S]) Detect(w *pipeline.Window, found []pipeline.Finding) ([]pipeline.Finding, error) {
	d.grow(w.Table)
	d.scores = d.scores[:0]
	found = d.alarm.Begin(w.Start, w.End, found)
	step := piece
	if d.rings.models != nil {
		step = 1
	}
	for from := 0; from < len(w.Series); from += step {
		d.gather(w, from, min(from+step, len(w.Series)))
		for rule, r := range d.rows {
			if r.n > 0 {
				d.learn(r, int16(rule))
			}
		}
		if len(d.loud) > 0 {
			found = d.judge(w, found)
		}
	}
	return found, nil
}

// gather takes the rows from one to another that are watched, each to those of its rule.
func (d *Detector[S]) gather(w *pipeline.Window, from, to int) {
	for _, r := range d.rows {
		r.Start, r.n = w.Start, 0
	}
	rules := d.watch.Rules()
	at, r := int16(0), d.rows[0]
	for i := from; i < to; i++ {
		s := w.Series[i]
		rule := rules[s]
		if rule == choose.None {
			continue
		}
		v := w.Value(i)
		if !(math.Abs(v) < maxValue) {
			continue
		}
		if rule != at {
			at, r = rule, d.rows[rule]
		}
		n := r.n % piece
		r.series[n], r.row[n], r.values[n] = s, uint32(i), v
		r.n++
	}
}

// learn scores rows of one rule, learns from those that nothing is to be said of, and puts the others aside.
func (d *Detector[S]) learn(r *Rows[S], rule int16) {
	m := d.models[rule]
	if d.rings.models != nil {
		d.rings.use(rule, r.series[0])
	}
	r.Values, r.Scores = r.values[:r.n], r.scores[:r.n]
	d.cells.Own(r.series[:r.n])
	m.Score(r)
	quiet := 0
	release, told := d.release, d.tells
	for i, score := range r.Scores {
		s := r.series[i]
		if score < 0 || score < release && !told && d.alarm.Quiet(s) {
			if quiet < i {
				r.series[quiet], r.values[quiet], r.scores[quiet] = s, r.values[i], score
			}
			quiet++
			continue
		}
		d.loud = append(d.loud, loud{r.row[i], s, rule, r.values[i], score})
	}
	r.Values, r.Scores = r.values[:quiet], r.scores[:quiet]
	m.Learn(r)
}

// judge says what is to be said of the rows that were put aside, in their order, and learns from them.
func (d *Detector[S]) judge(w *pipeline.Window, found []pipeline.Finding) []pipeline.Finding {
	slices.SortFunc(d.loud, func(a, b loud) int { return cmp.Compare(a.row, b.row) })
	for _, l := range d.loud {
		found = d.value(w, l, found)
	}
	d.loud = d.loud[:0]
	return found
}

func (d *Detector[S]) value(w *pipeline.Window, l loud, found []pipeline.Finding) []pipeline.Finding {
	m, r, score := d.models[l.rule], d.rows[l.rule], min(l.score, MaxScore)
	r.series[0], r.values[0], r.scores[0] = l.series, l.value, score
	r.Values, r.Scores, r.Open, r.Adapted = r.values[:1], r.scores[:1], true, false
	d.cells.Own(r.series[:1])
	c := r.At(0)
	if d.tells {
		low, expected, high := m.Band(c, l.value)
		d.scores = append(d.scores, pipeline.Score{Series: l.series, Score: score, Low: low, Expected: expected, High: high})
	}
	change := d.alarm.Step(l.series, w.Start, w.End, score, score < d.release)
	if r.Open = change != alarm.None || d.alarm.Open(l.series); !r.Open {
		m.Learn(r)
		return found
	}
	f := pipeline.Finding{Series: l.series, Start: w.Start, End: w.End, Score: score, Value: l.value}
	f.Low, _, f.High = m.Band(c, l.value)
	m.Explain(c, &f)
	m.Learn(r)
	if r.Open = false; r.Adapted && (change == alarm.None || change == alarm.Updated) {
		change = alarm.Closed
		f.Evidence = append(f.Evidence, pipeline.Evidence{Name: "adapted", Value: 1})
	}
	if change == alarm.None {
		return found
	}
	return d.alarm.Append(found, f, change)
}
