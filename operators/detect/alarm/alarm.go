// Package alarm turns the scores of a detector into findings: one fault is one finding, with updates and an end. It is
// a library for detectors, not one of them.
//
// Each series is quiet, open or resting:
//
//	quiet    → open     when Hold of the last Of windows scored 1 or more, the present one among them
//	open     → resting  when Clear windows in a row were calm, or none came for Gone windows
//	resting  → quiet    after Rest windows
//
// Windows are those in which the series was present; what is absent neither raises nor calms. Only Gone counts
// windows of the lane: a series that vanished can't recover, and its finding must not stay open for ever.
//
// The onset is the start of the first window of the run that led to the finding: a run begins with a window that
// isn't calm and ends when Of windows in a row were calm. It is fixed when the finding opens and names it.
//
// While a finding is open it is updated when its score has doubled since what was last said, when the detector asks
// for it, and every Update windows.
//
// A change that somebody made, such as a deploy, moves series in ways that are no fault: for the time Settle the scores of the series
// that it concerns count half (Heed). Nothing is hidden: what is far off is found at once, and what remains is found when the time is over.
//
// What a series does again and again is a habit of it: a backup each night, a queue that fills every other hour. When its last Habit
// findings are all no older than Within, a further one is of severity info, with the evidence habit, as long as its score is less than 1.2
// times their highest; it counts for those to come, so that a habit lasts until it is given up for as long as that. Findings of
// severity info open no incidents, but are evidence in those that others open. Habituation to what recurs, and its loss
// by pauses and by what is stronger, is the oldest form of learning there is (Thompson and Spencer, Psychological Review 73, 1966).
//
// Hold-down and hysteresis are those of ANSI/ISA-18.2 (on-delay, off-delay, deadband) and of Prometheus' alerting rules
// (for, keep_firing_for).
package alarm

import (
	"cmp"
	"maps"
	"math/bits"
	"slices"
	"time"

	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// Config says when findings open and close, in numbers of windows, and what is a habit: Habit findings within Within, none if it is 0.
type Config struct {
	Hold, Of, Clear, Rest, Update, Gone int
	Habit                               int
	Within                              time.Duration
	// Settle is how long a change is heeded; 0 is not at all.
	Settle time.Duration
}

// Habit is what detectors make of series that do the same again and again, unless they say otherwise: two findings within two days.
const (
	Habit  = 2
	Within = 48 * time.Hour
	// Settle is how long they heed changes.
	Settle = 10 * time.Minute
)

// Settings returns the settings that Read reads, with the detector's own defaults. A negative Habit or Settle is not offered.
func Settings(d Config) []pipeline.Setting {
	settings := []pipeline.Setting{
		pipeline.Whole("hold", d.Hold, 1, 64, "A finding opens when so many of the last windows were abnormal."),
		pipeline.Whole("of", d.Of, 1, 64, "The number of last windows that hold looks at."),
		pipeline.Whole("clear", d.Clear, 1, 10_000, "A finding closes after so many calm windows in a row."),
		pipeline.Whole("rest", d.Rest, 0, 10_000, "For so many windows after a finding closed no other opens on the series."),
		pipeline.Whole("update", d.Update, 1, 10_000, "An open finding is repeated after so many windows."),
		pipeline.Whole("gone", d.Gone, 1, 1_000_000, "A finding closes when its series was absent for so many windows."),
	}
	if d.Habit >= 0 {
		settings = append(settings,
			pipeline.Whole("habit", d.Habit, 0, 100, "So many findings of a series within habit_within make further ones that are no higher a habit, of severity info; 0: none ever is."),
			pipeline.Setting{Name: "habit_within", Type: pipeline.Duration, Default: cmp.Or(d.Within, Within), Min: pipeline.Bound(1), Doc: "How far apart findings may be to be a habit.", Example: "7d"})
	}
	if d.Settle >= 0 {
		settings = append(settings, pipeline.Setting{Name: "settle", Type: pipeline.Duration, Default: d.Settle, Example: "10m",
			Doc: "For so long after a deploy or another change that the inbox was told of, what it concerns has to be twice as far off; 0 heeds no changes."})
	}
	return settings
}

// Release returns the setting release, below which detectors call a window calm.
func Release(score float64) pipeline.Setting {
	return pipeline.Setting{Name: "release", Type: pipeline.Float, Default: score, Min: pipeline.Bound(0.05), Max: pipeline.Bound(1), Doc: "A window is calm when its score is below."}
}

// Read returns the configuration in a detector's settings.
func Read(s pipeline.Settings) (Config, error) {
	c := Config{Hold: int(s.Int("hold")), Of: int(s.Int("of")), Clear: int(s.Int("clear")), Rest: int(s.Int("rest")), Update: int(s.Int("update")), Gone: int(s.Int("gone"))}
	if s.Has("habit") {
		c.Habit, c.Within = int(s.Int("habit")), s.Duration("habit_within")
	}
	if s.Has("settle") {
		c.Settle = s.Duration("settle")
	}
	if c.Hold > c.Of {
		return c, &pipeline.SettingFault{Path: "hold", Err: pipeline.Errorf("alarm.hold.range", "hold is %d of only %d windows and could never be reached: make it %d or less, or raise of", c.Hold, c.Of, c.Of)}
	}
	return c, nil
}

// Change is what Step found.
type Change uint8

const (
	// None: there is nothing to say.
	None Change = iota
	// Opened, Updated, Closed: a finding is due; the detector makes it and passes it to Append.
	Opened
	Updated
	Closed
)

// Table is the alarm state of all series of a lane. One goroutine uses it.
type Table struct {
	cfg   Config
	cells state.Column[cell]
	busy  []uint64 // bit by series: a calm window would change its cell. It follows from the cells.
	open  map[uint32]*finding
	past  habits
	end   int64 // of the latest window

	settling settling
	series   *pipeline.SeriesTable     // set by Use
	spacing  func(series uint32) int64 // nil: windows are of one length
}

// cell is what is kept of a series.
type cell struct {
	recent uint64 // bit i: the window i windows ago was abnormal
	run    int64  // start of the present run, if any
	calm   uint16 // calm windows in a row, at most its maximum
	rest   uint16 // windows left to rest
	inRun  bool
	open   bool // there is a finding
}

type finding struct {
	said   pipeline.Finding // what was last said, without evidence
	silent int              // windows since
	seen   int64            // end of the last window with the series
	bar    float64          // the score from which on it is no habit
	peak   float64          // the highest score
}

// New makes an empty table.
func New(cfg Config) *Table { return &Table{cfg: cfg, open: map[uint32]*finding{}, past: habits{}} }

// Grow makes room for n series.
func (t *Table) Grow(n int) {
	for t.cells.Len() < n {
		t.add(cell{})
	}
}

// add appends the cell of a series.
func (t *Table) add(c cell) {
	i := uint32(t.cells.Len())
	t.cells.Append(c)
	if i%64 == 0 {
		t.busy = append(t.busy, 0)
	}
	t.note(i, &c)
}

// note keeps busy in step with a cell.
func (t *Table) note(series uint32, c *cell) {
	bit := uint64(1) << (series % 64)
	if t.busy[series/64] &^= bit; !c.quiet() {
		t.busy[series/64] |= bit
	}
}

// Quiet tells that a calm window of the series changes nothing, so that Step need not be told of it. It costs next to nothing.
func (t *Table) Quiet(series uint32) bool { return t.busy[series/64]>>(series%64)&1 == 0 }

// Open tells whether a finding of the series is open.
func (t *Table) Open(series uint32) bool { return !t.Quiet(series) && t.cells.At(series).open }

// Hold calls hold for each series with an open finding.
func (t *Table) Hold(hold func(series uint32)) {
	for series := range t.open {
		hold(series)
	}
}

// Said returns what was last said of an open finding.
func (t *Table) Said(series uint32) pipeline.Finding { return t.open[series].said }

// Step takes the score of a series in the window [start, end): 1 and more is abnormal. calm says that it counts
// towards the end of a finding; between the two nothing moves. There must be room for the series.
func (t *Table) Step(series uint32, start, end int64, score float64, calm bool) Change {
	if score >= 1 && len(t.settling) > 0 && t.settles(series, start, end) {
		score /= settleBy
	}
	if calm && score < 1 && t.Quiet(series) {
		return None
	}
	c := t.cells.Edit(series)
	change := t.step(c, series, start, end, score, calm)
	t.note(series, c)
	return change
}

func (t *Table) step(c *cell, series uint32, start, end int64, score float64, calm bool) Change {
	c.recent <<= 1
	if score >= 1 {
		c.recent |= 1
		calm = false
	}
	if !calm {
		c.calm = 0
		if !c.inRun {
			c.inRun, c.run = true, start
		}
	} else if c.calm < 1<<16-1 {
		c.calm++
	}
	if c.open {
		return t.stepOpen(c, t.open[series], end, score)
	}
	if int(c.calm) >= t.cfg.Of {
		c.inRun = false
	}
	if c.rest > 0 {
		c.rest--
		return None
	}
	mask := ^uint64(0) >> (64 - t.cfg.Of)
	if score >= 1 && bits.OnesCount64(c.recent&mask) >= t.cfg.Hold {
		t.open[series], c.open = &finding{seen: end, bar: t.past.bar(series, end, &t.cfg)}, true
		return Opened
	}
	return None
}

// quiet tells that a calm window changes nothing: none of the last ones was anything else, and nothing is counted.
func (c *cell) quiet() bool { return c.recent == 0 && !c.inRun && !c.open && c.rest == 0 }

func (t *Table) stepOpen(c *cell, f *finding, end int64, score float64) Change {
	f.seen = end
	f.silent++
	habit := f.peak < f.bar
	f.peak = max(f.peak, score)
	switch {
	case int(c.calm) >= t.cfg.Clear:
		return Closed
	case f.silent >= t.cfg.Update || score >= 2*max(1, f.said.Score) || habit && score >= f.bar:
		return Updated
	}
	return None
}

// Append adds a finding that Step asked for; a detector may also update or close an open one by itself. It sets Open and
// Revision; Onset is the beginning of the run, unless the detector gives another one when the finding opens.
func (t *Table) Append(found []pipeline.Finding, f pipeline.Finding, change Change) []pipeline.Finding {
	state := t.open[f.Series]
	if change == Opened {
		if f.Onset == 0 {
			f.Onset = t.cells.At(f.Series).run
		}
	} else {
		f.Onset, f.Revision = state.said.Onset, state.said.Revision+1
	}
	f.Open = change != Closed
	state.grade(&f, t.cfg.Habit)
	state.said, state.silent = f, 0
	state.said.Evidence = nil
	if change == Closed {
		t.finish(f.Series)
	}
	return append(found, f)
}

// finish ends the series' open finding and begins its rest.
func (t *Table) finish(series uint32) {
	o := t.open[series]
	t.past.keep(series, past{o.peak, o.seen}, &t.cfg)
	delete(t.open, series)
	c := t.cells.Edit(series)
	c.recent, c.calm, c.inRun, c.open = 0, 0, false, false
	c.rest = uint16(t.cfg.Rest)
	t.note(series, c)
}

// lookEvery is how often Begin looks where windows are irregular.
const lookEvery = int64(time.Minute)

// Spaced tells how far apart the windows of a series are. A detector that accepts irregular windows, which are of one series each and as
// long as their rows say, calls it when it is opened; where the lane has such windows, absence is measured by that.
func (t *Table) Spaced(env *pipeline.Env, spacing func(series uint32) int64) {
	if env.Window == 0 {
		t.spacing = spacing
	}
}

// Begin is told of each window before its rows. It closes the findings of series that have been absent too long; where windows are
// irregular, once a minute of event time.
func (t *Table) Begin(start, end int64, found []pipeline.Finding) []pipeline.Finding {
	if end <= t.end || t.spacing != nil && end/lookEvery <= t.end/lookEvery {
		return found
	}
	t.reach(start, end)
	if len(t.open) == 0 {
		return found
	}
	return t.close(start, end, found)
}

// patience is how long a series may be absent that has an open finding.
func (t *Table) patience(series uint32, start, end int64) int64 {
	if t.spacing == nil {
		return int64(t.cfg.Gone) * (end - start)
	}
	return max(lookEvery, int64(t.cfg.Gone)*t.spacing(series))
}

// reach moves the end of the latest window. Once an hour of event time it forgets the habits that are none any more.
func (t *Table) reach(start, end int64) {
	if end/int64(time.Hour) > t.end/int64(time.Hour) {
		t.past.forget(end, &t.cfg)
	}
	t.end = end
	if len(t.settling) > 0 {
		t.settle(start)
	}
}

// close closes the open findings of series that were not seen for longer than they may be.
func (t *Table) close(start, end int64, found []pipeline.Finding) []pipeline.Finding {
	for _, series := range slices.Sorted(maps.Keys(t.open)) {
		state := t.open[series]
		if end-state.seen <= t.patience(series, start, end) {
			continue
		}
		f := state.said
		f.Start, f.End, f.Open, f.Score = start, end, false, 0
		f.Revision++
		f.Evidence = []pipeline.Evidence{{Name: "absent_seconds", Value: float64(end-state.seen) / 1e9}}
		t.finish(series)
		found = append(found, f)
	}
	return found
}
