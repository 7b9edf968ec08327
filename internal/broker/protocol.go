package broker

import (
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/createtopics"
	"github.com/segmentio/kafka-go/protocol/metadata"
	"github.com/segmentio/kafka-go/protocol/produce"
)

// ownProduce tells our produce request from kafka-go's two.
const ownProduce protocol.OverrideTypeKey = 100

// The layout of a message is its fields' order and tags, as in the protocol guide of Apache Kafka.
func init() {
	protocol.Register(&fetchRequest{}, &fetchResponse{})
	protocol.Register(&listOffsetsRequest{}, &listOffsetsResponse{})
	protocol.Register(&offsetFetchRequest{}, &offsetFetchResponse{})
	protocol.RegisterOverride(&produceRequest{}, &produce.Response{}, ownProduce)
}

// route sends a message to one broker: we know the leaders (see topology), the transport only knows the brokers.
type route int32

func (r route) Broker(protocol.Cluster) (protocol.Broker, error) {
	return protocol.Broker{ID: int32(r)}, nil
}

// fetchRequest is Fetch v11: the last version with topic names.
type fetchRequest struct {
	ReplicaID       int32                   `kafka:"min=v11,max=v11"`
	MaxWaitTime     int32                   `kafka:"min=v11,max=v11"`
	MinBytes        int32                   `kafka:"min=v11,max=v11"`
	MaxBytes        int32                   `kafka:"min=v11,max=v11"`
	IsolationLevel  int8                    `kafka:"min=v11,max=v11"`
	SessionID       int32                   `kafka:"min=v11,max=v11"`
	SessionEpoch    int32                   `kafka:"min=v11,max=v11"`
	Topics          []fetchRequestTopic     `kafka:"min=v11,max=v11"`
	ForgottenTopics []fetchRequestForgotten `kafka:"min=v11,max=v11"`
	RackID          string                  `kafka:"min=v11,max=v11"`
	route
}

type fetchRequestTopic struct {
	Topic      string                  `kafka:"min=v11,max=v11"`
	Partitions []fetchRequestPartition `kafka:"min=v11,max=v11"`
}

type fetchRequestPartition struct {
	Partition          int32 `kafka:"min=v11,max=v11"`
	CurrentLeaderEpoch int32 `kafka:"min=v11,max=v11"`
	FetchOffset        int64 `kafka:"min=v11,max=v11"`
	LogStartOffset     int64 `kafka:"min=v11,max=v11"`
	PartitionMaxBytes  int32 `kafka:"min=v11,max=v11"`
}

type fetchRequestForgotten struct {
	Topic      string  `kafka:"min=v11,max=v11"`
	Partitions []int32 `kafka:"min=v11,max=v11"`
}

func (*fetchRequest) ApiKey() protocol.ApiKey { return protocol.Fetch }

type fetchResponse struct {
	ThrottleTimeMs int32                `kafka:"min=v11,max=v11"`
	ErrorCode      int16                `kafka:"min=v11,max=v11"`
	SessionID      int32                `kafka:"min=v11,max=v11"`
	Topics         []fetchResponseTopic `kafka:"min=v11,max=v11"`
}

type fetchResponseTopic struct {
	Topic      string                   `kafka:"min=v11,max=v11"`
	Partitions []fetchResponsePartition `kafka:"min=v11,max=v11"`
}

type fetchResponsePartition struct {
	Partition            int32                `kafka:"min=v11,max=v11"`
	ErrorCode            int16                `kafka:"min=v11,max=v11"`
	HighWatermark        int64                `kafka:"min=v11,max=v11"`
	LastStableOffset     int64                `kafka:"min=v11,max=v11"`
	LogStartOffset       int64                `kafka:"min=v11,max=v11"`
	AbortedTransactions  []abortedTransaction `kafka:"min=v11,max=v11"`
	PreferredReadReplica int32                `kafka:"min=v11,max=v11"`
	RecordSet            rawBatches           `kafka:"min=v11,max=v11"`
}

type abortedTransaction struct {
	ProducerID  int64 `kafka:"min=v11,max=v11"`
	FirstOffset int64 `kafka:"min=v11,max=v11"`
}

func (*fetchResponse) ApiKey() protocol.ApiKey { return protocol.Fetch }

// produceRequest is Produce v8 with the batches as bytes: at most one batch a partition.
type produceRequest struct {
	TransactionalID string                `kafka:"min=v3,max=v8,nullable"`
	Acks            int16                 `kafka:"min=v3,max=v8"`
	Timeout         int32                 `kafka:"min=v3,max=v8"`
	Topics          []produceRequestTopic `kafka:"min=v3,max=v8"`
	route
}

type produceRequestTopic struct {
	Topic      string                    `kafka:"min=v3,max=v8"`
	Partitions []produceRequestPartition `kafka:"min=v3,max=v8"`
}

type produceRequestPartition struct {
	Partition int32  `kafka:"min=v3,max=v8"`
	Batch     []byte `kafka:"min=v3,max=v8"`
}

func (*produceRequest) ApiKey() protocol.ApiKey           { return protocol.Produce }
func (*produceRequest) TypeKey() protocol.OverrideTypeKey { return ownProduce }

// listOffsetsRequest asks one broker for many partitions, where kafka-go sends a request for each.
type listOffsetsRequest struct {
	ReplicaID      int32                     `kafka:"min=v4,max=v5"`
	IsolationLevel int8                      `kafka:"min=v4,max=v5"`
	Topics         []listOffsetsRequestTopic `kafka:"min=v4,max=v5"`
	route
}

type listOffsetsRequestTopic struct {
	Topic      string                        `kafka:"min=v4,max=v5"`
	Partitions []listOffsetsRequestPartition `kafka:"min=v4,max=v5"`
}

type listOffsetsRequestPartition struct {
	Partition          int32 `kafka:"min=v4,max=v5"`
	CurrentLeaderEpoch int32 `kafka:"min=v4,max=v5"`
	Timestamp          int64 `kafka:"min=v4,max=v5"`
}

func (*listOffsetsRequest) ApiKey() protocol.ApiKey { return protocol.ListOffsets }

type listOffsetsResponse struct {
	ThrottleTimeMs int32                      `kafka:"min=v4,max=v5"`
	Topics         []listOffsetsResponseTopic `kafka:"min=v4,max=v5"`
}

type listOffsetsResponseTopic struct {
	Topic      string                         `kafka:"min=v4,max=v5"`
	Partitions []listOffsetsResponsePartition `kafka:"min=v4,max=v5"`
}

type listOffsetsResponsePartition struct {
	Partition   int32 `kafka:"min=v4,max=v5"`
	ErrorCode   int16 `kafka:"min=v4,max=v5"`
	Timestamp   int64 `kafka:"min=v4,max=v5"`
	Offset      int64 `kafka:"min=v4,max=v5"`
	LeaderEpoch int32 `kafka:"min=v4,max=v5"`
}

func (*listOffsetsResponse) ApiKey() protocol.ApiKey { return protocol.ListOffsets }

// offsetFetchRequest is OffsetFetch v7: the first version that can ask for stable offsets.
type offsetFetchRequest struct {
	_ struct{} `kafka:"min=v7,max=v7,tag"`

	GroupID       string                    `kafka:"min=v7,max=v7,compact"`
	Topics        []offsetFetchRequestTopic `kafka:"min=v7,max=v7"`
	RequireStable bool                      `kafka:"min=v7,max=v7"`
}

type offsetFetchRequestTopic struct {
	_ struct{} `kafka:"min=v7,max=v7,tag"`

	Name             string  `kafka:"min=v7,max=v7,compact"`
	PartitionIndexes []int32 `kafka:"min=v7,max=v7"`
}

func (*offsetFetchRequest) ApiKey() protocol.ApiKey { return protocol.OffsetFetch }

// Group routes the request to the group's coordinator.
func (r *offsetFetchRequest) Group() string { return r.GroupID }

type offsetFetchResponse struct {
	_ struct{} `kafka:"min=v7,max=v7,tag"`

	ThrottleTimeMs int32                      `kafka:"min=v7,max=v7"`
	Topics         []offsetFetchResponseTopic `kafka:"min=v7,max=v7"`
	ErrorCode      int16                      `kafka:"min=v7,max=v7"`
}

type offsetFetchResponseTopic struct {
	_ struct{} `kafka:"min=v7,max=v7,tag"`

	Name       string                         `kafka:"min=v7,max=v7,compact"`
	Partitions []offsetFetchResponsePartition `kafka:"min=v7,max=v7"`
}

type offsetFetchResponsePartition struct {
	_ struct{} `kafka:"min=v7,max=v7,tag"`

	PartitionIndex       int32  `kafka:"min=v7,max=v7"`
	CommittedOffset      int64  `kafka:"min=v7,max=v7"`
	CommittedLeaderEpoch int32  `kafka:"min=v7,max=v7"`
	Metadata             string `kafka:"min=v7,max=v7,compact,nullable"`
	ErrorCode            int16  `kafka:"min=v7,max=v7"`
}

func (*offsetFetchResponse) ApiKey() protocol.ApiKey { return protocol.OffsetFetch }

// topicsRequest is a Metadata request that goes to a broker: kafka-go's transport answers its own from a cache of
// random age. It is one that splits into a single request, so that the answer passes the transport unseen.
type topicsRequest struct{ metadata.Request }

func (r *topicsRequest) Split(protocol.Cluster) ([]protocol.Message, protocol.Merger, error) {
	return []protocol.Message{&r.Request}, new(topicsResponse), nil
}

type topicsResponse struct{ *metadata.Response }

func (r *topicsResponse) Merge(_ []protocol.Message, results []any) (protocol.Message, error) {
	m, err := protocol.Result(results[0])
	if err != nil {
		return nil, err
	}
	r.Response = m.(*metadata.Response)
	return r, nil
}

// createRequest is a CreateTopics request after which the transport does not wait for its cache to know the topics,
// which it never does: ours is asked for brokers only.
type createRequest struct{ createtopics.Request }

func (r *createRequest) Split(protocol.Cluster) ([]protocol.Message, protocol.Merger, error) {
	return []protocol.Message{&r.Request}, new(createResponse), nil
}

type createResponse struct{ *createtopics.Response }

func (r *createResponse) Merge(_ []protocol.Message, results []any) (protocol.Message, error) {
	m, err := protocol.Result(results[0])
	if err != nil {
		return nil, err
	}
	r.Response = m.(*createtopics.Response)
	return r, nil
}
