package window

import (
	"io"

	state "github.com/homeostat/homeostat/operators/state/sequence"
	"github.com/homeostat/homeostat/pipeline"
)

type (
	writer = state.Writer
	reader = state.Reader
)

// cut is what must be the same for what is open to be cut the same way.
func (o *Window) cut() []int64 {
	reopen := int64(0)
	if o.env != nil {
		reopen = o.env.Reopen
	}
	return []int64{int64(o.kind), o.size, o.every, o.gap, o.max, o.rows, reopen}
}

// write writes the state.
func (o *Window) write(w io.Writer) error {
	s := state.NewWriter(w, name, version)
	state.Column(s, o.cut())
	s.Int(o.closed)
	state.Column(s, []bool{o.timely})
	state.Column(s, o.types)
	o.save(s)
	return s.Close()
}

// read reads what write wrote. The lane's table of series has been restored before.
func (o *Window) read(r io.Reader) error {
	s := state.NewReader(r, name, version)
	cut, want := state.ReadColumn[int64](s, len(o.cut())), o.cut()
	for i := range cut {
		if s.Ok() && cut[i] != want[i] {
			return pipeline.Errorf("window.snapshot.size", "snapshot of window was taken with other settings, or another late policy, than the configuration's (windows that are %s): what is open can't be cut anew; start without snapshots, or go back to the old ones", o.what())
		}
	}
	o.closed = s.Int()
	o.timely = flag(s)
	o.types = state.ReadColumn[pipeline.SeriesType](s, -1)
	if s.Ok() {
		o.grow(len(o.types))
		o.load(s)
	}
	return s.Close()
}

func flag(s *reader) bool {
	f := state.ReadColumn[bool](s, 1)
	return len(f) == 1 && f[0]
}

// saveCells writes cells without their rows.
func (s *shared) saveCells(w *writer, cells []*cell) {
	state.Column(w, gather(cells, func(c *cell) int64 { return c.count }))
	for _, f := range cellFloats {
		state.Column(w, gather(cells, func(c *cell) float64 { return *f(c) }))
	}
	state.Column(w, gather(cells, func(c *cell) float64 {
		if c.isWide() {
			return 0
		}
		return c.rest
	}))
	state.Column(w, gather(cells, func(c *cell) int64 { return c.lastTime }))
	for _, c := range cells {
		if c.isWide() {
			sum := s.wides.all[uint32(c.rest)]
			w.Int(sum.pending)
			state.Column(w, sum.chunk[:])
		}
	}
}

func (s *shared) loadCells(r *reader, cells []*cell) {
	n := len(cells)
	scatter(cells, state.ReadColumn[int64](r, n), func(c *cell, v int64) { c.count = v })
	for _, f := range cellFloats {
		scatter(cells, state.ReadColumn[float64](r, n), func(c *cell, v float64) { *f(c) = v })
	}
	scatter(cells, state.ReadColumn[float64](r, n), func(c *cell, v float64) { c.rest = v })
	scatter(cells, state.ReadColumn[int64](r, n), func(c *cell, v int64) { c.lastTime = v })
	for _, c := range cells {
		if !r.Ok() || !c.isWide() {
			continue
		}
		pending, chunks := r.Int(), state.ReadColumn[int64](r, wideChunks)
		if !r.Ok() {
			c.sum = 0
			continue
		}
		i, made := s.wides.take()
		if made {
			s.bytes += bytesPerWide
		}
		sum := s.wides.all[i]
		sum.pending = pending
		copy(sum.chunk[:], chunks)
		c.rest = float64(i)
	}
}

// cellFloats are the columns of numbers of a cell, in order.
var cellFloats = [...]func(*cell) *float64{
	func(c *cell) *float64 { return &c.sum }, func(c *cell) *float64 { return &c.min },
	func(c *cell) *float64 { return &c.max }, func(c *cell) *float64 { return &c.last },
}

// saveRows writes rows as columns.
func saveRows(w *writer, rows []row) {
	state.Column(w, gather(rows, func(r row) int64 { return r.time }))
	state.Column(w, gather(rows, func(r row) int64 { return r.start }))
	state.Column(w, gather(rows, func(r row) float64 { return r.value }))
}

func loadRows(r *reader) []row {
	times := state.ReadColumn[int64](r, -1)
	starts, values := state.ReadColumn[int64](r, len(times)), state.ReadColumn[float64](r, len(times))
	if !r.Ok() {
		return nil
	}
	rows := make([]row, len(times))
	for i := range rows {
		rows[i] = row{time: times[i], start: starts[i], value: values[i]}
	}
	return rows
}

// chain puts the first n rows into the pool and returns the rest.
func (s *shared) chain(r *reader, c *cell, n int64, rows []row) []row {
	if n < 0 || n > int64(len(rows)) {
		r.Fail("has fewer rows than it says")
		return nil
	}
	for _, p := range rows[:n] {
		s.room(false)
		c.rows = s.pool.push(c.rows, p.time, p.start, p.value)
	}
	return rows[n:]
}

func saveMarks(w *writer, marks []mark) {
	state.Column(w, gather(marks, func(m mark) bool { return m.known }))
	state.Column(w, gather(marks, func(m mark) bool { return m.fixed }))
	state.Column(w, gather(marks, func(m mark) int64 { return m.start }))
	state.Column(w, gather(marks, func(m mark) float64 { return m.value }))
}

func loadMarks(r *reader, n int) []mark {
	known, fixed := state.ReadColumn[bool](r, n), state.ReadColumn[bool](r, n)
	starts, values := state.ReadColumn[int64](r, n), state.ReadColumn[float64](r, n)
	marks := make([]mark, n)
	for i := range marks {
		if r.Ok() {
			marks[i] = mark{known[i], fixed[i], starts[i], values[i]}
		}
	}
	return marks
}

func gather[A, T any](from []A, of func(A) T) []T {
	out := make([]T, len(from))
	for i, a := range from {
		out[i] = of(a)
	}
	return out
}

func scatter[T any](cells []*cell, values []T, to func(*cell, T)) {
	for i, v := range values {
		to(cells[i], v)
	}
}
