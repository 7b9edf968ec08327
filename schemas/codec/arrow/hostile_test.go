package arrow_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	arrowgo "github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/arrowipc"
	"github.com/homeostat/homeostat/schemas/codec/arrow"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
)

// part is a message of a stream.
type part struct{ meta, body []byte }

func split(stream []byte) (parts []part) {
	for len(stream) > 8 {
		n := int(binary.LittleEndian.Uint32(stream[4:]))
		meta := stream[8 : 8+n]
		body := int(arrowipc.BodyLength(meta))
		parts = append(parts, part{bytes.Clone(meta), bytes.Clone(stream[8+n : 8+n+body])})
		stream = stream[8+n+body:]
	}
	return parts
}

func join(parts ...part) []byte {
	var b []byte
	for _, p := range parts {
		b = binary.LittleEndian.AppendUint32(append(b, arrowipc.Continuation...), uint32(len(p.meta)))
		b = append(append(b, p.meta...), p.body...)
	}
	return append(b, arrowipc.EndOfStream...)
}

// say replaces a number of eight bytes wherever a message's head says it.
func (p part) say(was, is int64) part {
	old, now := binary.LittleEndian.AppendUint64(nil, uint64(was)), binary.LittleEndian.AppendUint64(nil, uint64(is))
	if !bytes.Contains(p.meta, old) {
		panic(fmt.Sprintf("the message does not say %d", was))
	}
	return part{bytes.ReplaceAll(p.meta, old, now), p.body}
}

func hostile(t testing.TB) []codectest.Hostile {
	const broken, limit = "arrow.bytes", "arrow.limit."
	f64 := arrowgo.PrimitiveTypes.Float64
	stream := func(rows string, fields ...arrowgo.Field) []byte {
		rec := table(t, memory.DefaultAllocator, rows, fields...)
		defer rec.Release()
		return write(t, rec)
	}
	sound := stream("["+strings.Repeat(`{"v":1,"l":"abc","d":"x","ts":1795408204407},`, 36)+`{"v":1,"l":"abc","d":"x","ts":1795408204407}]`,
		field("v", f64), field("l", utf8), field("d", coded), field("ts", arrowgo.PrimitiveTypes.Int64))
	parts := split(sound) // schema, dictionary, batch of 37 rows
	head, dict, batch := parts[0], parts[1], parts[2]
	body := func(change func(b []byte)) part {
		b := bytes.Clone(batch.body)
		change(b)
		return part{batch.meta, b}
	}
	find := func(b, what []byte) int {
		at := bytes.Index(b, what)
		if at < 0 {
			panic("not in the body")
		}
		return at
	}
	offsets := binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, 3), 6)
	value := func(v string) []byte {
		return stream(`[{"v":`+v+`,"time":"2026-11-23T04:30:04Z"},{"v":1,"time":"2026-11-23T04:30:04Z"}]`, field("v", f64), field("time", micros))
	}
	in := func(v ...any) []byte {
		b := array.NewRecordBuilder(memory.DefaultAllocator, arrowgo.NewSchema([]arrowgo.Field{field("v", f64), field("l", utf8), field("ts", arrowgo.PrimitiveTypes.Int64)}, nil))
		defer b.Release()
		b.Field(0).(*array.Float64Builder).Append(v[0].(float64))
		b.Field(1).(*array.StringBuilder).Append(v[1].(string))
		b.Field(2).(*array.Int64Builder).Append(v[2].(int64))
		rec := b.NewRecord()
		defer rec.Release()
		return write(t, rec)
	}
	columns := func(n int, name func(int) string) []byte {
		var fields []arrowgo.Field
		for i := range n {
			fields = append(fields, field(name(i), f64))
		}
		return stream(`[{}]`, fields...)
	}
	nested := arrowgo.DataType(arrowgo.PrimitiveTypes.Int8)
	for range 20 {
		nested = arrowgo.ListOf(nested)
	}
	huge := func(n int) []byte { return in(1.0, strings.Repeat("x", n), int64(codectest.Timestamp)) }
	var file bytes.Buffer
	w, err := ipc.NewFileWriter(&discardSeeker{&file}, ipc.WithSchema(arrowgo.NewSchema([]arrowgo.Field{field("v", f64)}, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return []codectest.Hostile{
		{Name: "nothing", Code: "arrow.empty"},
		{Name: "a zero byte", Value: []byte{0}, Code: broken},
		{Name: "zeros", Value: make([]byte, 1000), Code: broken},
		{Name: "ones", Value: bytes.Repeat([]byte{0xff}, 1000), Code: broken},
		{Name: "JSON", Value: []byte(`{"columns":["a","b"],"rows":[[1,2]]}`), Code: broken},
		{Name: "the file format", Value: file.Bytes(), Code: broken},
		{Name: "the beginning of a message", Value: []byte(arrowipc.Continuation), Code: broken},
		{Name: "the end alone", Value: []byte(arrowipc.EndOfStream), Code: broken},
		{Name: "cut off in a head", Value: sound[:40], Code: broken},
		{Name: "cut off in a body", Value: sound[:len(sound)-40], Code: broken},
		{Name: "cut off behind the schema", Value: sound[:8+len(head.meta)]},
		{Name: "no end", Value: sound[:len(sound)-8], Rows: 37},
		{Name: "something behind the end", Value: append(bytes.Clone(sound), 0), Code: broken},
		{Name: "a head of 2 GB", Value: []byte("\xff\xff\xff\xff\xff\xff\xff\x7f\x00\x00\x00\x00"), Code: broken},
		{Name: "a head of zeros", Value: join(part{meta: make([]byte, 256)}), Code: broken},
		{Name: "a head of ones", Value: join(part{meta: bytes.Repeat([]byte{0xff}, 256)}), Code: broken},
		{Name: "a head of four bytes", Value: join(part{meta: []byte{0, 0, 0, 0}}), Code: broken},
		{Name: "no schema", Value: join(dict, batch), Code: broken},
		{Name: "two schemas", Value: join(head, head, dict, batch), Code: broken},
		{Name: "no dictionary", Value: join(head, batch), Code: broken},
		{Name: "the dictionary behind the batch", Value: join(head, batch, dict), Code: broken},
		{Name: "a dictionary again and again", Value: join(slices.Concat([]part{head}, slices.Repeat([]part{dict}, 1000), []part{batch})...), Rows: 37},
		{Name: "batches without rows", Value: join(slices.Concat([]part{head, dict}, slices.Repeat([]part{split(stream("[]", field("v", f64), field("l", utf8), field("d", coded), field("ts", arrowgo.PrimitiveTypes.Int64)))[1]}, 1000))...)},
		{Name: "a body of 2^62 bytes", Value: join(head, dict, batch.say(int64(len(batch.body)), 1<<62)), Code: broken},
		{Name: "a body of less than nothing", Value: join(head, dict, batch.say(int64(len(batch.body)), -8)), Code: broken},
		{Name: "2^40 rows", Value: join(head, dict, batch.say(37, 1<<40)), Code: broken},
		{Name: "a million rows", Value: join(head, dict, batch.say(37, 1_000_000)), Code: limit + "points"},
		{Name: "more rows than there are", Value: join(head, dict, batch.say(37, 99_999)), Code: broken},
		{Name: "fewer rows than there are", Value: join(head, dict, batch.say(37, 36)), Rows: 36},
		{Name: "less than no rows", Value: join(head, dict, batch.say(37, -1)), Code: broken},
		{Name: "a column of 2^62 bytes", Value: join(head, dict, batch.say(37*8, 1<<62)), Code: broken},
		{Name: "a column of less than nothing", Value: join(head, dict, batch.say(37*8, -1)), Code: broken},
		{Name: "a column that is too short", Value: join(head, dict, batch.say(37*8, 36*8)), Code: broken},
		{Name: "texts that are too short", Value: join(head, dict, batch.say(37*3, 36*3)), Code: broken},
		{Name: "texts that end before they begin", Value: join(head, dict, body(func(b []byte) { b[find(b, offsets)] = 9 })), Code: broken},
		{Name: "texts that end far away", Value: join(head, dict, body(func(b []byte) { b[find(b, offsets)+3] = 0x7f })), Code: broken},
		{Name: "an index beyond the dictionary", Value: join(head, dict, body(func(b []byte) { b[bytes.LastIndex(b, make([]byte, 37))] = 1 })), Code: broken},
		{Name: "an index before the dictionary", Value: join(head, dict, body(func(b []byte) { b[bytes.LastIndex(b, make([]byte, 37))] = 0xff })), Code: broken},
		{Name: "compressed", Value: fixtures(t)["pyarrow-compressed.arrows"], Code: broken},
		{Name: "no numbers", Value: stream(`[{"l":"x"}]`, field("l", utf8)), Code: "arrow.no_values"},
		{Name: "no columns", Value: stream(`[{}]`), Code: "arrow.no_values"},
		{Name: "half floats", Value: stream(`[{"v":1}]`, field("v", arrowgo.FixedWidthTypes.Float16)), Code: "arrow.no_values"},
		{Name: "NaN", Value: bytes.ReplaceAll(in(1.5, "x", int64(codectest.Timestamp)), []byte{0, 0, 0, 0, 0, 0, 0xf8, 0x3f}, []byte{0, 0, 0, 0, 0, 0, 0xf8, 0x7f}), Lost: map[string]int{arrow.LostNotFinite: 1}},
		{Name: "an infinity", Value: in(math.Inf(-1), "x", int64(codectest.Timestamp)), Lost: map[string]int{arrow.LostNotFinite: 1}},
		{Name: "null values", Value: value("null"), Rows: 1, Lost: map[string]int{arrow.LostNoValue: 1}},
		{Name: "the year 2286", Value: in(1.0, "x", int64(9_999_999_999_999)), Lost: map[string]int{arrow.LostTimeRange: 1}},
		{Name: "before 1970", Value: in(1.0, "x", int64(-1)), Lost: map[string]int{arrow.LostTimeRange: 1}},
		{Name: "a time of 0", Value: in(1.0, "x", int64(0)), Lost: map[string]int{arrow.LostTimeRange: 1}},
		{Name: "no time at all", Record: &pipeline.Record{Value: stream(`[{"v":1},{"v":1}]`, field("v", f64))}, Lost: map[string]int{arrow.LostNoTime: 2}},
		{Name: "an empty name", Value: stream(`[{"v":1,"name":""},{"v":1}]`, field("v", f64), field("name", utf8)), Lost: map[string]int{arrow.LostNoName: 2}},
		{Name: "a column without name", Value: stream(`[{"":1}]`, field("", f64)), Lost: map[string]int{arrow.LostNoName: 1}},
		{Name: "invalid UTF-8", Value: in(1.0, "\xff\xc3", int64(codectest.Timestamp)), Rows: 1},
		{Name: "a label of 1 MB", Value: huge(1 << 20), Code: limit + "label_bytes"},
		{Name: "a column's name of 1 MB", Value: stream(`[{"`+strings.Repeat("x", 1<<20)+`":1}]`, field(strings.Repeat("x", 1<<20), f64)), Code: limit + "label_bytes"},
		{Name: "130 columns", Value: columns(130, func(i int) string { return fmt.Sprint("c", i) }), Code: limit + "attributes"},
		{Name: "columns of one name", Value: twins(t), Rows: 2},
		{Name: "20 levels", Value: stream(`[{"v":1}]`, field("v", f64), field("x", nested)), Code: limit + "nesting"},
		{Name: "17 MiB", Value: huge(17 << 20), Code: limit + "bytes"},
	}
}

// twins is a stream of two columns of one name.
func twins(t testing.TB) []byte {
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrowgo.NewSchema([]arrowgo.Field{field("c", arrowgo.PrimitiveTypes.Float64), field("c", arrowgo.PrimitiveTypes.Float64)}, nil))
	defer b.Release()
	b.Field(0).(*array.Float64Builder).Append(1)
	b.Field(1).(*array.Float64Builder).Append(2)
	rec := b.NewRecord()
	defer rec.Release()
	return write(t, rec)
}

// discardSeeker lets a file be written to a buffer.
type discardSeeker struct{ *bytes.Buffer }

func (d *discardSeeker) Seek(int64, int) (int64, error) { return int64(d.Len()), nil }

func TestHostile(t *testing.T) {
	corpus := hostile(t)
	if len(corpus) < 30 {
		t.Fatalf("only %d records", len(corpus))
	}
	codectest.RunHostile(t, func() pipeline.Codec { return arrow.New(nil) }, fixtures(t)["pyarrow-wide.arrows"], corpus)
}

// Each bit of a stream may be wrong: that is an error or other rows, and nothing worse.
func TestBentBits(t *testing.T) {
	checker := codectest.NewChecker(func() pipeline.Codec { return arrow.New(pipeline.Settings{"memo": int64(1 << 20)}) })
	for name, stream := range fixtures(t) {
		for at := range stream {
			bent := bytes.Clone(stream)
			bent[at] ^= 1 << (at * 3 % 8)
			checker.Check(t, codectest.Record(bent))
		}
		if got := checker.Check(t, codectest.Record(stream)); (got.Code == "") == strings.Contains(name, "compressed") {
			t.Fatalf("%s: %+v", name, got)
		}
	}
}

// FuzzDecode checks that hostile bytes never panic, that an error leaves nothing behind, and that a codec with memos decodes as one without.
func FuzzDecode(f *testing.F) {
	for _, value := range fixtures(f) {
		f.Add(value)
	}
	for _, h := range hostile(f) {
		if h.Record == nil && len(h.Value) < 1<<13 {
			f.Add(h.Value)
		}
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		checker := codectest.NewChecker(func() pipeline.Codec { return arrow.New(pipeline.Settings{"memo": int64(1 << 20)}) })
		checker.Check(t, codectest.Record(value))
	})
}
