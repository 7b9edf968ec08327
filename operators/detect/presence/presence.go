package presence

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/homeostat/homeostat/operators/detect/alarm"
	"github.com/homeostat/homeostat/operators/gather"
	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

const (
	// metric and templateLabel are those of the operator templates, textLabel goes with the latter.
	metric        = "log.templates"
	templateLabel = "template"
	textLabel     = "text"
	maxScore      = 1000
)

// Detector is the detector. Its state is columns by ordinal, and a few numbers a system.
type Detector struct {
	rare, sure, warmup, history float64
	most                        int
	gone                        int64

	alarm   *alarm.Table
	series  state.Column[kept]
	systems map[string]*system
	window  gather.Whole

	// What follows from the lane's table and the above, and is not in snapshots.
	env     *pipeline.Env
	table   *pipeline.SeriesTable
	places  []place
	streams map[string]uint32 // by their labels: an index of alive
	alive   []int64           // end of the last window of each stream
	seen    map[template]bool
}

// kept is what is known of a series. Counts are forgotten exponentially.
type kept struct {
	watched bool
	known   bool    // there was a row
	last    int64   // end of the last window with a row
	count   float64 // of the last window
	present float64 // windows with rows
	total   float64 // windows since the first
	records float64
	longest int64 // windows in a row without rows
}

// place says where a watched series belongs.
type place struct {
	stream   uint32
	template template
}

type template struct{ system, id string }

// system is how often there was something new. Counts are forgotten exponentially.
type system struct {
	age, windows, news float64
}

// Open implements pipeline.Detector.
func (d *Detector) Open(env *pipeline.Env) error {
	d.env, d.table = env, env.Series
	return nil
}

// Describe implements pipeline.Describer.
func (d *Detector) Describe() string {
	return fmt.Sprintf("templates of %s that are new as one of 10^%g windows has them, or that chance keeps away with 10^-%g", metric, d.rare, d.sure)
}

// Detect implements pipeline.Detector.
func (d *Detector) Detect(w *pipeline.Window, found []pipeline.Finding) ([]pipeline.Finding, error) {
	found, _ = d.Conclude(w.End-1, found)
	d.grow(w.Table)
	late, lost := d.window.Take(gather.Span{Start: w.Start, End: w.End}), 0
	for i, s := range w.Series {
		switch {
		case !d.series.At(s).watched || w.Sum[i] <= 0:
		case late:
			lost++
		default:
			d.note(s, w.Sum[i], w.End-w.Start)
		}
	}
	if lost > 0 {
		d.env.Lose("late", lost)
	}
	return found, nil
}

// Conclude implements pipeline.Concluder.
func (d *Detector) Conclude(t int64, found []pipeline.Finding) ([]pipeline.Finding, error) {
	if d.window.Complete(t) {
		found = d.judge(d.window.End-d.window.Start, found)
	}
	return found, nil
}

// Judged implements pipeline.Concluder.
func (d *Detector) Judged() (start, end int64) { return d.window.Judged() }

// grow makes room for new series.
func (d *Detector) grow(table *pipeline.SeriesTable) {
	d.table = table
	for n := d.series.Len(); n < table.Len(); n++ {
		s := table.At(uint32(n))
		d.series.Append(kept{watched: s.Metric == metric && s.Type == pipeline.Delta})
	}
	d.alarm.Grow(d.series.Len())
	for n := len(d.places); n < d.series.Len(); n++ {
		d.places = append(d.places, d.place(uint32(n)))
	}
}

// place finds out where a series belongs.
func (d *Detector) place(n uint32) place {
	s := d.table.At(n)
	if !d.series.At(n).watched {
		return place{}
	}
	labels := slices.DeleteFunc(s.Labels.List(), func(l pipeline.Label) bool { return l.Name == templateLabel || l.Name == textLabel })
	key := pipeline.SeriesKey("", pipeline.Stream, labels)
	stream, ok := d.streams[key]
	if !ok {
		stream = uint32(len(d.alive))
		d.streams[key] = stream
		d.alive = append(d.alive, math.MinInt64)
	}
	return place{stream, template{s.System, s.Labels.Get(templateLabel)}}
}

// note takes in that a series is in the window.
func (d *Detector) note(s uint32, count float64, size int64) {
	c := d.series.Edit(s)
	d.alive[d.places[s].stream] = d.window.End
	if c.known && c.last == d.window.End {
		return
	}
	if !c.known {
		*c = kept{watched: true, known: true, last: d.window.End - size}
	}
	steps := (d.window.End - c.last) / size
	c.longest = max(c.longest, steps-1)
	forget := math.Exp(-float64(steps) / d.history)
	c.present, c.total, c.records = c.present*forget+1, c.total*forget+float64(steps), c.records*forget+count
	c.last, c.count = d.window.End, count
}

// judge says what is to be said of the window that is complete.
func (d *Detector) judge(size int64, found []pipeline.Finding) []pipeline.Finding {
	fresh, there := d.look()
	told := map[uint32]bool{}
	for _, name := range slices.Sorted(maps.Keys(there)) {
		ids := fresh[name]
		score, expected := d.novelty(name, len(ids))
		if score < 1 {
			continue
		}
		for _, s := range ids[:min(len(ids), d.most)] {
			told[s] = true
			if d.alarm.Step(s, d.window.Start, d.window.End, score, false) == alarm.Opened {
				found = d.alarm.Append(found, d.newFinding(s, score, expected, len(ids)), alarm.Opened)
			}
		}
	}
	for s := range uint32(d.series.Len()) {
		if c := d.series.At(s); c.known && !told[s] {
			found = d.watch(s, c, size, found)
		}
	}
	return found
}

// novelty returns how remarkable so many new templates in one window of a system are, and how many were to be expected, and then learns.
func (d *Detector) novelty(name string, news int) (score, expected float64) {
	sys := d.systems[name]
	if sys == nil {
		sys = &system{}
		d.systems[name] = sys
	}
	if sys.age >= 2*d.warmup && news > 0 {
		expected = (sys.news + 0.5) / sys.windows
		score = min(-math.Log10(tail(expected, news))/d.rare, maxScore)
	}
	sys.age++
	if sys.age <= d.warmup {
		return score, expected // at first everything is new
	}
	forget := math.Exp(-1 / d.history)
	sys.windows, sys.news = sys.windows*forget+1, sys.news*forget+float64(news)
	return score, expected
}

// look returns the series of templates that are new in the window, by system, those with the most records first, and the systems
// that had any series.
func (d *Detector) look() (fresh map[string][]uint32, there map[string]bool) {
	fresh, there = map[string][]uint32{}, map[string]bool{}
	ages := make([]float64, len(d.alive))
	var now []uint32
	for s := range uint32(d.series.Len()) {
		c := d.series.At(s)
		if !c.known {
			continue
		}
		p := &d.places[s]
		ages[p.stream] = max(ages[p.stream], c.total)
		if c.last != d.window.End {
			continue
		}
		there[p.template.system] = true
		if !d.seen[p.template] {
			now = append(now, s)
		}
	}
	slices.SortFunc(now, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(d.series.At(b).count, d.series.At(a).count), cmp.Compare(a, b))
	})
	for _, s := range now {
		if p := &d.places[s]; !d.seen[p.template] && ages[p.stream] >= d.warmup {
			d.seen[p.template] = true
			fresh[p.template.system] = append(fresh[p.template.system], s)
		}
	}
	for _, s := range now {
		d.seen[d.places[s].template] = true
	}
	return fresh, there
}

// tail is the probability that a Poisson variable is at least k, which is more than 0.
func tail(mean float64, k int) float64 {
	p, term := 0.0, math.Exp(-mean)
	for i := 1; i <= k; i++ {
		term *= mean / float64(i)
	}
	for i := k; i < k+100; i++ {
		p += term
		term *= mean / float64(i+1)
	}
	return min(max(p, math.SmallestNonzeroFloat64), 1)
}

func (d *Detector) newFinding(s uint32, score, expected float64, at int) pipeline.Finding {
	c := d.series.At(s)
	return pipeline.Finding{
		Series: s, Onset: d.window.Start, Start: d.window.Start, End: d.window.End, Score: score, Probability: 1 - math.Pow(10, -score*d.rare), Value: c.count, Direction: "up",
		Evidence: []pipeline.Evidence{{Name: "records", Value: c.count}, {Name: "new_at_once", Value: float64(at)}, {Name: "expected", Value: expected}},
	}
}

// watch scores the absence of a series, and ends its finding.
func (d *Detector) watch(s uint32, c kept, size int64, found []pipeline.Finding) []pipeline.Finding {
	absent := (d.window.End - c.last) / size
	if d.alarm.Open(s) && d.alarm.Said(s).Direction == "up" {
		if d.alarm.Step(s, d.window.Start, d.window.End, 0, true) == alarm.Closed {
			f := d.alarm.Said(s)
			f.Start, f.End, f.Score, f.Probability, f.Value = d.window.Start, d.window.End, 0, 0, 0
			if absent == 0 {
				f.Value = c.count
			}
			found = d.alarm.Append(found, f, alarm.Closed)
		}
		return found
	}
	if absent > d.gone {
		*d.series.Edit(s) = kept{watched: true}
		if d.alarm.Open(s) {
			return d.alarm.Append(found, d.absentFinding(s, &c, 0, absent), alarm.Closed)
		}
		return found
	}
	score := d.absence(s, &c, absent)
	if score < 1 && !d.alarm.Open(s) {
		return found
	}
	change := d.alarm.Step(s, d.window.Start, d.window.End, score, absent == 0)
	if change == alarm.None {
		return found
	}
	return d.alarm.Append(found, d.absentFinding(s, &c, score, absent), change)
}

// absence returns how remarkable it is that a series is not in so many windows.
func (d *Detector) absence(s uint32, c *kept, absent int64) float64 {
	if absent == 0 || c.present < d.warmup || d.alive[d.places[s].stream] != d.window.End {
		return 0
	}
	share := min(c.present/(c.total+1), 1)
	chance := -float64(absent) * math.Log10(1-share) / d.sure
	return min(chance, float64(absent)/(2*float64(max(c.longest, 1))), maxScore)
}

func (d *Detector) absentFinding(s uint32, c *kept, score float64, absent int64) pipeline.Finding {
	mean := c.records / max(c.total, 1)
	f := pipeline.Finding{
		Series: s, Onset: min(c.last, d.window.End), Start: d.window.Start, End: d.window.End, Score: score, Low: mean, High: mean, Direction: "down",
		Evidence: []pipeline.Evidence{{Name: "absent_windows", Value: float64(absent)}, {Name: "longest_before", Value: float64(c.longest)}, {Name: "share", Value: c.present / max(c.total, 1)}},
	}
	if absent == 0 {
		f.Value = c.count
	}
	if score >= 1 {
		f.Probability = 1 - math.Pow(10, -score*d.sure)
	}
	return f
}

// Hold implements pipeline.Holder: a finding that is open has to be closed.
func (d *Detector) Hold(hold func(uint32)) { d.alarm.Hold(hold) }
