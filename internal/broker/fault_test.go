package broker

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// cluster is a fake one that can be made to refuse.
func cluster(t *testing.T, brokers int) (*kfake.Cluster, *rig) {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(brokers))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, &rig{t: t, bootstrap: c.ListenAddrs()[0], prefix: "f"}
}

const (
	produceKey = kmsg.Produce
	fetchKey   = kmsg.Fetch
	initKey    = kmsg.InitProducerID
	addKey     = kmsg.AddPartitionsToTxn
	offsetsKey = kmsg.AddOffsetsToTxn
	commitKey  = kmsg.TxnOffsetCommit
	endKey     = kmsg.EndTxn
	stableKey  = kmsg.OffsetFetch
	listKey    = kmsg.ListOffsets
)

// What a real broker refuses for a while, and the embedded one never does.
func TestRefusalsAreRepeated(t *testing.T) {
	fake, r := cluster(t, 1)
	c, ctx := r.client(), r.context()
	l := r.lane(c, "lane")
	tr := r.transactor(c, "tx", 0)
	var want []string
	for _, f := range []struct {
		key   kmsg.Key
		err   *kerr.Error
		times int
	}{
		{addKey, kerr.ConcurrentTransactions, 8},
		{addKey, kerr.NotCoordinator, 3},
		{addKey, kerr.CoordinatorLoadInProgress, 3},
		{addKey, kerr.CoordinatorNotAvailable, 1},
		{addKey, kerr.InvalidProducerIDMapping, 1}, // the id expired
		{produceKey, kerr.NotEnoughReplicas, 4},
		{produceKey, kerr.NotEnoughReplicasAfterAppend, 1}, // stored, and told otherwise
		{produceKey, kerr.RequestTimedOut, 1},
		{produceKey, kerr.NotLeaderForPartition, 3},
		{produceKey, kerr.UnknownTopicOrPartition, 1},
		{produceKey, kerr.OutOfOrderSequenceNumber, 1},
		{produceKey, kerr.UnknownProducerID, 1},
		{offsetsKey, kerr.ConcurrentTransactions, 8},
		{offsetsKey, kerr.NotCoordinator, 2},
		{commitKey, kerr.CoordinatorLoadInProgress, 3},
		{commitKey, kerr.CoordinatorNotAvailable, 1},
		{commitKey, kerr.InvalidTxnState, 1},
		{endKey, kerr.ConcurrentTransactions, 8},
		{endKey, kerr.NotCoordinator, 2},
		{endKey, kerr.CoordinatorLoadInProgress, 2},
		{initKey, kerr.ConcurrentTransactions, 5},
		{initKey, kerr.NotCoordinator, 5},
		{stableKey, kerr.UnstableOffsetCommit, 6},
		{stableKey, kerr.NotCoordinator, 2},
		{listKey, kerr.NotLeaderForPartition, 2},
		{listKey, kerr.OffsetNotAvailable, 2},
		{fetchKey, kerr.NotLeaderForPartition, 2},
		{fetchKey, kerr.UnknownTopicOrPartition, 2},
		{fetchKey, kerr.KafkaStorageError, 1},
	} {
		name := fmt.Sprint(f.key.Name(), " ", f.err.Message)
		if f.key == initKey {
			tr.ready = false
		}
		topLevel := f.key == stableKey && f.err == kerr.NotCoordinator
		h := fake.Fault(kfake.Fault{Keys: []kmsg.Key{f.key}, Err: f.err, Count: f.times, TopLevel: topLevel})
		want = append(want, name)
		if err := tr.Commit(ctx, l.outputs(name), []Share{l.share(int64(len(want)))}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := c.Bounds(ctx, []TopicPartition{l.in}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		l.expect(int64(len(want)), want...)
		if h.Hits() != f.times {
			t.Errorf("%s: met %d times, not %d", name, h.Hits(), f.times)
		}
		h.Remove()
	}
}

func TestRefusalsForGoodAreTold(t *testing.T) {
	fake, r := cluster(t, 1)
	c, ctx := r.client(), r.context()
	l := r.lane(c, "lane")
	tr := r.transactor(c, "tx", 0)
	for _, f := range []struct {
		key  kmsg.Key
		err  *kerr.Error
		code string
	}{
		{addKey, kerr.TransactionalIDAuthorizationFailed, "kafka.access.transaction"},
		{addKey, kerr.TopicAuthorizationFailed, "kafka.access.topic"},
		{produceKey, kerr.TopicAuthorizationFailed, "kafka.access.topic"},
		{produceKey, kerr.InvalidTimestamp, "kafka.transaction.failed"},
		{commitKey, kerr.GroupAuthorizationFailed, "kafka.access.group"},
		{endKey, kerr.TransactionalIDAuthorizationFailed, "kafka.access.transaction"},
		{commitKey, kerr.OffsetMetadataTooLarge, "kafka.transaction.failed"},
	} {
		fake.Fault(kfake.Fault{Keys: []kmsg.Key{f.key}, Err: f.err})
		err := tr.Commit(ctx, l.outputs("refused"), []Share{l.share(9)})
		if pipeline.Code(err) != f.code || errors.Is(err, ErrDoubt) || errors.Is(err, ErrFenced) {
			t.Errorf("%s %s: %v", f.key.Name(), f.err.Message, err)
		}
	}
	for _, err := range []*kerr.Error{kerr.IllegalGeneration, kerr.UnknownMemberID, kerr.FencedInstanceID} {
		fake.Fault(kfake.Fault{Keys: []kmsg.Key{commitKey}, Err: err})
		var lost *LostGroupError
		if err := tr.Commit(ctx, l.outputs("refused"), []Share{l.share(9)}); !errors.As(err, &lost) || lost.Group != l.gen.Group {
			t.Errorf("%v", err)
		}
	}
	fake.Fault(kfake.Fault{Keys: []kmsg.Key{addKey}, Err: kerr.InvalidTxnState, Count: 6})
	if err := tr.Commit(ctx, l.outputs("refused"), nil); pipeline.Code(err) != "kafka.transaction.refused" {
		t.Errorf("refused again and again: %v", err)
	}
	if err := tr.Commit(ctx, l.outputs("taken"), []Share{l.share(1)}); err != nil {
		t.Fatal(err)
	}
	l.expect(1, "taken")

	f := c.NewFetcher(FetchConfig{})
	defer f.Close()
	fake.Fault(kfake.Fault{Keys: []kmsg.Key{fetchKey}, Err: kerr.TopicAuthorizationFailed})
	f.Assign(TopicPartition{l.out, 0}, 0)
	if chunk := one(t, r, f); pipeline.Code(chunk.Err) != "kafka.access.topic" {
		t.Errorf("reading what is not allowed: %v", chunk.Err)
	}
	fake.Fault(kfake.Fault{Keys: []kmsg.Key{stableKey}, Err: kerr.GroupAuthorizationFailed, TopLevel: true})
	if _, err := c.Committed(ctx, l.gen.Group, []TopicPartition{l.in}); pipeline.Code(err) != "kafka.access.group" {
		t.Errorf("positions that are not allowed: %v", err)
	}
}

// A transaction that the broker gave up for its age is not a sign of another process.
func TestExpiredTransactionIsRepeated(t *testing.T) {
	fake, r := cluster(t, 1)
	c, ctx := r.client(), r.context()
	l := r.lane(c, "lane")
	tr := r.transactor(c, "tx", time.Second)
	h := fake.Fault(kfake.Fault{Keys: []kmsg.Key{commitKey}, Err: kerr.CoordinatorLoadInProgress, Count: -1})
	expired := time.AfterFunc(1500*time.Millisecond, h.Remove)
	defer expired.Stop()
	if err := tr.Commit(ctx, l.outputs("late"), []Share{l.share(1)}); err != nil {
		t.Fatal(err)
	}
	l.expect(1, "late")
}

// Leaders and coordinators move while lanes read and write.
func TestMovingLeaders(t *testing.T) {
	fake, r := cluster(t, 3)
	c, ctx := r.client(), r.context()
	const partitions = 6
	in := r.topic(c, "in", partitions)
	g := r.join(c, "g", in)
	gen := next(r, g)
	tr := r.transactor(c, "tx", 0)
	f := c.NewFetcher(FetchConfig{MaxWait: 20 * time.Millisecond})
	defer f.Close()
	for p := range int32(partitions) {
		f.Assign(TopicPartition{in, p}, 0)
	}
	got := map[int32]int{}
	for round := range 12 {
		var outputs []Message
		offsets := map[TopicPartition]int64{}
		for p := range int32(partitions) {
			outputs = append(outputs, Message{Topic: in, Partition: p, Value: fmt.Append(nil, round)})
			offsets[TopicPartition{in, p}] = int64(round + 1)
			if err := fake.MoveTopicPartition(in, p, (p+int32(round))%3); err != nil {
				t.Fatal(err)
			}
		}
		fake.RehashCoordinators()
		err := tr.Commit(ctx, outputs, []Share{{Generation: gen, Offsets: offsets}})
		var lost *LostGroupError
		for errors.As(err, &lost) { // the group's new coordinator does not know us
			gen.Release()
			gen = next(r, g)
			err = tr.Commit(ctx, outputs, []Share{{Generation: gen, Offsets: offsets}})
		}
		if err != nil {
			t.Fatal(err)
		}
		for missing := true; missing; {
			chunks, err := f.Poll(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for i := range chunks {
				c := &chunks[i]
				if c.Err != nil {
					t.Fatal(c.Err)
				}
				for _, rec := range c.Records {
					if string(rec.Value) != fmt.Sprint(got[rec.Partition]) {
						t.Fatalf("partition %d: %q after %d records", rec.Partition, rec.Value, got[rec.Partition])
					}
					got[rec.Partition]++
				}
				c.Release()
			}
			missing = false
			for p := range int32(partitions) {
				missing = missing || got[p] <= round
			}
		}
	}
	gen.Release()
	g.Close()
}

func TestDeletedTopicStops(t *testing.T) {
	fake, r := cluster(t, 1)
	c := r.client()
	topic := r.topic(c, "gone", 1)
	f := c.NewFetcher(FetchConfig{MaxWait: 20 * time.Millisecond})
	defer f.Close()
	f.absentLimit = 50 * time.Millisecond
	f.Assign(TopicPartition{topic, 0}, 0)
	if chunk := one(t, r, f); chunk.Err != nil {
		t.Fatal(chunk.Err)
	}
	if err := fake.DeleteTopic(topic); err != nil {
		t.Fatal(err)
	}
	for {
		if chunk := one(t, r, f); chunk.Err != nil {
			if pipeline.Code(chunk.Err) != "kafka.topic.missing" {
				t.Error(chunk.Err)
			}
			return
		}
	}
}
