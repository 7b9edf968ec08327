package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/homeostat/homeostat/internal/broker/apachekafka"
)

// cluster is an Apache Kafka, and a client on it that shares no code with the engine's.
type cluster struct {
	broker *apachekafka.Broker
	client *kgo.Client
}

// startCluster starts a broker whose data is in dir. What connects by the proxy, if there is one, stays there.
func startCluster(dir string, p *proxy) (*cluster, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	port := 0
	if p != nil {
		port = p.port()
	}
	b, err := apachekafka.Open(dir, port)
	if err != nil {
		return nil, err
	}
	if p != nil {
		p.connectTo(b.ProxiedAddr())
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(b.Addr()), kgo.ClientID("chaos"),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0), kgo.MaxBufferedRecords(4*mostPending),
		kgo.MetadataMinAge(100*time.Millisecond), kgo.RetryTimeout(5*time.Second),
		kgo.RetryBackoffFn(func(int) time.Duration { return 250 * time.Millisecond }))
	if err != nil {
		return nil, errors.Join(err, b.Kill())
	}
	return &cluster{broker: b, client: client}, nil
}

// stop ends client and broker. Their data stays for whoever has to look.
func (c *cluster) stop() error {
	c.client.Close()
	return c.broker.Kill()
}

// createTopic makes a topic whose records stay.
func (c *cluster) createTopic(ctx context.Context, name string, partitions int32, settings map[string]string) error {
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = name, partitions, 1
	for k, v := range settings {
		s := kmsg.NewCreateTopicsRequestTopicConfig()
		s.Name, s.Value = k, &v
		t.Configs = append(t.Configs, s)
	}
	req := kmsg.NewPtrCreateTopicsRequest()
	req.Topics, req.TimeoutMillis = []kmsg.CreateTopicsRequestTopic{t}, 10_000
	res, err := req.RequestWith(ctx, c.client)
	if err != nil {
		return err
	}
	for _, t := range res.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			return fmt.Errorf("topic %s: %w", name, err)
		}
	}
	return nil
}

// partition names one.
type partition struct {
	topic string
	n     int32
}

func (p partition) String() string { return fmt.Sprintf("%s/%d", p.topic, p.n) }

// allOf lists the partitions of topics as they are now; a topic that is not there has none.
func (c *cluster) allOf(ctx context.Context, topics ...string) ([]partition, error) {
	req := kmsg.NewPtrMetadataRequest()
	for _, t := range topics {
		rt := kmsg.NewMetadataRequestTopic()
		rt.Topic = &t
		req.Topics = append(req.Topics, rt)
	}
	res, err := req.RequestWith(ctx, c.client)
	if err != nil {
		return nil, err
	}
	var all []partition
	for _, t := range res.Topics {
		for _, p := range t.Partitions {
			all = append(all, partition{*t.Topic, p.Partition})
		}
	}
	return all, nil
}

// ends returns the ends of partitions: of what is committed, or of all.
func (c *cluster) ends(ctx context.Context, partitions []partition, committed bool) (map[partition]int64, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	if committed {
		req.IsolationLevel = 1
	}
	for _, p := range partitions {
		rp := kmsg.NewListOffsetsRequestTopicPartition()
		rp.Partition, rp.Timestamp = p.n, -1
		if n := len(req.Topics); n == 0 || req.Topics[n-1].Topic != p.topic {
			rt := kmsg.NewListOffsetsRequestTopic()
			rt.Topic = p.topic
			req.Topics = append(req.Topics, rt)
		}
		t := &req.Topics[len(req.Topics)-1]
		t.Partitions = append(t.Partitions, rp)
	}
	res, err := req.RequestWith(ctx, c.client)
	if err != nil {
		return nil, err
	}
	ends := map[partition]int64{}
	for _, t := range res.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return nil, fmt.Errorf("%s/%d: %w", t.Topic, p.Partition, err)
			}
			ends[partition{t.Topic, p.Partition}] = p.Offset
		}
	}
	return ends, nil
}

// positions returns what a group has committed.
func (c *cluster) positions(ctx context.Context, group string) (map[partition]int64, error) {
	req := kmsg.NewPtrOffsetFetchRequest()
	req.Group = group
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group = group
	req.Groups = []kmsg.OffsetFetchRequestGroup{g}
	res, err := req.RequestWith(ctx, c.client)
	if err != nil {
		return nil, err
	}
	at := map[partition]int64{}
	for _, g := range res.Groups {
		if err := kerr.ErrorForCode(g.ErrorCode); err != nil {
			return nil, err
		}
		for _, t := range g.Topics {
			for _, p := range t.Partitions {
				at[partition{t.Topic, p.Partition}] = p.Offset
			}
		}
	}
	return at, nil
}

// each gives f every committed record of partitions up to their ends, in order within each partition. Nobody may write
// meanwhile. A transaction that was left open is waited for.
func (c *cluster) each(ctx context.Context, partitions []partition, f func(*kgo.Record)) error {
	ends, err := c.settledEnds(ctx, partitions)
	if err != nil {
		return err
	}
	from := map[string]map[int32]kgo.Offset{}
	for p, end := range ends {
		if end == 0 {
			delete(ends, p)
			continue
		}
		if from[p.topic] == nil {
			from[p.topic] = map[int32]kgo.Offset{}
		}
		from[p.topic][p.n] = kgo.NewOffset().At(0)
	}
	if len(ends) == 0 {
		return nil
	}
	reader, err := kgo.NewClient(kgo.SeedBrokers(c.broker.Addr()), kgo.ClientID("chaos-reader"), kgo.ConsumePartitions(from),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	if err != nil {
		return err
	}
	defer reader.Close()
	for len(ends) > 0 {
		fetches := reader.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return err
		}
		for _, e := range fetches.Errors() {
			return fmt.Errorf("reading %s/%d: %w", e.Topic, e.Partition, e.Err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			at := partition{r.Topic, r.Partition}
			if !r.Attrs.IsControl() {
				f(r)
			}
			// The last record of a log is there for every reader: a marker, or one that nobody aborted.
			if end, open := ends[at]; open && r.Offset >= end-1 {
				delete(ends, at)
			}
		})
	}
	return nil
}

// settledEnds returns the ends once no transaction is open any more.
func (c *cluster) settledEnds(ctx context.Context, partitions []partition) (map[partition]int64, error) {
	for {
		stable, err := c.ends(ctx, partitions, true)
		if err != nil {
			return nil, err
		}
		ends, err := c.ends(ctx, partitions, false)
		if err != nil {
			return nil, err
		}
		open := ""
		for p, end := range ends {
			if stable[p] < end {
				open = p.String()
			}
		}
		if open == "" {
			return ends, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("a transaction stays open in %s: %w", open, context.Cause(ctx))
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// copyTo writes the records of partitions to another cluster as they are: at the same offsets, with the same times.
func (c *cluster) copyTo(ctx context.Context, to *cluster, partitions []partition) (records int, err error) {
	next := map[partition]int64{}
	var failed error
	err = c.each(ctx, partitions, func(r *kgo.Record) {
		p := partition{r.Topic, r.Partition}
		if r.Offset != next[p] && failed == nil {
			failed = fmt.Errorf("the input has a gap before %s@%d", p, r.Offset)
		}
		next[p] = r.Offset + 1
		records++
		to.client.Produce(ctx, &kgo.Record{Topic: r.Topic, Partition: r.Partition, Key: r.Key, Value: r.Value, Headers: r.Headers, Timestamp: r.Timestamp}, nil)
	})
	if err == nil {
		err = failed
	}
	if err == nil {
		err = to.client.Flush(ctx)
	}
	if err != nil {
		return records, err
	}
	have, err := to.ends(ctx, partitions, false)
	if err != nil {
		return records, err
	}
	for p, n := range next {
		if have[p] != n {
			return records, fmt.Errorf("the copy of %s has %d records, not %d", p, have[p], n)
		}
	}
	return records, nil
}
