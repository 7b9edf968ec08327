package pipeline

import (
	"io"
	"slices"
	"time"
)

// Emitter takes what an operator gives out. It is valid during the call that it was passed to.
type Emitter interface {
	// Emit takes over the batch, also when it returns an error. The operator returns that error at once.
	Emit(Batch) error
}

// Operator is a stage's building block: it takes batches and time and emits batches.
//
// Life: New (by the registry) → Open → any number of Process, Watermark, Snapshot → Close. Restore, if at all,
// comes right after Open. Close may be called twice and without Open. All calls come from one goroutine.
// An error from Process or Watermark ends the lane; a row that an operator can't use is not an error: it is
// counted with Env.Lose and left out.
//
// An operator is a function of its input: it reads no wall clock, emits nothing in the order of a Go map, and takes
// randomness from Env only. Its outputs don't depend on how its input is cut into batches.
type Operator interface {
	Open(env *Env) error
	// Process borrows the batch until it returns. Only kinds that the Spec says it consumes come.
	Process(b Batch, out Emitter) error
	Close() error
}

// Watermarker is implemented by operators that act on time.
type Watermarker interface {
	// Watermark tells that no row before t will follow. It is monotone. What was to happen at times ≤ t happens now, in
	// order of its own time, and carries that time.
	Watermark(t int64, out Emitter) error
}

// Snapshotter is implemented by operators with state.
type Snapshotter interface {
	// Snapshot freezes the state as it is now. It is quick (the lane waits for it): what it returns is written by another
	// goroutine while the operator goes on.
	Snapshot() (Frozen, error)
	// Restore reads what Frozen.Write wrote into a freshly opened operator; older versions are upgraded, newer ones are an
	// error. After an error the operator can only be closed.
	Restore(r io.Reader) error
}

// Holder is implemented by operators that keep something of a series that must not end unsaid, such as the rows of an open
// window or an open finding.
//
// When a lane's table of series is full, the engine evicts those that were not seen for long and that no operator holds:
// each operator is made anew with a smaller table, and restored from its own snapshot without what that says of the evicted
// series. So the ordinals in a snapshot have to be marked (state.Table, state.Field), and an operator that is no Snapshotter
// begins empty then, as after a restart.
type Holder interface {
	// Hold calls hold for each such series, in any order and several times at will.
	Hold(hold func(ordinal uint32))
}

// Frozen is an operator's state as it was when it was frozen. It may outlive the operator.
type Frozen interface {
	// Write writes the frozen state; equal states give equal bytes. Called at most once, by any goroutine.
	Write(w io.Writer) error
	// Release gives the frozen pages up; it must be called, also when Write was not. Called by any goroutine, twice at will.
	Release()
}

// Describer is implemented by operators that have more to say in `explain` than their settings.
type Describer interface {
	// Describe returns one line.
	Describe() string
}

// Rhythmic is implemented by operators that make windows. It may be asked before Open.
type Rhythmic interface{ Rhythm() Rhythm }

// Rhythm says when windows end: each Every, with a length of Size. Both are 0 where that depends on the rows.
type Rhythm struct{ Size, Every time.Duration }

// Window is one closed window of columns: row i is series Series[i]. The slices are borrowed for the call.
type Window struct {
	Start, End int64
	Series     []uint32
	// Count is the number of points; for a Delta or Cumulative series Sum is the increase in the window.
	Count               []int64
	Sum, Min, Max, Last []float64
	Table               *SeriesTable
	// Revision is that of the batch: over 0 for a window that was opened again, which only detectors get that accept them.
	Revision int64
}

// Value returns row i's value as detectors look at it: the mean of a gauge, the increase of a counter, the
// number of records of a log stream.
func (w *Window) Value(i int) float64 {
	switch w.Table.Type(w.Series[i]) {
	case Gauge:
		n := w.Count[i]
		if n == 1 {
			return w.Sum[i]
		}
		if n == 0 {
			return 0
		}
		return w.Sum[i] / float64(n)
	case Stream:
		return float64(w.Count[i])
	}
	return w.Sum[i]
}

// Finding is one detector's statement: this series was abnormal from Start to End.
type Finding struct {
	// Series is the ordinal of the series on the lane.
	Series uint32
	// Onset is the estimated beginning of what is abnormal; Start and End are the window it was seen in.
	Onset, Start, End int64
	// Score grows with abnormality; 1 is the detector's threshold.
	Score float64
	// Probability that it is abnormal, 0..1, as far as the detector knows.
	Probability float64
	// Value was seen, Low..High was expected.
	Value, Low, High float64
	// Direction is "up", "down" or "".
	Direction string
	// Open is false for the update that says the abnormality is over.
	Open bool
	// Severity is "info", "warning" or "critical"; "" is "warning".
	Severity string
	// Evidence names and values that a person wants to see, in order.
	Evidence []Evidence
	// Revision counts the updates of one finding, from 0. Onset, series and detector name the finding.
	Revision int
}

// Evidence is one named number of a finding.
type Evidence struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
}

// Detector is the short form of an operator that most teams write: one closed window of columns in, findings out;
// no time, no reference counts. Windows come in order of their end. All calls come from one goroutine.
type Detector interface {
	Open(env *Env) error
	// Detect borrows the window and appends to found.
	Detect(w *Window, found []Finding) ([]Finding, error)
}

// Change is a change that somebody made: a deploy, another configuration, more instances, a flag.
type Change struct {
	// Kind is deploy, config, scale or flag.
	Kind string
	// Entities were changed, of System; none means all of it.
	Entities []string
	System   string
	// Time is when, in Unix nanoseconds of event time.
	Time int64
}

// Concerns tells whether a series is of what was changed.
func (c *Change) Concerns(s *Series) bool {
	return s.System == c.System && (len(c.Entities) == 0 || slices.Contains(c.Entities, s.Entity))
}

// Heeder is implemented by detectors that take into account what was changed. The engine calls Heed between two windows, in
// whatever order of time changes arrive. The change is borrowed.
type Heeder interface {
	Heed(c *Change)
}

// Concluder is implemented by detectors that look at all rows of a window at once, which may come in several batches. Such a detector
// judges a window when a later one begins, in Detect, or when Conclude says that it is complete, whichever comes first.
type Concluder interface {
	// Conclude tells that no row of a window that ends at t or before will follow. It appends to found.
	Conclude(t int64, found []Finding) ([]Finding, error)
	// Judged returns the window that the last Detect or Conclude has judged, whose scores are those of a Scorer.
	Judged() (start, end int64)
}

// Score is how a detector judged a series in a window, also where it found nothing.
type Score struct {
	Series uint32
	// Score is that of Finding: 1 is the threshold.
	Score float64
	// Expected was, and Low..High would not have been found abnormal, as far as the detector can tell.
	Low, Expected, High float64
}

// Scorer is implemented by detectors that can say how they judged each series. The engine makes series of that, ScoreMetric
// and ExpectedMetric, for the operators after the detector.
type Scorer interface {
	// Scores returns the judgements of the last Detect or Conclude, one for each series that was judged, in an order that follows
	// from the window's rows; borrowed until the next one. It returns none where nobody asked for them in the detector's settings.
	Scores() []Score
}

// The series that are derived of a detector's judgements. Both have the labels of the series that was judged, and its metric as
// MetricLabel and the detector as DetectorLabel.
const (
	// ScoreMetric is the name of the series of scores.
	ScoreMetric = "anomaly.score"
	// ExpectedMetric is the name of the series of what was expected: a window's value is what was expected most, min and max
	// are the band.
	ExpectedMetric = "anomaly.expected"
	MetricLabel    = "metric"
	DetectorLabel  = "detector"
)

// ScoresSetting returns the setting by which a Scorer is asked for scores.
func ScoresSetting() Setting {
	return Setting{Name: "scores", Type: Bool, Default: false,
		Doc: "Also makes the series " + ScoreMetric + " and " + ExpectedMetric + " of each series that is watched, for operators after this one, such as export. They count towards limits.series."}
}

// IsDerived tells whether the series is one that the pipeline derives of detectors' judgements or for objectives: detectors leave
// these to those that are made for them.
func (s *Series) IsDerived() bool {
	return s.Metric == SLIMetric || s.Metric == BudgetMetric || s.Metric == ScoreMetric || s.Metric == ExpectedMetric
}
