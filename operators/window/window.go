package window

import (
	"fmt"
	"slices"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/homeostat/homeostat/pipeline"
)

// Window is the operator. Its state is a window of columns for each open stretch of time and the last point of each
// cumulative series.
type Window struct {
	size, limit int64

	env    *pipeline.Env
	table  *pipeline.SeriesTable
	schema *arrow.Schema
	types  []pipeline.SeriesType // by ordinal, so that the hot path does not chase pointers
	open   []*open               // in order of time
	spare  []*open
	bytes  int64 // of open and spare
	bases  bases
	closed int64 // the watermark; windows that end at or before it are closed
	timely bool  // whether there was a watermark
	none   open  // the window of no time
}

const (
	severityError = 17 // OpenTelemetry: ERROR and above
	spareWindows  = 8
)

// New makes the operator.
func New(s pipeline.Settings) (pipeline.Operator, error) {
	return &Window{size: int64(s.Duration("size")), limit: s.Int("limit")}, nil
}

// Open implements pipeline.Operator.
func (o *Window) Open(env *pipeline.Env) error {
	o.env, o.table, o.schema = env, env.Series, pipeline.Windows.Schema()
	return nil
}

// Close implements pipeline.Operator.
func (o *Window) Close() error {
	o.open, o.spare = nil, nil
	return nil
}

// Describe implements pipeline.Describer.
func (o *Window) Describe() string {
	return fmt.Sprintf("tumbling windows of %s, open windows up to %d MiB a lane", time.Duration(o.size), o.limit>>20)
}

// Process implements pipeline.Operator.
func (o *Window) Process(b pipeline.Batch, _ pipeline.Emitter) error {
	o.learnTypes()
	switch b.Kind {
	case pipeline.Points:
		o.points(b.Record)
	case pipeline.Logs:
		o.logs(b.Record)
	}
	return nil
}

func (o *Window) learnTypes() {
	for n := len(o.types); n < o.table.Len(); n++ {
		o.types = append(o.types, o.table.At(uint32(n)).Type)
	}
	o.bases.resize(len(o.types))
}

func (o *Window) points(rec arrow.Record) {
	series := rec.Column(pipeline.PointSeries).(*array.Uint32).Uint32Values()
	times := rec.Column(pipeline.PointTime).(*array.Int64).Int64Values()
	starts := rec.Column(pipeline.PointStart).(*array.Int64).Int64Values()
	values := rec.Column(pipeline.PointValue).(*array.Float64).Float64Values()
	lost := losses{}
	w := &o.none
	for i, s := range series {
		t, v := times[i], values[i]
		if v-v != 0 {
			lost.notFinite++
			continue
		}
		typ := o.types[s]
		if t < w.start || t >= w.end || int(s) >= len(w.cells) || typ == pipeline.Cumulative && w.counters == nil {
			next := o.at(t, s, typ == pipeline.Cumulative, &lost)
			if next == nil {
				continue
			}
			w = next
		}
		switch typ {
		case pipeline.Cumulative:
			w.addCounter(s, t, starts[i], v)
		default:
			w.add(s, t, v, v)
		}
	}
	o.lose(lost)
}

func (o *Window) logs(rec arrow.Record) {
	streams := rec.Column(pipeline.LogStream).(*array.Uint32).Uint32Values()
	times := rec.Column(pipeline.LogTime).(*array.Int64).Int64Values()
	severities := rec.Column(pipeline.LogSeverity).(*array.Uint8).Uint8Values()
	lost := losses{}
	w := &o.none
	for i, s := range streams {
		t := times[i]
		if t < w.start || t >= w.end || int(s) >= len(w.cells) {
			next := o.at(t, s, false, &lost)
			if next == nil {
				continue
			}
			w = next
		}
		errors := 0.0
		if severities[i] >= severityError {
			errors = 1
		}
		w.add(s, t, float64(severities[i]), errors)
	}
	o.lose(lost)
}

type losses struct{ late, limit, notFinite int }

func (o *Window) lose(l losses) {
	if l.late > 0 {
		o.env.Lose("late", l.late)
	}
	if l.limit > 0 {
		o.env.Lose("window_limit", l.limit)
	}
	if l.notFinite > 0 {
		o.env.Lose("not_finite", l.notFinite)
	}
}

// at returns the window of time t with room for series s, or nil after counting the row as lost.
func (o *Window) at(t int64, s uint32, counter bool, lost *losses) *open {
	start := t - t%o.size
	if t < start {
		start -= o.size
	}
	if o.timely && start+o.size <= o.closed {
		lost.late++
		return nil
	}
	i, found := slices.BinarySearchFunc(o.open, start, func(w *open, start int64) int {
		switch {
		case w.start < start:
			return -1
		case w.start > start:
			return 1
		}
		return 0
	})
	var w *open
	if found {
		w = o.open[i]
	} else if w = o.fresh(start); w == nil {
		lost.limit++
		return nil
	}
	if !o.fit(w, s, counter) {
		lost.limit++
		if !found {
			o.recycle(w)
		}
		return nil
	}
	if !found {
		o.open = slices.Insert(o.open, i, w)
	}
	return w
}

// fresh returns an empty window, or nil at the limit.
func (o *Window) fresh(start int64) *open {
	w := &open{}
	if n := len(o.spare); n > 0 {
		w, o.spare = o.spare[n-1], o.spare[:n-1]
	}
	w.clear(start, start+o.size)
	return w
}

// fit makes room for series s, unless that would break the limit.
func (o *Window) fit(w *open, s uint32, counter bool) bool {
	if int(s) < len(w.cells) && (!counter || w.counters != nil) {
		return true
	}
	n, before := len(o.types), w.bytes()
	need := int64(max(n, cap(w.cells))) * bytesPerCell
	if counter || w.counters != nil {
		need += int64(max(n, cap(w.counters))) * bytesPerCounter
	}
	if o.bytes+need-before > o.limit {
		return false
	}
	w.resize(n, counter)
	o.bytes += w.bytes() - before
	return true
}

// recycle keeps a window's memory for the next, within reason.
func (o *Window) recycle(w *open) {
	if len(o.spare) < spareWindows {
		o.spare = append(o.spare, w)
		return
	}
	o.bytes -= w.bytes()
}

// Watermark implements pipeline.Watermarker: it closes the windows that end at or before t.
func (o *Window) Watermark(t int64, out pipeline.Emitter) error {
	if o.timely && t <= o.closed {
		return nil
	}
	o.closed, o.timely = t, true
	for len(o.open) > 0 && o.open[0].end <= t {
		w := o.open[0]
		o.open = slices.Delete(o.open, 0, 1)
		b := o.close(w)
		o.recycle(w)
		if err := out.Emit(b); err != nil {
			return err
		}
	}
	return nil
}

// close makes the batch of a window.
func (o *Window) close(w *open) pipeline.Batch {
	n := w.rows
	series, seriesBytes := column[uint32](o, n, arrow.Uint32Traits.CastFromBytes, arrow.Uint32SizeBytes)
	var ints [3][]int64
	var floats [4][]float64
	buffers := []*memory.Buffer{seriesBytes}
	for i := range ints {
		var b *memory.Buffer
		ints[i], b = column[int64](o, n, arrow.Int64Traits.CastFromBytes, arrow.Int64SizeBytes)
		buffers = append(buffers, b)
	}
	for i := range floats {
		var b *memory.Buffer
		floats[i], b = column[float64](o, n, arrow.Float64Traits.CastFromBytes, arrow.Float64SizeBytes)
		buffers = append(buffers, b)
	}
	row := 0
	for s := range w.cells {
		c := &w.cells[s]
		if c.count == 0 {
			continue
		}
		sum := c.sum
		if o.types[s] == pipeline.Cumulative {
			sum = o.bases.increase(w, s)
		}
		series[row] = uint32(s)
		ints[0][row], ints[1][row], ints[2][row] = w.start, w.end, c.count
		floats[0][row], floats[1][row], floats[2][row], floats[3][row] = sum, c.min, c.max, c.last
		row++
	}
	columns := make([]arrow.Array, len(buffers))
	for i, b := range buffers {
		data := array.NewData(o.schema.Field(i).Type, n, []*memory.Buffer{nil, b}, nil, 0, 0)
		b.Release()
		columns[i] = array.MakeFromData(data)
		data.Release()
	}
	rec := array.NewRecord(o.schema, columns, int64(n))
	for _, c := range columns {
		c.Release()
	}
	return pipeline.Batch{Kind: pipeline.Windows, Record: rec, Series: o.table}
}

func column[T any](o *Window, n int, cast func([]byte) []T, size int) ([]T, *memory.Buffer) {
	b := memory.NewResizableBuffer(o.env.Allocator)
	b.Resize(n * size)
	return cast(b.Bytes())[:n], b
}
