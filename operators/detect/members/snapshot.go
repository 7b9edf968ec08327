package members

import (
	"github.com/homeostat/homeostat/operators/choose"
	"github.com/homeostat/homeostat/operators/gather"
	"github.com/homeostat/homeostat/operators/state"
)

// rowTable is of the window that comes in, in a detector's snapshot.
var rowTable = state.Table{Name: "members", Version: 1, Fields: []state.Field{
	{Name: "series", Type: state.Uint32, Role: state.Ordinal}, {Name: "value", Type: state.Float64},
}}

// Hold calls hold for each series with a row in the window that comes in.
func (t *Table) Hold(hold func(series uint32)) { t.each(func(m Member) { hold(m.Series) }) }

// each calls f with each row of the window that comes in.
func (t *Table) each(f func(Member)) {
	for _, id := range t.touched {
		for _, m := range t.groups[id] {
			f(m)
		}
	}
}

// Frozen is a table as it was when it was frozen. Any goroutine may write it.
type Frozen struct {
	window gather.Window
	rows   []Member
}

// Freeze takes time by the number of rows of the window that comes in, which has mostly none when the lane saves.
func (t *Table) Freeze() *Frozen {
	f := &Frozen{window: t.window}
	t.each(func(m Member) { f.rows = append(f.rows, m) })
	return f
}

// Write writes the tables into a snapshot.
func (f *Frozen) Write(w *state.Writer) {
	f.window.Write(w)
	rows := w.Table(rowTable)
	for _, m := range f.rows {
		rows.Uint32(m.Series).Float64(m.Value)
	}
}

// Load reads what Write wrote into a table that was opened. It returns the number of the lane's series.
func (t *Table) Load(r *state.Reader) int {
	t.Grow()
	t.window.Read(r)
	for rows := r.Table(rowTable); rows.Next(); {
		series, value := rows.Uint32("series"), rows.Float64("value")
		if int64(series) >= int64(len(t.places)) || value-value != 0 {
			r.Fail("has a row that can't be")
			break
		}
		if p := t.places[series]; p.rule != choose.None {
			t.add(p.group, Member{series, value})
		}
	}
	return len(t.places)
}
