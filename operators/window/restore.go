package window

import (
	"cmp"

	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// loadSeries reads the table of series and hands the last points of counters on.
func (s *shared) loadSeries(r *state.Reader, marked func(series uint32, m mark)) {
	for t := r.Table(seriesTable); t.Next(); {
		typ := t.Uint16("type")
		if typ > uint16(pipeline.Stream) || s.table != nil && len(s.types) >= s.table.Len() {
			r.Fail("has a series that the lane does not have")
			return
		}
		s.types = append(s.types, pipeline.SeriesType(typ))
		if m := readMark(t); m != (mark{}) {
			marked(uint32(len(s.types)-1), m)
		}
	}
}

func readMark(t *state.TableReader) mark {
	return mark{t.Bool("known"), t.Bool("fixed"), t.Int64("start"), t.Float64("value")}
}

// load implements cutter.
func (o *panes) load(s *state.Reader, lane times) {
	o.last, o.forgotten = lane.last, lane.forgotten
	o.loadSeries(s, func(series uint32, m mark) { *o.marks.Make(series) = m })
	none(s, trackTable)
	last := int64(earliest - 1)
	for t := s.Table(windowTable); t.Next(); {
		w, list := o.fresh(t.Int64("window")), &o.open
		w.revision, w.settled, w.dirty = t.Int64("revision"), t.Bool("settled"), t.Bool("dirty")
		if t.Bool("past") {
			list = &o.past
		}
		if w.start <= last || w.start > latest || w.start%o.every != 0 || t.Bool("past") && len(o.open) > 0 {
			s.Fail("has windows out of order")
			return
		}
		last = w.start
		*list = append(*list, w)
	}
}

// load implements cutter.
func (o *sequence) load(s *state.Reader, _ times) {
	o.loadSeries(s, func(series uint32, m mark) { o.track(series).mark = m })
	last := int64(-1)
	for t := s.Table(trackTable); t.Next(); {
		i := t.Uint32("series")
		if int64(i) <= last || int(i) >= len(o.types) {
			s.Fail("has what came before of an unknown series")
			return
		}
		last = int64(i)
		x := o.track(i)
		x.start, x.until, x.begun = t.Int64("start"), t.Int64("until"), t.Bool("begun")
	}
	none(s, windowTable)
}

// none reads a table that another kind of windows has.
func none(s *state.Reader, of state.Table) {
	if s.Table(of).Next() {
		s.Fail("has rows in table " + of.Name + ", which is another kind of windows'")
	}
}

// find returns the pane of a start, nil if there is none.
func (o *panes) find(start int64) *pane {
	for _, list := range [...][]*pane{o.open, o.past} {
		if i, found := findPane(list, start); found {
			return list[i]
		}
	}
	return nil
}

// place implements cutter.
func (o *panes) place(window int64, series uint32, fresh bool) *cell {
	w := o.find(window)
	if w == nil {
		return nil
	}
	if !fresh {
		return w.cells.Edit(series)
	}
	if !w.cells.Has(series) {
		o.bytes += w.cells.PageBytes()
	}
	w.present++
	return w.cells.Make(series)
}

// place implements cutter.
func (o *sequence) place(window int64, series uint32, _ bool) *cell {
	if window != 0 {
		return nil
	}
	return &o.track(series).cell
}

// order checks that the keys of a table ascend.
type order struct {
	window, series int64
	begun          bool
}

// next reads the key of a row, ok only if it is after the one before, or the same if that may be.
func (k *order) next(o *Window, t *state.TableReader, again bool) (window int64, series uint32, ok bool) {
	window, series = t.Int64("window"), t.Uint32("series")
	c := cmp.Or(cmp.Compare(window, k.window), cmp.Compare(int64(series), k.series))
	ok = int(series) < len(o.types) && (!k.begun || c > 0 || again && c == 0)
	*k = order{window, int64(series), true}
	return window, series, ok
}

// loadCells reads what is in the windows.
func (o *Window) loadCells(s *state.Reader) {
	var key order
	for t := s.Table(cellTable); t.Next(); {
		window, series, ok := key.next(o, t, false)
		var c *cell
		if ok {
			c = o.place(window, series, true)
		}
		if c == nil || t.Int64("count") < 1 {
			s.Fail("has values of no window or series")
			return
		}
		*c = cell{count: t.Int64("count"), sum: t.Float64("sum"), rest: t.Float64("rest"), min: t.Float64("min"), max: t.Float64("max"),
			last: t.Float64("last"), lastTime: t.Int64("time")}
		if c.isWide() {
			i, made := o.wides.take()
			if made {
				o.bytes += bytesPerWide
			}
			c.rest = float64(i)
		}
	}
	o.loadRows(s)
	key = order{}
	for t := s.Table(sumTable); t.Next(); {
		window, series, ok := key.next(o, t, false)
		var c *cell
		if ok {
			c = o.place(window, series, false)
		}
		chunks := t.Ints("chunks")
		if c == nil || c.count == 0 || !c.isWide() || len(chunks) != wideChunks {
			s.Fail("has a sum of no window or series")
			return
		}
		sum := o.wides.edit(uint32(c.rest))
		sum.pending = t.Int64("pending")
		copy(sum.chunk[:], chunks)
	}
	o.loadMarks(s)
}

// loadRows reads the rows that are kept as they came.
func (o *Window) loadRows(s *state.Reader) {
	var key order
	panes, _ := o.cutter.(*panes)
	for t := s.Table(rowTable); t.Next(); {
		window, series, ok := key.next(o, t, true)
		var c *cell
		if ok {
			c = o.place(window, series, false)
		}
		if c == nil || panes != nil && (c.count == 0 || o.types[series] != pipeline.Cumulative) {
			s.Fail("has rows of no window or series")
			return
		}
		if panes != nil {
			panes.find(window).chained = true
		}
		o.room(false)
		c.rows = o.pool.push(c.rows, t.Int64("time"), t.Int64("start"), t.Float64("value"))
	}
}

// loadMarks reads from where the counters of windows that may be opened again count.
func (o *Window) loadMarks(s *state.Reader) {
	var key order
	panes, _ := o.cutter.(*panes)
	for t := s.Table(markTable); t.Next(); {
		window, series, ok := key.next(o, t, false)
		var w *pane
		if ok && panes != nil {
			w = panes.find(window)
		}
		if w == nil {
			s.Fail("has a counter's beginning of no window or series")
			return
		}
		*panes.mark(w, series) = readMark(t)
	}
}
