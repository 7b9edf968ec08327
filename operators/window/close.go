package window

import "github.com/homeostat/homeostat/pipeline"

// settle computes what the counters of a pane gained, once it has ended.
func (o *panes) settle(w *pane) {
	again := o.env.Reopen > 0
	if again {
		o.bytes -= w.bytes()
		w.marks = extend(w.marks, len(w.cells))
		o.bytes += w.bytes()
	}
	w.settled = true
	if !w.chained {
		return
	}
	for s := range w.cells {
		c := &w.cells[s]
		if c.rows == 0 {
			continue
		}
		from := o.marks[s]
		o.marks[s] = o.gain(w, c, from)
		if again {
			from.fixed = true
			w.marks[s] = from
			continue
		}
		o.pool.give(c.rows)
		c.rows = 0
	}
	w.chained = again
}

// gain computes what a counter gained in a pane since a mark, and returns its last point there.
func (o *panes) gain(w *pane, c *cell, from mark) mark {
	if c.count == 1 {
		o.scratch = append(o.scratch[:0], *o.pool.at(c.rows))
	} else {
		o.scratch = o.pool.gather(o.scratch[:0], c.rows)
		sortRows(o.scratch)
	}
	gained, to := increase(from, o.scratch, w.start)
	c.sum, c.rest, c.last = gained, 0, to.value
	return to
}

// window makes the batch of the window that ends at end, of panes that have been settled. There is one with rows.
func (o *panes) window(end int64) pipeline.Batch {
	if o.size == o.every {
		return o.batch(o.past[len(o.past)-1])
	}
	whole := pane{start: end - o.size, end: end}
	had := int64(cap(o.union)) * bytesPerCell
	for _, w := range o.past {
		o.union = extend(o.union, len(w.cells))
		for s := range w.cells {
			if other := &w.cells[s]; other.count > 0 {
				if o.union[s].count == 0 {
					whole.present++
				}
				o.join(&o.union[s], other)
			}
		}
	}
	o.bytes += int64(cap(o.union))*bytesPerCell - had
	whole.cells = o.union
	b := o.batch(&whole)
	for s := range o.union {
		o.drop(&o.union[s])
	}
	clear(o.union)
	return b
}

func (o *panes) batch(w *pane) pipeline.Batch {
	cols := o.columns(w.present)
	for s := range w.cells {
		if c := &w.cells[s]; c.count > 0 {
			cols.put(uint32(s), w.start, w.end, c.count, o.total(c), c.min, c.max, c.last)
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
	for s := range w.cells {
		c := &w.cells[s]
		if c.rows == 0 {
			continue
		}
		if !w.marks[s].fixed {
			w.marks[s] = o.before(i, s)
			w.marks[s].fixed = true
		}
		to := o.gain(w, c, w.marks[s])
		next := o.after(i, s, false)
		if next == nil {
			o.marks[s] = to
			continue
		}
		to.fixed = true
		if next.marks[s] != to {
			next.marks[s], next.dirty = to, true
		}
	}
}

// before returns the last point of a counter before window i of the past, which did not have it when it closed: it is that
// from which the next window with the counter counts.
func (o *panes) before(i, s int) mark {
	if next := o.after(i, s, true); next != nil {
		return next.marks[s]
	}
	return o.marks[s]
}

// after returns the first window of the past after window i with points of a counter, nil if there is none.
func (o *panes) after(i, s int, fixed bool) *pane {
	for _, w := range o.past[i+1:] {
		if s < len(w.cells) && w.cells[s].count > 0 && (!fixed || w.marks[s].fixed) {
			return w
		}
	}
	return nil
}
