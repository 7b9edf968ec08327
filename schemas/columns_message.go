package schemas

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/homeostat/homeostat/pipeline"
)

// HeaderKind stands on the messages of the columns topic: the kind of their rows.
const HeaderKind = "hs-kind"

// Rows are rows of kind Points or Logs for one message of the columns topic, as slices. Column Series holds indices into
// Dictionary, whose entries are series in bytes (AppendSeries).
type Rows struct {
	Kind       pipeline.Kind
	Dictionary [][]byte
	Series     []int32
	Time       []int64
	// Start and Value are those of points.
	Start []int64
	Value []float64
	// Severity, and Offset and Bytes of the bodies, are those of logs: body i is Bytes[Offset[i]:Offset[i+1]].
	Severity []uint8
	Offset   []int32
	Bytes    []byte
}

var seriesColumn = &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.Binary}

func messageSchema(k pipeline.Kind) *arrow.Schema {
	fields := k.Schema().Fields()
	fields[0].Type = seriesColumn
	return arrow.NewSchema(fields, nil)
}

var (
	pointsMessage = messageSchema(pipeline.Points)
	logsMessage   = messageSchema(pipeline.Logs)
)

// EncodeRows writes rows as an Arrow IPC stream that can be read alone. The rows are borrowed.
func EncodeRows(mem pipeline.Allocator, r *Rows) ([]byte, error) {
	n := len(r.Series)
	series, err := dictionaryOf(mem, r)
	if err != nil {
		return nil, err
	}
	schema, columns := pointsMessage, []arrow.ArrayData{
		series,
		plainColumn(arrow.PrimitiveTypes.Int64, n, arrow.Int64Traits.CastToBytes(r.Time)),
	}
	if r.Kind == pipeline.Points {
		columns = append(columns, plainColumn(arrow.PrimitiveTypes.Int64, n, arrow.Int64Traits.CastToBytes(r.Start)),
			plainColumn(arrow.PrimitiveTypes.Float64, n, arrow.Float64Traits.CastToBytes(r.Value)))
	} else {
		schema = logsMessage
		body := array.NewData(arrow.BinaryTypes.Binary, n, []*memory.Buffer{nil,
			memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(r.Offset)), memory.NewBufferBytes(r.Bytes)}, nil, 0, 0)
		columns = append(columns, plainColumn(arrow.PrimitiveTypes.Uint8, n, r.Severity), body)
	}
	arrays := make([]arrow.Array, len(columns))
	for i, d := range columns {
		arrays[i] = array.MakeFromData(d)
		d.Release()
	}
	rec := array.NewRecord(schema, arrays, int64(n))
	for _, a := range arrays {
		a.Release()
	}
	defer rec.Release()
	var buf bytes.Buffer
	w := ipc.NewWriter(&buf, ipc.WithSchema(schema), ipc.WithAllocator(mem))
	if err := errors.Join(w.Write(rec), w.Close()); err != nil {
		return nil, pipeline.Errorf("columns.encode", "rows can't be written as Arrow IPC: %w", err)
	}
	return buf.Bytes(), nil
}

func dictionaryOf(mem pipeline.Allocator, r *Rows) (arrow.ArrayData, error) {
	size := 0
	for _, e := range r.Dictionary {
		size += len(e)
	}
	if size > 1<<30 {
		return nil, pipeline.Errorf("columns.encode", "BUG: %d bytes of series are too many for one message", size)
	}
	b := array.NewBinaryBuilder(mem, arrow.BinaryTypes.Binary)
	defer b.Release()
	b.Reserve(len(r.Dictionary))
	b.ReserveData(size)
	for _, e := range r.Dictionary {
		b.Append(e)
	}
	dict := b.NewArray()
	defer dict.Release()
	return array.NewDataWithDictionary(seriesColumn, len(r.Series), []*memory.Buffer{nil, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(r.Series))},
		0, 0, dict.Data().(*array.Data)), nil
}

func plainColumn(t arrow.DataType, n int, b []byte) arrow.ArrayData {
	return array.NewData(t, n, []*memory.Buffer{nil, memory.NewBufferBytes(b)}, nil, 0, 0)
}

// RowsReader reads messages of the columns topic for one lane. It remembers the series that it has seen by their bytes, so
// that a series costs a look-up a message. It is used by one goroutine.
type RowsReader struct {
	mem   pipeline.Allocator
	table *pipeline.SeriesTable
	seen  map[string]uint32
}

// NewRowsReader makes a reader that interns series in the lane's table.
func NewRowsReader(mem pipeline.Allocator, table *pipeline.SeriesTable) *RowsReader {
	return &RowsReader{mem: mem, table: table, seen: map[string]uint32{}}
}

// Read makes a batch of a message's rows. Bytes that EncodeRows did not write are an error and cost no more memory than a
// few times their length. The caller owns the batch.
func (r *RowsReader) Read(kind pipeline.Kind, data []byte) (b pipeline.Batch, err error) {
	bad := func(err error) (pipeline.Batch, error) {
		return pipeline.Batch{}, pipeline.Errorf("columns.decode", "a message of the columns topic is not what the contract says: %w", err)
	}
	defer func() {
		if p := recover(); p != nil {
			b, err = bad(fmt.Errorf("malformed Arrow IPC stream: %v", p))
		}
	}()
	if err := framed(data); err != nil {
		return bad(err)
	}
	schema := pointsMessage
	if kind == pipeline.Logs {
		schema = logsMessage
	} else if kind != pipeline.Points {
		return bad(fmt.Errorf("it has no rows of kind %s", kind))
	}
	transient := &bounded{Allocator: memory.NewGoAllocator(), left: 4*len(data) + 64<<10}
	in, err := ipc.NewReader(bytes.NewReader(data), ipc.WithAllocator(transient), ipc.WithSchema(schema))
	if err != nil {
		return bad(err)
	}
	defer in.Release()
	if !in.Next() {
		return bad(fmt.Errorf("no record batch: %v", in.Err()))
	}
	rec := in.Record()
	for i, col := range rec.Columns() {
		if col.NullN() > 0 {
			return bad(fmt.Errorf("column %s has nulls", rec.ColumnName(i)))
		}
	}
	series, err := r.series(rec.Column(0).(*array.Dictionary))
	if err != nil {
		return bad(err)
	}
	columns := append([]arrow.Array{series}, rec.Columns()[1:]...)
	out := array.NewRecord(kind.Schema(), columns, rec.NumRows())
	series.Release()
	return pipeline.Batch{Kind: kind, Record: out, Series: r.table}, nil
}

// series turns a dictionary column into ordinals of the lane.
func (r *RowsReader) series(col *array.Dictionary) (arrow.Array, error) {
	dict := col.Dictionary().(*array.Binary)
	ordinals := make([]uint32, dict.Len())
	for i := range ordinals {
		entry := dict.Value(i)
		ord, ok := r.seen[string(entry)]
		if !ok {
			var err error
			if ord, err = InternSeries(entry, r.table); err != nil {
				return nil, err
			}
			r.seen[string(entry)] = ord
		}
		ordinals[i] = ord
	}
	indices := col.Indices().(*array.Int32).Int32Values()
	out := make([]uint32, len(indices))
	for i, at := range indices {
		if at < 0 || int(at) >= len(ordinals) {
			return nil, fmt.Errorf("row %d is of series %d, which the message does not have", i, at)
		}
		out[i] = ordinals[at]
	}
	data := plainColumn(arrow.PrimitiveTypes.Uint32, len(out), arrow.Uint32Traits.CastToBytes(out))
	defer data.Release()
	return array.MakeFromData(data), nil
}

// framed checks that the stream is made of messages as long as they say: the Arrow reader allocates what the bytes claim.
func framed(data []byte) error {
	for len(data) > 0 {
		if len(data) < 8 || string(data[:4]) != continuation {
			return errors.New("a message does not begin as one")
		}
		size := int(binary.LittleEndian.Uint32(data[4:]))
		if size == 0 {
			if len(data) != 8 {
				return errors.New("it goes on after its end")
			}
			return nil
		}
		if size < 16 || size > len(data)-8 {
			return fmt.Errorf("a message claims %d bytes of metadata and there are %d", size, len(data)-8)
		}
		meta := data[8 : 8+size]
		body := uint64(0)
		if at := tableField(meta, int(binary.LittleEndian.Uint32(meta)), messageBody); at != 0 {
			body = binary.LittleEndian.Uint64(meta[at:])
		}
		data = data[8+size:]
		if body > uint64(len(data)) {
			return fmt.Errorf("a message claims %d bytes and there are %d", body, len(data))
		}
		data = data[body:]
	}
	return errors.New("it is cut off")
}
