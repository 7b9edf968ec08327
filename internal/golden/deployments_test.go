package golden

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/internal/broker/embedded"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/config"
	"github.com/homeostat/homeostat/pipeline/engine"
	"github.com/homeostat/homeostat/pipeline/plan"
	"github.com/homeostat/homeostat/schemas"
	kafkasink "github.com/homeostat/homeostat/sinks/kafka"
)

// severalSystems has objectives that name no system, of which one names no entity either.
const severalSystems = `
version: 1
name: systems
instance: a
kafka: {commit_interval: 50ms}
scope: {entity: ["{{.host}}"], system: "{{.system}}"}
sources:
  - {name: metrics, topic: systems.metrics, codec: lines, keyed: KEYED, disorder: 0s, late: dead_letter, max_future_skew: 0s}
slos:
  - name: checkout
    total: {metric: req_count}
    good: {metric: req_count, labels: {outcome: ok}}
    objective: 99%
    window: 1h
    burn: [{long: 1m, short: 20s, factor: 5, severity: critical}]
  - name: fast
    entity: edge
    threshold: {metric: latency, below: 1}
    objective: 50%
    window: 1h
    burn: [{long: 40s, short: 20s, factor: 1.5, severity: warning}]
detect:
  - window: {size: 10s}
  - sli
  - burnrate
declare:
  - {metric: latency}
columns: {partitions: 4}
operate:
  - correlate: {settle: 0s, hold: 1m}
`

// share is a way to share the work out.
type share struct {
	name       string
	partitions int // of the producers' topic
	keyed      bool
	runs       [][]string // the stages that run to their end together, one set after the other; nil is all
}

// TestSystemsDoNotCareWhoSharesTheirLane runs three systems whose rows mix over an embedded broker: in one lane, in lanes of
// their own, and shared out anew. The events have to be the same, by id and by all that they say.
func TestSystemsDoNotCareWhoSharesTheirLane(t *testing.T) {
	apart := [][]string{{"ingest", "detect"}, {"operate"}}
	want := share{"fused", 1, true, [][]string{nil}}.outputs(t)
	kinds := map[string]int{}
	for _, said := range want {
		kind, _, _ := strings.Cut(said, "\n")
		kinds[kind]++
	}
	for kind, least := range map[string]int{schemas.TypeFinding: 6, schemas.TypeWindow: 60, schemas.TypeIncidentOpened: 3} {
		if kinds[kind] < least {
			t.Errorf("one lane says %v, so little is tested", kinds)
		}
	}
	for _, s := range []share{
		{"stages apart, a lane a system", 4, true, apart},
		{"rows shared out anew", 4, false, [][]string{nil}},
		{"stages apart, rows shared out anew", 4, false, apart},
	} {
		got := s.outputs(t)
		for _, id := range slices.Sorted(maps.Keys(want)) {
			if got[id] != want[id] {
				t.Errorf("%s: %s says\n%.600s\nnot\n%.600s", s.name, id, got[id], want[id])
			}
		}
		for id, said := range got {
			if want[id] == "" {
				t.Errorf("%s: one lane does not say %s: %.600s", s.name, id, said)
			}
		}
	}
}

// rows are those of three systems in order of time: each suffers at another time.
func (s share) rows(topic string) (out []broker.Message) {
	n := 0
	add := func(system int, at int64, line string, args ...any) {
		p := n % s.partitions
		if s.keyed {
			p = system % s.partitions
		}
		n++
		out = append(out, broker.Message{Topic: topic, Partition: int32(p), Value: fmt.Appendf(nil, line+" %d", append(args, at)...), Time: time.Unix(0, at)})
	}
	for k := range int64(24) {
		at := epoch + k*10e9
		for system, name := range []string{"mall", "shop", "fair"} {
			bad := 0
			if k/4 == int64(system)+2 {
				bad = 3 + system
			}
			// The host with the least name comes last.
			add(system, at, `req_count{host="b",outcome="ok",system=%q} %d`, name, 10-bad)
			add(system, at, `req_count{host="b",outcome="error",system=%q} %d`, name, bad)
			add(system, at, `req_count{host="a",outcome="ok",system=%q} 10`, name)
			add(system, at, `latency{host="b",system=%q} %d`, name, bad)
		}
	}
	return out
}

// outputs runs the pipeline to its end on a broker of its own and returns what each event says, by id.
func (s share) outputs(t *testing.T) map[string]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	b, err := embedded.Start(embedded.Options{MinSession: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	client, err := broker.Open(broker.Config{Bootstrap: []string{b.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	const topic = "systems.metrics"
	err = client.EnsureTopics(ctx, []broker.Topic{{Name: topic, Partitions: s.partitions, Settings: map[string]string{"retention.ms": "-1"}}})
	if err == nil {
		err = client.Produce(ctx, s.rows(topic))
	}
	for _, stages := range s.runs {
		if err == nil {
			err = s.run(ctx, client, stages)
		}
	}
	if err != nil {
		t.Fatalf("%s: %v", s.name, err)
	}
	out := map[string]string{}
	for _, topic := range []string{"systems.events", "systems.incidents"} {
		for _, rec := range readAll(ctx, t, client, topic) {
			id, said := saying(&rec)
			if id != "" && out[id] != "" {
				t.Errorf("%s: %s is said twice:\n%.600s\n%.600s", s.name, id, out[id], said)
			}
			if id != "" {
				out[id] = said
			}
		}
	}
	return out
}

// run runs stages to their end.
func (s share) run(ctx context.Context, client *broker.Client, stages []string) error {
	registry := newKit(1)
	yaml := strings.Replace(severalSystems, "KEYED", fmt.Sprint(s.keyed), 1)
	cfg, err := config.Parse("pipeline.yaml", []byte(yaml), registry, func(string) (string, bool) { return "", false }, nil)
	if err != nil {
		return err
	}
	p, err := plan.New(cfg, registry)
	if err != nil {
		return err
	}
	sink := kafkasink.Config{Routes: kafkasink.Routes(p.Topics.Events.Name, p.Topics.Incidents.Name, p.Topics.Remediations.Name), Sequences: &kafkasink.Sequences{}}
	r, err := engine.NewRunner(ctx, p, engine.RunOptions{Cluster: client.Cluster(), UntilEnd: true, Stages: stages, Options: engine.Options{
		NewOutput: func() engine.Output { return kafkasink.NewSink(sink) }, Logger: slog.New(slog.DiscardHandler),
	}})
	if err != nil {
		return err
	}
	return errors.Join(r.Run(ctx), r.Close())
}

// saying returns an event's id and all that it says but for the number of its process; "" of what tells a lane's time.
func saying(rec *pipeline.Record) (id, said string) {
	of, _ := rec.Header(schemas.HeaderID)
	if _, time := rec.Header(schemas.HeaderLane); time {
		return "", ""
	}
	kind, _ := rec.Header(schemas.HeaderType)
	text := fmt.Sprintf("%s\nkey %s", kind, rec.Key)
	for _, h := range rec.Headers {
		if h.Key != schemas.HeaderSequence {
			text += fmt.Sprintf("\n%s: %s", h.Key, h.Value)
		}
	}
	return string(of), fmt.Sprintf("%s\n%q", text, rec.Value)
}

// readAll reads all records of a topic.
func readAll(ctx context.Context, t *testing.T, client *broker.Client, topic string) (out []pipeline.Record) {
	t.Helper()
	tps, err := client.AllPartitions(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	bounds, err := client.Bounds(ctx, tps)
	if err != nil {
		t.Fatal(err)
	}
	f := client.NewFetcher(broker.FetchConfig{})
	defer f.Close()
	left := 0
	for _, tp := range tps {
		if bounds[tp].Start < bounds[tp].End {
			f.Assign(tp, bounds[tp].Start)
			left++
		}
	}
	for left > 0 {
		chunks, err := f.Poll(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, chunk := range chunks {
			if chunk.Err != nil {
				t.Fatal(chunk.Err)
			}
			for _, rec := range chunk.Records {
				rec.Key, rec.Value, rec.Headers = slices.Clone(rec.Key), slices.Clone(rec.Value), slices.Clone(rec.Headers)
				for i := range rec.Headers {
					rec.Headers[i].Value = slices.Clone(rec.Headers[i].Value)
				}
				out = append(out, rec)
			}
			if chunk.Next >= bounds[chunk.TopicPartition].End {
				f.Remove(chunk.TopicPartition)
				left--
			}
			chunk.Release()
		}
	}
	return out
}
