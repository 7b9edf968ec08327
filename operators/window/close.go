package window

import (
	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// settle computes what the counters of a pane gained, once it has ended.
func (o *panes) settle(w *pane) {
	again := o.env.Reopen > 0
	w.settled = true
	if !w.chained {
		return
	}
	for k := range w.cells.Pages() {
		page := w.cells.Page(k)
		for i := range page {
			if page[i].rows == 0 { // each cell is looked at before it is edited, so a page that was copied since will do
				continue
			}
			s := uint32(k*state.SparseRows + i)
			c := w.cells.Hot(s)
			if c == nil {
				c = w.cells.Edit(s)
			}
			last := o.marks.Hot(s)
			if last == nil {
				last = o.marks.Make(s)
			}
			from := *last
			*last = o.gain(w, c, from)
			if again {
				from.fixed = true
				*o.mark(w, s) = from
				continue
			}
			o.pool.give(c.rows)
			c.rows = 0
		}
	}
	w.chained = again
}

// mark returns the place of a counter's mark in a pane.
func (o *panes) mark(w *pane, s uint32) *mark {
	if !w.marks.Has(s) {
		o.bytes += w.marks.PageBytes()
	}
	return w.marks.Make(s)
}

// gain computes what a counter gained in a pane since a mark, and returns its last point there.
func (o *panes) gain(w *pane, c *cell, from mark) mark {
	points := o.pool.only(c.rows)
	if c.count > 1 {
		o.scratch = o.pool.gather(o.scratch[:0], c.rows)
		sortRows(o.scratch)
		points = o.scratch
	}
	gained, to := increase(from, points, w.start)
	c.sum, c.rest, c.last = gained, 0, to.value
	return to
}

// window makes the batch of the window that ends at end, of panes that have been settled. There is one with rows.
func (o *panes) window(end int64) pipeline.Batch {
	if o.size == o.every {
		return o.batch(o.past[len(o.past)-1])
	}
	whole := &o.union
	whole.start, whole.end = end-o.size, end
	had := whole.bytes()
	for _, w := range o.past {
		for k := range w.cells.Pages() {
			page := w.cells.Page(k)
			for i := range page {
				if page[i].count == 0 {
					continue
				}
				c := whole.cells.Make(uint32(k*state.SparseRows + i))
				if c.count == 0 {
					whole.present++
				}
				o.join(c, &page[i])
			}
		}
	}
	o.bytes += whole.bytes() - had
	b := o.batch(whole)
	o.empty(whole)
	return b
}

func (o *panes) batch(w *pane) pipeline.Batch {
	cols := o.columns(w.present)
	for k := range w.cells.Pages() {
		page := w.cells.Page(k)
		for i := range page {
			if c := &page[i]; c.count > 0 {
				cols.put(uint32(k*state.SparseRows+i), w.start, w.end, c.count, o.total(c), c.min, c.max, c.last)
			}
		}
	}
	return cols.batch(w.revision)
}

// revise emits the windows that late rows were added to, in order of time, whole and with a higher revision.
func (o *panes) revise(out pipeline.Emitter) error {
	for i, w := range o.past {
		if !w.dirty {
			continue
		}
		o.regain(i)
		w.dirty, w.settled = false, true
		w.revision++
		if err := out.Emit(o.batch(w)); err != nil {
			return err
		}
	}
	return nil
}

// regain computes anew what the counters of a window of the past gained. Where the last point is another now, the next
// window with the counter counts from it, and must be emitted again, too.
func (o *panes) regain(i int) {
	w := o.past[i]
	for k := range w.cells.Pages() {
		page := w.cells.Page(k)
		for j := range page {
			if page[j].rows == 0 {
				continue
			}
			s := uint32(k*state.SparseRows + j)
			from := o.mark(w, s)
			if !from.fixed {
				*from = o.before(i, s)
				from.fixed = true
			}
			to := o.gain(w, w.cells.Edit(s), *from)
			next := o.after(i, s, false)
			if next == nil {
				*o.marks.Make(s) = to
				continue
			}
			to.fixed = true
			if m := o.mark(next, s); *m != to {
				*m, next.dirty = to, true
			}
		}
	}
}

// before returns the last point of a counter before window i of the past, which did not have it when it closed: it is that
// from which the next window with the counter counts.
func (o *panes) before(i int, s uint32) mark {
	if next := o.after(i, s, true); next != nil {
		return next.marks.At(s)
	}
	return o.marks.At(s)
}

// after returns the first window of the past after window i with points of a counter, nil if there is none.
func (o *panes) after(i int, s uint32, fixed bool) *pane {
	for _, w := range o.past[i+1:] {
		if w.count(s) > 0 && (!fixed || w.marks.At(s).fixed) {
			return w
		}
	}
	return nil
}
