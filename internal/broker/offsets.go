package broker

import (
	"context"
	"errors"
	"time"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/initproducerid"
)

// Bounds are the offsets that a partition holds.
type Bounds struct {
	// Start is the first offset that is still there; End the one behind the last (high watermark).
	Start, End int64
	// Stable is the end for a reader of committed records: the start of the oldest pending transaction, or End.
	Stable int64
}

// The times that ListOffsets understands as ends.
const (
	latest   = -1
	earliest = -2
)

// Bounds returns the bounds of partitions, as they are now.
func (c *Client) Bounds(ctx context.Context, partitions []TopicPartition) (map[TopicPartition]Bounds, error) {
	ctx, cancel := c.limited(ctx)
	defer cancel()
	bounds := make(map[TopicPartition]Bounds, len(partitions))
	patience := backoff{first: 10 * time.Millisecond, longest: 500 * time.Millisecond}
	err := c.repeat(ctx, "read the bounds of partitions", patience, transient, func(ctx context.Context) error {
		starts, err := c.listOffsets(ctx, partitions, earliest, false)
		if err != nil {
			return err
		}
		// Stable before End, so that Stable <= End also while records arrive.
		stables, err := c.listOffsets(ctx, partitions, latest, true)
		if err != nil {
			return err
		}
		ends, err := c.listOffsets(ctx, partitions, latest, false)
		if err != nil {
			return err
		}
		for _, tp := range partitions {
			bounds[tp] = Bounds{Start: starts[tp], End: ends[tp], Stable: stables[tp]}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return bounds, nil
}

// listOffsets asks each leader once for the offsets of a time.
func (c *Client) listOffsets(ctx context.Context, partitions []TopicPartition, at int64, committed bool) (map[TopicPartition]int64, error) {
	byLeader := map[int32]*listOffsetsRequest{}
	for _, tp := range partitions {
		l, err := c.leader(ctx, tp)
		if err != nil {
			return nil, err
		}
		req := byLeader[l]
		if req == nil {
			req = &listOffsetsRequest{ReplicaID: -1, route: route(l)}
			if committed {
				req.IsolationLevel = 1
			}
			byLeader[l] = req
		}
		n := len(req.Topics)
		if n == 0 || req.Topics[n-1].Topic != tp.Topic {
			req.Topics = append(req.Topics, listOffsetsRequestTopic{Topic: tp.Topic})
			n++
		}
		req.Topics[n-1].Partitions = append(req.Topics[n-1].Partitions, listOffsetsRequestPartition{Partition: tp.Partition, CurrentLeaderEpoch: -1, Timestamp: at})
	}
	offsets := make(map[TopicPartition]int64, len(partitions))
	for _, req := range byLeader {
		res, err := ask[*listOffsetsResponse](ctx, c, req)
		if err != nil {
			for _, t := range req.Topics {
				c.forget(t.Topic)
			}
			return nil, err
		}
		for _, t := range res.Topics {
			for _, p := range t.Partitions {
				if err := check(p.ErrorCode); err != nil {
					c.forget(t.Topic)
					if err == kafka.UnknownTopicOrPartition {
						return nil, kafka.LeaderNotAvailable // the next try asks for the leader and tells if it is missing
					}
					return nil, topicError(t.Topic, "Describe", err)
				}
				offsets[TopicPartition{Topic: t.Topic, Partition: p.Partition}] = p.Offset
			}
		}
	}
	for _, tp := range partitions {
		if _, ok := offsets[tp]; !ok {
			return nil, kafka.LeaderNotAvailable
		}
	}
	return offsets, nil
}

// Committed returns a group's positions, -1 where there is none. It waits while a transaction that may move one of them
// is pending, so what it returns is final. When that takes more than a second, the owner of the position is taken for dead:
// its transaction is ended by taking its transactional id over, which stands in the commit's metadata; an owner that
// lives takes it back. Otherwise it would be blocked until the transaction times out. ctx bounds the wait.
func (c *Client) Committed(ctx context.Context, group string, partitions []TopicPartition) (map[TopicPartition]int64, error) {
	found, err := c.stable(ctx, group, partitions)
	if err != nil {
		return nil, err
	}
	positions := make(map[TopicPartition]int64, len(found))
	for tp, p := range found {
		positions[tp] = max(p.CommittedOffset, -1)
	}
	return positions, nil
}

// Notes returns what the last commit of each position noted (Share.Note). It waits as Committed does.
func (c *Client) Notes(ctx context.Context, group string, partitions []TopicPartition) (map[TopicPartition]string, error) {
	found, err := c.stable(ctx, group, partitions)
	if err != nil {
		return nil, err
	}
	notes := make(map[TopicPartition]string, len(found))
	for tp, p := range found {
		_, notes[tp] = readMetadata(p.Metadata)
	}
	return notes, nil
}

// Owners returns the transactional id of who committed each position last, "" where that was no transaction. It waits as Committed does.
func (c *Client) Owners(ctx context.Context, group string, partitions []TopicPartition) (map[TopicPartition]string, error) {
	found, err := c.stable(ctx, group, partitions)
	if err != nil {
		return nil, err
	}
	owners := make(map[TopicPartition]string, len(found))
	for tp, p := range found {
		owners[tp], _ = readMetadata(p.Metadata)
	}
	return owners, nil
}

// EndTransactions ends the transactions that writers have open, by taking their transactional ids over; one that lives takes its
// id back and repeats what it had open. ctx bounds the wait.
func (c *Client) EndTransactions(ctx context.Context, ids []string) error {
	for _, id := range ids {
		patience := backoff{first: 20 * time.Millisecond, longest: 200 * time.Millisecond}
		if err := c.repeat(ctx, "end the transaction of "+id, patience, transient, func(ctx context.Context) error { return c.endTransaction(ctx, id) }); err != nil {
			return err
		}
	}
	return nil
}

func (c *Client) endTransaction(ctx context.Context, id string) error {
	answer, err := ask[*initproducerid.Response](ctx, c, &initproducerid.Request{
		TransactionalID: id, TransactionTimeoutMs: int32(longestTransaction.Milliseconds()), ProducerID: -1, ProducerEpoch: -1,
	})
	if err != nil {
		return err
	}
	return check(answer.ErrorCode)
}

// stable returns a group's positions once no pending transaction may move them.
func (c *Client) stable(ctx context.Context, group string, partitions []TopicPartition) (map[TopicPartition]offsetFetchResponsePartition, error) {
	req := &offsetFetchRequest{GroupID: group, RequireStable: true}
	index, asked := map[string]int{}, map[TopicPartition]bool{}
	for _, tp := range partitions {
		if asked[tp] {
			continue
		}
		asked[tp] = true
		i, ok := index[tp.Topic]
		if !ok {
			i = len(req.Topics)
			index[tp.Topic] = i
			req.Topics = append(req.Topics, offsetFetchRequestTopic{Name: tp.Topic})
		}
		req.Topics[i].PartitionIndexes = append(req.Topics[i].PartitionIndexes, tp.Partition)
	}
	if len(partitions) == 0 {
		return map[TopicPartition]offsetFetchResponsePartition{}, nil
	}
	var positions map[TopicPartition]offsetFetchResponsePartition
	patience := backoff{first: 2 * time.Millisecond, longest: 200 * time.Millisecond}
	start, ended := time.Now(), map[string]bool{}
	err := c.repeat(ctx, "read the stable positions of group "+group, patience, transient, func(ctx context.Context) error {
		var err error
		positions, err = c.stablePositions(ctx, req, len(asked))
		if errors.Is(err, kafka.UnstableOffsetCommit) && time.Since(start) > deadAfter {
			c.endOwners(ctx, req, ended)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return positions, nil
}

// deadAfter is how long a transaction may keep a new owner waiting before its writer is taken for dead. A commit takes some
// milliseconds.
const deadAfter = time.Second

// endOwners ends the transactions that those have open who committed the positions last. Each is ended once.
func (c *Client) endOwners(ctx context.Context, req *offsetFetchRequest, ended map[string]bool) {
	plain := *req
	plain.RequireStable = false
	res, err := ask[*offsetFetchResponse](ctx, c, &plain)
	if err != nil {
		return // the next attempt asks again
	}
	for _, t := range res.Topics {
		for _, p := range t.Partitions {
			id, _ := readMetadata(p.Metadata)
			if id == "" || ended[id] || p.ErrorCode != 0 {
				continue
			}
			ended[id] = true
			c.log.Warn("kafka: a position is held up by an open transaction, which is ended in its writer's place", "group", req.GroupID, "writer", id)
			if err := c.endTransaction(ctx, id); err != nil {
				ended[id] = !transient(err)
			}
		}
	}
}

func (c *Client) stablePositions(ctx context.Context, req *offsetFetchRequest, n int) (map[TopicPartition]offsetFetchResponsePartition, error) {
	res, err := ask[*offsetFetchResponse](ctx, c, req)
	if err != nil {
		return nil, err
	}
	if err := check(res.ErrorCode); err != nil && !errors.Is(err, kafka.GroupIdNotFound) {
		return nil, positionError(req.GroupID, "", err)
	}
	positions := make(map[TopicPartition]offsetFetchResponsePartition, n)
	for _, t := range res.Topics {
		for _, p := range t.Partitions {
			if err := check(p.ErrorCode); err != nil {
				return nil, positionError(req.GroupID, t.Name, err)
			}
			positions[TopicPartition{Topic: t.Name, Partition: p.PartitionIndex}] = p
		}
	}
	if res.ErrorCode != 0 { // a group that nobody has joined yet
		for _, t := range req.Topics {
			for _, p := range t.PartitionIndexes {
				positions[TopicPartition{Topic: t.Name, Partition: p}] = offsetFetchResponsePartition{PartitionIndex: p, CommittedOffset: -1}
			}
		}
	}
	if len(positions) != n {
		return nil, pipeline.Errorf("kafka.group.positions", "BUG: group %s: %d positions were asked for, %d came", req.GroupID, n, len(positions))
	}
	return positions, nil
}

func positionError(group, topic string, err error) error {
	if transient(err) {
		return err
	}
	if out := withheld(err, rights{operation: "Read", topic: topic, group: group}); out != nil {
		return out
	}
	return pipeline.Errorf("kafka.group.positions", "the positions of group %s cannot be read: %w", group, err)
}
