package jsonlog_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/jsonlog"
)

const recordTime = 1_795_408_204_407

// row is a decoded line in words.
type row struct {
	Stream   string
	Time     int64
	Severity uint8
	Body     string
}

func rows(out *pipeline.Columns) []row {
	var got []row
	for i, s := range out.LogStream {
		got = append(got, row{out.Series.At(s).Key(), out.LogTime[i], out.LogSeverity[i], string(out.LogBytes[out.LogOffset[i]:out.LogOffset[i+1]])})
	}
	return got
}

func decode(t testing.TB, codec pipeline.Codec, value string) ([]row, map[string]int, error) {
	t.Helper()
	return decodeTo(codec, pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0)), value)
}

func decodeTo(codec pipeline.Codec, out *pipeline.Columns, value string) ([]row, map[string]int, error) {
	err := codec.Decode(&pipeline.Record{Topic: "logs", Timestamp: recordTime, Value: []byte(value)}, out)
	return rows(out), out.Lost, err
}

func TestRecords(t *testing.T) {
	const now = recordTime * 1_000_000
	for _, c := range []struct {
		value string
		want  []row
	}{
		{`{"message":"a"}`, []row{{":stream{}", now, 0, "a"}}},
		{`{"message":"a","service":"shop","host":{"name":"h"},"level":"warn"}`, []row{{`:stream{host.name="h",service="shop"}`, now, 13, "a"}}},
		{`{"host.name":"h","service":{"name":"s"},"msg":"b"}`, []row{{`:stream{host.name="h",service.name="s"}`, now, 0, "b"}}},
		{`{"kubernetes":{"pod_name":"p","labels":{"app":"x"}},"log":"line\n"}`, []row{{`:stream{kubernetes.pod_name="p"}`, now, 0, "line"}}},
		{`{"log":{"level":"error","message":"x"},"message":"m"}`, []row{{":stream{}", now, 17, "m"}}},
		// The order of the setting decides, not that of the line.
		{`{"msg":"second","message":"first"}`, []row{{":stream{}", now, 0, "first"}}},
		{`{"message":null,"msg":"second"}`, []row{{":stream{}", now, 0, "second"}}},
		{`{"message":{"a":1},"msg":["x"],"body":"third"}`, []row{{":stream{}", now, 0, "third"}}},
		{`{"message":"first","message":"last"}`, []row{{":stream{}", now, 0, "last"}}},
		{`{"message":""}`, []row{{":stream{}", now, 0, ""}}},
		{`{"message":12.50,"time":1795408204.5}`, []row{{":stream{}", 1_795_408_204_500_000_000, 0, "12.50"}}},
		{`{"message":true}`, []row{{":stream{}", now, 0, "true"}}},
		// No body: the line is the body.
		{` {"event": "login", "user":7}` + "\n", []row{{":stream{}", now, 0, `{"event": "login", "user":7}`}}},
		{`{}`, []row{{":stream{}", now, 0, `{}`}}},
		// Labels: scalars that are not empty.
		{`{"message":"a","service":"","host":7,"pod":true,"container":{"x":1},"env":null}`, []row{{`:stream{host="7",pod="true"}`, now, 0, "a"}}},
		{`{"message":"a","service":"\u00fc\"\ud83d\ude00"}`, []row{{`:stream{service="ü\"😀"}`, now, 0, "a"}}},
		// Escapes and bytes.
		{`{"message":"a\tb\\n\u0000\"c\""}`, []row{{":stream{}", now, 0, "a\tb\\n\x00\"c\""}}},
		{"{\"message\":\"a\xffb\",\"service\":\"x\xff\"}", []row{{":stream{service=\"x\uFFFD\"}", now, 0, "a\xffb"}}},
		{`{"m\u0065ssage":"a"}`, []row{{":stream{}", now, 0, "a"}}},
		{`{"message":"trace\r\n\tat x\r\n\n"}`, []row{{":stream{}", now, 0, "trace\r\n\tat x"}}},
		// Several lines.
		{"{\"msg\":\"a\"}\n{\"msg\":\"b\"}\r\n\n{\"msg\":\"c\"}\n", []row{{":stream{}", now, 0, "a"}, {":stream{}", now, 0, "b"}, {":stream{}", now, 0, "c"}}},
		{"{\n  \"msg\": \"a\"\n}\n{\n  \"msg\": \"b\"\n}", []row{{":stream{}", now, 0, "a"}, {":stream{}", now, 0, "b"}}},
		{`{"msg":"a"}{"msg":"b"}`, []row{{":stream{}", now, 0, "a"}, {":stream{}", now, 0, "b"}}},
		{`[{"msg":"a"}, {"msg":"]}"} ,"text"]`, []row{{":stream{}", now, 0, "a"}, {":stream{}", now, 0, "]}"}, {":stream{}", now, 0, "text"}}},
		{`[{"msg":"a"}] [] [{"msg":"b"}]`, []row{{":stream{}", now, 0, "a"}, {":stream{}", now, 0, "b"}}},
		{`[]`, nil},
		{`"ERROR \"x\"\n"`, []row{{":stream{}", now, 0, `ERROR "x"`}}},
		{"\uFEFF{\"msg\":\"a\"}", []row{{":stream{}", now, 0, "a"}}},
		// A line with fields leaves nothing to the next one.
		{`{"msg":"a","service":"s","level":"info","time":1795408204} "b" {"msg":"c"}`, []row{{`:stream{service="s"}`, 1_795_408_204_000_000_000, 9, "a"}, {":stream{}", now, 0, "b"}, {":stream{}", now, 0, "c"}}},
		// As rsyslog, syslog-ng and Fluent Bit write.
		{`{"@timestamp":"2026-11-23T04:00:01+00:00", "host":"web-3", "severity":"ERR", "facility":"local4", "app":"nginx", "procid":"812", "message":" upstream timed out"}` + "\n",
			[]row{{`:stream{app="nginx",host="web-3"}`, 1_795_406_401_000_000_000, 17, " upstream timed out"}}},
		{`{"PROGRAM":"kernel","PRIORITY":"notice","MESSAGE":"Out of memory","ISODATE":"2026-11-23T04:00:03+00:00","HOST":"node-7","FACILITY":"kern"}`,
			[]row{{`:stream{HOST="node-7",PROGRAM="kernel"}`, 1_795_406_403_000_000_000, 10, "Out of memory"}}},
		{`{"date":1795406401.25,"log":"x","kubernetes":{"namespace_name":"n"}}`, []row{{`:stream{kubernetes.namespace_name="n"}`, 1_795_406_401_250_000_000, 0, "x"}}},
	} {
		got, lost, err := decode(t, newCodec(t, nil), c.value)
		if err != nil || len(lost) != 0 {
			t.Errorf("%s: %v, lost %v", c.value, err, lost)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.value, d)
		}
	}
}

func TestTimes(t *testing.T) {
	at := func(s string) int64 {
		when, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return when.UnixNano()
	}
	const none = recordTime * 1_000_000
	for _, c := range []struct {
		unit, value string
		want        int64
	}{
		{"auto", `"2026-11-23T04:00:01Z"`, at("2026-11-23T04:00:01Z")},
		{"auto", `"2026-11-23t04:00:01.5z"`, at("2026-11-23T04:00:01.5Z")},
		{"auto", `"2026-11-23T04:00:01.123456789+05:30"`, at("2026-11-23T04:00:01.123456789+05:30")},
		{"auto", `"2026-11-23T04:00:01.1234567891-02:00"`, at("2026-11-23T04:00:01.123456789-02:00")},
		{"auto", `"2026-11-23 04:00:01,250"`, at("2026-11-23T04:00:01.25Z")},
		{"auto", `"2026-11-23 04:00:01 +0200"`, at("2026-11-23T04:00:01+02:00")},
		{"auto", `"2026-11-23 04:00:01 UTC"`, at("2026-11-23T04:00:01Z")},
		{"auto", `"2026-11-23T04:00:01+02"`, at("2026-11-23T04:00:01+02:00")},
		{"auto", `"2028-02-29T23:59:60Z"`, at("2028-03-01T00:00:00Z")},
		{"auto", `1795408204`, 1_795_408_204_000_000_000},
		{"auto", `1795408204.407112345678`, 1_795_408_204_407_112_345},
		{"auto", `1795408204407`, 1_795_408_204_407_000_000},
		{"auto", `1795408204407.5`, 1_795_408_204_407_500_000},
		{"auto", `1795408204407112`, 1_795_408_204_407_112_000},
		{"auto", `1795408204407112345`, 1_795_408_204_407_112_345},
		{"auto", `"1795408204407"`, 1_795_408_204_407_000_000},
		{"auto", `1.795408204e9`, 1_795_408_204_000_000_000},
		{"auto", `1000000000`, 1_000_000_000_000_000_000},
		{"s", `12.5`, 12_500_000_000},
		{"ms", `1795408204407`, 1_795_408_204_407_000_000},
		{"us", `7`, 7_000},
		{"ns", `7.9`, 7},
		{"ms", `1e3`, 1_000_000_000},
		// What can't be read leaves the record's time.
		{"auto", `999999999`, none},
		{"auto", `"20261123"`, none},
		{"auto", `0`, none},
		{"auto", `-5`, none},
		{"auto", `9223372036854775807`, none},
		{"auto", `99999999999999999999999`, none},
		{"s", `9223372036854775807`, none},
		{"s", `1e300`, none},
		{"auto", `1.2.3`, none},
		{"auto", `nan`, none},
		{"auto", `null`, none},
		{"auto", `{"a":1}`, none},
		{"auto", `""`, none},
		{"auto", `"yesterday"`, none},
		{"auto", `"2026-11-23"`, none},
		{"auto", `"2026-13-23T04:00:01Z"`, none},
		{"auto", `"2026-02-29T04:00:01Z"`, none},
		{"auto", `"2026-04-31T04:00:01Z"`, none},
		{"auto", `"2026-11-23T24:00:01Z"`, none},
		{"auto", `"2026-11-23T04:60:01Z"`, none},
		{"auto", `"2026-11-23T04:00:01 CET"`, none},
		{"auto", `"2026-11-23T04:00:01+0x:00"`, none},
		{"auto", `"2026-11-23T04:00:01+99:00"`, none},
		{"auto", `"2026-11-23T04:00:01Z and more"`, none},
		{"auto", `"1969-12-31T23:59:59Z"`, none},
		{"auto", `"2262-12-31T23:59:59Z"`, none},
	} {
		got, _, err := decode(t, newCodec(t, pipeline.Settings{"time_unit": c.unit}), `{"msg":"a","time":`+c.value+`}`)
		if err != nil || len(got) != 1 || got[0].Time != c.want {
			t.Errorf("%s as %s: %v, %v; want %d", c.value, c.unit, got, err, c.want)
		}
	}
	got, _, err := decode(t, newCodec(t, nil), `{"time":"soon","ts":1795408204}`)
	if err != nil || got[0].Time != 1_795_408_204e9 {
		t.Errorf("a field that can't be read hides the next one: %v %v", got, err)
	}
}

func TestLinesWithoutAnyTimeAreLost(t *testing.T) {
	out := pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0))
	err := newCodec(t, nil).Decode(&pipeline.Record{Timestamp: -1, Value: []byte(`{"msg":"a"} {"msg":"b","ts":1795408204}`)}, out)
	if err != nil || len(out.LogStream) != 1 || !maps.Equal(out.Lost, map[string]int{jsonlog.LostNoTime: 1}) {
		t.Fatal(err, rows(out), out.Lost)
	}
}

func TestSeverities(t *testing.T) {
	for _, c := range []struct {
		how, field, value string
		want              uint8
	}{
		{"auto", "severity", `"TRACE"`, 1},
		{"auto", "level", `"Debug"`, 5},
		{"auto", "level", `"info"`, 9},
		{"auto", "level", `"Information"`, 9},
		{"auto", "level", `"INFO2"`, 10},
		{"auto", "level", `"notice"`, 10},
		{"auto", "level", `"warning"`, 13},
		{"auto", "severity_text", `"WARN4"`, 16},
		{"auto", "level", `" err "`, 17},
		{"auto", "level", `"E"`, 17},
		{"auto", "level", `"critical"`, 18},
		{"auto", "level", `"alert"`, 19},
		{"auto", "level", `"emerg"`, 21},
		{"auto", "level", `"FATAL4"`, 24},
		{"auto", "level", `"panic"`, 21},
		{"auto", "level", `"warm"`, 0},
		{"auto", "level", `"crit2"`, 0},
		{"auto", "level", `"INFO5"`, 0},
		{"auto", "level", `""`, 0},
		{"auto", "level", `"a very long word that is no severity"`, 0},
		{"auto", "level", `null`, 0},
		{"auto", "level", `0`, 21},
		{"auto", "level", `3`, 17},
		{"auto", "level", `"3"`, 17},
		{"auto", "level", `7`, 5},
		{"auto", "level", `30`, 9},
		{"auto", "level", `50`, 17},
		{"auto", "level", `60`, 21},
		{"auto", "level", `9`, 9},
		{"auto", "level", `17`, 17},
		{"auto", "level", `25`, 0},
		{"auto", "level", `-1`, 0},
		{"auto", "level", `1.5`, 0},
		{"auto", "level", `99999999999999999999`, 0},
		{"auto", "severity_number", `5`, 5},
		{"auto", "severityNumber", `20`, 20},
		{"otel", "level", `5`, 5},
		{"otel", "level", `30`, 0},
		{"syslog", "level", `5`, 10},
		{"syslog", "level", `8`, 0},
		{"syslog", "severity_number", `3`, 17},
		{"pino", "level", `20`, 5},
		{"pino", "level", `35`, 9},
		{"pino", "level", `70`, 0},
	} {
		got, _, err := decode(t, newCodec(t, pipeline.Settings{"severity_numbers": c.how}), fmt.Sprintf(`{"msg":"a",%q:%s}`, c.field, c.value))
		if err != nil || len(got) != 1 || got[0].Severity != c.want {
			t.Errorf("%s %s as %s: %v, %v; want %d", c.field, c.value, c.how, got, err, c.want)
		}
	}
	got, _, err := decode(t, newCodec(t, nil), `{"severity":"odd","level":"error"}`)
	if err != nil || got[0].Severity != 17 {
		t.Errorf("a field that can't be read hides the next one: %v %v", got, err)
	}
}

func TestOwnFields(t *testing.T) {
	codec := newCodec(t, pipeline.Settings{
		"time": []any{"t.at"}, "severity": []any{"a.b.c"}, "body": []any{"text"}, "labels": []any{"a.b", "region", "text"},
	})
	const now = recordTime * 1_000_000
	for value, want := range map[string]row{
		`{"t":{"at":1795408204},"a":{"b":{"c":"info"}},"text":"x"}`:      {`:stream{text="x"}`, 1_795_408_204e9, 9, "x"},
		`{"a.b":{"c":"info"},"text":"x","region":"eu","service":"no"}`:   {`:stream{region="eu",text="x"}`, now, 9, "x"},
		`{"a":{"b.c":"info","b":"y"},"text":"x"}`:                        {`:stream{a.b="y",text="x"}`, now, 9, "x"},
		`{"a.b.c":"info","message":"no","text":"x","time":"2026-01-01"}`: {`:stream{text="x"}`, now, 9, "x"},
	} {
		got, _, err := decode(t, codec, value)
		if err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("%s: %v %v, want %v", value, got, err, want)
		}
	}
	for _, path := range []string{"", "a.b.c.d.e.f.g.h.i"} {
		_, err := jsonlog.New(pipeline.Settings{"body": []any{"ok", path}})
		var fault *pipeline.SettingFault
		if !errors.As(err, &fault) || fault.Path != "body[1]" || pipeline.Code(err) != "json_logs.field.path" {
			t.Errorf("path %q: %v", path, err)
		}
	}
}

func TestRefused(t *testing.T) {
	deep := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	for _, c := range []struct {
		settings pipeline.Settings
		value    string
		code     string
		says     string
	}{
		{nil, "", "json_logs.empty", "topic logs"},
		{nil, " \n", "json_logs.empty", ""},
		{nil, `{"msg":"a"`, "json_logs.syntax", "at byte 0:"},
		{nil, ` {"msg":"a`, "json_logs.syntax", "at byte 8:"},
		{nil, `{"msg":"a"}}`, "json_logs.syntax", "at byte 11:"},
		{nil, `{"msg":"a"},{"msg":"b"}`, "json_logs.syntax", "at byte 11:"},
		{nil, `{"msg":a}`, "json_logs.syntax", "at byte 7:"},
		{nil, "{\"msg\":\"a\"}\n{\"msg\":}", "json_logs.syntax", "at byte 19:"},
		{nil, `{"msg" "a"}`, "json_logs.syntax", ""},
		{nil, `{"msg":"a"]`, "json_logs.syntax", ""},
		{nil, `{'msg':'a'}`, "json_logs.syntax", ""},
		{nil, `[{"msg":"a"}`, "json_logs.syntax", "no end"},
		{nil, `[{"msg":"a"},]`, "json_logs.syntax", "at byte 13:"},
		{nil, `[{"msg":"a"} {"msg":"b"}]`, "json_logs.syntax", "neither a comma nor the end"},
		{nil, `[,]`, "json_logs.syntax", ""},
		{nil, `]`, "json_logs.syntax", ""},
		{nil, `2026-11-23T04:00:01+00:00 web-3 nginx[812]: upstream timed out`, "json_logs.syntax", ""},
		{nil, "\x0a\x71\x12\x51", "json_logs.syntax", ""},
		{nil, `"a`, "json_logs.syntax", "no end"},
		{nil, `"a\"`, "json_logs.syntax", "no end"},
		{nil, `12`, "json_logs.not_object", "number"},
		{nil, `{"msg":"a"} null`, "json_logs.not_object", "at byte 12 "},
		{nil, `[["a"]]`, "json_logs.not_object", "array"},
		{pipeline.Settings{"max_bytes": int64(10)}, `{"msg":"a"}`, "json_logs.limit.bytes", "max_bytes 10"},
		{pipeline.Settings{"max_line_bytes": int64(10)}, `{"msg":"a"}`, "json_logs.limit.line_bytes", "at byte 0"},
		{pipeline.Settings{"max_line_bytes": int64(10)}, `{} {"msg":"a"}`, "json_logs.limit.line_bytes", "at byte 3"},
		{pipeline.Settings{"max_lines": int64(2)}, `{} {} {}`, "json_logs.limit.lines", "max_lines 2"},
		{pipeline.Settings{"max_body_bytes": int64(2)}, `{"msg":"abc"}`, "json_logs.limit.body_bytes", "3 bytes"},
		{pipeline.Settings{"max_label_bytes": int64(8)}, `{"service":"ab"}`, "json_logs.limit.label_bytes", "max_label_bytes 8"},
		{pipeline.Settings{"max_nesting": int64(3)}, deep(4), "json_logs.limit.nesting", "max_nesting 3"},
		{nil, deep(33), "json_logs.limit.nesting", ""},
		{nil, deep(100_000), "json_logs.limit.nesting", ""},
		{nil, strings.Repeat("[", 100_000), "json_logs.limit.nesting", ""},
		{nil, strings.Repeat(`{"a":`, 100_000), "json_logs.limit.nesting", ""},
	} {
		codec, out := newCodec(t, c.settings), pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0))
		for range 2 {
			err := codec.Decode(&pipeline.Record{Topic: "logs", Timestamp: recordTime, Value: []byte(c.value)}, out)
			if pipeline.Code(err) != c.code || !strings.Contains(fmt.Sprint(err), c.says) || len(out.Lost) != 0 {
				t.Errorf("%.60s: %v, lost %v; want %s with %q", c.value, err, out.Lost, c.code, c.says)
			}
		}
	}
	for _, c := range []struct {
		settings pipeline.Settings
		value    string
	}{
		{pipeline.Settings{"max_bytes": int64(11), "max_line_bytes": int64(11), "max_body_bytes": int64(1), "max_lines": int64(1)}, `{"msg":"a"}`},
		{pipeline.Settings{"max_label_bytes": int64(9), "max_lines": int64(2)}, `{"service":"ab"} {}`},
		{pipeline.Settings{"max_nesting": int64(3)}, deep(3)},
		{pipeline.Settings{"max_nesting": int64(1)}, `{"msg":"{{{[[["}`},
		{pipeline.Settings{"max_nesting": int64(300)}, deep(299)},
	} {
		if _, _, err := decode(t, newCodec(t, c.settings), c.value); err != nil {
			t.Errorf("at the limit %v: %v", c.settings, err)
		}
	}
}

func TestErrorLeavesTheCodecAndEarlierRowsAsTheyWere(t *testing.T) {
	codec, out := newCodec(t, nil), pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0))
	for i, value := range []string{`{"msg":"a","service":"s"} "b"`, `[{"msg":"c","service":"t","level":"error"},{"msg":`, `{"msg":"d"}`} {
		out.Mark()
		if err := codec.Decode(&pipeline.Record{Timestamp: 1, Value: []byte(value)}, out); (err != nil) != (i == 1) {
			t.Fatal(i, err)
		} else if err != nil {
			out.Rollback()
		}
	}
	want := []row{{`:stream{service="s"}`, 1e6, 0, "a"}, {":stream{}", 1e6, 0, "b"}, {":stream{}", 1e6, 0, "d"}}
	if d := cmp.Diff(want, rows(out)); d != "" || len(out.Lost) != 0 {
		t.Fatalf("lost %v (-want +got):\n%s", out.Lost, d)
	}
}

func TestFullTableLosesNewStreamsOnly(t *testing.T) {
	codec, out := newCodec(t, nil), pipeline.NewColumns(pipeline.NewSeriesTable(nil, 1))
	for range 3 {
		if err := codec.Decode(&pipeline.Record{Timestamp: 1, Value: []byte(`{"host":"a"} {"host":"b"} {"host":"b"} {"host":"a"} {"host":"c"}`)}, out); err != nil {
			t.Fatal(err)
		}
	}
	if len(out.LogStream) != 6 || out.Lost[jsonlog.LostStreamLimit] != 9 {
		t.Fatalf("%d rows, lost %v", len(out.LogStream), out.Lost)
	}
}

func TestAnotherTableGetsItsOwnNumbers(t *testing.T) {
	codec := newCodec(t, nil)
	for _, value := range []string{`{"host":"a"} {"host":"b"} {}`, `{} {"host":"b"} {"host":"a"}`, `{"host":"a"}`} {
		got, _, err := decode(t, codec, value)
		want, _, err2 := decode(t, newCodec(t, nil), value)
		if err != nil || err2 != nil || !cmp.Equal(got, want) {
			t.Fatal(got, want, err, err2)
		}
	}
}

// TestManyStreams decodes more streams than any short cut holds, in changing order, with one codec and its memo; and with a memo that starts anew
// with each record.
func TestManyStreams(t *testing.T) {
	testManyStreams(t, newCodec(t, nil))
	testManyStreams(t, newCodec(t, pipeline.Settings{"memo": int64(1)}))
}

func testManyStreams(t *testing.T, codec pipeline.Codec) {
	out := pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0))
	r := rand.New(rand.NewPCG(1, 2))
	var want []string
	for range 20_000 {
		host, pod := fmt.Sprint("h", r.IntN(300)), fmt.Sprint("p", r.IntN(10))
		members := []string{fmt.Sprintf(`"host":%q`, host), fmt.Sprintf(`"pod":%q`, pod), `"msg":"x"`, `"other":{"host":"no"}`}
		r.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
		if err := codec.Decode(&pipeline.Record{Timestamp: 1, Value: []byte("{" + strings.Join(members, ",") + "}")}, out); err != nil {
			t.Fatal(err)
		}
		want = append(want, fmt.Sprintf(`:stream{host="%s",pod="%s"}`, host, pod))
	}
	for i, got := range rows(out) {
		if got.Stream != want[i] || got.Body != "x" {
			t.Fatalf("line %d: %v, want %s", i, got, want[i])
		}
	}
	if out.Series.Len() > 3000 {
		t.Fatalf("%d streams for 3,000 label sets", out.Series.Len())
	}
}

// TestAnyOrderAndForm writes random lines by encoding/json, one by one, indented and in arrays.
func TestAnyOrderAndForm(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	codec, out := newCodec(t, nil), pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0))
	texts := []string{"a", `q"u\o`, "<&>", "ü\n€", "😀", "{[", "]}", `\`, strings.Repeat("long ", 50)}
	for range 1000 {
		var want []row
		var lines []map[string]any
		for range 1 + r.IntN(4) {
			service, body := texts[r.IntN(len(texts))], texts[r.IntN(len(texts))]
			when := time.Unix(r.Int64N(4e9)+1, r.Int64N(1e9)).In(time.FixedZone("", (r.IntN(53)-26)*1800))
			line := map[string]any{"service": service, "message": body, "time": when.Format(time.RFC3339Nano), "level": "error", "nested": map[string]any{"message": "no", "list": []any{1, "x", nil, map[string]any{"time": 5}}}}
			if r.IntN(2) == 0 {
				line[texts[r.IntN(len(texts))]] = texts[r.IntN(len(texts))]
			}
			lines = append(lines, line)
			key := pipeline.SeriesKey("", pipeline.Stream, []pipeline.Label{{Name: "service", Value: service}})
			want = append(want, row{key, when.UnixNano(), 17, strings.TrimRight(body, "\n")})
		}
		array, _ := json.Marshal(lines)
		indented, _ := json.MarshalIndent(lines, " ", "\t")
		var single strings.Builder
		for _, line := range lines {
			if err := json.NewEncoder(&single).Encode(line); err != nil {
				t.Fatal(err)
			}
		}
		for _, value := range []string{string(array), string(indented), single.String()} {
			err := codec.Decode(&pipeline.Record{Value: []byte(value)}, out)
			if d := cmp.Diff(want, rows(out)); err != nil || len(out.Lost) != 0 || d != "" {
				t.Fatalf("%s: %v, lost %v (-want +got):\n%s", value, err, out.Lost, d)
			}
			out.Rollback()
		}
	}
}

func TestRegistered(t *testing.T) {
	reg := pipeline.NewRegistry()
	jsonlog.Register(reg)
	entry, ok := reg.Codec("json_logs")
	if !ok {
		t.Fatal("not registered")
	}
	codec, err := entry.New(pipeline.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := decode(t, codec, `{"msg":"a"}`); err != nil || len(got) != 1 {
		t.Fatal(got, err)
	}
	for _, s := range entry.Spec.Settings {
		if s.Doc == "" || s.Default == nil || s.Example == "" {
			t.Errorf("setting %s lacks doc, default or example", s.Name)
		}
	}
}
