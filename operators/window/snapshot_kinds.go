package window

import (
	state "github.com/homeostat/homeostat/operators/state/sequence"
	"github.com/homeostat/homeostat/pipeline"
)

// save implements cutter.
func (o *panes) save(s *writer) {
	saveMarks(s, o.marks[:len(o.types)])
	s.Int(o.last)
	s.Int(o.forgotten)
	for _, list := range [][]*pane{o.past, o.open} {
		s.Int(int64(len(list)))
		for _, w := range list {
			o.savePane(s, w)
		}
	}
}

func (o *panes) savePane(s *writer, w *pane) {
	s.Int(w.start)
	s.Int(w.revision)
	series := w.series()
	cells := gather(series, func(i uint32) *cell { return &w.cells[i] })
	marks := make([]mark, 0, len(series))
	var rows []row
	for _, i := range series {
		if int(i) < len(w.marks) {
			marks = append(marks, w.marks[i])
		}
		rows = o.pool.gather(rows, w.cells[i].rows)
	}
	state.Column(s, []bool{w.settled, w.dirty, len(rows) > 0, len(w.marks) > 0})
	state.Column(s, series)
	o.saveCells(s, cells)
	saveRows(s, rows)
	if len(w.marks) > 0 {
		saveMarks(s, marks)
	}
}

// load implements cutter.
func (o *panes) load(s *reader) {
	copy(o.marks, loadMarks(s, len(o.types)))
	o.last, o.forgotten = s.Int(), s.Int()
	for _, list := range []*[]*pane{&o.past, &o.open} {
		for n := s.Int(); n > 0 && s.Ok(); n-- {
			w := o.loadPane(s)
			if k := len(*list); s.Ok() && k > 0 && (*list)[k-1].start >= w.start {
				s.Fail("has windows out of order")
			}
			*list = append(*list, w)
		}
	}
}

func (o *panes) loadPane(s *reader) *pane {
	w := &pane{start: s.Int(), revision: s.Int()}
	w.end = w.start + o.every
	flags := state.ReadColumn[bool](s, 4)
	series := state.ReadColumn[uint32](s, -1)
	if !s.Ok() {
		return w
	}
	for i, ord := range series {
		if int(ord) >= len(o.types) || i > 0 && ord <= series[i-1] {
			s.Fail("has a series out of order")
			return w
		}
	}
	w.chained = flags[2]
	w.settled, w.dirty, w.present = flags[0], flags[1], len(series)
	w.cells = extend(w.cells, len(o.types))
	cells := gather(series, func(i uint32) *cell { return &w.cells[i] })
	o.loadCells(s, cells)
	rows := loadRows(s)
	for i, c := range cells {
		if s.Ok() && flags[2] && o.types[series[i]] == pipeline.Cumulative {
			rows = o.chain(s, c, c.count, rows)
		}
	}
	if flags[3] {
		w.marks = extend(w.marks, len(o.types))
		for i, m := range loadMarks(s, len(series)) {
			w.marks[series[i]] = m
		}
	}
	if len(rows) > 0 {
		s.Fail("has rows of no series")
	}
	o.bytes += w.bytes()
	return w
}

// save implements cutter.
func (o *sequence) save(s *writer) {
	tracks := o.tracks[:len(o.types)]
	cells := make([]*cell, len(tracks))
	waiting := make([]int64, len(tracks))
	marks := make([]mark, len(tracks))
	var rows []row
	for i := range tracks {
		cells[i], marks[i] = &tracks[i].cell, tracks[i].mark
		n := len(rows)
		rows = o.pool.gather(rows, tracks[i].cell.rows)
		waiting[i] = int64(len(rows) - n)
	}
	state.Column(s, gather(tracks, func(x track) int64 { return x.start }))
	state.Column(s, gather(tracks, func(x track) int64 { return x.until }))
	state.Column(s, gather(tracks, func(x track) bool { return x.begun }))
	saveMarks(s, marks)
	o.saveCells(s, cells)
	state.Column(s, waiting)
	saveRows(s, rows)
}

// load implements cutter.
func (o *sequence) load(s *reader) {
	n := len(o.types)
	starts, untils, begun := state.ReadColumn[int64](s, n), state.ReadColumn[int64](s, n), state.ReadColumn[bool](s, n)
	marks := loadMarks(s, n)
	if !s.Ok() {
		return
	}
	cells := make([]*cell, n)
	for i := range n {
		x := &o.tracks[i]
		x.start, x.until, x.begun, x.mark = starts[i], untils[i], begun[i], marks[i]
		cells[i] = &x.cell
	}
	o.loadCells(s, cells)
	waiting := state.ReadColumn[int64](s, n)
	rows := loadRows(s)
	for i := range waiting {
		if s.Ok() {
			rows = o.chain(s, cells[i], waiting[i], rows)
		}
	}
	if len(rows) > 0 {
		s.Fail("has rows of no series")
	}
}
