package window

import (
	"slices"

	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// panes cuts time at multiples of `every`. A window is as many panes as make its size; windows that don't overlap are one.
// A row is added to one pane, however many windows it falls into.
type panes struct {
	*shared
	size, every int64

	open []*pane // whose end is after the watermark, in order of time
	// past has ended: panes that windows still need, and windows that may be opened again.
	past  []*pane
	idle  []*pane
	marks state.Sparse[mark] // by ordinal: the last point of the windows that closed
	last  int64              // the end of the window that was emitted last, if the past has panes that others need
	// forgotten is the end of the last pane of the past that had to go for want of memory.
	forgotten int64
	union     pane // the window that is being put together, if it is more than a pane; never frozen
	none      pane // the pane of no time
}

const idlePanes = 8

func newPanes(s *shared, cfg settings) *panes {
	p := &panes{shared: s, size: cfg.size, every: cfg.every, forgotten: earliest}
	s.spare = p.relieve
	return p
}

// hold implements cutter.
func (o *panes) hold(visit func(uint32)) {
	for _, list := range [...][]*pane{o.past, o.open} {
		for _, w := range list {
			for k := range w.cells.Pages() {
				for i, c := range w.cells.Page(k) {
					if c.count > 0 {
						visit(uint32(k*state.SparseRows + i))
					}
				}
			}
		}
	}
}

// points implements cutter.
func (o *panes) points(series []uint32, times, starts []int64, values []float64, lost *losses) {
	w := &o.none
	for i, s := range series {
		t, v := times[i], values[i]+0 // -0 and 0 are one value
		if v-v != 0 {
			lost.notFinite++
			continue
		}
		var c *cell
		if t >= w.start && t < w.end {
			c = w.cells.Hot(s)
		}
		if c == nil {
			next := o.at(t, s, lost)
			if next == nil {
				continue
			}
			w = next
			c = w.cells.Edit(s)
		}
		if o.types[s] == pipeline.Cumulative {
			if o.pool.free == 0 && !o.room(true) {
				lost.limit++
				continue
			}
			if c.count == 0 {
				w.present++
				c.begin(t, v, 0)
			} else {
				c.note(t, v)
			}
			c.rows, w.chained = o.pool.push(c.rows, t, starts[i], v), true
			continue
		}
		if c.count == 0 {
			w.present++
			c.begin(t, v, v)
			continue
		}
		if !c.plus(v) && !o.addWide(c, v, true) {
			lost.limit++
			continue
		}
		c.note(t, v)
	}
}

// logs implements cutter.
func (o *panes) logs(streams []uint32, times []int64, severities []uint8, lost *losses) {
	w := &o.none
	for i, s := range streams {
		t := times[i]
		var c *cell
		if t >= w.start && t < w.end {
			c = w.cells.Hot(s)
		}
		if c == nil {
			next := o.at(t, s, lost)
			if next == nil {
				continue
			}
			w = next
			c = w.cells.Edit(s)
		}
		errors := 0.0
		if severities[i] >= severityError {
			errors = 1
		}
		if c.count == 0 {
			w.present++
			c.begin(t, float64(severities[i]), errors)
			continue
		}
		c.sum += errors // whole and small
		c.note(t, float64(severities[i]))
	}
}

// at returns the pane of time t with room for series s, or nil after counting the row as lost.
func (o *panes) at(t int64, s uint32, lost *losses) *pane {
	if t < earliest || t > latest {
		lost.range_++
		return nil
	}
	start := t - t%o.every
	if t < start {
		start -= o.every
	}
	list := &o.open
	again := o.timely && start+o.every <= o.closed
	switch {
	case !again:
	case start+o.every <= o.closed-o.env.Reopen:
		lost.late++
		return nil
	case start+o.every <= o.forgotten:
		lost.evicted++
		return nil
	default:
		list = &o.past
	}
	i, found := findPane(*list, start)
	var w *pane
	if found {
		w = (*list)[i]
	} else {
		w = o.fresh(start)
	}
	was := w.dirty
	w.dirty = again // so that it is not given up to make room for itself
	if !o.fit(w, s, again) {
		lost.limit++
		w.dirty = was
		if !found {
			o.recycle(w)
		}
		return nil
	}
	if !found {
		i, _ = findPane(*list, start) // room may have been made
		*list = slices.Insert(*list, i, w)
	}
	return w
}

// fresh returns an empty pane.
func (o *panes) fresh(start int64) *pane {
	w := &pane{}
	if n := len(o.idle); n > 0 {
		w, o.idle = o.idle[n-1], o.idle[:n-1]
	}
	w.start, w.end = start, start+o.every
	return w
}

// fit makes room for series s, and for its mark if it is a counter in a pane of the past, unless that would break the limit.
func (o *panes) fit(w *pane, s uint32, past bool) bool {
	need := int64(0)
	cell, mark := !w.cells.Has(s), past && o.types[s] == pipeline.Cumulative && !w.marks.Has(s)
	if cell {
		need += w.cells.PageBytes()
	}
	if mark {
		need += w.marks.PageBytes()
	}
	if need == 0 {
		return true
	}
	if !o.afford(need) {
		return false
	}
	if cell {
		w.cells.Make(s)
	}
	if mark {
		w.marks.Make(s)
	}
	o.bytes += need
	return true
}

// relieve gives memory back until n bytes more fit: idle panes first, then the oldest of the past.
func (o *panes) relieve(n int64) {
	for len(o.idle) > 0 && o.bytes+n > o.limit {
		last := len(o.idle) - 1
		o.bytes -= o.idle[last].bytes()
		o.idle = o.idle[:last]
	}
	for o.env.Reopen > 0 && len(o.past) > 0 && !o.past[0].dirty && o.bytes+n > o.limit {
		w := o.past[0]
		o.past = slices.Delete(o.past, 0, 1)
		o.forgotten = w.end
		o.empty(w)
		o.bytes -= w.bytes()
	}
}

// recycle keeps a pane's memory for the next, within reason.
func (o *panes) recycle(w *pane) {
	o.empty(w)
	if len(o.idle) < idlePanes {
		o.idle = append(o.idle, w)
		return
	}
	o.bytes -= w.bytes()
}

// empty forgets what a pane holds.
func (o *panes) empty(w *pane) {
	if w.chained || o.wides.used() {
		for k := range w.cells.Pages() {
			page := w.cells.Page(k)
			for i := range page {
				o.drop(&page[i])
			}
		}
	}
	o.bytes -= w.bytes()
	w.cells.Clear()
	w.marks.Clear()
	o.bytes += w.bytes()
	w.start, w.end, w.present, w.revision = 0, 0, 0, 0
	w.chained, w.settled, w.dirty = false, false, false
}

// advance implements cutter: first the windows that were opened again are emitted, then those that end by t are, in
// order of their end.
func (o *panes) advance(t int64, out pipeline.Emitter) error {
	if err := o.revise(out); err != nil {
		return err
	}
	for len(o.open) > 0 || len(o.past) > 0 && o.env.Reopen == 0 {
		end := o.nextEnd()
		if end > t {
			break
		}
		if len(o.open) > 0 && o.open[0].end == end {
			w := o.open[0]
			o.open = slices.Delete(o.open, 0, 1)
			o.settle(w)
			o.past = append(o.past, w)
		}
		b := o.window(end)
		o.last = end
		if o.env.Reopen == 0 {
			o.expire(end + o.every - o.size)
		}
		if err := out.Emit(b); err != nil {
			return err
		}
	}
	if o.env.Reopen > 0 {
		o.expire(max(t, earliest) - o.env.Reopen)
	}
	return nil
}

// nextEnd returns the end of the next window with rows.
func (o *panes) nextEnd() int64 {
	if len(o.past) > 0 && o.env.Reopen == 0 {
		return o.last + o.every
	}
	return o.open[0].end
}

// expire lets go the panes of the past that end at or before t.
func (o *panes) expire(t int64) {
	for len(o.past) > 0 && o.past[0].end <= t {
		w := o.past[0]
		o.past = slices.Delete(o.past, 0, 1)
		o.recycle(w)
	}
}
