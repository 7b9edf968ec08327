// Package univariate makes a detector of a model that judges each series by itself. It is a library for detectors, not one of them:
// it brings which series are watched, the findings of a score (package alarm), scores for other operators, state in snapshots.
//
// What is left to write is a Model: how far a value is from what its series has shown, and what is learned from it. Package ewma
// is the shortest example.
package univariate

import (
	"errors"
	"io"

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

// Model judges the values of series: the mean of a gauge's window, the increase of a counter. S is what it keeps of one series; it has
// no pointers. A model is shared by the series of one rule and keeps nothing else. Of each window come Score, then, where the detector
// has something to say, Band and Explain, then Learn.
type Model[S any] interface {
	// Begin returns what is kept of a series that was never seen.
	Begin(*pipeline.Series) S
	// Score fills in the scores: how far each value is from what is expected, 1 being the threshold; negative while too little is known.
	Score(*Rows[S])
	// Band returns what is expected, and the bounds between which a value would not have been abnormal.
	Band(s *S, value float64) (low, expected, high float64)
	// Explain adds direction, probability, evidence, and the onset where the model knows better than alarm, to a finding that has
	// value, score and band.
	Explain(s *S, f *pipeline.Finding)
	// Learn takes the values, with their scores. Where a finding is open it may say that the series has changed for good: what was
	// abnormal is normal from now on (Rows.Adapted).
	Learn(*Rows[S])
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
	// Lends says that the model is a Lender.
	Lends bool
	// Fields are the columns of S in a snapshot, which Write writes, in that order, and Read reads.
	Fields []state.Field
	Write  func(*state.TableWriter, *S)
	Read   func(*state.TableReader) S
}

// Spec describes the detector.
func (k *Kind[S]) Spec() pipeline.Spec {
	settings := append(choose.Settings(k.Example, choose.Overriding(k.Judgement)...), choose.Most())
	settings = append(settings, k.Judgement...)
	settings = append(settings, k.Settings...)
	if k.Lends {
		settings = append(settings, choose.Across("a new series begins with what is known of those whose other labels are equal, if there are three."))
	}
	settings = append(settings, alarm.Release(0.5))
	settings = append(settings, pipeline.ScoresSetting())
	settings = append(settings, alarm.Settings(k.Alarm)...)
	return pipeline.Spec{Name: k.Name, Version: k.Version, Doc: k.Doc, Settings: settings, Accepts: pipeline.Accepts{Overlapping: true}}
}

// Register adds the detector to the registry.
func (k *Kind[S]) Register(r *pipeline.Registry) { r.AddDetector(k.Spec(), k.New) }

// Detector is a detector of a model. Its state is columns by ordinal.
type Detector[S any] struct {
	kind    *Kind[S]
	watch   *choose.Watch
	models  []Model[S] // by rule
	rows    []*Rows[S] // of the piece of a window that is judged, by rule
	loud    []loud
	release float64
	tells   bool // scores are asked for
	scores  []pipeline.Score

	alarm *alarm.Table
	cells state.Column[S]
	rings rings

	likes   likes
	alike   []uint32
	lenders []S
}

// New makes the detector.
func (k *Kind[S]) New(s pipeline.Settings) (pipeline.Detector, error) {
	a, err := alarm.Read(s)
	watch, entries, watchErr := choose.ReadWatch(s)
	d := &Detector[S]{kind: k, watch: watch, release: s.Float("release"), tells: s.Bool("scores"), alarm: alarm.New(a), likes: likes{by: map[uint64]like{}}}
	if k.Lends {
		d.likes.across = choose.ReadAcross(s)
	}
	err = errors.Join(err, watchErr)
	for _, r := range choose.Over(s, entries, k.Judgement) {
		m, fault := k.Model(r)
		d.models, err = append(d.models, m), errors.Join(err, fault)
		d.rows = append(d.rows, &Rows[S]{cells: &d.cells})
		d.rings.add(m)
	}
	return d, err
}

// Open implements pipeline.Detector.
func (d *Detector[S]) Open(env *pipeline.Env) error {
	d.watch.Open(env)
	d.alarm.Use(env.Series)
	return nil
}

// Heed implements pipeline.Heeder.
func (d *Detector[S]) Heed(c *pipeline.Change) { d.alarm.Heed(c) }

// Describe implements pipeline.Describer.
func (d *Detector[S]) Describe() string { return d.watch.Describe() }

// Scores implements pipeline.Scorer.
func (d *Detector[S]) Scores() []pipeline.Score { return d.scores }

// grow makes room for new series.
func (d *Detector[S]) grow(table *pipeline.SeriesTable) {
	if d.watch.Knows(table) {
		return
	}
	d.alarm.Grow(table.Len())
	var none S
	d.cells.Grow(table.Len(), none)
	d.rings.grow(table.Len())
	d.watch.Grow(table, func(s uint32, rule int16) { *d.cells.Edit(s) = d.begin(table, s, rule) })
}

// Hold implements pipeline.Holder: a finding that is open has to be closed.
func (d *Detector[S]) Hold(hold func(uint32)) { d.alarm.Hold(hold) }

func (d *Detector[S]) table() state.Table {
	fields := append([]state.Field{{Name: "rule", Type: state.Int64}}, d.kind.Fields...)
	if d.rings.models != nil {
		fields = append(fields, field)
	}
	return state.Table{Name: "series", Version: d.kind.Version, BySeries: true, Fields: fields}
}

// Snapshot implements pipeline.Snapshotter.
func (d *Detector[S]) Snapshot() (pipeline.Frozen, error) {
	rules, cells, rings, alarms, table := d.watch.Freeze(), d.cells.Freeze(), d.rings.freeze(), d.alarm.Freeze(), d.table()
	return state.Frozen(d.kind.Name, func(w *state.Writer) {
		t := w.Table(table)
		for i := range uint32(cells.Len()) {
			c := cells.At(i)
			t.Int64(int64(rules[i]))
			d.kind.Write(t, &c)
			rings.write(t, i)
		}
		alarms.Write(w)
	}, cells.Release, rings.release, alarms.Release), nil
}

// Restore implements pipeline.Snapshotter.
func (d *Detector[S]) Restore(r io.Reader) error {
	s := state.NewReader(r, d.kind.Name)
	for t := s.Table(d.table()); t.Next(); {
		if !d.watch.Load(t.Int64("rule")) {
			s.Fail("was written with other selectors")
			break
		}
		d.cells.Append(d.kind.Read(t))
		if !d.rings.read(t) {
			s.Fail("was written with other lengths")
			break
		}
	}
	if d.alarm.Load(s) != d.cells.Len() {
		s.Fail("has columns of different length")
	}
	return s.Close()
}
