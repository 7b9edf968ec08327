package engine

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/homeostat/homeostat/internal/broker"
)

// heldBack is a cluster as a process sees it that reads nothing of a topic until it is released, as one that is slow.
type heldBack struct {
	broker.Cluster
	topic    string
	released chan struct{}
	release  sync.Once
}

func (h *heldBack) NewReader(cfg broker.FetchConfig) broker.Reader {
	return &heldReader{Reader: h.Cluster.NewReader(cfg), of: h}
}

type heldReader struct {
	broker.Reader
	of   *heldBack
	held atomic.Bool
}

func (r *heldReader) Assign(tp broker.TopicPartition, offset int64) {
	if tp.Topic == r.of.topic {
		r.held.Store(true)
	}
	r.Reader.Assign(tp, offset)
}

func (r *heldReader) Poll(ctx context.Context) ([]broker.Chunk, error) {
	if r.held.Load() {
		select {
		case <-r.of.released:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return r.Reader.Poll(ctx)
}

// asked counts how often a process asks where others are: partitions of a group that it has committed nothing of itself.
type asked struct {
	broker.Cluster
	group string
	own   []broker.TopicPartition // of Committed before, when it took partitions over
	times atomic.Int64
	mu    sync.Mutex
}

func (a *asked) Committed(ctx context.Context, group string, tps []broker.TopicPartition) (map[broker.TopicPartition]int64, error) {
	out, err := a.Cluster.Committed(ctx, group, tps)
	a.mu.Lock()
	defer a.mu.Unlock()
	if group == a.group && len(a.own) > 0 && !slices.ContainsFunc(tps, func(tp broker.TopicPartition) bool { return slices.Contains(a.own, tp) }) {
		a.times.Add(1)
	} else if group == a.group {
		a.own = slices.Clone(tps)
	}
	return out, err
}

// endsWaitForOthers takes two instances that share ingest to their end, of which one reads nothing until the other has done all
// of its own: that one has to wait, or its lanes of detect would take the rows of the slow one for late.
func endsWaitForOthers(t *testing.T, c *cluster) {
	p, q := c.plan(newKit(), unkeyed, "a", 4), c.plan(newKit(), unkeyed, "b", 4)
	feed := c.spread(4, 120)
	must(t, c.client().Produce(c.context(), feed))
	slow := &heldBack{Cluster: c.client().Cluster(), topic: c.name + ".left", released: make(chan struct{})}
	release := func() { slow.release.Do(func() { close(slow.released) }) }
	t.Cleanup(release)
	quick := &asked{Cluster: c.client().Cluster(), group: p.Pipeline + ".ingest"}
	begin := func(r *Runner, err error) *running {
		must(t, err)
		ctx, cancel := context.WithCancel(c.context())
		run := &running{Runner: r, c: c, stop: cancel, done: make(chan error, 1)}
		go func() { run.done <- r.Run(ctx) }()
		t.Cleanup(func() { cancel(); _ = r.Close() })
		return run
	}
	second := begin(NewRunner(c.context(), q, RunOptions{Options: options(t, q), Cluster: slow, UntilEnd: true}))
	c.until("the slow one to have partitions", func() bool { return second.Ready() == nil })
	first := begin(NewRunner(c.context(), p, RunOptions{Options: options(t, p), Cluster: quick, UntilEnd: true}))
	c.until("the quick one to wait", func() bool { return quick.times.Load() >= 3 })
	release()
	must(t, errors.Join(first.end(), second.end()))
	c.foundAll(p, feed)
	c.balanced(p, len(feed))
}
