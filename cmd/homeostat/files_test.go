package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/homeostat/homeostat/pipeline"
)

// fixture is what a producer really wrote.
func fixture(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../../schemas/codec", path))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func gzipped(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zstandard(t *testing.T, b []byte) []byte {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	return z.EncodeAll(b, nil)
}

// filed is a pipeline over files, with its folders.
type filed struct{ config, in, out string }

func newFiled(t *testing.T, codec, file string, files map[string][]byte) *filed {
	t.Helper()
	f := &filed{config: filepath.Join(t.TempDir(), "files.yaml"), in: t.TempDir(), out: t.TempDir()}
	text := fmt.Sprintf("version: 1\nname: files\nsources:\n  - {name: app, topic: app.telemetry, codec: %s, late: dead_letter, disorder: 1h, file: %s}\ndetect: [{window: {size: 10s}}, robustz, errorlogs]\nadmin: {listen: \"off\"}\nlog: {level: warn}\n", codec, file)
	if err := os.WriteFile(f.config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, b := range files {
		path := filepath.Join(f.in, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// backtest runs it and returns the first account and what lies in the folder of the results.
func (f *filed) backtest(t *testing.T) (in, on int64, lost map[string]int64, results map[string]string) {
	t.Helper()
	mustRun(t, "backtest", "-c", f.config, "--input", f.in, "--out", f.out)
	var sum struct {
		Rows []struct {
			In, On int64
			Lost   map[string]int64
		}
	}
	if err := json.Unmarshal([]byte(readAll(t, f.out)["summary.json"]), &sum); err != nil {
		t.Fatal(err)
	}
	return sum.Rows[0].In, sum.Rows[0].On, sum.Rows[0].Lost, readAll(t, f.out)
}

func readAll(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out[e.Name()] = string(b)
	}
	return out
}

// What producers write is read from files by each codec, under its name and, where that can be told, by codec: auto, with equal results each time.
func TestBacktestReadsWhatProducersWrite(t *testing.T) {
	line := func(paths ...string) (out []byte) {
		for _, p := range paths {
			out = append(append(out, bytes.TrimSuffix(fixture(t, p), []byte("\n"))...), '\n')
		}
		return out
	}
	logs := "<34>1 2026-11-23T04:00:01Z node-1 app 12 - - first\n<34>1 2026-11-23T04:00:02Z node-1 app 12 - - second\n"
	for _, c := range []struct {
		fact, codec, file string
		files             map[string][]byte
		in                int64
		auto              bool
	}{
		{fact: "JSON lines of Fluent Bit", codec: "json_logs", files: map[string][]byte{"a.jsonl": fixture(t, "jsonlog/testdata/fluentbit.jsonl")}, in: 3, auto: true},
		{fact: "JSON lines of Vector, packed", codec: "json_logs", files: map[string][]byte{"a.jsonl.gz": gzipped(t, fixture(t, "jsonlog/testdata/vector.jsonl"))}, in: 4, auto: true},
		{fact: "line protocol", codec: "influx", files: map[string][]byte{"a.lp": line("influx/testdata/telegraf-0.lp", "influx/testdata/telegraf-1.lp", "influx/testdata/telegraf-2.lp")}, in: 6, auto: true},
		{fact: "line protocol, packed by zstd, in files", codec: "influx", file: "{paths: [.]}", in: 6, auto: true, files: map[string][]byte{
			"x/a.lp": zstandard(t, line("influx/testdata/telegraf-0.lp")), "x/y/b.lp.zst": zstandard(t, line("influx/testdata/telegraf-1.lp")), "c": line("influx/testdata/telegraf-2.lp")}},
		{fact: "syslog", codec: "syslog", files: map[string][]byte{"messages": []byte(logs)}, in: 2, auto: true},
		{fact: "syslog of another year", codec: "syslog", file: `{paths: ["*"], written: 2019-01-02T00:00:00Z}`, files: map[string][]byte{"messages": []byte("<34>Dec 31 23:59:59 node-1 app: first\n<34>Jan  1 00:00:01 node-1 app: second\n")}, in: 2},
		{fact: "plain text", codec: "text", files: map[string][]byte{"a.log": []byte("2026-11-23 04:00:01 ERROR one\r\n2026-11-23 04:00:02 INFO two")}, in: 2},
		{fact: "plain text with stack traces", codec: "text", file: `{paths: ["*"], starts: '^\d{4}-'}`, files: map[string][]byte{
			"a.log": []byte("2026-11-23 04:00:01 ERROR java.lang.IllegalStateException: x\n\tat a.B.c(B.java:1)\n2026-11-23 04:00:02 INFO two\n")}, in: 2},
		{fact: "OTLP JSON lines of the Collector", codec: "otlp_metrics", files: map[string][]byte{"metrics.json": line("otlp/testdata/otelcol-load.json", "otlp/testdata/otelcol-load.json")}, in: 6},
		{fact: "OTLP logs in JSON", codec: "otlp_logs", files: map[string][]byte{"logs.json": line("otlp/testdata/logs/app.json")}, in: 1, auto: true},
		{fact: "OTLP in protobuf, a message a file", codec: "otlp_metrics", file: `{paths: ["*"], format: whole}`, files: map[string][]byte{"a": fixture(t, "otlp/testdata/otelcol-app.binpb"), "b": gzipped(t, fixture(t, "otlp/testdata/otelcol-hostmetrics.binpb"))}, in: 12, auto: true},
	} {
		t.Run(c.fact, func(t *testing.T) {
			if c.file == "" {
				c.file = `{paths: ["*"]}`
			}
			f := newFiled(t, c.codec, c.file, c.files)
			in, on, lost, results := f.backtest(t)
			if in != c.in || on != c.in {
				t.Errorf("%d rows in, %d on, lost %v", in, on, lost)
			}
			f.out = t.TempDir()
			if _, _, _, again := f.backtest(t); fmt.Sprint(again) != fmt.Sprint(results) {
				t.Error("the second backtest wrote something else")
			}
			if !c.auto {
				return
			}
			auto := newFiled(t, "auto", c.file, c.files)
			if found, _, lost, _ := auto.backtest(t); found != in {
				t.Errorf("by codec: auto %d rows, lost %v", found, lost)
			}
		})
	}
}

// TestBacktestOfOneFile reads that file, whatever is in its name.
func TestBacktestOfOneFile(t *testing.T) {
	line := []byte("{\"time\":\"2026-11-23T04:00:01Z\",\"log\":\"one\"}\n")
	f := newFiled(t, "json_logs", `{paths: ["*"]}`, map[string][]byte{"a[1]*.jsonl": line, "a1*.jsonl": line, "a1.jsonl": line, `a\?.jsonl`: line})
	folder := f.in
	for _, name := range []string{"a[1]*.jsonl", "a1*.jsonl", `a\?.jsonl`} {
		f.in, f.out = filepath.Join(folder, name), t.TempDir()
		if in, on, lost, _ := f.backtest(t); in != 1 || on != 1 {
			t.Errorf("%s: %d rows in, %d on, lost %v", name, in, on, lost)
		}
	}
}

func TestBacktestTellsWhatItCouldNotUse(t *testing.T) {
	f := newFiled(t, "json_logs", `{paths: ["*"], max_line: 200B}`, map[string][]byte{
		"b.jsonl": []byte("{\"time\":\"2026-11-23T04:00:01Z\",\"log\":\"one\"}\nno <json>\n{\"time\":\"2026-11-23T04:00:02Z\",\"log\":\"" + strings.Repeat("x", 300) + "\"}\n{\"time\"\n\xff\n"),
		"a.jsonl": []byte("\n"),
	})
	in, on, lost, results := f.backtest(t)
	if in != 5 || on != 1 || lost["undecodable"] != 3 || lost["line"] != 1 {
		t.Errorf("%d rows in, %d on, lost %v", in, on, lost)
	}
	letters := strings.Split(strings.TrimSpace(results[deadLetters]), "\n")
	if len(letters) != 3 {
		t.Fatalf("%q", letters)
	}
	for i, want := range []struct{ line, value string }{{"2", `"value":"no <json>"`}, {"4", `"value":"{\"time\""`}, {"5", `"bytes":"/w=="`}} {
		for _, part := range []string{`"file":"b.jsonl"`, `"hs-offset":"` + want.line + `"`, `"hs-reason":"undecodable"`, `"hs-code":"json`, want.value} {
			if !strings.Contains(letters[i], part) {
				t.Errorf("dead letter %s\nlacks %s", letters[i], part)
			}
		}
	}
	// They are not left for a backtest that has none.
	if err := os.WriteFile(filepath.Join(f.in, "b.jsonl"), []byte("{\"time\":\"2026-11-23T04:00:01Z\",\"log\":\"one\"}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, _, results := f.backtest(t); results[deadLetters] != "" {
		t.Error(results[deadLetters])
	}
}

func TestBacktestOfFilesThatNobodyUnderstands(t *testing.T) {
	for code, files := range map[string]map[string][]byte{
		"sniff.unknown": {"a": []byte("{\"a\":1}\n{\"b\":2}\n")},
		"sniff.empty":   {"a": nil},
		"file.read":     {"a": gzipped(t, bytes.Repeat([]byte("{\"log\":\"x\"}\n"), 100))[:30]},
	} {
		f := newFiled(t, "auto", `{paths: ["*"]}`, files)
		if _, err := run(t, "backtest", "-c", f.config, "--input", f.in, "--out", f.out); pipeline.Code(err) != code {
			t.Errorf("%s: %v", code, err)
		}
	}
}

func TestValidateAndExplainFiles(t *testing.T) {
	f := newFiled(t, "auto", `{paths: ["*"]}`, nil)
	mustRun(t, "validate", f.config)
	if out := mustRun(t, "explain", f.config); !strings.Contains(out, "records for the codec") || !strings.Contains(out, "by the beginning of its files") {
		t.Error(out)
	}
	text := "version: 1\nname: files\nsources:\n  - {name: app, late: drop, file: {paths: [\"*\"]}}\ndetect: [{window: {size: 10s}}]\n"
	if err := os.WriteFile(f.config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := run(t, "validate", f.config); err == nil || !strings.Contains(out, "4:5: sources[0].codec: is required for records of a file") {
		t.Error(out, err)
	}
}

// Records of files are fed as they are, and tap reads them as the source does.
func TestFeedAndTapRecordsOfFiles(t *testing.T) {
	s := newStation(t)
	f := newFiled(t, "{syslog: {zone: Asia/Tokyo}}", `{paths: ["*"]}`, map[string][]byte{
		"a": []byte("<34>2026-11-23 04:00:01 node-1 app: one\n"), "b.gz": gzipped(t, []byte("<34>2026-11-23 04:00:02 node-1 app: two\n"))})
	if out := mustRun(t, "feed", f.in, "--topic", "app.telemetry", "-c", f.config, "--bootstrap", s.addr); !strings.Contains(out, "2 rows") {
		t.Error(out)
	}
	out := mustRun(t, "tap", "app.telemetry", "-c", f.config, "--source", "app", "--bootstrap", s.addr)
	if !strings.Contains(out, "2026-11-22T19:00:01Z") || !strings.Contains(out, "2026-11-22T19:00:02Z") {
		t.Error(out)
	}
	if plain := mustRun(t, "tap", "app.telemetry", "--codec", "syslog", "--bootstrap", s.addr); !strings.Contains(plain, "2026-11-23T04:00:01Z") {
		t.Error(plain)
	}
	auto := newFiled(t, "auto", `{paths: ["*"]}`, nil)
	for code, args := range map[string][]string{
		"cli.usage":          {"-c", f.config, "--source", "app", "--codec", "text"},
		"state.codec.source": {"-c", f.config, "--source", "nobody"},
		"cli.flag.missing":   {"--source", "app"},
		"tap.source":         {"-c", auto.config, "--source", "app"},
	} {
		if _, err := run(t, append([]string{"tap", "app.telemetry", "--bootstrap", s.addr}, args...)...); pipeline.Code(err) != code {
			t.Errorf("%v: %v", args, err)
		}
	}
}

// A file does not say when its lines were written: without the setting, rows that don't say it themselves are counted as lost.
func TestBacktestOfLinesWithoutTime(t *testing.T) {
	files := map[string][]byte{"a": []byte("one\ntwo\n")}
	if in, on, lost, _ := newFiled(t, "text", `{paths: ["*"]}`, files).backtest(t); in != 2 || on != 0 || lost["no_time"] != 2 {
		t.Errorf("%d rows in, %d on, lost %v", in, on, lost)
	}
	if in, on, lost, _ := newFiled(t, "text", `{paths: ["*"], written: 2026-11-23T04:00:00Z}`, files).backtest(t); in != 2 || on != 2 {
		t.Errorf("%d rows in, %d on, lost %v", in, on, lost)
	}
}
