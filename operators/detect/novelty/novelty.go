package novelty

import (
	"errors"
	"fmt"
	"math"

	"github.com/homeostat/homeostat/operators/choose"
	"github.com/homeostat/homeostat/operators/detect/alarm"
	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

const (
	// raise is how much a report raises the bar, as a logarithm; pace is the number of reports in a memory's length that keep it there.
	raise, pace = 0.05, 3
	// maxScore keeps scores readable.
	maxScore = 1000
	// maxValue bounds the values that are looked at, so that what is computed of them is finite.
	maxValue = 1e140
)

// Detector is the novelty detector. Its state is columns by ordinal, and rows of matrices for series that had values.
type Detector struct {
	threshold float64
	vigilance float32
	span      int // the memory, in values
	warmup    uint64
	tells     bool // scores are asked for
	watch     *choose.Watch

	alarm    *alarm.Table
	heads    state.Column[head]
	memory   memory
	patterns patterns
	scores   []pipeline.Score
}

// New makes the detector.
func New(s pipeline.Settings) (pipeline.Detector, error) {
	a, alarmErr := alarm.Read(s)
	watch, _, err := choose.ReadWatch(s)
	d := &Detector{
		threshold: s.Float("threshold"), vigilance: float32(s.Float("vigilance")), span: int(s.Int("memory")), warmup: uint64(s.Int("warmup")), tells: s.Bool("scores"),
		watch: watch, alarm: alarm.New(a), memory: newMemory(int(s.Int("memory"))), patterns: newPatterns(),
	}
	return d, errors.Join(alarmErr, err)
}

// Open implements pipeline.Detector.
func (d *Detector) Open(env *pipeline.Env) error {
	d.alarm.Use(env.Series)
	d.alarm.Spaced(env, d.spacing)
	d.watch.Open(env)
	return nil
}

// Heed implements pipeline.Heeder.
func (d *Detector) Heed(c *pipeline.Change) { d.alarm.Heed(c) }

// Describe implements pipeline.Describer.
func (d *Detector) Describe() string {
	return fmt.Sprintf("%s, over the last %v windows, told beyond a novelty of %g", d.watch.Describe(), lengths, d.threshold)
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
		if v := w.Value(i); math.Abs(v) < maxValue {
			found = d.value(w, s, v, found)
		}
	}
	return found, nil
}

// Scores implements pipeline.Scorer.
func (d *Detector) Scores() []pipeline.Score { return d.scores }

// value takes one value in, and judges it against what came before.
func (d *Detector) value(w *pipeline.Window, s uint32, v float64, found []pipeline.Finding) []pipeline.Finding {
	h := d.heads.Edit(s)
	if h.slot == 0 {
		d.memory.grow(d.memory.slots + 1)
		d.patterns.grow(int(d.memory.slots))
		h.slot = d.memory.slots
	}
	ring := d.memory.add(h, w.Start, v)
	h.bar = max(0, h.bar-raise*pace/float64(d.span))
	if h.count <= longest {
		return found
	}
	var at sight
	d.see(h, ring, &at)
	score := 0.0
	if d.memory.stands(h, float32(at.novelty)) && h.count > d.warmup {
		score = min(at.novelty/(d.threshold*math.Exp(h.bar)), maxScore)
	}
	change := d.alarm.Step(s, w.Start, w.End, score, score < 1)
	told := score
	if change != alarm.Opened && score >= 1 && (change != alarm.Updated || score < 2*d.alarm.Said(s).Score) {
		told = 0 // the finding that is open says so already
	}
	if told >= 1 {
		h.bar += raise
	}
	if d.tells {
		d.scores = append(d.scores, pipeline.Score{Series: s, Score: told, Low: h.low, Expected: h.mid, High: h.high})
	}
	if change == alarm.None {
		return found
	}
	f := pipeline.Finding{
		Series: s, Start: w.Start, End: w.End, Score: score, Probability: probability(score), Value: v, Low: h.low, High: h.high,
		Direction: direction(v, h, &at), Evidence: at.evidence(h),
	}
	if change == alarm.Opened {
		f.Onset = d.memory.onset(h, lengths[at.size])
	}
	return d.alarm.Append(found, f, change)
}

// sight is what a value looks like.
type sight struct {
	novelty float64 // sum of the distances
	// size is the window that is farthest from its patterns, at distance; x is where it is and near its nearest pattern.
	size     int
	distance float32
	x, near  point
}

// see compares the windows that end at the newest value with the patterns.
func (d *Detector) see(h *head, ring []float64, out *sight) {
	var points [sizes]point
	var near point
	look(ring, int((h.count-1)%longest), h, &points)
	for k := range points {
		distance := d.patterns.visit(h.slot-1, k, &points[k], uint32(h.count), uint32(d.span), d.vigilance, &h.hints[k], &near)
		out.novelty += float64(distance)
		if distance > out.distance {
			out.size, out.distance, out.x, out.near = k, distance, points[k], near
		}
	}
}

// grow makes room for new series. What was known of one that was watched before counts when it is watched again.
func (d *Detector) grow(table *pipeline.SeriesTable) {
	if d.watch.Knows(table) {
		return
	}
	d.alarm.Grow(table.Len())
	d.heads.Grow(table.Len(), head{})
	d.watch.Grow(table, func(uint32, int16) {})
}

// spacing is the mean time between the last values of a series.
func (d *Detector) spacing(s uint32) int64 {
	h := d.heads.At(s)
	if h.count < longest {
		return 0
	}
	times := d.memory.times.Row(h.slot - 1)
	return (times[(h.count-1)%longest] - times[h.count%longest]) / (longest - 1)
}

// Hold implements pipeline.Holder: a finding that is open has to be closed.
func (d *Detector) Hold(hold func(uint32)) { d.alarm.Hold(hold) }
