package broker

import (
	"context"
	"strconv"
	"sync"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/metadata"
)

// topology knows the leaders of the topics that were asked for. It is refreshed when a broker says that it is wrong,
// not by time.
type topology struct {
	mu      sync.Mutex
	leaders map[string][]int32 // by partition; -1 for none
	largest map[string]int     // max.message.bytes of topics where EnsureTopics saw to it
}

// noteLargest keeps what the settings that a topic was found to have say of its largest batch.
func (c *Client) noteLargest(t Topic) {
	n, err := strconv.Atoi(t.Settings["max.message.bytes"])
	if err != nil {
		return
	}
	c.topology.mu.Lock()
	defer c.topology.mu.Unlock()
	if c.topology.largest == nil {
		c.topology.largest = map[string]int{}
	}
	c.topology.largest[t.Name] = n
}

// largestBatch bounds a batch of a single record.
func (c *Client) largestBatch(topic string) int {
	c.topology.mu.Lock()
	defer c.topology.mu.Unlock()
	return max(c.cfg.MaxBatchBytes, c.topology.largest[topic])
}

// leader returns the broker that leads a partition, from the cache or from the cluster.
func (c *Client) leader(ctx context.Context, tp TopicPartition) (int32, error) {
	leaders, err := c.leaders(ctx, tp.Topic)
	if err != nil {
		return -1, err
	}
	if int(tp.Partition) >= len(leaders) { // it may have been added since
		if leaders, err = c.describe(ctx, tp.Topic); err != nil {
			return -1, err
		}
	}
	if tp.Partition < 0 || int(tp.Partition) >= len(leaders) {
		return -1, pipeline.Errorf("kafka.partition.missing", "topic %s has no partition %d, it has %d of them: was the topic made again with fewer?", tp.Topic, tp.Partition, len(leaders))
	}
	if l := leaders[tp.Partition]; l >= 0 {
		return l, nil
	}
	c.forget(tp.Topic)
	return -1, kafka.LeaderNotAvailable
}

// leaders returns the leaders of a topic's partitions.
func (c *Client) leaders(ctx context.Context, topic string) ([]int32, error) {
	c.topology.mu.Lock()
	leaders, ok := c.topology.leaders[topic]
	c.topology.mu.Unlock()
	if ok {
		return leaders, nil
	}
	return c.describe(ctx, topic)
}

// describe asks the cluster for a topic's leaders.
func (c *Client) describe(ctx context.Context, topic string) ([]int32, error) {
	res, err := ask[*topicsResponse](ctx, c, &topicsRequest{metadata.Request{TopicNames: []string{topic}}})
	if err != nil {
		return nil, err
	}
	for i := range res.Topics {
		t := &res.Topics[i]
		if t.Name != topic {
			continue
		}
		if t.ErrorCode == int16(kafka.UnknownTopicOrPartition) {
			break
		}
		if t.ErrorCode != 0 {
			return nil, topicError(topic, "Describe", check(t.ErrorCode))
		}
		leaders := make([]int32, len(t.Partitions))
		for _, p := range t.Partitions {
			if int(p.PartitionIndex) >= len(leaders) || p.PartitionIndex < 0 {
				return nil, kafka.LeaderNotAvailable // partitions are being added
			}
			leaders[p.PartitionIndex] = p.LeaderID
		}
		c.topology.mu.Lock()
		defer c.topology.mu.Unlock()
		if c.topology.leaders == nil {
			c.topology.leaders = map[string][]int32{}
		}
		c.topology.leaders[topic] = leaders
		return leaders, nil
	}
	c.forget(topic)
	return nil, missing(topic)
}

// forget drops what is known of a topic, so that the next use asks the cluster.
func (c *Client) forget(topic string) {
	c.topology.mu.Lock()
	delete(c.topology.leaders, topic)
	c.topology.mu.Unlock()
}

func missing(topic string) error {
	return pipeline.Errorf("kafka.topic.missing", "topic %s is not there: create it, or correct its name", topic)
}

// topicError says which topic an answer's code is about, after an operation as ACLs name it.
func topicError(topic, operation string, err error) error {
	if transient(err) {
		return err
	}
	if out := withheld(err, rights{operation: operation, topic: topic}); out != nil {
		return out
	}
	return pipeline.Errorf("kafka.topic.refused", "topic %s: %w", topic, err)
}
