package forecast

import (
	"io"
	"math"

	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// seriesTable has a row for each series, by ordinal. Lists are empty for a series without values.
var seriesTable = state.Table{Name: "series", Version: version, BySeries: true, Fields: []state.Field{
	{Name: "bin", Type: state.Int64}, {Name: "first", Type: state.Int64}, {Name: "at", Type: state.Int64}, {Name: "every", Type: state.Int64}, {Name: "since", Type: state.Int64},
	{Name: "whole", Type: state.Bool}, {Name: "counts", Type: state.Ints}, {Name: "learned", Type: state.Floats}, {Name: "sums", Type: state.Floats},
	{Name: "past", Type: state.Floats}, {Name: "day", Type: state.Floats}, {Name: "spread", Type: state.Floats},
}}

// counts returns the places of what is counted, learnedFloats and sumFloats those of the other numbers, in the order of a snapshot.
func (h *head) counts() []*uint32 {
	out := []*uint32{&h.seen, &h.refused, &h.n, &h.kept}
	for i := range forecasts {
		out = append(out, &h.calm[i], &h.all[i])
	}
	return out
}

func (h *head) learnedFloats() []*float64 {
	out := []*float64{&h.level, &h.mean, &h.size, &h.bar, &h.astray, &h.peak}
	for i := range forecasts {
		out = append(out, &h.shift[i], &h.err[i], &h.loss[i], &h.season[i][0], &h.season[i][1], &h.season[i][2])
	}
	return out
}

func (h *head) sumFloats() []*float64 {
	out := []*float64{&h.sum, &h.keptSum, &h.near, &h.far}
	for i := range forecasts {
		out = append(out, &h.off[i], &h.keptOff[i])
	}
	return out
}

// Snapshot implements pipeline.Snapshotter.
func (d *Detector) Snapshot() (pipeline.Frozen, error) {
	slots, heads, alarms := d.slots.Freeze(), d.heads.Freeze(), d.alarm.Freeze()
	var rows [3]*state.FrozenMatrix[float32]
	for i, m := range d.seasons.matrices() {
		rows[i] = m.Freeze()
	}
	return state.Frozen(name, func(w *state.Writer) {
		t := w.Table(seriesTable)
		for i := range uint32(slots.Len()) {
			slot := slots.At(i)
			if slot == 0 {
				t.Int64(0).Int64(0).Int64(0).Int64(0).Int64(0).Bool(false).Ints(nil).Floats().Floats().Floats().Floats().Floats()
				continue
			}
			h := heads.Row(slot - 1)[0]
			h.write(t)
			for _, m := range rows {
				t.Floats(wide(m.Row(slot - 1)))
			}
		}
		alarms.Write(w)
	}, slots.Release, heads.Release, alarms.Release, rows[0].Release, rows[1].Release, rows[2].Release), nil
}

func (h *head) write(t *state.TableWriter) {
	t.Int64(h.bin).Int64(h.first).Int64(h.at).Int64(h.every).Int64(h.since).Bool(h.whole)
	counts := []int64{int64(h.span)}
	for _, c := range h.counts() {
		counts = append(counts, int64(*c))
	}
	t.Ints(counts)
	for _, list := range [...][]*float64{h.learnedFloats(), h.sumFloats()} {
		values := make([]float64, len(list))
		for i, x := range list {
			values[i] = *x
		}
		t.Floats(values)
	}
}

func wide(row []float32) []float64 {
	out := make([]float64, len(row))
	for i, x := range row {
		out[i] = float64(x)
	}
	return out
}

// Restore implements pipeline.Snapshotter. What is expected follows when a series has its next value, since settings may have changed.
func (d *Detector) Restore(r io.Reader) error {
	s := state.NewReader(r, name)
	for t := s.Table(seriesTable); t.Next(); {
		if !d.load(t) {
			s.Fail("has a series that can't be")
			break
		}
	}
	if d.alarm.Load(s) != d.slots.Len() {
		s.Fail("has columns of different length")
	}
	return s.Close()
}

// load takes a series from its row. It returns false if that can't be.
func (d *Detector) load(t *state.TableReader) bool {
	counts := t.Ints("counts")
	if len(counts) == 0 {
		d.slots.Append(0)
		return true
	}
	h := head{learned: learned{bin: t.Int64("bin"), first: t.Int64("first"), at: t.Int64("at"), every: t.Int64("every"), since: t.Int64("since"), whole: t.Bool("whole")}}
	if !h.read(counts, t.Floats("learned"), t.Floats("sums")) {
		return false
	}
	d.seasons.add()
	slot := d.seasons.slots - 1
	for i, name := range [...]string{"past", "day", "spread"} {
		row, values := d.seasons.matrices()[i].Edit(slot), t.Floats(name)
		if len(values) != len(row) || !state.Within(maxKept, values...) {
			return false
		}
		for k, x := range values {
			row[k] = float32(x)
		}
	}
	d.keep(h)
	d.slots.Append(d.seasons.slots)
	return true
}

// read takes the numbers of a head.
func (h *head) read(counts []int64, learned, sums []float64) bool {
	c, l, s := h.counts(), h.learnedFloats(), h.sumFloats()
	if len(counts) != 1+len(c) || len(learned) != len(l) || len(sums) != len(s) || !state.Within(maxKept, learned...) || !state.Within(maxKept, sums...) {
		return false
	}
	// A head is at rest between windows, so it has a value in its bin.
	if h.first > h.bin || h.bin > maxBin || h.first < -maxBin || counts[0] < 1 || counts[0] > dayBins || counts[3] < 1 {
		return false
	}
	h.span = uint8(counts[0])
	for i, x := range c {
		if counts[1+i] < 0 || counts[1+i] > math.MaxUint32 {
			return false
		}
		*x = uint32(counts[1+i])
	}
	for i, x := range l {
		*x = learned[i]
	}
	for i, x := range s {
		*x = sums[i]
	}
	return true
}

// maxBin is beyond all times.
const maxBin = math.MaxInt64 / binLength

// maxKept is how far from zero the numbers are that are kept.
const maxKept = 1e38
