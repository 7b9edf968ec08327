package alertmanager_test

import (
	"strings"
	"testing"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/alertmanager"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
)

func hostile() []codectest.Hostile {
	const syntax, shape, limit = "alertmanager.syntax", "alertmanager.shape", "alertmanager.limit."
	sound := group(alert)
	timeless := func(value string) *pipeline.Record {
		return &pipeline.Record{Topic: codectest.Topic, Value: []byte(value)}
	}
	text := func(name, value, code string, rows int, lost map[string]int) codectest.Hostile {
		return codectest.Hostile{Name: name, Value: []byte(value), Code: code, Rows: rows, Lost: lost}
	}
	return []codectest.Hostile{
		text("nothing", "", "alertmanager.empty", 0, nil),
		text("white space", " \r\n\t", "alertmanager.empty", 0, nil),
		text("a byte order mark alone", "\uFEFF", "alertmanager.empty", 0, nil),
		text("cut off in a text", sound[:40], syntax, 0, nil),
		text("cut off before the end", sound[:len(sound)-1], syntax, 0, nil),
		text("one bracket more", sound+"}", syntax, 0, nil),
		text("two notifications", sound+sound, syntax, 0, nil),
		text("a comma too many", `[`+alert+`,]`, syntax, 0, nil),
		text("no comma", `[`+alert+alert+`]`, syntax, 0, nil),
		text("single quotes", `[{'labels':{}}]`, syntax, 0, nil),
		text("NaN", `[{"labels":{"a":NaN}}]`, syntax, 0, nil),
		text("a number with a leading zero", `[{"labels":{"a":01}}]`, syntax, 0, nil),
		text("a control character in a text", "[{\"labels\":{\"a\":\"\x01\"}}]", syntax, 0, nil),
		text("an escape that is none", `[{"labels":{"a":"\x41"}}]`, syntax, 0, nil),
		text("a text without end", `{"alerts":"`, syntax, 0, nil),
		text("a backslash at the end", `{"alerts":"\`, syntax, 0, nil),
		text("binary", "\x0a\x44\x0a\x14", syntax, 0, nil),
		text("zeros", strings.Repeat("\x00", 1000), syntax, 0, nil),
		text("a number", "7", shape, 0, nil),
		text("a text", `"alerts"`, shape, 0, nil),
		text("null", "null", shape, 0, nil),
		text("an empty object", "{}", shape, 0, nil),
		text("another producer's object", `{"name":"cpu","tags":{"host":"a"},"fields":{"usage":1}}`, shape, 0, nil),
		text("alerts that are an object", `{"alerts":{}}`, shape, 0, nil),
		text("alerts that are a text", `{"alerts":"none"}`, shape, 0, nil),
		text("an alert that is a number", `[7]`, shape, 0, nil),
		text("an alert that is null", `{"alerts":[null]}`, shape, 0, nil),
		text("an alert that is an array", `[[]]`, shape, 0, nil),
		text("an alert without labels", `[{"status":"firing"}]`, shape, 0, nil),
		text("labels that are an array", `[{"labels":["a","b"]}]`, shape, 0, nil),
		text("labels that are null", `[{"labels":null}]`, shape, 0, nil),
		text("a label that is an object", `[{"labels":{"a":{"b":"c"}}}]`, shape, 0, nil),
		text("common labels that are a text", `{"alerts":[`+alert+`],"commonLabels":"a"}`, shape, 0, nil),
		text("a common label that is an array", `{"alerts":[`+alert+`],"commonLabels":{"a":[]}}`, shape, 0, nil),
		text("truncated by a text", `{"alerts":[],"truncatedAlerts":"3"}`, shape, 0, nil),
		text("truncated by less than none", `{"alerts":[],"truncatedAlerts":-3}`, shape, 0, nil),
		text("truncated by 10^30", `{"alerts":[],"truncatedAlerts":1000000000000000000000000000000}`, shape, 0, nil),
		text("truncated by 2^62", `{"alerts":[`+alert+`],"truncatedAlerts":4611686018427387904}`, "", 1, map[string]int{alertmanager.LostTruncated: 100_000}),
		text("duplicate members", `{"alerts":7,"alerts":[{"labels":{"a":"1"},"labels":{"b":"1","b":"2"},"status":"x","status":"firing"}]}`, "", 1, nil),
		text("invalid UTF-8", "[{\"labels\":{\"\xc3\":\"\xed\xa0\x80\"}}]", "", 1, nil),
		text("half a surrogate", `[{"labels":{"a":"\ud83d"}}]`, "", 1, nil),
		text("a NUL", `[{"labels":{"a\u0000":"\u0000"}}]`, "", 1, nil),
		text("a label without name", `[{"labels":{"":"x"}}]`, "", 1, nil),
		text("a status of another kind", `[{"labels":{},"status":["firing"]},{"labels":{},"status":true}]`, "", 0, map[string]int{alertmanager.LostNoValue: 2}),
		text("a state of another kind", `[{"labels":{},"status":{"state":{"state":"active"}}}]`, "", 0, map[string]int{alertmanager.LostNoValue: 1}),
		text("the year 2286", `[{"labels":{"a":"1"},"startsAt":"2286-11-20T17:46:40Z","endsAt":"9999-12-31T23:59:59Z"}]`, "", 1, nil),
		text("times of other kinds", `[{"labels":{"a":"1"},"startsAt":{},"endsAt":[]},{"labels":{"a":"1"},"startsAt":true,"endsAt":-1e400}]`, "", 2, nil),
		{Name: "no time at all", Record: timeless(`[{"labels":{"a":"1"},"startsAt":"0001-01-01T00:00:00Z"}]`), Lost: map[string]int{alertmanager.LostNoTime: 1}},
		{Name: "nothing to tell whether it has ended", Record: timeless(`[{"labels":{"a":"1"},"startsAt":"` + startText + `","endsAt":"` + endText + `"}]`), Lost: map[string]int{alertmanager.LostNoTime: 1}},
		{Name: "no time but one that can't be read", Record: timeless(`[{"labels":{"a":"1"},"startsAt":"0000-00-00"}]`), Lost: map[string]int{alertmanager.LostTimeRange: 1}},
		text("17 levels", strings.Repeat("[", 17)+strings.Repeat("]", 17), limit+"nesting", 0, nil),
		text("a million brackets", strings.Repeat("[", 1_000_000), limit+"nesting", 0, nil),
		text("a million objects", strings.Repeat(`{"a":`, 1_000_000), limit+"nesting", 0, nil),
		text("a million brackets in a text", `[{"labels":{"a":"1"},"x":"`+strings.Repeat("[", 1_000_000)+`"}]`, "", 1, nil),
		text("a million numbers", `[`+strings.Repeat("1,", 1_000_000)+`1]`, shape, 0, nil),
		text("a million numbers beside the alerts", `{"alerts":[`+alert+`],"x":[`+strings.Repeat("1,", 1_000_000)+`1]}`, "", 1, nil),
		text("200,000 alerts", `[`+strings.Repeat(`{"labels":{}},`, 200_000)+alert+`]`, limit+"points", 0, nil),
		text("a label of 1 MB", `[{"labels":{"a":"`+strings.Repeat("x", 1<<20)+`"}}]`, limit+"label_bytes", 0, nil),
		text("a label of 1 MB in escapes", `[{"labels":{"a":"`+strings.Repeat(`\u0061`, 1<<18)+`"}}]`, limit+"label_bytes", 0, nil),
		text("a label of 20 KB", `[{"labels":{"a":"`+strings.Repeat("x", 20<<10)+`"}}]`, limit+"label_bytes", 0, nil),
		text("common labels of 1 MB", `{"alerts":[`+alert+`],"commonLabels":{"a":"`+strings.Repeat("x", 1<<20)+`"}}`, limit+"label_bytes", 0, nil),
		text("an annotation of 1 MB", `[{"labels":{"a":"1"},"annotations":{"x":"`+strings.Repeat("x", 1<<20)+`"}}]`, "", 1, nil),
		text("130 labels", `[{"labels":{`+manyLabels(130)+`}}]`, limit+"attributes", 0, nil),
		text("17 MiB", `[{"labels":{"a":"1"},"x":"`+strings.Repeat("x", 17<<20)+`"}]`, limit+"bytes", 0, nil),
	}
}

func manyLabels(n int) string {
	var list []string
	for i := range n {
		list = append(list, `"l`+strings.Repeat("x", i)+`":"1"`)
	}
	return strings.Join(list, ",")
}

func TestHostile(t *testing.T) {
	corpus := hostile()
	if len(corpus) < 30 {
		t.Fatalf("only %d records", len(corpus))
	}
	codectest.RunHostile(t, func() pipeline.Codec { return alertmanager.New(nil) }, []byte(group(alert)), corpus)
}
