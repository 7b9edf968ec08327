package broker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
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

// A single record may be as large as its topic was made for, and no larger.
func largeRecordGoes(t *testing.T, r *rig) {
	c, ctx := r.client(), r.context()
	wide, narrow := Topic{Name: r.name("wide"), Partitions: 1, Settings: map[string]string{"max.message.bytes": "4194304"}}, r.topic(c, "narrow", 1)
	if err := c.EnsureTopics(ctx, []Topic{wide}); err != nil {
		t.Fatal(err)
	}
	big := make([]byte, 3<<20)
	rand.NewChaCha8([32]byte{}).Read(big) // does not compress
	small := Message{Topic: wide.Name, Value: []byte("small")}
	if err := c.Produce(ctx, []Message{small, {Topic: wide.Name, Value: big}, small}); err != nil {
		t.Fatal(err)
	}
	records := readAll(t, r, c, wide.Name, 0)
	if len(records) != 3 || !bytes.Equal(records[1].Value, big) {
		t.Fatalf("%d records came back, or not the same ones", len(records))
	}
	for _, m := range []Message{{Topic: narrow, Value: big}, {Topic: wide.Name, Value: append(big, big...)}} {
		if err := c.Produce(ctx, []Message{m}); pipeline.Code(err) != "kafka.record.large" {
			t.Errorf("%d bytes for topic %s: %v", len(m.Value), m.Topic, err)
		}
	}
}

// readAll returns the committed records of a partition.
func readAll(t *testing.T, r *rig, c *Client, topic string, partition int32) []pipeline.Record {
	t.Helper()
	f := c.NewFetcher(FetchConfig{MaxWait: 50 * time.Millisecond})
	defer f.Close()
	f.Assign(TopicPartition{topic, partition}, 0)
	return read(t, r, f, 1)
}

var compressions = map[string]Compression{"none": None, "gzip": Gzip, "snappy": Snappy, "lz4": LZ4, "zstd": Zstd}

// samples are records with every combination of present, empty and absent.
func samples(topic string) []Message {
	var list []Message
	for _, key := range [][]byte{nil, {}, []byte("key")} {
		for _, value := range [][]byte{nil, {}, []byte("value"), bytes.Repeat([]byte("0123456789abcdef"), 20000)} {
			for _, headers := range [][]pipeline.Header{nil, {{Key: "ce_id", Value: []byte("1")}, {Key: "", Value: nil}, {Key: "ce_id", Value: []byte{}}}} {
				list = append(list, Message{Topic: topic, Key: key, Value: value, Headers: headers, Time: time.UnixMilli(1_700_000_000_000 + int64(len(list))*7)})
			}
		}
	}
	return list
}

func sameRecord(t *testing.T, what string, got pipeline.Record, want Message) {
	t.Helper()
	if (got.Key == nil) != (want.Key == nil) || !bytes.Equal(got.Key, want.Key) {
		t.Errorf("%s: key %q, not %q", what, got.Key, want.Key)
	}
	if (got.Value == nil) != (want.Value == nil) || !bytes.Equal(got.Value, want.Value) {
		t.Errorf("%s: value of %d bytes, not %d", what, len(got.Value), len(want.Value))
	}
	if got.Timestamp != want.Time.UnixMilli() {
		t.Errorf("%s: time %d, not %d", what, got.Timestamp, want.Time.UnixMilli())
	}
	if len(got.Headers) != len(want.Headers) {
		t.Errorf("%s: %d headers, not %d", what, len(got.Headers), len(want.Headers))
		return
	}
	for i, h := range want.Headers {
		g := got.Headers[i]
		if g.Key != h.Key || !bytes.Equal(g.Value, h.Value) || (g.Value == nil) != (h.Value == nil) {
			t.Errorf("%s: header %q=%q, not %q=%q", what, g.Key, g.Value, h.Key, h.Value)
		}
	}
}

// keep makes a topic whose records are old and stay.
func (r *rig) keep(c *Client, name string, partitions int) string {
	r.t.Helper()
	name = r.name(name)
	if err := c.EnsureTopics(r.context(), []Topic{{Name: name, Partitions: partitions, Settings: map[string]string{"retention.ms": "-1"}}}); err != nil {
		r.t.Fatal(err)
	}
	return name
}

func recordsKeepTheirParts(t *testing.T, r *rig) {
	for name, compression := range compressions {
		c := r.client(func(cfg *Config) { cfg.Compression = compression })
		topic := r.keep(c, "parts-"+name, 1)
		want := samples(topic)
		if err := c.Produce(r.context(), want); err != nil {
			t.Fatal(err)
		}
		got := readAll(t, r, c, topic, 0)
		if len(got) != len(want) {
			t.Fatalf("%s: %d records, not %d", name, len(got), len(want))
		}
		for i := range want {
			sameRecord(t, fmt.Sprintf("%s %d", name, i), got[i], want[i])
			if got[i].Offset != int64(i) || got[i].Topic != topic || got[i].Partition != 0 {
				t.Errorf("record %d is %s/%d@%d", i, got[i].Topic, got[i].Partition, got[i].Offset)
			}
		}
	}
}

func (r *rig) franz(opts ...kgo.Opt) *kgo.Client {
	c, err := kgo.NewClient(append(opts, kgo.SeedBrokers(r.bootstrap))...)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(c.Close)
	return c
}

func othersReadUs(t *testing.T, r *rig) {
	for name, compression := range compressions {
		c := r.client(func(cfg *Config) { cfg.Compression = compression })
		topic := r.keep(c, "ours-"+name, 1)
		want := samples(topic)
		if err := c.Produce(r.context(), want); err != nil {
			t.Fatal(err)
		}
		reader := r.franz(kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
		var got []*kgo.Record
		for len(got) < len(want) {
			fetches := reader.PollFetches(r.context())
			if err := fetches.Err(); err != nil {
				t.Fatal(err)
			}
			got = append(got, fetches.Records()...)
		}
		for i, g := range got {
			record := pipeline.Record{Key: g.Key, Value: g.Value, Timestamp: g.Timestamp.UnixMilli()}
			for _, h := range g.Headers {
				record.Headers = append(record.Headers, pipeline.Header{Key: h.Key, Value: h.Value})
			}
			sameRecord(t, fmt.Sprintf("franz-go, %s %d", name, i), record, want[i])
		}
		if name == "none" {
			continue
		}
		other := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{r.bootstrap}, Topic: topic, MaxWait: 100 * time.Millisecond})
		for i := range want {
			m, err := other.ReadMessage(r.context())
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(m.Key, want[i].Key) || !bytes.Equal(m.Value, want[i].Value) || len(m.Headers) != len(want[i].Headers) {
				t.Errorf("kafka-go, %s: record %d differs", name, i)
			}
		}
		if err := other.Close(); err != nil {
			t.Error(err)
		}
	}
}

func weReadOthers(t *testing.T, r *rig) {
	c := r.client()
	codecs := map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}
	for name, codec := range codecs {
		topic := r.keep(c, "franz-"+name, 1)
		writer := r.franz(kgo.ProducerBatchCompression(codec), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		want := samples(topic)
		for _, m := range want {
			rec := &kgo.Record{Topic: topic, Key: m.Key, Value: m.Value, Timestamp: m.Time}
			for _, h := range m.Headers {
				rec.Headers = append(rec.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
			}
			writer.Produce(r.context(), rec, func(_ *kgo.Record, err error) {
				if err != nil {
					t.Error(err)
				}
			})
		}
		if err := writer.Flush(r.context()); err != nil {
			t.Fatal(err)
		}
		got := readAll(t, r, c, topic, 0)
		if len(got) != len(want) {
			t.Fatalf("franz-go, %s: %d records, not %d", name, len(got), len(want))
		}
		for i := range want {
			sameRecord(t, fmt.Sprintf("franz-go, %s %d", name, i), got[i], want[i])
		}
	}
	for name, codec := range map[string]kafka.Compression{"gzip": kafka.Gzip, "snappy": kafka.Snappy, "lz4": kafka.Lz4, "zstd": kafka.Zstd} {
		topic := r.keep(c, "kafkago-"+name, 1)
		w := &kafka.Writer{Addr: kafka.TCP(r.bootstrap), Topic: topic, RequiredAcks: kafka.RequireAll, Compression: codec, BatchTimeout: time.Millisecond}
		transport := &kafka.Transport{}
		w.Transport = transport
		want := samples(topic)
		var messages []kafka.Message
		for _, m := range want {
			messages = append(messages, kafka.Message{Key: m.Key, Value: m.Value, Time: m.Time})
		}
		if err := w.WriteMessages(r.context(), messages...); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		transport.CloseIdleConnections()
		got := readAll(t, r, c, topic, 0)
		if len(got) != len(want) {
			t.Fatalf("kafka-go, %s: %d records, not %d", name, len(got), len(want))
		}
		for i := range want {
			if !bytes.Equal(got[i].Key, want[i].Key) || !bytes.Equal(got[i].Value, want[i].Value) {
				t.Errorf("kafka-go, %s: record %d differs", name, i)
			}
		}
	}
}

func keysMeet(t *testing.T, r *rig) {
	c := r.client()
	topic := r.topic(c, "keys", 5)
	writer := r.franz(kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)))
	var messages []Message
	for i := range 200 {
		key := fmt.Appendf(nil, "key %d", i)
		messages = append(messages, Message{Topic: topic, Partition: -1, Key: key})
		if err := writer.ProduceSync(r.context(), &kgo.Record{Topic: topic, Key: key}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	for range 10 {
		messages = append(messages, Message{Topic: topic, Partition: -1, Value: []byte("no key")})
	}
	if err := c.Produce(r.context(), messages); err != nil {
		t.Fatal(err)
	}
	where := map[string]int32{}
	for p := range int32(5) {
		keyless := 0
		for _, rec := range readAll(t, r, c, topic, p) {
			if rec.Key == nil {
				keyless++
				continue
			}
			if old, ok := where[string(rec.Key)]; ok && old != p {
				t.Errorf("%q lies in partitions %d and %d", rec.Key, old, p)
			}
			where[string(rec.Key)] = p
		}
		if keyless != 2 {
			t.Errorf("partition %d got %d records without a key, not 2", p, keyless)
		}
	}
	if len(where) != 200 {
		t.Errorf("%d keys arrived", len(where))
	}
}

func gapIsReported(t *testing.T, r *rig) {
	c, ctx := r.client(), r.context()
	topic := r.topic(c, "gap", 1)
	tp := TopicPartition{topic, 0}
	for range 10 {
		if err := c.Produce(ctx, []Message{{Topic: topic, Value: []byte("x")}}); err != nil {
			t.Fatal(err)
		}
	}
	req := kmsg.NewPtrDeleteRecordsRequest()
	part := kmsg.NewDeleteRecordsRequestTopicPartition()
	part.Offset = 6
	rt := kmsg.NewDeleteRecordsRequestTopic()
	rt.Topic, rt.Partitions = topic, []kmsg.DeleteRecordsRequestTopicPartition{part}
	req.Topics, req.TimeoutMillis = []kmsg.DeleteRecordsRequestTopic{rt}, 5000
	for _, s := range r.franz().RequestSharded(ctx, req) {
		if s.Err != nil || s.Resp.(*kmsg.DeleteRecordsResponse).Topics[0].Partitions[0].ErrorCode != 0 {
			t.Fatalf("records were not deleted: %+v", s)
		}
	}
	f := c.NewFetcher(FetchConfig{})
	defer f.Close()
	f.Assign(tp, 2)
	chunk := one(t, r, f)
	var gap *GapError
	if !errors.As(chunk.Err, &gap) || gap.From != 2 || gap.To != 6 || chunk.Next != 2 {
		t.Fatalf("at a deleted record: %+v", chunk)
	}
	f.Assign(tp, gap.To)
	if got := read(t, r, f, 1); len(got) != 4 || got[0].Offset != 6 {
		t.Fatalf("behind the gap: %+v", got)
	}
	f.Assign(tp, 11)
	chunk = one(t, r, f)
	if !errors.As(chunk.Err, &gap) || gap.From != 11 || gap.To != 10 {
		t.Fatalf("behind the end: %+v", chunk)
	}
}

// one polls until one chunk arrives, which must be the only one.
func one(t *testing.T, r *rig, f *Fetcher) Chunk {
	t.Helper()
	chunks, err := f.Poll(r.context())
	if err != nil || len(chunks) != 1 {
		t.Fatalf("%d chunks, %v", len(chunks), err)
	}
	return chunks[0]
}

func fetcherObeys(t *testing.T, r *rig) {
	c, ctx := r.client(), r.context()
	topic := r.topic(c, "obey", 3)
	var messages []Message
	for i := range 30 {
		messages = append(messages, Message{Topic: topic, Partition: int32(i % 3), Value: fmt.Appendf(nil, "%d", i)})
	}
	if err := c.Produce(ctx, messages); err != nil {
		t.Fatal(err)
	}
	f := c.NewFetcher(FetchConfig{MaxWait: 20 * time.Millisecond})
	defer f.Close()
	short, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
	defer cancel()
	if _, err := f.Poll(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a poll of nothing: %v", err)
	}
	for p := range int32(3) {
		f.Assign(TopicPartition{topic, p}, 4)
	}
	f.Pause(TopicPartition{topic, 0})
	f.Remove(TopicPartition{topic, 1})
	got := read(t, r, f, 1)
	for _, rec := range got {
		if rec.Partition != 2 || rec.Offset < 4 {
			t.Errorf("an unwanted record: partition %d offset %d", rec.Partition, rec.Offset)
		}
	}
	if len(got) != 6 {
		t.Errorf("%d records of partition 2", len(got))
	}
	f.Remove(TopicPartition{topic, 2})
	f.Resume(TopicPartition{topic, 0})
	if got := read(t, r, f, 1); len(got) != 6 || got[0].Partition != 0 {
		t.Errorf("after resuming: %d records", len(got))
	}
	f.Assign(TopicPartition{topic, 0}, 9)
	if got := read(t, r, f, 1); len(got) != 1 || got[0].Offset != 9 {
		t.Errorf("after moving: %+v", got)
	}
	waiting := make(chan error)
	go func() {
		for {
			if _, err := f.Poll(ctx); err != nil {
				waiting <- err
				return
			}
		}
	}()
	f.Close()
	if err := <-waiting; !errors.Is(err, ErrClosed) {
		t.Errorf("after closing: %v", err)
	}
}

func absentTopicStops(t *testing.T, r *rig) {
	c := r.client()
	f := c.NewFetcher(FetchConfig{})
	defer f.Close()
	topic := r.topic(c, "there", 1)
	f.Assign(TopicPartition{topic, 7}, 0)
	if chunk := one(t, r, f); pipeline.Code(chunk.Err) != "kafka.partition.missing" {
		t.Errorf("a partition that is not there: %v", chunk.Err)
	}
	if err := c.Produce(r.context(), []Message{{Topic: r.name("nowhere")}}); pipeline.Code(err) != "kafka.topic.missing" {
		t.Errorf("a topic that is not there: %v", err)
	}
}

func boundsFollow(t *testing.T, r *rig) {
	c, ctx := r.client(), r.context()
	topic := r.topic(c, "bounds", 2)
	tps := []TopicPartition{{topic, 0}, {topic, 1}}
	if err := c.Produce(ctx, []Message{{Topic: topic}, {Topic: topic}}); err != nil {
		t.Fatal(err)
	}
	tr := r.transactor(c, "bounds", time.Second)
	pending(t, r, tr, []Message{{Topic: topic, Value: []byte("pending")}})
	got, err := c.Bounds(ctx, tps)
	if err != nil {
		t.Fatal(err)
	}
	if want := (Bounds{Start: 0, End: 3, Stable: 2}); got[tps[0]] != want {
		t.Errorf("with a pending transaction: %+v, not %+v", got[tps[0]], want)
	}
	if got[tps[1]] != (Bounds{}) {
		t.Errorf("an empty partition: %+v", got[tps[1]])
	}
}
