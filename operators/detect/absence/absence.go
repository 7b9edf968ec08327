// Package absence finds series that are expected and not there: an exporter that died, a job that no longer reports, a partition without
// traffic. What is not there has no row that another detector could look at.
//
// Which series were there is looked at when the next window begins: a window may come in several batches. A series counts from the window
// in which it was first seen. Package runs says from when on it has been missing too long: what comes every window is missed after a
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
	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

const (
	name    = "absence"
	version = 1
)

// Spec describes the detector.
func Spec() pipeline.Spec {
	overriding := runs.Threshold()
	overriding.Default = nil
	settings := choose.Settings("[{metric: up}, {metric: backup.done, threshold: 10}]", overriding)
	settings[0].Required, settings[0].Doc = true, "The series that are expected; the first entry that fits counts."
	settings = append(settings, runs.Threshold())
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

	start, end int64 // of the window whose rows come; 0, 0 before the first
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
	for _, e := range entries {
		if !e.Has("threshold") {
			e = pipeline.Settings{"threshold": s.Float("threshold")}
		}
		d.rules = append(d.rules, runs.ReadRule(pipeline.Settings{"threshold": e.Float("threshold"), "history": s["history"], "warmup": s["warmup"], "adapt": s["adapt"]}))
	}
	return d, errors.Join(err, watchErr)
}

// Open implements pipeline.Detector.
func (d *Detector) Open(*pipeline.Env) error { return nil }

// Detect implements pipeline.Detector.
func (d *Detector) Detect(w *pipeline.Window, found []pipeline.Finding) ([]pipeline.Finding, error) {
	if w.End > d.end {
		if d.end > 0 {
			found = d.close(found)
		}
		d.start, d.end = w.Start, w.End
	}
	d.grow(w.Table)
	d.seen.Own(w.Series)
	for _, s := range w.Series {
		d.seen.Owned(s).here = true
	}
	return found, nil
}

// close looks at who was there in the window that is over.
func (d *Detector) close(found []pipeline.Finding) []pipeline.Finding {
	found = d.alarm.Begin(d.start, d.end, found)
	for i, rule := range d.watch.Rules() {
		s := uint32(i)
		at := d.seen.Edit(s)
		if rule == choose.None || !at.ever && !at.here {
			continue
		}
		here, r, pace := at.here, &d.rules[rule], d.paces.Edit(s)
		at.here, at.ever = false, true
		if here && d.alarm.Quiet(s) {
			r.Learn(pace, d.start, true, false)
			continue
		}
		found = d.series(s, r, pace, here, found)
	}
	return found
}

// series judges a series that is not as it always is.
func (d *Detector) series(s uint32, r *runs.Rule, pace *runs.Pace, here bool, found []pipeline.Finding) []pipeline.Finding {
	score := 0.0
	if !here && r.Known(pace) {
		score = r.Score(pace)
	}
	change := d.alarm.Step(s, d.start, d.end, score, score < 1)
	open := d.alarm.Open(s)
	f := pipeline.Finding{Series: s, Start: d.start, End: d.end, Score: score, Direction: "down"}
	if open {
		explain(pace, here, &f)
	}
	if r.Learn(pace, d.start, here, open) && change != alarm.Closed {
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
	for d.seen.Len() < table.Len() {
		d.seen.Append(seen{})
		d.paces.Append(runs.Pace{})
	}
	d.watch.Grow(table, func(s uint32, _ int16) { *d.seen.Edit(s), *d.paces.Edit(s) = seen{}, runs.Pace{} })
}

var (
	laneTable = state.Table{Name: "window", Version: version, Fields: []state.Field{{Name: "start", Type: state.Int64}, {Name: "end", Type: state.Int64}}}
	cellTable = state.Table{Name: "series", Version: version, BySeries: true, Fields: append([]state.Field{
		{Name: "rule", Type: state.Int64}, {Name: "here", Type: state.Bool}, {Name: "ever", Type: state.Bool}}, runs.Fields()...)}
)

// Hold implements pipeline.Holder: a finding that is open has to be closed.
func (d *Detector) Hold(hold func(uint32)) { d.alarm.Hold(hold) }

// Snapshot implements pipeline.Snapshotter.
func (d *Detector) Snapshot() (pipeline.Frozen, error) {
	start, end, rules, at, paces, alarms := d.start, d.end, d.watch.Freeze(), d.seen.Freeze(), d.paces.Freeze(), d.alarm.Freeze()
	return state.Frozen(name, func(w *state.Writer) {
		w.Table(laneTable).Int64(start).Int64(end)
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
		d.start, d.end = t.Int64("start"), t.Int64("end")
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
