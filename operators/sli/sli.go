package sli

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

const (
	name    = "sli"
	version = 1
)

// Spec describes the operator.
func Spec() pipeline.Spec {
	return pipeline.Spec{
		Name: name, Version: version, Stage: pipeline.Detect,
		Doc:      "Derives the indicator of each service-level objective, window by window.",
		Consumes: []pipeline.Kind{pipeline.Windows}, Emits: []pipeline.Kind{pipeline.Windows},
		Accepts: pipeline.Accepts{Revised: true},
	}
}

// Register adds the operator to the registry.
func Register(r *pipeline.Registry) { r.AddOperator(Spec(), New) }

// SLI is the operator. Its state is one window's sums for each objective.
type SLI struct {
	env       *pipeline.Env
	table     *pipeline.SeriesTable
	objective []objective
	roles     [][]role // by ordinal: what a series is to which objectives

	start, end int64 // of the window that is being added up
	pending    bool
	done       int64 // end of the last window that was emitted
	any        bool  // whether there was one
}

type objective struct {
	slo    *pipeline.SLO
	series int64 // ordinal of the derived series; unknown before the first match

	total, good, bad exact
}

const unknown = -1

type role struct {
	objective int
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
	o.objective = make([]objective, len(env.SLOs))
	for i := range env.SLOs {
		o.objective[i] = objective{slo: &env.SLOs[i], series: unknown}
	}
	return nil
}

// Close implements pipeline.Operator.
func (o *SLI) Close() error { return nil }

// Describe implements pipeline.Describer.
func (o *SLI) Describe() string {
	names := make([]string, len(o.objective))
	for i := range o.objective {
		names[i] = o.objective[i].slo.Name
	}
	return fmt.Sprintf("the objectives %s", strings.Join(names, ", "))
}

// Process implements pipeline.Operator.
func (o *SLI) Process(b pipeline.Batch, out pipeline.Emitter) error {
	if b.Kind != pipeline.Windows || b.Rows() == 0 {
		return nil
	}
	o.learnRoles()
	if b.Revision > 0 {
		return o.revise(b, out)
	}
	series := b.Record.Column(pipeline.WindowSeries).(*array.Uint32).Uint32Values()
	start := b.Record.Column(pipeline.WindowStart).(*array.Int64).Value(0)
	end := b.Record.Column(pipeline.WindowEnd).(*array.Int64).Value(0)
	if o.any && end <= o.done || o.pending && end < o.end {
		o.lose(series)
		return nil
	}
	if o.pending && end > o.end {
		if err := o.emit(out); err != nil {
			return err
		}
	}
	o.start, o.end, o.pending = start, end, true
	o.addUp(b)
	return nil
}

// addUp takes the rows of a batch into the sums of the objectives.
func (o *SLI) addUp(b pipeline.Batch) {
	counts := b.Record.Column(pipeline.WindowCount).(*array.Int64).Int64Values()
	sums := b.Record.Column(pipeline.WindowSum).(*array.Float64).Float64Values()
	for i, s := range b.Record.Column(pipeline.WindowSeries).(*array.Uint32).Uint32Values() {
		for _, r := range o.roles[s] {
			o.add(r, s, counts[i], sums[i])
		}
	}
}

// revise derives the indicators of a window that was opened again, of which the batch has all rows. The window that is being
// added up waits.
func (o *SLI) revise(b pipeline.Batch, out pipeline.Emitter) error {
	waiting := make([]objective, len(o.objective))
	for i := range o.objective {
		j := &o.objective[i]
		waiting[i] = *j
		j.total, j.good, j.bad = exact{}, exact{}, exact{}
	}
	o.addUp(b)
	start := b.Record.Column(pipeline.WindowStart).(*array.Int64).Value(0)
	end := b.Record.Column(pipeline.WindowEnd).(*array.Int64).Value(0)
	err := o.indicators(start, end, b.Revision, out)
	for i := range o.objective {
		j := &o.objective[i]
		j.total, j.good, j.bad = waiting[i].total, waiting[i].good, waiting[i].bad
	}
	return err
}

// lose counts the rows that would have mattered.
func (o *SLI) lose(series []uint32) {
	n := 0
	for _, s := range series {
		if len(o.roles[s]) > 0 {
			n++
		}
	}
	if n > 0 {
		o.env.Lose("late", n)
	}
}

// learnRoles finds out what new series are to the objectives.
func (o *SLI) learnRoles() {
	for n := len(o.roles); n < o.table.Len(); n++ {
		s := o.table.At(uint32(n))
		var roles []role
		for i := range o.objective {
			slo := o.objective[i].slo
			for p, sel := range [...]pipeline.Selector{total: slo.Total, good: slo.Good, bad: slo.Bad} {
				if s.Metric != pipeline.SLIMetric && chosen(sel, s) {
					roles = append(roles, role{i, part(p)})
				}
			}
			if s.Metric != pipeline.SLIMetric && slo.Threshold != nil && chosen(slo.Threshold.Selector, s) {
				roles = append(roles, role{i, threshold})
			}
		}
		o.roles = append(o.roles, roles)
	}
}

func chosen(sel pipeline.Selector, s *pipeline.Series) bool {
	return (sel.Metric != "" || len(sel.Labels) > 0) && sel.Match(s)
}

// add takes one row into the sums of an objective.
func (o *SLI) add(r role, s uint32, count int64, sum float64) {
	series := o.table.At(s)
	v := value(series.Type, count, sum)
	if v-v != 0 {
		return
	}
	j := &o.objective[r.objective]
	if j.series == unknown {
		o.derive(j, series)
	}
	switch r.part {
	case total:
		j.total.add(v)
	case good:
		if series.Type == pipeline.Stream {
			v -= sum
		}
		j.good.add(v)
	case bad:
		if series.Type == pipeline.Stream {
			v = sum
		}
		j.bad.add(v)
	case threshold:
		j.total.add(1)
		t := j.slo.Threshold
		if t.Below != nil && v >= *t.Below || t.Above != nil && v <= *t.Above {
			j.bad.add(1)
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

// derive interns the objective's series, with the scope of the first series chosen for it.
func (o *SLI) derive(j *objective, first *pipeline.Series) {
	scope := first.Scope
	if e := j.slo.Entity; e != "" && e != scope.Entity {
		scope.Entity, scope.Domain = e, e
	}
	ord, err := o.table.InternScoped(pipeline.SLIMetric, "", pipeline.Delta, pipeline.Labels{{Name: "slo", Value: j.slo.Name}}, scope)
	if err != nil {
		o.env.Logger.Error("an objective cannot be watched", "slo", j.slo.Name, "error", err)
		return
	}
	j.series = int64(ord)
}

// Watermark implements pipeline.Watermarker.
func (o *SLI) Watermark(t int64, out pipeline.Emitter) error {
	if !o.pending || o.end > t {
		return nil
	}
	return o.emit(out)
}

// emit gives out the indicators of the window and begins anew.
func (o *SLI) emit(out pipeline.Emitter) error {
	o.done, o.any, o.pending = o.end, true, false
	return o.indicators(o.start, o.end, 0, out)
}

// indicators emits what the sums say and makes them zero.
func (o *SLI) indicators(start, end, revision int64, out pipeline.Emitter) error {
	rb := array.NewRecordBuilder(o.env.Allocator, pipeline.Windows.Schema())
	defer rb.Release()
	rows := 0
	for i := range o.objective {
		j := &o.objective[i]
		events, bads := j.events()
		j.empty()
		if events == 0 {
			continue
		}
		if j.series == unknown {
			o.env.Lose("series_limit", 1)
			continue
		}
		rows++
		rb.Field(pipeline.WindowSeries).(*array.Uint32Builder).Append(uint32(j.series))
		for c, v := range []int64{start, end, events} {
			rb.Field(pipeline.WindowStart + c).(*array.Int64Builder).Append(v)
		}
		share := bads / float64(events)
		for c, v := range []float64{bads, share, share, share} {
			rb.Field(pipeline.WindowSum + c).(*array.Float64Builder).Append(v)
		}
	}
	if rows == 0 {
		return nil
	}
	return out.Emit(pipeline.Batch{Kind: pipeline.Windows, Record: rb.NewRecord(), Series: o.table, Revision: revision})
}

// events returns the number of events and of bad ones. A total that is no whole number (of gauges) is rounded, up to
// one at least, and the bad ones with it.
func (j *objective) events() (int64, float64) {
	total, bads := j.total.value(), j.bad.value()
	if j.slo.Good.Metric != "" || len(j.slo.Good.Labels) > 0 {
		bads = total - j.good.value()
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
func (j *objective) empty() {
	for _, s := range []*exact{&j.total, &j.good, &j.bad} {
		s.parts = s.parts[:0]
	}
}

// The tables of a snapshot: of the lane's window, and of the objectives.
var (
	windowTable = state.Table{Name: "window", Version: 1, Fields: []state.Field{
		{Name: "pending", Type: state.Bool}, {Name: "any", Type: state.Bool},
		{Name: "start", Type: state.Int64}, {Name: "end", Type: state.Int64}, {Name: "done", Type: state.Int64},
	}}
	objectiveTable = state.Table{Name: "objectives", Version: 2, Fields: []state.Field{
		{Name: "slo", Type: state.Text}, {Name: "series", Type: state.Int64, Role: state.Ordinal},
		{Name: "total", Type: state.Float64}, {Name: "good", Type: state.Float64}, {Name: "bad", Type: state.Float64},
		// What rounding would have taken away from each sum, since version 2.
		{Name: "total_rest", Type: state.Floats}, {Name: "good_rest", Type: state.Floats}, {Name: "bad_rest", Type: state.Floats},
	}}
)

// Snapshot implements pipeline.Snapshotter.
func (o *SLI) Snapshot() (pipeline.Frozen, error) {
	return state.Encoded(name, func(w *state.Writer) {
		w.Table(windowTable).Bool(o.pending).Bool(o.any).Int64(o.start).Int64(o.end).Int64(o.done)
		t := w.Table(objectiveTable)
		for i := range o.objective {
			j := &o.objective[i]
			total, totalRest := j.total.split()
			good, goodRest := j.good.split()
			bad, badRest := j.bad.split()
			t.Text(j.slo.Name).Int64(j.series).Float64(total).Float64(good).Float64(bad).Floats(totalRest).Floats(goodRest).Floats(badRest)
		}
	})
}

// Restore implements pipeline.Snapshotter. Objectives that are new begin empty, those that went are forgotten.
func (o *SLI) Restore(r io.Reader) error {
	s := state.NewReader(r, name)
	for t := s.Table(windowTable); t.Next(); {
		o.pending, o.any = t.Bool("pending"), t.Bool("any")
		o.start, o.end, o.done = t.Int64("start"), t.Int64("end"), t.Int64("done")
	}
	for t := s.Table(objectiveTable); t.Next(); {
		objective, series := t.Text("slo"), t.Int64("series")
		if series < unknown || series > math.MaxUint32 {
			s.Fail("has a series that can't be")
			break
		}
		for i := range o.objective {
			if j := &o.objective[i]; j.slo.Name == objective {
				j.series = series
				j.total, j.good, j.bad = joined(t.Float64("total"), t.Floats("total_rest")), joined(t.Float64("good"), t.Floats("good_rest")), joined(t.Float64("bad"), t.Floats("bad_rest"))
			}
		}
	}
	return s.Close()
}
