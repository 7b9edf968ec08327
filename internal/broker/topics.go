package broker

import "context"

// Topic is a topic as it should be.
type Topic struct {
	Name       string
	Partitions int
	// Settings are topic settings by their Kafka names, for instance retention.ms. What is not named is the broker's choice.
	Settings map[string]string
}

// EnsureTopics creates the topics that are absent and waits until all of them can be used, for a minute at most.
// A topic that is there must have at least the partitions asked for and the same settings; otherwise the error says
// what differs (kafka.topic.partitions, kafka.topic.setting). Nothing existing is changed.
func (c *Client) EnsureTopics(ctx context.Context, topics []Topic) error { return errNotYet }

// Partitions returns the number of partitions of a topic, asked from the cluster and not from a cache.
// A topic that is not there is an error (kafka.topic.missing).
func (c *Client) Partitions(ctx context.Context, topic string) (int, error) { return 0, errNotYet }
