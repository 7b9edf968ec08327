package errorlogs

import (
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/homeostat/homeostat/operators/detect/alarm"
	"github.com/homeostat/homeostat/operators/detect/baseline"
	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// Detector is the error-log detector. Its state is columns by ordinal.
type Detector struct {
	threshold, minErrors, release float64
	history                       int64

	alarm  *alarm.Table
	errors *baseline.Table // of x
	others *baseline.Table // of the records that are no errors
	last   state.Column[learned]
	begun  int64 // start of the lane's first window
	any    bool  // whether there was one
}

// learned is the end of the last window that was learned of a stream, and whether there was one.
type learned struct {
	end  int64
	seen bool
}

const (
	maxScore   = 1000
	maxTraffic = 10
)

// New makes the detector.
func New(s pipeline.Settings) (pipeline.Detector, error) {
	a, alarmErr := alarm.Read(s)
	b, baselineErr := baseline.Read(s)
	return &Detector{
		threshold: s.Float("threshold"), minErrors: float64(s.Int("min_errors")), release: s.Float("release"), history: int64(b.History),
		alarm: alarm.New(a), errors: baseline.New(b), others: baseline.New(b),
	}, errors.Join(alarmErr, baselineErr)
}

// Open implements pipeline.Detector.
func (d *Detector) Open(env *pipeline.Env) error {
	d.alarm.Use(env.Series)
	return nil
}

// Heed implements pipeline.Heeder.
func (d *Detector) Heed(c *pipeline.Change) { d.alarm.Heed(c) }

// Describe implements pipeline.Describer.
func (d *Detector) Describe() string {
	return fmt.Sprintf("all log streams, abnormal from %g errors a window and %g standard deviations", d.minErrors, d.threshold)
}

// Detect implements pipeline.Detector.
func (d *Detector) Detect(w *pipeline.Window, found []pipeline.Finding) ([]pipeline.Finding, error) {
	if !d.any {
		d.begun, d.any = w.Start, true
	}
	d.grow(w.Table.Len())
	found = d.alarm.Begin(w.Start, w.End, found)
	for i, s := range w.Series {
		if w.Table.At(s).Type == pipeline.Stream {
			d.silence(s, w.Start, w.End)
			found = d.stream(w, s, w.Sum[i], float64(w.Count[i]), found)
		}
	}
	return found, nil
}

func (d *Detector) grow(n int) {
	d.alarm.Grow(n)
	d.errors.Grow(n)
	d.others.Grow(n)
	d.last.Grow(n, learned{})
}

// silence learns the windows without records before this one.
func (d *Detector) silence(s uint32, start, end int64) {
	since := d.begun
	last := d.last.Edit(s)
	if last.seen {
		since = last.end
	}
	for range min((start-since)/(end-start), d.history) {
		d.errors.Learn(s, anscombe(0))
	}
	*last = learned{end, true}
}

// anscombe makes a count of unit deviation, count takes it back.
func anscombe(n float64) float64 { return 2 * math.Sqrt(n+0.375) }
func count(x float64) float64    { return max(0, x*x/4-0.375) }

// stream scores a window's errors against what is usual, and then learns from it.
func (d *Detector) stream(w *pipeline.Window, s uint32, bad, all float64, found []pipeline.Finding) []pipeline.Finding {
	x := anscombe(bad)
	if !d.errors.Ready(s) {
		d.errors.Learn(s, x)
		d.others.Learn(s, all-bad)
		return found
	}
	band := d.errors.Band(s)
	scale := max(1, band.Up)
	usual := count(band.Median)
	traffic := d.traffic(s, all-bad)
	expected := anscombe(usual * traffic)
	z := (x - expected) / scale
	score := min(max(0, z/d.threshold), maxScore)
	if bad < d.minErrors {
		score = 0
	}
	change := d.alarm.Step(s, w.Start, w.End, score, score < d.release)
	adapted := false
	switch {
	case score < 1:
		d.errors.Learn(s, x)
	case d.alarm.Open(s):
		adapted = d.errors.Reject(s, x)
	default:
		d.errors.Learn(s, min(x, band.Median+3*scale))
	}
	d.others.Learn(s, all-bad)
	if adapted {
		change = alarm.Closed
	}
	if change == alarm.None {
		return found
	}
	f := pipeline.Finding{
		Series: s, Start: w.Start, End: w.End, Score: score, Probability: 1 / (1 + 1/(z*z)), Value: bad,
		High: count(expected + d.threshold*scale), Direction: "up",
		Evidence: []pipeline.Evidence{
			{Name: "errors", Value: bad}, {Name: "records", Value: all}, {Name: "expected", Value: usual * traffic}, {Name: "z", Value: z},
		},
	}
	if z <= 0 {
		f.Probability = 0
	}
	if adapted {
		f.Evidence = append(f.Evidence, pipeline.Evidence{Name: "adapted", Value: 1})
	}
	if change == alarm.Closed {
		d.errors.Settle(s)
	}
	return d.alarm.Append(found, f, change)
}

// traffic returns how many times more other records there are than usual, between 1 and maxTraffic.
func (d *Detector) traffic(s uint32, others float64) float64 {
	if !d.others.Ready(s) {
		return 1
	}
	usual := d.others.Band(s).Median
	if usual <= 0 {
		return 1
	}
	return min(max(1, others/usual), maxTraffic)
}

// The tables of a snapshot, besides those of packages alarm and baseline.
var (
	laneTable   = state.Table{Name: "lane", Version: 1, Fields: []state.Field{{Name: "begun", Type: state.Int64}, {Name: "any", Type: state.Bool}}}
	seriesTable = state.Table{Name: "series", Version: 1, BySeries: true, Fields: []state.Field{{Name: "last", Type: state.Int64}, {Name: "seen", Type: state.Bool}}}
)

// Hold implements pipeline.Holder: a finding that is open has to be closed.
func (d *Detector) Hold(hold func(uint32)) { d.alarm.Hold(hold) }

// Snapshot implements pipeline.Snapshotter.
func (d *Detector) Snapshot() (pipeline.Frozen, error) {
	begun, any := d.begun, d.any
	last, alarms, errors, others := d.last.Freeze(), d.alarm.Freeze(), d.errors.Freeze(), d.others.Freeze()
	return state.Frozen(name, func(w *state.Writer) {
		w.Table(laneTable).Int64(begun).Bool(any)
		t := w.Table(seriesTable)
		for i := range uint32(last.Len()) {
			x := last.At(i)
			t.Int64(x.end).Bool(x.seen)
		}
		alarms.Write(w)
		errors.Write(w, "errors")
		others.Write(w, "others")
	}, last.Release, alarms.Release, errors.Release, others.Release), nil
}

// Restore implements pipeline.Snapshotter.
func (d *Detector) Restore(r io.Reader) error {
	s := state.NewReader(r, name)
	for t := s.Table(laneTable); t.Next(); {
		d.begun, d.any = t.Int64("begun"), t.Bool("any")
	}
	for t := s.Table(seriesTable); t.Next(); {
		d.last.Append(learned{t.Int64("last"), t.Bool("seen")})
	}
	for _, n := range []int{d.alarm.Load(s), d.errors.Load(s, "errors"), d.others.Load(s, "others")} {
		if n != d.last.Len() {
			s.Fail("has columns of different length")
		}
	}
	return s.Close()
}
