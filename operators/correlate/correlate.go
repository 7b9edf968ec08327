package correlate

import (
	"time"

	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// Reasons in the loss ledger.
const (
	lostUnreadable = "unreadable"
	lostLimit      = "limit"
)

// Correlate is the operator. It follows pipeline.Operator.
type Correlate struct {
	options
	env        *pipeline.Env
	window     int64
	objectives map[string]objective
	keep       int64 // how much of an SLI is kept
	systems    map[string]*system

	table    *pipeline.SeriesTable
	bySeries []*sli // by ordinal of table; nil: not an SLI
}

// New makes the operator from checked settings.
func New(s pipeline.Settings) (*Correlate, error) {
	o, err := parse(s)
	if err != nil {
		return nil, err
	}
	return &Correlate{options: o, systems: map[string]*system{}}, nil
}

// Open implements pipeline.Operator.
func (c *Correlate) Open(env *pipeline.Env) error {
	c.env = env
	c.window = env.Window
	if c.window <= 0 {
		c.window = int64(10 * time.Second)
	}
	c.objectives = objectives(env.SLOs)
	c.keep = defaultShort
	for _, ob := range c.objectives {
		c.keep = max(c.keep, ob.short)
	}
	return nil
}

// Close implements pipeline.Operator.
func (c *Correlate) Close() error { return nil }

// Process implements pipeline.Operator. What was due before an event's time happens before it.
func (c *Correlate) Process(b pipeline.Batch, out pipeline.Emitter) error {
	switch b.Kind {
	case pipeline.Windows:
		return c.windows(b, out)
	case pipeline.Events:
		return schemas.EachEvent(b, func(e schemas.Event) error {
			if err := c.advance(e.Time-1, out); err != nil {
				return err
			}
			c.event(&e)
			return nil
		})
	}
	return nil
}

// Watermark implements pipeline.Watermarker.
func (c *Correlate) Watermark(t int64, out pipeline.Emitter) error { return c.advance(t, out) }

// advance looks at the systems at each window border up to t at which something can happen, in order of time and name.
func (c *Correlate) advance(t int64, out pipeline.Emitter) error {
	for {
		var next *system
		for _, s := range c.systems {
			if s.Due <= t && (next == nil || s.Due < next.Due || s.Due == next.Due && s.Name < next.Name) {
				next = s
			}
		}
		if next == nil {
			return nil
		}
		if err := c.look(next, next.Due, out); err != nil {
			return err
		}
	}
}

// wake makes the system be looked at as soon as all of that time is known.
func (c *Correlate) wake(s *system, t int64) {
	border := t
	if r := t % c.window; r > 0 {
		border += c.window - r
	}
	s.Due = min(s.Due, max(border, s.Seen))
}

func (c *Correlate) system(name string) *system {
	s := c.systems[name]
	if s == nil {
		s = newSystem(name)
		s.graph = newGraph(c.edges(s))
		c.systems[name] = s
	}
	return s
}

// edges returns the newest call graph that is known for the system.
func (c *Correlate) edges(s *system) []pipeline.Edge {
	switch {
	case s.Known:
		return s.Edges
	case c.env.Topology != nil:
		return c.env.Topology.Edges
	}
	return nil
}

func (c *Correlate) windows(b pipeline.Batch, out pipeline.Emitter) error {
	n := b.Rows()
	if n == 0 {
		return nil
	}
	if c.table != b.Series {
		c.table, c.bySeries = b.Series, nil
	}
	series := b.Record.Column(pipeline.WindowSeries).(*array.Uint32).Uint32Values()
	ends := b.Record.Column(pipeline.WindowEnd).(*array.Int64).Int64Values()
	counts := b.Record.Column(pipeline.WindowCount).(*array.Int64).Int64Values()
	sums := b.Record.Column(pipeline.WindowSum).(*array.Float64).Float64Values()
	for i := range n {
		if err := c.advance(ends[i]-1, out); err != nil {
			return err
		}
		if sli := c.sli(series[i]); sli != nil && finite(sums[i]) {
			sli.add(ends[i], counts[i], sums[i], c.keep)
			s := c.systems[sli.System]
			s.Heard = max(s.Heard, ends[i])
			if s.Resting {
				c.wake(s, ends[i])
			}
		}
	}
	return nil
}

// sli returns where the windows of a series are kept, nil if it is no indicator.
func (c *Correlate) sli(ord uint32) *sli {
	for int(ord) >= len(c.bySeries) {
		var kept *sli
		if series := c.table.At(uint32(len(c.bySeries))); series.Metric == pipeline.SLIMetric {
			s, slo := c.system(series.System), series.Labels.Get("slo")
			if s.SLIs[slo] == nil {
				s.SLIs[slo] = &sli{System: series.System, Entity: series.Entity}
			}
			kept = s.SLIs[slo]
		}
		c.bySeries = append(c.bySeries, kept)
	}
	return c.bySeries[ord]
}

func (c *Correlate) event(e *schemas.Event) {
	switch e.Type {
	case schemas.TypeFinding:
		var f schemas.Finding
		if err := e.Into(&f); err != nil || f.Finding == "" {
			c.env.Lose(lostUnreadable, 1)
			return
		}
		s := c.system(e.System)
		room, err := s.learn(&c.options, e, &f)
		switch {
		case err != nil:
			c.env.Lose(lostUnreadable, 1)
		case !room:
			c.env.Lose(lostLimit, 1)
		default:
			c.wake(s, e.Time)
		}
	case schemas.TypeTopology:
		var t schemas.Topology
		if err := e.Into(&t); err != nil || t.Edges == nil { // what says nothing does not wipe out what is known
			c.env.Lose(lostUnreadable, 1)
			return
		}
		s := c.system(e.System)
		s.Edges, s.Known = t.Edges, true
		s.graph = newGraph(s.Edges)
	case schemas.TypeChange:
		var ch schemas.Change
		if err := e.Into(&ch); err != nil {
			c.env.Lose(lostUnreadable, 1)
			return
		}
		s := c.system(e.System)
		if len(s.Changes) >= c.maxFindings {
			c.env.Lose(lostLimit, 1)
			return
		}
		s.Changes = append(s.Changes, change{ch.Kind, ch.Entities, e.Time})
	}
}
