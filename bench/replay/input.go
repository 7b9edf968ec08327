package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/homeostat/homeostat/bench/stand"
	"github.com/homeostat/homeostat/examples"
)

// input is a recorded log and the pipeline that reads it.
type input struct {
	name     string
	pipeline string // as the configuration names it: ids are made of it
	topics   []string
	system   string // the key of all its rows
	// config is the pipeline's file from the sources on. keyed says that all records of a system are in one partition.
	config func(keyed bool) string
	// multiply makes records of other systems of one; nil leaves it alone.
	multiply func(*kgo.Record) []*kgo.Record
	rows     int // as they were fed, for the report
	records  []record
	inbox    []record
}

// record is one that was recorded. Partition and offset are those where it lay.
type record = *kgo.Record

// inboxTopic is where results and changes came back.
func (in *input) inboxTopic() string { return in.pipeline + ".inbox" }

// write writes the configuration of an instance and returns its path.
func (in *input) write(dir, instance, bootstrap string, keyed bool) (string, error) {
	if err := os.WriteFile(filepath.Join(dir, "runbooks.yaml"), []byte(example("runbooks.yaml")), 0o644); err != nil {
		return "", err
	}
	text := fmt.Sprintf("%s\ninstance: %s\nkafka: {bootstrap: [%q], session: 10s}\nsinks:\n  - file: {dir: %q}\n",
		in.config(keyed), instance, bootstrap, filepath.Join(dir, "act-"+instance))
	path := filepath.Join(dir, instance+".yaml")
	return path, os.WriteFile(path, []byte(text), 0o644)
}

// gather keeps what the recording has, and makes other systems of it if the input says so.
func (in *input) gather(ctx context.Context, c *stand.Cluster) error {
	for _, t := range append(append([]string(nil), in.topics...), in.inboxTopic()) {
		partitions, err := c.Partitions(ctx, t)
		if err != nil {
			return err
		}
		err = c.Each(ctx, partitions, func(r *kgo.Record) {
			if t == in.inboxTopic() {
				in.inbox = append(in.inbox, r)
				return
			}
			in.records = append(in.records, r)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// command runs the program to its end. Its output goes to a file in dir, and is returned.
func (s *settings) command(ctx context.Context, dir, name string, args ...string) ([]byte, error) {
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, s.program, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if err != nil {
		err = fmt.Errorf("homeostat %s: %w: %s%s", strings.Join(args, " "), err, errs.String(), lastLine(out.String()))
	}
	return out.Bytes(), errors.Join(err, os.WriteFile(filepath.Join(dir, name+".out"), append(out.Bytes(), errs.Bytes()...), 0o644))
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// demo records the demo, and tries the deployments on it.
func (s *settings) demo(ctx context.Context, r *report, wanted map[string]bool) (err error) {
	dir := filepath.Join(s.out, "demo")
	c, err := stand.Open(filepath.Join(dir, "kafka"), 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Stop()) }()
	// The demo would make them itself, but a broker that has just started may take no topics yet.
	for _, topic := range []string{"plant.metrics", "plant.logs"} {
		if err := c.CreateTopic(ctx, topic, 1, map[string]string{"retention.ms": "-1"}); err != nil {
			return err
		}
	}
	fmt.Println("recording the demo, which takes about a minute")
	if _, err := s.command(ctx, dir, "demo", "demo", "--bootstrap", c.Broker.Addr(), "--scenario", "ceiling", "--speed", fmt.Sprint(s.speed)); err != nil {
		return err
	}
	in := &input{name: "demo", pipeline: "shop", system: "shop", topics: []string{"plant.metrics", "plant.logs"}, config: shop}
	if err := in.gather(ctx, c); err != nil {
		return err
	}
	if wanted["demo"] {
		if err := s.recorded(ctx, r, in, c, dir); err != nil {
			return err
		}
		if err := s.deployments(ctx, r, in); err != nil {
			return err
		}
	}
	if !wanted["systems"] {
		return nil
	}
	in.name, in.multiply = "systems", threeSystems
	return s.deployments(ctx, r, in)
}

// recorded replays the stages of the recording itself, whose lanes saw their rows as they were made.
func (s *settings) recorded(ctx context.Context, r *report, in *input, c *stand.Cluster, dir string) error {
	config, err := in.write(dir, "recorded", c.Broker.Addr(), false)
	if err != nil {
		return err
	}
	return s.replay(ctx, r, &trial{settings: s, input: in, name: "as recorded", dir: dir, cluster: c, config: config, replayed: []string{"detect", "operate"}})
}

// shop is the demo's pipeline.
func shop(keyed bool) string {
	text := example("shop.yaml")
	if keyed {
		for _, topic := range []string{"plant.metrics", "plant.logs"} {
			text = strings.Replace(text, "topic: "+topic, "topic: "+topic+"\n    keyed: true", 1)
		}
	}
	return text
}

// example reads a file of examples/.
func example(name string) string {
	text, err := examples.Files.ReadFile(name)
	if err != nil {
		panic("BUG: there is no example " + name)
	}
	return string(text)
}

// threeSystems makes two more systems of the demo's one, whose name is as long: it stands in protobuf as well as in JSON.
// Nobody answers their remediations.
func threeSystems(r *kgo.Record) []*kgo.Record {
	out := []*kgo.Record{r}
	for _, name := range []string{"sho2", "mall"} {
		other := *r
		other.Key = []byte(name)
		other.Value = bytes.ReplaceAll(r.Value, []byte("shop"), []byte(name))
		out = append(out, &other)
	}
	return out
}

// nezhaSources are the sources of the example, each with a topic here.
var nezhaSources = []string{"pods", "front", "caller", "callee"}

// nezha feeds the example's files to topics, and tries the deployments on them.
func (s *settings) nezha(ctx context.Context, r *report, folder string) (err error) {
	dir := filepath.Join(s.out, "nezha")
	c, err := stand.Open(filepath.Join(dir, "kafka"), 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Stop()) }()
	in := &input{name: "nezha", pipeline: "nezha", system: "onlineboutique", config: boutique}
	config, err := in.write(dir, "feed", c.Broker.Addr(), false)
	if err != nil {
		return err
	}
	for _, source := range nezhaSources {
		topic := "nezha." + source
		in.topics = append(in.topics, topic)
		out, err := s.command(ctx, dir, "feed-"+source, "feed", folder, "--topic", topic, "--source", source, "-c", config)
		if err != nil {
			return err
		}
		n := 0
		if _, err := fmt.Sscanf(string(out), "%d rows", &n); err != nil {
			return fmt.Errorf("feed says %q: %w", out, err)
		}
		in.rows += n
	}
	if err := in.gather(ctx, c); err != nil {
		return err
	}
	return s.deployments(ctx, r, in)
}

// boutique is the Nezha example with topics.
func boutique(keyed bool) string {
	text := example("nezha.yaml")
	for _, source := range nezhaSources {
		more := fmt.Sprintf("\n    topic: nezha.%s\n    codec: otlp_metrics", source)
		if keyed {
			more += "\n    keyed: true"
		}
		text = strings.Replace(text, "  - name: "+source+"\n", "  - name: "+source+more+"\n", 1)
	}
	return text
}
