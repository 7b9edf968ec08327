package sniff

import (
	"os"
	"path/filepath"
	"testing"
)

// TestProducers sniffs what real producers wrote, topic by topic. The samples are not part of the repository: HOMEOSTAT_PRODUCERS names their folder.
func TestProducers(t *testing.T) {
	dir := os.Getenv("HOMEOSTAT_PRODUCERS")
	if dir == "" {
		t.Skip("no samples of producers: set HOMEOSTAT_PRODUCERS to a folder with PRODUCER/samples.jsonl in it")
	}
	want := map[string]string{
		"collectd-json": "collectd", "collectd-command": "collectd", "collectd-graphite": "graphite",
		"kcat":      "mixed",
		"otel-logs": "otlp_logs", "otel-metrics": "otlp_metrics", "otel-traces": "otlp_traces",
		"otel-logs-json": "otlp_logs", "otel-metrics-json": "otlp_metrics", "otel-traces-json": "otlp_traces",
		"otel-logs-raw": "json_logs", "otel-traces-jaeger": "unknown", "otel-traces-zipkin": "unknown",
		"rsyslog": "syslog", "rsyslog-5424": "syslog", "rsyslog-json": "json_logs",
		"syslogng": "syslog", "syslogng-json": "json_logs",
		"telegraf": "influx", "telegraf-json": "json_metrics (telegraf)", "telegraf-ce": "json_metrics (cloudevents)", "telegraf-prw": "remote_write",
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "samples.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		for topic, recs := range samples(t, f) {
			a := Sniff(registry(), recs)
			if said(a) != want[topic] {
				t.Errorf("%s: %s, want %s: %v\n%s", topic, said(a), want[topic], a.Err("it"), dump(a))
			}
			delete(want, topic)
		}
	}
	for topic := range want {
		t.Errorf("there is no sample of %s", topic)
	}
}
