package broker

import (
	"context"
	"time"
)

// Cluster is what the engine needs of Kafka. [Client.Cluster] is the real one; internal/broker/simulated has one with a
// virtual clock and Apache Kafka's ways, for schedules that no real cluster would show twice.
type Cluster interface {
	// EnsureTopics, Partitions, Bounds, Committed, Notes, Owners, EndTransactions, Produce and CommitOffsets are as Client has them.
	EnsureTopics(ctx context.Context, topics []Topic) error
	Partitions(ctx context.Context, topic string) (int, error)
	Bounds(ctx context.Context, partitions []TopicPartition) (map[TopicPartition]Bounds, error)
	Committed(ctx context.Context, group string, partitions []TopicPartition) (map[TopicPartition]int64, error)
	Notes(ctx context.Context, group string, partitions []TopicPartition) (map[TopicPartition]string, error)
	Owners(ctx context.Context, group string, partitions []TopicPartition) (map[TopicPartition]string, error)
	EndTransactions(ctx context.Context, ids []string) error
	Produce(ctx context.Context, messages []Message) error
	CommitOffsets(ctx context.Context, s Share) error
	// JoinGroup is Client.JoinGroup, NewReader is Client.NewFetcher, NewWriter is Client.NewTransactor.
	JoinGroup(cfg GroupConfig) (Member, error)
	NewReader(cfg FetchConfig) Reader
	NewWriter(ctx context.Context, cfg TransactorConfig) (Writer, error)
	// Unreachable is Client.Unreachable.
	Unreachable() (time.Duration, error)
}

// Member is a membership of a group; a *Group is one.
type Member interface {
	Next(ctx context.Context) (*Generation, error)
	Close()
}

// Reader reads partitions; a *Fetcher is one.
type Reader interface {
	Assign(tp TopicPartition, offset int64)
	Remove(tp TopicPartition)
	Pause(tp TopicPartition)
	Resume(tp TopicPartition)
	Poll(ctx context.Context) ([]Chunk, error)
	Close()
}

// Writer writes transactions; a *Transactor is one.
type Writer interface {
	Commit(ctx context.Context, outputs []Message, shares []Share) error
}

// Cluster returns the client as the engine sees it.
func (c *Client) Cluster() Cluster { return clientCluster{c} }

type clientCluster struct{ *Client }

func (c clientCluster) JoinGroup(cfg GroupConfig) (Member, error) { return c.Client.JoinGroup(cfg) }

func (c clientCluster) NewReader(cfg FetchConfig) Reader { return c.NewFetcher(cfg) }

func (c clientCluster) NewWriter(ctx context.Context, cfg TransactorConfig) (Writer, error) {
	return c.NewTransactor(ctx, cfg)
}

// NewGeneration makes a generation for a Member other than a *Group. end ends it, as a rebalance does; over is closed
// once its owner has released it.
func NewGeneration(group string, id int32, member string, assigned []TopicPartition) (g *Generation, end func(), over <-chan struct{}) {
	g = &Generation{Group: group, ID: id, Member: member, Assigned: assigned, done: make(chan struct{}), released: make(chan struct{})}
	return g, func() { close(g.done) }, g.released
}
