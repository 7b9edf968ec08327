package exhaustion

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/homeostat/homeostat/operators/choose"
	"github.com/homeostat/homeostat/operators/detect/alarm"
	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

const (
	// maxScore keeps scores readable.
	maxScore = 1000
	// maxValue bounds the values that are looked at, so that what is computed of them is finite.
	maxValue = 1e140
)

// Detector is the exhaustion detector. Its state is columns by ordinal, and rows by slot for series that had values.
type Detector struct {
	watch   choose.Rules
	rules   []rule
	release float64
	tells   bool // scores are asked for
	scores  []pipeline.Score

	alarm   *alarm.Table
	scratch scratch
	roles   []role                  // by ordinal; follows from the table
	names   map[string]*names       // by metric of limits and labels; follows from the table
	slots   state.Column[uint32]    // by ordinal, plus one; 0 before the first value
	limits  state.Column[lastLimit] // by ordinal
	pasts   state.Column[past]      // by slot
	rings   *state.Matrix[float64]  // the means of blocks
}

// role is what a series is.
type role struct {
	rule    int16  // choose.None if it is not watched
	limit   uint32 // the series that is its limit, plus one
	isLimit bool
}

// names are the series of one set of labels that have to do with one metric of limits.
type names struct {
	limit   uint32 // plus one
	watched []uint32
}

// lastLimit is the value of a limit in the last window that had one, and in the one that ended before that: so a window knows the limits
// of those before it, however its rows come.
type lastLimit struct {
	end           int64
	value, before float64 // not a number where there was none
}

func newDetector(watch choose.Rules, a *alarm.Table, release float64, tells bool) *Detector {
	return &Detector{watch: watch, alarm: a, release: release, tells: tells, names: map[string]*names{}, rings: state.NewMatrix[float64](blocks)}
}

// Open implements pipeline.Detector.
func (d *Detector) Open(env *pipeline.Env) error {
	d.alarm.Spaced(env, d.spacing)
	return nil
}

// Describe implements pipeline.Describer.
func (d *Detector) Describe() string {
	var said []string
	for i := range d.rules {
		r := &d.rules[i]
		limit := r.limitMetric
		if limit == "" {
			limit = fmt.Sprint(r.limit)
		}
		said = append(said, fmt.Sprintf("%s within %s", limit, time.Duration(r.horizon)))
	}
	return "the series of " + fmt.Sprint(d.watch.Len()) + " selectors that reach " + strings.Join(said, ", ")
}

// Scores implements pipeline.Scorer.
func (d *Detector) Scores() []pipeline.Score { return d.scores }

// Detect implements pipeline.Detector.
func (d *Detector) Detect(w *pipeline.Window, found []pipeline.Finding) ([]pipeline.Finding, error) {
	d.grow(w.Table)
	d.scores = d.scores[:0]
	found = d.alarm.Begin(w.Start, w.End, found)
	for i, s := range w.Series {
		at := &d.roles[s]
		if at.rule == choose.None && !at.isLimit {
			continue
		}
		v := w.Value(i)
		if !(math.Abs(v) < maxValue) {
			continue
		}
		if at.isLimit {
			d.limits.Edit(s).take(w.End, v)
		}
		if at.rule != choose.None {
			found = d.value(w, s, v, found)
		}
	}
	return found, nil
}

// value judges one value by the trend before it, and then learns it.
func (d *Detector) value(w *pipeline.Window, s uint32, v float64, found []pipeline.Finding) []pipeline.Finding {
	r := &d.rules[d.roles[s].rule]
	slot := d.slots.At(s)
	if slot == 0 {
		slot = d.begin(s, w, r)
	}
	p := d.pasts.Edit(slot - 1)
	if p.length != r.block { // the history is of another length than before a restart
		k := blockOf(w, r)
		*p = past{length: r.block, block: k, start: w.Start}
		forget(d.rings.Edit(slot - 1))
	}
	d.learn(p, s, w, r, r.sign*v)
	limit, known := d.limit(s, r, w.End)
	var at outlook
	if known = known && p.known; known {
		at = p.look(r, w.End, r.sign*v, r.sign*limit, d.alarm.Open(s))
	}
	if d.tells && known {
		low, high := band(r, &at, limit)
		d.scores = append(d.scores, pipeline.Score{Series: s, Score: at.score, Low: low, Expected: r.sign * at.now, High: high})
	}
	change := d.alarm.Step(s, w.Start, w.End, at.score, at.score < d.release)
	if change == alarm.None {
		return found
	}
	f := pipeline.Finding{Series: s, Start: w.Start, End: w.End, Score: at.score, Value: v, Severity: r.severity, Direction: map[bool]string{true: "up", false: "down"}[r.sign > 0]}
	f.Low, f.High, f.Probability = v, v, at.probability
	if known {
		f.Low, f.High = band(r, &at, limit)
		f.Evidence = at.evidence(r, &p.trend, limit)
	}
	if change == alarm.Opened {
		f.Onset = min(p.onset*r.block, w.Start)
	}
	return d.alarm.Append(found, f, change)
}

// band is what is between the trend and the limit: there a value is not abnormal.
func band(r *rule, at *outlook, limit float64) (low, high float64) {
	now := r.sign * at.now
	return min(now, limit), max(now, limit)
}

// learn adds a value, which rises to its limit, to the present block.
func (d *Detector) learn(p *past, s uint32, w *pipeline.Window, r *rule, v float64) {
	if w.Start > p.start {
		p.every, p.start = w.Start-p.start, w.Start
	}
	if k := blockOf(w, r); k > p.block {
		ring := d.rings.Edit(d.slots.At(s) - 1)
		if p.n > 0 {
			p.end(ring, d.alarm.Open(s), &d.scratch)
		}
		p.skip(ring, k)
	}
	p.add(v)
}

// blockOf is the block in which the middle of a window lies.
func blockOf(w *pipeline.Window, r *rule) int64 {
	middle := w.Start + (w.End-w.Start)/2
	k := middle / r.block
	if middle < 0 && middle%r.block != 0 {
		k--
	}
	return k
}

// limit is the limit of a series as it was before the window that ends at end.
func (d *Detector) limit(s uint32, r *rule, end int64) (float64, bool) {
	if r.limitMetric == "" {
		return r.limit, true
	}
	of := d.roles[s].limit
	if of == 0 {
		return 0, false
	}
	l := d.limits.At(of - 1)
	v := l.value
	if l.end >= end {
		v = l.before
	}
	return v, v == v
}

// take takes the value of a window.
func (l *lastLimit) take(end int64, v float64) {
	if end > l.end {
		l.end, l.before = end, l.value
	}
	l.value = v
}

// grow makes room for new series, and finds out what they are.
func (d *Detector) grow(table *pipeline.SeriesTable) {
	n := table.Len()
	if len(d.roles) == n {
		return
	}
	d.alarm.Grow(n)
	for i := len(d.roles); i < n; i++ {
		d.meet(uint32(i), table.At(uint32(i)))
	}
	d.slots.Grow(n, 0)
	d.limits.Grow(n, lastLimit{value: math.NaN(), before: math.NaN()})
}

// meet finds out what a new series is.
func (d *Detector) meet(at uint32, s *pipeline.Series) {
	x := role{rule: choose.None}
	if !s.IsDerived() || s.Metric == pipeline.BudgetMetric {
		x.rule = int16(d.watch.Any(s))
	}
	d.roles = append(d.roles, x)
	if x.rule != choose.None && d.rules[x.rule].limitMetric != "" {
		of := d.namesOf(d.rules[x.rule].limitMetric, s)
		of.watched = append(of.watched, at)
		d.roles[at].limit = of.limit
	}
	for i := range d.rules {
		if d.rules[i].limitMetric == s.Metric && s.Metric != "" && !d.roles[at].isLimit && s.Type != pipeline.Stream {
			d.roles[at].isLimit = true
			of := d.namesOf(s.Metric, s)
			of.limit = at + 1
			for _, w := range of.watched {
				d.roles[w].limit = of.limit
			}
		}
	}
}

// namesOf returns what has the labels of a series, for a metric of limits.
func (d *Detector) namesOf(limitMetric string, s *pipeline.Series) *names {
	key := []byte(limitMetric)
	for _, l := range s.Labels {
		key = fmt.Appendf(key, ",%q=%q", l.Name, l.Value)
	}
	of := d.names[string(key)]
	if of == nil {
		of = &names{}
		d.names[string(key)] = of
	}
	return of
}

// begin makes room for a series that has its first value, and returns its slot plus one.
func (d *Detector) begin(s uint32, w *pipeline.Window, r *rule) uint32 {
	k := blockOf(w, r)
	d.add(past{length: r.block, block: k, start: w.Start})
	slot := uint32(d.pasts.Len())
	*d.slots.Edit(s) = slot
	return slot
}

// add adds a series that has no blocks yet.
func (d *Detector) add(p past) []float64 {
	slot := uint32(d.pasts.Len())
	d.pasts.Append(p)
	d.rings.Grow(int(slot) + 1)
	ring := d.rings.Edit(slot)
	forget(ring)
	return ring
}

// spacing is the time between the last two windows of a series.
func (d *Detector) spacing(s uint32) int64 {
	if slot := d.slots.At(s); slot > 0 {
		return d.pasts.At(slot - 1).every
	}
	return 0
}

// Hold implements pipeline.Holder: a finding that is open has to be closed.
func (d *Detector) Hold(hold func(uint32)) { d.alarm.Hold(hold) }
