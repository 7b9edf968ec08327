package avro_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	twmb "github.com/twmb/avro"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
)

// consult decodes a record with the library, and maps what it sees as the documentation of the package says: for schemas with the
// fields that randomSchema makes.
func consult(v object, fields []string) codectest.Result {
	r := codectest.Result{Lost: map[string]int{}}
	labels := map[string]string{}
	number := func(v any) (float64, bool) {
		switch v := v.(type) {
		case int32:
			return float64(v), true
		case int64:
			return float64(v), true
		case float32:
			return float64(v), true
		case float64:
			return v, true
		}
		return 0, false
	}
	if tags, ok := v["tags"].(object); ok {
		for name, value := range tags {
			labels[name] = value.(string)
		}
	}
	for _, name := range fields {
		if s, ok := v[name].(string); ok && s != "" && !slices.Contains([]string{"value", "name", "time"}, name) {
			labels[name] = s
		}
	}
	if n, ok := number(v["code"]); ok {
		labels["code"] = strconv.FormatInt(int64(n), 10)
	}
	if s, ok := v["zone"].(string); ok {
		labels["zone"] = s
	}
	var set []pipeline.Label
	for name, value := range labels {
		if value != "" {
			set = append(set, pipeline.Label{Name: name, Value: value})
		}
	}
	canonical := pipeline.NewLabels(set)
	metric := "Stats"
	if s, ok := v["name"].(string); ok && s != "" {
		metric = s
	}
	at := int64(now)
	if ms, ok := number(v["time"]); ok && ms != 0 {
		at = int64(ms) * 1_000_000
	}
	if slices.Contains(fields, "value") {
		if x, ok := number(v["value"]); ok {
			r.Points = append(r.Points, point(pipeline.SeriesKey(metric, pipeline.Gauge, canonical), at, x))
		} else {
			r.Lost["no_recorded_value"]++
		}
	}
	if some, ok := v["fields"].(object); ok {
		for name, x := range some {
			if f, ok := number(x); ok {
				r.Points = append(r.Points, point(pipeline.SeriesKey(metric+"_"+name, pipeline.Gauge, canonical), at, f))
			}
		}
	}
	if len(r.Points) == 0 && len(r.Lost) == 0 {
		r.Lost["no_recorded_value"]++
	}
	return r
}

var mapped = pipeline.Settings{"labels": []any{"*", "zone", "code"}, "time_unit": "ms"}

// randomSchema makes a schema of fields in any order, with others between them, and a value of it.
func randomSchema(r *rand.Rand) (schema string, fields []string, v object) {
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	var out []string
	v = object{}
	add := func(name, typ string, value any) {
		if r.IntN(3) == 0 {
			return
		}
		if r.IntN(4) == 0 {
			typ = pick(`["null",`+typ+`]`, `[`+typ+`,"null"]`)
			if r.IntN(2) == 0 {
				value = nil
			}
		}
		fields = append(fields, name)
		out = append(out, field(name, typ))
		v[name] = value
	}
	parts := []func(){
		func() { add("name", `"string"`, pick("", "requests", "é")) },
		func() { add("host", `"string"`, pick("", "a", "ü\xe2\x82\xac")) },
		func() { add("zone", `{"type":"enum","name":"Zone","symbols":["EU","US"]}`, pick("EU", "US")) },
		func() { add("code", `"int"`, r.Int32()) },
		func() { add("value", `"double"`, r.NormFloat64()) },
		func() { add("time", `"long"`, r.Int64N(1<<42)) },
		func() { add("tags", `{"type":"map","values":"string"}`, object{"k": pick("v", ""), "host": "tag"}) },
		func() {
			add("fields", `{"type":"record","name":"Fields","fields":[{"name":"a","type":"float"},{"name":"b","type":"long"},{"name":"c","type":"string"}]}`, object{"a": r.Float32(), "b": r.Int64(), "c": "x"})
		},
		func() {
			add("skip", `{"type":"array","items":{"type":"map","values":"bytes"}}`, []any{object{"x": []byte("abc")}, object{}})
		},
		func() { add("fixed", `{"type":"fixed","name":"Fixed","size":5}`, []byte("12345")) },
		func() {
			add("deep", `{"type":"record","name":"Deep","fields":[{"name":"self","type":["null","Deep"]},{"name":"ok","type":"boolean"}]}`, object{"ok": true, "self": object{"ok": false, "self": nil}})
		},
	}
	r.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	for _, p := range parts {
		p()
	}
	return record(out...), fields, v
}

func bySeries(a, b codectest.Point) int { return strings.Compare(a.Series, b.Series) }

func TestOracleOnRandomSchemas(t *testing.T) {
	for seed := range uint64(1500) {
		text, fields, v := randomSchema(rand.New(rand.NewPCG(seed, 1)))
		schema, err := twmb.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		value, err := schema.Encode(v)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		var seen object
		if _, err := schema.Decode(value, &seen); err != nil {
			t.Fatal(err)
		}
		if len(value) == 0 {
			continue // a schema without fields
		}
		s := pipeline.Settings{"schema": text, "labels": mapped["labels"], "time_unit": mapped["time_unit"]}
		got := codectest.NewChecker(func() pipeline.Codec { return newCodec(s) }).Check(t, codectest.Record(value))
		want := consult(seen, fields)
		slices.SortFunc(want.Points, bySeries)
		slices.SortFunc(got.Points, bySeries)
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("seed %d (-oracle +codec):\n%s\n%s\n%v", seed, d, text, seen)
		}
	}
}

// wide is a schema with all forms of types.
var wide = record(field("host", `"string"`), field("value", `["null","double","string","long"]`), field("time", `["null","long",{"type":"int","logicalType":"date"}]`), field("tags", `{"type":"map","values":"string"}`),
	field("fields", `["null",{"type":"map","values":["long","boolean","null"]}]`), field("list", `["null",{"type":"array","items":["null","Stats","bytes"]}]`), field("e", `{"type":"enum","name":"E","symbols":["A","B"]}`), field("f", `{"type":"fixed","name":"F","size":2}`), field("ok", `"boolean"`), field("n", `"int"`), field("x", `"float"`))

// FuzzDecode checks what holds for any bytes, and that what the library reads by a schema with all forms of types is read, to the end.
func FuzzDecode(f *testing.F) {
	schema := twmb.MustParse(wide)
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 2))
		v := object{"host": "a", "value": r.NormFloat64(), "time": r.Int64N(1 << 42), "tags": object{"k": "v"}, "fields": object{"a": int64(1), "b": true}, "list": []any{nil, []byte("x")}, "e": "B", "f": []byte("12"), "ok": true, "n": int32(7), "x": float32(2)}
		if seed%3 == 0 {
			v["fields"], v["value"] = nil, fmt.Sprint(seed)
		}
		value, err := schema.Encode(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(value)
		f.Add(value[:len(value)/2])
	}
	s := pipeline.Settings{"schema": wide, "labels": []any{"*", "n", "ok", "x", "f"}, "values": []any{"fields", "n"}}
	check := codectest.NewChecker(func() pipeline.Codec { return newCodec(s) })
	f.Fuzz(func(t *testing.T, value []byte) {
		got := check.Check(t, codectest.Record(value))
		var seen any
		rest, err := schema.Decode(value, &seen)
		if err != nil || len(rest) > 0 || len(value) == 0 {
			return
		}
		if got.Code != "avro.wire" {
			return
		}
		// The specification knows the bytes 0 and 1 for booleans; the library takes all others for false.
		if err := newCodec(s).Decode(codectest.Record(value), pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0))); !strings.Contains(err.Error(), "a boolean is neither 0 nor 1") {
			t.Fatalf("the library reads it: %v, %v", err, seen)
		}
	})
}
