package baseline

import (
	"maps"
	"slices"

	"github.com/homeostat/homeostat/operators/state"
)

// The tables in a detector's snapshot, behind a name since a detector may have several baselines: of the series, row by
// ordinal, each with its values from the oldest to the newest; and of what was rejected.
func tables(name string) (settings, values, rejected state.Table) {
	settings = state.Table{Name: name, Version: 1, Fields: []state.Field{{Name: "history", Type: state.Int64}}}
	values = state.Table{Name: name + ".series", Version: 1, BySeries: true, Fields: []state.Field{{Name: "values", Type: state.Floats}}}
	rejected = state.Table{Name: name + ".rejected", Version: 1, Fields: []state.Field{
		{Name: "series", Type: state.Uint32, Role: state.Ordinal}, {Name: "total", Type: state.Int64}, {Name: "ring", Type: state.Floats},
	}}
	return settings, values, rejected
}

// Frozen is a table as it was when it was frozen. Any goroutine may write it, one at a time.
type Frozen struct {
	history  int
	heads    *state.FrozenColumn[head]
	rings    *state.FrozenMatrix[float64]
	rejected []rejection // by series
}

type rejection struct {
	series uint32
	rejects
}

// Freeze takes time by the number of pages and of series with rejected values.
func (t *Table) Freeze() *Frozen {
	f := &Frozen{history: t.cfg.History, heads: t.heads.Freeze(), rings: t.rings.Freeze(), rejected: make([]rejection, 0, len(t.rejected))}
	for _, s := range slices.Sorted(maps.Keys(t.rejected)) {
		r := t.rejected[s]
		r.frozen = true
		f.rejected = append(f.rejected, rejection{s, *r})
	}
	return f
}

// Release gives the frozen pages up.
func (f *Frozen) Release() {
	f.heads.Release()
	f.rings.Release()
	f.rejected = nil
}

// Write writes the tables into a snapshot, behind a name.
func (f *Frozen) Write(w *state.Writer, name string) {
	settings, values, rejected := tables(name)
	w.Table(settings).Int64(int64(f.history))
	v := w.Table(values)
	for i := range uint32(f.heads.Len()) {
		h := f.heads.At(i)
		switch {
		case h.count == 0:
			v.Floats()
		case int(h.count) < f.history:
			v.Floats(f.rings.Row(h.slot - 1)[:h.count])
		default:
			ring := f.rings.Row(h.slot - 1)
			v.Floats(ring[h.next:], ring[:h.next])
		}
	}
	r := w.Table(rejected)
	for _, x := range f.rejected {
		r.Uint32(x.series).Int64(int64(x.total)).Floats(x.ring)
	}
}

// Load reads what Write wrote into an empty table and returns the number of series. The history must be as long as it was.
func (t *Table) Load(r *state.Reader, name string) int {
	settings, values, rejected := tables(name)
	for s := r.Table(settings); s.Next(); {
		if s.Int64("history") != int64(t.cfg.History) {
			r.Fail("has another history than the configuration says")
		}
	}
	for v := r.Table(values); v.Next(); {
		t.heads.Append(head{})
		if list := v.Floats("values"); len(list) > t.cfg.History || !finite(list) {
			r.Fail("has a history that is too long, or of values that are no numbers")
		} else if len(list) > 0 {
			t.set(uint32(t.heads.Len()-1), list)
		}
	}
	last := int64(-1)
	for x := r.Table(rejected); x.Next(); {
		s, total, ring := x.Uint32("series"), x.Int64("total"), x.Floats("ring")
		if int64(s) <= last || int64(s) >= int64(t.heads.Len()) || int64(len(ring)) != min(total, int64(t.cfg.History)) || len(ring) == 0 || !finite(ring) {
			r.Fail("has rejected values of an unknown series")
			break
		}
		last = int64(s)
		t.rejected[s] = &rejects{ring: slices.Clone(ring), total: int(total)}
	}
	return t.heads.Len()
}

// set gives a series without values at most History of them, the oldest first.
func (t *Table) set(series uint32, values []float64) {
	h := t.heads.Edit(series)
	*h = head{slot: t.newSlot(), count: uint16(len(values)), next: uint16(len(values) % t.cfg.History), unsorted: true}
	ring := t.rings.Edit(h.slot - 1)
	for i, v := range values {
		ring[i] = v + 0 // no zero has a sign
	}
}

func finite(values []float64) bool {
	for _, v := range values {
		if v-v != 0 {
			return false
		}
	}
	return true
}
