package forecast

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
	// maxScore keeps scores readable.
	maxScore = 1000
	// maxValue bounds the values that are looked at, so that what is kept of them in 32 bits is finite.
	maxValue = 1e30
)

// Detector is the forecast detector. Its state is columns by ordinal, and rows by slot for series that had values.
type Detector struct {
	watch   choose.Rules
	rules   []rule
	adapt   int64
	release float64
	tells   bool // scores are asked for
	scores  []pipeline.Score

	alarm   *alarm.Table
	watched []int16              // the rule by ordinal, or choose.None; follows from the table
	slots   state.Column[uint32] // by ordinal, plus one; 0 before the first value
	heads   *state.Matrix[head]  // one by slot, in pages that are copied in no time
	seasons seasons
}

// New makes the detector.
func New(s pipeline.Settings) (pipeline.Detector, error) {
	a, alarmErr := alarm.Read(s)
	watch, entries, err := choose.ReadRules(s)
	d := &Detector{
		watch: watch, adapt: int64(s.Duration("adapt")), release: s.Float("release"), tells: s.Bool("scores"), alarm: alarm.New(a),
		heads: state.NewMatrix[head](1), seasons: newSeasons(),
	}
	for _, r := range choose.Over(s, entries, judgement()) {
		d.rules = append(d.rules, newRule(r))
	}
	return d, errors.Join(alarmErr, err)
}

// Open implements pipeline.Detector.
func (d *Detector) Open(env *pipeline.Env) error {
	d.alarm.Spaced(env, d.spacing)
	d.alarm.Use(env.Series)
	return nil
}

// Heed implements pipeline.Heeder.
func (d *Detector) Heed(c *pipeline.Change) { d.alarm.Heed(c) }

// Describe implements pipeline.Describer.
func (d *Detector) Describe() string {
	what := "all series of numbers"
	if n := d.watch.Len(); n > 0 {
		what = fmt.Sprintf("the series of %d selectors", n)
	}
	return what + ", against their level, their day and their week"
}

// Scores implements pipeline.Scorer.
func (d *Detector) Scores() []pipeline.Score { return d.scores }

// Detect implements pipeline.Detector.
func (d *Detector) Detect(w *pipeline.Window, found []pipeline.Finding) ([]pipeline.Finding, error) {
	d.grow(w.Table)
	d.scores = d.scores[:0]
	found = d.alarm.Begin(w.Start, w.End, found)
	for i, s := range w.Series {
		if d.watched[s] == choose.None {
			continue
		}
		if v := w.Value(i); math.Abs(v) < maxValue {
			found = d.value(w, s, v, found)
		}
	}
	return found, nil
}

// value judges one value, and then learns from it.
func (d *Detector) value(w *pipeline.Window, s uint32, v float64, found []pipeline.Finding) []pipeline.Finding {
	slot := d.slots.At(s)
	if slot == 0 {
		slot = d.begin(s, w)
	}
	slot--
	h, r := &d.heads.Edit(slot)[0], &d.rules[d.watched[s]]
	d.advance(slot, h, r, w)
	if h.whole && v != math.Trunc(v) {
		h.whole = false
		d.settle(slot, h, r)
	}
	if !h.ready() {
		h.take(v, true)
		return found
	}
	beyond := h.beyond(v)
	score := min(math.Abs(beyond)/h.width, maxScore)
	if !r.up && beyond > 0 || !r.down && beyond < 0 {
		score = 0
	}
	if d.tells {
		d.scores = append(d.scores, pipeline.Score{Series: s, Score: score, Low: h.low - h.width, Expected: h.mid[h.best], High: h.high + h.width})
	}
	change := d.alarm.Step(s, w.Start, w.End, score, score < d.release)
	if change == alarm.None && !d.alarm.Open(s) {
		h.refused, h.astray = 0, 0
		h.top(beyond, score)
		h.take(v, true)
		return found
	}
	return d.abnormal(w, s, slot, v, score, change, found)
}

// abnormal goes on with a value of a series that has an open finding.
func (d *Detector) abnormal(w *pipeline.Window, s, slot uint32, v, score float64, change alarm.Change, found []pipeline.Finding) []pipeline.Finding {
	h, r := &d.heads.Edit(slot)[0], &d.rules[d.watched[s]]
	f := pipeline.Finding{Series: s, Start: w.Start, End: w.End, Score: score, Value: v}
	h.explain(&f)
	h.top(h.beyond(v), 1)
	calm := score < d.release
	h.take(v, calm)
	if !calm {
		h.refuse(w.Start, v)
		if w.End-h.since >= d.adapt {
			d.seasons.move(slot, h, h.astray/float64(h.refused))
			change = alarm.Closed
			f.Evidence = append(f.Evidence, pipeline.Evidence{Name: "adapted", Value: 1})
		}
	}
	if change == alarm.None {
		return found
	}
	if change == alarm.Closed {
		h.raise()
		h.refused, h.astray, h.peak = 0, 0, 0
		d.settle(slot, h, r)
	}
	return d.alarm.Append(found, f, change)
}

// explain fills in what the finding says.
func (h *head) explain(f *pipeline.Finding) {
	z := h.beyond(f.Value) / h.scale
	f.Low, f.High = h.low-h.width, h.high+h.width
	f.Direction = "up"
	if f.Value < h.mid[h.best] {
		f.Direction = "down"
	}
	f.Probability = 1 - 1/(1+z*z)
	f.Evidence = []pipeline.Evidence{
		{Name: "expected", Value: h.mid[h.best]}, {Name: "scale", Value: h.scale}, {Name: "z", Value: z},
		{Name: "season_days", Value: [forecasts]float64{0, 1, 7}[h.best]},
	}
}

// begin makes room for a series that has its first value, and returns its slot plus one.
func (d *Detector) begin(s uint32, w *pipeline.Window) uint32 {
	d.seasons.add()
	k := binOf(w)
	h := head{learned: learned{bin: k - 1, first: k, at: w.Start, whole: w.Table.At(s).Type != pipeline.Gauge}}
	for i := daily; i < forecasts; i++ {
		h.season[i] = [3]float64{math.NaN(), math.NaN(), math.NaN()}
	}
	d.keep(h)
	*d.slots.Edit(s) = d.seasons.slots
	return d.seasons.slots
}

// keep gives a head to the last slot.
func (d *Detector) keep(h head) {
	d.heads.Grow(int(d.seasons.slots))
	d.heads.Edit(d.seasons.slots - 1)[0] = h
}

// binOf is the bin in which the middle of a window lies.
func binOf(w *pipeline.Window) int64 {
	middle := w.Start + (w.End-w.Start)/2
	return (middle - int64(place(middle, int(binLength)))) / binLength
}

// advance goes on to the bin of a window, if that is not the present one.
func (d *Detector) advance(slot uint32, h *head, r *rule, w *pipeline.Window) {
	if w.Start > h.at {
		h.every, h.at = w.Start-h.at, w.Start
	}
	if !h.fresh {
		d.settle(slot, h, r)
	}
	k := binOf(w)
	if k <= h.bin {
		return
	}
	if h.n > 0 {
		d.seasons.end(slot, h)
	}
	// A window of several bins is in each of them, if no other was there.
	from := max(h.bin+1, k-(w.End-w.Start)/2/binLength, k-dayBins+1)
	if from > h.bin+1 {
		d.seasons.skip(slot, h, from)
	}
	d.seasons.foresee(slot, h, k)
	h.span = uint8(k - from + 1)
	d.settle(slot, h, r)
}

// settle computes what is expected of the present bin.
func (d *Detector) settle(slot uint32, h *head, r *rule) {
	h.settle(r, float64(d.seasons.spread.Row(slot)[place(h.bin, dayBins)]))
}

// grow makes room for new series.
func (d *Detector) grow(table *pipeline.SeriesTable) {
	n := table.Len()
	if len(d.watched) == n {
		return
	}
	d.alarm.Grow(n)
	for i := len(d.watched); i < n; i++ {
		d.watched = append(d.watched, int16(d.watch.Of(table.At(uint32(i)))))
	}
	d.slots.Grow(n, 0)
}

// spacing is the time between the last two windows of a series.
func (d *Detector) spacing(s uint32) int64 {
	if slot := d.slots.At(s); slot > 0 {
		return d.heads.Row(slot - 1)[0].every
	}
	return 0
}

// Hold implements pipeline.Holder: a finding that is open has to be closed.
func (d *Detector) Hold(hold func(uint32)) { d.alarm.Hold(hold) }
