package sli

import (
	"io"
	"slices"

	"github.com/homeostat/homeostat/operators/gather"
	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// indicatorTable is of the indicators.
var indicatorTable = state.Table{Name: "objectives", Version: perSystem, Fields: []state.Field{
	{Name: "slo", Type: state.Text}, {Name: "series", Type: state.Int64, Role: state.Ordinal},
	{Name: "total", Type: state.Float64}, {Name: "good", Type: state.Float64}, {Name: "bad", Type: state.Float64},
	// What rounding would have taken away from each sum, since version 2.
	{Name: "total_rest", Type: state.Floats}, {Name: "good_rest", Type: state.Floats}, {Name: "bad_rest", Type: state.Floats},
	// Since version 3, which has a row an objective and system. Before there was one an objective, over all systems of the lane.
	{Name: "system", Type: state.Text}, {Name: "first", Type: state.Int64, Default: int64(unknown), Role: state.Ordinal},
}}

const perSystem = 3

// Hold implements pipeline.Holder: the window that is being added up has to be told.
func (o *SLI) Hold(hold func(uint32)) {
	for _, j := range o.indicators {
		if j.first == unknown {
			continue
		}
		hold(uint32(j.first))
		if j.series != unknown {
			hold(uint32(j.series))
		}
	}
}

// Snapshot implements pipeline.Snapshotter.
func (o *SLI) Snapshot() (pipeline.Frozen, error) {
	return state.Encoded(name, func(w *state.Writer) {
		o.window.Write(w)
		t := w.Table(indicatorTable)
		for _, j := range o.indicators {
			total, totalRest := j.total.Split()
			good, goodRest := j.good.Split()
			bad, badRest := j.bad.Split()
			t.Text(o.env.SLOs[j.objective].Name).Int64(j.series).Float64(total).Float64(good).Float64(bad).
				Floats(totalRest).Floats(goodRest).Floats(badRest).Text(j.system).Int64(j.first)
		}
	})
}

// Restore implements pipeline.Snapshotter. Objectives that are new begin empty, those that went are forgotten.
func (o *SLI) Restore(r io.Reader) error {
	s := state.NewReader(r, name)
	o.window.Read(s)
	mixed := false
	for t := s.Table(indicatorTable); t.Next(); {
		slo, series, first := t.Text("slo"), t.Int64("series"), t.Int64("first")
		if min(series, first) < unknown || max(series, first) >= int64(o.table.Len()) {
			s.Fail("has a series that can't be")
			break
		}
		i := slices.IndexFunc(o.env.SLOs, func(of pipeline.SLO) bool { return of.Name == slo })
		if i < 0 {
			continue
		}
		read := sums{gather.Joined(t.Float64("total"), t.Floats("total_rest")), gather.Joined(t.Float64("good"), t.Floats("good_rest")), gather.Joined(t.Float64("bad"), t.Floats("bad_rest")), first}
		if t.Version() < perSystem {
			mixed = !o.takeOver(i, series, read) || mixed
			continue
		}
		j := o.indicator(i, t.Text("system"))
		j.series, j.sums = series, read
	}
	if err := s.Close(); err != nil {
		return err
	}
	if mixed {
		o.giveUpWindow()
	}
	return nil
}

// takeOver takes the one sum that older snapshots have of an objective for that of its system. It returns false if the lane has
// series of several systems for it: what each of them added nobody knows any more, and they begin anew.
func (o *SLI) takeOver(objective int, series int64, read sums) bool {
	systems := o.env.SLOs[objective].Systems(o.table)
	if len(systems) > 1 {
		return false
	}
	if len(systems) == 1 {
		j := o.indicator(objective, systems[0])
		if j.sums = read; series != unknown {
			o.derive(j, *o.table.At(uint32(series)).Scope)
		}
	}
	return true
}

// giveUpWindow leaves the window out that was being added up: half of it would be a wrong indicator, none is no statement. What
// still comes of it is lost as late.
func (o *SLI) giveUpWindow() {
	of, pending := o.window.Skip()
	if !pending {
		return
	}
	for _, j := range o.indicators {
		j.empty()
	}
	o.env.Logger.Warn("a window has no indicators: the snapshot is of a program that added up all systems in one sum", "end", of.End)
}
