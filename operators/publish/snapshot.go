package publish

import (
	"fmt"
	"io"
	"slices"

	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// The tables of a snapshot: of the open window and the last one that went out, of the entities that have rows waiting,
// and of these rows.
var (
	windowTable = state.Table{Name: "windows", Version: 1, Fields: []state.Field{
		{Name: "there", Type: state.Bool}, {Name: "start", Type: state.Int64}, {Name: "end", Type: state.Int64}, {Name: "revision", Type: state.Int64},
	}}
	entityTable = state.Table{Name: "entities", Version: 1, Fields: []state.Field{{Name: "name", Type: state.Text}, {Name: "system", Type: state.Text}}}
	rowTable    = state.Table{Name: "rows", Version: 1, Fields: []state.Field{
		{Name: "entity", Type: state.Uint32}, {Name: "series", Type: state.Uint32, Role: state.Ordinal}, {Name: "count", Type: state.Int64},
		{Name: "sum", Type: state.Float64}, {Name: "min", Type: state.Float64}, {Name: "max", Type: state.Float64}, {Name: "last", Type: state.Float64},
	}}
)

// Snapshot implements pipeline.Snapshotter. Rows are copied, not written: a window may have many.
func (p *Publisher) Snapshot() (pipeline.Frozen, error) {
	open, anyOpen, done, sent := p.open, p.any, p.done, p.sent
	var entities []entity
	for _, e := range p.waiting() {
		entities = append(entities, entity{e.name, e.system, slices.Clone(e.rows)})
	}
	return state.Frozen(name, func(w *state.Writer) {
		w.Table(windowTable).Bool(anyOpen).Int64(open.start).Int64(open.end).Int64(open.revision).
			Bool(sent).Int64(done.start).Int64(done.end).Int64(done.revision)
		names := w.Table(entityTable)
		for i := range entities {
			names.Text(entities[i].name).Text(entities[i].system)
		}
		rows := w.Table(rowTable)
		for i := range entities {
			for _, r := range entities[i].rows {
				rows.Uint32(uint32(i)).Uint32(r.series).Int64(r.count).Float64(r.sum).Float64(r.min).Float64(r.max).Float64(r.last)
			}
		}
	}), nil
}

// Restore implements pipeline.Snapshotter.
func (p *Publisher) Restore(r io.Reader) error {
	s := state.NewReader(r, name)
	windows := 0
	for t := s.Table(windowTable); t.Next(); windows++ {
		w := window{t.Int64("start"), t.Int64("end"), t.Int64("revision")}
		if windows == 0 {
			p.open, p.any = w, t.Bool("there")
		} else {
			p.done, p.sent = w, t.Bool("there")
		}
	}
	for t := s.Table(entityTable); t.Next(); {
		p.add(pipeline.Scope{Entity: t.Text("name"), System: t.Text("system")})
	}
	for t := s.Table(rowTable); t.Next(); {
		at, series := t.Uint32("entity"), t.Uint32("series")
		if int64(at) >= int64(len(p.entities)) || int64(series) >= int64(p.table.Len()) {
			s.Fail(fmt.Sprintf("has series %d or entity %d, which the lane does not", series, at))
			break
		}
		rows := &p.entities[at].rows
		*rows = append(*rows, row{series, t.Int64("count"), t.Float64("sum"), t.Float64("min"), t.Float64("max"), t.Float64("last")})
	}
	return s.Close()
}
