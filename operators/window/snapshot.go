package window

import (
	"io"

	state "github.com/homeostat/homeostat/operators/state/sequence"
	"github.com/homeostat/homeostat/pipeline"
)

// save writes the state.
func (o *Window) save(w io.Writer) error {
	s := state.NewWriter(w, name, version)
	s.Int(o.size)
	s.Int(o.closed)
	state.Column(s, []bool{o.timely})
	state.Column(s, o.types)
	state.Column(s, o.bases.known)
	state.Column(s, o.bases.start)
	state.Column(s, o.bases.value)
	s.Int(int64(len(o.open)))
	for _, w := range o.open {
		s.Int(w.start)
		series := w.present()
		state.Column(s, series)
		state.Column(s, gather(series, func(i uint32) int64 { return w.cells[i].count }))
		for _, f := range cellFloats {
			state.Column(s, gather(series, func(i uint32) float64 { return *f(&w.cells[i]) }))
		}
		state.Column(s, gather(series, func(i uint32) int64 { return w.cells[i].lastTime }))
		state.Column(s, []bool{w.counters != nil})
		if w.counters == nil {
			continue
		}
		for _, f := range counterInts {
			state.Column(s, gather(series, func(i uint32) int64 { return *f(o.counterOf(w, i)) }))
		}
		for _, f := range counterFloats {
			state.Column(s, gather(series, func(i uint32) float64 { return *f(o.counterOf(w, i)) }))
		}
	}
	return s.Close()
}

// load reads what save wrote. The lane's table of series has been restored before.
func (o *Window) load(r io.Reader) error {
	s := state.NewReader(r, name, version)
	size := s.Int()
	o.closed = s.Int()
	o.timely = flag(s)
	o.types = state.ReadColumn[pipeline.SeriesType](s, -1)
	n := len(o.types)
	o.bases = bases{state.ReadColumn[bool](s, n), state.ReadColumn[int64](s, n), state.ReadColumn[float64](s, n)}
	count := s.Int()
	for i := int64(0); i < count && s.Ok(); i++ {
		o.restoreWindow(s)
	}
	err := s.Close()
	if err == nil && size != o.size {
		err = pipeline.Errorf("window.snapshot.size", "snapshot of window has windows of %dns and the configuration says %dns: open windows can't be cut anew; start without snapshots, or go back to the old size", size, o.size)
	}
	return err
}

func (o *Window) restoreWindow(s *state.Reader) {
	w := &open{}
	start := s.Int()
	w.clear(start, start+o.size)
	series := state.ReadColumn[uint32](s, -1)
	rows := len(series)
	for i, ord := range series {
		if int(ord) >= len(o.types) || i > 0 && ord <= series[i-1] {
			s.Fail("has a series out of order")
			return
		}
	}
	w.rows = rows
	w.resize(len(o.types), false)
	scatter(series, state.ReadColumn[int64](s, rows), func(i uint32, v int64) { w.cells[i].count = v })
	for _, f := range cellFloats {
		scatter(series, state.ReadColumn[float64](s, rows), func(i uint32, v float64) { *f(&w.cells[i]) = v })
	}
	scatter(series, state.ReadColumn[int64](s, rows), func(i uint32, v int64) { w.cells[i].lastTime = v })
	if flag(s) {
		w.resize(len(o.types), true)
		for _, f := range counterInts {
			scatter(series, state.ReadColumn[int64](s, rows), func(i uint32, v int64) { *f(&w.counters[i]) = v })
		}
		for _, f := range counterFloats {
			scatter(series, state.ReadColumn[float64](s, rows), func(i uint32, v float64) { *f(&w.counters[i]) = v })
		}
	}
	if !s.Ok() {
		return
	}
	if n := len(o.open); n > 0 && o.open[n-1].start >= w.start {
		s.Fail("has windows out of order")
		return
	}
	o.open = append(o.open, w)
	o.bytes += w.bytes()
}

func flag(s *state.Reader) bool {
	f := state.ReadColumn[bool](s, 1)
	return len(f) == 1 && f[0]
}

// present lists the series with rows.
func (w *open) present() []uint32 {
	out := make([]uint32, 0, w.rows)
	for s := range w.cells {
		if w.cells[s].count > 0 {
			out = append(out, uint32(s))
		}
	}
	return out
}

// counterOf returns what is kept of a cumulative series, and nothing for the others: their places hold old values.
func (o *Window) counterOf(w *open, s uint32) *counter {
	if o.types[s] != pipeline.Cumulative {
		return &counter{}
	}
	return &w.counters[s]
}

// The columns of a snapshot, in order.
var (
	cellFloats = [...]func(*cell) *float64{
		func(c *cell) *float64 { return &c.sum }, func(c *cell) *float64 { return &c.min },
		func(c *cell) *float64 { return &c.max }, func(c *cell) *float64 { return &c.last },
	}
	counterInts = [...]func(*counter) *int64{
		func(k *counter) *int64 { return &k.firstTime }, func(k *counter) *int64 { return &k.firstStart }, func(k *counter) *int64 { return &k.lastStart },
	}
	counterFloats = [...]func(*counter) *float64{
		func(k *counter) *float64 { return &k.first }, func(k *counter) *float64 { return &k.resets },
	}
)

func gather[T any](series []uint32, of func(uint32) T) []T {
	out := make([]T, len(series))
	for i, s := range series {
		out[i] = of(s)
	}
	return out
}

func scatter[T any](series []uint32, values []T, to func(uint32, T)) {
	for i, v := range values {
		to(series[i], v)
	}
}
