package broker

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"net"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/apiversions"
	"github.com/segmentio/kafka-go/protocol/createtopics"
	"github.com/segmentio/kafka-go/protocol/describeconfigs"
	"github.com/segmentio/kafka-go/protocol/describegroups"
	"github.com/segmentio/kafka-go/protocol/findcoordinator"
	"github.com/segmentio/kafka-go/protocol/metadata"

	"github.com/homeostat/homeostat/pipeline"
)

// What is in this file looks at a cluster and changes nothing: it joins no group and ends no transaction. It does not wait for brokers
// that don't answer; one that answers that it is not ready yet is asked again for a few seconds.

const notReadyFor = 5 * time.Second

// calmly asks until the answer is one.
func (c *Client) calmly(ctx context.Context, what string, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, notReadyFor)
	defer cancel()
	return c.repeat(ctx, what, backoff{first: 50 * time.Millisecond, longest: 500 * time.Millisecond}, refused, try)
}

// View is what a cluster says of itself.
type View struct {
	ID         string
	Controller int32
	Brokers    []BrokerView
	// Topics are those that this user may describe.
	Topics map[string]TopicView
	// Rights are those on the cluster.
	Rights Operations
}

// BrokerView is a broker as the others announce it.
type BrokerView struct {
	ID   int32
	Addr string
	Rack string
}

// TopicView is a topic.
type TopicView struct {
	Internal   bool
	Partitions []PartitionView
	// Rights are those of this user.
	Rights Operations
	// Err says why nothing is known of it: kafka.topic.missing or an error of kafka.access.
	Err error
}

// PartitionView is one partition.
type PartitionView struct {
	Leader                    int32 // -1 for none
	Replicas, InSync, Offline int
}

// Operations are the rights of a user on something, as its broker knows them.
type Operations int32

// unknownOperations is what brokers say that don't know.
const unknownOperations = Operations(math.MinInt32)

// The operations of Kafka's ACLs, by their number in the protocol.
var operationBits = map[string]int{"Read": 3, "Write": 4, "Create": 5, "Delete": 6, "Alter": 7, "Describe": 8, "DescribeConfigs": 10, "AlterConfigs": 11}

// Known says whether the broker told.
func (o Operations) Known() bool { return o != unknownOperations }

// Allow says whether an operation, as ACLs name it, is among them.
func (o Operations) Allow(operation string) bool {
	return o.Known() && o&(1<<operationBits[operation]) != 0
}

// View returns the cluster as one of its brokers sees it. Of the topics that are named it tells the rights, and why it does not know
// them.
func (c *Client) View(ctx context.Context, topics ...string) (*View, error) {
	res, err := ask[*topicsResponse](ctx, c, &topicsRequest{metadata.Request{IncludeClusterAuthorizedOperations: true}})
	if err != nil {
		return nil, named("look at the cluster", err)
	}
	v := &View{ID: res.ClusterID, Controller: res.ControllerID, Rights: Operations(res.ClusterAuthorizedOperations), Topics: map[string]TopicView{}}
	for _, b := range res.Brokers {
		v.Brokers = append(v.Brokers, BrokerView{ID: b.NodeID, Addr: net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port))), Rack: b.Rack})
	}
	for i := range res.Topics {
		v.Topics[res.Topics[i].Name] = topicView(&res.Topics[i])
	}
	if len(topics) == 0 {
		return v, nil
	}
	res, err = ask[*topicsResponse](ctx, c, &topicsRequest{metadata.Request{TopicNames: topics, IncludeTopicAuthorizedOperations: true}})
	if err != nil {
		return nil, named("look at topics", err)
	}
	for i := range res.Topics {
		v.Topics[res.Topics[i].Name] = topicView(&res.Topics[i])
	}
	return v, nil
}

func topicView(t *metadata.ResponseTopic) TopicView {
	v := TopicView{Internal: t.IsInternal, Rights: Operations(t.TopicAuthorizedOperations)}
	switch err := check(t.ErrorCode); {
	case errors.Is(err, kafka.UnknownTopicOrPartition):
		v.Err = missing(t.Name)
	case err != nil:
		v.Err = topicError(t.Name, "Describe", err)
	}
	for _, p := range t.Partitions {
		v.Partitions = append(v.Partitions, PartitionView{Leader: p.LeaderID, Replicas: len(p.ReplicaNodes), InSync: len(p.IsrNodes), Offline: len(p.OfflineReplicas)})
	}
	return v
}

// Probe is how one broker answers.
type Probe struct {
	// RoundTrip is the time of a request on a connection that is there.
	RoundTrip time.Duration
	// Lacks names requests that this client needs and the broker does not take in a version that both know.
	Lacks []string
	// Certificates are the broker's, its own first, where connections are encrypted.
	Certificates []*x509.Certificate
}

// versions are the requests that a pipeline needs, with the versions that this client sends.
var versions = []struct {
	name     string
	key      int16
	min, max int16
}{
	{"Produce", 0, 3, 8}, {"Fetch", 1, 11, 11}, {"ListOffsets", 2, 4, 5}, {"Metadata", 3, 1, 8}, {"OffsetCommit", 8, 0, 7}, {"OffsetFetch", 9, 7, 7},
	{"FindCoordinator", 10, 0, 2}, {"JoinGroup", 11, 0, 7}, {"Heartbeat", 12, 0, 4}, {"LeaveGroup", 13, 0, 4}, {"SyncGroup", 14, 0, 5},
	{"CreateTopics", 19, 0, 5}, {"InitProducerId", 22, 0, 4}, {"AddPartitionsToTxn", 24, 0, 3}, {"AddOffsetsToTxn", 25, 0, 3}, {"EndTxn", 26, 0, 3},
	{"TxnOffsetCommit", 28, 0, 3}, {"DescribeConfigs", 32, 0, 3},
}

// Probe connects to one broker, by its address, and asks it what it understands.
func (c *Client) Probe(ctx context.Context, addr string) (*Probe, error) {
	cfg := c.cfg
	cfg.Bootstrap = []string{addr}
	alone, err := Open(cfg)
	if err != nil {
		return nil, err
	}
	defer alone.Close()
	if _, err := ask[*apiversions.Response](ctx, alone, &apiversions.Request{}); err != nil {
		return nil, named("connect to "+addr, err)
	}
	p, start := &Probe{}, time.Now()
	res, err := ask[*apiversions.Response](ctx, alone, &apiversions.Request{})
	if err == nil {
		err = check(res.ErrorCode)
	}
	if err != nil {
		return nil, named("ask "+addr+" for what it understands", err)
	}
	p.RoundTrip = time.Since(start)
	offered := map[int16]apiversions.ApiKeyResponse{}
	for _, k := range res.ApiKeys {
		offered[k.ApiKey] = k
	}
	for _, v := range versions {
		if o, ok := offered[v.key]; !ok || o.MaxVersion < v.min || o.MinVersion > v.max {
			p.Lacks = append(p.Lacks, fmt.Sprintf("%s v%d to v%d", v.name, v.min, v.max))
		}
	}
	if c.cfg.TLS != nil {
		p.Certificates, err = c.certificates(ctx, addr)
	}
	return p, err
}

// certificates returns those that a broker shows.
func (c *Client) certificates(ctx context.Context, addr string) ([]*x509.Certificate, error) {
	conn, err := (&tls.Dialer{Config: c.cfg.TLS}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, named("connect to "+addr, err)
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates, nil
}

// TopicSettings returns the settings of topics, by topic and Kafka's name for it. It needs the right DescribeConfigs.
func (c *Client) TopicSettings(ctx context.Context, topics ...string) (map[string]map[string]string, error) {
	req := &describeconfigs.Request{}
	for _, t := range topics {
		req.Resources = append(req.Resources, describeconfigs.RequestResource{ResourceType: topicResource, ResourceName: t})
	}
	res, err := ask[*describeconfigs.Response](ctx, c, req)
	if err != nil {
		return nil, named("read the settings of topics", err)
	}
	out := map[string]map[string]string{}
	for _, r := range res.Resources {
		if check(r.ErrorCode) == nil {
			out[r.ResourceName] = settingsOf(&r)
		}
	}
	return out, nil
}

// BrokerSettings returns the settings of a broker. It needs the right DescribeConfigs on the cluster.
func (c *Client) BrokerSettings(ctx context.Context, id int32) (map[string]string, error) {
	const brokerResource = 4
	res, err := ask[*describeconfigs.Response](ctx, c, &describeconfigs.Request{
		Resources: []describeconfigs.RequestResource{{ResourceType: brokerResource, ResourceName: strconv.Itoa(int(id))}},
	})
	if err != nil {
		return nil, named("read the settings of a broker", err)
	}
	if len(res.Resources) == 0 {
		return nil, pipeline.Errorf("kafka.broker.settings", "BUG: broker %d was asked for its settings and said nothing", id)
	}
	if err := check(res.Resources[0].ErrorCode); err != nil {
		return nil, named("read the settings of a broker", err)
	}
	return settingsOf(&res.Resources[0]), nil
}

func settingsOf(r *describeconfigs.ResponseResource) map[string]string {
	out := make(map[string]string, len(r.ConfigEntries))
	for _, e := range r.ConfigEntries {
		out[e.ConfigName] = e.ConfigValue
	}
	return out
}

// GroupView is a consumer group.
type GroupView struct {
	// State is Kafka's word: Stable, Empty, Dead (there is none), PreparingRebalance or CompletingRebalance.
	State   string
	Members []MemberView
	Rights  Operations
}

// MemberView is a member of a group.
type MemberView struct{ Client, Host string }

// Group looks at a consumer group.
func (c *Client) Group(ctx context.Context, group string) (v GroupView, err error) {
	err = c.calmly(ctx, "look at group "+group, func(ctx context.Context) error {
		res, err := ask[*describegroups.Response](ctx, c, &describegroups.Request{Groups: []string{group}, IncludeAuthorizedOperations: true})
		if err != nil {
			return err
		}
		for _, g := range res.Groups {
			v = GroupView{State: g.GroupState, Rights: Operations(g.AuthorizedOperations)}
			for _, m := range g.Members {
				v.Members = append(v.Members, MemberView{Client: m.ClientID, Host: m.ClientHost})
			}
			if err := check(g.ErrorCode); err != nil && !errors.Is(err, kafka.GroupIdNotFound) {
				return positionError(group, "", err)
			}
		}
		return nil
	})
	return v, err
}

// Positions returns a group's positions as they are now, -1 where there is none. Other than Committed it does not wait for pending
// transactions, and ends none.
func (c *Client) Positions(ctx context.Context, group string, partitions []TopicPartition) (map[TopicPartition]int64, error) {
	req := &offsetFetchRequest{GroupID: group}
	for _, tp := range partitions {
		n := len(req.Topics)
		if n == 0 || req.Topics[n-1].Name != tp.Topic {
			req.Topics = append(req.Topics, offsetFetchRequestTopic{Name: tp.Topic})
			n++
		}
		req.Topics[n-1].PartitionIndexes = append(req.Topics[n-1].PartitionIndexes, tp.Partition)
	}
	var found map[TopicPartition]offsetFetchResponsePartition
	err := c.calmly(ctx, "read the positions of group "+group, func(ctx context.Context) (err error) {
		found, err = c.stablePositions(ctx, req, len(partitions))
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make(map[TopicPartition]int64, len(found))
	for tp, p := range found {
		out[tp] = max(p.CommittedOffset, -1)
	}
	return out, nil
}

// MayTransact says whether this user may see the state of a transactional id, which whoever may write under it also may: an error of
// kafka.access is a right that is missing for certain.
func (c *Client) MayTransact(ctx context.Context, id string) error {
	const transactionKey = 1
	return c.calmly(ctx, "look for the coordinator of transactional id "+id, func(ctx context.Context) error {
		res, err := ask[*findcoordinator.Response](ctx, c, &findcoordinator.Request{Key: id, KeyType: transactionKey})
		if err == nil {
			err = check(res.ErrorCode)
		}
		return cmp.Or(withheld(err, rights{transaction: id}), err)
	})
}

// MayCreate asks the cluster to check that it would make a topic, and to make none.
func (c *Client) MayCreate(ctx context.Context, t Topic) error {
	rt := createtopics.RequestTopic{Name: t.Name, NumPartitions: int32(t.Partitions), ReplicationFactor: -1}
	for name, value := range t.Settings {
		rt.Configs = append(rt.Configs, createtopics.RequestConfig{Name: name, Value: value})
	}
	res, err := ask[*createResponse](ctx, c, &createRequest{createtopics.Request{TimeoutMs: int32(c.cfg.RequestTimeout.Milliseconds()), ValidateOnly: true, Topics: []createtopics.RequestTopic{rt}}})
	if err != nil {
		return named("ask whether topic "+t.Name+" could be made", err)
	}
	for _, r := range res.Topics {
		err := check(r.ErrorCode)
		if out := withheld(err, rights{operation: "Create", topic: t.Name}); out != nil {
			return out
		}
		if err != nil && !errors.Is(err, kafka.TopicAlreadyExists) {
			return pipeline.Errorf("kafka.topic.create.checked", "topic %s with %d partitions and settings %v would not be made: %s: %w", t.Name, t.Partitions, t.Settings, r.ErrorMessage, err)
		}
	}
	return nil
}

// TryTransaction opens and ends an empty transaction under an id of its own. It is the one thing here that leaves a trace: the id
// stays in the brokers' state of transactions for a while.
func (c *Client) TryTransaction(ctx context.Context, id string) error {
	return c.calmly(ctx, "begin a transaction", func(ctx context.Context) error {
		err := c.endTransaction(ctx, id)
		return cmp.Or(withheld(err, rights{transaction: id}), err)
	})
}

// LongestTransaction is how long a transaction of a pipeline may be open; transaction.max.timeout.ms of the brokers must not be less.
const LongestTransaction = longestTransaction

// DefaultBatchBytes is the default of Config.MaxBatchBytes.
const DefaultBatchBytes = 1048588

// SameSetting says whether two values of a topic's setting mean the same.
func SameSetting(a, b string) bool { return sameSetting(a, b) }
