package broker

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/createtopics"
	"github.com/segmentio/kafka-go/protocol/describeconfigs"
	"github.com/segmentio/kafka-go/protocol/metadata"
)

// Topic is a topic as it should be.
type Topic struct {
	Name       string
	Partitions int
	// Settings are topic settings by their Kafka names, for instance retention.ms. What is not named is the broker's choice.
	Settings map[string]string
}

// startLimit bounds the wait for a cluster that starts, and for topics that are being made, unless Config.Patience does.
const startLimit = time.Minute

// EnsureTopics creates the topics that are absent and waits until all of them can be used, for Config.Patience at most.
// A topic that is there must have at least the partitions asked for and the same settings; otherwise the error says
// what differs (kafka.topic.partitions, kafka.topic.setting). Nothing existing is changed.
func (c *Client) EnsureTopics(ctx context.Context, topics []Topic) error {
	ctx, cancel := c.limited(ctx)
	defer cancel()
	for _, t := range topics {
		if t.Partitions < 1 {
			return pipeline.Errorf("kafka.topic.partitions", "topic %s: %d is not a number of partitions: use 1 or more", t.Name, t.Partitions)
		}
		if err := c.ensure(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

func (c *Client) ensure(ctx context.Context, t Topic) error {
	patience := backoff{first: 20 * time.Millisecond, longest: 500 * time.Millisecond}
	made := false
	err := c.repeat(ctx, "create topic "+t.Name, patience, whileRegistering(time.Now()), func(ctx context.Context) error {
		_, err := c.describe(ctx, t.Name)
		if pipeline.Code(err) != "kafka.topic.missing" {
			return err
		}
		made = true
		return c.create(ctx, t)
	})
	if err != nil {
		return err
	}
	absent := func(err error) bool { return transient(err) || made && pipeline.Code(err) == "kafka.topic.missing" }
	err = c.repeat(ctx, "use topic "+t.Name, patience, absent, func(ctx context.Context) error { return c.usable(ctx, t) })
	if err != nil {
		return err
	}
	err = c.repeat(ctx, "read the settings of topic "+t.Name, patience, transient, func(ctx context.Context) error { return c.agrees(ctx, t) })
	if err == nil {
		c.noteLargest(t)
	}
	return err
}

// registerLimit is how long a refusal counts as that of a cluster whose brokers are still registering.
const registerLimit = 15 * time.Second

// whileRegistering says which failures to create a topic are worth another attempt. A broker that has just started answers before
// the controller has registered it, and has too few brokers for any replication factor until then. The same answer is for
// good where the cluster really is smaller than its default.replication.factor: so it is repeated for registerLimit only.
func whileRegistering(since time.Time) func(error) bool {
	return func(err error) bool {
		return transient(err) || errors.Is(err, kafka.InvalidReplicationFactor) && time.Since(since) < registerLimit
	}
}

// create creates a topic; nil if another process was quicker.
func (c *Client) create(ctx context.Context, t Topic) error {
	req := &createRequest{createtopics.Request{TimeoutMs: int32(c.cfg.RequestTimeout.Milliseconds())}}
	rt := createtopics.RequestTopic{Name: t.Name, NumPartitions: int32(t.Partitions), ReplicationFactor: -1}
	for _, k := range slices.Sorted(maps.Keys(t.Settings)) {
		rt.Configs = append(rt.Configs, createtopics.RequestConfig{Name: k, Value: t.Settings[k]})
	}
	req.Topics = []createtopics.RequestTopic{rt}
	res, err := ask[*createResponse](ctx, c, req)
	if err != nil {
		return err
	}
	for _, r := range res.Topics {
		err := check(r.ErrorCode)
		if err == nil || errors.Is(err, kafka.TopicAlreadyExists) {
			continue
		}
		if transient(err) {
			return err
		}
		if out := withheld(err, rights{operation: "Create", topic: t.Name}); out != nil {
			return out
		}
		return pipeline.Errorf("kafka.topic.create", "topic %s with %d partitions and settings %v was not created: %s: %w", t.Name, t.Partitions, t.Settings, r.ErrorMessage, err)
	}
	return nil
}

// usable says whether each partition has a leader that serves it.
func (c *Client) usable(ctx context.Context, t Topic) error {
	leaders, err := c.describe(ctx, t.Name)
	if err != nil {
		return err
	}
	if len(leaders) < t.Partitions {
		return pipeline.Errorf("kafka.topic.partitions", "topic %s has %d partitions, %d are needed: add partitions, or ask for fewer", t.Name, len(leaders), t.Partitions)
	}
	all := make([]TopicPartition, len(leaders))
	for i := range all {
		all[i] = TopicPartition{Topic: t.Name, Partition: int32(i)}
	}
	_, err = c.listOffsets(ctx, all, latest, false)
	return err
}

const topicResource = 2

// agrees compares a topic's settings with those asked for.
func (c *Client) agrees(ctx context.Context, t Topic) error {
	if len(t.Settings) == 0 {
		return nil
	}
	names := slices.Sorted(maps.Keys(t.Settings))
	res, err := ask[*describeconfigs.Response](ctx, c, &describeconfigs.Request{
		Resources: []describeconfigs.RequestResource{{ResourceType: topicResource, ResourceName: t.Name, ConfigNames: names}},
	})
	if err != nil {
		return err
	}
	found := map[string]string{}
	for _, r := range res.Resources {
		if err := check(r.ErrorCode); err != nil {
			return topicError(t.Name, "DescribeConfigs", err)
		}
		for _, e := range r.ConfigEntries {
			found[e.ConfigName] = e.ConfigValue
		}
	}
	for _, name := range names {
		if value, ok := found[name]; !ok || !sameSetting(value, t.Settings[name]) {
			return pipeline.Errorf("kafka.topic.setting", "topic %s has %s=%s, %s is needed: change it with your Kafka tools, or use another topic", t.Name, name, value, t.Settings[name])
		}
	}
	return nil
}

// sameSetting compares two values of a setting; lists, as in cleanup.policy, in any order.
func sameSetting(a, b string) bool {
	return slices.Equal(settingItems(a), settingItems(b))
}

func settingItems(s string) []string {
	items := strings.Split(s, ",")
	for i := range items {
		items[i] = strings.TrimSpace(items[i])
	}
	slices.Sort(items)
	return items
}

// Partitions returns the number of partitions of a topic, asked from the cluster and not from a cache.
// A topic that is not there is an error (kafka.topic.missing).
func (c *Client) Partitions(ctx context.Context, topic string) (int, error) {
	ctx, cancel := c.limited(ctx)
	defer cancel()
	n := 0
	err := c.repeat(ctx, "look up topic "+topic, backoff{first: 20 * time.Millisecond, longest: 500 * time.Millisecond}, transient, func(ctx context.Context) error {
		leaders, err := c.describe(ctx, topic)
		n = len(leaders)
		return err
	})
	return n, err
}

// TopicNames lists the topics of the cluster that this user may see, in order; those of the brokers' own are left out.
func (c *Client) TopicNames(ctx context.Context) ([]string, error) {
	ctx, cancel := c.limited(ctx)
	defer cancel()
	var names []string
	err := c.repeat(ctx, "list topics", backoff{first: 20 * time.Millisecond, longest: 500 * time.Millisecond}, transient, func(ctx context.Context) error {
		res, err := ask[*topicsResponse](ctx, c, &topicsRequest{metadata.Request{}})
		if err != nil {
			return err
		}
		names = names[:0]
		for i := range res.Topics {
			if t := &res.Topics[i]; t.ErrorCode == 0 && !t.IsInternal {
				names = append(names, t.Name)
			}
		}
		return nil
	})
	slices.Sort(names)
	return names, err
}

// AllPartitions lists all partitions of the topics, in their order.
func (c *Client) AllPartitions(ctx context.Context, topics ...string) ([]TopicPartition, error) {
	var tps []TopicPartition
	for _, topic := range topics {
		n, err := c.Partitions(ctx, topic)
		if err != nil {
			return nil, err
		}
		for p := 0; p < n; p++ {
			tps = append(tps, TopicPartition{Topic: topic, Partition: int32(p)})
		}
	}
	return tps, nil
}
