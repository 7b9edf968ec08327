// Package gather puts together the rows of one window that come in several batches, for operators that derive series from
// several others. It is a library for operators, not one of them.
//
// A window is complete when a later one begins or the watermark reaches its end; later is what ends later, or ends with it and
// begins later. Rows that come after that are lost with the reason "late". A window that was opened again for late rows
// (pipeline.Batch.Revision) comes whole in one batch, and is told anew while the present one waits.
package gather

import (
	"cmp"
	"math"

	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// Span is the time of a window: [Start, End) in nanoseconds since 1970.
type Span struct{ Start, End int64 }

// compare orders spans as windows come.
func (s Span) compare(o Span) int {
	return cmp.Or(cmp.Compare(s.End, o.End), cmp.Compare(s.Start, o.Start))
}

// Parts is what an operator adds up of a window. All calls come from the operator's goroutine.
type Parts interface {
	// Counts tells whether rows of the series matter.
	Counts(series uint32) bool
	// Add takes the rows of a batch, which it borrows.
	Add(b pipeline.Batch)
	// Emit gives out what was added and forgets it.
	Emit(of Span, revision int64, out pipeline.Emitter) error
	// Aside puts away what was added, and returns what brings it back.
	Aside() (back func())
}

// Window is the window that is being added up. The zero value has seen none.
type Window struct {
	now     Span
	pending bool
	done    Span // the last one that was emitted
	any     bool // whether there was one
}

// Process takes a batch of windows, of one time as all are.
func (w *Window) Process(b pipeline.Batch, parts Parts, env *pipeline.Env, out pipeline.Emitter) error {
	of := Span{b.Record.Column(pipeline.WindowStart).(*array.Int64).Value(0), b.Record.Column(pipeline.WindowEnd).(*array.Int64).Value(0)}
	if b.Revision > 0 {
		back := parts.Aside()
		parts.Add(b)
		err := parts.Emit(of, b.Revision, out)
		back()
		return err
	}
	before, complete, late := w.Next(of)
	if late {
		lose(b, parts, env)
		return nil
	}
	if complete {
		if err := parts.Emit(before, 0, out); err != nil {
			return err
		}
	}
	parts.Add(b)
	return nil
}

// Next takes the time of rows that come, which are late if their window is over. If they begin another window, the one before is
// complete.
func (w *Window) Next(of Span) (before Span, complete, late bool) {
	if w.any && of.compare(w.done) <= 0 || w.pending && of.compare(w.now) < 0 {
		return Span{}, false, true
	}
	if of != w.now {
		before, complete = w.Skip()
	}
	w.now, w.pending = of, true
	return before, complete, false
}

// lose counts the rows that would have mattered.
func lose(b pipeline.Batch, parts Parts, env *pipeline.Env) {
	n := 0
	for _, s := range b.Record.Column(pipeline.WindowSeries).(*array.Uint32).Uint32Values() {
		if parts.Counts(s) {
			n++
		}
	}
	if n > 0 {
		env.Lose("late", n)
	}
}

// Watermark emits the window if it is complete.
func (w *Window) Watermark(t int64, parts Parts, out pipeline.Emitter) error {
	if of, complete := w.Complete(t); complete {
		return parts.Emit(of, 0, out)
	}
	return nil
}

// Complete ends the window if it ends at t or before: then it is complete.
func (w *Window) Complete(t int64) (Span, bool) {
	if w.now.End > t {
		return Span{}, false
	}
	return w.Skip()
}

// Skip ends the window without a word: what still comes of it is late. It returns its time and whether there was one.
func (w *Window) Skip() (Span, bool) {
	if !w.pending {
		return Span{}, false
	}
	w.done, w.any, w.pending = w.now, true, false
	return w.done, true
}

// table has no done_start in version 1 of operator sli, whose windows do not overlap: nothing that ends with it comes after it.
var table = state.Table{Name: "window", Version: 2, Fields: []state.Field{
	{Name: "pending", Type: state.Bool}, {Name: "any", Type: state.Bool}, {Name: "start", Type: state.Int64}, {Name: "end", Type: state.Int64},
	{Name: "done", Type: state.Int64}, {Name: "done_start", Type: state.Int64, Default: int64(math.MaxInt64)},
}}

// Write writes the window's time into a snapshot.
func (w *Window) Write(s *state.Writer) {
	s.Table(table).Bool(w.pending).Bool(w.any).Int64(w.now.Start).Int64(w.now.End).Int64(w.done.End).Int64(w.done.Start)
}

// Read reads what Write wrote.
func (w *Window) Read(s *state.Reader) {
	for t := s.Table(table); t.Next(); {
		w.pending, w.any = t.Bool("pending"), t.Bool("any")
		w.now = Span{t.Int64("start"), t.Int64("end")}
		w.done = Span{t.Int64("done_start"), t.Int64("done")}
	}
}
