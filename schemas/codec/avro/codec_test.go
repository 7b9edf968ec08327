package avro_test

import (
	"math"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	twmb "github.com/twmb/avro"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/avro"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
	"github.com/homeostat/homeostat/schemas/codec/fields"
)

func newCodec(s pipeline.Settings) pipeline.Codec {
	c, err := avro.New(s)
	if err != nil {
		panic(err)
	}
	return c
}

// encode writes a value by a schema, as the library does.
func encode(t testing.TB, schema string, v any) []byte {
	t.Helper()
	s, err := twmb.Parse(schema)
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// record makes the schema of a record called shop.Stats with fields in JSON.
func record(fields ...string) string {
	return `{"type":"record","name":"Stats","namespace":"shop","fields":[` + strings.Join(fields, ",") + `]}`
}

func field(name, typ string) string { return `{"name":"` + name + `","type":` + typ + `}` }

func point(series string, at int64, value float64) codectest.Point {
	return codectest.Point{Series: series, Time: at, Value: value}
}

// now is the time of records that have none of their own.
const now = codectest.Timestamp * 1_000_000

type object = map[string]any

func TestMapping(t *testing.T) {
	const at = 1_700_000_000_000_000_000
	list := func(words ...any) []any { return words }
	for _, c := range []struct {
		name     string
		settings pipeline.Settings
		fields   []string
		value    object
		want     []codectest.Point
		lost     map[string]int
	}{
		{"the usual names", nil, []string{field("name", `"string"`), field("host", `"string"`), field("value", `"double"`), field("timestamp", `"long"`)},
			object{"name": "requests", "host": "a", "value": 1.5, "timestamp": int64(1_700_000_000_000)}, []codectest.Point{point(`requests{host="a"}`, at, 1.5)}, nil},
		{"the record's name", nil, []string{field("value", `"float"`)}, object{"value": float32(1.5)}, []codectest.Point{point("Stats{}", now, 1.5)}, nil},
		{"metric", pipeline.Settings{"metric": "m"}, []string{field("name", `"string"`), field("value", `"int"`)}, object{"name": "x", "value": int32(-3)}, []codectest.Point{point(`m{name="x"}`, now, -3)}, nil},
		{"metric where the name is empty", pipeline.Settings{"metric": "m", "name": list("name")}, []string{field("name", `"string"`), field("value", `"int"`)}, object{"name": "", "value": int32(3)}, []codectest.Point{point("m{}", now, 3)}, nil},
		{"values of a map", nil, []string{field("fields", `{"type":"map","values":"double"}`), field("tags", `{"type":"map","values":"string"}`)},
			object{"fields": map[string]any{"used": 1.0}, "tags": map[string]any{"host": "a", "empty": ""}}, []codectest.Point{point(`Stats_used{host="a"}`, now, 1)}, nil},
		{"values of a record", pipeline.Settings{"values": list("cpu")}, []string{field("cpu", `{"type":"record","name":"Cpu","fields":[{"name":"user","type":"double"},{"name":"ok","type":"boolean"},{"name":"idle","type":["null","long"]},{"name":"state","type":"string"},{"name":"nice","type":["null","long"]}]}`)},
			object{"cpu": object{"user": 2.0, "ok": true, "idle": int64(5), "state": "x", "nice": nil}}, []codectest.Point{point("Stats_user{}", now, 2), point("Stats_idle{}", now, 5)}, map[string]int{fields.LostNoValue: 1}},
		{"values of paths", pipeline.Settings{"values": list("cpu.user", "cpu.idle", "load")}, []string{field("load", `"float"`), field("cpu", `{"type":"record","name":"Cpu","fields":[{"name":"user","type":"double"},{"name":"idle","type":"long"},{"name":"other","type":"long"}]}`)},
			object{"load": float32(.5), "cpu": object{"user": 2.0, "idle": int64(5), "other": int64(9)}}, []codectest.Point{point("Stats_load{}", now, .5), point("Stats_cpu.user{}", now, 2), point("Stats_cpu.idle{}", now, 5)}, nil},
		{"a path through a map", pipeline.Settings{"name": list("labels.__name__"), "labels_object": list(), "labels": list("labels.a.b", "labels.pod")}, []string{field("value", `"double"`), field("labels", `{"type":"map","values":"string"}`)},
			object{"value": 1.0, "labels": map[string]any{"__name__": "up", "a.b": "x", "pod": "p", "other": "o"}}, []codectest.Point{point(`up{labels.a.b="x",labels.pod="p"}`, now, 1)}, nil},
		{"labels of every form", pipeline.Settings{"labels": list("s", "n", "d", "b", "e", "z")}, []string{field("value", `"int"`), field("s", `"string"`), field("n", `"long"`), field("d", `"double"`), field("b", `"boolean"`), field("e", `{"type":"enum","name":"E","symbols":["RED","BLUE"]}`), field("z", `["null","string"]`), field("other", `"string"`)},
			object{"value": int32(1), "s": "x", "n": int64(-7), "d": 0.5, "b": true, "e": "BLUE", "z": nil, "other": "o"}, []codectest.Point{point(`Stats{b="true",d="0.5",e="BLUE",n="-7",s="x"}`, now, 1)}, nil},
		{"all texts", nil, []string{field("value", `"int"`), field("s", `"string"`), field("n", `"long"`), field("e", `{"type":"enum","name":"E","symbols":["RED","BLUE"]}`), field("unit", `"string"`), field("o", `{"type":"record","name":"O","fields":[{"name":"t","type":"string"}]}`), field("u", `["null","string"]`)},
			object{"value": int32(1), "s": "x", "n": int64(-7), "e": "RED", "unit": "ms", "o": object{"t": "y"}, "u": "w"}, []codectest.Point{{Series: `Stats{e="RED",s="x",u="w"}`, Unit: "ms", Time: now, Value: 1}}, nil},
		{"labels that meet", pipeline.Settings{"labels": list("host")}, []string{field("value", `"int"`), field("host", `"string"`), field("tags", `{"type":"map","values":"string"}`)}, object{"value": int32(1), "host": "a", "tags": map[string]any{"host": "b"}}, []codectest.Point{point(`Stats{host="a"}`, now, 1)}, nil},
		{"a text that is a number", nil, []string{field("value", `"string"`)}, object{"value": " 12.5 "}, []codectest.Point{point("Stats{}", now, 12.5)}, nil},
		{"the second value", pipeline.Settings{"value": list("a", "b")}, []string{field("a", `["null","double"]`), field("b", `"double"`)}, object{"a": nil, "b": 2.0}, []codectest.Point{point("Stats{}", now, 2)}, nil},
		{"decimals", pipeline.Settings{"values": list("a", "b", "c")}, []string{field("a", `{"type":"bytes","logicalType":"decimal","precision":10,"scale":2}`), field("b", `{"type":"fixed","name":"F","size":12,"logicalType":"decimal","precision":20,"scale":3}`), field("c", `{"type":"bytes","logicalType":"decimal","precision":30,"scale":0}`)},
			object{"a": big.NewRat(-12345, 100), "b": big.NewRat(7, 2), "c": new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(-10), big.NewInt(21), nil))}, []codectest.Point{point("Stats_a{}", now, -123.45), point("Stats_b{}", now, 3.5), point("Stats_c{}", now, -1e21)}, nil},
		{"logical times", nil, []string{field("value", `"int"`), field("time", `{"type":"long","logicalType":"timestamp-micros"}`)}, object{"value": int32(1), "time": time.Unix(5, 7000).UTC()}, []codectest.Point{point("Stats{}", 5_000_007_000, 1)}, nil},
		{"a logical time in ms", nil, []string{field("value", `"int"`), field("ts", `["null",{"type":"long","logicalType":"timestamp-millis"}]`)}, object{"value": int32(1), "ts": time.Unix(5, 0).UTC()}, []codectest.Point{point("Stats{}", 5_000_000_000, 1)}, nil},
		{"a date", nil, []string{field("value", `"int"`), field("date", `{"type":"int","logicalType":"date"}`)}, object{"value": int32(1), "date": time.Unix(86400, 0).UTC()}, []codectest.Point{point("Stats{}", 86_400_000_000_000, 1)}, nil},
		{"seconds with a fraction", nil, []string{field("value", `"int"`), field("time", `"double"`)}, object{"value": int32(1), "time": 1700000000.25}, []codectest.Point{point("Stats{}", at+250_000_000, 1)}, nil},
		{"a time in words", nil, []string{field("value", `"int"`), field("time", `"string"`)}, object{"value": int32(1), "time": "2023-11-14T22:13:20Z"}, []codectest.Point{point("Stats{}", at, 1)}, nil},
		{"a time of 0", nil, []string{field("value", `"int"`), field("time", `"long"`)}, object{"value": int32(1), "time": int64(0)}, []codectest.Point{point("Stats{}", now, 1)}, nil},
		{"time_unit", pipeline.Settings{"time_unit": "s"}, []string{field("value", `"int"`), field("time", `"int"`)}, object{"value": int32(1), "time": int32(7)}, []codectest.Point{point("Stats{}", 7_000_000_000, 1)}, nil},
		{"times that can't be", nil, []string{field("value", `"int"`), field("time", `"long"`)}, object{"value": int32(1), "time": int64(-5)}, nil, map[string]int{fields.LostTimeRange: 1}},
		{"a time in no form", nil, []string{field("value", `"int"`), field("time", `"string"`)}, object{"value": int32(1), "time": "yesterday"}, nil, map[string]int{fields.LostTimeRange: 1}},
		{"not finite", nil, []string{field("value", `"double"`)}, object{"value": math.NaN()}, nil, map[string]int{fields.LostNotFinite: 1}},
		{"no number", nil, []string{field("value", `"string"`)}, object{"value": "x"}, nil, map[string]int{fields.LostNotNumeric: 1}},
		{"a boolean", nil, []string{field("value", `"boolean"`)}, object{"value": true}, nil, map[string]int{fields.LostNotNumeric: 1}},
		{"null", nil, []string{field("value", `["null","double"]`)}, object{"value": nil}, nil, map[string]int{fields.LostNoValue: 1}},
		{"no value", nil, []string{field("x", `"double"`)}, object{"x": 1.0}, nil, map[string]int{fields.LostNoValue: 1}},
		{"types", pipeline.Settings{"type": "cumulative"}, []string{field("value", `"long"`)}, object{"value": int64(1)}, []codectest.Point{point("Stats:cumulative{}", now, 1)}, nil},
		{"what nobody names is passed over", nil, []string{field("a", `{"type":"array","items":{"type":"map","values":["null","string"]}}`), field("f", `{"type":"fixed","name":"F","size":3}`), field("y", `"bytes"`), field("l", `["null",{"type":"record","name":"L","fields":[{"name":"next","type":["null","L"]},{"name":"n","type":"int"}]}]`), field("value", `"int"`)},
			object{"a": []any{map[string]any{"k": nil, "l": "x"}, map[string]any{}}, "f": []byte("abc"), "y": []byte("xyz"), "l": object{"n": int32(1), "next": object{"n": int32(2), "next": nil}}, "value": int32(7)}, []codectest.Point{point("Stats{}", now, 7)}, nil},
		{"not UTF-8", pipeline.Settings{"labels": list("host")}, []string{field("value", `"int"`), field("host", `"string"`)}, object{"value": int32(1), "host": []byte("\xff")}, []codectest.Point{point("Stats{host=\"\uFFFD\"}", now, 1)}, nil},
	} {
		s := pipeline.Settings{"schema": record(c.fields...)}
		for k, v := range c.settings {
			s[k] = v
		}
		value := encode(t, s.Text("schema"), c.value)
		if c.lost == nil {
			c.lost = map[string]int{}
		}
		check := codectest.NewChecker(func() pipeline.Codec { return newCodec(s) })
		if d := cmp.Diff(codectest.Result{Points: c.want, Lost: c.lost}, check.Check(t, codectest.Record(value))); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}

func TestArraysOfEvents(t *testing.T) {
	s := `{"type":"array","items":["null",` + record(field("value", `"int"`)) + `]}`
	got := codectest.Fresh(t, newCodec(pipeline.Settings{"schema": s}), encode(t, s, []any{object{"value": int32(1)}, nil, object{"value": int32(3)}}))
	want := codectest.Result{Points: []codectest.Point{point("Stats{}", now, 1), point("Stats{}", now, 3)}, Lost: map[string]int{fields.LostNoValue: 1}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestSchemaInAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stats.avsc")
	schema := record(field("value", `"int"`))
	if err := os.WriteFile(path, []byte(schema), 0o600); err != nil {
		t.Fatal(err)
	}
	got := codectest.Fresh(t, newCodec(pipeline.Settings{"schema": path}), encode(t, schema, object{"value": int32(1)}))
	if len(got.Points) != 1 || got.Points[0].Series != "Stats{}" {
		t.Errorf("%+v", got)
	}
}

func TestSettingsThatDoNotWork(t *testing.T) {
	good := record(field("value", `"int"`))
	registry := func(s pipeline.Settings) pipeline.Settings { return pipeline.Settings{"registry": s} }
	for _, c := range []struct {
		settings pipeline.Settings
		code, at string
	}{
		{nil, "avro.schema.origin", ""},
		{pipeline.Settings{"schema": good, "registry": pipeline.Settings{"url": "http://r:8081"}}, "avro.schema.origin", ""},
		{pipeline.Settings{"schema": "none.avsc"}, "avro.schema.file", "schema: "},
		{pipeline.Settings{"schema": "{"}, "avro.schema.syntax", "schema: "},
		{pipeline.Settings{"schema": `{"type":"record","name":"A","fields":[{"name":"b","type":"B"}]}`}, "avro.schema.syntax", "schema: "},
		{pipeline.Settings{"schema": `"double"`}, "avro.schema.record", "schema: "},
		{pipeline.Settings{"schema": `{"type":"map","values":"double"}`}, "avro.schema.record", "schema: "},
		{pipeline.Settings{"schema": good, "value": []any{"a", ""}}, "fields.path", "value[1]: "},
		{pipeline.Settings{"schema": good, "time": []any{"a..b"}}, "fields.path", "time[0]: "},
		{pipeline.Settings{"schema": good, "labels": []any{"a.b.c.d.e.f.g.h.i"}}, "fields.path", "labels[0]: "},
		{registry(pipeline.Settings{"url": "registry:8081"}), "registry.url", "registry.url: "},
		{registry(pipeline.Settings{"url": "ftp://registry"}), "registry.url", "registry.url: "},
		{registry(pipeline.Settings{"url": "http://user:secret@registry"}), "registry.url.secret", "registry.url: "},
		{registry(pipeline.Settings{"url": "http://registry", "user": "u"}), "registry.user", "registry.user: "},
		{registry(pipeline.Settings{"url": "http://registry", "tls": pipeline.Settings{"cert": "c.pem"}}), "registry.tls.pair", "registry.tls: "},
	} {
		_, err := avro.New(c.settings)
		if pipeline.Code(err) != c.code || !strings.HasPrefix(err.Error(), c.at) || strings.Contains(err.Error(), "secret@") {
			t.Errorf("%v: %v", c.settings, err)
		}
	}
}

func TestNoTimeAnywhere(t *testing.T) {
	schema := record(field("value", `"int"`))
	got := codectest.Decode(t, newCodec(pipeline.Settings{"schema": schema}), pipeline.NewSeriesTable(nil, 0), &pipeline.Record{Value: encode(t, schema, object{"value": int32(1)})})
	if got.Lost[fields.LostNoTime] != 1 || len(got.Points) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestSeriesLimit(t *testing.T) {
	schema := record(field("values", `{"type":"array","items":"int"}`), field("fields", `{"type":"map","values":"int"}`))
	c, table := newCodec(pipeline.Settings{"schema": schema}), pipeline.NewSeriesTable(nil, 2)
	value := encode(t, schema, object{"values": []any{}, "fields": map[string]any{"a": int32(1), "b": int32(2), "c": int32(3)}})
	for range 2 {
		if got := codectest.Decode(t, c, table, codectest.Record(value)); len(got.Points) != 2 || got.Lost[fields.LostSeriesLimit] != 1 {
			t.Errorf("%+v", got)
		}
	}
}
