package broker

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/homeostat/homeostat/internal/broker/embedded"
)

func TestSharesFillTheSample(t *testing.T) {
	for _, c := range []struct {
		limit int
		want  int
		held  []int64
	}{
		{100, 25, []int64{1000, 1000, 1000, 1000}},
		{100, 45, []int64{10, 1000, 1000, 0}},
		{100, 100, []int64{5, 6}}, // all there is
		{3, 1, []int64{9, 9, 9, 9, 9}},
	} {
		bounds := map[TopicPartition]Bounds{}
		sum := int64(0)
		for p, n := range c.held {
			bounds[TopicPartition{Topic: "t", Partition: int32(p)}] = Bounds{Start: 7, Stable: 7 + n, End: 7 + n}
			sum += n
		}
		if got := shares(bounds, c.limit); got != c.want && !(sum <= int64(c.limit) && got >= c.want) {
			t.Errorf("%d of %v: %d each, want %d", c.limit, c.held, got, c.want)
		}
	}
}

func TestExamination(t *testing.T) {
	b, err := embedded.Start(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	r := &rig{t: t, bootstrap: b.Addr(), prefix: "exam"}
	c := r.client()
	topic := r.topic(c, "sampled", 3)
	var messages []Message
	for i := range 30 {
		messages = append(messages, Message{Topic: topic, Partition: int32(i % 3), Key: []byte("k"), Value: fmt.Appendf(nil, "%d", i), Time: time.UnixMilli(int64(i + 1))})
	}
	if err := c.Produce(r.context(), messages); err != nil {
		t.Fatal(err)
	}
	recs, err := c.Newest(r.context(), topic, 6)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	for _, rec := range recs {
		got[string(rec.Value)] = rec.Timestamp
	}
	if len(got) != 6 || got["29"] != 30 || got["24"] != 25 {
		t.Errorf("the newest of each partition are %v", got)
	}
	view, err := c.View(r.context(), topic, "exam-none")
	if err != nil {
		t.Fatal(err)
	}
	if len(view.Brokers) != 1 || view.Brokers[0].Addr != b.Addr() || len(view.Topics[topic].Partitions) != 3 || view.Topics[topic].Partitions[0].Replicas != 1 {
		t.Errorf("%+v", view)
	}
	if err := view.Topics["exam-none"].Err; err == nil {
		t.Error("a topic that is not there has no error")
	}
	p, err := c.Probe(r.context(), b.Addr())
	if err != nil || p.RoundTrip <= 0 || len(p.Lacks) > 0 {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := c.Probe(r.context(), "127.0.0.1:1"); err == nil {
		t.Error("a port where nobody listens answers")
	}
	settings, err := c.TopicSettings(r.context(), topic)
	if err != nil || settings[topic]["cleanup.policy"] != "delete" {
		t.Errorf("%v, %v", settings, err)
	}
	if err := c.MayCreate(r.context(), Topic{Name: "exam-none", Partitions: 1}); err != nil {
		t.Error(err)
	}
	if _, err := c.Partitions(r.context(), "exam-none"); err == nil {
		t.Error("asking whether a topic could be made has made it")
	}
	tp := TopicPartition{Topic: topic}
	if at, err := c.Positions(r.context(), "exam", []TopicPartition{tp}); err != nil || at[tp] != -1 {
		t.Errorf("%v, %v", at, err)
	}
	if g, err := c.Group(r.context(), "exam"); err != nil || len(g.Members) != 0 {
		t.Errorf("%+v, %v", g, err)
	}
	if err := c.MayTransact(r.context(), "exam.one"); err != nil {
		t.Error(err)
	}
	if err := c.TryTransaction(r.context(), "exam.doctor"); err != nil {
		t.Error(err)
	}
}

func TestOperations(t *testing.T) {
	o := Operations(1<<3 | 1<<8)
	if !o.Allow("Read") || !o.Allow("Describe") || o.Allow("Write") || !o.Known() {
		t.Errorf("%b", o)
	}
	if unknownOperations.Known() || unknownOperations.Allow("Read") {
		t.Error("what a broker does not tell counts as told")
	}
}

// Records bear the id of the idempotent client that wrote them, and none where it is not idempotent.
func TestRecordsBearTheirProducer(t *testing.T) {
	b, err := embedded.Start(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	r := &rig{t: t, bootstrap: b.Addr(), prefix: "whose"}
	c := r.client()
	topic := r.topic(c, "written", 1)
	for range 2 {
		other, err := kgo.NewClient(kgo.SeedBrokers(b.Addr()))
		if err != nil {
			t.Fatal(err)
		}
		if err := other.ProduceSync(r.context(), &kgo.Record{Topic: topic, Value: []byte("idempotent")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		other.Close()
	}
	if err := c.Produce(r.context(), []Message{{Topic: topic, Value: []byte("plain")}}); err != nil {
		t.Fatal(err)
	}
	recs, err := c.Newest(r.context(), topic, 10)
	if err != nil || len(recs) != 3 {
		t.Fatal(recs, err)
	}
	if recs[0].Producer <= 0 || recs[1].Producer <= 0 || recs[0].Producer == recs[1].Producer || recs[2].Producer != 0 {
		t.Errorf("producers %d, %d and %d", recs[0].Producer, recs[1].Producer, recs[2].Producer)
	}
}
