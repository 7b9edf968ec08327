package schemas_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"runtime"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

func TestWindowsRoundTrip(t *testing.T) {
	for _, n := range []int{0, 1, 100} {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		b := windowBatch(t, mem, n)
		body, err := schemas.EncodeWindows(mem, b, rows(n))
		if err != nil {
			t.Fatal(err)
		}
		table := pipeline.NewSeriesTable(nil, 0)
		if _, err := table.Intern("another series", "", pipeline.Gauge, nil); err != nil { // so that ordinals differ
			t.Fatal(err)
		}
		got, err := schemas.DecodeWindows(mem, body, table)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(windowRows(b), windowRows(got)); d != "" {
			t.Errorf("%d rows (-wrote +read)\n%s", n, d)
		}
		got.Release()
		b.Release()
		mem.AssertSize(t, 0)
	}
}

func TestWindowsChosenRows(t *testing.T) {
	b := windowBatch(t, memory.DefaultAllocator, 5)
	defer b.Release()
	body, err := schemas.EncodeWindows(memory.DefaultAllocator, b, []int{3, 1})
	if err != nil {
		t.Fatal(err)
	}
	got, err := schemas.DecodeWindows(memory.DefaultAllocator, body, pipeline.NewSeriesTable(nil, 0))
	if err != nil {
		t.Fatal(err)
	}
	defer got.Release()
	all := windowRows(b)
	if d := cmp.Diff([]windowRow{all[3], all[1]}, windowRows(got)); d != "" {
		t.Errorf("rows differ\n%s", d)
	}
}

type windowRow struct {
	Series  pipeline.Series
	Ints    [3]int64
	Numbers [4]float64
}

func windowRows(b pipeline.Batch) []windowRow {
	out := make([]windowRow, b.Rows())
	for i := range out {
		r := &out[i]
		r.Series = *b.Series.At(b.Record.Column(pipeline.WindowSeries).(*array.Uint32).Value(i))
		for k := range r.Ints {
			r.Ints[k] = b.Record.Column(pipeline.WindowStart + k).(*array.Int64).Value(i)
		}
		for k := range r.Numbers {
			r.Numbers[k] = b.Record.Column(pipeline.WindowSum + k).(*array.Float64).Value(i)
		}
	}
	return out
}

// The reader compares the schema message with the stored one; a version of Arrow that writes another has to be told of.
func TestWindowSchemaMessageIsWhatTheWriterWrites(t *testing.T) {
	stored, err := os.ReadFile("window_schema.arrow")
	if err != nil {
		t.Fatal(err)
	}
	if body := sampleWindow(t).event.Data; !bytes.HasPrefix(body, stored) {
		t.Error("bodies of window.v1 begin otherwise than readers expect: accept the new schema message as a second one, as logs hold the old")
	}
}

func TestDecodeWindowsRefuses(t *testing.T) {
	good := sampleWindow(t).event.Data
	flip := func(change func([]byte)) []byte {
		b := append([]byte(nil), good...)
		change(b)
		return b
	}
	stored, err := os.ReadFile("window_schema.arrow")
	if err != nil {
		t.Fatal(err)
	}
	meta := len(stored) + 8
	for name, body := range map[string][]byte{
		"nothing":             nil,
		"garbage":             []byte("hello"),
		"the schema alone":    stored,
		"another schema":      arrowStream(t, nil),
		"no end":              good[:len(good)-8],
		"metadata of 4 GB":    flip(func(b []byte) { binary.LittleEndian.PutUint32(b[meta-4:], 1<<31-1) }),
		"no metadata":         flip(func(b []byte) { binary.LittleEndian.PutUint32(b[meta-4:], 0) }),
		"metadata of garbage": flip(func(b []byte) { clear(b[meta : meta+64]) }),
		"something behind":    append(append([]byte(nil), good...), good...),
		"compressed":          rewritten(t, good, nil, ipc.WithZstd()),
		"nulls": rewritten(t, good, func(rb *array.RecordBuilder) {
			for _, f := range rb.Fields() {
				f.AppendNull()
			}
		}),
		"a series type that is none": rewritten(t, good, func(rb *array.RecordBuilder) { rb.Field(2).(*array.Uint8Builder).Append(9); fill(rb, 2) }),
		"labels that are none":       rewritten(t, good, func(rb *array.RecordBuilder) { rb.Field(3).(*array.StringBuilder).Append("{"); fill(rb, 3) }),
		"two windows":                rewritten(t, good, func(rb *array.RecordBuilder) { rb.Field(8).(*array.Int64Builder).Append(t0 + 20*second); fill(rb, 8) }),
		"a window that ends before it starts": rewritten(t, good, func(rb *array.RecordBuilder) {
			rb.Field(7).(*array.Int64Builder).Append(t0 + 20*second)
			fill(rb, 7)
		}),
	} {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		if b, err := schemas.DecodeWindows(mem, body, pipeline.NewSeriesTable(nil, 0)); pipeline.Code(err) != "window.decode" {
			t.Errorf("%s: %d rows, error %v", name, b.Rows(), err)
		}
		mem.AssertSize(t, 0)
	}
}

// fill appends a valid value to all columns but one.
func fill(rb *array.RecordBuilder, but int) {
	for i, f := range rb.Fields() {
		if i == but {
			continue
		}
		switch f := f.(type) {
		case *array.StringBuilder:
			f.Append("[]")
		case *array.Uint8Builder:
			f.Append(0)
		case *array.Int64Builder:
			f.Append(map[int]int64{7: t0, 8: t0 + 10*second}[i])
		case *array.Float64Builder:
			f.Append(0)
		}
	}
}

// rewritten reads a body with Arrow itself and writes it again with other options, one row added.
func rewritten(t *testing.T, body []byte, add func(*array.RecordBuilder), opts ...ipc.Option) []byte {
	t.Helper()
	r, err := ipc.NewReader(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	if !r.Next() {
		t.Fatal(r.Err())
	}
	rec := r.Record()
	if add != nil {
		rb := array.NewRecordBuilder(memory.DefaultAllocator, r.Schema())
		defer rb.Release()
		fill(rb, -1)
		add(rb)
		rec = rb.NewRecord()
		defer rec.Release()
	}
	return arrowStream(t, rec, opts...)
}

func arrowStream(t *testing.T, rec arrow.Record, opts ...ipc.Option) []byte {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{{Name: "x", Type: arrow.PrimitiveTypes.Int64}}, nil)
	if rec != nil {
		schema = rec.Schema()
	}
	var buf bytes.Buffer
	w := ipc.NewWriter(&buf, append(opts, ipc.WithSchema(schema))...)
	if rec != nil {
		if err := w.Write(rec); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestDecodeWindowsHonoursTheSeriesLimit(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	if _, err := schemas.DecodeWindows(mem, sampleWindow(t).event.Data, pipeline.NewSeriesTable(nil, 1)); pipeline.Code(err) != "window.decode" {
		t.Errorf("error %v", err)
	}
}

// FuzzDecodeWindows puts the schema before the bytes unless they are whole: with it wrong nothing else is looked at.
func FuzzDecodeWindows(f *testing.F) {
	schema, err := os.ReadFile("window_schema.arrow")
	if err != nil {
		f.Fatal(err)
	}
	for n := range 3 {
		b := windowBatch(f, memory.DefaultAllocator, n)
		body, err := schemas.EncodeWindows(memory.DefaultAllocator, b, rows(n))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body[len(schema):], false)
		f.Add(body, true)
		b.Release()
	}
	f.Fuzz(func(t *testing.T, data []byte, whole bool) {
		if !whole {
			data = append(append([]byte(nil), schema...), data...)
		}
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		b, err := schemas.DecodeWindows(mem, data, pipeline.NewSeriesTable(nil, 1000))
		runtime.ReadMemStats(&after)
		if grown := after.TotalAlloc - before.TotalAlloc; grown > uint64(64*len(data)+4<<20) {
			t.Errorf("%d bytes cost %d bytes of memory", len(data), grown)
		}
		if err == nil {
			windowRows(b)
			b.Release()
		}
		mem.AssertSize(t, 0)
	})
}
