package broker

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/addoffsetstotxn"
	"github.com/segmentio/kafka-go/protocol/addpartitionstotxn"
	"github.com/segmentio/kafka-go/protocol/endtxn"
	"github.com/segmentio/kafka-go/protocol/initproducerid"
	"github.com/segmentio/kafka-go/protocol/txnoffsetcommit"
)

// The steps of one transaction. A refusal is repeated within a step; a request without an answer is not, since it may
// still arrive, within the next transaction even: then a new epoch makes it worthless.

// newTopicLimit is how long a topic may be unknown to a coordinator: brokers learn of new topics one by one.
const newTopicLimit = 5 * time.Second

// stepPause is short at first: a transaction that follows another waits for its markers, some milliseconds.
func stepPause() backoff { return backoff{first: time.Millisecond, longest: 50 * time.Millisecond} }

func (t *Transactor) step(ctx context.Context, what string, try func(context.Context) error) error {
	start := time.Now()
	worth := func(err error) bool {
		return refused(err) || unsent(err) || errors.Is(err, kafka.UnknownTopicOrPartition) && time.Since(start) < newTopicLimit
	}
	return t.client.repeat(ctx, what, stepPause(), worth, try)
}

// renew takes the transactional id over, with a new epoch: it aborts what is open and fences what is on its way.
func (t *Transactor) renew(ctx context.Context) error {
	t.ready = false
	return t.initialise(ctx, -1, -1)
}

// renewOwn does the same if nobody else has taken the id over since; otherwise the error is a fencing code.
func (t *Transactor) renewOwn(ctx context.Context) error {
	t.ready = false
	return t.initialise(ctx, t.producer.id, t.producer.epoch)
}

func (t *Transactor) initialise(ctx context.Context, id int64, epoch int16) error {
	pause := backoff{first: 2 * time.Millisecond, longest: 200 * time.Millisecond}
	return t.client.repeat(ctx, "start as the transactional writer "+t.cfg.TransactionalID, pause, transient, func(ctx context.Context) error {
		res, err := ask[*initproducerid.Response](ctx, t.client, &initproducerid.Request{
			TransactionalID: t.cfg.TransactionalID, TransactionTimeoutMs: int32(t.cfg.Timeout.Milliseconds()), ProducerID: id, ProducerEpoch: epoch,
		})
		if err == nil {
			err = check(res.ErrorCode)
		}
		switch {
		case err == nil:
			t.producer = producer{id: res.ProducerID, epoch: res.ProducerEpoch, inTransaction: true}
			t.sequences = map[TopicPartition]int32{}
			t.ready = true
			return nil
		case transient(err), fencing(err):
			return err
		}
		if out := withheld(err, rights{transaction: t.cfg.TransactionalID}); out != nil {
			return out
		}
		return pipeline.Errorf("kafka.transaction.init", "the broker refused the transactional id %s: %w", t.cfg.TransactionalID, err)
	})
}

func fencing(err error) bool {
	return errors.Is(err, kafka.ProducerFenced) || errors.Is(err, kafka.InvalidProducerEpoch)
}

func (t *Transactor) addPartitions(ctx context.Context, out *outgoing) error {
	req := &addpartitionstotxn.Request{TransactionalID: t.cfg.TransactionalID, ProducerID: t.producer.id, ProducerEpoch: t.producer.epoch}
	topics := map[string]int{}
	for _, p := range out.partitions {
		i, ok := topics[p.Topic]
		if !ok {
			i = len(req.Topics)
			topics[p.Topic] = i
			req.Topics = append(req.Topics, addpartitionstotxn.RequestTopic{Name: p.Topic})
		}
		req.Topics[i].Partitions = append(req.Topics[i].Partitions, p.Partition)
	}
	return t.step(ctx, "add partitions to a transaction", func(ctx context.Context) error {
		res, err := ask[*addpartitionstotxn.Response](ctx, t.client, req)
		if err != nil {
			return err
		}
		var first error
		for _, topic := range res.Results {
			for _, p := range topic.Results {
				err := check(p.ErrorCode)
				if errors.Is(err, notAttempted) && first != nil || err == nil {
					continue
				}
				if first == nil || errors.Is(first, notAttempted) {
					first = partitionError(TopicPartition{Topic: topic.Name, Partition: p.PartitionIndex}, rights{operation: "Write", transaction: t.cfg.TransactionalID}, err)
				}
			}
		}
		return first
	})
}

// notAttempted is what a broker answers for the partitions beside one that failed. kafka-go has another name for it.
const notAttempted = kafka.Error(55)

// partitionError names the partition that an answer's code is about, and the right if one is missing.
func partitionError(tp TopicPartition, r rights, err error) error {
	r.topic = tp.Topic
	if out := withheld(err, r); out != nil {
		return out
	}
	return pipeline.Errorf("kafka.transaction.partition", "topic %s partition %d: %w", tp.Topic, tp.Partition, err)
}

// send writes all batches. A batch that is repeated has the same sequence, so the broker stores it once.
func (t *Transactor) send(ctx context.Context, out *outgoing) error {
	sent := make([]int, len(out.partitions))
	stamp := func(p *outPartition) { stampBatch(p.batches[p.sent].bytes, t.producer, t.sequences[p.TopicPartition]) }
	for out.pending() {
		err := t.step(ctx, "write to Kafka", func(ctx context.Context) error {
			err := t.client.sendNext(ctx, out, t.cfg.TransactionalID, stamp)
			for i, p := range out.partitions {
				for ; sent[i] < p.sent; sent[i]++ {
					// Sequences go on at zero behind the largest one.
					t.sequences[p.TopicPartition] = int32((int64(t.sequences[p.TopicPartition]) + int64(p.counts[sent[i]])) & 0x7fffffff)
				}
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *Transactor) addOffsets(ctx context.Context, s Share) error {
	req := &addoffsetstotxn.Request{TransactionalID: t.cfg.TransactionalID, ProducerID: t.producer.id, ProducerEpoch: t.producer.epoch, GroupID: s.Generation.Group}
	return t.step(ctx, "add a group to a transaction", func(ctx context.Context) error {
		res, err := ask[*addoffsetstotxn.Response](ctx, t.client, req)
		if err != nil {
			return err
		}
		err = check(res.ErrorCode)
		if out := withheld(err, rights{group: s.Generation.Group, transaction: t.cfg.TransactionalID}); out != nil {
			return out
		}
		return err
	})
}

// commitOffsets hands a group's positions to its coordinator, which checks that the member and its generation are still
// those of the group.
func (t *Transactor) commitOffsets(ctx context.Context, s Share) error {
	req := &txnoffsetcommit.Request{
		TransactionalID: t.cfg.TransactionalID, GroupID: s.Generation.Group, ProducerID: t.producer.id, ProducerEpoch: t.producer.epoch,
		GenerationID: s.Generation.ID, MemberID: s.Generation.Member,
	}
	partitions := make([]TopicPartition, 0, len(s.Offsets))
	for tp := range s.Offsets {
		partitions = append(partitions, tp)
	}
	slices.SortFunc(partitions, func(a, b TopicPartition) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	for _, tp := range partitions {
		n := len(req.Topics)
		if n == 0 || req.Topics[n-1].Name != tp.Topic {
			req.Topics = append(req.Topics, txnoffsetcommit.RequestTopic{Name: tp.Topic})
			n++
		}
		req.Topics[n-1].Partitions = append(req.Topics[n-1].Partitions, txnoffsetcommit.RequestPartition{
			Partition: tp.Partition, CommittedOffset: s.Offsets[tp], CommittedLeaderEpoch: -1,
			CommittedMetadata: commitMetadata(t.cfg.TransactionalID, s.Note),
		})
	}
	needed := rights{operation: "Read", group: s.Generation.Group, transaction: t.cfg.TransactionalID}
	return t.step(ctx, "commit positions", func(ctx context.Context) error {
		res, err := ask[*txnoffsetcommit.Response](ctx, t.client, req)
		if err != nil {
			return err
		}
		for _, topic := range res.Topics {
			for _, p := range topic.Partitions {
				err := check(p.ErrorCode)
				if lost(err) {
					return &LostGroupError{Group: s.Generation.Group, Err: err}
				}
				if err != nil {
					return partitionError(TopicPartition{Topic: topic.Name, Partition: p.Partition}, needed, err)
				}
			}
		}
		return nil
	})
}

// commitMetadata stands with a position: who committed it, so that whoever meets an open transaction can tell whose it is,
// and the note.
func commitMetadata(writer, note string) string { return writer + " " + note }

func readMetadata(text string) (writer, note string) {
	writer, note, _ = strings.Cut(text, " ")
	return writer, note
}

// lost says that a group has gone on without this member.
func lost(err error) bool {
	for _, code := range []kafka.Error{kafka.IllegalGeneration, kafka.UnknownMemberId, kafka.FencedInstanceID, kafka.RebalanceInProgress, kafka.GroupIdNotFound} {
		if errors.Is(err, code) {
			return true
		}
	}
	return false
}

// end commits. Once the request may have reached the broker, only its answer ends the doubt; to ask again is safe.
func (t *Transactor) end(ctx context.Context, start time.Time) error {
	req := &endtxn.Request{TransactionalID: t.cfg.TransactionalID, ProducerID: t.producer.id, ProducerEpoch: t.producer.epoch, Committed: true}
	open := false // a request is without an answer
	var last error
	err := t.client.repeat(ctx, "end a transaction", stepPause(), transient, func(ctx context.Context) error {
		res, err := ask[*endtxn.Response](ctx, t.client, req)
		if err == nil {
			if err = check(res.ErrorCode); err != nil {
				if out := withheld(err, rights{transaction: t.cfg.TransactionalID}); out != nil {
					err = out
				}
			}
		} else if !unsent(err) && !shut(err) {
			open = true
		}
		last = err
		return err
	})
	switch {
	case err == nil:
		// A request that is still on its way must not end the next transaction.
		t.ready = !open
		return nil
	case open && fencing(last) && time.Since(start) < t.cfg.Timeout && t.fence():
		return t.fencedError(last)
	case open:
		return pipeline.Errorf("kafka.transaction.doubt", "it is not known whether the last transaction of %s was committed, its group's positions tell: %w", t.cfg.TransactionalID, &caused{ErrDoubt, last})
	}
	return t.judge(ctx, err, start)
}

// judge sorts the error of a transaction that was certainly not committed.
func (t *Transactor) judge(ctx context.Context, err error, start time.Time) error {
	var code kafka.Error
	switch {
	case ctx.Err() != nil:
		return err
	case errors.As(err, new(*LostGroupError)), Denied(err):
		return err
	case fencing(err):
		return t.judgeFence(ctx, err, start)
	case !errors.As(err, &code):
		if unanswered(err) {
			return &repeatable{err: err}
		}
		return err
	}
	switch code {
	case kafka.UnknownTopicOrPartition:
		return pipeline.Errorf("kafka.topic.gone", "a transaction of %s was aborted, since one of its topics was deleted: nothing of it is lost; a restart makes the pipeline's own topics again, empty, and whoever deleted one should also set the positions of the group that reads it: %w", t.cfg.TransactionalID, err)
	case kafka.InvalidTransactionState, kafka.InvalidProducerIDMapping, kafka.OutOfOrderSequenceNumber, kafka.UnknownProducerId, kafka.Unknown, transactionAbortable:
		return &repeatable{err: err, refused: true}
	}
	return pipeline.Errorf("kafka.transaction.failed", "a transaction of %s was refused and aborted: %w", t.cfg.TransactionalID, err)
}

const transactionAbortable = kafka.Error(120)

// judgeFence tells a broker that gave up waiting for us from another process with our id: the broker cannot have given
// up before the time-out.
func (t *Transactor) judgeFence(ctx context.Context, err error, start time.Time) error {
	if time.Since(start) < t.cfg.Timeout {
		if t.fence() {
			return t.fencedError(err)
		}
		return &repeatable{err: err}
	}
	switch again := t.renewOwn(ctx); {
	case again == nil:
		return &repeatable{err: err}
	case fencing(again):
		return t.fencedError(again)
	default:
		return again
	}
}

// fence notes that another process took the id over; true if that happens too often.
func (t *Transactor) fence() bool {
	now := time.Now()
	t.fences = append(slices.DeleteFunc(t.fences, func(at time.Time) bool { return now.Sub(at) > fenceWindow }), now)
	if len(t.fences) > mostFences {
		return true
	}
	t.client.log.Warn("kafka: another process ended a transaction of this one, which takes its id back", "id", t.cfg.TransactionalID, "times", len(t.fences))
	return false
}

func (t *Transactor) fencedError(err error) error {
	return pipeline.Errorf("kafka.transaction.fenced", "another process writes transactions as %s: stop one of the two, or give it another instance name: %w", t.cfg.TransactionalID, &caused{ErrFenced, err})
}
