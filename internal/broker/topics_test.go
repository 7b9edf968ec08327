package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/homeostat/homeostat/pipeline"
)

// A fresh broker has no brokers to put a topic on until it is registered.
func TestTopicsAreMadeOnceTheBrokersAreRegistered(t *testing.T) {
	fake, r := cluster(t, 1)
	c := r.client()
	h := fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.CreateTopics}, Err: kerr.InvalidReplicationFactor, Count: 3})
	if err := c.EnsureTopics(r.context(), []Topic{{Name: "early", Partitions: 2}}); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Partitions(r.context(), "early"); n != 2 || err != nil || h.Hits() != 3 {
		t.Errorf("%d partitions, %v, after %d refusals", n, err, h.Hits())
	}
}

// A cluster that is smaller than its replication factor stays so, and the error says what it answered.
func TestTooFewBrokersAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, tries := time.Now(), 0
		c := &Client{log: slog.New(slog.DiscardHandler)}
		refusal := pipeline.Errorf("kafka.topic.create", "topic x was not created: %w", kafka.InvalidReplicationFactor)
		err := c.repeat(context.Background(), "create topic x", backoff{first: 20 * time.Millisecond, longest: 500 * time.Millisecond}, whileRegistering(start), func(context.Context) error {
			tries++
			return refusal
		})
		if took := time.Since(start); pipeline.Code(err) != "kafka.topic.create" || took < registerLimit || took > registerLimit+time.Second || tries < 10 {
			t.Errorf("after %s and %d attempts: %v", took, tries, err)
		}
		for other, again := range map[error]bool{
			kafka.LeaderNotAvailable: true, fmt.Errorf("topic: %w", kafka.InvalidReplicationFactor): true,
			kafka.InvalidTopic: false, errors.New("other"): false,
		} {
			if whileRegistering(time.Now())(other) != again {
				t.Errorf("%v is tried again: %t", other, !again)
			}
		}
	})
}
