package operatortest

import (
	"sort"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/homeostat/homeostat/pipeline"
)

// Input is what an operator is given: rows and watermarks in order. The kit decides how the rows are cut into batches.
// Times are Unix nanoseconds. One goroutine uses it.
type Input struct {
	series []definition
	index  map[string]uint32
	steps  []step
	block  []window
}

type definition struct {
	metric, unit string
	typ          pipeline.SeriesType
	labels       []pipeline.Label
	scope        *pipeline.Scope
}

// step is rows of one kind, or a watermark.
type step struct {
	kind      pipeline.Kind
	rows      *array.RecordBuilder
	record    arrow.Record
	watermark int64
	revision  int64 // of windows
	end       int64 // of windows that are revised
}

type window struct {
	series              uint32
	start, end, count   int64
	sum, min, max, last float64
}

// NewInput makes an empty input.
func NewInput() *Input { return &Input{index: map[string]uint32{}} }

// Series defines a series with its unit and scope, for what its key does not say. It may be left out otherwise.
func (in *Input) Series(key, unit string, scope pipeline.Scope) {
	i := in.seriesOf(key)
	in.series[i].unit, in.series[i].scope = unit, &scope
}

// Point adds one sample. start is 0 if unknown.
func (in *Input) Point(key string, at, start int64, value float64) {
	s := in.seriesOf(key)
	b := in.builder(pipeline.Points)
	b.Field(0).(*array.Uint32Builder).Append(s)
	b.Field(1).(*array.Int64Builder).Append(at)
	b.Field(2).(*array.Int64Builder).Append(start)
	b.Field(3).(*array.Float64Builder).Append(value)
}

// Points adds samples at equal distances.
func (in *Input) Points(key string, at, every time.Duration, values ...float64) {
	for i, v := range values {
		in.Point(key, int64(at)+int64(i)*int64(every), 0, v)
	}
}

// Log adds one log record.
func (in *Input) Log(key string, at int64, severity uint8, body string) {
	s := in.seriesOf(key)
	b := in.builder(pipeline.Logs)
	b.Field(0).(*array.Uint32Builder).Append(s)
	b.Field(1).(*array.Int64Builder).Append(at)
	b.Field(2).(*array.Uint8Builder).Append(severity)
	b.Field(3).(*array.BinaryBuilder).Append([]byte(body))
}

// Window adds one closed window of a series. Windows that are added one after the other are sorted by their end, and
// the watermark of its end follows each.
func (in *Input) Window(key string, start, end, count int64, sum, min, max, last float64) {
	in.block = append(in.block, window{in.seriesOf(key), start, end, count, sum, min, max, last})
}

// Windows adds adjacent windows of one point each (for a stream: of v records) from a time on.
func (in *Input) Windows(key string, at, size time.Duration, values ...float64) {
	stream := in.series[in.seriesOf(key)].typ == pipeline.Stream
	for i, v := range values {
		start := int64(at) + int64(i)*int64(size)
		if stream {
			in.Window(key, start, start+int64(size), int64(v), 0, 0, 0, 0)
			continue
		}
		in.Window(key, start, start+int64(size), 1, v, v, v, v)
	}
}

// Revised adds one window of a series that was opened again and is told anew. Calls one after the other with the same window
// and revision are rows of one batch. No watermark follows.
func (in *Input) Revised(revision int64, key string, start, end, count int64, sum, min, max, last float64) {
	s := in.seriesOf(key)
	in.flush()
	var b *array.RecordBuilder
	if n := len(in.steps); n > 0 && in.steps[n-1].rows != nil && in.steps[n-1].revision == revision && in.steps[n-1].end == end {
		b = in.steps[n-1].rows
	} else {
		b = array.NewRecordBuilder(memory.NewGoAllocator(), pipeline.Windows.Schema())
		in.steps = append(in.steps, step{kind: pipeline.Windows, rows: b, revision: revision, end: end})
	}
	appendWindow(b, window{s, start, end, count, sum, min, max, last})
}

// Batch adds the rows of a batch of kind Events, and takes the batch over.
func (in *Input) Batch(b pipeline.Batch) {
	if b.Kind != pipeline.Events {
		panic("BUG: Input.Batch takes events; rows with series are added by key")
	}
	in.flush()
	in.steps = append(in.steps, step{kind: b.Kind, record: b.Record})
}

// Watermark adds the promise that no row before t follows.
func (in *Input) Watermark(t int64) {
	in.flush()
	in.steps = append(in.steps, step{watermark: t})
}

func (in *Input) seriesOf(key string) uint32 {
	if i, ok := in.index[key]; ok {
		return i
	}
	d, err := parseKey(key)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	i := uint32(len(in.series))
	in.series = append(in.series, d)
	in.index[key] = i
	return i
}

// builder returns the builder that rows of the kind go to: the last step's if it is of that kind.
func (in *Input) builder(kind pipeline.Kind) *array.RecordBuilder {
	if kind != pipeline.Windows {
		in.closeBlock()
	}
	if n := len(in.steps); n > 0 && in.steps[n-1].kind == kind && in.steps[n-1].rows != nil && in.steps[n-1].revision == 0 {
		return in.steps[n-1].rows
	}
	b := array.NewRecordBuilder(memory.NewGoAllocator(), kind.Schema())
	in.steps = append(in.steps, step{kind: kind, rows: b})
	return b
}

// closeBlock writes the gathered windows as steps.
func (in *Input) closeBlock() {
	block := in.block
	in.block = nil
	sort.SliceStable(block, func(i, j int) bool {
		if block[i].end != block[j].end {
			return block[i].end < block[j].end
		}
		return block[i].series < block[j].series
	})
	for i, w := range block {
		appendWindow(in.builder(pipeline.Windows), w)
		if i+1 == len(block) || block[i+1].end != w.end {
			in.steps = append(in.steps, step{watermark: w.end})
		}
	}
}

func appendWindow(b *array.RecordBuilder, w window) {
	b.Field(0).(*array.Uint32Builder).Append(w.series)
	for col, v := range []int64{w.start, w.end, w.count} {
		b.Field(1 + col).(*array.Int64Builder).Append(v)
	}
	for col, v := range []float64{w.sum, w.min, w.max, w.last} {
		b.Field(4 + col).(*array.Float64Builder).Append(v)
	}
}

func (in *Input) flush() { in.closeBlock() }

// finish makes records of all rows.
func (in *Input) finish() {
	in.flush()
	for i := range in.steps {
		if s := &in.steps[i]; s.rows != nil {
			s.record, s.rows = s.rows.NewRecord(), nil
		}
	}
}

// timeOf returns the time of a row as watermarks see it: the end of a window, else its event time.
func timeOf(kind pipeline.Kind, rec arrow.Record, row int) int64 {
	col := map[pipeline.Kind]int{
		pipeline.Points: pipeline.PointTime, pipeline.Logs: pipeline.LogTime,
		pipeline.Windows: pipeline.WindowEnd, pipeline.Events: pipeline.EventTime,
	}[kind]
	return rec.Column(col).(*array.Int64).Value(row)
}

// late tells whether a row that comes after watermark w breaks its promise.
func late(kind pipeline.Kind, t, w int64) bool {
	if kind == pipeline.Windows {
		return t <= w
	}
	return t < w
}
