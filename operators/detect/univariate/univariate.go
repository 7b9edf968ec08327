// Package univariate makes a detector of a model that judges each series by itself. It is a library for detectors, not one of them:
// it brings which series are watched, the findings of a score (package alarm), scores for other operators, state in snapshots.
//
// What is left to write is a Model: how far a value is from what its series has shown, and what is learned from it. Package ewma
// is the shortest example.
package univariate

import (
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/homeostat/homeostat/operators/choose"
	"github.com/homeostat/homeostat/operators/detect/alarm"
	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

const (
	// MaxScore keeps scores readable when a scale is next to nothing.
	MaxScore = 1000
	// maxValue bounds the values that are looked at, so that their squares are finite.
	maxValue = 1e140
)

// Model judges the values of a series: the mean of a gauge's window, the increase of a counter. S is what it keeps of one series; it has
// no pointers. A model is shared by the series of one rule and keeps nothing else. For each window come Score, then, where the detector
// has something to say, Explain, then Learn. Values are finite.
type Model[S any] interface {
	// Begin returns what is kept of a series that was never seen.
	Begin(*pipeline.Series) S
	// Score says how far a value is from what is expected, 1 being the threshold; false while too little is known.
	Score(s *S, value float64) (score float64, ok bool)
	// Band returns what is expected, and the bounds between which a value would not have been abnormal.
	Band(s *S, value float64) (low, expected, high float64)
	// Explain adds direction, probability, evidence, and the onset where the model knows better than alarm, to a finding that has
	// value, score and band.
	Explain(s *S, f *pipeline.Finding)
	// Learn takes the value of the window that began at start, and its score, which is negative if there was none; open says that a
	// finding of the series is open. It returns true if the series has changed for good: what was abnormal is normal from now on.
	Learn(s *S, start int64, value, score float64, open bool) (adapted bool)
}

// Rows is a model that keeps a row of numbers of each series besides S: a ring of values, say, which is too much for a struct. All models of
// a detector have rows of the same width. Series that are not watched have none.
type Rows interface {
	// Width is how many numbers.
	Width() int
	// Lend hands over the row of the series whose Score, Explain and Learn come next, to read and write until Learn returns. All of it is 0
	// at first. It is in snapshots as it is.
	Lend(row []float64)
}

// Kind is a detector without its settings.
type Kind[S any] struct {
	Name, Doc string
	Version   int
	// Example shows the setting series.
	Example string
	// Judgement are the settings that an entry of series may say otherwise, with their defaults; Settings are others.
	Judgement, Settings []pipeline.Setting
	// Alarm is the default of when findings open and close.
	Alarm alarm.Config
	// Model makes the model of a rule.
	Model func(pipeline.Settings) (Model[S], error)
	// Fields are the columns of S in a snapshot, which Write writes, in that order, and Read reads.
	Fields []state.Field
	Write  func(*state.TableWriter, *S)
	Read   func(*state.TableReader) S
}

// Spec describes the detector.
func (k *Kind[S]) Spec() pipeline.Spec {
	var overrides []pipeline.Setting
	for _, j := range k.Judgement {
		j.Default = nil
		overrides = append(overrides, j)
	}
	settings := choose.Settings(k.Example, overrides...)
	settings = append(settings, k.Judgement...)
	settings = append(settings, k.Settings...)
	settings = append(settings, pipeline.Setting{Name: "release", Type: pipeline.Float, Default: 0.5, Min: pipeline.Bound(0.05), Max: pipeline.Bound(1), Doc: "A window is calm when its score is below."})
	settings = append(settings, pipeline.ScoresSetting())
	settings = append(settings, alarm.Settings(k.Alarm)...)
	return pipeline.Spec{Name: k.Name, Version: k.Version, Doc: k.Doc, Settings: settings, Accepts: pipeline.Accepts{Overlapping: true}}
}

// Register adds the detector to the registry.
func (k *Kind[S]) Register(r *pipeline.Registry) { r.AddDetector(k.Spec(), k.New) }

// Detector is a detector of a model. Its state is columns by ordinal.
type Detector[S any] struct {
	kind    *Kind[S]
	watch   choose.Rules
	models  []Model[S] // by rule
	release float64
	tells   bool // scores are asked for
	scores  []pipeline.Score

	alarm *alarm.Table
	cells state.Column[cell[S]]
	// What models with rows keep, by slot, in the order of first values.
	lends []Rows // by rule; nil for models without
	rows  *state.Matrix[float64]
	width int
	slots uint32
}

// cell is what is kept of a series.
type cell[S any] struct {
	rule int16  // choose.None if it is not watched
	slot uint32 // plus one; 0 before the first value
	s    S
}

// New makes the detector.
func (k *Kind[S]) New(s pipeline.Settings) (pipeline.Detector, error) {
	a, err := alarm.Read(s)
	watch, entries, watchErr := choose.ReadRules(s)
	d := &Detector[S]{kind: k, watch: watch, release: s.Float("release"), tells: s.Bool("scores"), alarm: alarm.New(a)}
	err = errors.Join(err, watchErr)
	if len(entries) == 0 {
		entries = []pipeline.Settings{{}}
	}
	for _, e := range entries {
		m, fault := k.Model(k.over(s, e))
		d.models, err = append(d.models, m), errors.Join(err, fault)
		if r, ok := m.(Rows); ok {
			d.lends, d.width = append(d.lends, r), r.Width()
		}
	}
	if d.lends != nil {
		d.rows = state.NewMatrix[float64](d.width)
	}
	return d, err
}

// over returns the settings, with what an entry says otherwise.
func (k *Kind[S]) over(s, entry pipeline.Settings) pipeline.Settings {
	out := pipeline.Settings{}
	for name, v := range s {
		out[name] = v
	}
	for _, j := range k.Judgement {
		if entry.Has(j.Name) {
			out[j.Name] = entry[j.Name]
		}
	}
	return out
}

// Open implements pipeline.Detector.
func (d *Detector[S]) Open(*pipeline.Env) error { return nil }

// Describe implements pipeline.Describer.
func (d *Detector[S]) Describe() string {
	if n := d.watch.Len(); n > 0 {
		return fmt.Sprintf("the series of %d selectors", n)
	}
	return "all series of numbers"
}

// Scores implements pipeline.Scorer.
func (d *Detector[S]) Scores() []pipeline.Score { return d.scores }

// Detect implements pipeline.Detector.
func (d *Detector[S]) Detect(w *pipeline.Window, found []pipeline.Finding) ([]pipeline.Finding, error) {
	d.grow(w.Table)
	d.scores = d.scores[:0]
	found = d.alarm.Begin(w.Start, w.End, found)
	for i, s := range w.Series {
		if d.cells.At(s).rule == choose.None {
			continue
		}
		if v := w.Value(i); math.Abs(v) < maxValue {
			found = d.value(w, s, v, found)
		}
	}
	return found, nil
}

// value scores one value against what is normal, and then learns from it.
func (d *Detector[S]) value(w *pipeline.Window, s uint32, v float64, found []pipeline.Finding) []pipeline.Finding {
	c := d.cells.Edit(s)
	m := d.models[c.rule]
	if d.lends != nil {
		d.lends[c.rule].Lend(d.row(c))
	}
	score, ok := m.Score(&c.s, v)
	if !ok {
		m.Learn(&c.s, w.Start, v, -1, false)
		return found
	}
	if score > MaxScore {
		score = MaxScore
	}
	if d.tells {
		low, expected, high := m.Band(&c.s, v)
		d.scores = append(d.scores, pipeline.Score{Series: s, Score: score, Low: low, Expected: expected, High: high})
	}
	change := d.alarm.Step(s, w.Start, w.End, score, score < d.release)
	if change == alarm.None && !d.alarm.Open(s) {
		m.Learn(&c.s, w.Start, v, score, false)
		return found
	}
	f := pipeline.Finding{Series: s, Start: w.Start, End: w.End, Score: score, Value: v}
	f.Low, _, f.High = m.Band(&c.s, v)
	m.Explain(&c.s, &f)
	if m.Learn(&c.s, w.Start, v, score, true) && change != alarm.Closed {
		change = alarm.Closed
		f.Evidence = append(f.Evidence, pipeline.Evidence{Name: "adapted", Value: 1})
	}
	if change == alarm.None {
		return found
	}
	return d.alarm.Append(found, f, change)
}

// row returns what is kept of a series besides its cell.
func (d *Detector[S]) row(c *cell[S]) []float64 {
	if c.slot == 0 {
		d.slots++
		d.rows.Grow(int(d.slots))
		c.slot = d.slots
	}
	return d.rows.Edit(c.slot - 1)
}

// grow makes room for new series.
func (d *Detector[S]) grow(table *pipeline.SeriesTable) {
	n := table.Len()
	if d.cells.Len() == n {
		return
	}
	d.alarm.Grow(n)
	for i := d.cells.Len(); i < n; i++ {
		c, s := cell[S]{rule: choose.None}, table.At(uint32(i))
		if rule := d.watch.Of(s); rule != choose.None {
			c = cell[S]{rule: int16(rule), s: d.models[rule].Begin(s)}
		}
		d.cells.Append(c)
	}
}

// Hold implements pipeline.Holder: a finding that is open has to be closed.
func (d *Detector[S]) Hold(hold func(uint32)) { d.alarm.Hold(hold) }

func (d *Detector[S]) table() state.Table {
	fields := append([]state.Field{{Name: "rule", Type: state.Int64}}, d.kind.Fields...)
	if d.lends != nil {
		fields = append(fields, state.Field{Name: "row", Type: state.Floats}) // empty before the first value
	}
	return state.Table{Name: "series", Version: d.kind.Version, BySeries: true, Fields: fields}
}

// Snapshot implements pipeline.Snapshotter.
func (d *Detector[S]) Snapshot() (pipeline.Frozen, error) {
	cells, alarms, table := d.cells.Freeze(), d.alarm.Freeze(), d.table()
	release := []func(){cells.Release, alarms.Release}
	var rows *state.FrozenMatrix[float64]
	if d.lends != nil {
		rows = d.rows.Freeze()
		release = append(release, rows.Release)
	}
	return state.Frozen(d.kind.Name, func(w *state.Writer) {
		t := w.Table(table)
		for i := range uint32(cells.Len()) {
			c := cells.At(i)
			t.Int64(int64(c.rule))
			d.kind.Write(t, &c.s)
			switch {
			case rows == nil:
			case c.slot == 0:
				t.Floats()
			default:
				t.Floats(rows.Row(c.slot - 1))
			}
		}
		alarms.Write(w)
	}, release...), nil
}

// Restore implements pipeline.Snapshotter.
func (d *Detector[S]) Restore(r io.Reader) error {
	s := state.NewReader(r, d.kind.Name)
	for t := s.Table(d.table()); t.Next(); {
		rule := t.Int64("rule")
		if rule < choose.None || rule >= int64(len(d.models)) {
			s.Fail("was written with other selectors")
			break
		}
		c := cell[S]{rule: int16(rule), s: d.kind.Read(t)}
		if d.lends != nil {
			row := t.Floats("row")
			if len(row) != 0 && len(row) != d.width {
				s.Fail("was written with other lengths")
				break
			}
			if len(row) > 0 {
				copy(d.row(&c), row)
			}
		}
		d.cells.Append(c)
	}
	if d.alarm.Load(s) != d.cells.Len() {
		s.Fail("has columns of different length")
	}
	return s.Close()
}
