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
	"github.com/homeostat/homeostat/schemas/arrowipc"
)

// HeaderKind stands on the messages of the columns topic: the kind of their rows.
const HeaderKind = "hs-kind"

// Rows are rows of kind Points or Logs for one message of the columns topic, as slices. Column Series holds indices into
// the dictionary, whose entries are series in bytes (AppendSeries): entry i is Dictionary[Entry[i]:Entry[i+1]].
type Rows struct {
	Kind       pipeline.Kind
	Dictionary []byte
	Entry      []int32
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

// EncodeRows writes rows as an Arrow IPC stream that can be read alone. The rows are borrowed. There has to be at least one.
func EncodeRows(r *Rows) ([]byte, error) {
	if len(r.Series) == 0 || len(r.Dictionary) > 1<<30 {
		return nil, pipeline.Errorf("columns.encode", "BUG: %d rows of %d bytes of series are no message", len(r.Series), len(r.Dictionary))
	}
	f := framesOf(r.Kind)
	dictionary := [][]byte{nil, arrow.Int32Traits.CastToBytes(r.Entry), r.Dictionary}
	record := [][]byte{nil, arrow.Int32Traits.CastToBytes(r.Series), nil, arrow.Int64Traits.CastToBytes(r.Time), nil}
	if r.Kind == pipeline.Points {
		record = append(record, arrow.Int64Traits.CastToBytes(r.Start), nil, arrow.Float64Traits.CastToBytes(r.Value))
	} else {
		record = append(record, r.Severity, nil, arrow.Int32Traits.CastToBytes(r.Offset), r.Bytes)
	}
	out := make([]byte, 0, len(f.schema)+f.dictionary.size(dictionary)+f.record.size(record)+len(arrowipc.EndOfStream))
	out = append(out, f.schema...)
	out = f.dictionary.append(out, len(r.Entry)-1, dictionary)
	out = f.record.append(out, len(r.Series), record)
	return append(out, arrowipc.EndOfStream...), nil
}

// encodeArrow writes rows by Arrow's own writer. The format is what it makes of it.
func encodeArrow(r *Rows) ([]byte, error) {
	n := len(r.Series)
	entries := array.NewData(arrow.BinaryTypes.Binary, len(r.Entry)-1, []*memory.Buffer{nil,
		memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(r.Entry)), memory.NewBufferBytes(r.Dictionary)}, nil, 0, 0)
	series := array.NewDataWithDictionary(seriesColumn, n, []*memory.Buffer{nil, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(r.Series))}, 0, 0, entries)
	entries.Release()
	schema, columns := pointsMessage, []arrow.ArrayData{series, plainColumn(arrow.PrimitiveTypes.Int64, n, arrow.Int64Traits.CastToBytes(r.Time))}
	if r.Kind == pipeline.Points {
		columns = append(columns, plainColumn(arrow.PrimitiveTypes.Int64, n, arrow.Int64Traits.CastToBytes(r.Start)),
			plainColumn(arrow.PrimitiveTypes.Float64, n, arrow.Float64Traits.CastToBytes(r.Value)))
	} else {
		schema = logsMessage
		columns = append(columns, plainColumn(arrow.PrimitiveTypes.Uint8, n, r.Severity), textColumn(n, r.Offset, r.Bytes))
	}
	rec := recordOf(schema, n, columns)
	defer rec.Release()
	var buf bytes.Buffer
	w := ipc.NewWriter(&buf, ipc.WithSchema(schema))
	err := errors.Join(w.Write(rec), w.Close())
	return buf.Bytes(), err
}

// recordOf makes a record and gives the columns' data up.
func recordOf(schema *arrow.Schema, n int, columns []arrow.ArrayData) arrow.Record {
	arrays := make([]arrow.Array, len(columns))
	for i, d := range columns {
		arrays[i] = array.MakeFromData(d)
		d.Release()
	}
	rec := array.NewRecord(schema, arrays, int64(n))
	for _, a := range arrays {
		a.Release()
	}
	return rec
}

func textColumn(n int, offsets []int32, content []byte) arrow.ArrayData {
	return array.NewData(arrow.BinaryTypes.Binary, n, []*memory.Buffer{nil,
		memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(offsets)), memory.NewBufferBytes(content)}, nil, 0, 0)
}

func plainColumn(t arrow.DataType, n int, b []byte) arrow.ArrayData {
	return array.NewData(t, n, []*memory.Buffer{nil, memory.NewBufferBytes(b)}, nil, 0, 0)
}

// RowsReader reads messages of the columns topic for one lane. It remembers the series that it has seen by their bytes, so
// that a series costs a look-up a message. It is used by one goroutine.
type RowsReader struct {
	table *pipeline.SeriesTable
	seen  map[string]uint32
	full  bool // the present message has a series that the table has no room for
}

// NewRowsReader makes a reader that interns series in the lane's table.
func NewRowsReader(table *pipeline.SeriesTable) *RowsReader {
	return &RowsReader{table: table, seen: map[string]uint32{}}
}

// Read makes a batch of a message's rows; refused are those left out because their series is new and the lane's table is full.
// Bytes that EncodeRows did not write are an error and cost no more memory than a few times their length. The bytes are
// borrowed; the caller owns the batch.
func (r *RowsReader) Read(kind pipeline.Kind, data []byte) (b pipeline.Batch, refused int, err error) {
	bad := func(err error) (pipeline.Batch, int, error) {
		return pipeline.Batch{}, 0, pipeline.Errorf("columns.decode", "a message of the columns topic is not what the contract says: %w", err)
	}
	if kind != pipeline.Points && kind != pipeline.Logs {
		return bad(fmt.Errorf("it has no rows of kind %s", kind))
	}
	rec, err := r.read(kind, data)
	if errors.Is(err, errFrame) {
		rec, err = r.readArrow(kind, data)
	}
	if err != nil {
		return bad(err)
	}
	if rows := rec.NumRows(); r.full {
		rec = admitted(kind, rec)
		refused = int(rows - rec.NumRows())
	}
	return pipeline.Batch{Kind: kind, Record: rec, Series: r.table}, refused, nil
}

// admitted returns the rows whose series have an ordinal. It takes the record over.
func admitted(kind pipeline.Kind, rec arrow.Record) arrow.Record {
	defer rec.Release()
	out := array.NewRecordBuilder(memory.DefaultAllocator, kind.Schema())
	defer out.Release()
	series := rec.Column(0).(*array.Uint32)
	for row := range int(rec.NumRows()) {
		if series.Value(row) == pipeline.Gone {
			continue
		}
		for c, col := range rec.Columns() {
			switch col := col.(type) {
			case *array.Uint32:
				out.Field(c).(*array.Uint32Builder).Append(col.Value(row))
			case *array.Int64:
				out.Field(c).(*array.Int64Builder).Append(col.Value(row))
			case *array.Uint8:
				out.Field(c).(*array.Uint8Builder).Append(col.Value(row))
			case *array.Float64:
				out.Field(c).(*array.Float64Builder).Append(col.Value(row))
			case *array.Binary:
				out.Field(c).(*array.BinaryBuilder).Append(col.Value(row))
			}
		}
	}
	return out.NewRecord()
}

// read reads a message that is framed as EncodeRows frames it.
func (r *RowsReader) read(kind pipeline.Kind, data []byte) (arrow.Record, error) {
	entries, dictionary, rows, record, err := framesOf(kind).cut(kind, data)
	if err != nil {
		return nil, err
	}
	// One copy of the fixed columns, aligned: the message is borrowed, and a batch's columns are not.
	entry := make([]int32, entries+1)
	copy(arrow.Int32Traits.CastToBytes(entry), dictionary[1])
	indices := make([]int32, rows)
	copy(arrow.Int32Traits.CastToBytes(indices), record[1])
	series, err := r.series(indices, entries, func(i int) ([]byte, error) { return piece(entry, dictionary[2], i) })
	if err != nil {
		return nil, err
	}
	times := make([]int64, rows)
	copy(arrow.Int64Traits.CastToBytes(times), record[3])
	columns := []arrow.ArrayData{plainColumn(arrow.PrimitiveTypes.Uint32, rows, arrow.Uint32Traits.CastToBytes(series)),
		plainColumn(arrow.PrimitiveTypes.Int64, rows, arrow.Int64Traits.CastToBytes(times))}
	if kind == pipeline.Points {
		starts, values := make([]int64, rows), make([]float64, rows)
		copy(arrow.Int64Traits.CastToBytes(starts), record[5])
		copy(arrow.Float64Traits.CastToBytes(values), record[7])
		columns = append(columns, plainColumn(arrow.PrimitiveTypes.Int64, rows, arrow.Int64Traits.CastToBytes(starts)),
			plainColumn(arrow.PrimitiveTypes.Float64, rows, arrow.Float64Traits.CastToBytes(values)))
		return recordOf(kind.Schema(), rows, columns), nil
	}
	offsets := make([]int32, rows+1)
	copy(arrow.Int32Traits.CastToBytes(offsets), record[7])
	for i := range rows {
		if _, err := piece(offsets, record[8], i); err != nil {
			return nil, err
		}
	}
	columns = append(columns, plainColumn(arrow.PrimitiveTypes.Uint8, rows, bytes.Clone(record[5])), textColumn(rows, offsets, bytes.Clone(record[8])))
	return recordOf(kind.Schema(), rows, columns), nil
}

// readArrow reads any stream of the schema, as another version of Arrow may frame its batches.
func (r *RowsReader) readArrow(kind pipeline.Kind, data []byte) (_ arrow.Record, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("malformed Arrow IPC stream: %v", p)
		}
	}()
	if err := framed(kind, data); err != nil {
		return nil, err
	}
	schema := pointsMessage
	if kind == pipeline.Logs {
		schema = logsMessage
	}
	transient := arrowipc.Bounded(4*len(data) + 64<<10)
	in, err := ipc.NewReader(bytes.NewReader(data), ipc.WithAllocator(transient), ipc.WithSchema(schema))
	if err != nil {
		return nil, err
	}
	defer in.Release()
	if !in.Next() {
		return nil, fmt.Errorf("no record batch: %v", in.Err())
	}
	rec := in.Record()
	for i, col := range rec.Columns() {
		if col.NullN() > 0 {
			return nil, fmt.Errorf("column %s has nulls", rec.ColumnName(i))
		}
	}
	coded := rec.Column(0).(*array.Dictionary)
	dict := coded.Dictionary().(*array.Binary)
	ordinals, err := r.series(coded.Indices().(*array.Int32).Int32Values(), dict.Len(), func(i int) ([]byte, error) { return dict.Value(i), nil })
	if err != nil {
		return nil, err
	}
	data32 := plainColumn(arrow.PrimitiveTypes.Uint32, len(ordinals), arrow.Uint32Traits.CastToBytes(ordinals))
	series := array.MakeFromData(data32)
	data32.Release()
	defer series.Release()
	return array.NewRecord(kind.Schema(), append([]arrow.Array{series}, rec.Columns()[1:]...), rec.NumRows()), nil
}

// series turns indices into a dictionary into ordinals of the lane.
func (r *RowsReader) series(indices []int32, entries int, entry func(int) ([]byte, error)) ([]uint32, error) {
	ordinals := make([]uint32, entries)
	r.full = false
	for i := range ordinals {
		name, err := entry(i)
		if err != nil {
			return nil, err
		}
		ord, ok := r.seen[string(name)]
		if !ok {
			switch ord, err = InternSeries(name, r.table); {
			case pipeline.Code(err) == "series.limit":
				ord, r.full = pipeline.Gone, true
			case err != nil:
				return nil, err
			default:
				r.seen[string(name)] = ord
			}
		}
		ordinals[i] = ord
	}
	out := make([]uint32, len(indices))
	for i, at := range indices {
		if at < 0 || int(at) >= len(ordinals) {
			return nil, fmt.Errorf("row %d is of series %d, which the message does not have", i, at)
		}
		out[i] = ordinals[at]
	}
	return out, nil
}

// framed checks that the stream begins with the schema as we write it, and is made of messages as long as they say: the Arrow
// reader allocates what the bytes claim, for each vector of a schema too.
func framed(kind pipeline.Kind, data []byte) error {
	data, ok := bytes.CutPrefix(data, framesOf(kind).schema)
	if !ok {
		return fmt.Errorf("it does not begin with the schema of %s", kind)
	}
	for len(data) > 0 {
		if len(data) < 8 || string(data[:4]) != arrowipc.Continuation {
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
		body := arrowipc.BodyLength(data[8 : 8+size])
		data = data[8+size:]
		if body > uint64(len(data)) {
			return fmt.Errorf("a message claims %d bytes and there are %d", body, len(data))
		}
		data = data[body:]
	}
	return errors.New("it is cut off")
}
