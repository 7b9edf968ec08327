package jsonschema_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	library "github.com/santhosh-tekuri/jsonschema/v6"
	"go.uber.org/goleak"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
	"github.com/homeostat/homeostat/schemas/codec/jsonmetrics"
	"github.com/homeostat/homeostat/schemas/codec/jsonschema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newCodec(s pipeline.Settings) pipeline.Codec {
	c, err := jsonschema.New(s)
	if err != nil {
		panic(err)
	}
	return c
}

// now is the time of records that have none of their own.
const now = codectest.Timestamp * 1_000_000

func point(series string, at int64, value float64) codectest.Point {
	return codectest.Point{Series: series, Time: at, Value: value}
}

// stats makes a schema of an object called shop.Stats.
func stats(properties string, more ...string) string {
	return `{"$schema":"http://json-schema.org/draft-07/schema#","title":"shop.Stats","type":"object","properties":{` + properties + `}` + strings.Join(append([]string{""}, more...), ",") + `}`
}

// settings are those of a codec for a registry, with others.
func settings(r *codectest.Registry, more pipeline.Settings) pipeline.Settings {
	s := r.Settings(nil)
	maps.Copy(s, more)
	return s
}

func TestSchemas(t *testing.T) {
	const mismatch = "json_metrics.type"
	telegraf := stats(`"fields":{"type":"object","additionalProperties":{"type":"number"}},"name":{"type":"string"},"tags":{"type":"object","additionalProperties":{"type":"string"}},"timestamp":{"type":"integer"}`)
	sample := `{"fields":{"used":1295499264,"used_percent":5.125308214649627},"name":"mem","tags":{"dc":"eu-1","host":"node-1"},"timestamp":1795408592000}`
	nullable := stats(`"host":{"oneOf":[{"type":"null"},{"type":"string"}]},"value":{"type":["number","null"]}`)
	for _, c := range []struct {
		name          string
		settings      pipeline.Settings
		schema, value string
		want          []codectest.Point
		lost          map[string]int
		code          string
	}{
		{"Telegraf's JSON", nil, telegraf, sample, []codectest.Point{point(`mem_used{dc="eu-1",host="node-1"}`, 1_795_408_592e9, 1295499264), point(`mem_used_percent{dc="eu-1",host="node-1"}`, 1_795_408_592e9, 5.125308214649627)}, nil, ""},
		{"a text among the numbers", nil, telegraf, strings.Replace(sample, "1295499264", `"many"`, 1), nil, nil, mismatch},
		{"a number among the tags", nil, telegraf, strings.Replace(sample, `"eu-1"`, "7", 1), nil, nil, mismatch},
		{"a name that is a number", nil, telegraf, strings.Replace(sample, `"mem"`, "7", 1), nil, nil, mismatch},
		{"the title for a name", nil, stats(`"value":{"type":"number"}`), `{"value":1}`, []codectest.Point{point("Stats{}", now, 1)}, nil, ""},
		{"a name beats the title", nil, stats(`"value":{"type":"number"}`), `{"value":1,"metric":"m"}`, []codectest.Point{point("m{}", now, 1)}, nil, ""},
		{"metric beats the title", pipeline.Settings{"metric": "m"}, stats(`"value":{"type":"number"}`), `{"value":1,"name":"x"}`, []codectest.Point{point(`m{name="x"}`, now, 1)}, nil, ""},
		{"no title", nil, `{"type":"object"}`, `{"value":1}`, nil, map[string]int{jsonmetrics.LostNoName: 1}, ""},
		{"a time by its format", nil, stats(`"seen":{"type":"string","format":"date-time"},"value":{"type":"number"}`), `{"value":1,"seen":"2023-11-14T22:13:20Z"}`, []codectest.Point{point("Stats{}", 1_700_000_000e9, 1)}, nil, ""},
		{"a time by Connect's type", nil, stats(`"seen":{"oneOf":[{"type":"null"},{"type":"integer","title":"org.apache.kafka.connect.data.Timestamp","connect.version":1}]},"value":{"type":"number"}`), `{"value":1,"seen":1700000000000}`, []codectest.Point{point("Stats{}", 1_700_000_000e9, 1)}, nil, ""},
		{"two that could be the time", nil, stats(`"a":{"type":"string","format":"date-time"},"b":{"type":"string","format":"date-time"}`), `{"value":1,"a":"2023-11-14T22:13:20Z"}`, []codectest.Point{point(`Stats{a="2023-11-14T22\:13\:20Z"}`, now, 1)}, nil, ""},
		{"a usual time beside another one", nil, stats(`"seen":{"type":"string","format":"date-time"},"time":{"type":"integer"}`), `{"value":1,"time":1700000000,"seen":"2020-11-14T22:13:20Z"}`, []codectest.Point{point(`Stats{seen="2020-11-14T22\:13\:20Z"}`, 1_700_000_000e9, 1)}, nil, ""},
		{"a text for a value", nil, stats(`"value":{"type":"number"}`), `{"value":"1"}`, nil, nil, mismatch},
		{"a text where one may be", nil, stats(`"value":{"type":["number","string"]}`), `{"value":"1"}`, []codectest.Point{point("Stats{}", now, 1)}, nil, ""},
		{"a number for a text", nil, stats(`"host":{"type":"string"}`), `{"host":1,"value":1}`, nil, nil, mismatch},
		{"null where it may be", nil, nullable, `{"host":null,"value":null}`, nil, map[string]int{jsonmetrics.LostNoValue: 1}, ""},
		{"null where it may not be", nil, stats(`"value":{"type":"number"}`), `{"value":null}`, nil, nil, mismatch},
		{"a boolean where null may be", nil, nullable, `{"value":true}`, nil, nil, mismatch},
		{"what the schema does not have", nil, stats(`"value":{"type":"number"}`), `{"value":1,"zone":"z","n":7}`, []codectest.Point{point(`Stats{zone="z"}`, now, 1)}, nil, ""},
		{"what nobody reads", pipeline.Settings{"labels": []any{"host"}}, stats(`"value":{"type":"number"},"other":{"type":"number"}`), `{"value":1,"other":"x","host":"a"}`, []codectest.Point{point(`Stats{host="a"}`, now, 1)}, nil, ""},
		{"an enum", nil, stats(`"zone":{"enum":["eu","us"]},"value":{"const":1}`), `{"value":1,"zone":7}`, nil, nil, mismatch},
		{"a path", pipeline.Settings{"values": []any{"cpu.user"}}, stats(`"cpu":{"$ref":"#/definitions/cpu"}`, `"definitions":{"cpu":{"type":"object","properties":{"user":{"type":"number"}}}}`), `{"cpu":{"user":"x"}}`, nil, nil, mismatch},
		{"allOf", nil, stats(`"value":{"allOf":[{"type":["number","string"]},{"type":["number","null"]}]}`), `{"value":"1"}`, nil, nil, mismatch},
		{"anyOf of objects", nil, `{"title":"M","anyOf":[{"type":"null"},{"type":"object","properties":{"value":{"type":"number"},"x":{"type":"string"}}},{"type":"object","properties":{"value":{"type":"boolean"}}}]}`, `{"value":"x","x":1}`, nil, nil, mismatch},
		{"anyOf of objects, which differ", nil, `{"title":"M","anyOf":[{"type":"object","properties":{"value":{"type":"number"},"x":{"type":"string"}}},{"type":"object"}]}`, `{"value":1,"x":1}`, []codectest.Point{point("M{}", now, 1)}, nil, ""},
		{"a schema of anything", nil, `true`, `{"name":"m","value":1}`, []codectest.Point{point("m{}", now, 1)}, nil, ""},
		{"an array of events", nil, `{"type":"array","items":` + stats(`"value":{"type":"number"}`) + `}`, `[{"value":1},{"value":2}]`, []codectest.Point{point("Stats{}", now, 1), point("Stats{}", now, 2)}, nil, ""},
		{"a schema that holds itself", nil, stats(`"tree":{"$ref":"#"},"value":{"type":"number"}`), `{"value":1,"tree":{"value":"x","tree":{}}}`, []codectest.Point{point("Stats{}", now, 1)}, nil, ""},
		{"a pattern of another language", nil, stats(`"host":{"type":"string","pattern":"^(?!x)a(?<=a)$"},"value":{"type":"number"}`), `{"value":1,"host":"a"}`, []codectest.Point{point(`Stats{host="a"}`, now, 1)}, nil, ""},
	} {
		r := codectest.NewRegistry(t, httptest.NewServer)
		r.Has(1, "JSON", c.schema)
		if c.lost == nil {
			c.lost = map[string]int{}
		}
		check := codectest.NewChecker(func() pipeline.Codec { return newCodec(settings(r, c.settings)) })
		for range 2 {
			got := check.Check(t, codectest.Record(codectest.Framed(1, []byte(c.value))))
			if d := cmp.Diff(codectest.Result{Points: c.want, Lost: c.lost, Code: c.code}, got); d != "" {
				t.Errorf("%s (-want +got):\n%s", c.name, d)
			}
		}
	}
}

// TestErrorsOfTypes says what a person can do.
func TestErrorsOfTypes(t *testing.T) {
	r := codectest.NewRegistry(t, httptest.NewServer)
	r.Has(1, "JSON", stats(`"value":{"type":["number","null"]}`))
	err := newCodec(settings(r, nil)).Decode(codectest.Record(codectest.Framed(1, []byte(`{"value":"x"}`))), pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0)))
	if err == nil || !strings.Contains(err.Error(), `has a text in "value", where its schema has null or a number`) {
		t.Error(err)
	}
}

func TestReferences(t *testing.T) {
	r := codectest.NewRegistry(t, httptest.NewServer)
	for id, root := range map[int]string{
		1: stats(`"value":{"type":"number"},"tags":{"$ref":"tags.json"}`),
		2: stats(`"value":{"type":"number"},"tags":{"$ref":"tags.json#"}`, `"$id":"http://example.com/schemas/root.json"`),
	} {
		r.Has(id, "JSON", root, codectest.Reference{Name: "tags.json", Subject: "tags", Version: 2})
	}
	r.Has(3, "JSON", stats(`"tags":{"$ref":"http://example.com/tags.json"}`), codectest.Reference{Name: "http://example.com/tags.json", Subject: "tags", Version: 2})
	r.HasVersion("tags", 2, "JSON", `{"type":"object","additionalProperties":{"$ref":"text.json"}}`, codectest.Reference{Name: "text.json", Subject: "text", Version: 1})
	r.HasVersion("text", 1, "JSON", `{"type":"string"}`)
	c, table := newCodec(settings(r, nil)), pipeline.NewSeriesTable(nil, 0)
	for id := range uint32(3) {
		if got := codectest.Decode(t, c, table, codectest.Record(codectest.Framed(id+1, []byte(`{"value":1,"tags":{"host":"a"}}`)))); len(got.Points) != 1 || got.Points[0].Series != `Stats{host="a"}` {
			t.Errorf("%d: %+v", id+1, got)
		}
		if got := codectest.Decode(t, c, table, codectest.Record(codectest.Framed(id+1, []byte(`{"value":1,"tags":{"host":7}}`)))); got.Code != "json_metrics.type" {
			t.Errorf("%d: %+v", id+1, got)
		}
	}
}

func TestSettingsThatDoNotWork(t *testing.T) {
	for _, c := range []struct {
		settings pipeline.Settings
		code, at string
	}{
		{nil, "json_schema.registry", ""},
		{pipeline.Settings{"registry": pipeline.Settings{"url": "registry:8081"}}, "registry.url", "registry.url: "},
		{pipeline.Settings{"registry": pipeline.Settings{"url": "http://r"}, "value": []any{""}}, "json_metrics.field.path", "value[0]: "},
	} {
		_, err := jsonschema.New(c.settings)
		if pipeline.Code(err) != c.code || !strings.HasPrefix(err.Error(), c.at) {
			t.Errorf("%v: %v", c.settings, err)
		}
	}
}

// TestMemory has many schemas, whose memos are bounded together.
func TestMemory(t *testing.T) {
	r := codectest.NewRegistry(t, httptest.NewServer)
	c, out := newCodec(settings(r, pipeline.Settings{"memo": int64(1 << 20)})), pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0))
	for id := range 20 {
		r.Has(id, "JSON", stats(`"value":{"type":"number"}`))
		for i := range 2000 {
			value := fmt.Sprintf(`{"value":1,"host":"%0200d"}`, i)
			if err := c.Decode(codectest.Record(codectest.Framed(uint32(id), []byte(value))), out); err != nil {
				t.Fatal(err)
			}
			if n := jsonschema.MemoBytes(c); n > 4<<20 {
				t.Fatalf("schema %d: %d bytes", id, n)
			}
		}
	}
	if out.Series.Len() != 2000 {
		t.Errorf("%d series", out.Series.Len())
	}
}

// kinds are the types of schemas, and values of them; arrays count as objects here.
var kinds = map[string][]string{"null": {"null"}, "string": {`"a"`, `""`, `"\u0041"`}, "number": {"1.5", "-2e3"}, "integer": {"7"}, "boolean": {"true", "false"}, "object": {`{"x":1}`, "{}"}}

// TestOracleOnRandomSchemas holds types against the library: what it takes for valid is read as json_metrics reads it, and of what it does not,
// for no other reason than a type at the top or among the fields, a dead letter is made.
func TestOracleOnRandomSchemas(t *testing.T) {
	words := slices.Sorted(maps.Keys(kinds))
	taken, refused := 0, 0
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 3))
		pick := func() string { return words[r.IntN(len(words))] }
		union := func() string {
			some := []string{`"` + pick() + `"`, `"` + pick() + `"`, `"` + pick() + `"`}[:1+r.IntN(3)]
			slices.Sort(some)
			some = slices.Compact(some)
			one := `{"type":[` + strings.Join(some, ",") + `]}`
			switch r.IntN(4) {
			case 0:
				return `{"anyOf":[` + one + `,{"type":"` + pick() + `"}]}`
			case 1:
				return `{"allOf":[` + one + `,true]}`
			}
			return one
		}
		names := []string{"host", "zone", "value", "time", "name", "x"}
		var properties []string
		for _, name := range names {
			if r.IntN(4) > 0 {
				properties = append(properties, fmt.Sprintf("%q:%s", name, union()))
			}
		}
		properties = append(properties, `"fields":{"type":"object","additionalProperties":`+union()+`}`)
		text := stats(strings.Join(properties, ","))
		compiled := mustCompile(t, text)
		reg := codectest.NewRegistry(t, httptest.NewServer)
		reg.Has(1, "JSON", text)
		codec, table := newCodec(settings(reg, nil)), pipeline.NewSeriesTable(nil, 0)
		plain, err := jsonmetrics.New(pipeline.Settings{"name": jsonmetrics.Usual("name"), "metric": "Stats"})
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			var members []string
			value := func() string { v := kinds[pick()]; return v[r.IntN(len(v))] }
			for _, name := range names {
				if r.IntN(2) == 0 {
					members = append(members, fmt.Sprintf("%q:%s", name, value()))
				}
			}
			members = append(members, fmt.Sprintf(`"fields":{"a":%s}`, value()))
			doc := "{" + strings.Join(members, ",") + "}"
			got := codectest.Decode(t, codec, table, codectest.Record(codectest.Framed(1, []byte(doc))))
			want := codectest.Fresh(t, plain, []byte(doc))
			v, err := library.UnmarshalJSON(strings.NewReader(doc))
			if err != nil {
				t.Fatal(err)
			}
			if fault := compiled.Validate(v); fault != nil && !wholeness(doc, text) {
				want = codectest.Result{Lost: map[string]int{}, Code: "json_metrics.type"}
				refused++
			} else {
				taken++
			}
			if d := cmp.Diff(want, got, cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Unit" }, cmp.Ignore())); d != "" {
				t.Fatalf("seed %d: %s\n%s (-oracle +codec):\n%s", seed, text, doc, d)
			}
		}
	}
	if taken < 200 || refused < 200 {
		t.Errorf("%d taken, %d refused", taken, refused)
	}
}

// wholeness tells whether a document is only refused because of numbers that are not whole: it is taken if numbers are allowed instead.
func wholeness(doc, schema string) bool {
	v, err := library.UnmarshalJSON(strings.NewReader(doc))
	if err != nil {
		return false
	}
	lax, err := library.UnmarshalJSON(strings.NewReader(strings.ReplaceAll(schema, `"integer"`, `"number"`)))
	if err != nil {
		return false
	}
	unique(lax)
	c := library.NewCompiler()
	if c.AddResource("mem:///s", lax) != nil {
		return false
	}
	s, err := c.Compile("mem:///s")
	return err == nil && s.Validate(v) == nil
}

// unique leaves of types that come twice in a list one.
func unique(v any) {
	switch v := v.(type) {
	case map[string]any:
		if list, ok := v["type"].([]any); ok {
			seen, out := map[any]bool{}, []any{}
			for _, x := range list {
				if !seen[x] {
					seen[x], out = true, append(out, x)
				}
			}
			v["type"] = out
		}
		for _, inner := range v {
			unique(inner)
		}
	case []any:
		for _, inner := range v {
			unique(inner)
		}
	}
}

func mustCompile(t *testing.T, text string) *library.Schema {
	t.Helper()
	doc, err := library.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	c := library.NewCompiler()
	if err := c.AddResource("mem:///s", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("mem:///s")
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return s
}

// FuzzDecode checks what holds for any bytes, and that a record is read as json_metrics reads what is behind the framing.
func FuzzDecode(f *testing.F) {
	schema := stats(`"host":{"type":"string"},"value":{"type":["number","string","null"]},"time":{"type":"integer"},"fields":{"type":"object","additionalProperties":{"type":"number"}},"tags":{"type":"object","properties":{"n":{"type":"integer"}},"additionalProperties":{"type":"string"}}`)
	for _, s := range []string{`{"host":"a","value":1}`, `{"value":"1.5","time":1700000000}`, `{"fields":{"a":1,"b":2},"tags":{"k":"v","n":7}}`, `[{"value":1},{"value":2}]`, `{"value":1} {"value":2}`, `{"host":7,"value":1}`, `{"fields":{"a":"x"}}`, `{"metrics":[{"value":1}]}`} {
		f.Add([]byte(s))
		f.Add([]byte(s[:len(s)/2]))
	}
	r := codectest.NewRegistry(f, httptest.NewServer)
	r.Has(1, "JSON", schema)
	check := codectest.NewChecker(func() pipeline.Codec { return newCodec(settings(r, nil)) })
	plain, err := jsonmetrics.New(pipeline.Settings{"name": jsonmetrics.Usual("name"), "metric": "Stats"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		got := check.Check(t, codectest.Record(codectest.Framed(1, value)))
		if got.Code == "json_metrics.type" {
			return
		}
		if d := cmp.Diff(codectest.Fresh(t, plain, value), got); d != "" {
			t.Fatalf("(-json_metrics +json_schema):\n%s", d)
		}
	})
}
