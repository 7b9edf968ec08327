package otlp_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
	"github.com/homeostat/homeostat/schemas/codec/otlp"
)

func uvarint(b []byte) (uint64, int) { return binary.Uvarint(b) }

// deepValue is an AnyValue of so many lists in one another, deepJSON the same in JSON.
func deepValue(depth int) []byte {
	v := str(1, "x")
	for range depth {
		v = msg(5, msg(1, v))
	}
	return v
}

func deepJSON(depth int) string {
	return strings.Repeat(`{"arrayValue":{"values":[`, depth) + `{"intValue":1}` + strings.Repeat(`]}}`, depth)
}

func soundLog() []byte {
	return logRecords(attr(1, "service.name", "checkout"), logRecord(fixed(1, lineAt), num(2, 9), bodyText("sound")))
}

func hostileLogs() []codectest.Hostile {
	const broken, syntax = "otlp_logs.bytes", "otlp_logs.syntax"
	ok := logRecord(fixed(1, lineAt), bodyText("a"))
	okJSON := `{"timeUnixNano":"1795406400000000000","body":{"stringValue":"a"}}`
	with := func(member string) []byte { return jsonLogs("", `{"timeUnixNano":"1795406400000000000",`+member+`}`) }
	mega := strings.Repeat("x", 1<<20)
	return []codectest.Hostile{
		{Name: "tombstone", Code: "otlp_logs.empty"},
		{Name: "one zero", Value: []byte{0}, Code: broken},
		{Name: "spaces", Value: []byte("   "), Code: broken},
		{Name: "plain text", Value: []byte("2026-11-23 ERROR payment failed"), Code: broken},
		{Name: "raw body", Value: []byte(`"payment failed"`), Code: "otlp_logs.not_otlp"},
		{Name: "list of lines", Value: []byte(`[{"message":"a"}]`), Code: "otlp_logs.not_otlp"},
		{Name: "gzip", Value: []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3}, Code: broken},
		{Name: "zstd", Value: []byte{0x28, 0xb5, 0x2f, 0xfd, 4, 0}, Code: broken},
		{Name: "only fields of the future", Value: str(3, "x"), Code: "otlp_logs.nothing"},
		{Name: "metrics", Value: msg(1, msg(2, msg(2, str(1, "m"), msg(5, msg(1, double(4, 1)))))), Code: broken},
		{Name: "spans", Value: msg(1, msg(2, msg(2, msg(1, make([]byte, 16))))), Code: broken},
		{Name: "group", Value: []byte{0x0b, 0x0c}, Code: broken},
		{Name: "field number 0", Value: join(soundLog(), []byte{0, 1}), Code: broken},
		{Name: "length beyond all ends", Value: join([]byte{0x0a}, binary.AppendUvarint(nil, math.MaxUint64)), Code: broken},
		{Name: "length of 65 bits", Value: join([]byte{0x0a}, bytes.Repeat([]byte{0xff}, 9), []byte{2}), Code: broken},
		{Name: "endless varint", Value: bytes.Repeat([]byte{0xff}, 30), Code: broken},
		{Name: "truncated", Value: soundLog()[:len(soundLog())-3], Code: broken},
		{Name: "resource that is a number", Value: msg(1, num(1, 5)), Code: broken},
		{Name: "scopes that are a number", Value: msg(1, num(2, 5)), Code: broken},
		{Name: "time that is a varint", Value: logRecords(nil, logRecord(num(1, 5))), Code: broken},
		{Name: "severity that is a text", Value: logRecords(nil, logRecord(str(2, "ERROR"))), Code: broken},
		{Name: "body that is a number", Value: logRecords(nil, logRecord(num(5, 1))), Code: broken},
		{Name: "body cut off inside", Value: logRecords(nil, logRecord(msg(5, []byte{0x0a, 9, 'k'}))), Code: broken},
		{Name: "text of a body that is a number", Value: logRecords(nil, logRecord(msg(5, num(1, 5)))), Code: broken},
		{Name: "attribute cut off inside", Value: logRecords(nil, logRecord(msg(6, []byte{0x0a, 9, 'k'}))), Code: broken},
		{Name: "label cut off inside", Value: logRecords(nil, logRecord(msg(6, str(1, "host.name"), msg(2, []byte{0x0a, 9, 'k'})))), Code: broken},
		{Name: "resource cut off inside", Value: msg(1, msg(1, []byte{0x0a, 9, 'k'})), Code: broken},
		{Name: "broken behind sound records and losses", Value: join(logRecords(nil, ok, logRecord(fixed(1, 1<<63))), []byte{0xff}), Code: broken},
		{Name: "time of the year 2286", Value: logRecords(nil, logRecord(fixed(1, 9_999_999_999_999_999_999), bodyText("a")), ok), Rows: 1, Lost: map[string]int{otlp.LostTimeRange: 1}},
		{Name: "observed time of the year 2286", Value: logRecords(nil, logRecord(fixed(11, math.MaxUint64))), Lost: map[string]int{otlp.LostTimeRange: 1}},
		{Name: "no time anywhere", Record: &pipeline.Record{Value: logRecords(nil, logRecord(bodyText("a")), ok)}, Rows: 1, Lost: map[string]int{otlp.LostNoTime: 1}},
		{Name: "severity of 64 bits", Value: logRecords(nil, logRecord(fixed(1, lineAt), num(2, math.MaxUint64))), Rows: 1},
		{Name: "body that is no number and none", Value: logRecords(nil, logRecord(fixed(1, lineAt), msg(5, double(4, math.NaN())))), Rows: 1},
		{Name: "body not UTF-8", Value: logRecords(attr(1, "host.name", "\xff\xfe"), logRecord(fixed(1, lineAt), bodyText("\xc3\x28"))), Rows: 1},
		{Name: "body of a megabyte", Value: logRecords(nil, logRecord(fixed(1, lineAt), bodyText(mega))), Code: "otlp_logs.limit.body_bytes"},
		{Name: "stack trace of a megabyte", Value: logRecords(nil, logRecord(fixed(1, lineAt), bodyText("a"), attr(6, "exception.stacktrace", mega))), Code: "otlp_logs.limit.body_bytes"},
		{Name: "label of a megabyte", Value: logRecords(attr(1, "service.name", mega), ok), Code: "otlp_logs.limit.label_bytes"},
		{Name: "label of the record a bit too long", Value: logRecords(nil, logRecord(fixed(1, lineAt), attr(6, "host.name", mega[:4097]))), Code: "otlp_logs.limit.label_bytes"},
		{Name: "other attribute of a megabyte", Value: logRecords(attr(1, "x", mega), ok), Rows: 1},
		{Name: "body nested too deep", Value: logRecords(nil, logRecord(fixed(1, lineAt), msg(5, deepValue(17)))), Code: "otlp_logs.limit.nesting"},
		{Name: "body nested far too deep", Value: logRecords(nil, logRecord(fixed(1, lineAt), msg(5, deepValue(4000)))), Code: "otlp_logs.limit.nesting"},
		{Name: "label nested far too deep", Value: logRecords(msg(1, str(1, "host.name"), msg(2, deepValue(4000))), ok), Code: "otlp_logs.limit.nesting"},
		{Name: "too many records", Value: logRecords(nil, bytes.Repeat(logRecord(), 100_001)), Code: "otlp_logs.limit.lines"},
		{Name: "too many resources", Value: bytes.Repeat(msg(1), 200_001), Code: "otlp_logs.limit.lines"},
		{Name: "too many bytes", Value: logRecords(nil, logRecord(bodyText(strings.Repeat("x", 16<<20)))), Code: "otlp_logs.limit.bytes"},
		{Name: "a map of very many entries", Value: logRecords(nil, logRecord(fixed(1, lineAt), msg(5, msg(6, bytes.Repeat(attr(1, "k", "v"), 100_000))))), Rows: 1},
		{Name: "very many attributes", Value: logRecords(nil, logRecord(fixed(1, lineAt), bodyText("a"), bytes.Repeat(attr(6, "host.name", "v"), 100_000))), Rows: 1},

		{Name: "brace alone", Value: []byte("{"), Code: syntax},
		{Name: "empty object", Value: []byte("{}"), Code: "otlp_logs.nothing"},
		{Name: "another object", Value: []byte(`{"message":"a"}`), Code: "otlp_logs.nothing"},
		{Name: "spans in JSON", Value: []byte(`{"resourceSpans":[]}`), Code: "otlp_logs.nothing"},
		{Name: "another object behind a sound one", Value: append(jsonLogs("", okJSON), `{"a":1}`...), Code: "otlp_logs.nothing"},
		{Name: "text behind a sound object", Value: append(jsonLogs("", okJSON), "\nrest"...), Code: syntax},
		{Name: "zero behind a sound object", Value: append(jsonLogs("", okJSON), 0), Code: syntax},
		{Name: "JSON truncated", Value: jsonLogs("", okJSON)[:80], Code: syntax},
		{Name: "resourceLogs that is an object", Value: []byte(`{"resourceLogs":{}}`), Code: syntax},
		{Name: "resourceLogs of numbers", Value: []byte(`{"resourceLogs":[1]}`), Code: syntax},
		{Name: "records of texts", Value: jsonLogs("", `"a"`), Code: syntax},
		{Name: "resourceLogs twice", Value: []byte(`{"resourceLogs":[],"resource_logs":[]}`), Code: syntax},
		{Name: "scopes twice", Value: []byte(`{"resourceLogs":[{"scopeLogs":[],"scopeLogs":[]}]}`), Code: syntax},
		{Name: "resource twice", Value: []byte(`{"resourceLogs":[{"resource":{},"resource":{}}]}`), Code: syntax},
		{Name: "body twice", Value: with(`"body":{"intValue":1},"body":{"intValue":2}`), Code: syntax},
		{Name: "time that is an object", Value: jsonLogs("", `{"timeUnixNano":{}}`), Code: syntax},
		{Name: "time that is negative", Value: jsonLogs("", `{"timeUnixNano":-5}`), Code: syntax},
		{Name: "time that is a fraction", Value: jsonLogs("", `{"timeUnixNano":1.5}`), Code: syntax},
		{Name: "time of 65 bits", Value: jsonLogs("", `{"timeUnixNano":"18446744073709551616"}`), Code: syntax},
		{Name: "time of the year 2286 in JSON", Value: jsonLogs("", `{"timeUnixNano":"9999999999999999999"}`, okJSON), Rows: 1, Lost: map[string]int{otlp.LostTimeRange: 1}},
		{Name: "severity that is a word", Value: with(`"severityNumber":"ERROR"`), Code: syntax},
		{Name: "severity of 63 bits", Value: with(`"severityNumber":9223372036854775807`), Rows: 1},
		{Name: "severity text that is a number", Value: with(`"severityText":5`), Code: syntax},
		{Name: "body that is a text", Value: with(`"body":"a"`), Code: syntax},
		{Name: "body of NaN", Value: with(`"body":{"doubleValue":NaN}`), Code: syntax},
		{Name: "body beyond all numbers", Value: with(`"body":{"doubleValue":1e999}`), Code: syntax},
		{Name: "body with a lone surrogate", Value: with(`"body":{"stringValue":"\ud800"}`), Rows: 1},
		{Name: "body with a broken escape", Value: with(`"body":{"stringValue":"\q"}`), Code: syntax},
		{Name: "body not UTF-8 in JSON", Value: with("\"body\":{\"stringValue\":\"\xff\x01\"}"), Rows: 1},
		{Name: "attributes that are an object", Value: with(`"attributes":{"a":1}`), Code: syntax},
		{Name: "attribute without a value", Value: with(`"attributes":[{"key":"host.name"}]`), Rows: 1},
		{Name: "attribute whose name is a number", Value: with(`"attributes":[{"key":5}]`), Code: syntax},
		{Name: "label of a number that is none", Value: with(`"attributes":[{"key":"host.name","value":{"intValue":"x"}}]`), Code: syntax},
		{Name: "a megabyte of brackets", Value: []byte(`{"resourceLogs":` + strings.Repeat("[", 1<<20)), Code: syntax},
		{Name: "a megabyte of brackets in what is not read", Value: []byte(`{"x":` + strings.Repeat("[", 1<<20)), Code: "otlp_logs.limit.nesting"},
		{Name: "body nested too deep in JSON", Value: with(`"body":` + deepJSON(17)), Code: "otlp_logs.limit.nesting"},
		{Name: "body nested far too deep in JSON", Value: with(`"body":` + deepJSON(10_000)), Code: "otlp_logs.limit.nesting"},
		{Name: "label of a megabyte in JSON", Value: jsonLogs(jsonAttr("service.name", mega), okJSON), Code: "otlp_logs.limit.label_bytes"},
		{Name: "body of a megabyte in JSON", Value: with(`"body":{"stringValue":"` + mega + `"}`), Code: "otlp_logs.limit.body_bytes"},
		{Name: "a megabyte of escapes", Value: with(`"severityText":"` + strings.Repeat(`\n`, 1<<19) + `"`), Rows: 1},
		{Name: "too many records in JSON", Value: jsonLogs("", strings.Repeat("{},", 100_000)+"{}"), Code: "otlp_logs.limit.lines"},
		{Name: "too many resources in JSON", Value: []byte(`{"resourceLogs":[` + strings.Repeat(`{"scopeLogs":[]},`, 200_000) + `{"scopeLogs":[]}]}`), Code: "otlp_logs.limit.lines"},
		{Name: "ten thousand documents", Value: bytes.Repeat(append(jsonLogs("", okJSON), '\n'), 10_000), Rows: 10_000},
	}
}

func TestHostileLogs(t *testing.T) {
	codectest.RunHostile(t, func() pipeline.Codec { return newLogs(t, nil) }, soundLog(), hostileLogs())
}

// What is just within a limit passes.
func TestLogsAtTheLimits(t *testing.T) {
	ok := logRecord(fixed(1, lineAt), bodyText("a"))
	for i, c := range []struct {
		settings pipeline.Settings
		value    []byte
	}{
		{pipeline.Settings{"max_lines": int64(2)}, logRecords(nil, ok, ok)},
		{pipeline.Settings{"max_bytes": int64(len(logRecords(nil, ok)))}, logRecords(nil, ok)},
		{pipeline.Settings{"max_body_bytes": int64(1)}, logRecords(nil, ok)},
		{pipeline.Settings{"max_label_bytes": int64(10)}, logRecords(attr(1, "host.name", "h"), ok)},
		{pipeline.Settings{"max_nesting": int64(3)}, logRecords(nil, logRecord(fixed(1, lineAt), msg(5, deepValue(3))))},
		{pipeline.Settings{"max_nesting": int64(3)}, jsonLogs("", fmt.Sprintf(`{"body":%s}`, deepJSON(3)))},
		{pipeline.Settings{"max_nesting": int64(100)}, jsonLogs("", fmt.Sprintf(`{"body":%s}`, deepJSON(100)))},
	} {
		if got := codectest.Fresh(t, newLogs(t, c.settings), c.value); got.Code != "" || len(got.Lines) == 0 {
			t.Errorf("%d: %+v", i, got)
		}
	}
}
