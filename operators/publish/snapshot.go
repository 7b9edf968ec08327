package publish

import (
	"fmt"
	"io"
	"slices"

	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// The tables of a snapshot: of the lane's window, of the systems in the order in which they were seen, and of the rows
// that wait.
var (
	windowTable = state.Table{Name: "window", Version: 1, Fields: []state.Field{
		{Name: "start", Type: state.Int64}, {Name: "end", Type: state.Int64}, {Name: "done", Type: state.Int64},
	}}
	systemTable = state.Table{Name: "systems", Version: 1, Fields: []state.Field{{Name: "name", Type: state.Text}}}
	rowTable    = state.Table{Name: "rows", Version: 1, Fields: []state.Field{
		{Name: "system", Type: state.Uint32}, {Name: "series", Type: state.Uint32}, {Name: "count", Type: state.Int64},
		{Name: "sum", Type: state.Float64}, {Name: "min", Type: state.Float64}, {Name: "max", Type: state.Float64}, {Name: "last", Type: state.Float64},
	}}
)

// Snapshot implements pipeline.Snapshotter. Rows are copied, not written: a window may have many.
func (p *Publisher) Snapshot() (pipeline.Frozen, error) {
	start, end, done := p.start, p.end, p.done
	systems := slices.Clone(p.systems)
	for i := range systems {
		systems[i].rows = slices.Clone(systems[i].rows)
	}
	return state.Frozen(name, func(w *state.Writer) {
		w.Table(windowTable).Int64(start).Int64(end).Int64(done)
		names := w.Table(systemTable)
		for i := range systems {
			names.Text(systems[i].name)
		}
		rows := w.Table(rowTable)
		for i := range systems {
			for _, r := range systems[i].rows {
				rows.Uint32(uint32(i)).Uint32(r.series).Int64(r.count).Float64(r.sum).Float64(r.min).Float64(r.max).Float64(r.last)
			}
		}
	}), nil
}

// Restore implements pipeline.Snapshotter.
func (p *Publisher) Restore(r io.Reader) error {
	s := state.NewReader(r, name)
	for t := s.Table(windowTable); t.Next(); {
		p.start, p.end, p.done = t.Int64("start"), t.Int64("end"), t.Int64("done")
	}
	for t := s.Table(systemTable); t.Next(); {
		p.systems = append(p.systems, system{name: t.Text("name")})
	}
	for t := s.Table(rowTable); t.Next(); {
		at, series := t.Uint32("system"), t.Uint32("series")
		if int64(at) >= int64(len(p.systems)) || int64(series) >= int64(p.table.Len()) {
			s.Fail(fmt.Sprintf("has series %d or system %d, which the lane does not", series, at))
			break
		}
		rows := &p.systems[at].rows
		*rows = append(*rows, row{series, t.Int64("count"), t.Float64("sum"), t.Float64("min"), t.Float64("max"), t.Float64("last")})
	}
	return s.Close()
}
