package arrow_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"strings"
	"testing"

	arrowgo "github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/arrow"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
)

// write makes a stream of records by Arrow's own writer.
func write(t testing.TB, records ...arrowgo.Record) []byte {
	t.Helper()
	var b bytes.Buffer
	w := ipc.NewWriter(&b, ipc.WithSchema(records[0].Schema()), ipc.WithDictionaryDeltas(len(records)%2 == 0))
	for _, rec := range records {
		if err := w.Write(rec); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// table makes a record of JSON rows.
func table(t testing.TB, alloc memory.Allocator, rows string, fields ...arrowgo.Field) arrowgo.Record {
	t.Helper()
	rec, _, err := array.RecordFromJSON(alloc, arrowgo.NewSchema(fields, nil), strings.NewReader(rows))
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

func field(name string, typ arrowgo.DataType) arrowgo.Field {
	return arrowgo.Field{Name: name, Type: typ, Nullable: true}
}

var (
	utf8   = arrowgo.BinaryTypes.String
	coded  = &arrowgo.DictionaryType{IndexType: arrowgo.PrimitiveTypes.Int8, ValueType: arrowgo.BinaryTypes.String}
	micros = &arrowgo.TimestampType{Unit: arrowgo.Microsecond, TimeZone: "UTC"}
)

// fixtures are streams of this repository's own making: the one that the README names.
func fixtures(t testing.TB) map[string][]byte {
	t.Helper()
	return codectest.Fixtures(t, "testdata/*.arrows")
}

type oracle struct{ codectest.Result }

// consult says what a stream makes with the default settings, by Arrow's own reader. It shares no code with the codec.
func consult(t testing.TB, stream []byte) codectest.Result {
	t.Helper()
	r, err := ipc.NewReader(bytes.NewReader(stream))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	out := oracle{codectest.Result{Lost: map[string]int{}}}
	for r.Next() {
		rec := r.Record()
		timeCol, nameCol := -1, -1
		var values, labels []int
		for _, want := range []string{"ts", "timestamp", "time"} { // the last found is the first listed
			for i, f := range rec.Schema().Fields() {
				_, stamp := f.Type.(*arrowgo.TimestampType)
				if f.Name == want && (stamp || f.Type.ID() == arrowgo.INT64) {
					timeCol = i
				}
			}
		}
		for i, f := range rec.Schema().Fields() {
			switch f.Type.ID() {
			case arrowgo.STRING, arrowgo.LARGE_STRING, arrowgo.BINARY, arrowgo.DICTIONARY:
				if f.Name == "name" {
					nameCol = i
				} else {
					labels = append(labels, i)
				}
			case arrowgo.INT8, arrowgo.INT16, arrowgo.INT32, arrowgo.INT64, arrowgo.UINT8, arrowgo.UINT16, arrowgo.UINT32, arrowgo.UINT64, arrowgo.FLOAT32, arrowgo.FLOAT64:
				if i != timeCol {
					values = append(values, i)
				}
			}
		}
		for row := range int(rec.NumRows()) {
			for _, v := range values {
				out.add(rec, row, timeCol, nameCol, v, labels, len(values) > 1)
			}
		}
	}
	if r.Err() != nil {
		t.Fatal(r.Err())
	}
	return out.Result
}

// cell returns a text; "" for null.
func cell(a arrowgo.Array, row int) string {
	if a.IsNull(row) {
		return ""
	}
	switch a := a.(type) {
	case *array.Dictionary:
		return cell(a.Dictionary(), a.GetValueIndex(row))
	case *array.Binary:
		return string(a.Value(row))
	}
	return a.(interface{ Value(int) string }).Value(row)
}

func (o *oracle) add(rec arrowgo.Record, row, timeCol, nameCol, valueCol int, labels []int, several bool) {
	column := rec.Column(valueCol)
	when := int64(codectest.Timestamp * 1e6)
	inTime := true
	if timeCol >= 0 && !rec.Column(timeCol).IsNull(row) {
		switch a := rec.Column(timeCol).(type) {
		case *array.Timestamp:
			unit := a.DataType().(*arrowgo.TimestampType).Unit.Multiplier().Nanoseconds()
			when = int64(a.Value(row)) * unit
			inTime = int64(a.Value(row)) > 0 && int64(a.Value(row)) <= math.MaxInt64/unit
		case *array.Int64: // the tests have milliseconds there
			when = a.Value(row) * 1e6
			inTime = a.Value(row) > 0
		}
	}
	var value float64
	switch a := column.(type) {
	case *array.Int8:
		value = float64(a.Value(row))
	case *array.Int16:
		value = float64(a.Value(row))
	case *array.Int32:
		value = float64(a.Value(row))
	case *array.Int64:
		value = float64(a.Value(row))
	case *array.Uint8:
		value = float64(a.Value(row))
	case *array.Uint16:
		value = float64(a.Value(row))
	case *array.Uint32:
		value = float64(a.Value(row))
	case *array.Uint64:
		value = float64(a.Value(row))
	case *array.Float32:
		value = float64(a.Value(row))
	case *array.Float64:
		value = a.Value(row)
	}
	name := rec.ColumnName(valueCol)
	noName := false
	if nameCol >= 0 {
		first := strings.ToValidUTF8(cell(rec.Column(nameCol), row), "\uFFFD")
		if noName = first == ""; several {
			first += "." + name
		}
		name = first
	}
	switch {
	case !inTime:
		o.Lost[arrow.LostTimeRange]++
	case noName:
		o.Lost[arrow.LostNoName]++
	case column.IsNull(row):
		o.Lost[arrow.LostNoValue]++
	case math.IsNaN(value) || math.IsInf(value, 0):
		o.Lost[arrow.LostNotFinite]++
	default:
		var list []pipeline.Label
		for _, i := range labels {
			if v := cell(rec.Column(i), row); v != "" {
				list = append(list, pipeline.Label{Name: rec.ColumnName(i), Value: strings.ToValidUTF8(v, "\uFFFD")})
			}
		}
		sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
		o.Points = append(o.Points, codectest.Point{Series: pipeline.SeriesKey(name, pipeline.Gauge, list), Time: when, Value: value})
	}
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// random makes records of one random schema.
func random(t testing.TB, r *rand.Rand, alloc memory.Allocator) []arrowgo.Record {
	p := arrowgo.PrimitiveTypes
	fields := []arrowgo.Field{}
	if r.IntN(4) > 0 {
		fields = append(fields, field("ts", pick[arrowgo.DataType](r, &arrowgo.TimestampType{Unit: arrowgo.Second}, &arrowgo.TimestampType{Unit: arrowgo.Millisecond, TimeZone: "Europe/Berlin"}, micros, &arrowgo.TimestampType{Unit: arrowgo.Nanosecond}, p.Int64)))
	}
	if r.IntN(2) == 0 {
		fields = append(fields, field("name", pick[arrowgo.DataType](r, utf8, coded)))
	}
	for i := range 1 + r.IntN(3) {
		fields = append(fields, field(fmt.Sprint("v", i), pick(r, p.Int8, p.Int16, p.Int32, p.Int64, p.Uint8, p.Uint16, p.Uint32, p.Uint64, p.Float32, p.Float64, p.Float64)))
	}
	for i := range r.IntN(4) {
		fields = append(fields, field(fmt.Sprint("label", i), pick[arrowgo.DataType](r, utf8, arrowgo.BinaryTypes.LargeString, arrowgo.BinaryTypes.Binary, coded, &arrowgo.DictionaryType{IndexType: p.Uint32, ValueType: utf8})))
	}
	for i := range r.IntN(3) { // what is passed over
		fields = append(fields, field(fmt.Sprint("x", i), pick[arrowgo.DataType](r, arrowgo.FixedWidthTypes.Boolean, arrowgo.FixedWidthTypes.Date32, arrowgo.ListOf(p.Int32), arrowgo.StructOf(field("a", p.Int8), field("b", arrowgo.ListOf(utf8))), arrowgo.Null,
			arrowgo.FixedSizeListOf(2, p.Float32), &arrowgo.FixedSizeBinaryType{ByteWidth: 3}, arrowgo.MapOf(utf8, p.Int16), &arrowgo.Decimal128Type{Precision: 9, Scale: 2})))
	}
	r.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
	schema := arrowgo.NewSchema(fields, nil)
	var out []arrowgo.Record
	b := array.NewRecordBuilder(alloc, schema)
	defer b.Release()
	for range 1 + r.IntN(3) {
		for range r.IntN(20) {
			for i, f := range fields {
				fill(t, r, b.Field(i), f)
			}
		}
		out = append(out, b.NewRecord())
	}
	return out
}

func fill(t testing.TB, r *rand.Rand, b array.Builder, f arrowgo.Field) {
	if r.IntN(8) == 0 {
		b.AppendNull()
		return
	}
	text := pick(r, "a", "", "größe", "x\xff", strings.Repeat("long", r.IntN(40)), "b", "c")
	switch b := b.(type) {
	case *array.TimestampBuilder:
		b.Append(pick(r, 1_795_408_204, arrowgo.Timestamp(r.Int64N(9e9)), 0, -1, math.MaxInt64))
	case *array.StringBuilder:
		b.Append(text)
	case *array.LargeStringBuilder:
		b.Append(text)
	case *array.BinaryBuilder:
		b.Append([]byte(text))
	case *array.BinaryDictionaryBuilder:
		if err := b.AppendString(text); err != nil {
			t.Fatal(err)
		}
	case *array.Float64Builder:
		b.Append(pick(r, 0, 1.5, math.NaN(), math.Inf(1), r.NormFloat64(), math.MaxFloat64))
	case *array.Float32Builder:
		b.Append(pick(r, 0, 1.5, float32(math.NaN()), float32(math.Inf(-1)), float32(r.NormFloat64())))
	case *array.Int64Builder:
		if f.Name == "ts" {
			b.Append(codectest.Timestamp + r.Int64N(1e9))
			return
		}
		b.Append(int64(r.Uint64()))
	case *array.Int8Builder:
		b.Append(int8(r.Uint64()))
	case *array.Int16Builder:
		b.Append(int16(r.Uint64()))
	case *array.Int32Builder:
		b.Append(int32(r.Uint64()))
	case *array.Uint8Builder:
		b.Append(uint8(r.Uint64()))
	case *array.Uint16Builder:
		b.Append(uint16(r.Uint64()))
	case *array.Uint32Builder:
		b.Append(uint32(r.Uint64()))
	case *array.Uint64Builder:
		b.Append(r.Uint64())
	default:
		b.AppendEmptyValue()
	}
}

// What Arrow's own writer writes is read as its own reader reads it, whatever the schema, with memos and without.
func TestRandomStreams(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	checker := codectest.NewChecker(func() pipeline.Codec { return arrow.New(nil) })
	rows := 0
	for seed := range uint64(600) {
		records := random(t, rand.New(rand.NewPCG(seed, 1)), alloc)
		stream := write(t, records...)
		for _, rec := range records {
			rec.Release()
		}
		want := consult(t, stream)
		if d := cmp.Diff(want, checker.Check(t, codectest.Record(stream))); d != "" {
			t.Fatalf("seed %d (-arrow +codec):\n%s", seed, d)
		}
		rows += len(want.Points)
	}
	if rows < 2000 {
		t.Fatalf("only %d rows: the shapes are too poor", rows)
	}
}
