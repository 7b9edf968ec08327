package pipeline

import (
	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// Columns gathers the rows that codecs decode, as slices, and makes batches of them without copying. One lane owns
// it and reuses it; the slices are handed over with each batch.
type Columns struct {
	Series *SeriesTable
	// Points: four parallel slices.
	PointSeries []uint32
	PointTime   []int64
	PointStart  []int64
	PointValue  []float64
	// Logs: parallel slices; body i is LogBytes[LogOffset[i]:LogOffset[i+1]].
	LogStream   []uint32
	LogTime     []int64
	LogSeverity []uint8
	LogOffset   []int32
	LogBytes    []byte
	// Lost counts rows of the record that its codec understood but could not use, by reason; reset by the lane.
	Lost map[string]int

	points, logs *arrow.Schema
	mark         mark
}

type mark struct{ points, logs, bytes int }

// NewColumns makes empty columns for the lane that owns the table.
func NewColumns(table *SeriesTable) *Columns {
	return &Columns{Series: table, LogOffset: []int32{0}, Lost: map[string]int{}, points: Points.Schema(), logs: Logs.Schema()}
}

// Point appends one sample. start is 0 if unknown.
func (c *Columns) Point(series uint32, time, start int64, value float64) {
	c.PointSeries = append(c.PointSeries, series)
	c.PointTime = append(c.PointTime, time)
	c.PointStart = append(c.PointStart, start)
	c.PointValue = append(c.PointValue, value)
}

// Log appends one log record; body is copied.
func (c *Columns) Log(stream uint32, time int64, severity uint8, body []byte) {
	c.LogStream = append(c.LogStream, stream)
	c.LogTime = append(c.LogTime, time)
	c.LogSeverity = append(c.LogSeverity, severity)
	c.LogBytes = append(c.LogBytes, body...)
	c.LogOffset = append(c.LogOffset, int32(len(c.LogBytes)))
}

// Lose counts n rows that can't be used.
func (c *Columns) Lose(reason string, n int) { c.Lost[reason] += n }

// Mark remembers the present end, for Rollback and for the rows of one record.
func (c *Columns) Mark() {
	c.mark = mark{len(c.PointSeries), len(c.LogStream), len(c.LogBytes)}
}

// Marked returns the number of points and logs at the last Mark.
func (c *Columns) Marked() (points, logs int) { return c.mark.points, c.mark.logs }

// Rollback discards what was appended since the last Mark.
func (c *Columns) Rollback() {
	c.PointSeries, c.PointTime = c.PointSeries[:c.mark.points], c.PointTime[:c.mark.points]
	c.PointStart, c.PointValue = c.PointStart[:c.mark.points], c.PointValue[:c.mark.points]
	c.LogStream, c.LogTime, c.LogSeverity = c.LogStream[:c.mark.logs], c.LogTime[:c.mark.logs], c.LogSeverity[:c.mark.logs]
	c.LogOffset, c.LogBytes = c.LogOffset[:c.mark.logs+1], c.LogBytes[:c.mark.bytes]
}

// Keep drops the rows since the last Mark for which keep is false, keeping order, and returns how many went.
// It is asked by event time.
func (c *Columns) Keep(keep func(time int64) bool) (dropped int) {
	w := c.mark.points
	for i := c.mark.points; i < len(c.PointTime); i++ {
		if !keep(c.PointTime[i]) {
			dropped++
			continue
		}
		c.PointSeries[w], c.PointTime[w], c.PointStart[w], c.PointValue[w] = c.PointSeries[i], c.PointTime[i], c.PointStart[i], c.PointValue[i]
		w++
	}
	c.PointSeries, c.PointTime, c.PointStart, c.PointValue = c.PointSeries[:w], c.PointTime[:w], c.PointStart[:w], c.PointValue[:w]

	w, end := c.mark.logs, int32(c.mark.bytes)
	for i := c.mark.logs; i < len(c.LogTime); i++ {
		from, to := c.LogOffset[i], c.LogOffset[i+1]
		if !keep(c.LogTime[i]) {
			dropped++
			continue
		}
		c.LogStream[w], c.LogTime[w], c.LogSeverity[w] = c.LogStream[i], c.LogTime[i], c.LogSeverity[i]
		copy(c.LogBytes[end:], c.LogBytes[from:to])
		end += to - from
		w++
		c.LogOffset[w] = end
	}
	c.LogStream, c.LogTime, c.LogSeverity = c.LogStream[:w], c.LogTime[:w], c.LogSeverity[:w]
	c.LogOffset, c.LogBytes = c.LogOffset[:w+1], c.LogBytes[:end]
	return dropped
}

// Batches hands over what was gathered as at most one batch of points and one of logs, and starts anew with slices of
// the same capacity. The caller owns the batches.
func (c *Columns) Batches(pos Position) []Batch {
	var out []Batch
	if n := len(c.PointSeries); n > 0 {
		out = append(out, c.batch(Points, c.points, n, pos,
			fixed(arrow.PrimitiveTypes.Uint32, n, arrow.Uint32Traits.CastToBytes(c.PointSeries)),
			fixed(arrow.PrimitiveTypes.Int64, n, arrow.Int64Traits.CastToBytes(c.PointTime)),
			fixed(arrow.PrimitiveTypes.Int64, n, arrow.Int64Traits.CastToBytes(c.PointStart)),
			fixed(arrow.PrimitiveTypes.Float64, n, arrow.Float64Traits.CastToBytes(c.PointValue))))
		room := roomAfter(n, cap(c.PointSeries))
		c.PointSeries, c.PointTime = make([]uint32, 0, room), make([]int64, 0, room)
		c.PointStart, c.PointValue = make([]int64, 0, room), make([]float64, 0, room)
	}
	if n := len(c.LogStream); n > 0 {
		body := array.NewData(arrow.BinaryTypes.Binary, n, []*memory.Buffer{nil,
			memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(c.LogOffset)), memory.NewBufferBytes(c.LogBytes)}, nil, 0, 0)
		out = append(out, c.batch(Logs, c.logs, n, pos,
			fixed(arrow.PrimitiveTypes.Uint32, n, arrow.Uint32Traits.CastToBytes(c.LogStream)),
			fixed(arrow.PrimitiveTypes.Int64, n, arrow.Int64Traits.CastToBytes(c.LogTime)),
			fixed(arrow.PrimitiveTypes.Uint8, n, c.LogSeverity), body))
		room, bytes := roomAfter(n, cap(c.LogStream)), roomAfter(len(c.LogBytes), cap(c.LogBytes))
		c.LogStream, c.LogTime = make([]uint32, 0, room), make([]int64, 0, room)
		c.LogSeverity, c.LogBytes = make([]uint8, 0, room), make([]byte, 0, bytes)
		c.LogOffset = append(make([]int32, 0, room+1), 0)
	}
	c.mark = mark{}
	return out
}

// roomAfter is the room for the next rows after n were gathered in that room. It follows what comes: after a catch-up the large room is
// given up step by step, or each of many small batches would clear megabytes.
func roomAfter(n, room int) int {
	if n < room/4 {
		return room / 2
	}
	return room
}

func (c *Columns) batch(kind Kind, schema *arrow.Schema, rows int, pos Position, data ...arrow.ArrayData) Batch {
	cols := make([]arrow.Array, len(data))
	for i, d := range data {
		cols[i] = array.MakeFromData(d)
		d.Release()
	}
	rec := array.NewRecord(schema, cols, int64(rows))
	for _, col := range cols {
		col.Release()
	}
	return Batch{Kind: kind, Record: rec, Series: c.Series, Position: pos}
}

func fixed(t arrow.DataType, n int, bytes []byte) arrow.ArrayData {
	return array.NewData(t, n, []*memory.Buffer{nil, memory.NewBufferBytes(bytes)}, nil, 0, 0)
}
