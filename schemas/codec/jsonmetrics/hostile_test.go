package jsonmetrics_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
)

func TestHostileRecords(t *testing.T) {
	const sound = `{"timestamp":1790000000123,"name":"m","host":"h","value":1.5}`
	large := strings.Repeat("x", 1<<19)
	big := strings.Repeat("x", 1<<20)
	one := func(reason string) map[string]int { return map[string]int{reason: 1} }
	h := func(name, value, code string, rows int, lost map[string]int) codectest.Hostile {
		return codectest.Hostile{Name: name, Value: []byte(value), Code: code, Rows: rows, Lost: lost}
	}
	corpus := []codectest.Hostile{
		h("nothing", "", "json_metrics.empty", 0, nil),
		h("white space", " \r\n\t", "json_metrics.empty", 0, nil),
		h("NUL bytes", "\x00\x00\x00", "json_metrics.syntax", 0, nil),
		h("a byte order mark of another encoding", "\xff\xfe{\x00", "json_metrics.syntax", 0, nil),
		h("gzip", "\x1f\x8b\x08\x00\x00\x00\x00\x00", "json_metrics.syntax", 0, nil),
		h("line protocol", "cpu,host=a value=1 1700000000000000000\n", "json_metrics.syntax", 0, nil),
		h("a number", "17", "json_metrics.not_object", 0, nil),
		h("a text", `"up 1"`, "json_metrics.not_object", 0, nil),
		h("null", "null", "json_metrics.not_object", 0, nil),
		h("an array in an array", `[[{"name":"m","value":1}]]`, "json_metrics.not_object", 0, nil),
		h("a batch without end", `{"metrics":[`+sound+`,`+sound, "json_metrics.syntax", 0, nil),
		h("a batch in batches", strings.Repeat(`{"metrics":[`, 1000)+strings.Repeat("]}", 1000), "json_metrics.limit.nesting", 0, nil),
		h("a batch of 100001 metrics", `{"metrics":[`+strings.Repeat(sound+",", 100_000)+sound+"]}", "json_metrics.limit.points", 0, nil),
		h("a batch with something beside it", `{"metrics":[`+sound+`],"n":1}`, "json_metrics.syntax", 0, nil),
		h("an empty object", "{}", "", 0, one("no_recorded_value")),
		h("objects without end", strings.Repeat("{", 100_000), "json_metrics.limit.nesting", 0, nil),
		h("arrays without end", strings.Repeat("[", 100_000), "json_metrics.limit.nesting", 0, nil),
		h("deep nesting in a field that nobody reads", `{"name":"m","value":1,"x":`+strings.Repeat(`{"x":`, 40)+"1"+strings.Repeat("}", 40)+"}", "json_metrics.limit.nesting", 0, nil),
		h("cut off in the value", sound[:len(sound)-3], "json_metrics.syntax", 0, nil),
		h("cut off in a text", sound[:45], "json_metrics.syntax", 0, nil),
		h("a second object cut off", sound+"\n"+sound[:30], "json_metrics.syntax", 0, nil),
		h("a sound one and rubbish", sound+"rubbish", "json_metrics.syntax", 0, nil),
		h("a bracket too many", sound+"}", "json_metrics.syntax", 0, nil),
		h("a comma too many", `{"name":"m","value":1,}`, "json_metrics.syntax", 0, nil),
		h("single quotes", `{'name':'m','value':1}`, "json_metrics.syntax", 0, nil),
		h("a comment", `{"name":"m",/* one */"value":1}`, "json_metrics.syntax", 0, nil),
		h("NaN", `{"name":"m","value":NaN}`, "", 0, one("not_finite")),
		h("Infinity of Python", `{"name":"m","value":Infinity}`, "json_metrics.syntax", 0, nil),
		h("NaN in a text", `{"name":"m","value":"nan"}`, "", 0, one("not_finite")),
		h("more than float64 holds", `{"name":"m","value":1e400}`, "", 0, one("not_finite")),
		h("less than float64 holds", `{"name":"m","value":1e-400}`, "", 1, nil),
		h("half a million digits", `{"name":"m","value":0.`+strings.Repeat("1", 1<<19)+`}`, "", 1, nil),
		h("a number with two points", `{"name":"m","value":1.2.3}`, "", 0, one("not_numeric")),
		h("a sign alone", `{"name":"m","value":-}`, "json_metrics.syntax", 0, nil),
		h("hexadecimal", `{"name":"m","value":"0x7f"}`, "", 0, one("not_numeric")),
		h("an object for a value", `{"name":"m","value":{"value":1}}`, "", 0, one("not_numeric")),
		h("an object for a name", `{"name":{"name":"m"},"value":1}`, "", 0, one("no_metric_name")),
		h("an array for the labels", `{"name":"m","labels":["a"],"value":1}`, "", 1, nil),
		h("zero time", `{"name":"m","value":1,"timestamp":0}`, "", 1, nil),
		h("year 2286", `{"name":"m","value":1,"timestamp":"2286-11-20T17:46:40Z"}`, "", 0, one("time_out_of_range")),
		h("a time beyond 64 bits", `{"name":"m","value":1,"timestamp":99999999999999999999999}`, "", 0, one("time_out_of_range")),
		h("a negative time", `{"name":"m","value":1,"timestamp":-1790000000}`, "", 0, one("time_out_of_range")),
		h("a time of another kind", `{"name":"m","value":1,"timestamp":[1790000000]}`, "", 0, one("time_out_of_range")),
		{Name: "no time at all", Record: &pipeline.Record{Topic: "t", Timestamp: -1, Value: []byte(`{"name":"m","value":1}`)}, Lost: one("no_time")},
		h("duplicate keys", `{"name":"a","name":"m","value":1,"value":2,"host":"x","host":"y"}`, "", 1, nil),
		h("fifty thousand duplicate values", `{"name":"m","fields":{`+strings.Repeat(`"a":1,`, 50_000)+`"a":2}}`, "", 1, nil),
		h("invalid UTF-8", "{\"name\":\"m\xff\",\"h\xc0\":\"\xed\xa0\x80\",\"value\":1}", "", 1, nil),
		h("half a surrogate", `{"name":"m","h":"\ud800","value":1}`, "", 1, nil),
		h("control characters in a text", "{\"name\":\"m\",\"h\":\"a\x00b\nc\",\"value\":1}", "", 1, nil),
		h("a label of a megabyte", `{"name":"m","h":"`+big+`","value":1}`, "json_metrics.limit.object_bytes", 0, nil),
		h("a large label", `{"name":"m","h":"`+large+`","value":1}`, "json_metrics.limit.label_bytes", 0, nil),
		h("a large name", `{"name":"`+large+`","value":1}`, "json_metrics.limit.label_bytes", 0, nil),
		h("a label's large name", `{"name":"m","`+large+`":"h","value":1}`, "json_metrics.limit.label_bytes", 0, nil),
		h("a large text that nobody reads", `{"name":"m","x":["`+large+`"],"value":1}`, "", 1, nil),
		h("many labels", `{"name":"m","value":1`+numbered(`,"l%d":"x"`, 200)+`}`, "json_metrics.limit.attributes", 0, nil),
		h("many points", `{"name":"m","fields":{"f":1`+numbered(`,"%x":1`, 100_001)+`}}`, "json_metrics.limit.points", 0, nil),
		h("many objects", strings.Repeat(`{}`, 100_001), "json_metrics.limit.points", 0, nil),
		h("seventeen megabytes", `{"name":"m","x":"`+strings.Repeat(big, 17)+`"}`, "json_metrics.limit.bytes", 0, nil),
	}
	codectest.RunHostile(t, func() pipeline.Codec { return newCodec(t, nil) }, []byte(sound), corpus)
}

func numbered(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}
