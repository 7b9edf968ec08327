package mixture

import (
	"io"

	"github.com/homeostat/homeostat/operators/gather"
	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// The tables of a snapshot, besides those of packages alarm and baseline.
var (
	// laneTable has no over in version 1, which judged a window when the next one came.
	laneTable = state.Table{Name: "lane", Version: 2, Fields: []state.Field{
		{Name: "start", Type: state.Int64}, {Name: "end", Type: state.Int64}, {Name: "any", Type: state.Bool}, {Name: "over", Type: state.Bool},
	}}
	seriesTable = state.Table{Name: "series", Version: 1, BySeries: true, Fields: []state.Field{
		{Name: "usual", Type: state.Float64}, {Name: "count", Type: state.Float64}, {Name: "last", Type: state.Int64},
	}}
)

// Snapshot implements pipeline.Snapshotter.
func (d *Detector) Snapshot() (pipeline.Frozen, error) {
	window := d.window
	series, alarms, past := d.series.Freeze(), d.alarm.Freeze(), d.past.Freeze()
	return state.Frozen(name, func(w *state.Writer) {
		w.Table(laneTable).Int64(window.Start).Int64(window.End).Bool(window.Any).Bool(window.Over)
		t := w.Table(seriesTable)
		for i := range uint32(series.Len()) {
			c := series.At(i)
			t.Float64(c.usual).Float64(c.count).Int64(c.last)
		}
		alarms.Write(w)
		past.Write(w, "past")
	}, series.Release, alarms.Release, past.Release), nil
}

// Restore implements pipeline.Snapshotter.
func (d *Detector) Restore(r io.Reader) error {
	s := state.NewReader(r, name)
	for t := s.Table(laneTable); t.Next(); {
		d.window = gather.Whole{Span: gather.Span{Start: t.Int64("start"), End: t.Int64("end")}, Any: t.Bool("any"), Over: t.Bool("over")}
	}
	for t := s.Table(seriesTable); t.Next(); {
		d.series.Append(kept{t.Float64("usual"), t.Float64("count"), t.Int64("last")})
	}
	if a, b := d.alarm.Load(s), d.past.Load(s, "past"); a != d.series.Len() || b != d.series.Len() || a > d.table.Len() {
		s.Fail("has columns of different length, or of more series than there are")
		return s.Close()
	}
	d.grow(d.table)
	return s.Close()
}
