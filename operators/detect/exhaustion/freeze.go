package exhaustion

import (
	"io"
	"math"

	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// seriesTable has a row for each series, by ordinal. blocks is empty for a series without values, or has the means of the history in the
// order of their ring; block is the length that they have, in nanoseconds.
var seriesTable = state.Table{Name: "series", Version: version, BySeries: true, Fields: []state.Field{
	{Name: "limit_end", Type: state.Int64}, {Name: "limit", Type: state.Float64}, {Name: "limit_before", Type: state.Float64},
	{Name: "length", Type: state.Int64}, {Name: "block", Type: state.Int64}, {Name: "start", Type: state.Int64}, {Name: "every", Type: state.Int64},
	{Name: "n", Type: state.Uint32}, {Name: "sum", Type: state.Float64}, {Name: "low", Type: state.Float64}, {Name: "high", Type: state.Float64}, {Name: "measured", Type: state.Int64}, {Name: "onset", Type: state.Int64},
	{Name: "trend", Type: state.Floats}, {Name: "blocks", Type: state.Floats},
}}

// Snapshot implements pipeline.Snapshotter.
func (d *Detector) Snapshot() (pipeline.Frozen, error) {
	slots, limits, pasts, rings, alarms := d.slots.Freeze(), d.limits.Freeze(), d.pasts.Freeze(), d.rings.Freeze(), d.alarm.Freeze()
	return state.Frozen(name, func(w *state.Writer) {
		t := w.Table(seriesTable)
		for i := range uint32(slots.Len()) {
			l := limits.At(i)
			t.Int64(l.end).Float64(l.value).Float64(l.before)
			slot := slots.At(i)
			if slot == 0 {
				t.Int64(0).Int64(0).Int64(0).Int64(0).Uint32(0).Float64(0).Float64(0).Float64(0).Int64(0).Int64(0).Floats().Floats()
				continue
			}
			p := pasts.At(slot - 1)
			t.Int64(p.length).Int64(p.block).Int64(p.start).Int64(p.every).Uint32(p.n).Float64(p.sum).Float64(p.low).Float64(p.high).Int64(p.at).Int64(p.onset)
			if p.known {
				t.Floats([]float64{p.level, p.slope, p.least, p.most})
			} else {
				t.Floats()
			}
			t.Floats(rings.Row(slot - 1))
		}
		alarms.Write(w)
	}, slots.Release, limits.Release, pasts.Release, rings.Release, alarms.Release), nil
}

// Restore implements pipeline.Snapshotter.
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

// maxKept is how far from zero the numbers are that are kept.
const maxKept = blocks * maxValue

// load takes a series from its row. It returns false if that can't be. The trend is measured again.
func (d *Detector) load(t *state.TableReader) bool {
	l := lastLimit{t.Int64("limit_end"), t.Float64("limit"), t.Float64("limit_before")}
	if !state.Within(maxValue, l.value, l.before) {
		return false
	}
	d.limits.Append(l)
	means, line := t.Floats("blocks"), t.Floats("trend")
	if len(means) == 0 {
		d.slots.Append(0)
		return true
	}
	p := past{
		length: t.Int64("length"), block: t.Int64("block"), start: t.Int64("start"), every: t.Int64("every"),
		n: t.Uint32("n"), sum: t.Float64("sum"), low: t.Float64("low"), high: t.Float64("high"),
	}
	if len(line) > 0 {
		if len(line) != 4 || !state.Within(maxKept, line...) {
			return false
		}
		p.trend = trend{true, line[0], line[1], line[2], line[3], t.Int64("measured"), t.Int64("onset")}
	}
	if len(means) != blocks || p.length < 1 || p.n == 0 || !state.Within(maxKept, means...) || !state.Within(maxKept, p.sum/float64(p.n), p.low, p.high) {
		return false
	}
	latest := math.MaxInt64/p.length - 2*blocks
	if p.block > latest || min(p.block, p.at, p.onset) < -latest || max(p.at, p.onset) > max(p.block, 0) {
		return false
	}
	copy(d.add(p), means)
	d.slots.Append(uint32(d.pasts.Len()))
	return true
}
