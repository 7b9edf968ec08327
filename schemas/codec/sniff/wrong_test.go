package sniff

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/homeostat/homeostat/pipeline"
)

func fixtureOf(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("../" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// repeat makes n records of a pattern with %d in it.
func repeat(n int, pattern string) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf(pattern, i)
	}
	return out
}

// TestWrongGuesses holds what a sample must not be taken for, and what it is.
func TestWrongGuesses(t *testing.T) {
	for name, c := range map[string]struct {
		lines []string
		want  string
	}{
		"prose":                          {[]string{"server is up", "listening on port 80", "temperature 21", "got 3 of 4"}, "text"},
		"two words, one a number":        {repeat(20, "OK %d"), "text"},
		"lines of an application":        {repeat(20, "2026-11-23T04:00:00.%03dZ ERROR checkout payment failed"), "text"},
		"lines with a level and a colon": {repeat(20, "2026-11-23T04:00:00.%03dZ INFO: started"), "text"},
		"logfmt":                         {repeat(20, `ts=2026-11-23T04:00:00Z level=info msg="took %d" duration=3`), "text"},
		"logfmt of two words":            {repeat(20, `level=info retries=%d`), "text"},
		"access log":                     {repeat(20, `10.0.0.%d - - [23/Nov/2026:04:00:01 +0000] "GET /a=1 HTTP/1.1" 200 17`), "text"},
		"a stack trace":                  {[]string{"java.lang.IllegalStateException: x", "\tat a.b.C.d(C.java:7)"}, "text"},
		"syslog without a priority":      {repeat(20, "Nov 23 04:00:%02d web-1 sshd[77]: Accepted publickey"), "syslog"},
		"orders in JSON":                 {repeat(20, `{"order":%d,"customer":"c","total":"12.50"}`), "unknown"},
		"JSON of users":                  {repeat(20, `{"id":%d,"user":"x","event":"login"}`), "unknown"},
		"JSON numbers":                   {repeat(20, `%d`), "text"},
		"logs in JSON with a number":     {repeat(20, `{"time":"2026-11-23T04:00:00Z","level":"info","msg":"done","name":"db","value":%d}`), "json_logs"},
		"logs in JSON, no severity":      {repeat(20, `{"time":"2026-11-23T04:00:00Z","msg":"done %d"}`), "json_logs"},
		"message and value, no severity": {repeat(20, `{"time":"2026-11-23T04:00:00Z","message":"m","name":"db","value":%d}`), "ambiguous"},
		"metrics in JSON":                {repeat(20, `{"ts":1795408204,"metric":"cpu","host":"a","value":%d}`), "json_metrics"},
		"CloudEvents":                    {repeat(20, `{"specversion":"1.0","id":"%d","source":"s","type":"t","time":"2026-11-23T04:00:00Z","data":{"a":1}}`), "unknown"},
		"empty OTLP":                     {[]string{`{"resourceMetrics":[]}`}, "unknown"},
		"debezium":                       {repeat(20, `{"before":null,"after":{"id":%d,"value":3},"op":"c","ts_ms":1795408204407}`), "unknown"},
		"half JSON logs, half lines":     {append(repeat(10, `{"level":"info","msg":"m %d","time":"2026-11-23T04:00:00Z"}`), repeat(10, "plain line %d")...), "mixed"},
		"a tenth of JSON logs":           {append(repeat(2, `{"level":"info","msg":"m %d","time":"2026-11-23T04:00:00Z"}`), repeat(18, "plain line %d")...), "mixed"},
		"a few damaged ones":             {append(repeat(98, `{"level":"info","msg":"m %d","time":"2026-11-23T04:00:00Z"}`), `{"level":"inf`), "json_logs"},
		"influx and graphite":            {append(repeat(10, "mem,host=a used=%d 1795408592000000000"), repeat(10, "a.b.c %d 1795408592")...), "mixed"},
		"nothing":                        {[]string{}, "empty"},
		"one line":                       {[]string{"hello"}, "text"},
		"Latin 1":                        {repeat(20, "Zugriff f\xfcr Benutzer %d verweigert, weil er nicht angemeldet ist"), "text"},
		"blank":                          {[]string{" ", "\n"}, "unknown"},
		"UTF-16":                         {[]string{"h\x00e\x00l\x00l\x00o\x00"}, "unknown"},
	} {
		if a := Sniff(registry(), texts(c.lines...)); said(a) != c.want {
			t.Errorf("%s: %s, want %s: %v\n%s", name, said(a), c.want, a.Err("it"), dump(a))
		}
	}
}

// TestBinaryGuesses does so for bytes that are no text.
func TestBinaryGuesses(t *testing.T) {
	framed := func(id byte, rest string) []byte { return append([]byte{0, 0, 0, 0, id}, rest...) }
	metrics, logs := fixtureOf(t, "otlp/testdata/otelcol-app.binpb"), fixtureOf(t, "otlp/testdata/logs/app.binpb")
	write := fixtureOf(t, "remotewrite/testdata/prometheus-samples.snappy")
	metadata := fixtureOf(t, "remotewrite/testdata/prometheus-metadata.snappy")
	random := make([]byte, 400)
	for i := range random {
		random[i] = byte(i*i*31 + i*7)
	}
	for name, c := range map[string]struct {
		values [][]byte
		want   string
	}{
		"Avro, framed":                  {[][]byte{framed(3, "\x02\x04a"), framed(3, "\x02\x06b"), framed(7, "\x02\x08c")}, "registry"},
		"JSON, framed":                  {[][]byte{framed(3, `{"level":"info","msg":"x"}`)}, "registry"},
		"metrics and logs of OTLP":      {[][]byte{metrics, logs, metrics, logs}, "mixed"},
		"remote write and its metadata": {[][]byte{write, metadata, metadata, metadata}, "remote_write"},
		"metadata alone":                {[][]byte{metadata}, "unknown"},
		"compressed Arrow, not read":    {[][]byte{fixtureOf(t, "arrow/testdata/pyarrow-compressed.arrows")}, "unknown"},
		"noise":                         {[][]byte{random}, "unknown"},
		"zeros":                         {[][]byte{make([]byte, 64)}, "unknown"},
		"gzip":                          {[][]byte{[]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03KL\x04\x00")}, "unknown"},
		"tombstones":                    {[][]byte{nil, nil}, "empty"},
		"metrics with tombstones":       {[][]byte{nil, metrics, nil}, "otlp_metrics"},
	} {
		if a := Sniff(registry(), records(c.values...)); said(a) != c.want {
			t.Errorf("%s: %s, want %s: %v\n%s", name, said(a), c.want, a.Err("it"), dump(a))
		}
	}
}

func TestAnswersSayWhatWasSeen(t *testing.T) {
	a := Sniff(registry(), texts(append(repeat(6, `{"level":"info","msg":"m %d"}`), repeat(4, "plain line %d")...)...))
	err := a.Err("topic t")
	if pipeline.Code(err) != "sniff.mixed" || !strings.Contains(err.Error(), "json_logs 6 of 10") || !strings.Contains(err.Error(), "text 4 of 10") {
		t.Error(err)
	}
	a = Sniff(registry(), texts(append(repeat(99, `{"level":"info","msg":"m %d"}`), "plain")...))
	if want := "99 of 100 records understood, 99 log records of 1 series; next text, 1 of 100"; a.Verdict != Found || a.Evidence() != want {
		t.Errorf("%s, want %s", a.Evidence(), want)
	}
	a = Sniff(registry(), records(fixtureOf(t, "otlp/testdata/otelcol-app.json")), "otlp_logs", "text")
	if said(a) != "unknown" || strings.Join(a.Candidates, " ") != "otlp_logs text" {
		t.Error(said(a), a.Candidates)
	}
	own := texts(`{"a":1}`)
	own[0].Headers = []pipeline.Header{{Key: "ce_type", Value: []byte("io.homeostat.finding.v1")}}
	if a := Sniff(registry(), own); said(a) != "own" || pipeline.Code(a.Err("it")) != "sniff.own" {
		t.Error(said(a))
	}
}

// TestContentTypes: what a header says of the content is not contradicted.
func TestContentTypes(t *testing.T) {
	for content, want := range map[string]string{
		"": "json_logs", "text/plain": "json_logs", "application/octet-stream": "json_logs", "application/json; charset=utf-8": "json_logs",
		"application/x-protobuf": "unknown", "avro/binary": "unknown", "application/vnd.apache.arrow.stream": "unknown",
	} {
		recs := texts(repeat(20, `{"level":"info","msg":"m %d"}`)...)
		for i := range recs {
			recs[i].Headers = []pipeline.Header{{Key: "Content-Type", Value: []byte(content)}}
		}
		if a := Sniff(registry(), recs); said(a) != want {
			t.Errorf("%s: %s, want %s", content, said(a), want)
		}
	}
}

func TestAutoIsChecked(t *testing.T) {
	entry, _ := registry().Codec(Auto)
	if _, err := entry.New(pipeline.Settings{"candidates": []any{"otlp_metrics", "avro"}}); err == nil || !strings.Contains(err.Error(), `"avro" is no codec that can be found out`) {
		t.Error(err)
	}
	c, err := entry.New(pipeline.Settings{"candidates": []any{}})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Decode(&texts("x")[0], nil); pipeline.Code(err) != "sniff.undecided" {
		t.Error(err)
	}
}

// TestSameSampleSameAnswer also holds for records in another order.
func TestSameSampleSameAnswer(t *testing.T) {
	lines := append(repeat(60, `{"level":"info","msg":"m %d"}`), repeat(40, "plain line %d")...)
	a := Sniff(registry(), texts(lines...))
	for i, j := 0, len(lines)-1; i < j; i, j = i+1, j-1 {
		lines[i], lines[j] = lines[j], lines[i]
	}
	if b := Sniff(registry(), texts(lines...)); dump(a) != dump(b) || said(a) != said(b) {
		t.Errorf("%s and %s", dump(a), dump(b))
	}
}
