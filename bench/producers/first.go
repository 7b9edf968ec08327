package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/homeostat/homeostat/schemas"
)

// A first pipeline: a producer tells an hour in which nothing happens, `homeostat init` looks at its topic and writes a pipeline, which runs
// as it is and finds nothing. Then the producer tells five minutes in which a host fails, and the same pipeline goes on.

const (
	storyStep   = 10 * time.Second
	quietSteps  = 360
	faultySteps = 30
	storyHosts  = 4
	faultyHost  = 2
)

// teller is a producer that was started for a story. It writes what happens from one step to another to all of its topics.
type teller struct {
	tell   func(ctx context.Context, from, to int) error
	topics map[string]int // how many records each topic has by now
	end    func() error
	kill   func()
}

// storytellers are those that a first pipeline is tried for, by their producer.
var storytellers = map[string]func(ctx context.Context, s *site, base time.Time) (*teller, error){
	collector.name: collectorStory,
	rsyslog.name:   rsyslogStory,
}

// firstTrial is what a first pipeline came to.
type firstTrial struct {
	producer, topic, codec string
	before, after          int // findings
	about                  []string
}

// first tries a first pipeline for each topic of the storytellers.
func (s *settings) first(ctx context.Context, r *report, site *site) error {
	story, ok := storytellers[site.producer]
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, writeLimit, fmt.Errorf("no first pipeline within %s, see the logs in %s", writeLimit, site.dir))
	defer cancel()
	if err := os.MkdirAll(site.dir, 0o755); err != nil {
		return err
	}
	t, err := story(ctx, site, time.Now().Add(-2*time.Hour).Truncate(storyStep))
	if err != nil {
		return err
	}
	defer t.kill()
	trials := make([]*firstTrial, 0, len(t.topics))
	if err := site.told(ctx, t, 0, quietSteps); err != nil {
		return err
	}
	for topic := range t.topics {
		f := &firstTrial{producer: site.producer, topic: topic}
		trials = append(trials, f)
		if err := s.pipelineFor(ctx, site, f); err != nil {
			return err
		}
		if f.before, f.about, err = s.findings(ctx, site, f); err != nil {
			return err
		}
		if f.before > 0 {
			r.fail("first pipeline of %s: %d findings about %v, and nothing had happened", topic, f.before, f.about)
		}
	}
	if err := site.told(ctx, t, quietSteps, quietSteps+faultySteps); err != nil {
		return err
	}
	for _, f := range trials {
		if f.after, f.about, err = s.findings(ctx, site, f); err != nil {
			return err
		}
		if want := []string{fmt.Sprint("host-", faultyHost)}; !slices.Equal(f.about, want) {
			r.fail("first pipeline of %s: findings about %v, and %v had failed", f.topic, f.about, want)
		}
	}
	r.first = append(r.first, trials...)
	return t.end()
}

// told tells a stretch of the story and waits until Kafka has it.
func (s *site) told(ctx context.Context, t *teller, from, to int) error {
	if err := t.tell(ctx, from, to); err != nil {
		return err
	}
	for topic, records := range t.topics {
		if err := s.await(ctx, topic, records); err != nil {
			return err
		}
	}
	return nil
}

// pipelineFor has a pipeline written and looked at.
func (s *settings) pipelineFor(ctx context.Context, site *site, f *firstTrial) error {
	file := site.pipelineFile(f)
	_ = os.Remove(file) // of an earlier run, if there is one
	said, err := command(ctx, site.dir, nil, s.program, "init", "--bootstrap", site.cluster.Addr(), "--topic", f.topic, "--name", f.topic, "-o", file)
	if err != nil {
		return err
	}
	_, f.codec, _ = strings.Cut(strings.SplitN(said, ",", 2)[0], ": ")
	_, err = command(ctx, site.dir, nil, s.program, "validate", "-c", file)
	return err
}

func (s *site) pipelineFile(f *firstTrial) string { return filepath.Join(s.dir, f.topic+".yaml") }

// findings runs the pipeline to the end of the topic and returns how many findings there are by now, and about which hosts.
func (s *settings) findings(ctx context.Context, site *site, f *firstTrial) (n int, about []string, err error) {
	if _, err := command(ctx, site.dir, nil, s.program, "run", "--until-end", "-c", site.pipelineFile(f)); err != nil {
		return 0, nil, err
	}
	partitions, err := site.cluster.Partitions(ctx, f.topic+".events")
	if err != nil {
		return 0, nil, err
	}
	var failed error
	err = site.cluster.Each(ctx, partitions, func(rec *kgo.Record) {
		i := slices.IndexFunc(rec.Headers, func(h kgo.RecordHeader) bool { return h.Key == schemas.HeaderType })
		if i < 0 || string(rec.Headers[i].Value) != schemas.TypeFinding {
			return
		}
		var found schemas.Finding
		if err := json.Unmarshal(rec.Value, &found); err != nil {
			failed = err
		}
		n++
		if !slices.Contains(about, found.Series.Entity) {
			about = append(about, found.Series.Entity)
		}
	})
	if err == nil {
		err = failed
	}
	slices.Sort(about)
	return n, about, err
}

// wobble is a number from -1 to 1 that looks random and is the same each time.
func wobble(step, host, what int) float64 {
	v := math.Sin(float64(step)*12.9898+float64(host)*78.233+float64(what)*37.719) * 43758.5453
	return 2*(v-math.Floor(v)) - 1
}

// collectorStory pushes a queue's length and requests of each host over OTLP.
func collectorStory(ctx context.Context, s *site, base time.Time) (*teller, error) {
	topic := "first-" + s.producer
	if err := s.cluster.CreateTopic(ctx, topic, 1, nil); err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	outputs := []collectorOutput{{Topic: topic, From: "otlp", Signal: "metrics", Encoding: "otlp_proto", Compression: "zstd"}}
	conf, err := s.configure("otelcol.yaml", map[string]any{"Port": port, "File": filepath.Join(s.dir, "none.log"), "Broker": s.cluster.Addr(), "Outputs": outputs})
	if err != nil {
		return nil, err
	}
	p, err := s.start("otelcol", "--config", conf)
	if err != nil {
		return nil, err
	}
	if err := p.listens(ctx, "tcp", local(port)); err != nil {
		p.kill()
		return nil, err
	}
	t := &teller{topics: map[string]int{topic: 0}, end: p.stop, kill: p.kill}
	t.tell = func(ctx context.Context, from, to int) error {
		for step := from; step < to; step++ {
			value, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(storyMetrics(step, base))
			if err != nil {
				return err
			}
			if err := post(ctx, "http://"+local(port)+"/v1/metrics", value); err != nil {
				return err
			}
			t.topics[topic]++
		}
		return nil
	}
	return t, nil
}

func storyMetrics(step int, base time.Time) pmetric.Metrics {
	md := pmetric.NewMetrics()
	at := pcommon.NewTimestampFromTime(base.Add(time.Duration(step) * storyStep))
	for h := range storyHosts {
		rm := md.ResourceMetrics().AppendEmpty()
		rm.Resource().Attributes().PutStr("host.name", fmt.Sprint("host-", h))
		metrics := rm.ScopeMetrics().AppendEmpty().Metrics()
		length := 100 + 10*wobble(step, h, 0)
		if h == faultyHost && step >= quietSteps {
			length *= 5
		}
		for i, name := range []string{"queue.length", "workers.busy"} {
			m := metrics.AppendEmpty()
			m.SetName(name)
			p := m.SetEmptyGauge().DataPoints().AppendEmpty()
			p.SetTimestamp(at)
			if p.SetDoubleValue(length); i > 0 {
				p.SetDoubleValue(8 + wobble(step, h, i))
			}
		}
	}
	return md
}

// rsyslogStory sends lines of each host, which rsyslog writes in three forms. When a host fails it writes many errors.
func rsyslogStory(ctx context.Context, s *site, base time.Time) (*teller, error) {
	t := &teller{topics: map[string]int{}}
	var topics []string
	for i, form := range []string{"default", "ietf", "json"} {
		topics = append(topics, "first-rsyslog-"+form)
		if err := s.cluster.CreateTopic(ctx, topics[i], 1, nil); err != nil {
			return nil, err
		}
		t.topics[topics[i]] = 0
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	conf, err := s.configure("rsyslog.conf", map[string]any{"Dir": s.dir, "Port": port, "Broker": s.cluster.Addr(), "Topics": topics})
	if err != nil {
		return nil, err
	}
	p, err := s.start("rsyslogd", "-n", "-f", conf, "-i", filepath.Join(s.dir, "pid"), "-M", s.paths["modules"])
	if err != nil {
		return nil, err
	}
	if err := p.listens(ctx, "tcp", local(port)); err != nil {
		p.kill()
		return nil, err
	}
	t.end, t.kill = p.stop, p.kill
	t.tell = func(ctx context.Context, from, to int) error {
		var wire strings.Builder
		lines := 0
		for step := from; step < to; step++ {
			for _, line := range storyLines(step, base) {
				wire.WriteString(line + "\n")
				lines++
			}
		}
		for topic := range t.topics {
			t.topics[topic] += lines
		}
		return send(ctx, "tcp", local(port), []byte(wire.String()))
	}
	return t, nil
}

func storyLines(step int, base time.Time) []string {
	const info, failure = 16*8 + 6, 16*8 + 3
	var all []string
	for h := range storyHosts {
		line := func(priority, i int, body string) {
			at := base.Add(time.Duration(step)*storyStep + time.Duration(i)*100*time.Millisecond)
			all = append(all, fmt.Sprintf("<%d>1 %s host-%d shop 7 - - %s", priority, at.UTC().Format("2006-01-02T15:04:05.000000Z07:00"), h, body))
		}
		for i := range 4 + int(math.Round(wobble(step, h, 2))) {
			line(info, i, fmt.Sprintf("INFO: cart %d was paid", 10*step+i))
		}
		if h == faultyHost && step >= quietSteps {
			for i := range 20 {
				line(failure, 10+i, "ERROR: connection to db-1 was refused")
			}
		}
	}
	return all
}
