package univariate

import (
	"github.com/homeostat/homeostat/operators/state"
)

// Ringed is a model that keeps a row of numbers of each series besides S: a ring of values, say, which is too much for a struct. All models of
// a detector have rows of the same width. Series that had no value have none.
//
// A ringed model is given one row at a time: Score, what there is to be said of it, and Learn, before the Score of the next. So it may keep what it
// found in Score until Learn.
type Ringed interface {
	// Width is how many numbers.
	Width() int
	// Use hands over the numbers of the series that comes next, to read and write until Learn returns. All are 0 at first. They are in
	// snapshots as they are.
	Use(ring []float64)
}

// rings are what ringed models keep, by slot, in the order of first values.
type rings struct {
	models []Ringed // by rule; nil: the models are not ringed
	width  int
	matrix *state.Matrix[float64]
	slots  uint32
	of     state.Column[uint32] // slot plus one by ordinal; 0 before the first value
}

// add takes in the model of one more rule.
func (r *rings) add(m any) {
	ringed, ok := m.(Ringed)
	if !ok {
		return
	}
	if r.models == nil {
		r.width = ringed.Width()
		r.matrix = state.NewMatrix[float64](r.width)
	}
	r.models = append(r.models, ringed)
}

func (r *rings) grow(n int) {
	if r.models != nil {
		r.of.Grow(n, 0)
	}
}

// use hands the ring of a series to the model of its rule.
func (r *rings) use(rule int16, series uint32) {
	slot := r.of.At(series)
	if slot == 0 {
		slot = r.take()
		*r.of.Edit(series) = slot
	}
	r.models[rule].Use(r.matrix.Edit(slot - 1))
}

func (r *rings) take() (slot uint32) {
	r.slots++
	r.matrix.Grow(int(r.slots))
	return r.slots
}

// field is the column of rings in a snapshot; it is empty before the first value.
var field = state.Field{Name: "ring", Type: state.Floats}

// frozenRings are rings as they were.
type frozenRings struct {
	of     *state.FrozenColumn[uint32]
	matrix *state.FrozenMatrix[float64]
}

func (r *rings) freeze() *frozenRings {
	if r.models == nil {
		return nil
	}
	return &frozenRings{r.of.Freeze(), r.matrix.Freeze()}
}

func (f *frozenRings) release() {
	if f != nil {
		f.of.Release()
		f.matrix.Release()
	}
}

func (f *frozenRings) write(t *state.TableWriter, series uint32) {
	if f == nil {
		return
	}
	if slot := f.of.At(series); slot > 0 {
		t.Floats(f.matrix.Row(slot - 1))
	} else {
		t.Floats()
	}
}

// read takes the ring of one more series from a snapshot; it returns false if it is of another width.
func (r *rings) read(t *state.TableReader) bool {
	if r.models == nil {
		return true
	}
	ring, slot := t.Floats(field.Name), uint32(0)
	if len(ring) != 0 {
		if len(ring) != r.width {
			return false
		}
		slot = r.take()
		copy(r.matrix.Edit(slot-1), ring)
	}
	r.of.Append(slot)
	return true
}
