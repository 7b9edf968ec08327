package expr

import (
	"io"

	"github.com/homeostat/homeostat/operators/gather"
	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// partTable is of what the window has so far, a row a variable and group. A group is named by one of its series.
var partTable = state.Table{Name: "parts", Version: 1, Fields: []state.Field{
	{Name: "series", Type: state.Int64, Role: state.Ordinal}, {Name: "variable", Type: state.Int64},
	{Name: "sum", Type: state.Float64}, {Name: "sum_rest", Type: state.Floats}, {Name: "min", Type: state.Float64}, {Name: "max", Type: state.Float64}, {Name: "count", Type: state.Int64},
}}

// parts calls f with each part that the window has, and a series of it: the one with the least ordinal.
func (x *Expr) parts(f func(series uint32, variable int, p *part)) {
	said := map[*part]bool{}
	for s, places := range x.places {
		for _, at := range places {
			if p := &at.of.parts[at.variable]; p.n > 0 && !said[p] {
				said[p] = true
				f(uint32(s), at.variable, p)
			}
		}
	}
}

// Hold implements pipeline.Holder: the window that is being added up has to be told.
func (x *Expr) Hold(hold func(uint32)) {
	x.parts(func(series uint32, _ int, _ *part) { hold(series) })
}

// Snapshot implements pipeline.Snapshotter.
func (x *Expr) Snapshot() (pipeline.Frozen, error) {
	return state.Encoded(name, func(w *state.Writer) {
		x.window.Write(w)
		t := w.Table(partTable)
		x.parts(func(series uint32, variable int, p *part) {
			sum, rest := p.sum.Split()
			t.Int64(int64(series)).Int64(int64(variable)).Float64(sum).Floats(rest).Float64(p.min).Float64(p.max).Int64(p.n)
		})
	})
}

// Restore implements pipeline.Snapshotter.
func (x *Expr) Restore(r io.Reader) error {
	x.learn()
	s := state.NewReader(r, name)
	x.window.Read(s)
	for t := s.Table(partTable); t.Next(); {
		p := x.partOf(t.Int64("series"), t.Int64("variable"))
		if p == nil {
			s.Fail("was written with another expression")
			break
		}
		*p = part{gather.Joined(t.Float64("sum"), t.Floats("sum_rest")), t.Float64("min"), t.Float64("max"), t.Int64("count")}
	}
	return s.Close()
}

func (x *Expr) partOf(series, variable int64) *part {
	if series < 0 || series >= int64(len(x.places)) {
		return nil
	}
	for _, at := range x.places[series] {
		if int64(at.variable) == variable {
			return &at.of.parts[at.variable]
		}
	}
	return nil
}
