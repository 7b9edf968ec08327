package window

import (
	"io"

	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// The tables of a snapshot, in their order: the lane; its series, row by ordinal, each counter with its last point; what series
// have behind them, of windows that are cut by what is in them; the windows of a time, from the oldest; and by window and
// series what is in them: values, rows as they came, sums that need more room, and the points from which counters count. A
// window is named by its start, one that is cut by what is in it by 0.
var (
	laneTable = state.Table{Name: "lane", Version: 1, Fields: []state.Field{
		{Name: "cut", Type: state.Ints}, {Name: "closed", Type: state.Int64}, {Name: "timely", Type: state.Bool},
		{Name: "last", Type: state.Int64}, {Name: "forgotten", Type: state.Int64},
	}}
	seriesTable = state.Table{Name: "series", Version: 1, BySeries: true, Fields: []state.Field{
		{Name: "type", Type: state.Uint16}, {Name: "known", Type: state.Bool}, {Name: "fixed", Type: state.Bool},
		{Name: "start", Type: state.Int64}, {Name: "value", Type: state.Float64},
	}}
	trackTable = state.Table{Name: "tracks", Version: 1, Fields: []state.Field{
		{Name: "series", Type: state.Uint32, Role: state.Ordinal}, {Name: "start", Type: state.Int64}, {Name: "until", Type: state.Int64}, {Name: "begun", Type: state.Bool},
	}}
	windowTable = state.Table{Name: "windows", Version: 1, Fields: []state.Field{
		{Name: "window", Type: state.Int64}, {Name: "past", Type: state.Bool}, {Name: "settled", Type: state.Bool}, {Name: "dirty", Type: state.Bool},
		{Name: "revision", Type: state.Int64},
	}}
	cellTable = state.Table{Name: "cells", Version: 1, Fields: []state.Field{
		{Name: "window", Type: state.Int64}, {Name: "series", Type: state.Uint32, Role: state.Ordinal}, {Name: "count", Type: state.Int64},
		{Name: "sum", Type: state.Float64}, {Name: "rest", Type: state.Float64}, {Name: "min", Type: state.Float64}, {Name: "max", Type: state.Float64},
		{Name: "last", Type: state.Float64}, {Name: "time", Type: state.Int64},
	}}
	rowTable = state.Table{Name: "rows", Version: 1, Fields: []state.Field{
		{Name: "window", Type: state.Int64}, {Name: "series", Type: state.Uint32, Role: state.Ordinal}, {Name: "time", Type: state.Int64},
		{Name: "start", Type: state.Int64}, {Name: "value", Type: state.Float64},
	}}
	sumTable = state.Table{Name: "sums", Version: 1, Fields: []state.Field{
		{Name: "window", Type: state.Int64}, {Name: "series", Type: state.Uint32, Role: state.Ordinal}, {Name: "pending", Type: state.Int64}, {Name: "chunks", Type: state.Ints},
	}}
	markTable = state.Table{Name: "marks", Version: 1, Fields: []state.Field{
		{Name: "window", Type: state.Int64}, {Name: "series", Type: state.Uint32, Role: state.Ordinal}, {Name: "known", Type: state.Bool}, {Name: "fixed", Type: state.Bool},
		{Name: "start", Type: state.Int64}, {Name: "value", Type: state.Float64},
	}}
)

// times are what the lane knows of its windows.
type times struct {
	closed          int64
	timely          bool
	last, forgotten int64
}

// frozen is the state as it was when it was frozen. Any goroutine may write it.
type frozen struct {
	cut    []int64
	lane   times
	types  []pipeline.SeriesType
	rows   *state.FrozenSparse[row]
	wides  []*wide
	marks  *state.FrozenSparse[mark]  // of panes
	panes  []frozenPane               // in order of time
	tracks *state.FrozenSparse[track] // of a sequence
}

type frozenPane struct {
	start, revision      int64
	past, settled, dirty bool
	cells                *state.FrozenSparse[cell]
	marks                *state.FrozenSparse[mark]
}

// cut is what must be the same for what is open to be cut the same way.
func (o *Window) cut() []int64 {
	reopen := int64(0)
	if o.env != nil {
		reopen = o.env.Reopen
	}
	return []int64{int64(o.kind), o.size, o.every, o.gap, o.max, o.rows, reopen}
}

// Snapshot implements pipeline.Snapshotter.
func (o *Window) Snapshot() (pipeline.Frozen, error) {
	f := &frozen{
		cut: o.cut(), lane: times{closed: o.closed, timely: o.timely}, types: o.types[:len(o.types):len(o.types)],
		rows: o.pool.rows.Freeze(), wides: o.wides.freeze(),
	}
	o.cutter.freeze(f)
	return state.Frozen(name, f.write, f.release), nil
}

func (o *panes) freeze(f *frozen) {
	f.lane.last, f.lane.forgotten = o.last, o.forgotten
	f.marks = o.marks.Freeze()
	for i, list := range [...][]*pane{o.past, o.open} {
		for _, w := range list {
			f.panes = append(f.panes, frozenPane{w.start, w.revision, i == 0, w.settled, w.dirty, w.cells.Freeze(), w.marks.Freeze()})
		}
	}
}

func (o *sequence) freeze(f *frozen) { f.tracks = o.tracks.Freeze() }

func (f *frozen) release() {
	f.rows.Release()
	if f.tracks != nil {
		f.tracks.Release()
	}
	if f.marks != nil {
		f.marks.Release()
	}
	for i := range f.panes {
		f.panes[i].cells.Release()
		f.panes[i].marks.Release()
	}
}

// table is a table that is written if it has a row: most are empty most of the time, and an empty one takes half a kilobyte.
type table struct {
	in  *state.Writer
	as  state.Table
	out *state.TableWriter
}

// row begins a row.
func (t *table) row() *state.TableWriter {
	if t.out == nil {
		t.out = t.in.Table(t.as)
	}
	return t.out
}

// write writes the tables.
func (f *frozen) write(w *state.Writer) {
	w.Table(laneTable).Ints(f.cut).Int64(f.lane.closed).Bool(f.lane.timely).Int64(f.lane.last).Int64(f.lane.forgotten)
	series := w.Table(seriesTable)
	for i, typ := range f.types {
		m := f.mark(uint32(i))
		series.Uint16(uint16(typ)).Bool(m.known).Bool(m.fixed).Int64(m.start).Float64(m.value)
	}
	tracks := table{in: w, as: trackTable}
	eachOf(f.tracks, func(s uint32, x *track) {
		if x.begun || x.start != 0 || x.until != 0 {
			tracks.row().Uint32(s).Int64(x.start).Int64(x.until).Bool(x.begun)
		}
	})
	windows := table{in: w, as: windowTable}
	for i := range f.panes {
		p := &f.panes[i]
		windows.row().Int64(p.start).Bool(p.past).Bool(p.settled).Bool(p.dirty).Int64(p.revision)
	}
	f.writeCells(w)
	marks := table{in: w, as: markTable}
	for i := range f.panes {
		eachOf(f.panes[i].marks, func(s uint32, m *mark) {
			if *m != (mark{}) {
				marks.row().Int64(f.panes[i].start).Uint32(s).Bool(m.known).Bool(m.fixed).Int64(m.start).Float64(m.value)
			}
		})
	}
}

// mark returns the last point of a counter.
func (f *frozen) mark(s uint32) mark {
	if f.tracks != nil {
		return f.tracks.At(s).mark
	}
	return f.marks.At(s)
}

// writeCells writes what is in windows, and the rows that wait for one.
func (f *frozen) writeCells(w *state.Writer) {
	cells := table{in: w, as: cellTable}
	f.each(func(window int64, s uint32, c *cell) {
		if c.count == 0 {
			return
		}
		rest := c.rest
		if c.isWide() {
			rest = 0
		}
		cells.row().Int64(window).Uint32(s).Int64(c.count).Float64(c.sum).Float64(rest).Float64(c.min).Float64(c.max).Float64(c.last).Int64(c.lastTime)
	})
	rows := table{in: w, as: rowTable}
	var chain []uint32
	f.each(func(window int64, s uint32, c *cell) {
		chain = chain[:0]
		for i := c.rows; i != 0; i = f.rows.At(i - 1).next {
			chain = append(chain, i)
		}
		for n := len(chain) - 1; n >= 0; n-- { // as they came
			r := f.rows.At(chain[n] - 1)
			rows.row().Int64(window).Uint32(s).Int64(r.time).Int64(r.start).Float64(r.value)
		}
	})
	sums := table{in: w, as: sumTable}
	f.each(func(window int64, s uint32, c *cell) {
		if c.count > 0 && c.isWide() {
			sum := f.wides[uint32(c.rest)]
			sums.row().Int64(window).Uint32(s).Int64(sum.pending).Ints(sum.chunk[:])
		}
	})
}

// each visits the cells with rows, in order of window and series.
func (f *frozen) each(visit func(window int64, series uint32, c *cell)) {
	for i := range f.panes {
		eachOf(f.panes[i].cells, func(s uint32, c *cell) {
			if c.count > 0 {
				visit(f.panes[i].start, s, c)
			}
		})
	}
	eachOf(f.tracks, func(s uint32, x *track) {
		if x.cell.count > 0 || x.cell.rows != 0 {
			visit(0, s, &x.cell)
		}
	})
}

// eachOf visits the values whose pages exist; there may be none at all.
func eachOf[T any](f *state.FrozenSparse[T], visit func(uint32, *T)) {
	if f == nil {
		return
	}
	for k := range f.Pages() {
		page := f.Page(k)
		for i := range page {
			visit(uint32(k*state.SparseRows+i), &page[i])
		}
	}
}

// Restore implements pipeline.Snapshotter. The lane's table of series has been restored before.
func (o *Window) Restore(r io.Reader) error {
	s := state.NewReader(r, name)
	var lane times
	for t := s.Table(laneTable); t.Next(); {
		cut, want := t.Ints("cut"), o.cut()
		if len(cut) != len(want) {
			s.Fail("says nothing of its windows")
			break
		}
		for i := range cut {
			if cut[i] != want[i] {
				return pipeline.Errorf("window.snapshot.size", "snapshot of window was taken with other settings, or another late policy, than the configuration's (windows that are %s): what is open can't be cut anew; start without snapshots, or go back to the old ones", o.what())
			}
		}
		lane = times{t.Int64("closed"), t.Bool("timely"), t.Int64("last"), t.Int64("forgotten")}
	}
	o.closed, o.timely = lane.closed, lane.timely
	o.cutter.load(s, lane)
	o.loadCells(s)
	return s.Close()
}
