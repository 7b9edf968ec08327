package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/internal/broker/embedded"
	"github.com/homeostat/homeostat/pipeline"
)

// replay prints what a stage wrote, message by message, as long as the stage's input is whole; it writes nothing, and fails when
// the input is gone.
func TestReplayPrintsWhatWasWritten(t *testing.T) {
	b, err := embedded.Start(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	t.Setenv("KAFKA_BOOTSTRAP", b.Addr())
	nab, err := os.ReadFile("../../examples/nab.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "nab.yaml")
	text := string(nab) + fmt.Sprintf("sinks: [file: {dir: %q}]\n", dir)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	mustRun(t, "feed", series(t), "--topic", "nab", "-c", file)
	if out, err := run(t, "replay", "-c", file, "--stage", "detect"); err == nil || strings.Contains(out, `"lane"`) {
		t.Errorf("a pipeline that never ran is replayed: %v\n%s", err, out)
	}
	mustRun(t, "run", "--until-end", "-c", file)
	want := written(t, b.Addr(), "nab.events")
	got, lanes := replayedLines(t, mustRun(t, "replay", "-c", file, "--stage", "detect"), "nab.events")
	if len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("replay prints %d messages for the topic of events, which has %d, or other ones:\n%.2000s\nit has\n%.2000s", len(got), len(want), strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if !strings.Contains(strings.Join(got, "\n"), "finding.v1") || len(lanes) != 1 || !lanes["series/0"] {
		t.Errorf("replay prints no finding, or names other lanes than series/0: %v", lanes)
	}
	if after := written(t, b.Addr(), "nab.events"); !slices.Equal(after, want) {
		t.Error("replay wrote to the topic of events")
	}
	drop(t, b.Addr(), "nab")
	if _, err := run(t, "replay", "-c", file, "--stage", "detect"); pipeline.Code(err) != "engine.replay.gone" {
		t.Errorf("without the first record: %v", err)
	}
	for code, args := range map[string][]string{
		"plan.stage.unknown": {"-c", file, "--stage", "detcet"}, "engine.replay.act": {"-c", file, "--stage", "act"},
		"cli.flag.missing": {"-c", file}, "cli.usage": {"detect"},
	} {
		if _, err := run(t, append([]string{"replay"}, args...)...); pipeline.Code(err) != code {
			t.Errorf("replay %v: %v, want code %s", args, err, code)
		}
	}
	t.Setenv("KAFKA_BOOTSTRAP", "")
	if _, err := run(t, "replay", "-c", file, "--stage", "detect"); pipeline.Code(err) != "cli.replay.embedded" {
		t.Errorf("without brokers: %v", err)
	}
}

// line is a message as replay prints it, without lane and number, which the log does not have.
func line(t *testing.T, m replayed) string {
	t.Helper()
	m.Lane = ""
	m.Headers = slices.DeleteFunc(m.Headers, func(h [2]string) bool { return h[0] == "ce_sequence" })
	out, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// replayedLines returns the messages for a topic in order of partition, and the lanes that they come from.
func replayedLines(t *testing.T, out, topic string) (lines []string, lanes map[string]bool) {
	t.Helper()
	var messages []replayed
	lanes = map[string]bool{}
	for l := range strings.Lines(out) {
		var m replayed
		d := json.NewDecoder(strings.NewReader(l))
		d.DisallowUnknownFields()
		if err := d.Decode(&m); err != nil {
			t.Fatalf("%v: %s", err, l)
		}
		if m.Lane == "" || m.Topic == "" {
			t.Errorf("a line names no lane or no topic: %s", l)
		}
		if m.Topic == topic {
			messages, lanes[m.Lane] = append(messages, m), true
		}
	}
	slices.SortStableFunc(messages, func(a, b replayed) int { return cmp.Compare(a.Partition, b.Partition) })
	for _, m := range messages {
		lines = append(lines, line(t, m))
	}
	return lines, lanes
}

// written returns the messages of a topic in order of partition, as replay prints them.
func written(t *testing.T, address, topic string) (lines []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	client, err := broker.Open(broker.Config{Bootstrap: []string{address}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	tps, err := client.AllPartitions(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	bounds, err := client.Bounds(ctx, tps)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(tps, func(a, b broker.TopicPartition) int { return cmp.Compare(a.Partition, b.Partition) })
	for _, tp := range tps {
		from, to := map[broker.TopicPartition]int64{tp: bounds[tp].Start}, map[broker.TopicPartition]int64{tp: bounds[tp].Stable}
		if err := broker.Scan(ctx, client.Cluster(), broker.FetchConfig{}, from, to, func(rec *pipeline.Record) error {
			lines = append(lines, line(t, replayedOf("", broker.Message{Topic: rec.Topic, Partition: rec.Partition, Key: rec.Key, Value: rec.Value, Headers: rec.Headers})))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	return lines
}

// drop deletes the first record of a topic's first partition.
func drop(t *testing.T, address, topic string) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(address))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	req, of, p := kmsg.NewPtrDeleteRecordsRequest(), kmsg.NewDeleteRecordsRequestTopic(), kmsg.NewDeleteRecordsRequestTopicPartition()
	of.Topic, p.Offset = topic, 1
	of.Partitions = append(of.Partitions, p)
	req.Topics = append(req.Topics, of)
	res, err := req.RequestWith(t.Context(), client)
	if err == nil {
		err = kerr.ErrorForCode(res.Topics[0].Partitions[0].ErrorCode)
	}
	if err != nil {
		t.Fatal(err)
	}
}
