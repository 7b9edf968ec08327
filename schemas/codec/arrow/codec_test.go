package arrow_test

import (
	"fmt"
	"testing"

	arrowgo "github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/arrow"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
)

const at = codectest.Timestamp * 1e6

func TestPyarrowInWords(t *testing.T) {
	points := map[string][]codectest.Point{
		"pyarrow-wide.arrows": {
			{Series: `cpu.usage{host="web-1",region="eu-1"}`, Time: at, Value: 0.5}, {Series: `requests{host="web-1",region="eu-1"}`, Time: at, Value: 12},
			{Series: `cpu.usage{host="web-2"}`, Time: at + 10e9, Value: 0.75}, {Series: `requests{host="web-2"}`, Time: at + 10e9, Value: 0},
			{Series: `requests{host="web-1",region="eu-1"}`, Time: at, Value: 7},
		},
		"pyarrow-narrow.arrows": {{Series: `load1{host="web-1"}`, Time: at, Value: 0.25}, {Series: `load5{host="web-1"}`, Time: at, Value: 0.5}},
	}
	lost := map[string]map[string]int{"pyarrow-wide.arrows": {arrow.LostNoValue: 1}, "pyarrow-narrow.arrows": {arrow.LostNotFinite: 1}}
	for name, want := range points {
		got := codectest.Fresh(t, arrow.New(nil), fixtures(t)[name])
		if d := cmp.Diff(codectest.Result{Points: want, Lost: lost[name]}, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	if got := codectest.Fresh(t, arrow.New(nil), fixtures(t)["pyarrow-compressed.arrows"]); got.Code != "arrow.bytes" {
		t.Errorf("compressed: %+v", got)
	}
}

func TestSettings(t *testing.T) {
	fields := []arrowgo.Field{field("when", micros), field("t", arrowgo.PrimitiveTypes.Int64), field("kind", utf8), field("a", arrowgo.PrimitiveTypes.Float64), field("b", arrowgo.PrimitiveTypes.Int32), field("host", coded), field("note", utf8)}
	rec := table(t, memory.DefaultAllocator, `[{"when":"2026-11-23T04:30:05Z","t":1795408206,"kind":"cpu","a":1.5,"b":7,"host":"h","note":"n"}]`, fields...)
	defer rec.Release()
	stream := write(t, rec)
	const later = 1_795_408_205_000_000_000
	for _, c := range []struct {
		name     string
		settings pipeline.Settings
		want     []codectest.Point
		code     string
	}{
		{name: "one value", settings: pipeline.Settings{"time": []any{"no", "when"}, "values": []any{"a"}, "labels": []any{"host"}}, want: []codectest.Point{{Series: `a{host="h"}`, Time: later, Value: 1.5}}},
		{name: "a name and a value", settings: pipeline.Settings{"time": []any{"t"}, "name": []any{"kind"}, "values": []any{"b"}, "labels": []any{"host"}}, want: []codectest.Point{{Series: `cpu{host="h"}`, Time: later + 1e9, Value: 7}}},
		{name: "a name and values", settings: pipeline.Settings{"time": []any{"t"}, "time_unit": "s", "name": []any{"kind"}, "values": []any{"b", "a"}, "type": "cumulative"},
			want: []codectest.Point{{Series: `cpu.b:cumulative{host="h",note="n"}`, Time: later + 1e9, Value: 7}, {Series: `cpu.a:cumulative{host="h",note="n"}`, Time: later + 1e9, Value: 1.5}}},
		{name: "no time", settings: pipeline.Settings{"values": []any{"a"}, "labels": []any{"note"}, "type": "delta"}, want: []codectest.Point{{Series: `a:delta{note="n"}`, Time: at, Value: 1.5}}},
		{name: "a column that is missing", settings: pipeline.Settings{"values": []any{"c"}}, code: "arrow.no_column"},
		{name: "a column of another type", settings: pipeline.Settings{"labels": []any{"a"}}, code: "arrow.no_column"},
		{name: "a unit that does not fit", settings: pipeline.Settings{"time": []any{"t"}, "time_unit": "ms", "values": []any{"a"}, "labels": []any{"host"}}, want: []codectest.Point{{Series: `a{host="h"}`, Time: 1_795_408_206e6, Value: 1.5}}},
	} {
		got := codectest.Fresh(t, arrow.New(c.settings), stream)
		if d := cmp.Diff(codectest.Result{Points: c.want, Lost: map[string]int{}, Code: c.code}, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}

func TestLimits(t *testing.T) {
	stream := func(rows string, fields ...arrowgo.Field) []byte {
		rec := table(t, memory.DefaultAllocator, rows, fields...)
		defer rec.Release()
		return write(t, rec)
	}
	value, label := field("v", arrowgo.PrimitiveTypes.Float64), field("l", utf8)
	nested := func(depth int) arrowgo.Field {
		typ := arrowgo.DataType(arrowgo.PrimitiveTypes.Int8)
		for range depth {
			typ = arrowgo.ListOf(typ)
		}
		return field("x", typ)
	}
	sound := stream(`[{"v":1,"l":"abc"}]`, value, label)
	for _, c := range []struct {
		name      string
		settings  pipeline.Settings
		good, bad []byte
		code      string
	}{
		{"bytes", pipeline.Settings{"max_bytes": int64(len(sound))}, sound, append(append([]byte{}, sound...), 0), "arrow.limit.bytes"},
		{"points", pipeline.Settings{"max_points": int64(2)}, stream(`[{"v":1},{"v":1}]`, value), stream(`[{"v":1},{"v":1},{"v":1}]`, value), "arrow.limit.points"},
		{"columns", pipeline.Settings{"max_attributes": int64(2)}, sound, stream(`[{"v":1}]`, value, nested(1)), "arrow.limit.attributes"},
		{"text", pipeline.Settings{"max_label_bytes": int64(5)}, sound, stream(`[{"v":1,"l":"abcd"}]`, value, label), "arrow.limit.label_bytes"},
		{"nesting", pipeline.Settings{"max_nesting": int64(3)}, stream(`[{"v":1}]`, value, nested(2)), stream(`[{"v":1}]`, value, nested(3)), "arrow.limit.nesting"},
	} {
		codec, table := arrow.New(c.settings), pipeline.NewSeriesTable(nil, 0)
		if got := codectest.Decode(t, codec, table, codectest.Record(c.good)); got.Code != "" || len(got.Points) == 0 {
			t.Errorf("%s, within: %+v", c.name, got)
		}
		if got := codectest.Decode(t, codec, table, codectest.Record(c.bad)); got.Code != c.code {
			t.Errorf("%s, beyond: %+v, want %s", c.name, got, c.code)
		}
	}
}

func TestSeriesLimit(t *testing.T) {
	rec := table(t, memory.DefaultAllocator, `[{"v":1,"l":"a"},{"v":1,"l":"b"},{"v":1,"l":"a"},{"v":1,"l":"c"}]`, field("v", arrowgo.PrimitiveTypes.Float64), field("l", coded))
	defer rec.Release()
	stream := write(t, rec)
	codec, table := arrow.New(nil), pipeline.NewSeriesTable(nil, 1)
	for range 2 {
		got := codectest.Decode(t, codec, table, codectest.Record(stream))
		if len(got.Points) != 2 || got.Lost[arrow.LostSeriesLimit] != 2 {
			t.Fatalf("%+v", got)
		}
	}
}

// wide makes a stream of 1,000 rows of 200 series.
func wide(t testing.TB) []byte {
	rows := "["
	for i := range 1000 {
		rows += fmt.Sprintf(`{"ts":"2026-11-23T04:30:%02dZ","host":"host-%03d.example.org","route":"/api/v1/thing%02d","v":%d.5},`, i%60, i%50, i%4, i)
	}
	rec := table(t, memory.DefaultAllocator, rows[:len(rows)-1]+"]", field("ts", micros), field("host", coded), field("route", utf8), field("v", arrowgo.PrimitiveTypes.Float64))
	defer rec.Release()
	return write(t, rec)
}

func TestDecodingAllocatesNothing(t *testing.T) {
	codec, out := arrow.New(nil), pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0))
	rec := codectest.Record(wide(t))
	decode := func() {
		out.Mark()
		if err := codec.Decode(rec, out); err != nil {
			t.Fatal(err)
		}
		out.Rollback()
	}
	decode()
	if n := testing.AllocsPerRun(20, decode); n != 0 {
		t.Fatalf("%v allocations for 1,000 rows, want none", n)
	}
}

func BenchmarkDecode(b *testing.B) {
	codec, out := arrow.New(nil), pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0))
	rec := codectest.Record(wide(b))
	b.ReportAllocs()
	points := 0
	for b.Loop() {
		out.Mark()
		if err := codec.Decode(rec, out); err != nil {
			b.Fatal(err)
		}
		points += len(out.PointSeries)
		out.Rollback()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(points), "ns/point")
}
