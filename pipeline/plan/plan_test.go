package plan

import (
	"context"
	"flag"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/config"
)

var update = flag.Bool("update", false, "write the golden files anew")

type component struct{ note string }

func (component) Open(*pipeline.Env) error                       { return nil }
func (component) Process(pipeline.Batch, pipeline.Emitter) error { return nil }
func (component) Close() error                                   { return nil }
func (c component) Describe() string                             { return c.note }

type sink struct{ component }

func (sink) Open(context.Context, *pipeline.Env) error   { return nil }
func (sink) Write(context.Context, pipeline.Batch) error { return nil }
func (sink) Flush(context.Context) error                 { return nil }
func (sink) Guarantee() pipeline.Guarantee               { return pipeline.Idempotent }

// published is what the planner gave the operator publish.
type published struct{ settings []pipeline.Settings }

func registry(seen *published) *pipeline.Registry {
	r := pipeline.NewRegistry()
	windows, events := []pipeline.Kind{pipeline.Windows}, []pipeline.Kind{pipeline.Events}
	operator := func(stage pipeline.Stage, name, doc, note string, takes, gives []pipeline.Kind, settings ...pipeline.Setting) {
		r.AddOperator(pipeline.Spec{Name: name, Doc: doc, Stage: stage, Consumes: takes, Emits: gives, Settings: settings},
			func(pipeline.Settings) (pipeline.Operator, error) { return component{note}, nil })
	}
	operator(pipeline.Detect, "window", "Cuts points and logs into windows. They tumble.", "", []pipeline.Kind{pipeline.Points, pipeline.Logs}, windows,
		pipeline.Setting{Name: "size", Type: pipeline.Duration, Default: 10 * time.Second})
	operator(pipeline.Detect, "burnrate", "Watches how fast error budgets burn.", "", windows, events)
	operator(pipeline.Detect, "robustz", "Compares with the median.", "", windows, events,
		pipeline.Setting{Name: "threshold", Type: pipeline.Float, Default: 6.0},
		pipeline.Setting{Name: "memory", Type: pipeline.Size, Default: int64(1 << 20)},
		pipeline.Setting{Name: "only", Type: pipeline.List, Fields: []pipeline.Setting{{Type: pipeline.String}}},
		pipeline.Setting{Name: "weights", Type: pipeline.Map, Fields: []pipeline.Setting{{Type: pipeline.Float}}},
		pipeline.Setting{Name: "span", Type: pipeline.Object, Fields: []pipeline.Setting{{Name: "low", Type: pipeline.Float, Default: 0.25}}})
	operator(pipeline.Operate, "correlate", "Groups findings into incidents.", "", events, events)
	operator(pipeline.Operate, "decide", "Chooses a remediation.", "2 runbooks for 3 signatures", events, events,
		pipeline.Setting{Name: "mode", Type: pipeline.String, Default: "shadow", Enum: []string{"shadow", "live"}})
	r.AddOperator(pipeline.Spec{Name: "publish", Doc: "Sends the windows of declared series on.", Stage: pipeline.Detect, Consumes: windows, Emits: events, Settings: []pipeline.Setting{
		{Name: "series", Type: pipeline.List, Fields: []pipeline.Setting{{Type: pipeline.Object, Fields: []pipeline.Setting{
			{Name: "metric", Type: pipeline.String}, {Name: "labels", Type: pipeline.Map, Fields: []pipeline.Setting{{Type: pipeline.String}}}}}}},
	}}, func(s pipeline.Settings) (pipeline.Operator, error) {
		seen.settings = s.Objects("series")
		return component{}, nil
	})
	r.AddCodec(pipeline.Spec{Name: "otlp_metrics"}, func(pipeline.Settings) (pipeline.Codec, error) { return nil, nil })
	r.AddCodec(pipeline.Spec{Name: "json_logs", Settings: []pipeline.Setting{
		{Name: "labels", Type: pipeline.List, Default: []any{"service"}, Fields: []pipeline.Setting{{Type: pipeline.String}}},
	}}, func(pipeline.Settings) (pipeline.Codec, error) { return nil, nil })
	r.AddSource(pipeline.Spec{Name: "file", Settings: []pipeline.Setting{{Name: "paths", Type: pipeline.List, Fields: []pipeline.Setting{{Type: pipeline.String}}}}},
		func(pipeline.Settings) (pipeline.Source, error) { return nil, nil })
	r.AddSink(pipeline.Spec{Name: "webhook", Doc: "Posts events.", Settings: []pipeline.Setting{
		{Name: "url", Type: pipeline.String}, {Name: "token", Type: pipeline.String, Secret: true},
	}}, func(pipeline.Settings) (pipeline.Sink, error) { return sink{}, nil })
	return r
}

const shop = `version: 1
name: shop
instance: node-1
kafka: {bootstrap: ["kafka-1:9092", "kafka-2:9092"], commit_interval: 250ms}
scope:
  entity: ["{{.service.name}}", "{{.pod}}"]
  system: "{{.env}}/{{.app}}"
sources:
  - {name: metrics, topic: shop.metrics, codec: otlp_metrics, keyed: true, late: dead_letter}
  - {name: logs, topic: shop.logs, codec: {json_logs: {}}, late: drop, disorder: 1m, max_future_skew: 0s, file: {paths: ["*.jsonl"]}}
  - {name: history, file: {paths: ["a b.csv"]}, late: drop}
slos:
  - name: checkout
    total: {metric: http.requests, labels: {route: checkout}}
    bad: {metric: http.errors}
    objective: 99.5%
  - name: fast
    threshold: {metric: front.latency_p95, below: 1.5}
    objective: 95%
    window: 7d
    burn: [{long: 2h, short: 10m, factor: 10}]
detect:
  - window: {size: 20s}
  - burnrate
  - robustz: {threshold: 4, only: [a, b], weights: {z: 1, a: 2}}
  - {robustz: {only: [a, b, c, d, e, f, g]}, as: many}
operate:
  - correlate
  - decide: {mode: live}
declare:
  - {metric: "app.*"}
  - {metric: "db.*", labels: {role: main}}
topology: {edges: [{from: web, to: lb}]}
sinks:
  - webhook: {url: "https://example.org/hook", token: "${TOKEN}"}
`

const lean = `version: 1
name: lean
instance: laptop
kafka: {transactions: false}
sources:
  - {name: metrics, topic: raw, codec: otlp_metrics, late: dead_letter}
slos:
  - {name: a, objective: 99%, total: {metric: t}, good: {metric: g}}
detect: [window, robustz]
declare: [{metric: x}]
admin: {listen: off}
`

func read(t *testing.T, text string, r *pipeline.Registry) *config.Config {
	t.Helper()
	getenv := func(name string) (string, bool) { return "hunter2", name == "TOKEN" }
	c, err := config.Parse("shop.yaml", []byte(text), r, getenv, func(string) ([]byte, error) { return nil, fs.ErrNotExist })
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// made plans a configuration.
func made(t *testing.T, text string) (*Plan, *published) {
	t.Helper()
	seen := &published{}
	r := registry(seen)
	p, err := New(read(t, text, r), r)
	if err != nil {
		t.Fatal(err)
	}
	return p, seen
}

func names(operators []Operator) string {
	var out []string
	for _, o := range operators {
		out = append(out, o.Name)
	}
	return strings.Join(out, " ")
}

func TestPlan(t *testing.T) {
	p, seen := made(t, shop)
	for _, f := range []struct{ what, got, want string }{
		{"transactional id", p.TransactionalID, "shop.node-1"},
		{"window", p.Window.String(), "20s"},
		{"groups", p.Detect.Group + " " + p.Operate.Group + " " + p.Act.Group, "shop.detect shop.operate shop.act"},
		{"detect reads", strings.Join(p.Detect.Inputs, " "), "shop.metrics shop.logs shop.inbox"},
		{"detect writes", strings.Join(p.Detect.Outputs, " "), "shop.events shop.dead-letters"},
		{"detect", names(p.Detect.Operators), "window burnrate robustz many publish"},
		{"operate reads", strings.Join(p.Operate.Inputs, " "), "shop.events"},
		{"operate writes", strings.Join(p.Operate.Outputs, " "), "shop.incidents shop.remediations shop.dead-letters"},
		{"operate", names(p.Operate.Operators), "correlate decide"},
		{"act reads", strings.Join(p.Act.Inputs, " "), "shop.events shop.incidents shop.remediations"},
		{"sink", p.Act.Sinks[0].Name + ", " + p.Act.Sinks[0].Guarantee.String(), "webhook, at least once, idempotent"},
		{"codec", p.Sources[1].Codec.Name, "json_logs"},
		{"scope", p.Scope("m", pipeline.Labels{{Name: "pod", Value: "p"}}).Entity, "p"},
	} {
		if f.got != f.want {
			t.Errorf("%s: %s, want %s", f.what, f.got, f.want)
		}
	}
	if p.Sources[2].Entry.New == nil || p.Sources[0].Entry.New != nil || p.Sources[2].Codec != nil {
		t.Error("sources have the wrong entries")
	}
	want := []pipeline.Settings{{"metric": "app.*", "labels": map[string]any{}}, {"metric": "db.*", "labels": map[string]any{"role": "main"}}}
	if diff := cmp.Diff(want, seen.settings); diff != "" {
		t.Errorf("publish got (-want +got):\n%s", diff)
	}
}

func TestOwnTopics(t *testing.T) {
	p, _ := made(t, shop)
	var got []string
	for _, topic := range p.Topics.All() {
		got = append(got, topic.Name)
		policy := "delete"
		if topic.Name == "shop.state" {
			policy = "compact"
		}
		if topic.Config["message.timestamp.type"] != "LogAppendTime" || topic.Config["cleanup.policy"] != policy || topic.Partitions < 1 {
			t.Errorf("topic %s has settings %v", topic.Name, topic.Config)
		}
	}
	want := []string{"shop.events", "shop.incidents", "shop.remediations", "shop.inbox", "shop.dead-letters", "shop.times", "shop.state", "shop.columns"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("topics (-want +got):\n%s", diff)
	}
}

func TestStagesThatHaveNothingToDo(t *testing.T) {
	p, _ := made(t, lean)
	if got := names(p.Detect.Operators); got != "window robustz" {
		t.Errorf("detect is %s: without operate nothing is published", got)
	}
	if p.Operate.Runs() || p.Act.Runs() || len(p.Stages()) != 1 || p.Stages()[0] != &p.Detect {
		t.Errorf("stages without operators or sinks run: %+v", p.Stages())
	}
	if len(p.Notes) != 4 {
		t.Errorf("notes are %q", p.Notes)
	}
}

func TestPlaceFusesWhereSeriesStayTogether(t *testing.T) {
	p, _ := made(t, shop)
	see := func(want string) {
		t.Helper()
		got := strings.Join(p.Ingest.Inputs, " ") + " > " + strings.Join(p.Detect.Inputs, " ")
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	p.Place(map[string]int{"shop.metrics": 32, "shop.logs": 1})
	see(" > shop.metrics shop.logs shop.inbox")
	if p.Ingest.Runs() || pipeline.Code(p.CheckPartitions("logs", 2)) != "plan.partitions.added" || p.CheckPartitions("metrics", 64) != nil {
		t.Error("a fused topic of one partition may not grow, a keyed one may")
	}
	p.Place(map[string]int{"shop.metrics": 32, "shop.logs": 2})
	see("shop.logs shop.inbox > shop.metrics shop.columns")
	if !p.Ingest.Runs() || p.CheckPartitions("logs", 3) != nil || p.CheckPartitions("history", 5) != nil {
		t.Error("a topic that is shared out anew may grow")
	}
	if p.GroupBy != "system" {
		t.Errorf("by %s: the good and the total of an objective have to meet", p.GroupBy)
	}
	without := lean[:strings.Index(lean, "slos:")] + lean[strings.Index(lean, "detect:"):]
	if q, _ := made(t, without); q.GroupBy != "entity" {
		t.Errorf("by %s, without objectives", q.GroupBy)
	}
	if q, _ := made(t, without+"\ncolumns: {by: system}\n"); q.GroupBy != "system" {
		t.Errorf("by %s", q.GroupBy)
	}
}

func TestPublishMustBeRegistered(t *testing.T) {
	r := registry(&published{})
	cfg := read(t, shop, r)
	if _, err := New(cfg, pipeline.NewRegistry()); pipeline.Code(err) != "plan.publish.missing" {
		t.Errorf("error is %v", err)
	}
}

func TestOwnTopicsAreNoSources(t *testing.T) {
	r := registry(&published{})
	cfg := read(t, strings.Replace(lean, "topic: raw", "topic: lean.events", 1), r)
	if _, err := New(cfg, r); pipeline.Code(err) != "plan.source.loop" {
		t.Errorf("error is %v", err)
	}
}

func TestWrapped(t *testing.T) {
	long := strings.Repeat("x", 90)
	got := wrapped("set  ", []string{"a: 1", long, "b: 2", "c: 3"})
	want := []string{"set  a: 1,", "     " + long + ",", "     b: 2, c: 3"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

// TestExplain compares whole texts. Run with -update to write them anew.
func TestExplain(t *testing.T) {
	for _, f := range []struct{ golden, text string }{{"shop", shop}, {"lean", lean}} {
		p, _ := made(t, f.text)
		var b, again strings.Builder
		if err := p.Explain(&b); err != nil {
			t.Fatal(err)
		}
		file := "testdata/" + f.golden + ".explain.txt"
		if *update {
			if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), b.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}
		if strings.Contains(b.String(), "hunter2") {
			t.Errorf("%s: a secret is printed", f.golden)
		}
		other, _ := made(t, f.text)
		if err := other.Explain(&again); err != nil || again.String() != b.String() {
			t.Errorf("%s: the same plan is explained in other words", f.golden)
		}
	}
}
