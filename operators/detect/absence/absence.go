// Package absence finds series that are expected and not there: an exporter that died, a job that no longer reports, a partition without
// traffic. What is not there has no row that another detector could look at.
//
// Which series were there is looked at when a window is complete, since it may come in several batches: as soon as time has reached its end
// (pipeline.Concluder). A series counts from the window in which it was first seen. Package runs says from when on it has been missing too long: what comes every window is missed after a
// few, what comes once an hour after some hours.
//
// What comes and goes by design (pods, sessions) is missed too, so the series to watch have to be named. After adapt windows a series
// is taken for gone, its finding closes, and nothing is said of it before it has been there for warmup windows again.
//
// Time goes on by the windows of other series: a lane that gets nothing at all says nothing. That is what a source's lag and the
// monitoring of Homeostat itself are for.
package absence

import (
	"errors"
	"io"

	"github.com/homeostat/homeostat/operators/choose"
	"github.com/homeostat/homeostat/operators/detect/alarm"
	"github.com/homeostat/homeostat/operators/detect/runs"
	"github.com/homeostat/homeostat/operators/gather"
	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

const (
	name    = "absence"
	version = 2
)

// judgement is the setting that an entry of series may say otherwise.
func judgement() []pipeline.Setting { return []pipeline.Setting{runs.Threshold()} }

// Spec describes the detector.
func Spec() pipeline.Spec {
	settings := choose.Settings("[{metric: up}, {metric: backup.done, threshold: 10}]", choose.Overriding(judgement())...)
	settings[0].Required, settings[0].Doc = true, "The series that are expected; the first entry that fits counts."
	settings = append(settings, judgement()...)
	settings = append(settings, runs.Settings()...)
	settings = append(settings, alarm.Settings(alarm.Config{Hold: 1, Of: 1, Clear: 1, Rest: 6, Update: 30, Gone: 1_000_000, Settle: -1})...)
	return pipeline.Spec{Name: name, Version: version, Settings: settings, Doc: "Finds series that are expected and not there."}
}

// Register adds the detector to the registry.
func Register(r *pipeline.Registry) { r.AddDetector(Spec(), New) }

// Detector is the absence detector. Its state is columns by ordinal.
type Detector struct {
	watch *choose.Watch
	rules []runs.Rule
	alarm *alarm.Table
	seen  state.Column[seen]
	paces state.Column[runs.Pace]

	env    *pipeline.Env
	window gather.Whole
}

// seen is where a series was seen.
type seen struct {
	here bool // in the window whose rows come
	ever bool // before that
}

// New makes the detector.
func New(s pipeline.Settings) (pipeline.Detector, error) {
	a, err := alarm.Read(s)
	watch, entries, watchErr := choose.ReadWatch(s)
	d := &Detector{watch: watch, alarm: alarm.New(a)}
	if len(entries) == 0 {
		return nil, &pipeline.SettingFault{Path: "series", Err: pipeline.Errorf("absence.series", "no series is expected: name those that are, as series: [{metric: up}]")}
	}
	for _, r := range choose.Over(s, entries, judgement()) {
		d.rules = append(d.rules, runs.ReadRule(r))
	}
	return d, errors.Join(err, watchErr)
}

// Open implements pipeline.Detector.
func (d *Detector) Open(env *pipeline.Env) error {
	d.env = env
	return nil
}

// Detect implements pipeline.Detector.
func (d *Detector) Detect(w *pipeline.Window, found []pipeline.Finding) ([]pipeline.Finding, error) {
	found, _ = d.Conclude(w.End-1, found)
	d.grow(w.Table)
	if d.window.Take(gather.Span{Start: w.Start, End: w.End}) {
		d.lose(w.Series)
		return found, nil
	}
	d.seen.Own(w.Series)
	for _, s := range w.Series {
		d.seen.Owned(s).here = true
	}
	return found, nil
}

// lose counts the rows of expected series whose window is over.
func (d *Detector) lose(series []uint32) {
	n := 0
	for _, s := range series {
		if d.watch.Rules()[s] != choose.None {
			n++
		}
	}
	if n > 0 {
		d.env.Lose("late", n)
	}
}

// Judged implements pipeline.Concluder.
func (d *Detector) Judged() (start, end int64) { return d.window.Judged() }

// Conclude implements pipeline.Concluder: it looks at who was there in the window that is over.
func (d *Detector) Conclude(t int64, found []pipeline.Finding) ([]pipeline.Finding, error) {
	if !d.window.Complete(t) {
		return found, nil
	}
	found = d.alarm.Begin(d.window.Start, d.window.End, found)
	for i, rule := range d.watch.Rules() {
		s := uint32(i)
		at := d.seen.Edit(s)
		if rule == choose.None || !at.ever && !at.here {
			continue
		}
		here, r, pace := at.here, &d.rules[rule], d.paces.Edit(s)
		at.here, at.ever = false, true
		if here && d.alarm.Quiet(s) {
			r.Learn(pace, d.window.Start, true, false)
			continue
		}
		found = d.series(s, r, pace, here, found)
	}
	return found, nil
}

// series judges a series that is not as it always is.
func (d *Detector) series(s uint32, r *runs.Rule, pace *runs.Pace, here bool, found []pipeline.Finding) []pipeline.Finding {
	score := 0.0
	if !here && r.Known(pace) {
		score = r.Score(pace)
	}
	change := d.alarm.Step(s, d.window.Start, d.window.End, score, score < 1)
	open := d.alarm.Open(s)
	f := pipeline.Finding{Series: s, Start: d.window.Start, End: d.window.End, Score: score, Direction: "down"}
	if open {
		explain(pace, here, &f)
	}
	if r.Learn(pace, d.window.Start, here, open) && change != alarm.Closed {
		change = alarm.Closed
		f.Evidence = append(f.Evidence, pipeline.Evidence{Name: "adapted", Value: 1})
		*pace, *d.seen.Edit(s) = runs.Pace{}, seen{}
	}
	if change == alarm.None {
		return found
	}
	return d.alarm.Append(found, f, change)
}

// explain says for how long the series has been missing: there were 0 windows with it, and 1 was expected.
func explain(p *runs.Pace, here bool, f *pipeline.Finding) {
	f.Low, f.High = 1, 1
	length := p.Length + 1
	if here {
		f.Value, length = 1, 0
	}
	if f.Onset = p.Since; p.Length == 0 {
		f.Onset = f.Start
	}
	f.Probability = p.Probability(length)
	f.Evidence = []pipeline.Evidence{{Name: "windows", Value: float64(length)}, {Name: "present", Value: p.Share()}}
}

// grow makes room for new series.
func (d *Detector) grow(table *pipeline.SeriesTable) {
	if d.watch.Knows(table) {
		return
	}
	d.alarm.Grow(table.Len())
	d.seen.Grow(table.Len(), seen{})
	d.paces.Grow(table.Len(), runs.Pace{})
	d.watch.Grow(table, func(s uint32, _ int16) { *d.seen.Edit(s), *d.paces.Edit(s) = seen{}, runs.Pace{} })
}

var (
	// laneTable has no over in version 1, which judged a window when the next one came.
	laneTable = state.Table{Name: "window", Version: 2, Fields: []state.Field{{Name: "start", Type: state.Int64}, {Name: "end", Type: state.Int64}, {Name: "over", Type: state.Bool}}}
	cellTable = state.Table{Name: "series", Version: 1, BySeries: true, Fields: append([]state.Field{
		{Name: "rule", Type: state.Int64}, {Name: "here", Type: state.Bool}, {Name: "ever", Type: state.Bool}}, runs.Fields()...)}
)

// Hold implements pipeline.Holder: a finding that is open has to be closed.
func (d *Detector) Hold(hold func(uint32)) { d.alarm.Hold(hold) }

// Snapshot implements pipeline.Snapshotter.
func (d *Detector) Snapshot() (pipeline.Frozen, error) {
	window, rules, at, paces, alarms := d.window, d.watch.Freeze(), d.seen.Freeze(), d.paces.Freeze(), d.alarm.Freeze()
	return state.Frozen(name, func(w *state.Writer) {
		w.Table(laneTable).Int64(window.Start).Int64(window.End).Bool(window.Over)
		t := w.Table(cellTable)
		for i, rule := range rules {
			s, pace := at.At(uint32(i)), paces.At(uint32(i))
			t.Int64(int64(rule)).Bool(s.here).Bool(s.ever)
			pace.Write(t)
		}
		alarms.Write(w)
	}, at.Release, paces.Release, alarms.Release), nil
}

// Restore implements pipeline.Snapshotter.
func (d *Detector) Restore(r io.Reader) error {
	s := state.NewReader(r, name)
	for t := s.Table(laneTable); t.Next(); {
		d.window = gather.Whole{Span: gather.Span{Start: t.Int64("start"), End: t.Int64("end")}, Any: t.Int64("end") != 0, Over: t.Bool("over")}
	}
	for t := s.Table(cellTable); t.Next(); {
		if !d.watch.Load(t.Int64("rule")) {
			s.Fail("was written with other selectors")
			break
		}
		d.seen.Append(seen{t.Bool("here"), t.Bool("ever")})
		d.paces.Append(runs.Read(t))
	}
	if d.alarm.Load(s) != d.seen.Len() {
		s.Fail("has columns of different length")
	}
	return s.Close()
}
