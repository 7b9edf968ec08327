// Package stand is what trials of the whole program stand on: real Apache Kafka brokers, real `homeostat` processes, and
// a client that reads what they wrote and compares it, by code that is not the engine's.
package stand

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

// Cluster is a Kafka, and a client on it that shares no code with the engine's.
type Cluster struct {
	Broker *apachekafka.Broker // nil if somebody else runs it
	Client *kgo.Client
	addr   string
}

// MostPending is how many records may wait in Client for the broker before a producer should wait; it has room for some more.
const MostPending = 2000

// Open starts a broker whose data is in dir. What connects by proxy, a port on 127.0.0.1, stays there; 0 is none.
func Open(dir string, proxy int) (*Cluster, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	b, err := apachekafka.Open(dir, proxy)
	if err != nil {
		return nil, err
	}
	c, err := Dial(b.Addr())
	if err != nil {
		return nil, errors.Join(err, b.Kill())
	}
	c.Broker = b
	return c, nil
}

// Dial is Open for a broker that runs already, and goes on to run after Stop.
func Dial(addr string) (*Cluster, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ClientID("stand"),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0), kgo.MaxBufferedRecords(4*MostPending),
		kgo.MetadataMinAge(100*time.Millisecond), kgo.RetryTimeout(5*time.Second), kgo.UnknownTopicRetries(100),
		kgo.RetryBackoffFn(func(int) time.Duration { return 250 * time.Millisecond }))
	if err != nil {
		return nil, err
	}
	return &Cluster{Client: client, addr: addr}, nil
}

// Addr is the address of the broker, host:port.
func (c *Cluster) Addr() string { return c.addr }

// Stop ends the client, and the broker that Open started. Its data stays for whoever has to look.
func (c *Cluster) Stop() error {
	c.Client.Close()
	if c.Broker == nil {
		return nil
	}
	return c.Broker.Kill()
}

// CreateTopic makes a topic whose records stay.
func (c *Cluster) CreateTopic(ctx context.Context, name string, partitions int32, settings map[string]string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = name, partitions, 1
	for k, v := range settings {
		s := kmsg.NewCreateTopicsRequestTopicConfig()
		s.Name, s.Value = k, &v
		t.Configs = append(t.Configs, s)
	}
	req := kmsg.NewPtrCreateTopicsRequest()
	req.Topics, req.TimeoutMillis = []kmsg.CreateTopicsRequestTopic{t}, 10_000
	for {
		err := c.tryCreate(ctx, req)
		if err == nil {
			break
		}
		// A broker that has just started counts for none until its controller has heard of it.
		if !errors.Is(err, kerr.InvalidReplicationFactor) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, context.Cause(ctx))
		case <-time.After(200 * time.Millisecond):
		}
	}
	return c.Await(ctx, name, partitions)
}

// Await waits until a topic with so many partitions at least is known to all.
func (c *Cluster) Await(ctx context.Context, name string, partitions int32) error {
	for {
		have, err := c.Partitions(ctx, name)
		if err == nil && len(have) >= int(partitions) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("topic %s is not there: %w", name, errors.Join(err, context.Cause(ctx)))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (c *Cluster) tryCreate(ctx context.Context, req *kmsg.CreateTopicsRequest) error {
	res, err := req.RequestWith(ctx, c.Client)
	if err != nil {
		return err
	}
	for _, t := range res.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			return fmt.Errorf("topic %s: %w", t.Topic, err)
		}
	}
	return nil
}

// Partition names one.
type Partition struct {
	Topic string
	N     int32
}

func (p Partition) String() string { return fmt.Sprintf("%s/%d", p.Topic, p.N) }

// Partitions lists the partitions of topics as they are now; a topic that is not there has none.
func (c *Cluster) Partitions(ctx context.Context, topics ...string) ([]Partition, error) {
	req := kmsg.NewPtrMetadataRequest()
	for _, t := range topics {
		rt := kmsg.NewMetadataRequestTopic()
		rt.Topic = &t
		req.Topics = append(req.Topics, rt)
	}
	res, err := req.RequestWith(ctx, c.Client)
	if err != nil {
		return nil, err
	}
	var all []Partition
	for _, t := range res.Topics {
		for _, p := range t.Partitions {
			all = append(all, Partition{*t.Topic, p.Partition})
		}
	}
	return all, nil
}

// Ends returns the ends of partitions: of what is committed, or of all.
func (c *Cluster) Ends(ctx context.Context, partitions []Partition, committed bool) (map[Partition]int64, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	if committed {
		req.IsolationLevel = 1
	}
	for _, p := range partitions {
		rp := kmsg.NewListOffsetsRequestTopicPartition()
		rp.Partition, rp.Timestamp = p.N, -1
		if n := len(req.Topics); n == 0 || req.Topics[n-1].Topic != p.Topic {
			rt := kmsg.NewListOffsetsRequestTopic()
			rt.Topic = p.Topic
			req.Topics = append(req.Topics, rt)
		}
		t := &req.Topics[len(req.Topics)-1]
		t.Partitions = append(t.Partitions, rp)
	}
	res, err := req.RequestWith(ctx, c.Client)
	if err != nil {
		return nil, err
	}
	ends := map[Partition]int64{}
	for _, t := range res.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return nil, fmt.Errorf("%s/%d: %w", t.Topic, p.Partition, err)
			}
			ends[Partition{t.Topic, p.Partition}] = p.Offset
		}
	}
	return ends, nil
}

// Positions returns what a group has committed.
func (c *Cluster) Positions(ctx context.Context, group string) (map[Partition]int64, error) {
	req := kmsg.NewPtrOffsetFetchRequest()
	req.Group = group
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group = group
	req.Groups = []kmsg.OffsetFetchRequestGroup{g}
	res, err := req.RequestWith(ctx, c.Client)
	if err != nil {
		return nil, err
	}
	at := map[Partition]int64{}
	for _, g := range res.Groups {
		if err := kerr.ErrorForCode(g.ErrorCode); err != nil {
			return nil, err
		}
		for _, t := range g.Topics {
			for _, p := range t.Partitions {
				at[Partition{t.Topic, p.Partition}] = p.Offset
			}
		}
	}
	return at, nil
}

// Each gives f every committed record of partitions up to their ends, in order within each partition. Nobody may write
// meanwhile. A transaction that was left open is waited for.
func (c *Cluster) Each(ctx context.Context, partitions []Partition, f func(*kgo.Record)) error {
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
		if from[p.Topic] == nil {
			from[p.Topic] = map[int32]kgo.Offset{}
		}
		from[p.Topic][p.N] = kgo.NewOffset().At(0)
	}
	if len(ends) == 0 {
		return nil
	}
	reader, err := kgo.NewClient(kgo.SeedBrokers(c.addr), kgo.ClientID("stand-reader"), kgo.ConsumePartitions(from),
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
			at := Partition{r.Topic, r.Partition}
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
func (c *Cluster) settledEnds(ctx context.Context, partitions []Partition) (map[Partition]int64, error) {
	for {
		stable, err := c.Ends(ctx, partitions, true)
		if err != nil {
			return nil, err
		}
		ends, err := c.Ends(ctx, partitions, false)
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

// CopyTo writes the records of partitions to another cluster as they are: at the same offsets, with the same times.
func (c *Cluster) CopyTo(ctx context.Context, to *Cluster, partitions []Partition) (records int, err error) {
	next := map[Partition]int64{}
	var failed error
	err = c.Each(ctx, partitions, func(r *kgo.Record) {
		p := Partition{r.Topic, r.Partition}
		if r.Offset != next[p] && failed == nil {
			failed = fmt.Errorf("the input has a gap before %s@%d", p, r.Offset)
		}
		next[p] = r.Offset + 1
		records++
		to.Client.Produce(ctx, &kgo.Record{Topic: r.Topic, Partition: r.Partition, Key: r.Key, Value: r.Value, Headers: r.Headers, Timestamp: r.Timestamp}, nil)
	})
	if err == nil {
		err = failed
	}
	if err == nil {
		err = to.Client.Flush(ctx)
	}
	if err != nil {
		return records, err
	}
	have, err := to.Ends(ctx, partitions, false)
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
