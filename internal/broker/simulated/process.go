package simulated

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
)

// insist repeats a request that may be carried out twice until it has an answer.
func (p *Process) insist(ctx context.Context, r request) (any, error) {
	for {
		value, err := p.ask(ctx, r)
		if err == nil || !errors.Is(err, errUnanswered) || ctx.Err() != nil {
			return value, err
		}
	}
}

// EnsureTopics implements broker.Cluster.
func (p *Process) EnsureTopics(ctx context.Context, topics []broker.Topic) error {
	_, err := p.insist(ctx, request{kind: "topics", do: func() (any, error) {
		for _, t := range topics {
			p.k.AddTopic(t.Name, t.Partitions)
			p.k.byName[t.Name].compacted = t.Settings["cleanup.policy"] == "compact"
		}
		return nil, nil
	}})
	return err
}

// Partitions implements broker.Cluster.
func (p *Process) Partitions(ctx context.Context, name string) (int, error) {
	n, err := p.insist(ctx, request{kind: "partitions", name: name, reads: true, do: func() (any, error) { return p.known(name) }})
	if err != nil {
		return 0, err
	}
	return n.(int), nil
}

// known returns a topic's number of partitions from what every client has in its cache.
func (p *Process) known(name string) (int, error) {
	p.k.mu.Lock()
	defer p.k.mu.Unlock()
	if t := p.k.byName[name]; t != nil {
		return len(t.partitions), nil
	}
	return 0, pipeline.Errorf("kafka.topic.missing", "topic %s is not there: create it, or correct its name", name)
}

// Bounds implements broker.Cluster.
func (p *Process) Bounds(ctx context.Context, tps []broker.TopicPartition) (map[broker.TopicPartition]broker.Bounds, error) {
	bounds, err := p.insist(ctx, request{kind: "bounds", name: names(tps), reads: true, do: func() (any, error) {
		out := map[broker.TopicPartition]broker.Bounds{}
		for _, tp := range tps {
			at := p.k.partition(tp)
			if at == nil {
				return nil, pipeline.Errorf("kafka.partition.missing", "topic %s has no partition %d", tp.Topic, tp.Partition)
			}
			out[tp] = broker.Bounds{Start: at.start, End: at.end, Stable: at.stable()}
		}
		return out, nil
	}})
	if err != nil {
		return nil, err
	}
	return bounds.(map[broker.TopicPartition]broker.Bounds), nil
}

// names tells requests apart that are parked at the same moment.
func names(tps []broker.TopicPartition) string {
	var all []string
	for _, tp := range tps {
		all = append(all, fmt.Sprintf("%s/%d", tp.Topic, tp.Partition))
	}
	slices.Sort(all) // some come out of a map
	return strings.Join(all, " ")
}

// Committed implements broker.Cluster: it waits while a pending transaction may move one of the positions.
func (p *Process) Committed(ctx context.Context, id string, tps []broker.TopicPartition) (map[broker.TopicPartition]int64, error) {
	return stable(ctx, p, id, tps, func(tp broker.TopicPartition) int64 { return p.k.Position(id, tp) })
}

// Notes implements broker.Cluster; it waits as Committed does.
func (p *Process) Notes(ctx context.Context, id string, tps []broker.TopicPartition) (map[broker.TopicPartition]string, error) {
	return stable(ctx, p, id, tps, func(tp broker.TopicPartition) string { return p.k.group(id).notes[tp] })
}

// Owners implements broker.Cluster; it waits as Committed does.
func (p *Process) Owners(ctx context.Context, id string, tps []broker.TopicPartition) (map[broker.TopicPartition]string, error) {
	return stable(ctx, p, id, tps, func(tp broker.TopicPartition) string { return p.k.group(id).writers[tp] })
}

// EndTransactions implements broker.Cluster.
func (p *Process) EndTransactions(ctx context.Context, ids []string) error {
	for _, id := range ids {
		w := &writer{p: p, id: id, limit: longestTransaction}
		if err := w.renew(ctx, -1); err != nil {
			return err
		}
	}
	return nil
}

func stable[T any](ctx context.Context, p *Process, id string, tps []broker.TopicPartition, of func(broker.TopicPartition) T) (map[broker.TopicPartition]T, error) {
	if len(tps) == 0 {
		return map[broker.TopicPartition]T{}, nil
	}
	found, err := p.insist(ctx, request{
		kind: "positions", name: id, reads: true,
		ready: func() bool { return p.k.Unstable || !p.k.group(id).unstable(tps) },
		do: func() (any, error) {
			out := map[broker.TopicPartition]T{}
			for _, tp := range tps {
				out[tp] = of(tp)
			}
			return out, nil
		},
	})
	if err != nil {
		return nil, err
	}
	return found.(map[broker.TopicPartition]T), nil
}

// Produce implements broker.Cluster. What got no answer is sent again, and may be there twice.
func (p *Process) Produce(ctx context.Context, messages []broker.Message) error {
	batches, err := p.prepare(messages)
	if err != nil {
		return err
	}
	for _, b := range batches {
		if _, err := p.insist(ctx, request{kind: "produce", name: fmt.Sprintf("%s/%d %s", b.Topic, b.Partition, b.messages[0].Key), do: func() (any, error) {
			p.k.partition(b.TopicPartition).append(b.messages, Committed)
			return nil, nil
		}}); err != nil {
			return err
		}
	}
	return nil
}

// CommitOffsets implements broker.Cluster.
func (p *Process) CommitOffsets(ctx context.Context, s broker.Share) error {
	shares, err := broker.UsedShares([]broker.Share{s})
	if err != nil || len(shares) == 0 {
		return err
	}
	_, err = p.insist(ctx, request{kind: "commit", name: s.Generation.Group, do: func() (any, error) {
		g := p.k.group(s.Generation.Group)
		if err := g.fence(s.Generation); err != nil {
			return nil, &broker.LostGroupError{Group: g.id, Err: err}
		}
		for _, tp := range sortedPartitions(s.Offsets) {
			g.move(tp, s.Offsets[tp], s.Note)
		}
		return nil, nil
	}})
	return err
}

// outBatch is what a write has for one partition.
type outBatch struct {
	broker.TopicPartition
	messages []broker.Message
}

// prepare chooses partitions and makes batches, in order of the first message.
func (p *Process) prepare(messages []broker.Message) ([]outBatch, error) {
	var out []outBatch
	for _, m := range messages {
		n, err := p.known(m.Topic)
		if err != nil {
			return nil, err
		}
		tp := broker.TopicPartition{Topic: m.Topic, Partition: m.Partition}
		if m.Partition < 0 {
			tp.Partition = broker.PartitionOf(m.Key, n)
		}
		if int(tp.Partition) >= n {
			return nil, pipeline.Errorf("kafka.partition.missing", "topic %s has no partition %d", tp.Topic, tp.Partition)
		}
		i := slices.IndexFunc(out, func(b outBatch) bool { return b.TopicPartition == tp })
		if i < 0 {
			i, out = len(out), append(out, outBatch{TopicPartition: tp})
		}
		out[i].messages = append(out[i].messages, m)
	}
	return out, nil
}

// Unreachable implements broker.Cluster: nobody who runs on a simulated cluster is told.
func (p *Process) Unreachable() (time.Duration, error) { return 0, nil }
