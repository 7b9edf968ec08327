package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/homeostat/homeostat/pipeline"
)

const full = `version: 1
name: shop
instance: node-1
kafka:
  bootstrap: "127.0.0.1:${PORT}, kafka:9093"
  commit_interval: 250ms
  transactions: false
scope:
  entity: ["{{.service.name}}", "{{.pod}}"]
  system: "{{.env}}/{{.app}}"
  lock_domain: "{{ .service.name }}:{{metric}}"
sources:
  - name: metrics
    topic: ${TOPIC}
    codec: otlp_metrics
    keyed: true
    late: dead_letter
  - name: logs
    topic: shop.logs
    codec: {json_logs: {labels: [service, level]}}
    disorder: 1m30s
    late: drop
    max_future_skew: 0s
  - name: history
    file: {paths: ["*.csv"]}
    late: drop
slos:
  - name: checkout
    entity: web
    total: {metric: http.requests, labels: {route: checkout}}
    good: {metric: http.requests, labels: {route: checkout, outcome: ok}}
    objective: 99.5%
    burn:
      - {long: 2h, short: 10m, factor: 10}
  - name: fast
    threshold: {metric: front.latency_p95, below: 1.5, above: 0}
    objective: 0.95
    window: 7d
detect:
  - window: {size: "${SIZE}"}
  - burnrate
  - robustz
  - robustz: {threshold: 4, quantiles: {low: 0.1}, weights: {http.errors: 2}}
    as: sensitive
operate:
  - correlate: {}
  - decide: {mode: propose, catalogue: runbooks.yaml}
  - judge:
declare:
  - {metric: "app.*"}
  - {metric: "", labels: {service: web}}
topology:
  edges: [{from: web, to: lb}]
  file: calls.csv
  columns: {from: caller, to: callee}
  drop: '^[0-9.]+$'
sinks:
  - file: {dir: out}
  - webhook: {url: https://example.org, token: "${TOKEN}", port: "${COUNT}"}
limits: {series: 1000, memory: 1GiB, record: 1MB}
admin: {listen: off}
log: {level: debug, format: json}
`

var fullFiles = files{
	"conf/runbooks.yaml": "- signature: overload/*\n  actions: [{verb: scale, within: 5m}, {verb: wait}]\n",
	"conf/calls.csv":     "caller,callee,weight\nweb,lb,3\nlb,app,1\napp,10.0.0.1,9\n",
}

func TestEverySectionIsRead(t *testing.T) {
	c := mustRead(t, full, fullFiles)
	half, zero := 1.5, 0.0
	want := &Config{
		Name: "shop", Instance: "node-1",
		Kafka: Kafka{Bootstrap: []string{"127.0.0.1:9092", "kafka:9093"}, CommitInterval: 250 * time.Millisecond, Session: 10 * time.Second},
		Sources: []Source{
			{Name: "metrics", Topic: "shop.metrics", Codec: &Component{Type: "otlp_metrics", Name: "otlp_metrics", Settings: pipeline.Settings{}},
				Keyed: true, Disorder: 10 * time.Second, Late: LateDeadLetter, MaxFutureSkew: 5 * time.Minute, Producer: ProducerAuto, MaxProducers: 100},
			{Name: "logs", Topic: "shop.logs", Codec: &Component{Type: "json_logs", Name: "json_logs", Settings: pipeline.Settings{"labels": []any{"service", "level"}}},
				Disorder: 90 * time.Second, Late: LateDrop, Producer: ProducerAuto, MaxProducers: 100},
			{Name: "history", Type: "file", Settings: pipeline.Settings{"paths": []any{"*.csv"}}, Late: LateDrop, Producer: ProducerAuto, MaxProducers: 100},
		},
		SLOs: []pipeline.SLO{
			{Name: "checkout", Entity: "web", Objective: 0.995, Window: int64(30 * day),
				Total: pipeline.Selector{Metric: "http.requests", Labels: map[string]string{"route": "checkout"}},
				Good:  pipeline.Selector{Metric: "http.requests", Labels: map[string]string{"route": "checkout", "outcome": "ok"}},
				Burn:  []pipeline.BurnRule{{Long: int64(2 * time.Hour), Short: int64(10 * time.Minute), Factor: 10, Severity: "warning"}}},
			{Name: "fast", Objective: 0.95, Window: int64(7 * day), Burn: defaultBurn(),
				Threshold: &pipeline.Threshold{Selector: pipeline.Selector{Metric: "front.latency_p95"}, Below: &half, Above: &zero}},
		},
		Detect: []Component{
			{"window", "window", pipeline.Settings{"size": 20 * time.Second}},
			{"burnrate", "burnrate", pipeline.Settings{}},
			{"robustz", "robustz", pipeline.Settings{"threshold": 6.0, "history": int64(120), "both_sides": true, "memory": int64(1 << 20),
				"quantiles": pipeline.Settings{"low": 0.25, "high": 0.75}}},
			{"robustz", "sensitive", pipeline.Settings{"threshold": 4.0, "history": int64(120), "both_sides": true, "memory": int64(1 << 20),
				"quantiles": pipeline.Settings{"low": 0.1, "high": 0.75}, "weights": map[string]any{"http.errors": 2.0}}},
		},
		Operate: []Component{
			{"correlate", "correlate", pipeline.Settings{}},
			{"decide", "decide", pipeline.Settings{"mode": "propose", "catalogue": []any{pipeline.Settings{"signature": "overload/*", "actions": []any{
				pipeline.Settings{"verb": "scale", "within": 5 * time.Minute}, pipeline.Settings{"verb": "wait", "within": 10 * time.Minute}}}}}},
			{"judge", "judge", pipeline.Settings{}},
		},
		Declare:  []pipeline.Selector{{Metric: "app.*"}, {Labels: map[string]string{"service": "web"}}},
		Topology: pipeline.Topology{Edges: []pipeline.Edge{{From: "web", To: "lb"}, {From: "lb", To: "app"}}},
		Sinks: []Component{
			{"file", "file", pipeline.Settings{"dir": "out"}},
			{"webhook", "webhook", pipeline.Settings{"url": "https://example.org", "token": "hunter2", "port": int64(7)}},
		},
		Limits:  Limits{Series: 1000, Idle: time.Hour, Memory: 1 << 30, Record: 1e6},
		State:   State{Interval: 30 * time.Second},
		Columns: Columns{Partitions: 8},
		Log:     Log{Level: "debug", Format: "json"},
	}
	if diff := cmp.Diff(want, c, cmpopts.IgnoreUnexported(Config{}), cmpopts.IgnoreFields(Config{}, "Scope")); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
	if got := c.Window(registry()); got != 20*time.Second {
		t.Errorf("window is %v, want 20s", got)
	}
}

const small = `version: 1
name: shop
sources:
  - {name: metrics, topic: raw, codec: otlp_metrics, late: drop}
detect: [window]
`

func TestDefaults(t *testing.T) {
	c := mustRead(t, small, nil)
	host, _ := os.Hostname()
	want := &Config{
		Name: "shop", Instance: host,
		Kafka: Kafka{CommitInterval: 50 * time.Millisecond, Transactions: true, Session: 10 * time.Second},
		Sources: []Source{{Name: "metrics", Topic: "raw", Codec: &Component{Type: "otlp_metrics", Name: "otlp_metrics", Settings: pipeline.Settings{}},
			Disorder: 10 * time.Second, Late: LateDrop, MaxFutureSkew: 5 * time.Minute, Producer: ProducerAuto, MaxProducers: 100}},
		Detect:  []Component{{"window", "window", pipeline.Settings{"size": 10 * time.Second}}},
		Limits:  Limits{Series: 1_000_000, Idle: time.Hour, Memory: 512 << 20, Record: 16 << 20},
		State:   State{Interval: 30 * time.Second},
		Columns: Columns{Partitions: 8},
		Admin:   Admin{Listen: "127.0.0.1:9464"},
		Log:     Log{Level: "info", Format: "text"},
	}
	if diff := cmp.Diff(want, c, cmpopts.IgnoreUnexported(Config{}), cmpopts.IgnoreFields(Config{}, "Scope")); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

func TestScope(t *testing.T) {
	labels := func(pairs ...string) pipeline.Labels {
		var ls pipeline.Labels
		for i := 0; i < len(pairs); i += 2 {
			ls = append(ls, &pipeline.Label{Name: pairs[i], Value: pairs[i+1]})
		}
		return ls
	}
	whole, bare := mustRead(t, full, fullFiles), mustRead(t, small, nil)
	for _, f := range []struct {
		config *Config
		labels pipeline.Labels
		want   pipeline.Scope
	}{
		{whole, labels("service.name", "web", "pod", "p1", "env", "prod", "app", "shop"), pipeline.Scope{Entity: "web", System: "prod/shop", Domain: "web:cpu"}},
		{whole, labels("pod", "p1", "env", "prod"), pipeline.Scope{Entity: "p1", System: "default", Domain: "p1"}},
		{whole, labels("service.name", "", "pod", "p1"), pipeline.Scope{Entity: "p1", System: "default", Domain: "p1"}},
		{whole, nil, pipeline.Scope{Entity: "unknown", System: "default", Domain: "unknown"}},
		{bare, labels("host", "h1"), pipeline.Scope{Entity: "h1", System: "default", Domain: "h1"}},
		{bare, labels("host", "h1", "service.name", "web"), pipeline.Scope{Entity: "web", System: "default", Domain: "web"}},
	} {
		if got := f.config.Scope.Of("cpu", f.labels); got != f.want {
			t.Errorf("scope of %v is %+v, want %+v", f.labels, got, f.want)
		}
	}
}

func TestEnvironment(t *testing.T) {
	for _, f := range []struct{ topic, want string }{
		{"${TOPIC}", "shop.metrics"},
		{"a.${COUNT}.b", "a.7.b"},
		{"${COUNT}-${COUNT}", "7-7"},
		{"${MISSING:-fallback}", "fallback"},
		{"${EMPTY:-fallback}", "fallback"},
		{"${TOPIC:-fallback}", "shop.metrics"},
		{"x${EMPTY}", "x"},
	} {
		c := mustRead(t, strings.Replace(small, "topic: raw", "topic: '"+f.topic+"'", 1), nil)
		if got := c.Sources[0].Topic; got != f.want {
			t.Errorf("%s became %q, want %q", f.topic, got, f.want)
		}
	}
	c := mustRead(t, small+`sinks: [{file: {dir: "$${TOPIC} $5 $"}}]`, nil)
	if got := c.Sinks[0].Settings.Text("dir"); got != "${TOPIC} $5 $" {
		t.Errorf("escaped reference became %q", got)
	}
}

func TestAnchorsAndMergeKeys(t *testing.T) {
	c := mustRead(t, `version: 1
name: shop
sources:
  - &base {name: a, topic: t1, codec: otlp_metrics, late: drop, keyed: true}
  - {<<: *base, name: b, topic: t2}
  - <<: [{topic: t3, disorder: 3s}, *base]
    name: c
detect: [window]
`, nil)
	type row struct {
		name, topic string
		keyed       bool
		disorder    time.Duration
	}
	var got []row
	for _, s := range c.Sources {
		got = append(got, row{s.Name, s.Topic, s.Keyed, s.Disorder})
	}
	want := []row{{"a", "t1", true, 10 * time.Second}, {"b", "t2", true, 10 * time.Second}, {"c", "t3", true, 3 * time.Second}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(row{})); diff != "" {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
}

func TestFingerprint(t *testing.T) {
	base := mustRead(t, full, fullFiles).Fingerprint()
	if len(base) != 64 {
		t.Fatalf("fingerprint is %q", base)
	}
	for _, f := range []struct {
		old, new string
		changes  bool
	}{
		{"instance: node-1", "instance: node-2", false},
		{"commit_interval: 250ms", "commit_interval: 1s", false},
		{`token: "${TOKEN}"`, `token: "${TOPIC}"`, false},
		{"level: debug", "level: warn", false},
		{"memory: 1GiB", "memory: 2GiB", false},
		{"size: \"${SIZE}\"", "size: 20000ms", false},
		{"threshold: 4,", "threshold: 5,", true},
		{"as: sensitive", "as: keen", true},
		{"series: 1000", "series: 1001", true},
		{"mode: propose", "mode: shadow", true},
		{"{from: web, to: lb}", "{from: web, to: x}", true},
		{"\"{{.pod}}\"", "\"{{.host}}\"", true},
		{"objective: 0.95", "objective: 0.96", true},
		{"late: dead_letter", "late: drop", true},
	} {
		changed := mustRead(t, strings.Replace(full, f.old, f.new, 1), fullFiles).Fingerprint() != base
		if changed != f.changes {
			t.Errorf("%s instead of %s: fingerprint changed: %t, want %t", f.new, f.old, changed, f.changes)
		}
	}
	other := files{"conf/calls.csv": fullFiles["conf/calls.csv"], "conf/runbooks.yaml": strings.Replace(fullFiles["conf/runbooks.yaml"], "5m", "6m", 1)}
	if mustRead(t, full, other).Fingerprint() == base {
		t.Error("another catalogue has the same fingerprint")
	}
}

func TestLoadReadsFilesBesideTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("shop.yaml", full)
	write("runbooks.yaml", fullFiles["conf/runbooks.yaml"])
	write("calls.csv", fullFiles["conf/calls.csv"])
	c, err := Load(filepath.Join(dir, "shop.yaml"), registry(), environment)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Topology.Edges) != 2 || len(c.Operate[1].Settings.List("catalogue")) != 1 {
		t.Errorf("named files were not read: %+v", c)
	}
	for _, f := range []struct{ path, want string }{
		{filepath.Join(dir, "none.yaml"), "there is no such file: correct the path (config.file.missing)"},
		{dir, "cannot read it: is a directory: make it readable (config.file.unreadable)"},
	} {
		_, err := Load(f.path, registry(), environment)
		if err == nil || err.Error() != f.path+": "+f.want {
			t.Errorf("Load(%s): %v, want %s", f.path, err, f.want)
		}
	}
}
