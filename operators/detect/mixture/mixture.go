package mixture

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/homeostat/homeostat/operators/detect/alarm"
	"github.com/homeostat/homeostat/operators/detect/baseline"
	"github.com/homeostat/homeostat/operators/gather"
	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

const (
	// metric and the labels are those of the operator templates.
	metric        = "log.templates"
	templateLabel = "template"
	textLabel     = "text"

	maxScore = 1000
	// fewest records have to be expected of a kind, or it is taken together with others.
	fewest = 5
	// named is how many templates a finding names.
	named = 3
)

// Detector is the detector. Its state is columns by ordinal.
type Detector struct {
	threshold, release, least, memory float64

	alarm  *alarm.Table
	past   *baseline.Table // of x, by the series that stand for streams
	series state.Column[kept]
	window gather.Whole

	// What follows from the lane's table, and is not in snapshots.
	env     *pipeline.Env
	table   *pipeline.SeriesTable
	looked  int
	streams map[string]*stream
	order   []*stream
}

// kept is what is known of a template's series.
type kept struct {
	usual float64 // records, exponentially forgotten
	count float64 // of the window that ends at last
	last  int64
}

// stream is the templates of one log stream, and the series that stands for it.
type stream struct {
	stands    uint32
	templates []uint32
}

// Open implements pipeline.Detector.
func (d *Detector) Open(env *pipeline.Env) error {
	d.alarm.Use(env.Series)
	d.env, d.table = env, env.Series
	return nil
}

// Heed implements pipeline.Heeder.
func (d *Detector) Heed(c *pipeline.Change) { d.alarm.Heed(c) }

// Describe implements pipeline.Describer.
func (d *Detector) Describe() string {
	return fmt.Sprintf("the shares of templates in each stream of %s, abnormal from %g standard deviations", metric, d.threshold)
}

// Detect implements pipeline.Detector.
func (d *Detector) Detect(w *pipeline.Window, found []pipeline.Finding) ([]pipeline.Finding, error) {
	found, _ = d.Conclude(w.End-1, found)
	d.grow(w.Table)
	late, lost := d.window.Take(gather.Span{Start: w.Start, End: w.End}), 0
	for i, s := range w.Series {
		x := w.Table.At(s)
		switch {
		case x.Metric != metric || x.Type != pipeline.Delta || w.Sum[i] <= 0:
		case late:
			lost++
		default:
			c := d.series.Edit(s)
			c.count, c.last = w.Sum[i], d.window.End
		}
	}
	if lost > 0 {
		d.env.Lose("late", lost)
	}
	return found, nil
}

// Conclude implements pipeline.Concluder.
func (d *Detector) Conclude(t int64, found []pipeline.Finding) ([]pipeline.Finding, error) {
	if !d.window.Complete(t) {
		return found, nil
	}
	found = d.alarm.Begin(d.window.Start, d.window.End, found)
	for _, s := range d.order {
		found = d.judge(s, found)
	}
	return found, nil
}

// Judged implements pipeline.Concluder.
func (d *Detector) Judged() (start, end int64) { return d.window.Judged() }

// grow makes room for new series and finds out which streams they are of. A stream's own series is there before those of its
// templates.
func (d *Detector) grow(table *pipeline.SeriesTable) {
	d.table = table
	n := table.Len()
	d.alarm.Grow(n)
	d.past.Grow(n)
	d.series.Grow(n, kept{})
	for ; d.looked < n; d.looked++ {
		i := uint32(d.looked)
		s := table.At(i)
		switch {
		case s.Type == pipeline.Stream:
			if key := pipeline.SeriesKey("", pipeline.Stream, s.Labels.List()); d.streams[key] == nil {
				d.streams[key] = &stream{stands: i}
			}
		case s.Metric == metric && s.Type == pipeline.Delta:
			labels := slices.DeleteFunc(s.Labels.List(), func(l pipeline.Label) bool { return l.Name == templateLabel || l.Name == textLabel })
			key := pipeline.SeriesKey("", pipeline.Stream, labels)
			of := d.streams[key]
			if of == nil {
				of = &stream{stands: i}
				d.streams[key] = of
			}
			if of.templates = append(of.templates, i); len(of.templates) == 1 {
				d.order = append(d.order, of)
			}
		}
	}
}

// judge says what is to be said of a stream's window that is complete, and learns it.
func (d *Detector) judge(s *stream, found []pipeline.Finding) []pipeline.Finding {
	records := 0.0
	for _, t := range s.templates {
		if c := d.series.At(t); c.last == d.window.End {
			records += c.count
		}
	}
	if records == 0 {
		return found
	}
	if records < d.least {
		if !d.alarm.Open(s.stands) {
			d.learn(s)
		}
		return found
	}
	m := d.measure(s, records)
	if m.kinds < 2 {
		d.learn(s)
		return found
	}
	if !d.past.Ready(s.stands) {
		d.past.Learn(s.stands, m.x)
		d.learn(s)
		return found
	}
	band := d.past.Band(s.stands)
	scale := max(1, band.Up)
	z := (m.x - band.Median) / scale
	score := min(max(0, z/d.threshold), maxScore)
	change := d.alarm.Step(s.stands, d.window.Start, d.window.End, score, score < d.release)
	adapted := d.adapt(s, m.x, min(m.x, band.Median+3*scale), score)
	if adapted {
		change = alarm.Closed
	}
	if change == alarm.None {
		return found
	}
	if change == alarm.Closed {
		d.past.Settle(s.stands)
	}
	f := pipeline.Finding{
		Series: s.stands, Start: d.window.Start, End: d.window.End, Score: score, Value: m.x, Low: band.Median, High: band.Median + d.threshold*scale, Direction: "up",
		Evidence: append([]pipeline.Evidence{{Name: "records", Value: records}, {Name: "kinds", Value: float64(m.kinds)}, {Name: "z", Value: z}}, m.most...),
	}
	if adapted {
		f.Evidence = append(f.Evidence, pipeline.Evidence{Name: "adapted", Value: 1})
	}
	if z > 0 {
		f.Probability = 1 / (1 + 1/(z*z))
	}
	return d.alarm.Append(found, f, change)
}

// adapt learns a window that was scored. true: the abnormal ones of the open finding are the new normal.
func (d *Detector) adapt(s *stream, x, cut, score float64) bool {
	switch {
	case score < 1:
		d.past.Learn(s.stands, x)
		if !d.alarm.Open(s.stands) {
			d.learn(s)
		}
	case d.alarm.Open(s.stands):
		if d.past.Reject(s.stands, x) {
			d.learn(s)
			return true
		}
	default:
		d.past.Learn(s.stands, cut)
	}
	return false
}

// learn takes a window into the shares of a stream's templates.
func (d *Detector) learn(s *stream) {
	forget := math.Exp(-1 / d.memory)
	for _, t := range s.templates {
		c := d.series.At(t)
		if c.last != d.window.End && c.usual == 0 {
			continue
		}
		e := d.series.Edit(t)
		e.usual *= forget
		if c.last == d.window.End {
			e.usual += c.count
		}
	}
}

// measured is how far a window is from what is usual.
type measured struct {
	x     float64
	kinds int
	most  []pipeline.Evidence
}

// measure compares a window with the shares of its stream's templates.
func (d *Detector) measure(s *stream, records float64) (m measured) {
	usual := 0.0
	for _, t := range s.templates {
		usual += d.series.At(t).usual
	}
	if usual == 0 {
		return m
	}
	type share struct{ part, excess float64 }
	g, rare, rareExpected := 0.0, 0.0, 0.0
	parts := make([]share, len(s.templates))
	for i, t := range s.templates {
		c := d.series.At(t)
		seen, expected := 0.0, records*c.usual/usual
		if c.last == d.window.End {
			seen = c.count
		}
		parts[i] = share{likelihood(seen, max(expected, 0.5)), seen - expected}
		if expected < fewest {
			rare, rareExpected = rare+seen, rareExpected+expected
			continue
		}
		m.kinds++
		g += likelihood(seen, expected)
	}
	if rare > 0 || rareExpected > 0 {
		m.kinds++
		g += likelihood(rare, max(rareExpected, 0.5))
	}
	if m.kinds < 2 {
		return m
	}
	k := float64(m.kinds)
	g = max(0, 2*g) / (1 + (k+1)/(6*records))
	m.x = math.Sqrt(2*g) - math.Sqrt(2*k-3)
	order := make([]int, len(parts))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(math.Abs(parts[b].part), math.Abs(parts[a].part)) })
	for _, i := range order[:min(named, len(order))] {
		id := d.table.At(s.templates[i]).Labels.Get(templateLabel)
		m.most = append(m.most, pipeline.Evidence{Name: "template_" + id, Value: parts[i].excess})
	}
	return m
}

// likelihood is what a kind adds to half of G.
func likelihood(seen, expected float64) float64 {
	if seen == 0 {
		return 0
	}
	return seen * math.Log(seen/expected)
}

// Hold implements pipeline.Holder: a finding that is open has to be closed.
func (d *Detector) Hold(hold func(uint32)) { d.alarm.Hold(hold) }
