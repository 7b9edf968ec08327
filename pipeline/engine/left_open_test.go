package engine

import (
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/homeostat/homeostat/internal/broker"
)

// leftOpenIsEnded kills the owner of a partition between its outputs and their position, and expects that its successor lets the
// readers of the outputs go on long before the transaction times out.
func leftOpenIsEnded(t *testing.T, c *cluster) {
	p, q := c.plan(newKit(), windowed, "a", 1), c.plan(newKit(), windowed, "b", 1)
	client := c.client()
	feed := slices.DeleteFunc(c.day(1, 120), func(m broker.Message) bool { return m.Topic != c.name+".left" })
	must(t, client.Produce(c.context(), feed[:61]))
	dead, m := c.begin(p)
	c.reached(p, broker.TopicPartition{Topic: c.name + ".left"}, 61)
	dead.kill(m)
	left, err := kgo.NewClient(kgo.SeedBrokers(c.bootstrap), kgo.TransactionalID(p.TransactionalID), kgo.TransactionTimeout(10*time.Minute), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	must(t, err)
	t.Cleanup(left.Close)
	must(t, left.BeginTransaction())
	must(t, left.ProduceSync(c.context(), &kgo.Record{Topic: p.Topics.Events.Name, Value: []byte("never")}).FirstErr())
	must(t, client.Produce(c.context(), feed[61:]))
	r := c.start(q, false)
	out := broker.TopicPartition{Topic: p.Topics.Events.Name}
	c.until("the readers to go on", func() bool {
		b, err := client.Bounds(c.context(), []broker.TopicPartition{out})
		must(t, err)
		return b[out].Stable == b[out].End
	})
	c.reached(p, broker.TopicPartition{Topic: c.name + ".left"}, int64(len(feed)))
	r.halt()
	must(t, c.start(q, true).end())
	c.same("findings", ids(c.committed(p.Topics.Events.Name)), localIDs(t, p, p.Topics.Events.Name, feed))
}
