package broker

import (
	"context"
	"errors"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/offsetcommit"

	"github.com/homeostat/homeostat/pipeline"
)

// CommitOffsets moves a group's positions outside of a transaction, for brokers without transactions: what was produced
// before may be there twice after a crash. Transient errors are repeated inside, for as long as ctx allows; a generation
// that ended is a *LostGroupError.
func (c *Client) CommitOffsets(ctx context.Context, s Share) error {
	shares, err := UsedShares([]Share{s})
	if err != nil || len(shares) == 0 {
		return err
	}
	req := &offsetcommit.Request{GroupID: s.Generation.Group, GenerationID: s.Generation.ID, MemberID: s.Generation.Member, RetentionTimeMs: -1}
	index := map[string]int{}
	for tp, offset := range s.Offsets {
		i, ok := index[tp.Topic]
		if !ok {
			i = len(req.Topics)
			index[tp.Topic] = i
			req.Topics = append(req.Topics, offsetcommit.RequestTopic{Name: tp.Topic})
		}
		req.Topics[i].Partitions = append(req.Topics[i].Partitions, offsetcommit.RequestPartition{PartitionIndex: tp.Partition, CommittedOffset: offset, CommittedLeaderEpoch: -1})
	}
	pause := backoff{first: 5 * time.Millisecond, longest: 500 * time.Millisecond}
	return c.repeat(ctx, "commit the positions of group "+s.Generation.Group, pause, transient, func(ctx context.Context) error {
		res, err := ask[*offsetcommit.Response](ctx, c, req)
		if err != nil {
			return err
		}
		for _, t := range res.Topics {
			for _, p := range t.Partitions {
				if err := check(p.ErrorCode); err != nil {
					return positionRefused(s.Generation.Group, t.Name, err)
				}
			}
		}
		return nil
	})
}

// positionRefused sorts out what a broker answers to a commit of positions.
func positionRefused(group, topic string, err error) error {
	if refused(err) {
		return err
	}
	if out := withheld(err, rights{operation: "Read", topic: topic, group: group}); out != nil {
		return out
	}
	for _, code := range []kafka.Error{kafka.IllegalGeneration, kafka.UnknownMemberId, kafka.RebalanceInProgress} {
		if errors.Is(err, code) {
			return &LostGroupError{Group: group, Err: err}
		}
	}
	return pipeline.Errorf("kafka.position.commit", "positions of group %s cannot be committed: %w", group, err)
}
