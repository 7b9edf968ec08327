package window

import (
	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/homeostat/homeostat/pipeline"
)

// columns is the columns of one batch of windows while it is filled.
type columns struct {
	s       *shared
	rows    int
	buffers [8]*memory.Buffer
	series  []uint32
	ints    [3][]int64
	floats  [4][]float64
}

// columns makes room for n rows.
func (s *shared) columns(n int) *columns {
	c := &columns{s: s}
	c.series, c.buffers[pipeline.WindowSeries] = column[uint32](s, n, arrow.Uint32Traits.CastFromBytes, arrow.Uint32SizeBytes)
	for i := range c.ints {
		c.ints[i], c.buffers[pipeline.WindowStart+i] = column[int64](s, n, arrow.Int64Traits.CastFromBytes, arrow.Int64SizeBytes)
	}
	for i := range c.floats {
		c.floats[i], c.buffers[pipeline.WindowSum+i] = column[float64](s, n, arrow.Float64Traits.CastFromBytes, arrow.Float64SizeBytes)
	}
	return c
}

func column[T any](s *shared, n int, cast func([]byte) []T, size int) ([]T, *memory.Buffer) {
	b := memory.NewResizableBuffer(s.env.Allocator)
	b.Resize(n * size)
	return cast(b.Bytes())[:n], b
}

// put writes a row.
func (c *columns) put(series uint32, start, end, count int64, sum, least, most, last float64) {
	i := c.rows
	c.series[i] = series
	c.ints[0][i], c.ints[1][i], c.ints[2][i] = start, end, count
	c.floats[0][i], c.floats[1][i], c.floats[2][i], c.floats[3][i] = sum, least, most, last
	c.rows++
}

// batch makes the batch; all rows that there is room for have been put.
func (c *columns) batch(revision int64) pipeline.Batch {
	arrays := make([]arrow.Array, len(c.buffers))
	for i, b := range c.buffers {
		data := array.NewData(c.s.schema.Field(i).Type, c.rows, []*memory.Buffer{nil, b}, nil, 0, 0)
		b.Release()
		arrays[i] = array.MakeFromData(data)
		data.Release()
	}
	rec := array.NewRecord(c.s.schema, arrays, int64(c.rows))
	for _, a := range arrays {
		a.Release()
	}
	return pipeline.Batch{Kind: pipeline.Windows, Record: rec, Series: c.s.table, Revision: revision}
}
