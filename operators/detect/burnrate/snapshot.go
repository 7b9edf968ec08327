package burnrate

import (
	"io"
	"maps"
	"slices"

	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// The tables of a snapshot, besides those of package alarm: of the lane, of the objectives' series, and of their past.
var (
	laneTable = state.Table{Name: "lane", Version: 1, Fields: []state.Field{{Name: "series", Type: state.Int64, Role: state.Count}}}
	// indicatorTable has events as total and bad in millionths before version 3.
	indicatorTable = state.Table{Name: "indicators", Version: version, Fields: []state.Field{
		{Name: "series", Type: state.Uint32, Role: state.Ordinal}, {Name: "slo", Type: state.Text}, {Name: "begun", Type: state.Int64},
		{Name: "start", Type: state.Ints}, {Name: "end", Type: state.Ints}, {Name: "events", Type: state.Floats}, {Name: "bads", Type: state.Floats},
	}}
)

// perSystem is the version from which on a row is of an objective in one system. Before, it was of an objective over all systems of
// the lane, and its series did not name the system.
const perSystem = 2

// Hold implements pipeline.Holder: rules look back for longer than a series may be silent.
func (d *Detector) Hold(hold func(uint32)) {
	for i, x := range d.indicator {
		if x != nil && len(x.past) > x.first {
			hold(uint32(i))
		}
	}
	d.alarm.Hold(hold)
}

// Snapshot implements pipeline.Snapshotter. Indicators are few and are written into memory, the rest is frozen.
func (d *Detector) Snapshot() (pipeline.Frozen, error) {
	kept := make([]keptIndicator, 0, len(d.slos))
	for i, x := range d.indicator {
		if x != nil {
			kept = append(kept, keptIndicator{uint32(i), x.slo.Name, x.begun, slices.Clone(x.past[x.first:])})
		}
	}
	series, alarms := len(d.indicator), d.alarm.Freeze()
	return state.Frozen(name, func(w *state.Writer) {
		w.Table(laneTable).Int64(int64(series))
		t := w.Table(indicatorTable)
		for i := range kept {
			kept[i].write(t)
		}
		alarms.Write(w)
	}, alarms.Release), nil
}

// Restore implements pipeline.Snapshotter. Sums are taken anew, so that rules may have changed; an objective that
// went is forgotten.
func (d *Detector) Restore(r io.Reader) error {
	s := state.NewReader(r, name)
	n := int64(-1)
	for t := s.Table(laneTable); t.Next(); {
		n = t.Int64("series")
	}
	restored, old := map[uint32]*indicator{}, false
	for t := s.Table(indicatorTable); t.Next(); {
		series := t.Uint32("series")
		old = t.Version() < perSystem
		if int64(series) >= min(n, int64(d.table.Len())) || restored[series] != nil {
			s.Fail("has an unknown series")
			break
		}
		if x := d.indicatorNamed(t.Text("slo")); x != nil {
			if !x.read(t) {
				s.Fail("has windows that can't be")
				break
			}
			restored[series] = x
		}
	}
	if got := d.alarm.Load(s); int64(got) != n {
		s.Fail("has columns of different length")
	}
	if err := s.Close(); err != nil {
		return err
	}
	d.indicator = make([]*indicator, n)
	if old {
		d.takeOver(restored)
		return nil
	}
	for series, x := range restored {
		d.indicator[series] = x
	}
	return nil
}

// takeOver gives the past of older snapshots to the series that name their system. Where the lane has series of several systems for an
// objective nobody knows any more what was whose, and each system begins anew. Open findings stay with the series that they were
// found on, which has no windows any more: they close as those of any series that is gone, and what still burns is found again.
func (d *Detector) takeOver(past map[uint32]*indicator) {
	moved := map[uint32]*indicator{}
	for _, series := range slices.Sorted(maps.Keys(past)) {
		x, s := past[series], d.table.At(series)
		if len(x.slo.Systems(d.table)) > 1 || s.Metric != pipeline.SLIMetric {
			continue
		}
		// It fails when the table is full: then the objective has no series, which operator sli says.
		if now, err := d.table.InternScoped(s.Metric, s.Unit, s.Type, x.slo.IndicatorLabels(s.System), *s.Scope); err == nil {
			moved[now] = x
		}
	}
	d.grow(d.table)
	for series, x := range moved {
		d.indicator[series] = x
	}
}
