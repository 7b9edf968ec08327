package broker

import (
	"fmt"
	"testing"

	"github.com/homeostat/homeostat/pipeline"
)

func topicsAreMade(t *testing.T, r *rig) {
	c, ctx := r.client(), r.context()
	name := r.name("made")
	if _, err := c.Partitions(ctx, name); pipeline.Code(err) != "kafka.topic.missing" {
		t.Fatalf("a topic that is not there: %v", err)
	}
	want := Topic{Name: name, Partitions: 3, Settings: map[string]string{"retention.ms": "7200000", "cleanup.policy": "compact,delete"}}
	for range 2 { // the second time it is there
		if err := c.EnsureTopics(ctx, []Topic{want}); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := c.Partitions(ctx, name); n != 3 || err != nil {
		t.Fatalf("%d partitions, %v", n, err)
	}
	fewer := Topic{Name: name, Partitions: 2, Settings: map[string]string{"cleanup.policy": "delete, compact"}}
	if err := c.EnsureTopics(ctx, []Topic{fewer}); err != nil {
		t.Fatalf("fewer partitions than there are are enough: %v", err)
	}
	more := Topic{Name: name, Partitions: 4}
	if err := c.EnsureTopics(ctx, []Topic{more}); pipeline.Code(err) != "kafka.topic.partitions" {
		t.Fatalf("too few partitions: %v", err)
	}
	other := Topic{Name: name, Partitions: 3, Settings: map[string]string{"retention.ms": "-1"}}
	if err := c.EnsureTopics(ctx, []Topic{other}); pipeline.Code(err) != "kafka.topic.setting" {
		t.Fatalf("another setting: %v", err)
	}
}

// read polls until each partition is at its stable end, and returns what came, released.
func read(t *testing.T, r *rig, f *Fetcher, partitions int) (records []pipeline.Record) {
	t.Helper()
	ctx := r.context()
	done := map[TopicPartition]bool{}
	for len(done) < partitions {
		chunks, err := f.Poll(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range chunks {
			if c.Err != nil {
				t.Fatal(c.Err)
			}
			for i := range c.Records {
				records = append(records, clone(&c.Records[i]))
			}
			if c.Next >= c.Stable {
				done[c.TopicPartition] = true
			}
			c.Release()
		}
	}
	return records
}

func clone(r *pipeline.Record) pipeline.Record {
	d := *r
	d.Key, d.Value = cloneBytes(r.Key), cloneBytes(r.Value)
	d.Headers = nil
	for _, h := range r.Headers {
		d.Headers = append(d.Headers, pipeline.Header{Key: h.Key, Value: cloneBytes(h.Value)})
	}
	return d
}

func cloneBytes(b []byte) []byte {
	if b == nil {
		return nil
	}
	return append([]byte{}, b...)
}

func producedIsFetched(t *testing.T, r *rig) {
	c, ctx := r.client(), r.context()
	topic := r.topic(c, "log", 2)
	var messages []Message
	for i := range 1000 {
		messages = append(messages, Message{Topic: topic, Partition: int32(i % 2), Value: fmt.Appendf(nil, "value %d", i)})
	}
	if err := c.Produce(ctx, messages); err != nil {
		t.Fatal(err)
	}
	f := c.NewFetcher(FetchConfig{})
	defer f.Close()
	f.Assign(TopicPartition{topic, 0}, 0)
	f.Assign(TopicPartition{topic, 1}, 0)
	records := read(t, r, f, 2)
	if len(records) != 1000 {
		t.Fatalf("%d records", len(records))
	}
	next := [2]int{0, 1}
	for _, rec := range records {
		want := fmt.Sprintf("value %d", next[rec.Partition])
		next[rec.Partition] += 2
		if string(rec.Value) != want {
			t.Fatalf("partition %d offset %d: %q, not %q", rec.Partition, rec.Offset, rec.Value, want)
		}
	}
}
