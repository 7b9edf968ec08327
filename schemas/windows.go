package schemas

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/arrowipc"
)

// The body of window.v1: an Arrow IPC stream, one row a series, self-contained: metric, unit, type, labels (JSON
// array of [name, value]), entity, system, domain, then start, end, count, sum, min, max, last as in pipeline.Windows.
func windowSchema() *arrow.Schema {
	str := arrow.BinaryTypes.String
	fields := []arrow.Field{
		{Name: "metric", Type: str}, {Name: "unit", Type: str}, {Name: "type", Type: arrow.PrimitiveTypes.Uint8},
		{Name: "labels", Type: str}, {Name: "entity", Type: str}, {Name: "system", Type: str}, {Name: "domain", Type: str},
	}
	return arrow.NewSchema(append(fields, pipeline.Windows.Schema().Fields()[pipeline.WindowStart:]...), nil)
}

const windowNumbers = 7 // index of start in the body

// EncodeWindows writes the given rows of a batch of kind Windows as the body of a window.v1 event.
func EncodeWindows(mem pipeline.Allocator, b pipeline.Batch, rows []int) ([]byte, error) {
	rb := array.NewRecordBuilder(mem, windowSchema())
	defer rb.Release()
	series := b.Record.Column(pipeline.WindowSeries).(*array.Uint32)
	for _, i := range rows {
		s := b.Series.At(series.Value(i))
		labels, err := encodeLabels(s.Labels)
		if err != nil {
			return nil, pipeline.Errorf("window.labels", "labels of series %s can't be written as JSON: %w", s.Key(), err)
		}
		for col, text := range [...]string{s.Metric, s.Unit, "", labels, s.Entity, s.System, s.Domain} {
			if col == 2 {
				rb.Field(col).(*array.Uint8Builder).Append(uint8(s.Type))
				continue
			}
			rb.Field(col).(*array.StringBuilder).Append(text)
		}
		for k := 0; k < 7; k++ {
			switch col := b.Record.Column(pipeline.WindowStart + k).(type) {
			case *array.Int64:
				rb.Field(windowNumbers + k).(*array.Int64Builder).Append(col.Value(i))
			case *array.Float64:
				rb.Field(windowNumbers + k).(*array.Float64Builder).Append(col.Value(i))
			}
		}
	}
	rec := rb.NewRecord()
	defer rec.Release()
	var buf bytes.Buffer
	w := ipc.NewWriter(&buf, ipc.WithSchema(rec.Schema()), ipc.WithAllocator(mem))
	if err := w.Write(rec); err != nil {
		return nil, pipeline.Errorf("window.encode", "closed windows can't be written as Arrow IPC: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, pipeline.Errorf("window.encode", "closed windows can't be written as Arrow IPC: %w", err)
	}
	return buf.Bytes(), nil
}

// DecodeWindows reads the body of a window.v1 event into a batch of kind Windows, interning its series in table. Bytes that
// are no such body, whole and uncompressed, are an error and cost no more memory than a few times their length. The
// caller owns the batch.
func DecodeWindows(mem pipeline.Allocator, data []byte, table *pipeline.SeriesTable) (b pipeline.Batch, err error) {
	bad := func(err error) (pipeline.Batch, error) {
		return pipeline.Batch{}, pipeline.Errorf("window.decode", "body of a window.v1 event is not what the contract says: %w", err)
	}
	// The Arrow reader panics on some malformed bytes; a foreign record must not end the process.
	defer func() {
		if p := recover(); p != nil {
			b, err = bad(fmt.Errorf("malformed Arrow IPC stream: %v", p))
		}
	}()
	messages, err := windowMessages(data)
	if err != nil {
		return bad(err)
	}
	// What the reader allocates goes when it panics, too: it comes from Go's heap, within bounds.
	transient := arrowipc.Bounded(2*len(data) + 64<<10)
	r, err := ipc.NewReaderFromMessageReader(messages, ipc.WithAllocator(transient), ipc.WithSchema(windowSchema()))
	if err != nil {
		return bad(err)
	}
	defer r.Release()
	if !r.Next() {
		return bad(fmt.Errorf("no record batch: %v", r.Err()))
	}
	rb := array.NewRecordBuilder(mem, pipeline.Windows.Schema())
	defer rb.Release()
	if err := appendWindows(rb, r.Record(), table); err != nil {
		return bad(err)
	}
	return pipeline.Batch{Kind: pipeline.Windows, Record: rb.NewRecord(), Series: table}, nil
}

func appendWindows(rb *array.RecordBuilder, rec arrow.Record, table *pipeline.SeriesTable) error {
	str := func(col, i int) string { return strings.Clone(rec.Column(col).(*array.String).Value(i)) }
	for i, col := range rec.Columns() {
		if col.NullN() > 0 {
			return fmt.Errorf("column %s has nulls", rec.ColumnName(i))
		}
	}
	start, end := rec.Column(windowNumbers).(*array.Int64), rec.Column(windowNumbers+1).(*array.Int64)
	for i := 0; i < int(rec.NumRows()); i++ {
		labels, err := decodeLabels(rec.Column(3).(*array.String).Value(i))
		if err != nil {
			return err
		}
		typ := pipeline.SeriesType(rec.Column(2).(*array.Uint8).Value(i))
		if typ > pipeline.Stream {
			return fmt.Errorf("row %d has series type %d, which does not exist", i, typ)
		}
		if start.Value(i) != start.Value(0) || end.Value(i) != end.Value(0) || start.Value(i) >= end.Value(i) {
			return fmt.Errorf("row %d is of window %d to %d, which is empty or not that of the first row", i, start.Value(i), end.Value(i))
		}
		ord, err := table.InternScoped(str(0, i), str(1, i), typ, labels, pipeline.Scope{Entity: str(4, i), System: str(5, i), Domain: str(6, i)})
		if err != nil {
			return err
		}
		rb.Field(pipeline.WindowSeries).(*array.Uint32Builder).Append(ord)
		for k := 0; k < 7; k++ {
			switch col := rec.Column(windowNumbers + k).(type) {
			case *array.Int64:
				rb.Field(pipeline.WindowStart + k).(*array.Int64Builder).Append(col.Value(i))
			case *array.Float64:
				rb.Field(pipeline.WindowStart + k).(*array.Float64Builder).Append(col.Value(i))
			}
		}
	}
	return nil
}

func encodeLabels(ls pipeline.Labels) (string, error) {
	pairs := make([][2]string, len(ls))
	for i, l := range ls {
		pairs[i] = [2]string{l.Name, l.Value}
	}
	raw, err := json.Marshal(pairs)
	return string(raw), err
}

func decodeLabels(text string) ([]pipeline.Label, error) {
	var pairs [][2]string
	if err := json.Unmarshal([]byte(text), &pairs); err != nil {
		return nil, err
	}
	ls := make([]pipeline.Label, len(pairs))
	for i, p := range pairs {
		ls[i] = pipeline.Label{Name: p[0], Value: p[1]}
	}
	return pipeline.NewLabels(ls), nil
}
