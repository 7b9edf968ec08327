// Package baseline remembers what is normal for each series: the last values that were taken for normal, and from them
// median and scale. It is a library for detectors, not one of them.
//
// The scale is taken upwards and downwards apart, since latencies and counts are skewed: upwards it is the larger of
// (q75 − q50)/0.6745 and (q95 − q50)/1.6449, which for normal values both estimate the standard deviation; downwards
// likewise. The quartile resists a quarter of outliers, the 95 % quantile respects heavy tails: the larger of
// both errs on the side of silence (on robust estimates of location and scale see Huber, Robust Statistics, 1981).
//
// What a fault looks like must not become normal while it lasts, but a series that has really changed must not be
// called abnormal for ever. So values are either learned, or rejected into a second memory; when that has grown to Adapt
// values, it takes the place of the first.
package baseline

import (
	"math"
	"slices"

	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// Config sizes a baseline, in windows in which the series was present.
type Config struct {
	// History is the number of values that median and scale are taken from.
	History int
	// Warmup is the number of values without which nothing is said.
	Warmup int
	// Adapt is the number of rejected values that become the new normal.
	Adapt int
}

// Settings returns the settings that Read reads, with the detector's own defaults.
func Settings(d Config) []pipeline.Setting {
	return []pipeline.Setting{
		pipeline.Whole("history", d.History, 8, 4096, "The number of last windows that say what is normal. Memory is 16 bytes each for a series."),
		pipeline.Whole("warmup", d.Warmup, 4, 4096, "The number of windows of a series before anything is said about it."),
		pipeline.Whole("adapt", d.Adapt, 8, 1_000_000, "After so many abnormal windows of one finding the new level is taken for normal."),
	}
}

// Read returns the configuration in a detector's settings.
func Read(s pipeline.Settings) (Config, error) {
	c := Config{int(s.Int("history")), int(s.Int("warmup")), int(s.Int("adapt"))}
	if c.Warmup > c.History {
		return c, &pipeline.SettingFault{Path: "warmup", Err: pipeline.Errorf("baseline.warmup.range", "warmup of %d windows is longer than the history of %d and would never end: make it shorter", c.Warmup, c.History)}
	}
	return c, nil
}

// Band is what is normal for a series.
type Band struct {
	Median float64
	// Up and Down estimate the standard deviation of what lies above and below the median.
	Up, Down float64
}

// Table is the memory of all series of a lane. One goroutine uses it.
type Table struct {
	cfg   Config
	heads state.Column[head] // by ordinal
	// By slot, in the order of first values, so that series without values take no memory: the values as a ring in order of
	// time, and the same values in order of size. The second follows from the first and is never frozen.
	rings, sizes *state.Matrix[float64]
	slots        uint32
	rejected     map[uint32]*rejects
	quantiles    [5]quantile // of the median, and of the two bounds upwards and downwards; of as many values as were looked at last
}

// head is where a series has its values.
type head struct {
	slot  uint32 // plus one; 0 before the first value
	count uint16
	next  uint16 // where in the ring the next value goes
	// unsorted tells that the values were restored and are to be sorted at their first use: a million sorts at once would
	// make Restore take seconds longer.
	unsorted bool
}

// rejects is the second memory: the last values of a fault.
type rejects struct {
	ring  []float64 // at most History, the oldest at total % History once it is full
	total int
	// frozen tells that a freeze has the ring, so that it is copied before a value is overwritten.
	frozen bool
}

// New makes an empty table.
func New(cfg Config) *Table {
	width := max(1, cfg.History)
	return &Table{cfg: cfg, rings: state.NewMatrix[float64](width), sizes: state.NewMatrix[float64](width), rejected: map[uint32]*rejects{}}
}

// Grow makes room for n series.
func (t *Table) Grow(n int) {
	t.heads.Grow(n, head{})
}

// Count returns the number of values that the band is taken from.
func (t *Table) Count(series uint32) int { return int(t.heads.At(series).count) }

// Ready tells whether the series has been seen long enough.
func (t *Table) Ready(series uint32) bool { return t.Count(series) >= t.cfg.Warmup }

func (t *Table) sorted(series uint32) []float64 {
	h := t.heads.At(series)
	if h.unsorted {
		t.sort(t.heads.Edit(series))
	}
	return t.sizes.Row(h.slot - 1)[:h.count]
}

// sort puts restored values in order of size.
func (t *Table) sort(h *head) {
	size := t.sizes.Edit(h.slot - 1)[:h.count]
	copy(size, t.rings.Row(h.slot-1))
	slices.Sort(size)
	h.unsorted = false
}

// Band returns what is normal; the series has at least one value.
func (t *Table) Band(series uint32) Band {
	s := t.sorted(series)
	q := &t.quantiles
	if q[0].n != len(s) {
		for i, p := range [...]float64{0.5, 0.75, 0.95, 0.25, 0.05} {
			q[i] = place(len(s), p)
		}
	}
	m := q[0].of(s)
	return Band{
		Median: m,
		Up:     max((q[1].of(s)-m)/0.6745, (q[2].of(s)-m)/1.6449),
		Down:   max((m-q[3].of(s))/0.6745, (m-q[4].of(s))/1.6449),
	}
}

// quantile is where one is among n values in order of size: between those at i and after it, at the share f of the way.
type quantile struct {
	n, i, next int
	f          float64
}

// place interpolates around position p·(n−1).
func place(n int, p float64) quantile {
	at := p * float64(n-1)
	i := int(at)
	if i+1 >= n {
		return quantile{n, n - 1, n - 1, 0}
	}
	return quantile{n, i, i + 1, at - float64(i)}
}

func (q *quantile) of(sorted []float64) float64 { return sorted[q.i]*(1-q.f) + sorted[q.next]*q.f }

// Learn takes a finite value for normal.
func (t *Table) Learn(series uint32, v float64) {
	v += 0 // no zero has a sign
	h := t.heads.Edit(series)
	if h.slot == 0 {
		h.slot = t.newSlot()
	}
	if h.unsorted {
		t.sort(h)
	}
	ring, size := t.rings.Edit(h.slot-1), t.sizes.Edit(h.slot-1)
	next, count := int(h.next), int(h.count)
	if count < len(ring) {
		j, _ := ranks(size[:count], v, v)
		copy(size[j+1:count+1], size[j:count])
		size[j] = v
		h.count++
	} else {
		i, j := ranks(size, ring[next], v)
		if j > i {
			copy(size[i:], size[i+1:j])
			size[j-1] = v
		} else {
			copy(size[j+1:i+1], size[j:i])
			size[j] = v
		}
	}
	ring[next] = v
	if next++; next == len(ring) {
		next = 0
	}
	h.next = uint16(next)
}

// stride is the number of values that lie in a line of the processor's cache.
const stride = 8

// ranks returns how many of the values, which are in order of size, are less than v and less than w. Where a binary search goes is a
// coin's, so that the processor waits for one line of its cache after the other. Instead one value of each line is looked at, all at
// once; and there is no branch, the sign of a difference takes its place. No value is a negative zero.
func ranks(sorted []float64, v, w float64) (below, belowW int) {
	if len(sorted) > 32*stride {
		below, _ = slices.BinarySearch(sorted, v)
		belowW, _ = slices.BinarySearch(sorted, w)
		return below, belowW
	}
	lines := len(sorted) / stride
	for i := range lines {
		x := sorted[i*stride+stride-1]
		below += less(x, v)
		belowW += less(x, w)
	}
	return below*stride + within(sorted[below*stride:], v), belowW*stride + within(sorted[belowW*stride:], w)
}

// within is the rank in one line.
func within(sorted []float64, v float64) (below int) {
	for _, x := range sorted[:min(stride, len(sorted))] {
		below += less(x, v)
	}
	return below
}

// less is 1 if x is less than y.
func less(x, y float64) int { return int(math.Float64bits(x-y) >> 63) }

// newSlot makes room for the values of one more series.
func (t *Table) newSlot() uint32 {
	t.slots++
	t.rings.Grow(int(t.slots))
	t.sizes.Grow(int(t.slots))
	return t.slots
}

// Reject takes a finite value for abnormal. It returns true when that makes Adapt of them since the last Settle: then
// the latest of them have become the new normal.
func (t *Table) Reject(series uint32, v float64) (adapted bool) {
	r := t.rejected[series]
	if r == nil {
		r = &rejects{}
		t.rejected[series] = r
	}
	if len(r.ring) < t.cfg.History {
		r.ring = append(r.ring, v)
	} else {
		if r.frozen {
			r.ring, r.frozen = slices.Clone(r.ring), false
		}
		r.ring[r.total%t.cfg.History] = v
	}
	if r.total++; r.total < t.cfg.Adapt {
		return false
	}
	h := t.heads.Edit(series)
	h.count, h.next, h.unsorted = 0, 0, false
	for i := range r.ring {
		t.Learn(series, r.ring[(r.total+i)%len(r.ring)])
	}
	t.Settle(series)
	return true
}

// Forget begins a series anew.
func (t *Table) Forget(series uint32) {
	if h := t.heads.At(series); h.count > 0 {
		*t.heads.Edit(series) = head{slot: h.slot}
	}
	t.Settle(series)
}

// Settle forgets the rejected values: the fault is over.
func (t *Table) Settle(series uint32) {
	if len(t.rejected) > 0 {
		delete(t.rejected, series)
	}
}
