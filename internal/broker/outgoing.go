package broker

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/produce"
)

// outgoing are messages as batches, in order for each partition.
type outgoing struct {
	partitions []*outPartition
}

type outPartition struct {
	TopicPartition
	batches []*buffer
	counts  []int32 // records in each
	sent    int     // batches that are acknowledged
}

func (o *outgoing) pending() bool {
	return slices.ContainsFunc(o.partitions, func(p *outPartition) bool { return p.sent < len(p.batches) })
}

// rewind makes all batches unsent again.
func (o *outgoing) rewind() {
	for _, p := range o.partitions {
		p.sent = 0
	}
}

// detach replaces all batches by copies: a request that was given up may still read the old ones.
func (o *outgoing) detach() {
	for _, p := range o.partitions {
		for i, b := range p.batches {
			p.batches[i] = &buffer{bytes: bytes.Clone(b.bytes)}
		}
	}
}

// free gives the batches back.
func (o *outgoing) free() {
	for _, p := range o.partitions {
		for _, b := range p.batches {
			buffers.put(b)
		}
	}
}

// requestBytes bounds the batches in one request; a broker takes 100 MB (socket.request.max.bytes).
const requestBytes = 16 << 20

// prepare chooses partitions and makes batches. The messages are not needed afterwards.
func (c *Client) prepare(ctx context.Context, messages []Message) (*outgoing, error) {
	byPartition := map[TopicPartition][]*Message{}
	var order []TopicPartition
	for i := range messages {
		m := &messages[i]
		tp := TopicPartition{Topic: m.Topic, Partition: m.Partition}
		if m.Partition < 0 {
			n, err := c.partitionsOf(ctx, m.Topic)
			if err != nil {
				return nil, err
			}
			if m.Key != nil {
				tp.Partition = PartitionOf(m.Key, n)
			} else {
				tp.Partition = c.robin.pick(m.Topic, n)
			}
		}
		list, ok := byPartition[tp]
		if !ok {
			order = append(order, tp)
		}
		byPartition[tp] = append(list, m)
	}
	e, _ := c.encoders.Get().(*encoder)
	if e == nil {
		e = new(encoder)
	}
	defer c.encoders.Put(e)
	out := &outgoing{}
	now := time.Now()
	for _, tp := range order {
		p := &outPartition{TopicPartition: tp}
		out.partitions = append(out.partitions, p)
		for rest := byPartition[tp]; len(rest) > 0; {
			n, size := 0, batchHeader
			for n < len(rest) && (n == 0 || size+recordSize(rest[n]) <= c.cfg.MaxBatchBytes) {
				size += recordSize(rest[n])
				n++
			}
			b, err := e.encode(rest[:n], c.cfg.Compression, now)
			if err != nil {
				return nil, pipeline.Errorf("kafka.batch.encode", "BUG: a batch for topic %s cannot be compressed: %w", tp.Topic, err)
			}
			if limit := c.largestBatch(tp.Topic); len(b.bytes) > limit {
				return nil, tooLarge(rest[0], len(b.bytes), limit)
			}
			p.batches, p.counts = append(p.batches, b), append(p.counts, int32(n))
			rest = rest[n:]
		}
	}
	return out, nil
}

// partitionsOf returns a topic's number of partitions, from the cache if it is there.
func (c *Client) partitionsOf(ctx context.Context, topic string) (n int, err error) {
	c.topology.mu.Lock()
	leaders, ok := c.topology.leaders[topic]
	c.topology.mu.Unlock()
	if ok {
		return len(leaders), nil
	}
	return c.Partitions(ctx, topic)
}

// sendNext sends the next batch of each partition, one request a leader, one after another: requests of one transaction
// must not meet at a broker. stamp completes a batch before it goes. A broker's refusals for single partitions are
// returned as the first of them, after all requests; what was acknowledged counts as sent.
func (c *Client) sendNext(ctx context.Context, out *outgoing, transaction string, stamp func(*outPartition)) error {
	requests, err := c.produceRequests(ctx, out)
	if err != nil {
		return err
	}
	var first error
	for _, r := range requests {
		req := &produceRequest{TransactionalID: transaction, Acks: -1, Timeout: int32(c.cfg.RequestTimeout.Milliseconds()), route: route(r.leader)}
		for _, p := range r.partitions {
			stamp(p)
			n := len(req.Topics)
			if n == 0 || req.Topics[n-1].Topic != p.Topic {
				req.Topics = append(req.Topics, produceRequestTopic{Topic: p.Topic})
				n++
			}
			req.Topics[n-1].Partitions = append(req.Topics[n-1].Partitions, produceRequestPartition{Partition: p.Partition, Batch: p.batches[p.sent].bytes})
		}
		// The broker's own time-out comes first, so that its answer tells what happened.
		res, err := askFor[*produce.Response](ctx, c, req, 2*c.cfg.RequestTimeout)
		if err != nil {
			for _, p := range r.partitions {
				c.forget(p.Topic)
			}
			out.detach()
			return err
		}
		if err := c.acknowledge(r.partitions, res); err != nil && (first == nil || refused(first)) {
			first = err
		}
	}
	return first
}

type produceTo struct {
	leader     int32
	partitions []*outPartition
	bytes      int
}

// produceRequests shares the next batches out to requests, in the order of leaders.
func (c *Client) produceRequests(ctx context.Context, out *outgoing) ([]*produceTo, error) {
	var requests []*produceTo
	open := map[int32]*produceTo{}
	for _, p := range out.partitions {
		if p.sent == len(p.batches) {
			continue
		}
		l, err := c.leader(ctx, p.TopicPartition)
		if err != nil {
			return nil, err
		}
		size := len(p.batches[p.sent].bytes)
		r := open[l]
		if r == nil || r.bytes+size > requestBytes {
			r = &produceTo{leader: l}
			open[l] = r
			requests = append(requests, r)
		}
		r.bytes += size
		r.partitions = append(r.partitions, p)
	}
	for _, r := range requests {
		slices.SortStableFunc(r.partitions, func(a, b *outPartition) int {
			return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
		})
	}
	return requests, nil
}

// acknowledge counts what a broker has stored, and returns the first of its other answers, permanent ones before others.
func (c *Client) acknowledge(asked []*outPartition, res *produce.Response) error {
	answers := map[TopicPartition]*produce.ResponsePartition{}
	for i := range res.Topics {
		t := &res.Topics[i]
		for j := range t.Partitions {
			answers[TopicPartition{Topic: t.Topic, Partition: t.Partitions[j].Partition}] = &t.Partitions[j]
		}
	}
	var first error
	for _, p := range asked {
		a := answers[p.TopicPartition]
		var err error
		if a == nil {
			err = pipeline.Errorf("kafka.answer.partition", "BUG: a broker did not answer for topic %s partition %d", p.Topic, p.Partition)
		} else {
			err = check(a.ErrorCode)
		}
		switch {
		case err == nil, errors.Is(err, kafka.DuplicateSequenceNumber):
			p.sent++
			continue
		case errors.Is(err, kafka.UnknownTopicOrPartition):
			c.forget(p.Topic)
			err = kafka.LeaderNotAvailable // the next attempt looks the leader up, and tells if the topic is gone
		case refused(err):
			c.forget(p.Topic)
		default:
			err = refusedBatch(p.TopicPartition, a, err)
		}
		if first == nil || refused(first) {
			first = err
		}
	}
	return first
}

// refusedBatch names the partition whose batch a broker will not take. The code stays in reach of errors.Is.
func refusedBatch(tp TopicPartition, a *produce.ResponsePartition, err error) error {
	if out := withheld(err, rights{operation: "Write", topic: tp.Topic}); out != nil {
		return out
	}
	return pipeline.Errorf("kafka.batch.refused", "topic %s partition %d: the broker refused the records: %w", tp.Topic, tp.Partition, refusal(a, err))
}

func refusal(a *produce.ResponsePartition, err error) error {
	if a == nil || a.ErrorMessage == "" {
		return err
	}
	return errors.Join(err, errors.New(a.ErrorMessage))
}
