package sniff

import (
	"bufio"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/alertmanager"
	"github.com/homeostat/homeostat/schemas/codec/arrow"
	"github.com/homeostat/homeostat/schemas/codec/avro"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
	"github.com/homeostat/homeostat/schemas/codec/collectd"
	"github.com/homeostat/homeostat/schemas/codec/graphite"
	"github.com/homeostat/homeostat/schemas/codec/influx"
	"github.com/homeostat/homeostat/schemas/codec/jsonlog"
	"github.com/homeostat/homeostat/schemas/codec/jsonmetrics"
	"github.com/homeostat/homeostat/schemas/codec/otlp"
	"github.com/homeostat/homeostat/schemas/codec/remotewrite"
	"github.com/homeostat/homeostat/schemas/codec/syslog"
	"github.com/homeostat/homeostat/schemas/codec/text"
)

func registry() *pipeline.Registry {
	r := pipeline.NewRegistry()
	for _, register := range []func(*pipeline.Registry){
		otlp.Register, otlp.RegisterLogs, otlp.RegisterTraces, remotewrite.Register, alertmanager.Register, arrow.Register,
		jsonlog.Register, syslog.Register, text.Register, jsonmetrics.Register, influx.Register, graphite.Register, collectd.Register, avro.Register,
		Register,
	} {
		register(r)
	}
	return r
}

// records makes a record of each value.
func records(values ...[]byte) []pipeline.Record {
	var out []pipeline.Record
	for _, v := range values {
		out = append(out, *codectest.Record(v))
	}
	return out
}

func texts(values ...string) []pipeline.Record {
	var out []pipeline.Record
	for _, v := range values {
		out = append(out, *codectest.Record([]byte(v)))
	}
	return out
}

// said is an answer in a few words.
func said(a *Answer) string {
	word := [...]string{"empty", "found", "mixed", "ambiguous", "registry", "own", "unknown"}[a.Verdict]
	if a.Verdict == Found {
		return a.Best.Name()
	}
	return word
}

// TestFixtures sniffs each fixture of each codec by itself, as a topic of one record.
func TestFixtures(t *testing.T) {
	for pattern, want := range map[string]string{
		"alertmanager/testdata/*.json":          "alertmanager",
		"arrow/testdata/pyarrow-*w*.arrows":     "arrow",
		"collectd/testdata/*.json":              "collectd",
		"collectd/testdata/*.command":           "collectd",
		"graphite/testdata/*.graphite":          "graphite",
		"influx/testdata/*.lp":                  "influx",
		"jsonmetrics/testdata/*.json":           "json_metrics (telegraf)",
		"otlp/testdata/*.json":                  "otlp_metrics",
		"otlp/testdata/*.binpb":                 "otlp_metrics",
		"otlp/testdata/logs/*.json":             "otlp_logs",
		"otlp/testdata/logs/*.binpb":            "otlp_logs",
		"otlp/testdata/logs/raw-*.txt":          "json_logs",
		"otlp/testdata/traces/app.*":            "otlp_traces",
		"otlp/testdata/traces/jaeger.json":      "unknown",
		"otlp/testdata/traces/zipkin.json":      "unknown",
		"remotewrite/testdata/telegraf*":        "remote_write",
		"remotewrite/testdata/prometheus-[as]*": "remote_write",
	} {
		files, err := filepath.Glob("../" + pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			if a := Sniff(registry(), records(b)); said(a) != want {
				t.Errorf("%s: %s, want %s: %v", f, said(a), want, a.Err("it"))
			}
		}
	}
}

// TestLineFixtures sniffs files of which each line is a record, with what the lines are.
func TestLineFixtures(t *testing.T) {
	for pattern, want := range map[string]string{
		"jsonlog/testdata/*.jsonl": "json_logs",
		"syslog/testdata/*.jsonl":  "syslog",
		"text/testdata/kcat.jsonl": "mixed",
	} {
		files, err := filepath.Glob("../" + pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, f := range files {
			recs := samples(t, f)[""]
			if a := Sniff(registry(), recs); said(a) != want {
				t.Errorf("%s: %s, want %s: %v", f, said(a), want, a.Err("it"))
			}
		}
	}
}

// sample is a line of a file of records, as they were taken off a topic.
type sample struct {
	Topic     string  `json:"topic"`
	Timestamp int64   `json:"timestamp_ms"`
	Value     *string `json:"value"`
	Hex       string  `json:"value_hex"`
	Base64    string  `json:"value_base64"`
}

// samples reads a file of records, by topic; lines that are no such descriptions are records themselves.
func samples(t *testing.T, file string) map[string][]pipeline.Record {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := map[string][]pipeline.Record{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var s sample
		var line string
		if json.Unmarshal(lines.Bytes(), &line) == nil {
			out[""] = append(out[""], *codectest.Record([]byte(line)))
			continue
		}
		if json.Unmarshal(lines.Bytes(), &s) != nil || s.Timestamp == 0 {
			out[""] = append(out[""], *codectest.Record([]byte(lines.Text())))
			continue
		}
		rec := pipeline.Record{Topic: s.Topic, Timestamp: s.Timestamp}
		switch {
		case s.Hex != "":
			rec.Value, err = hex.DecodeString(s.Hex)
		case s.Base64 != "":
			rec.Value, err = base64.StdEncoding.DecodeString(s.Base64)
		case s.Value != nil:
			rec.Value = []byte(*s.Value)
		}
		if err != nil {
			t.Fatal(err)
		}
		out[s.Topic] = append(out[s.Topic], rec)
	}
	return out
}

func dump(a *Answer) string {
	var b strings.Builder
	for _, s := range a.Scores {
		fmt.Fprintf(&b, "  %s %d quiet %d points %d logs %d lost %v\n", s.Name(), s.Understood, s.Quiet, s.Points, s.Logs, s.Lost)
	}
	return b.String()
}
