package otlp_test

import (
	"encoding/base64"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
	"github.com/homeostat/homeostat/schemas/codec/jsonlog"
	"github.com/homeostat/homeostat/schemas/codec/otlp"
)

func newLogs(t testing.TB, s pipeline.Settings) pipeline.Codec {
	t.Helper()
	c, err := otlp.NewLogs(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// made is a codec where there is no test to fail.
func made(c pipeline.Codec, err error) pipeline.Codec {
	if err != nil {
		panic(err)
	}
	return c
}

// signalFixtures are the bytes of a folder of testdata, by name.
func signalFixtures(t testing.TB, signal string) map[string][]byte {
	t.Helper()
	return codectest.Fixtures(t, "testdata/"+signal+"/*")
}

// logRecords is a message of one resource with those attributes' fields and one scope with the records.
func logRecords(resource []byte, records ...[]byte) []byte {
	content := join(msg(1, str(1, "scope"), attr(3, "host.name", "not a label")), join(records...))
	return msg(1, msg(1, resource), msg(2, content))
}

func logRecord(parts ...[]byte) []byte { return msg(2, parts...) }

func bodyText(s string) []byte { return msg(5, str(1, s)) }

// jsonLogs is a message in JSON of one resource with the given attributes and one scope with the records.
func jsonLogs(attributes string, records ...string) []byte {
	return fmt.Appendf(nil, `{"resourceLogs":[{"resource":{"attributes":[%s]},"scopeLogs":[{"scope":{"name":"s"},"logRecords":[%s]}]}]}`, attributes, strings.Join(records, ","))
}

func jsonAttr(key, value string) string {
	return fmt.Sprintf(`{"key":%q,"value":{"stringValue":%q}}`, key, value)
}

const lineAt = 1_795_406_400_000_000_000

func line(stream string, severity uint8, body string) []codectest.Line {
	return []codectest.Line{{Stream: stream, Time: lineAt, Severity: severity, Body: body}}
}

func TestLogs(t *testing.T) {
	res := attr(1, "service.name", "checkout")
	const stream = `:stream{service.name="checkout"}`
	at := fixed(1, lineAt)
	trace := "java.lang.IllegalStateException: no card\n\tat Shop.pay(Shop.java:7)\n"
	for _, c := range []struct {
		name  string
		value []byte
		want  []codectest.Line
		lost  map[string]int
	}{
		{"plain", logRecords(res, logRecord(at, num(2, 17), str(3, "ERROR"), bodyText("failed"))), line(stream, 17, "failed"), nil},
		{"fields from the last to the first", logRecords(res, logRecord(bodyText("failed"), str(3, "ERROR"), num(2, 17), at)), line(stream, 17, "failed"), nil},
		{"resource behind its records", msg(1, msg(2, logRecord(at, bodyText("a"))), msg(1, res)), line(stream, 0, "a"), nil},
		{"resource in parts", msg(1, msg(1, res), msg(2, logRecord(at, bodyText("a"))), msg(1, attr(1, "host.name", "h"))), line(`:stream{host.name="h",service.name="checkout"}`, 0, "a"), nil},
		{"no resource", msg(1, msg(2, logRecord(at, bodyText("a")))), line(":stream{}", 0, "a"), nil},
		{"label of the record", logRecords(res, logRecord(at, bodyText("a"), attr(6, "log.file.name", "x.log"), attr(6, "order", "7"))), line(`:stream{log.file.name="x.log",service.name="checkout"}`, 0, "a"), nil},
		{"the record's label before the resource's", logRecords(res, logRecord(at, bodyText("a"), attr(6, "service.name", "pay"))), line(`:stream{service.name="pay"}`, 0, "a"), nil},
		{"an empty label is none", logRecords(join(res, attr(1, "host.name", "")), logRecord(at, bodyText("a"), attr(6, "service.name", ""))), line(stream, 0, "a"), nil},
		{"of equal labels the last", logRecords(join(attr(1, "service.name", "old"), res), logRecord(at, bodyText("a"))), line(stream, 0, "a"), nil},
		{"label that is a number", logRecords(msg(1, str(1, "host.name"), msg(2, num(3, 7))), logRecord(at, bodyText("a"))), line(`:stream{host.name="7"}`, 0, "a"), nil},
		{"label that is a list", logRecords(msg(1, str(1, "host.name"), msg(2, msg(5, msg(1, str(1, "a")), msg(1)))), logRecord(at, bodyText("a"))), line(`:stream{host.name="[\"a\"\,null]"}`, 0, "a"), nil},
		{"label not UTF-8", logRecords(attr(1, "host.name", "a\xff\xffb"), logRecord(at, bodyText("a"))), line(":stream{host.name=\"a\uFFFDb\"}", 0, "a"), nil},
		{"observed time", logRecords(res, logRecord(fixed(11, lineAt), bodyText("a"))), line(stream, 0, "a"), nil},
		{"time before observed time", logRecords(res, logRecord(fixed(11, 5), at, bodyText("a"))), line(stream, 0, "a"), nil},
		{"no time", logRecords(res, logRecord(bodyText("a"))), []codectest.Line{{Stream: stream, Time: codectest.Timestamp * 1e6, Body: "a"}}, nil},
		{"time after 2262", logRecords(res, logRecord(fixed(1, 1<<63), bodyText("a"))), nil, map[string]int{otlp.LostTimeRange: 1}},
		{"severity in words", logRecords(res, logRecord(at, str(3, "Warning"), bodyText("a"))), line(stream, 13, "a"), nil},
		{"severity of no range, and words", logRecords(res, logRecord(at, num(2, 99), str(3, "fatal"), bodyText("a"))), line(stream, 21, "a"), nil},
		{"negative severity", logRecords(res, logRecord(at, num(2, math.MaxUint64), bodyText("a"))), line(stream, 0, "a"), nil},
		{"body not UTF-8", logRecords(res, logRecord(at, bodyText("a\xff\n"))), line(stream, 0, "a\xff\n"), nil},
		{"body of bytes", logRecords(res, logRecord(at, msg(5, msg(7, []byte("a\xff"))))), line(stream, 0, "a\xff"), nil},
		{"body true", logRecords(res, logRecord(at, msg(5, num(2, 1)))), line(stream, 0, "true"), nil},
		{"body a number", logRecords(res, logRecord(at, msg(5, double(4, 1e21)))), line(stream, 0, "1e+21"), nil},
		{"body a map", logRecords(res, logRecord(at, msg(5, msg(6, attr(1, "b", "x\"\n"), msg(1, str(1, "a"), msg(2, msg(5, msg(1, num(3, 7)), msg(1, msg(7, []byte("z"))))))))),
			logRecord(at, bodyText("next"))), append(line(stream, 0, `{"a":[7,"eg=="],"b":"x\"\n"}`), line(stream, 0, "next")...), nil},
		{"map with a name twice", logRecords(res, logRecord(at, msg(5, msg(6, attr(1, "a", "1"), attr(1, "b", "2"), attr(1, "a", "3"))))), line(stream, 0, `{"a":"3","b":"2"}`), nil},
		{"the last of several values", logRecords(res, logRecord(at, msg(5, num(2, 1), str(1, "a")))), line(stream, 0, "a"), nil},
		{"event instead of a body", logRecords(res, logRecord(at, str(12, "device.crash"), attr(6, "k", "v"))), line(stream, 0, "device.crash"), nil},
		{"attributes instead of a body", logRecords(res, logRecord(attr(6, "k", "v"), at, attr(6, "a", "b"))), line(stream, 0, `{"a":"b","k":"v"}`), nil},
		{"nothing instead of a body", logRecords(res, logRecord(at)), line(stream, 0, ""), nil},
		{"exception", logRecords(res, logRecord(at, bodyText("payment failed"), attr(6, "exception.type", "IOException"), attr(6, "exception.message", "no route"))),
			line(stream, 0, "payment failed\nIOException: no route"), nil},
		{"exception's message alone", logRecords(res, logRecord(at, bodyText("payment failed"), attr(6, "exception.message", "no route"))), line(stream, 0, "payment failed\nno route"), nil},
		{"exception with a trace that says it", logRecords(res, logRecord(at, bodyText("payment failed"), attr(6, "exception.stacktrace", trace),
			attr(6, "exception.type", "java.lang.IllegalStateException"), attr(6, "exception.message", "no card"))), line(stream, 0, "payment failed\n"+strings.TrimSpace(trace)), nil},
		{"exception with a trace that does not", logRecords(res, logRecord(at, bodyText("x"), attr(6, "exception.stacktrace", "at f"), attr(6, "exception.type", "E"), attr(6, "exception.message", "m"))),
			line(stream, 0, "x\nE: m\nat f"), nil},
		{"exception that the body says", logRecords(res, logRecord(at, bodyText("E: m\nat f"), attr(6, "exception.stacktrace", "at f\n"), attr(6, "exception.type", "E"), attr(6, "exception.message", "m"))),
			line(stream, 0, "E: m\nat f"), nil},
		{"exception without a body", logRecords(res, logRecord(at, attr(6, "exception.type", "E"), attr(6, "exception.message", "m"))), line(stream, 0, "E: m"), nil},
		{"exception behind a map", logRecords(res, logRecord(at, msg(5, msg(6, attr(1, "a", "1"))), attr(6, "exception.type", "E"))), line(stream, 0, "{\"a\":\"1\"}\nE"), nil},
		{"fields of the future", join(num(900, 7), msg(1, msg(1, res, num(99, 1)), msg(2, num(77, 1), logRecord(at, bodyText("a"), str(60, "x")), str(50, "x")))), line(stream, 0, "a"), nil},
		{"no records", msg(1), nil, nil},

		{"JSON", jsonLogs(jsonAttr("service.name", "checkout"), `{"timeUnixNano":"1795406400000000000","severityNumber":17,"body":{"stringValue":"failed"}}`), line(stream, 17, "failed"), nil},
		{"JSON with numbers and names of constants", jsonLogs(jsonAttr("service.name", "checkout"), `{"timeUnixNano":1795406400000000000,"severityNumber":"SEVERITY_NUMBER_ERROR","body":{"stringValue":"failed"}}`), line(stream, 17, "failed"), nil},
		{"JSON with a constant in digits", jsonLogs("", `{"timeUnixNano":1795406400000000000,"severityNumber":"17","body":{"stringValue":"failed"}}`), line(":stream{}", 17, "failed"), nil},
		{"JSON in snake case", []byte(`{"resource_logs":[{"resource":{"attributes":[]},"scope_logs":[{"log_records":[{"observed_time_unix_nano":"1795406400000000000","severity_text":"warn","severity_number":null,"event_name":"e"}]}]}]}`),
			line(":stream{}", 13, "e"), nil},
		{"JSON with the resource behind", []byte(` {"x":[{}],"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"a"},"timeUnixNano":"1795406400000000000"}]}],"schemaUrl":"","resource":{"x":1,"attributes":[` +
			jsonAttr("service.name", "checkout") + `]}}]}`), line(stream, 0, "a"), nil},
		{"JSON with nulls", []byte(`{"resourceLogs":[{"resource":null,"scopeLogs":[{"scope":null,"logRecords":[{"attributes":null,"severityText":null,"body":null,"timeUnixNano":"1795406400000000000"}]},{"logRecords":null}]},{"scopeLogs":null}]}`),
			line(":stream{}", 0, ""), nil},
		{"JSON with escapes", jsonLogs(`{"value":{"stringValue":"ch\u0065ckout"},"\u006bey":"service\u002ename"}`, `{"timeUnixNano":"1795406400000000000","body":{"stringValue":"a\n\"\\\/\b\f\r\t\ud83d\ude00\ud800x"}}`),
			line(stream, 0, "a\n\"\\/\b\f\r\t\U0001F600\uFFFDx"), nil},
		{"JSON with a map", jsonLogs(jsonAttr("service.name", "checkout"), `{"timeUnixNano":"1795406400000000000","body":{"kvlistValue":{"values":[{"key":"b","value":{"intValue":"7"}},{"key":"a","value":{"arrayValue":{"values":[{"doubleValue":1.50},{"boolValue":true},{},null,{"bytesValue":"eg=="}]}}},{"key":"c"}]}}}`),
			line(stream, 0, `{"a":[1.5,true,null,null,"eg=="],"b":7,"c":null}`), nil},
		{"JSON with bytes", jsonLogs("", `{"timeUnixNano":"1795406400000000000","body":{"bytesValue":"`+base64.URLEncoding.EncodeToString([]byte("a\xff\xfe\xfd"))+`"}}`), line(":stream{}", 0, "a\xff\xfe\xfd"), nil},
		{"JSON with an exception", jsonLogs("", `{"timeUnixNano":"1795406400000000000","body":{"stringValue":"x"},"attributes":[`+jsonAttr("exception.message", "m")+`,`+jsonAttr("exception.stacktrace", "t\n")+`,`+jsonAttr("exception.type", "E\n")+`]}`),
			line(":stream{}", 0, "x\nE\n: m\nt"), nil},
		{"JSON with attributes instead of a body", jsonLogs("", `{"timeUnixNano":"1795406400000000000","attributes":[`+jsonAttr("k", "v")+`,`+jsonAttr("host.name", "h")+`]}`), line(`:stream{host.name="h"}`, 0, `{"host.name":"h","k":"v"}`), nil},
		{"two documents", append(append(jsonLogs("", `{"timeUnixNano":"1795406400000000000","body":{"stringValue":"a"}}`), '\n'), jsonLogs("", `{"timeUnixNano":"1795406400000000000","body":{"stringValue":"b"}}`)...),
			append(line(":stream{}", 0, "a"), line(":stream{}", 0, "b")...), nil},
		{"byte order mark", append([]byte("\uFEFF\r "), jsonLogs("", `{"timeUnixNano":"1795406400000000000","body":{"stringValue":"a"}}`)...), line(":stream{}", 0, "a"), nil},
		{"no records in JSON", []byte(`{"resourceLogs":[]}`), nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.lost == nil {
				c.lost = map[string]int{}
			}
			got := codectest.Fresh(t, newLogs(t, nil), c.value)
			if d := cmp.Diff(codectest.Result{Lines: c.want, Lost: c.lost}, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestLogsOfTheCollectorInWords(t *testing.T) {
	f := signalFixtures(t, "logs")
	app := line(`:stream{service.name="checkout"}`, 17, "payment failed")
	file := []codectest.Line{
		{Stream: `:stream{log.file.name="app.log"}`, Time: 1795408204509168922, Body: `2026-11-23T04:00:00.123Z ERROR checkout payment failed order=77 err="card declined"`},
		{Stream: `:stream{log.file.name="app.log"}`, Time: 1795408204509205907, Body: `{"ts":"2026-11-23T04:00:01Z","level":"warn","msg":"slow query","ms":1530}`},
	}
	for name, want := range map[string][]codectest.Line{"app.binpb": app, "app.json": app, "filelog.binpb": file, "filelog.json": file} {
		if d := cmp.Diff(codectest.Result{Lines: want, Lost: map[string]int{}}, codectest.Fresh(t, newLogs(t, nil), f[name])); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	// The encoding raw is a body alone, which json_logs reads.
	for i, want := range append([]string{"payment failed"}, file[0].Body, file[1].Body) {
		raw := f[fmt.Sprintf("raw-%d.txt", i)]
		if got := codectest.Fresh(t, newLogs(t, nil), raw); got.Code != "otlp_logs.not_otlp" {
			t.Errorf("raw body %d: %+v", i, got)
		}
		codec, err := jsonlog.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := codectest.Fresh(t, codec, raw); len(got.Lines) != 1 || got.Lines[0].Body != want {
			t.Errorf("raw body %d by json_logs: %+v, want %q", i, got, want)
		}
	}
}

func TestLogsWithoutTimeAnywhere(t *testing.T) {
	for _, value := range [][]byte{logRecords(nil, logRecord(bodyText("a"))), jsonLogs("", `{"body":{"stringValue":"a"}}`)} {
		for _, timestamp := range []int64{0, -1} {
			got := codectest.Decode(t, newLogs(t, nil), pipeline.NewSeriesTable(nil, 0), &pipeline.Record{Timestamp: timestamp, Value: value})
			if d := cmp.Diff(codectest.Result{Lost: map[string]int{otlp.LostNoTime: 1}}, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		}
	}
}

func TestLogsLabelsAreChosen(t *testing.T) {
	value := logRecords(join(attr(1, "service.name", "checkout"), attr(1, "team", "shop")), logRecord(fixed(1, lineAt), bodyText("a"), attr(6, "tenant", "t1")))
	got := codectest.Fresh(t, newLogs(t, pipeline.Settings{"labels": []any{"tenant", "team"}}), value)
	if d := cmp.Diff(codectest.Result{Lines: line(`:stream{team="shop",tenant="t1"}`, 0, "a"), Lost: map[string]int{}}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for _, bad := range [][]any{{""}, {"a", "b", "a"}} {
		if _, err := otlp.NewLogs(pipeline.Settings{"labels": bad}); pipeline.Code(err) != "otlp.attribute.name" {
			t.Errorf("labels %q: %v", bad, err)
		}
	}
}

// Tables that are full lose new streams only, and the memo does not forget which.
func TestLogsOfAFullTable(t *testing.T) {
	codec, table := newLogs(t, nil), pipeline.NewSeriesTable(nil, 1)
	r := func(host string) []byte {
		return logRecord(fixed(1, lineAt), bodyText("a"), attr(6, "host.name", host))
	}
	for range 3 {
		got := codectest.Decode(t, codec, table, codectest.Record(logRecords(nil, r("1"), r("2"), r("1"), r("3"))))
		if len(got.Lines) != 2 || got.Lost[otlp.LostSeriesLimit] != 2 {
			t.Fatalf("%+v", got)
		}
	}
}

// Ever new streams are decoded with the smallest memo, and old ones between.
func TestLogsMemoIsBound(t *testing.T) {
	codec, table := newLogs(t, pipeline.Settings{"memo": int64(1 << 20)}), pipeline.NewSeriesTable(nil, 0)
	most := 0
	for i := range 3000 {
		host := fmt.Sprintf("%s-%d", strings.Repeat("h", 500), i%2900)
		got := codectest.Decode(t, codec, table, codectest.Record(logRecords(attr(1, "host.name", host), logRecord(fixed(1, lineAt), bodyText("a"), attr(6, "log.file.name", host)))))
		if len(got.Lines) != 1 || got.Lines[0].Stream != fmt.Sprintf(`:stream{host.name="%s",log.file.name="%s"}`, host, host) {
			t.Fatalf("%+v", got)
		}
		most = max(most, otlp.SignalMemoBytes(codec))
	}
	if most < 1<<20 || most > 5<<20 {
		t.Fatalf("the memos had %d bytes at most", most)
	}
}

// TestLogsCutOff cuts real messages at each byte: what remains is refused, or sound because the cut fell between fields.
func TestLogsCutOff(t *testing.T) {
	for name, value := range signalFixtures(t, "logs") {
		codec := newLogs(t, nil)
		for n := range value {
			got := codectest.Decode(t, codec, pipeline.NewSeriesTable(nil, 0), codectest.Record(value[:n]))
			switch got.Code {
			case "otlp_logs.bytes", "otlp_logs.syntax", "otlp_logs.not_otlp", "otlp_logs.empty":
			default:
				t.Errorf("%s cut at %d: %+v", name, n, got)
			}
		}
	}
}
