package golden

import (
	"context"
	"fmt"
	"sync"

	"github.com/homeostat/homeostat/internal/broker"
)

// gates decide which partitions may say that they are empty. So the clock makes no event time but where a script says so.
type gates struct {
	mu   sync.Mutex
	all  bool
	open map[string]bool
	// once are the partitions that may say it one more time.
	once map[string]bool
}

func gateOf(tp broker.TopicPartition) string { return fmt.Sprintf("%s/%d", tp.Topic, tp.Partition) }

func (g *gates) set(gate string, open bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if gate == "" {
		g.all = open
		return
	}
	g.open[gate] = open
}

func (g *gates) opened(tp broker.TopicPartition) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	gate := gateOf(tp)
	once := g.once[gate]
	delete(g.once, gate)
	return g.all || g.open[gate] || once
}

// grant lets a partition say one more time that it is empty. That moves no time: it is the first time that it was seen.
func (g *gates) grant(gate string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.once[gate] = true
}

// gated is a cluster whose readers tell of an empty partition only if its gate is open.
type gated struct {
	broker.Cluster
	*gates
}

func (g gated) NewReader(cfg broker.FetchConfig) broker.Reader {
	return &gatedReader{g.Cluster.NewReader(cfg), g.gates, map[broker.TopicPartition]int64{}, sync.Mutex{}}
}

type gatedReader struct {
	broker.Reader
	gates *gates
	next  map[broker.TopicPartition]int64
	mu    sync.Mutex // guards next
}

func (r *gatedReader) Assign(tp broker.TopicPartition, offset int64) {
	r.mu.Lock()
	r.next[tp] = offset
	r.mu.Unlock()
	r.Reader.Assign(tp, offset)
}

func (r *gatedReader) Poll(ctx context.Context) ([]broker.Chunk, error) {
	for {
		chunks, err := r.Reader.Poll(ctx)
		if err != nil {
			return nil, err
		}
		var told []broker.Chunk
		for _, c := range chunks {
			if r.moves(&c) || r.gates.opened(c.TopicPartition) {
				told = append(told, c)
			} else {
				c.Release()
			}
		}
		if len(told) > 0 {
			return told, nil
		}
	}
}

// moves says whether a chunk is more than the word that there is nothing.
func (r *gatedReader) moves(c *broker.Chunk) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.next[c.TopicPartition]
	r.next[c.TopicPartition] = c.Next
	return c.Err != nil || len(c.Records) > 0 || c.Next != before
}

// tampered is a cluster that changes what is committed, to see that it is found.
type tampered struct {
	broker.Cluster
	change func([]broker.Message) []broker.Message
}

func (t tampered) NewWriter(ctx context.Context, cfg broker.TransactorConfig) (broker.Writer, error) {
	w, err := t.Cluster.NewWriter(ctx, cfg)
	return tamperedWriter{w, t.change}, err
}

type tamperedWriter struct {
	broker.Writer
	change func([]broker.Message) []broker.Message
}

func (w tamperedWriter) Commit(ctx context.Context, outputs []broker.Message, shares []broker.Share) error {
	return w.Writer.Commit(ctx, w.change(outputs), shares)
}
