package window

import (
	"cmp"
	"slices"

	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// sequence cuts the rows of each series, one after the other in order of time: by silence, by number, or both by time and
// number. Where a cut falls depends on the rows before it, so rows are kept as they came until the watermark says that
// none before them can follow.
type sequence struct {
	*shared
	settings

	tracks state.Sparse[track] // by ordinal
	done   []finished
}

// track is one series: its open window and the rows that wait.
type track struct {
	cell  cell // of the open window; count is 0 if there is none. Its chain is the rows that wait.
	start int64
	until int64 // the end of the open window, of its last row so far, or of the window before
	mark  mark  // the last point of a counter
	begun bool  // there was a window, which ended at until or before
}

// finished is a window that is to be emitted.
type finished struct {
	series          uint32
	start, end      int64
	count           int64
	sum             float64
	min, max, final float64
}

// hold implements cutter.
func (o *sequence) hold(visit func(uint32)) {
	for k := range o.tracks.Pages() {
		for i, x := range o.tracks.Page(k) {
			if x.cell.count > 0 || x.cell.rows != 0 {
				visit(uint32(k*state.SparseRows + i))
			}
		}
	}
}

// points implements cutter.
func (o *sequence) points(series []uint32, times, starts []int64, values []float64, lost *losses) {
	for i, s := range series {
		v := values[i] + 0 // -0 and 0 are one value
		if v-v != 0 {
			lost.notFinite++
			continue
		}
		o.keep(s, times[i], starts[i], v, lost)
	}
}

// logs implements cutter.
func (o *sequence) logs(streams []uint32, times []int64, severities []uint8, lost *losses) {
	for i, s := range streams {
		o.keep(s, times[i], 0, float64(severities[i]), lost)
	}
}

// keep lets a row wait.
func (o *sequence) keep(s uint32, t, start int64, value float64, lost *losses) {
	switch {
	case t < earliest || t > latest:
		lost.range_++
	case o.timely && t < o.closed:
		lost.late++
	case !o.room(true):
		lost.limit++
	default:
		c := &o.track(s).cell
		c.rows = o.pool.push(c.rows, t, start, value)
	}
}

// track returns that of a series, which is made for its first row whatever the limit says: it stays as long as the series.
func (o *sequence) track(s uint32) *track {
	if x := o.tracks.Edit(s); x != nil {
		return x
	}
	o.bytes += o.tracks.PageBytes()
	return o.tracks.Make(s)
}

// advance implements cutter.
func (o *sequence) advance(t int64, out pipeline.Emitter) error {
	o.done = o.done[:0]
	for k := range o.tracks.Pages() {
		page := o.tracks.Page(k)
		for i := range page { // each track is looked at before it is edited, so a page that was copied since will do
			o.pass(uint32(k*state.SparseRows+i), &page[i], t)
		}
	}
	slices.SortFunc(o.done, func(a, b finished) int {
		return cmp.Or(cmp.Compare(a.end, b.end), cmp.Compare(a.start, b.start), cmp.Compare(a.series, b.series))
	})
	for i := 0; i < len(o.done); {
		n := i + 1
		for n < len(o.done) && o.done[n].start == o.done[i].start && o.done[n].end == o.done[i].end {
			n++
		}
		cols := o.columns(n - i)
		for _, f := range o.done[i:n] {
			cols.put(f.series, f.start, f.end, f.count, f.sum, f.min, f.max, f.final)
		}
		if err := out.Emit(cols.batch(0)); err != nil {
			return err
		}
		i = n
	}
	return nil
}

// pass moves a series' time to t. The track is only to be read.
func (o *sequence) pass(s uint32, x *track, t int64) {
	if x.cell.rows != 0 {
		x = o.tracks.Edit(s)
		o.feed(s, x, t)
	}
	if x.cell.count > 0 {
		if end := o.end(x); end <= t && (o.kind != counted || x.cell.count >= o.rows) {
			o.finish(s, o.tracks.Edit(s), end)
		}
	}
}

// feed takes the rows before t in, in order.
func (o *sequence) feed(s uint32, x *track, t int64) {
	rows := o.pool.gather(o.scratch[:0], x.cell.rows)
	o.scratch = rows
	o.pool.give(x.cell.rows)
	x.cell.rows = 0
	waiting := 0
	for _, r := range rows {
		if r.time >= t { // there is room: it has just been given back
			x.cell.rows = o.pool.push(x.cell.rows, r.time, r.start, r.value)
			continue
		}
		rows[waiting] = r
		waiting++
	}
	rows = rows[:waiting]
	sortRows(rows)
	for i := range rows {
		if x.cell.count > 0 && o.cuts(x, rows[i].time) {
			o.finish(s, x, o.end(x))
		}
		o.take(s, x, &rows[i])
	}
}

// end returns where the open window ends if no row follows: for a window that ends by number, behind its last row.
func (o *sequence) end(x *track) int64 {
	switch {
	case o.kind == sessions:
		return min(x.cell.lastTime+o.gap, x.start+o.max)
	case o.kind == limited && x.cell.count < o.rows:
		return x.until
	}
	return x.cell.lastTime + 1
}

// cuts tells whether a row of time t, of which none before follows, is of another window than the open one. Rows of one
// time are of one window.
func (o *sequence) cuts(x *track, t int64) bool {
	if o.kind == counted {
		return x.cell.count >= o.rows && t > x.cell.lastTime
	}
	return t >= o.end(x)
}

// take adds a row to the open window, or begins one with it.
func (o *sequence) take(s uint32, x *track, r *row) {
	if x.cell.count == 0 {
		o.begin(x, r.time)
	}
	part := r.value
	switch o.types[s] {
	case pipeline.Cumulative:
		var to mark
		part, to = increase(x.mark, []row{*r}, x.start)
		x.mark = to
	case pipeline.Stream:
		part = 0
		if r.value >= severityError {
			part = 1
		}
	}
	c, chain := &x.cell, x.cell.rows
	if c.count == 0 {
		c.begin(r.time, r.value, part)
		c.rows = chain
		return
	}
	if !c.plus(part) {
		o.addWide(c, part, false)
	}
	c.note(r.time, r.value)
	if o.types[s] == pipeline.Cumulative {
		c.last = r.value
	}
}

// begin opens a window with its first row's time.
func (o *sequence) begin(x *track, t int64) {
	x.start = t
	if o.kind != limited {
		return
	}
	start := t - t%o.size
	if t < start {
		start -= o.size
	}
	if x.begun && x.until > start {
		x.start = x.until // what is left of a window that ended early
	} else {
		x.start = start
	}
	x.until = start + o.size
}

// finish ends the open window.
func (o *sequence) finish(s uint32, x *track, end int64) {
	c := &x.cell
	o.done = append(o.done, finished{s, x.start, end, c.count, o.total(c), c.min, c.max, c.last})
	chain := c.rows
	c.rows = 0
	o.drop(c)
	*c = cell{rows: chain}
	x.until, x.begun = end, true
}
