package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/homeostat/homeostat/internal/broker/kraft"
)

// cluster is an Apache Kafka, and a client on it that shares no code with the engine's.
type cluster struct {
	node   *kraft.Broker
	addr   string
	client *kgo.Client
}

// startCluster starts a broker whose data is in dir. It ends with this process at the latest.
func startCluster(ctx context.Context, dir string) (*cluster, error) {
	node, err := kraft.New(dir)
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	status, err := node.Start(ctx, kraft.Options{Port: port, With: os.Getpid()})
	if err != nil {
		return nil, err
	}
	c := &cluster{node: node, addr: status.Addr}
	c.client, err = kgo.NewClient(kgo.SeedBrokers(c.addr), kgo.ClientID("bench"), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(5*time.Millisecond), kgo.ProducerBatchCompression(kgo.Lz4Compression()), kgo.MaxBufferedRecords(400_000))
	if err != nil {
		return nil, errors.Join(err, node.Kill(ctx))
	}
	return c, nil
}

func (c *cluster) stop() error {
	c.client.Close()
	return c.node.Kill(context.Background())
}

// freePort finds two free ports in a row and returns the first.
func freePort() (int, error) {
	for range 100 {
		a, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return 0, err
		}
		port := a.Addr().(*net.TCPAddr).Port
		b, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port+1))
		_ = a.Close() // it only held the port
		if err == nil {
			_ = b.Close()
			return port, nil
		}
	}
	return 0, errors.New("no two free ports in a row on 127.0.0.1")
}

// createTopic makes a topic whose records stay.
func (c *cluster) createTopic(ctx context.Context, name string, partitions int) error {
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = name, int32(partitions), 1
	for key, value := range map[string]string{"retention.ms": "-1", "max.message.bytes": "4000000"} {
		s := kmsg.NewCreateTopicsRequestTopicConfig()
		s.Name, s.Value = key, &value
		t.Configs = append(t.Configs, s)
	}
	req := kmsg.NewPtrCreateTopicsRequest()
	req.Topics, req.TimeoutMillis = []kmsg.CreateTopicsRequestTopic{t}, 10_000
	for tries := 0; ; tries++ {
		res, err := req.RequestWith(ctx, c.client)
		if err != nil {
			return err
		}
		err = kerr.ErrorForCode(res.Topics[0].ErrorCode)
		if err == nil {
			return c.known(ctx, name, partitions)
		}
		// A node that has just started may not count itself yet.
		if !errors.Is(err, kerr.InvalidReplicationFactor) || tries == 100 {
			return fmt.Errorf("topic %s: %w", name, err)
		}
		if err := wait(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// known waits until the broker knows a new topic and leads it: the controller only says that it will.
func (c *cluster) known(ctx context.Context, name string, partitions int) error {
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = &name
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = []kmsg.MetadataRequestTopic{t}
	for range 500 {
		res, err := req.RequestWith(ctx, c.client)
		if err != nil {
			return err
		}
		led := 0
		for _, p := range res.Topics[0].Partitions {
			if p.ErrorCode == 0 {
				led++
			}
		}
		if led == partitions {
			return nil
		}
		if err := wait(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	return fmt.Errorf("topic %s is not led after 10 s", name)
}

// deleteTopics removes topics, so that they take no room any more. What fails is of no matter.
func (c *cluster) deleteTopics(ctx context.Context, names ...string) {
	req := kmsg.NewPtrDeleteTopicsRequest()
	for _, name := range names {
		t := kmsg.NewDeleteTopicsRequestTopic()
		t.Topic = &name
		req.Topics, req.TopicNames = append(req.Topics, t), append(req.TopicNames, name)
	}
	req.TimeoutMillis = 10_000
	_, _ = req.RequestWith(ctx, c.client)
}

// positions returns what a group has committed, by topic and partition.
func (c *cluster) positions(ctx context.Context, group, topic string) (map[int32]int64, error) {
	req := kmsg.NewPtrOffsetFetchRequest()
	req.Group = group
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group = group
	req.Groups = []kmsg.OffsetFetchRequestGroup{g}
	res, err := req.RequestWith(ctx, c.client)
	if err != nil {
		return nil, err
	}
	at := map[int32]int64{}
	for _, g := range res.Groups {
		if err := kerr.ErrorForCode(g.ErrorCode); err != nil {
			return nil, err
		}
		for _, t := range g.Topics {
			for _, p := range t.Partitions {
				if t.Topic == topic {
					at[p.Partition] = p.Offset
				}
			}
		}
	}
	return at, nil
}

// members returns a group's state and its number of members.
func (c *cluster) members(ctx context.Context, group string) (state string, members int, err error) {
	req := kmsg.NewPtrDescribeGroupsRequest()
	req.Groups = []string{group}
	res, err := req.RequestWith(ctx, c.client)
	if err != nil {
		return "", 0, err
	}
	if len(res.Groups) != 1 {
		return "", 0, fmt.Errorf("the broker did not answer for group %s", group)
	}
	g := &res.Groups[0]
	return g.State, len(g.Members), kerr.ErrorForCode(g.ErrorCode)
}

// transaction returns the state of a transactional id, "" if the broker does not know it.
func (c *cluster) transaction(ctx context.Context, id string) (string, error) {
	req := kmsg.NewPtrDescribeTransactionsRequest()
	req.TransactionalIDs = []string{id}
	res, err := req.RequestWith(ctx, c.client)
	if err != nil {
		return "", err
	}
	if len(res.TransactionStates) != 1 || res.TransactionStates[0].ErrorCode != 0 {
		return "", nil
	}
	return res.TransactionStates[0].State, nil
}
