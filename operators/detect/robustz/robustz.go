package robustz

import (
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/homeostat/homeostat/operators/choose"
	"github.com/homeostat/homeostat/operators/detect/alarm"
	"github.com/homeostat/homeostat/operators/detect/baseline"
	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// Detector is the robust z detector. Its state is columns by ordinal.
type Detector struct {
	watch   *choose.Watch
	rules   []rule
	release float64

	tells  bool // scores are asked for
	scores []pipeline.Score

	alarm    *alarm.Table
	baseline *baseline.Table
	whole    state.Column[bool] // a counter whose increases have all been whole numbers
}

const (
	// maxScore keeps scores readable when the scale is next to nothing.
	maxScore = 1000
	// maxValue bounds the values that are looked at, so that their squares are finite.
	maxValue = 1e140
)

// New makes the detector.
func New(s pipeline.Settings) (pipeline.Detector, error) {
	d := &Detector{release: s.Float("release"), tells: s.Bool("scores")}
	a, alarmErr := alarm.Read(s)
	b, baselineErr := baseline.Read(s)
	d.alarm, d.baseline = alarm.New(a), baseline.New(b)
	watch, entries, watchErr := choose.ReadWatch(s)
	d.watch = watch
	for _, r := range choose.Over(s, entries, judgement()) {
		d.rules = append(d.rules, newRule(r))
	}
	return d, errors.Join(alarmErr, baselineErr, watchErr)
}

// Open implements pipeline.Detector.
func (d *Detector) Open(env *pipeline.Env) error {
	d.watch.Open(env)
	d.alarm.Use(env.Series)
	return nil
}

// Heed implements pipeline.Heeder.
func (d *Detector) Heed(c *pipeline.Change) { d.alarm.Heed(c) }

// Describe implements pipeline.Describer.
func (d *Detector) Describe() string {
	return fmt.Sprintf("%s, abnormal beyond z = %g", d.watch.Describe(), d.rules[0].threshold)
}

// Detect implements pipeline.Detector.
func (d *Detector) Detect(w *pipeline.Window, found []pipeline.Finding) ([]pipeline.Finding, error) {
	d.grow(w.Table)
	d.scores = d.scores[:0]
	found = d.alarm.Begin(w.Start, w.End, found)
	rules := d.watch.Rules()
	for i, s := range w.Series {
		if rules[s] == choose.None {
			continue
		}
		v := w.Value(i)
		if !(math.Abs(v) < maxValue) {
			continue
		}
		found = d.value(w, s, &d.rules[rules[s]], v, found)
	}
	return found, nil
}

// Scores implements pipeline.Scorer.
func (d *Detector) Scores() []pipeline.Score { return d.scores }

// value scores one value against what is normal, and then learns from it.
func (d *Detector) value(w *pipeline.Window, s uint32, r *rule, v float64, found []pipeline.Finding) []pipeline.Finding {
	whole := d.whole.At(s)
	if whole && v != math.Trunc(v) {
		whole = false
		*d.whole.Edit(s) = false
	}
	if !d.baseline.Ready(s) {
		d.baseline.Learn(s, v)
		return found
	}
	band := d.band(s, r, whole)
	z := (v - band.Median) / band.Up
	if v < band.Median {
		z = (v - band.Median) / band.Down
	}
	score := min(math.Abs(z)/r.threshold, maxScore)
	if !r.up && z > 0 || !r.down && z < 0 {
		score = 0
	}
	if d.tells {
		d.scores = append(d.scores, pipeline.Score{Series: s, Score: score, Low: band.Median - r.threshold*band.Down, Expected: band.Median, High: band.Median + r.threshold*band.Up})
	}
	change := d.alarm.Step(s, w.Start, w.End, score, score < d.release)
	learned := d.baseline.Count(s)
	adapted := false
	switch {
	case score < 1:
		d.baseline.Learn(s, v)
	case d.alarm.Open(s):
		adapted = d.baseline.Reject(s, v)
	default:
		d.baseline.Learn(s, cut(v, band))
	}
	if adapted {
		change = alarm.Closed
	}
	if change == alarm.None {
		return found
	}
	f := pipeline.Finding{
		Series: s, Start: w.Start, End: w.End, Score: score, Probability: 1 / (1 + 1/(z*z)), Value: v,
		Low: band.Median - r.threshold*band.Down, High: band.Median + r.threshold*band.Up, Direction: "up",
		Evidence: []pipeline.Evidence{{Name: "median", Value: band.Median}, {Name: "scale", Value: band.Up}, {Name: "z", Value: z}, {Name: "history", Value: float64(learned)}},
	}
	if z < 0 {
		f.Direction, f.Evidence[1].Value = "down", band.Down
	}
	if adapted {
		f.Evidence = append(f.Evidence, pipeline.Evidence{Name: "adapted", Value: 1})
	}
	if change == alarm.Closed {
		d.baseline.Settle(s)
	}
	return d.alarm.Append(found, f, change)
}

// band returns what is normal for the series, with the floors of its scale.
func (d *Detector) band(s uint32, r *rule, whole bool) baseline.Band {
	b := d.baseline.Band(s)
	floor := max(r.absolute, r.relative*math.Abs(b.Median))
	if whole {
		floor = max(floor, math.Sqrt(math.Abs(b.Median)+1))
	}
	b.Up, b.Down = max(b.Up, floor), max(b.Down, floor)
	return b
}

// cut limits an outlier to three scales from the median.
func cut(v float64, b baseline.Band) float64 {
	return min(max(v, b.Median-3*b.Down), b.Median+3*b.Up)
}

// grow makes room for new series.
func (d *Detector) grow(table *pipeline.SeriesTable) {
	if d.watch.Knows(table) {
		return
	}
	n := table.Len()
	d.alarm.Grow(n)
	d.baseline.Grow(n)
	d.whole.Grow(n, false)
	d.watch.Grow(table, func(s uint32, _ int16) {
		*d.whole.Edit(s) = table.At(s).Type != pipeline.Gauge
		d.baseline.Forget(s)
	})
}

var seriesTable = state.Table{Name: "series", Version: 1, BySeries: true, Fields: []state.Field{{Name: "rule", Type: state.Int64}, {Name: "whole", Type: state.Bool}}}

// Hold implements pipeline.Holder: a finding that is open has to be closed.
func (d *Detector) Hold(hold func(uint32)) { d.alarm.Hold(hold) }

// Snapshot implements pipeline.Snapshotter.
func (d *Detector) Snapshot() (pipeline.Frozen, error) {
	rules, whole, alarms, normal := d.watch.Freeze(), d.whole.Freeze(), d.alarm.Freeze(), d.baseline.Freeze()
	return state.Frozen(name, func(w *state.Writer) {
		t := w.Table(seriesTable)
		for i, rule := range rules {
			t.Int64(int64(rule)).Bool(whole.At(uint32(i)))
		}
		alarms.Write(w)
		normal.Write(w, "baseline")
	}, whole.Release, alarms.Release, normal.Release), nil
}

// Restore implements pipeline.Snapshotter.
func (d *Detector) Restore(r io.Reader) error {
	s := state.NewReader(r, name)
	for t := s.Table(seriesTable); t.Next(); {
		if !d.watch.Load(t.Int64("rule")) {
			s.Fail("was written with other selectors")
			break
		}
		d.whole.Append(t.Bool("whole"))
	}
	if a, b := d.alarm.Load(s), d.baseline.Load(s, "baseline"); a != d.whole.Len() || b != d.whole.Len() {
		s.Fail("has columns of different length")
	}
	return s.Close()
}
