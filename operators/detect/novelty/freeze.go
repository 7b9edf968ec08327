package novelty

import (
	"io"
	"math"

	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// The tables in a snapshot: the settings that lengths depend on, and a row for each series, by ordinal. Lists are empty for a series
// without values. values and times are from the oldest to the newest; extremes, peaks, patterns and met are as they lie.
var (
	settingsTable = state.Table{Name: "settings", Version: 1, Fields: []state.Field{{Name: "memory", Type: state.Int64}}}
	seriesTable   = state.Table{Name: "series", Version: 1, BySeries: true, Fields: []state.Field{
		{Name: "count", Type: state.Uint64}, {Name: "low", Type: state.Float64}, {Name: "mid", Type: state.Float64}, {Name: "high", Type: state.Float64},
		{Name: "bar", Type: state.Float64}, {Name: "peak", Type: state.Float64},
		{Name: "values", Type: state.Floats}, {Name: "times", Type: state.Ints}, {Name: "extremes", Type: state.Floats}, {Name: "peaks", Type: state.Floats},
		{Name: "patterns", Type: state.Floats}, {Name: "met", Type: state.Ints},
	}}
)

// frozen is the matrices as they were when they were frozen.
type frozen struct {
	heads    *state.FrozenColumn[head]
	values   *state.FrozenMatrix[float64]
	times    *state.FrozenMatrix[int64]
	extremes *state.FrozenMatrix[float64]
	novelty  *state.FrozenMatrix[float32]
	places   *state.FrozenMatrix[point]
	met      *state.FrozenMatrix[uint32]
}

func (f *frozen) release() {
	f.heads.Release()
	f.values.Release()
	f.times.Release()
	f.extremes.Release()
	f.novelty.Release()
	f.places.Release()
	f.met.Release()
}

// Snapshot implements pipeline.Snapshotter.
func (d *Detector) Snapshot() (pipeline.Frozen, error) {
	m, span, blocks := &d.memory, int64(d.span), d.memory.blocks
	alarms := d.alarm.Freeze()
	f := &frozen{d.heads.Freeze(), m.values.Freeze(), m.times.Freeze(), m.extremes.Freeze(), m.novelty.Freeze(), d.patterns.places.Freeze(), d.patterns.met.Freeze()}
	return state.Frozen(name, func(w *state.Writer) {
		w.Table(settingsTable).Int64(span)
		f.write(w, blocks)
		alarms.Write(w)
	}, f.release, alarms.Release), nil
}

func (f *frozen) write(w *state.Writer, blocks int) {
	t := w.Table(seriesTable)
	var peaks, places []float64
	var met, starts []int64
	for i := range uint32(f.heads.Len()) {
		h := f.heads.At(i)
		t.Uint64(h.count).Float64(h.low).Float64(h.mid).Float64(h.high).Float64(h.bar).Float64(float64(h.peak))
		if h.count == 0 {
			t.Floats().Ints(nil).Floats().Floats().Floats().Ints(nil)
			continue
		}
		slot, n, next := h.slot-1, min(h.count, longest), h.count%longest
		values, times := f.values.Row(slot), f.times.Row(slot)
		if n < longest {
			next = 0
		}
		starts = append(append(starts[:0], times[next:n]...), times[:next]...)
		t.Floats(values[next:n], values[:next]).Ints(starts)
		extremes, full := f.extremes.Row(slot), min(h.count/blockSize, uint64(blocks))
		if full > 0 {
			t.Floats(extremes[:full], extremes[blocks:][:full], extremes[2*blocks:][:full])
		} else {
			t.Floats()
		}
		peaks, places, met = peaks[:0], places[:0], met[:0]
		if row := f.novelty.Row(slot); row != nil {
			for _, v := range row[:min(h.count/blockSize, uint64(len(row)))] {
				peaks = append(peaks, float64(v))
			}
		}
		met, places = f.patterns(slot, met, places)
		t.Floats(peaks).Floats(places).Ints(met)
	}
}

// patterns appends the patterns of a series: for each size when each was met, 0 at the end, and where they are.
func (f *frozen) patterns(slot uint32, met []int64, places []float64) ([]int64, []float64) {
	all, at := f.met.Row(slot), f.places.Row(slot)
	if all == nil || at == nil {
		return met, places
	}
	for k := range sizes {
		for i := k * most; i < (k+1)*most && all[i] != 0; i++ {
			met = append(met, int64(all[i]))
			for _, x := range at[i][:features] {
				places = append(places, float64(x))
			}
		}
		met = append(met, 0)
	}
	return met, places
}

// Restore implements pipeline.Snapshotter.
func (d *Detector) Restore(r io.Reader) error {
	s := state.NewReader(r, name)
	for t := s.Table(settingsTable); t.Next(); {
		if t.Int64("memory") != int64(d.span) {
			s.Fail("has another memory than the configuration says")
		}
	}
	for t := s.Table(seriesTable); t.Next(); {
		if fault := d.load(t); fault != "" {
			s.Fail(fault)
			break
		}
	}
	if d.alarm.Load(s) != d.heads.Len() {
		s.Fail("has columns of different length")
	}
	return s.Close()
}

// load takes a series from its row.
func (d *Detector) load(t *state.TableReader) (fault string) {
	h := head{count: t.Uint64("count"), low: t.Float64("low"), mid: t.Float64("mid"), high: t.Float64("high"), bar: t.Float64("bar"), peak: float32(t.Float64("peak"))}
	values, times, extremes, peaks := t.Floats("values"), t.Ints("times"), t.Floats("extremes"), t.Floats("peaks")
	met, places := t.Ints("met"), t.Floats("patterns")
	if h.count == 0 {
		d.heads.Append(head{})
		return ""
	}
	m, blocks := &d.memory, h.count/blockSize
	n := int(min(h.count, longest))
	switch {
	case len(values) != n || len(times) != n || len(extremes) != 3*int(min(blocks, uint64(m.blocks))) || len(peaks) > m.peaks || len(peaks) > 0 && len(peaks) != int(min(blocks, uint64(m.peaks))):
		return "has a series of the wrong length"
	case !usual(values) || !usual(extremes) || !usual([]float64{h.low, h.mid, h.high}) || h.low > h.mid || h.mid > h.high || !(h.bar >= 0 && h.bar < 100):
		return "has values that can't be"
	}
	m.grow(m.slots + 1)
	d.patterns.grow(int(m.slots))
	h.slot = m.slots
	d.heads.Append(h)
	slot := h.slot - 1
	ring, starts := m.values.Edit(slot), m.times.Edit(slot)
	for i := range n {
		at := (h.count - uint64(n) + uint64(i)) % longest
		ring[at], starts[at] = values[i], times[i]
	}
	for i := range 3 {
		full := len(extremes) / 3
		copy(m.extremes.Edit(slot)[i*m.blocks:], extremes[i*full:][:full])
	}
	for i, v := range peaks {
		m.novelty.Edit(slot)[i] = float32(v)
	}
	return d.patterns.load(slot, met, places)
}

// load takes the patterns of a series as frozen.patterns wrote them.
func (p *patterns) load(slot uint32, met []int64, places []float64) (fault string) {
	size, i := 0, 0
	for _, seen := range met {
		switch {
		case seen == 0:
			size, i = size+1, 0
			continue
		case size >= sizes || i >= most || len(places) < features || seen < 0 || seen > math.MaxUint32:
			return "has patterns that can't be"
		}
		p.met.Edit(slot)[size*most+i] = uint32(seen)
		x := &p.places.Edit(slot)[size*most+i]
		for k := range features {
			if !(math.Abs(places[k]) < 1e6) {
				return "has patterns that can't be"
			}
			x[k] = float32(places[k])
		}
		places = places[features:]
		i++
	}
	if len(places) > 0 {
		return "has patterns that can't be"
	}
	return ""
}

// usual tells whether all values are such as the detector looks at.
func usual(values []float64) bool {
	for _, v := range values {
		if !(math.Abs(v) < maxValue) {
			return false
		}
	}
	return true
}
