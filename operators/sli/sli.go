package sli

import (
	"cmp"
	"math"
	"slices"

	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/homeostat/homeostat/operators/gather"
	"github.com/homeostat/homeostat/pipeline"
)

const (
	name    = "sli"
	version = 2
)

// Spec describes the operator.
func Spec() pipeline.Spec {
	return pipeline.Spec{
		Name: name, Version: version, Stage: pipeline.Detect,
		Doc:      "Derives the indicator of each service-level objective in each system, window by window.",
		Consumes: []pipeline.Kind{pipeline.Windows}, Emits: []pipeline.Kind{pipeline.Windows},
		Accepts: pipeline.Accepts{Revised: true},
	}
}

// Register adds the operator to the registry.
func Register(r *pipeline.Registry) { r.AddOperator(Spec(), New) }

// SLI is the operator. Its state is one window's sums for each objective and system.
type SLI struct {
	env        *pipeline.Env
	table      *pipeline.SeriesTable
	indicators []*indicator // in order of objective and system
	roles      [][]role     // by ordinal: what a series is to which indicators

	window gather.Window
	rows   []gather.Row
}

// indicator is one objective in one system.
type indicator struct {
	objective int // of the configuration's
	system    string
	series    int64 // ordinal of the derived series; unknown before the first window with events
	sums
}

// sums is what a window has of an indicator.
type sums struct {
	total, good, bad gather.Sum
	// first is the ordinal of the series with the least key among those that make up the total, while the derived series is
	// unknown and takes its scope from there.
	first int64
}

const unknown = -1

type role struct {
	indicator *indicator
	part      part
}

type part uint8

const (
	total part = iota
	good
	bad
	threshold
)

// New makes the operator.
func New(pipeline.Settings) (pipeline.Operator, error) { return &SLI{}, nil }

// Open implements pipeline.Operator.
func (o *SLI) Open(env *pipeline.Env) error {
	o.env, o.table = env, env.Series
	return nil
}

// Close implements pipeline.Operator.
func (o *SLI) Close() error { return nil }

// Process implements pipeline.Operator.
func (o *SLI) Process(b pipeline.Batch, out pipeline.Emitter) error {
	if b.Kind != pipeline.Windows || b.Rows() == 0 {
		return nil
	}
	o.learnRoles()
	return o.window.Process(b, o, o.env, out)
}

// Watermark implements pipeline.Watermarker.
func (o *SLI) Watermark(t int64, out pipeline.Emitter) error { return o.window.Watermark(t, o, out) }

// Counts implements gather.Parts.
func (o *SLI) Counts(series uint32) bool { return len(o.roles[series]) > 0 }

// Add implements gather.Parts: it takes the rows of a batch into the sums of the objectives.
func (o *SLI) Add(b pipeline.Batch) {
	counts := b.Record.Column(pipeline.WindowCount).(*array.Int64).Int64Values()
	sums := b.Record.Column(pipeline.WindowSum).(*array.Float64).Float64Values()
	for i, s := range b.Record.Column(pipeline.WindowSeries).(*array.Uint32).Uint32Values() {
		for _, r := range o.roles[s] {
			o.add(r, s, counts[i], sums[i])
		}
	}
}

// Aside implements gather.Parts.
func (o *SLI) Aside() (back func()) {
	waiting := make([]sums, len(o.indicators))
	for i, j := range o.indicators {
		waiting[i], j.sums = j.sums, sums{first: unknown}
	}
	return func() {
		for i, j := range o.indicators {
			j.sums = waiting[i]
		}
	}
}

// learnRoles finds out what new series are to the objectives, in their own system.
func (o *SLI) learnRoles() {
	for n := len(o.roles); n < o.table.Len(); n++ {
		s := o.table.At(uint32(n))
		var roles []role
		for i := range o.env.SLOs {
			slo := &o.env.SLOs[i]
			if !slo.Counts(s) {
				continue
			}
			j := o.indicator(i, s.System)
			for p, sel := range [...]pipeline.Selector{total: slo.Total, good: slo.Good, bad: slo.Bad} {
				if sel.Chooses(s) {
					roles = append(roles, role{j, part(p)})
				}
			}
			if t := slo.Threshold; t != nil && t.Selector.Chooses(s) {
				roles = append(roles, role{j, threshold})
			}
		}
		o.roles = append(o.roles, roles)
	}
}

// indicator returns that of an objective in a system, new if there is none.
func (o *SLI) indicator(objective int, system string) *indicator {
	i, found := slices.BinarySearchFunc(o.indicators, system, func(j *indicator, system string) int {
		return cmp.Or(cmp.Compare(j.objective, objective), cmp.Compare(j.system, system))
	})
	if !found {
		o.indicators = slices.Insert(o.indicators, i, &indicator{objective: objective, system: system, series: unknown, sums: sums{first: unknown}})
	}
	return o.indicators[i]
}

// add takes one row into the sums of an indicator.
func (o *SLI) add(r role, s uint32, count int64, sum float64) {
	series := o.table.At(s)
	v := value(series.Type, count, sum)
	if v-v != 0 {
		return
	}
	j := r.indicator
	if j.series == unknown && (r.part == total || r.part == threshold) && (j.first == unknown || pipeline.CompareKeys(series, o.table.At(uint32(j.first))) < 0) {
		j.first = int64(s)
	}
	switch r.part {
	case total:
		j.total.Add(v)
	case good:
		if series.Type == pipeline.Stream {
			v -= sum
		}
		j.good.Add(v)
	case bad:
		if series.Type == pipeline.Stream {
			v = sum
		}
		j.bad.Add(v)
	case threshold:
		j.total.Add(1)
		t := o.env.SLOs[j.objective].Threshold
		if t.Below != nil && v >= *t.Below || t.Above != nil && v <= *t.Above {
			j.bad.Add(1)
		}
	}
}

// value is pipeline.Window.Value for one row.
func value(t pipeline.SeriesType, count int64, sum float64) float64 {
	switch {
	case t == pipeline.Stream:
		return float64(count)
	case t == pipeline.Gauge && count > 0:
		return sum / float64(count)
	}
	return sum
}

// derive interns the indicator's series, with the scope of one of those that it is made of.
func (o *SLI) derive(j *indicator, scope pipeline.Scope) {
	slo := &o.env.SLOs[j.objective]
	if e := slo.Entity; e != "" && e != scope.Entity {
		scope.Entity, scope.Domain = e, e
	}
	ord, err := o.table.InternScoped(pipeline.SLIMetric, "", pipeline.Delta, slo.IndicatorLabels(j.system), scope)
	if err != nil {
		o.env.Logger.Error("an objective cannot be watched", "slo", slo.Name, "system", j.system, "error", err)
		return
	}
	j.series = int64(ord)
}

// Emit implements gather.Parts: it emits what the sums say and makes them zero.
func (o *SLI) Emit(of gather.Span, revision int64, out pipeline.Emitter) error {
	o.rows = o.rows[:0]
	for _, j := range o.indicators {
		first := j.first
		events, bads := j.events(!o.env.SLOs[j.objective].Good.Empty())
		j.empty()
		if events == 0 {
			continue
		}
		if j.series == unknown && first != unknown {
			o.derive(j, *o.table.At(uint32(first)).Scope)
		}
		if j.series == unknown {
			o.env.Lose("series_limit", 1)
			continue
		}
		share := bads / float64(events)
		o.rows = append(o.rows, gather.Row{Series: uint32(j.series), Count: events, Sum: bads, Min: share, Max: share, Last: share})
	}
	return gather.Emit(o.env, of, revision, o.rows, out)
}

// events returns the number of events and of bad ones. A total that is no whole number (of gauges) is rounded, up to
// one at least, and the bad ones with it. With goodCounts the bad ones are those that are not good.
func (j *sums) events(goodCounts bool) (int64, float64) {
	total, bads := j.total.Value(), j.bad.Value()
	if goodCounts {
		bads = total - j.good.Value()
	}
	if !(total > 0) || total > 1<<53 {
		return 0, 0
	}
	bads = min(max(0, bads), total)
	n := max(1, math.Round(total))
	if n != total {
		bads = bads / total * n
	}
	return int64(n), bads
}

// empty makes the sums zero; they keep their memory.
func (j *sums) empty() {
	for _, s := range []*gather.Sum{&j.total, &j.good, &j.bad} {
		s.Empty()
	}
	j.first = unknown
}
