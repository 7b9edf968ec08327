package budget

import (
	"io"
	"math"

	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// accountTable has a row for each account. window is that of the objective, in nanoseconds; events and bads are the parts as they lie in their
// ring. In version 1 they are total and bad, in thousandths.
var accountTable = state.Table{Name: "accounts", Version: version, Fields: []state.Field{
	{Name: "indicator", Type: state.Uint32, Role: state.Ordinal}, {Name: "series", Type: state.Int64, Role: state.Ordinal}, {Name: "slo", Type: state.Text},
	{Name: "window", Type: state.Int64}, {Name: "begun", Type: state.Int64}, {Name: "part", Type: state.Int64}, {Name: "events", Type: state.Floats}, {Name: "bads", Type: state.Floats},
}}

// Hold implements pipeline.Holder: an objective's window is longer than a series may be silent.
func (o *Budget) Hold(hold func(uint32)) {
	for i, a := range o.accounts {
		if a != nil && a.sum().total > 0 {
			hold(uint32(i))
			if a.series > 0 {
				hold(a.series - 1)
			}
		}
	}
}

// Snapshot implements pipeline.Snapshotter.
func (o *Budget) Snapshot() (pipeline.Frozen, error) {
	return state.Encoded(name, func(w *state.Writer) {
		t := w.Table(accountTable)
		var total, bad [parts]float64
		for i, a := range o.accounts {
			if a == nil || !a.known {
				continue
			}
			for k, p := range a.parts {
				total[k], bad[k] = p.total, p.bad
			}
			t.Uint32(uint32(i)).Int64(int64(a.series) - 1).Text(a.slo.Name).Int64(a.slo.Window).Int64(a.begun).Int64(a.part).Floats(total[:]).Floats(bad[:])
		}
	})
}

// Restore implements pipeline.Snapshotter. Objectives whose window is another one now begin anew.
func (o *Budget) Restore(r io.Reader) error {
	s := state.NewReader(r, name)
	o.grow()
	for t := s.Table(accountTable); t.Next(); {
		indicator, series := t.Uint32("indicator"), t.Int64("series")
		if int64(indicator) >= int64(o.table.Len()) || series < -1 || series >= int64(o.table.Len()) {
			s.Fail("has an unknown series")
			break
		}
		a := o.accounts[indicator]
		if a == nil || a.slo.Name != t.Text("slo") || a.slo.Window != t.Int64("window") {
			continue
		}
		a.series = uint32(series + 1)
		if !a.read(t) {
			s.Fail("has an account that can't be")
			break
		}
	}
	return s.Close()
}

// read takes an account's past from the present row. It returns false when that can't be.
func (a *account) read(t *state.TableReader) bool {
	a.begun, a.part = t.Int64("begun"), t.Int64("part")
	const unit = 1e3 // of version 1
	total, bad := t.FloatsOf("events", "total", unit), t.FloatsOf("bads", "bad", unit)
	if len(total) != parts || len(bad) != parts || a.part < 0 || a.part > math.MaxInt64-parts || a.known {
		return false
	}
	a.known = true
	for k := range a.parts {
		if !(bad[k] >= 0 && bad[k] <= total[k] && total[k] <= math.MaxFloat64/parts/2) {
			return false
		}
		a.parts[k] = events{total[k], bad[k]}
	}
	a.look()
	return true
}
