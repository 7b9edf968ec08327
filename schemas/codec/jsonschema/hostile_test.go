package jsonschema_test

import (
	"math"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
	"github.com/homeostat/homeostat/schemas/codec/jsonmetrics"
)

func TestHostile(t *testing.T) {
	const syntax, mismatch = "json_metrics.syntax", "json_metrics.type"
	r := codectest.NewRegistry(t, httptest.NewServer)
	r.Has(1, "JSON", stats(`"host":{"type":"string"},"value":{"type":["number","string","null"]},"time":{"type":["integer","string"]},"fields":{"type":"object","additionalProperties":{"type":"number"}},"tags":{"type":"object","additionalProperties":{"type":"string"}},"n":{"type":"integer"}`))
	r.Has(2, "", `"long"`)
	r.Has(3, "JSON", "not a schema")
	r.Has(4, "JSON", `{"type":17}`)
	r.Has(5, "JSON", `{"type":"string"}`)
	r.Has(6, "JSON", `{"$ref":"none.json"}`)
	r.Has(7, "JSON", `{"$ref":"#"}`)
	r.Has(8, "JSON", `{"$ref":"file:///etc/passwd"}`)
	r.Has(9, "JSON", `{"$schema":"http://127.0.0.1:1/schema","type":"object"}`)
	r.Has(10, "JSON", `false`)
	// A schema that unfolds: each level has the one below it twice.
	bomb := `{"title":"B","type":"object","definitions":{"d0":{"type":"object","properties":{"x":{"type":"number"}}}`
	for i := range 25 {
		bomb += `,"d` + string(rune('a'+i)) + `":{"allOf":[{"$ref":"#/definitions/` + before(i) + `"},{"$ref":"#/definitions/` + before(i) + `"}]}`
	}
	r.Has(11, "JSON", bomb+`},"allOf":[{"$ref":"#/definitions/dy"}]}`)
	r.Has(12, "JSON", `{"title":"D","type":"object","properties":{"tree":`+strings.Repeat(`{"type":"object","properties":{"tree":`, 1000)+`{"type":"string"}`+strings.Repeat(`}}`, 1000)+`}}`)

	of := func(json string) []byte { return codectest.Framed(1, []byte(json)) }
	lost := func(reason string) map[string]int { return map[string]int{reason: 1} }
	big := strings.Repeat("x", 1<<20)
	sound := of(`{"host":"a","value":1.5,"time":1700000000}`)
	codectest.RunHostile(t, func() pipeline.Codec { return newCodec(settings(r, nil)) }, sound, []codectest.Hostile{
		{Name: "tombstone", Code: "json_schema.empty"},
		{Name: "a zero", Value: []byte{0}, Code: "registry.frame"},
		{Name: "framing cut", Value: sound[:4], Code: "registry.frame"},
		{Name: "framing alone", Value: of(""), Code: "json_metrics.empty"},
		{Name: "JSON without framing", Value: []byte(`{"host":"a","value":1.5}`), Code: "registry.frame"},
		{Name: "another magic", Value: append([]byte{1}, sound[1:]...), Code: "registry.frame"},
		{Name: "framing twice", Value: codectest.Framed(1, sound), Code: syntax},
		{Name: "an unknown schema", Value: codectest.Framed(99, sound[5:]), Code: "registry.schema.unknown"},
		{Name: "the largest schema id", Value: codectest.Framed(math.MaxUint32, sound[5:]), Code: "registry.schema.unknown"},
		{Name: "a schema of another type", Value: codectest.Framed(2, sound[5:]), Code: "registry.schema.type"},
		{Name: "a schema that is none", Value: codectest.Framed(3, sound[5:]), Code: "json_schema.schema.syntax"},
		{Name: "a schema of no known form", Value: codectest.Framed(4, sound[5:]), Code: "json_schema.schema.syntax"},
		{Name: "a schema of a text", Value: codectest.Framed(5, sound[5:]), Code: "json_schema.schema.object"},
		{Name: "a reference that nobody registered", Value: codectest.Framed(6, sound[5:]), Code: "json_schema.schema.syntax"},
		{Name: "a reference to itself", Value: codectest.Framed(7, sound[5:]), Lost: lost(jsonmetrics.LostNoName)},
		{Name: "a reference to a file", Value: codectest.Framed(8, sound[5:]), Code: "json_schema.schema.syntax"},
		{Name: "a language of schemas that is elsewhere", Value: codectest.Framed(9, sound[5:]), Code: "json_schema.schema.syntax"},
		{Name: "a schema that nothing fits", Value: codectest.Framed(10, sound[5:]), Lost: lost(jsonmetrics.LostNoName)},
		{Name: "a schema that unfolds", Value: codectest.Framed(11, sound[5:]), Rows: 1},
		{Name: "a schema a thousand levels deep", Value: codectest.Framed(12, sound[5:]), Code: "json_schema.schema.syntax"},
		{Name: "cut in the JSON", Value: sound[:len(sound)-5], Code: syntax},
		{Name: "a byte too many", Value: append(append([]byte{}, sound...), '}'), Code: syntax},
		{Name: "Avro behind the framing", Value: codectest.Framed(1, []byte("\x02a\x00\x00\x00\x00\x00\x00\xf8?")), Code: syntax},
		{Name: "an array in an array", Value: of(`[[{"value":1}]]`), Code: "json_metrics.not_object"},
		{Name: "objects without end", Value: of(strings.Repeat("{", 100_000)), Code: "json_metrics.limit.nesting"},
		{Name: "deep nesting", Value: of(`{"value":1,"x":` + strings.Repeat(`{"x":`, 40) + "1" + strings.Repeat("}", 41)), Code: "json_metrics.limit.nesting"},
		{Name: "a number for a text", Value: of(`{"host":7,"value":1}`), Code: mismatch},
		{Name: "an object for a text", Value: of(`{"host":{"a":1},"value":1}`), Code: mismatch},
		{Name: "a boolean for a value", Value: of(`{"value":true}`), Code: mismatch},
		{Name: "an array for values", Value: of(`{"fields":[1,2]}`), Lost: lost(jsonmetrics.LostNoValue)},
		{Name: "null among values", Value: of(`{"fields":{"a":1,"b":null}}`), Code: mismatch},
		{Name: "a number among tags", Value: of(`{"value":1,"tags":{"a":"x","b":7}}`), Code: mismatch},
		{Name: "the wrong kind first, and then the right one", Value: of(`{"host":7,"host":"a","value":1}`), Code: mismatch},
		{Name: "the last of a batch has the wrong kind", Value: of(`[{"value":1},{"value":1},{"value":[]}]`), Code: mismatch},
		{Name: "a fraction for an integer", Value: of(`{"value":1,"n":1.5}`), Rows: 1},
		{Name: "NaN", Value: of(`{"value":"NaN"}`), Lost: lost(jsonmetrics.LostNotFinite)},
		{Name: "overflow", Value: of(`{"value":1e400}`), Lost: lost(jsonmetrics.LostNotFinite)},
		{Name: "null for a value", Value: of(`{"value":null}`), Lost: lost(jsonmetrics.LostNoValue)},
		{Name: "a word for a value", Value: of(`{"value":"many"}`), Lost: lost(jsonmetrics.LostNotNumeric)},
		{Name: "zero time", Value: of(`{"value":1,"time":0}`), Rows: 1},
		{Name: "negative time", Value: of(`{"value":1,"time":-5}`), Lost: lost(jsonmetrics.LostTimeRange)},
		{Name: "year 2286", Value: of(`{"value":1,"time":"2286-11-20T17:46:40Z"}`), Lost: lost(jsonmetrics.LostTimeRange)},
		{Name: "a label of 1 MB", Value: of(`{"value":1,"host":"` + big[:1<<20-100] + `"}`), Code: "json_metrics.limit.label_bytes"},
		{Name: "an object beyond 1 MB", Value: of(`{"value":1,"host":"` + big + `"}`), Code: "json_metrics.limit.object_bytes"},
		{Name: "invalid UTF-8", Value: of("{\"value\":1,\"host\":\"\xc3\x28\xff\"}"), Rows: 1},
		{Name: "a record too large", Value: of(`{"value":1,"x":"` + strings.Repeat("x", 16<<20) + `"}`), Code: "json_metrics.limit.bytes"},
		{Name: "events too many", Value: of(`[` + strings.Repeat(`{"value":1},`, 100_000) + `{"value":1}]`), Code: "json_metrics.limit.points"},
	})
}

// before names the definition below one of the schema that unfolds.
func before(i int) string {
	if i == 0 {
		return "d0"
	}
	return "d" + string(rune('a'+i-1))
}
