package text_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
	"github.com/homeostat/homeostat/schemas/codec/text"
)

func newCodec(t testing.TB, settings pipeline.Settings) pipeline.Codec {
	t.Helper()
	codec, err := text.New(settings)
	if err != nil {
		t.Fatal(err)
	}
	return codec
}

const (
	now  = codectest.Timestamp * 1_000_000 // 2026-11-23T04:30:04.407Z
	then = "2026-11-23T04:00:01Z"
	none = ""
)

// decode decodes a record by a new codec and by one that has seen it.
func decode(t *testing.T, settings pipeline.Settings, rec *pipeline.Record) codectest.Result {
	t.Helper()
	return codectest.NewChecker(func() pipeline.Codec { return newCodec(t, settings) }).Check(t, rec)
}

// bodies decodes a record into bodies.
func bodies(t *testing.T, settings pipeline.Settings, value string) []string {
	t.Helper()
	got := decode(t, settings, codectest.Record([]byte(value)))
	if got.Code != "" || len(got.Lost) != 0 {
		t.Fatalf("%q: code %q, lost %v", value, got.Code, got.Lost)
	}
	var out []string
	for _, l := range got.Lines {
		out = append(out, l.Body)
	}
	return out
}

func TestHeads(t *testing.T) {
	for _, c := range []struct {
		line, time string // "" for the record's time
		severity   uint8
	}{
		{"plain line", none, 0},
		{"2026-11-23T04:00:01Z hello", then, 0},
		{"2026-11-23 04:00:01,123 INFO hello", "2026-11-23T04:00:01.123Z", 9},
		{"2026-11-23 04:00:01,123 - my.module - ERROR - hello", "2026-11-23T04:00:01.123Z", 17},
		{"2026-11-23 04:00:01.123 UTC [77] ERROR:  deadlock detected", "2026-11-23T04:00:01.123Z", 17},
		{"2026-11-23 04:00:01.123 UTC [77] user@db LOG:  checkpoint starting", "2026-11-23T04:00:01.123Z", 9},
		{"2026-11-23 04:00:01.123 UTC [77] LOG in", "2026-11-23T04:00:01.123Z", 0},
		{"[2026-11-23T04:00:01,123][INFO ][o.e.n.Node] started", "2026-11-23T04:00:01.123Z", 9},
		{"[2026-11-23 04:00:01,123] WARN [Controller id=1] x (kafka.controller)", "2026-11-23T04:00:01.123Z", 13},
		{"2026-11-23 04:00:01,978 INFO [main] org.apache.hadoop: x", "2026-11-23T04:00:01.978Z", 9},
		{"2026-11-23 04:00:01,944 - WARN  [QuorumPeer:Foll@23] - x", "2026-11-23T04:00:01.944Z", 13},
		{"2026-11-23T04:00:01.123+00:00  INFO 1 --- [main] c.e.App : x", "2026-11-23T04:00:01.123Z", 9},
		{"2026-11-23 04:00:01.123 [http-nio-80 exec 1] ERROR c.e.App - x", "2026-11-23T04:00:01.123Z", 17},
		{"2026-11-23T04:00:01.000Z\tinfo\tapp/main.go:1\tx", then, 9},
		{"2026-11-23T04:00:01.000Z - error: x", then, 17},
		{"2026-11-23 04:00:01 +0000 [error]: #0 x", then, 17},
		{"2026/11/23 04:00:01 [error] 123#0: *1 open() failed", then, 17},
		{"2026/11/23 04:00:01 listening", then, 0},
		{"[Mon Nov 23 04:00:01 2026] [notice] workerEnv.init() ok", then, 10},
		{"[Mon Nov 23 04:00:01.250 2026] [core:error] [pid 7:tid 8] x", "2026-11-23T04:00:01.25Z", 17},
		{"[23-Nov-2026 04:00:01 UTC] PHP Fatal error:  x", then, 0},
		{"[2026-11-23 04:00:01] production.ERROR: x", then, 17},
		{"2026-11-23T04:00:01.123456Z 0 [Warning] [MY-1] [Server] x", "2026-11-23T04:00:01.123456Z", 13},
		{"1:M 23 Nov 2026 04:00:01.123 * Ready to accept connections", "2026-11-23T04:00:01.123Z", 0},
		{`10.0.0.1 - frank [23/Nov/2026:04:00:01 +0000] "GET /ERROR HTTP/1.1" 500 12`, then, 0},
		{"Nov 23 04:00:01 web-1 sshd[77]: error: x", then, 0},
		{"Nov 23 04:00:01 ERROR x", then, 17},
		{"1795408201 WARN x", "2026-11-23T04:30:01Z", 13},
		{"[1795408201.5] x", "2026-11-23T04:30:01.5Z", 0},
		{"[   12.345678] usb 1-1: new", none, 0},
		{"nova-api.log.1.2026-11-23_13:53:08 2026-11-23 04:00:01.008 25746 INFO nova x", "2026-11-23T04:00:01.008Z", 9},
		{"E1123 04:00:01.123456   12 a.go:1] x", "2026-11-23T04:00:01.123456Z", 17},
		{"I1123 04:00:01.123456   12 a.go:1] ERROR", "2026-11-23T04:00:01.123456Z", 9},
		{"INFO 2026-11-23 04:00:01 x", then, 9},
		{"[INFO] 2026-11-23 04:00:01 x", then, 9},
		{"INFO:root:x", none, 9},
		{"WARNING:root:x", none, 13},
		{"INFO:     127.0.0.1:5 - \"GET / HTTP/1.1\" 200 OK", none, 9},
		{"ERROR x", none, 17},
		{"error: x", none, 17},
		{"Error: x", none, 17},
		{"error x", none, 0},
		{"no error here: x", none, 0},
		{"a b c d ERROR", none, 0},
		{"a b c ERROR", none, 17},
		{"[W] x", none, 13},
		{"[w] x", none, 0},
		{"[a] x", none, 0},
		{"<error> x", none, 17},
		{"(error) x", none, 17},
		{"[ok] x", none, 0},
		{"OK x", none, 0},
		{"LOG: x", none, 9},
		{"FATAL: x", none, 21},
		{"PANIC x", none, 21},
		{"ERRORS x", none, 0},
		{"ERROR1 x", none, 0},
		{"[77] x", none, 0},
		{"[error x", none, 0},
		{`time="2026-11-23T04:00:01Z" level=warning msg="x y"`, then, 13},
		{`time="2026-11-23 04:00:01" level=debug`, then, 5},
		{"ts=2026-11-23T04:00:01.5Z caller=main.go:1 level=info msg=x", "2026-11-23T04:00:01.5Z", 9},
		{"level=error ts=1795408201.25 msg=x", "2026-11-23T04:30:01.25Z", 17},
		{"lvl=crit t=yesterday", none, 18},
		{`msg="level=error is bad" level=info`, none, 9},
		{`msg="no end level=error`, none, 0},
		{"severity=30", none, 9},
		{"a=b ERROR", none, 17},
		{"=ERROR", none, 17},
		{"2026-02-30T04:00:01Z ERROR x", none, 17},
		{"2286-11-20T17:46:40Z ERROR x", none, 17},
		{"  ERROR indented", none, 17},
		{"\x1b[31mERROR\x1b[0m x", none, 17},
		{"\x1b[2m2026-11-23T04:00:01Z\x1b[0m \x1b[31mERROR\x1b[0m x", then, 17},
		{strings.Repeat("x", 300) + " ERROR", none, 0},
		{"ü ERROR", none, 17},
		{"\xff\xfe ERROR", none, 17},
	} {
		when := int64(now)
		if c.time != none {
			when = codectest.Time(t, c.time)
		}
		for _, settings := range []pipeline.Settings{nil, {"ansi": "keep"}} {
			got := decode(t, settings, codectest.Record([]byte(c.line+"\r\n")))
			body := c.line
			if settings == nil {
				for _, code := range []string{"\x1b[0m", "\x1b[2m", "\x1b[31m"} {
					body = strings.ReplaceAll(body, code, "")
				}
			}
			want := []codectest.Line{{Stream: `:stream{topic="t"}`, Time: when, Severity: c.severity, Body: body}}
			if d := cmp.Diff(want, got.Lines); d != "" || got.Code != "" || len(got.Lost) != 0 {
				t.Errorf("%q: code %q, lost %v (-want +got):\n%s", c.line, got.Code, got.Lost, d)
			}
		}
	}
}

const java = `java.lang.IllegalStateException: no card
	at com.shop.Pay.charge(Pay.java:12)
	at com.shop.Pay.main(Pay.java:3)
	Suppressed: java.io.IOException: closed
		at com.shop.Pay.close(Pay.java:9)
Caused by: java.net.ConnectException: refused
	at java.net.Socket.connect(Socket.java:1)
	... 12 more`

const python = `Traceback (most recent call last):
  File "/app/pay.py", line 12, in charge
    card.charge()
KeyError: 'card'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/app/pay.py", line 3, in <module>
    main()
shop.errors.PaymentError: no card`

const golang = `panic: runtime error: invalid memory address or nil pointer dereference [recovered]
	panic: again
[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x48f2a6]

goroutine 1 [running]:
main.(*card).charge(...)
	/app/main.go:12
main.main()
	/app/main.go:3 +0x1d
created by net/http.(*Server).Serve in goroutine 7
	/usr/lib/go/src/net/http/server.go:3285 +0x4b4
...additional frames elided...

goroutine 7 [chan receive]:
main.wait(0xc000012345, 0x1)
	/app/main.go:30 +0x2c

rax    0x0
rip    0x48f2a6
exit status 2`

const php = `PHP Fatal error:  Uncaught Exception: no card in /app/pay.php:12
Stack trace:
#0 /app/pay.php(3): charge()
#1 {main}
  thrown in /app/pay.php on line 12`

const net = `fail: Shop.Pay[0]
      Unhandled
System.InvalidOperationException: no card
   at Shop.Pay.Charge() in Pay.cs:line 12
--- End of stack trace from previous location ---
   at Shop.Pay.Main()`

func TestJoined(t *testing.T) {
	const a, b = "2026-11-23T04:00:01Z ERROR a", "2026-11-23T04:00:02Z INFO b"
	for _, c := range []struct {
		value string
		want  []string
	}{
		{a, []string{a}},
		{a + "\n" + b, []string{a, b}},
		{a + "\r\n\r\n\n \t\n" + b + "\n\n", []string{a, b}},
		{"\uFEFF" + a + "\n" + b, []string{a, b}},
		{"\n\n" + a, []string{a}},
		{a + "\n  more\n\n\teven\n" + b, []string{a + "\n  more\n\n\teven", b}},
		{a + "\r\n\tmore\r\n" + b, []string{a + "\r\n\tmore", b}},
		{"  indented first\n" + b, []string{"  indented first", b}},
		{a + "\n" + java + "\n" + b, []string{a + "\n" + java, b}},
		{java + "\n" + java, []string{java, java}},
		{a + "\n" + java + "\n" + java, []string{a + "\n" + java, java}},
		{strings.ReplaceAll(java, "\n\t", "\n    "), []string{strings.ReplaceAll(java, "\n\t", "\n    ")}},
		{java + "\n\t... 3 common frames omitted\n" + b, []string{java + "\n\t... 3 common frames omitted", b}},
		{a + "\nat com.shop.Pay.main(Pay.java:3)\nat home", []string{a + "\nat com.shop.Pay.main(Pay.java:3)", "at home"}},
		{a + "\njava.lang.Error: no frames\n" + b, []string{a, "java.lang.Error: no frames", b}},
		{a + "\n... and more\n... 12 mores", []string{a, "... and more", "... 12 mores"}},
		{"TypeError: x\n    at charge (/app/pay.js:1:2)\n    at /app/main.js:3\n" + b, []string{"TypeError: x\n    at charge (/app/pay.js:1:2)\n    at /app/main.js:3", b}},
		{python + "\n" + b, []string{python, b}},
		{a + "\n" + python + "\n" + b, []string{a + "\n" + python, b}},
		{python + "\n" + python, []string{python, python}},
		{a + " Traceback (most recent call last):\n  File \"x\"\nKeyError\n" + b, []string{a + " Traceback (most recent call last):\n  File \"x\"\nKeyError", b}},
		{"Traceback (most recent call last):\n  File \"x\"\n" + b, []string{"Traceback (most recent call last):\n  File \"x\"", b}},
		{"KeyError: x\n" + b, []string{"KeyError: x", b}},
		{"During handling of the above exception, another exception occurred:\n" + b, []string{"During handling of the above exception, another exception occurred:", b}},
		{golang + "\n" + b, []string{golang, b}},
		{"http: panic serving 10.0.0.1:5: x\n" + golang[strings.Index(golang, "goroutine"):] + "\n" + b,
			[]string{"http: panic serving 10.0.0.1:5: x\n" + golang[strings.Index(golang, "goroutine"):], b}},
		{a + "\nmain.main()\n" + b, []string{a, "main.main()", b}},
		{a + "\nexit status 2", []string{a, "exit status 2"}},
		{"goroutine 1 [running]:\nmain.main()\n" + b, []string{"goroutine 1 [running]:", "main.main()", b}},
		{php + "\n" + b, []string{php, b}},
		{a + "\n#1 priority", []string{a, "#1 priority"}},
		{net + "\n" + b, []string{net, b}},
	} {
		if d := cmp.Diff(c.want, bodies(t, nil, c.value)); d != "" {
			t.Errorf("%q (-want +got):\n%s", c.value, d)
		}
		crlf := strings.ReplaceAll(strings.ReplaceAll(c.value, "\r", ""), "\n", "\r\n")
		var want []string
		for _, w := range c.want {
			want = append(want, strings.ReplaceAll(strings.ReplaceAll(w, "\r", ""), "\n", "\r\n"))
		}
		if d := cmp.Diff(want, bodies(t, nil, crlf)); d != "" {
			t.Errorf("%q (-want +got):\n%s", crlf, d)
		}
		want = nil
		for _, line := range strings.Split(strings.TrimPrefix(c.value, "\uFEFF"), "\n") {
			if strings.TrimSpace(line) != "" {
				want = append(want, strings.TrimRight(line, "\r"))
			}
		}
		if d := cmp.Diff(want, bodies(t, pipeline.Settings{"multiline": "off"}, c.value)); d != "" {
			t.Errorf("off: %q (-want +got):\n%s", c.value, d)
		}
	}
}

func TestSequences(t *testing.T) {
	const value = "\x1b[31mERROR\x1b[0m a\n\x1b[2m\tat x\x1b[0m\n\x1b]0;title\x07INFO \x1b\tb\r\n\x1b[0m\n"
	if d := cmp.Diff([]string{"ERROR a\n\tat x", "INFO \x1b\tb"}, bodies(t, nil, value)); d != "" {
		t.Error(d)
	}
	kept := []string{"\x1b[31mERROR\x1b[0m a", "\x1b[2m\tat x\x1b[0m", "\x1b]0;title\x07INFO \x1b\tb", "\x1b[0m"}
	if d := cmp.Diff(kept, bodies(t, pipeline.Settings{"ansi": "keep"}, value)); d != "" {
		t.Error(d)
	}
}

func TestContainers(t *testing.T) {
	const first, second = "2026-11-23T04:00:01.123456789Z", "2026-11-23T05:00:02+01:00"
	out, errs := `:stream{stream="stdout",topic="t"}`, `:stream{stream="stderr",topic="t"}`
	one, two := codectest.Time(t, first), codectest.Time(t, second)
	for _, c := range []struct {
		value string
		want  []codectest.Line
	}{
		{first + " stdout F INFO x\n", []codectest.Line{{Stream: out, Time: one, Severity: 9, Body: "INFO x"}}},
		{first + " stderr F 2020-01-01T00:00:00Z WARN x", []codectest.Line{{Stream: errs, Time: one, Severity: 13, Body: "2020-01-01T00:00:00Z WARN x"}}},
		{first + " stdout F x\n" + second + " stderr F y\n" + second + " stdout F z", []codectest.Line{
			{Stream: out, Time: one, Body: "x"}, {Stream: errs, Time: two, Body: "y"}, {Stream: out, Time: two, Body: "z"}}},
		{first + " stdout P a \n" + second + " stdout P b\n" + second + " stdout F c\n" + second + " stdout F d", []codectest.Line{
			{Stream: out, Time: one, Body: "a bc"}, {Stream: out, Time: two, Body: "d"}}},
		{first + " stdout P a\n" + second + " stderr F b\n" + second + " stdout F c", []codectest.Line{
			{Stream: out, Time: one, Body: "a"}, {Stream: errs, Time: two, Body: "b"}, {Stream: out, Time: two, Body: "c"}}},
		{first + " stdout P a", []codectest.Line{{Stream: out, Time: one, Body: "a"}}},
		{first + " stdout P:tag a\n" + second + " stdout F:tag:more b", []codectest.Line{{Stream: out, Time: one, Body: "ab"}}},
		{first + " stdout F a\n" + second + " stdout F \n" + second + " stdout F\n" + second + " stdout F \tat b", []codectest.Line{{Stream: out, Time: one, Body: "a\n\n\n\tat b"}}},
		{first + " stdout F a\n" + second + " stdout F \n" + second + " stdout F b", []codectest.Line{{Stream: out, Time: one, Body: "a"}, {Stream: out, Time: two, Body: "b"}}},
		{first + " stdout F goroutine 1 [running]:\n" + second + " stdout F main.main()\n" + second + " stdout F \t/app/main.go:3", []codectest.Line{
			{Stream: out, Time: one, Body: "goroutine 1 [running]:\nmain.main()\n\t/app/main.go:3"}}},
		{"before\n" + first + " stdout F a\nafter\n\tindented", []codectest.Line{
			{Stream: `:stream{topic="t"}`, Time: now, Body: "before"}, {Stream: out, Time: one, Body: "a"}, {Stream: `:stream{topic="t"}`, Time: now, Body: "after\n\tindented"}}},
		{first + " stdout F a\r\n", []codectest.Line{{Stream: out, Time: one, Body: "a"}}},
		{first + " stdout F \n" + first + " stdout P \n", nil},
		{"2026-02-30T04:00:01Z stdout F a", []codectest.Line{{Stream: out, Time: now, Body: "a"}}},
		// Not of a container runtime.
		{first + " stdout X a", []codectest.Line{{Stream: `:stream{topic="t"}`, Time: one, Body: first + " stdout X a"}}},
		{first + " stdout Fa", []codectest.Line{{Stream: `:stream{topic="t"}`, Time: one, Body: first + " stdout Fa"}}},
		{first + " stdlog F a", []codectest.Line{{Stream: `:stream{topic="t"}`, Time: one, Body: first + " stdlog F a"}}},
		{"2026-11-23T04:00:01Znow stdout F a", []codectest.Line{{Stream: `:stream{topic="t"}`, Time: now, Body: "2026-11-23T04:00:01Znow stdout F a"}}},
	} {
		got := decode(t, nil, codectest.Record([]byte(c.value)))
		if d := cmp.Diff(c.want, got.Lines); d != "" || got.Code != "" || len(got.Lost) != 0 {
			t.Errorf("%q: %q, lost %v (-want +got):\n%s", c.value, got.Code, got.Lost, d)
		}
	}
}

func TestStreams(t *testing.T) {
	rec := codectest.Record([]byte("x"))
	rec.Key = []byte("web-1")
	rec.Headers = []pipeline.Header{{Key: "service", Value: []byte("shop")}, {Key: "empty"}, {Key: "service", Value: []byte("second")}, {Key: "raw", Value: []byte("a\xff")}}
	for _, c := range []struct {
		settings pipeline.Settings
		want     string
	}{
		{nil, `topic="t"`},
		{pipeline.Settings{"topic_label": ""}, ""},
		{pipeline.Settings{"topic_label": "service"}, `service="t"`},
		{pipeline.Settings{"key_label": "host"}, `host="web-1",topic="t"`},
		{pipeline.Settings{"labels_from_headers": []any{"service", "empty", "absent", "raw"}, "topic_label": ""}, "raw=\"a\uFFFD\",service=\"shop\""},
		{pipeline.Settings{"labels_from_headers": []any{"topic"}}, `topic="t"`},
	} {
		got := decode(t, c.settings, rec)
		if len(got.Lines) != 1 || got.Lines[0].Stream != ":stream{"+c.want+"}" {
			t.Errorf("%v: %+v, want %s", c.settings, got, c.want)
		}
	}
	// What would read the same in one piece is told apart.
	codec, table := newCodec(t, pipeline.Settings{"key_label": "k", "labels_from_headers": []any{"h"}, "topic_label": ""}), pipeline.NewSeriesTable(nil, 0)
	for _, c := range []struct{ key, header, want string }{{"ab", "c", `h="c",k="ab"`}, {"a", "bc", `h="bc",k="a"`}, {"abc", "", `k="abc"`}, {"", "abc", `h="abc"`}, {"ab", "c", `h="c",k="ab"`}} {
		rec := codectest.Record([]byte("x"))
		rec.Key, rec.Headers = []byte(c.key), []pipeline.Header{{Key: "h", Value: []byte(c.header)}}
		if got := codectest.Decode(t, codec, table, rec); len(got.Lines) != 1 || got.Lines[0].Stream != ":stream{"+c.want+"}" {
			t.Errorf("%+v: %+v", c, got)
		}
	}
}

func TestZonesAndYears(t *testing.T) {
	for _, c := range []struct{ record, zone, value, want string }{
		{"2026-11-23T03:00:05Z", "Europe/Berlin", "2026-11-23 04:00:01,5 x", "2026-11-23T03:00:01.5Z"},
		{"2026-11-23T03:00:05Z", "Europe/Berlin", "2026-11-23T04:00:01Z x", "2026-11-23T04:00:01Z"},
		{"2027-01-01T00:00:05Z", "UTC", "Dec 31 23:59:59 x", "2026-12-31T23:59:59Z"},
		{"2028-03-01T00:00:05Z", "UTC", "[Feb 29 23:59:59] x", "2028-02-29T23:59:59Z"},
		{"2027-01-01T00:00:05Z", "UTC", "W1231 23:59:59.5 7 a.go:1] x", "2026-12-31T23:59:59.5Z"},
	} {
		rec := codectest.Record([]byte(c.value))
		rec.Timestamp = codectest.Time(t, c.record) / 1e6
		got := decode(t, pipeline.Settings{"zone": c.zone}, rec)
		if len(got.Lines) != 1 || got.Lines[0].Time != codectest.Time(t, c.want) || got.Lines[0].Body != c.value {
			t.Errorf("%+v: %+v", c, got)
		}
	}
	for _, name := range []string{"Local", "", "Mars/Olympus"} {
		_, err := text.New(pipeline.Settings{"zone": name})
		var fault *pipeline.SettingFault
		if !errors.As(err, &fault) || fault.Path != "zone" || pipeline.Code(err) != "text.zone" {
			t.Errorf("zone %q: %v", name, err)
		}
	}
}

func TestLosses(t *testing.T) {
	rec := codectest.Record([]byte("a\n2026-11-23T04:00:01Z b\nNov 23 04:00:01 c"))
	rec.Timestamp = 0
	if got := decode(t, nil, rec); len(got.Lines) != 1 || !maps.Equal(got.Lost, map[string]int{text.LostNoTime: 2}) {
		t.Errorf("%+v", got)
	}
	codec, table := newCodec(t, pipeline.Settings{"key_label": "k"}), pipeline.NewSeriesTable(nil, 1)
	for i, key := range []string{"a", "b", "b", "a"} {
		rec := codectest.Record([]byte("x\ny"))
		rec.Key = []byte(key)
		got := codectest.Decode(t, codec, table, rec)
		if key == "a" && len(got.Lines) != 2 || key == "b" && !maps.Equal(got.Lost, map[string]int{text.LostStreamLimit: 2}) {
			t.Errorf("record %d: %+v", i, got)
		}
	}
}

func TestKcat(t *testing.T) {
	f, err := os.Open("testdata/kcat.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var got []codectest.Line
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var value string
		if err := json.Unmarshal(lines.Bytes(), &value); err != nil {
			t.Fatal(err)
		}
		got = append(got, decode(t, nil, codectest.Record([]byte(value))).Lines...)
	}
	want := []codectest.Line{
		{Stream: `:stream{topic="t"}`, Time: now, Body: `{"host":"web-1","level":"error","msg":"boom"}`},
		{Stream: `:stream{topic="t"}`, Time: now, Body: "plain line"},
		{Stream: `:stream{topic="t"}`, Time: now, Body: "tombstone follows"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if got := decode(t, nil, codectest.Record(nil)); got.Code != "text.empty" {
		t.Errorf("%+v", got)
	}
}

func TestRegistered(t *testing.T) {
	reg := pipeline.NewRegistry()
	text.Register(reg)
	entry, ok := reg.Codec("text")
	if !ok {
		t.Fatal("not registered")
	}
	codec, err := entry.New(pipeline.Settings{})
	if err != nil || len(codectest.Fresh(t, codec, []byte("x")).Lines) != 1 {
		t.Fatal(err)
	}
	for _, s := range entry.Spec.Settings {
		if s.Doc == "" || s.Default == nil || s.Example == "" {
			t.Errorf("setting %s lacks doc, default or example", s.Name)
		}
	}
}
