package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/plan"
)

// replaysTheSame lets the clock close a window of a quiet source, so that a row which comes after that is late, kills the process,
// and expects of each stage's replay the very messages that are in its topics.
func replaysTheSame(t *testing.T, c *cluster) {
	yaml := strings.NewReplacer("size: 10s", "size: 1s", "disorder: 20s", "disorder: 0s").Replace(windowed)
	p, client := c.plan(newKit(), yaml, "a", 1), c.client()
	must(t, client.Produce(c.context(), []broker.Message{c.point("left", 0, "s1", 19, 0), c.point("left", 0, "s1", 19, 1.5)}))
	r, m := c.begin(p)
	c.until("a clock record", func() bool {
		return slices.ContainsFunc(c.committed(p.Topics.Times.Name), func(rec pipeline.Record) bool { return strings.Contains(string(rec.Value), "watermark") })
	})
	r.kill(m)
	must(t, client.Produce(c.context(), []broker.Message{c.point("left", 0, "s1", 19, 1.6), c.point("left", 0, "s2", 19, 20), c.point("left", 0, "s1", 1, 25)}))
	must(t, c.start(p, true).end())
	if letters := c.committed(p.Topics.DeadLetters.Name); len(letters) != 1 {
		t.Errorf("%d dead letters: the row behind the clock should be one", len(letters))
	}
	for stage, topics := range map[string][]string{
		"detect":  {p.Topics.Events.Name, p.Topics.DeadLetters.Name},
		"operate": {p.Topics.Incidents.Name},
	} {
		again := c.replayed(p, stage)
		for _, topic := range topics {
			var want []broker.Message
			for _, rec := range c.committed(topic) {
				if topic == p.Topics.DeadLetters.Name {
					rec.Partition = -1 // it has no key, so any will do
				}
				want = append(want, broker.Message{Topic: rec.Topic, Partition: rec.Partition, Key: rec.Key, Value: rec.Value, Headers: rec.Headers})
			}
			if len(want) == 0 {
				t.Errorf("topic %s is empty, so that nothing is compared", topic)
			}
			if got, want := text(again[topic]), text(want); got != want {
				t.Errorf("replay of %s for %s\n%s\nit was\n%s", stage, topic, got, want)
			}
		}
	}
}

// replayed returns what a replay gives, by topic in order of partition.
func (c *cluster) replayed(p *plan.Plan, stage string) map[string][]broker.Message {
	c.t.Helper()
	out := map[string][]broker.Message{}
	err := Replay(c.context(), p, c.client().Cluster(), options(c.t, p), stage, func(_ string, m broker.Message) error {
		out[m.Topic] = append(out[m.Topic], m)
		return nil
	})
	must(c.t, err)
	for _, messages := range out {
		slices.SortStableFunc(messages, func(a, b broker.Message) int { return int(a.Partition - b.Partition) })
	}
	return out
}

// replayFails expects of a replay that it does nothing outside, that it ends when what it gives cannot be taken, and that it does
// not pass over a missing beginning.
func replayFails(t *testing.T, c *cluster) {
	p, client := c.plan(newKit(), windowed, "a", 1), c.client()
	must(t, client.Produce(c.context(), []broker.Message{c.point("left", 0, "s1", 19, 0), c.point("left", 0, "s1", 19, 50)}), c.start(p, true).end())
	full := errors.New("full")
	err := Replay(c.context(), p, client.Cluster(), options(t, p), "detect", func(string, broker.Message) error { return full })
	if !errors.Is(err, full) {
		t.Errorf("the error is %v", err)
	}
	begins := &laterStart{client.Cluster(), 1}
	err = Replay(c.context(), p, begins, options(t, p), "detect", func(string, broker.Message) error { return nil })
	if err == nil || !strings.Contains(fmt.Sprint(err), "begins at offset 1") {
		t.Errorf("of a log without its beginning the error is %v", err)
	}
}

// laterStart is a cluster whose logs begin later: what came before is deleted.
type laterStart struct {
	broker.Cluster
	start int64
}

func (l *laterStart) Bounds(ctx context.Context, tps []broker.TopicPartition) (map[broker.TopicPartition]broker.Bounds, error) {
	bounds, err := l.Cluster.Bounds(ctx, tps)
	for tp, b := range bounds {
		b.Start = l.start
		bounds[tp] = b
	}
	return bounds, err
}
