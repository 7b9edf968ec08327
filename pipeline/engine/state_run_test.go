package engine

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline/plan"
)

// mortal is a cluster as a process sees it that can be killed: from then on nothing it does reaches the brokers.
type mortal struct {
	broker.Cluster
	dead atomic.Bool
}

var errKilled = errors.New("killed")

func (m *mortal) Produce(ctx context.Context, messages []broker.Message) error {
	if m.dead.Load() {
		return errKilled
	}
	return m.Cluster.Produce(ctx, messages)
}

func (m *mortal) NewWriter(ctx context.Context, cfg broker.TransactorConfig) (broker.Writer, error) {
	w, err := m.Cluster.NewWriter(ctx, cfg)
	return &mortalWriter{w, m}, err
}

type mortalWriter struct {
	broker.Writer
	of *mortal
}

func (w *mortalWriter) Commit(ctx context.Context, outputs []broker.Message, shares []broker.Share) error {
	if w.of.dead.Load() {
		return errKilled
	}
	return w.Writer.Commit(ctx, outputs, shares)
}

// windowed is a chain whose outputs depend on all that came before.
const windowed = `
version: 1
name: small
instance: a
kafka: {commit_interval: 50ms}
state: {interval: 1s}
scope: {entity: ["{{metric}}"], system: "{{metric}}"}
sources:
  - {name: left, topic: left, codec: lines, keyed: true, disorder: 20s, late: dead_letter, max_future_skew: 0s}
detect:
  - bucket: {size: 10s}
  - high
operate: [incident, answer]
`

// begin starts a process of a plan that can be killed.
func (c *cluster) begin(p *plan.Plan) (*running, *mortal) {
	c.t.Helper()
	m := &mortal{Cluster: c.client().Cluster()}
	r, err := NewRunner(c.context(), p, RunOptions{Options: options(c.t, p), Cluster: m})
	must(c.t, err)
	ctx, cancel := context.WithCancel(c.context())
	run := &running{Runner: r, c: c, stop: cancel, done: make(chan error, 1)}
	go func() { run.done <- r.Run(ctx) }()
	c.t.Cleanup(func() { cancel(); _ = r.Close() })
	return run, m
}

// kill ends a process at once.
func (r *running) kill(m *mortal) {
	r.c.t.Helper()
	m.dead.Store(true)
	r.stop()
	if err := r.end(); err != nil && !errors.Is(err, errKilled) {
		r.c.t.Fatal(err)
	}
}

// reached waits until a process has committed all of a partition.
func (c *cluster) reached(p *plan.Plan, tp broker.TopicPartition, position int64) {
	c.t.Helper()
	client := c.client()
	c.until("the position", func() bool {
		have, err := client.Committed(c.context(), p.Detect.Group, []broker.TopicPartition{tp})
		must(c.t, err)
		return have[tp] >= position
	})
}

// stateSurvives kills a process in the middle of windows, once before more than the beginning is saved, and expects what one
// undisturbed process writes.
func stateSurvives(t *testing.T, c *cluster) {
	p, client := c.plan(newKit(), windowed, "a", 1), c.client()
	feed := c.day(1, 120)
	feed = slices.DeleteFunc(feed, func(m broker.Message) bool { return m.Topic != c.name+".left" })
	tp, store, sent := broker.TopicPartition{Topic: c.name + ".left"}, StateStore(p, client.Cluster()), 0
	for i, cut := range []int{31, 61, 91} {
		must(t, client.Produce(c.context(), feed[sent:cut]))
		sent = cut
		r, m := c.begin(p)
		c.reached(p, tp, int64(cut))
		if i > 0 {
			c.until("a snapshot", func() bool {
				found, err := store.Load(c.context(), "left/0")
				must(t, err)
				return found["left/0"][0].Err == nil && found["left/0"][0].Position == int64(cut)
			})
		}
		r.kill(m)
	}
	must(t, client.Produce(c.context(), feed[sent:]), c.start(p, true).end())
	for _, topic := range []string{p.Topics.Events.Name, p.Topics.Incidents.Name} {
		c.same(topic, ids(c.committed(topic)), localIDs(t, p, topic, feed))
	}
	found, err := store.Load(c.context())
	must(t, err)
	if a := found["left/0"][0].Account; !a.Balanced() || a.In != int64(len(feed)) || a.On != a.In {
		t.Errorf("the ledger says %+v", a)
	}
}
