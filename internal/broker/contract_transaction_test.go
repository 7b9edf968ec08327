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
)

func (r *rig) transactor(c *Client, id string, timeout time.Duration) *Transactor {
	r.t.Helper()
	tr, err := c.NewTransactor(r.context(), TransactorConfig{TransactionalID: r.name(id), Timeout: timeout})
	if err != nil {
		r.t.Fatal(err)
	}
	return tr
}

// pending writes records in a transaction and leaves it open.
func pending(t *testing.T, r *rig, tr *Transactor, messages []Message) {
	t.Helper()
	ctx := r.context()
	out, err := tr.client.prepare(ctx, messages)
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.addPartitions(ctx, out); err != nil {
		t.Fatal(err)
	}
	if err := tr.send(ctx, out); err != nil {
		t.Fatal(err)
	}
}

// lane is a group member with one input partition and one output partition.
type lane struct {
	r     *rig
	c     *Client
	group *Group
	gen   *Generation
	in    TopicPartition
	out   string
}

func (r *rig) lane(c *Client, id string) *lane {
	r.t.Helper()
	l := &lane{r: r, c: c, in: TopicPartition{r.topic(c, id+"-in", 1), 0}, out: r.topic(c, id+"-out", 1)}
	l.group = r.join(c, id, l.in.Topic)
	l.gen = next(r, l.group)
	r.t.Cleanup(func() { l.gen.Release(); l.group.Close() })
	return l
}

func (l *lane) share(offset int64) Share {
	return Share{Generation: l.gen, Offsets: map[TopicPartition]int64{l.in: offset}}
}

func (l *lane) outputs(values ...string) []Message {
	var list []Message
	for _, v := range values {
		list = append(list, Message{Topic: l.out, Value: []byte(v)})
	}
	return list
}

func (l *lane) position() int64 {
	l.r.t.Helper()
	got, err := l.c.Committed(l.r.context(), l.gen.Group, []TopicPartition{l.in})
	if err != nil {
		l.r.t.Fatal(err)
	}
	return got[l.in]
}

// expect compares what is committed.
func (l *lane) expect(position int64, values ...string) {
	l.r.t.Helper()
	if got := l.position(); got != position {
		l.r.t.Errorf("position %d, not %d", got, position)
	}
	var got []string
	for _, rec := range readAll(l.r.t, l.r, l.c, l.out, 0) {
		got = append(got, string(rec.Value))
	}
	if fmt.Sprint(got) != fmt.Sprint(values) {
		l.r.t.Errorf("outputs %v, not %v", got, values)
	}
}

func committedTogether(t *testing.T, r *rig) {
	c, ctx := r.client(), r.context()
	l := r.lane(c, "lane")
	tr := r.transactor(c, "tx", 0)
	if err := tr.Commit(ctx, nil, nil); err != nil {
		t.Errorf("nothing to commit: %v", err)
	}
	if err := tr.Commit(ctx, nil, []Share{{Generation: l.gen}}); err != nil {
		t.Errorf("a share of nothing: %v", err)
	}
	l.expect(-1)
	for _, step := range []struct {
		outputs []Message
		shares  []Share
	}{
		{l.outputs("a", "b"), []Share{l.share(2)}},
		{l.outputs("c"), nil},
		{nil, []Share{l.share(3)}},
		{l.outputs("d"), []Share{l.share(4)}},
	} {
		if err := tr.Commit(ctx, step.outputs, step.shares); err != nil {
			t.Fatal(err)
		}
	}
	l.expect(4, "a", "b", "c", "d")
	bounds, err := c.Bounds(ctx, []TopicPartition{{l.out, 0}})
	if err != nil {
		t.Fatal(err)
	}
	if b := bounds[TopicPartition{l.out, 0}]; b.Stable != b.End || b.End != 7 { // four records and three markers
		t.Errorf("bounds %+v", b)
	}
}

func abortedStayUnseen(t *testing.T, r *rig) {
	c, ctx := r.client(), r.context()
	topic := r.topic(c, "aborts", 1)
	random := rand.New(rand.NewPCG(1, 2))
	a, b := r.transactor(c, "a", 0), r.transactor(c, "b", 0)
	var want []string
	n := 0
	values := func() (list []Message, texts []string) {
		for range 1 + random.IntN(3) {
			texts = append(texts, fmt.Sprint(n))
			list = append(list, Message{Topic: topic, Value: fmt.Append(nil, n)})
			n++
		}
		return list, texts
	}
	for range 30 { // two producers' transactions lie in one another
		dropped, _ := values()
		pending(t, r, a, dropped)
		kept, texts := values()
		if err := b.Commit(ctx, kept, nil); err != nil {
			t.Fatal(err)
		}
		want = append(want, texts...)
		dropped, _ = values()
		pending(t, r, a, dropped)
		if err := a.renew(ctx); err != nil {
			t.Fatal(err)
		}
		kept, texts = values()
		if err := a.Commit(ctx, kept, nil); err != nil {
			t.Fatal(err)
		}
		want = append(want, texts...)
	}
	bounds, err := c.Bounds(ctx, []TopicPartition{{topic, 0}})
	if err != nil {
		t.Fatal(err)
	}
	end := bounds[TopicPartition{topic, 0}].End
	seen := map[int64]string{}
	for from := range end { // every offset is a place to start at, also a marker's and an aborted record's
		f := c.NewFetcher(FetchConfig{MaxWait: 20 * time.Millisecond})
		f.Assign(TopicPartition{topic, 0}, from)
		got := read(t, r, f, 1)
		f.Close()
		if from == 0 {
			var texts []string
			for _, rec := range got {
				seen[rec.Offset] = string(rec.Value)
				texts = append(texts, string(rec.Value))
			}
			if fmt.Sprint(texts) != fmt.Sprint(want) {
				t.Fatalf("committed records %v, not %v", texts, want)
			}
		}
		rest := 0
		for o := range seen {
			if o >= from {
				rest++
			}
		}
		if len(got) != rest {
			t.Errorf("from offset %d on %d records, not %d", from, len(got), rest)
		}
		for _, rec := range got {
			if rec.Offset < from || seen[rec.Offset] != string(rec.Value) {
				t.Errorf("from offset %d on: record %d is %q", from, rec.Offset, rec.Value)
			}
		}
	}
	f := c.NewFetcher(FetchConfig{Uncommitted: true})
	defer f.Close()
	f.Assign(TopicPartition{topic, 0}, 0)
	if got := read(t, r, f, 1); len(got) != n {
		t.Errorf("%d records with the uncommitted ones, not %d", len(got), n)
	}
}

func positionsAreStable(t *testing.T, r *rig) {
	c, ctx := r.client(), r.context()
	l := r.lane(c, "stable")
	tr := r.transactor(c, "stable", 0)
	for i := range int64(60) {
		if err := tr.Commit(ctx, l.outputs(fmt.Sprint(i)), []Share{l.share(i + 1)}); err != nil {
			t.Fatal(err)
		}
		if got := l.position(); got != i+1 {
			t.Fatalf("position %d right after %d was committed", got, i+1)
		}
	}
}

func largeOutputs(t *testing.T, r *rig) {
	c, ctx := r.client(), r.context()
	topic := r.topic(c, "large", 3)
	tr := r.transactor(c, "large", 0)
	random := rand.New(rand.NewPCG(3, 4))
	const n = 60
	for range 2 {
		var messages []Message
		for i := range n {
			value := make([]byte, 200_000) // 12 MB that do not compress
			for j := range value {
				value[j] = byte(random.Uint32())
			}
			messages = append(messages, Message{Topic: topic, Partition: int32(i % 3), Value: value})
		}
		if err := tr.Commit(ctx, messages, nil); err != nil {
			t.Fatal(err)
		}
		for p := range int32(3) {
			got := readAll(t, r, c, topic, p)
			got = got[len(got)-n/3:]
			for i, rec := range got {
				if !bytes.Equal(rec.Value, messages[i*3+int(p)].Value) {
					t.Fatalf("partition %d: record %d differs", p, i)
				}
			}
		}
	}
}

func zombieIsFenced(t *testing.T, r *rig) {
	c, ctx := r.client(), r.context()
	l := r.lane(c, "zombie")
	old := r.transactor(c, "same", 0)
	if err := old.Commit(ctx, l.outputs("1"), []Share{l.share(1)}); err != nil {
		t.Fatal(err)
	}
	pending(t, r, old, l.outputs("never"))
	young := r.transactor(c, "same", 0)
	// Each takes the id back from the other, and what one had open is aborted, until one sees that there are two.
	want := []string{"1"}
	for at := int64(2); ; at++ {
		writer := []*Transactor{young, old}[at%2]
		text := fmt.Sprint(at)
		err := writer.Commit(ctx, l.outputs(text), []Share{l.share(at)})
		if errors.Is(err, ErrFenced) {
			if pipeline.Code(err) != "kafka.transaction.fenced" || at < mostFences {
				t.Fatalf("at %d: %v", at, err)
			}
			if again := writer.Commit(ctx, l.outputs("no"), []Share{l.share(at)}); !errors.Is(again, ErrFenced) {
				t.Errorf("it goes on: %v", again)
			}
			l.expect(at-1, want...)
			return
		}
		if err != nil || at > 3*mostFences {
			t.Fatalf("at %d: %v", at, err)
		}
		want = append(want, text)
	}
}

// deadOwnerIsEnded leaves a transaction open behind which a new owner of the positions would wait until it times out.
func deadOwnerIsEnded(t *testing.T, r *rig) {
	c, ctx := r.client(), r.context()
	l := r.lane(c, "dead")
	old := r.transactor(c, "dead", 0)
	if err := old.Commit(ctx, l.outputs("1"), []Share{l.share(1)}); err != nil {
		t.Fatal(err)
	}
	pending(t, r, old, l.outputs("never"))
	if err := old.addOffsets(ctx, l.share(5)); err != nil {
		t.Fatal(err)
	}
	if err := old.commitOffsets(ctx, l.share(5)); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	have, err := c.Committed(ctx, l.gen.Group, l.gen.Assigned)
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > longestTransaction {
		t.Errorf("the new owner waited for %s", took)
	}
	for tp, at := range l.share(5).Offsets {
		if at = have[tp]; at != 1 {
			t.Errorf("the position is %d", at)
		}
	}
	l.expect(1, "1")
}

func staleGenerationLoses(t *testing.T, r *rig) {
	c, ctx := r.client(), r.context()
	a, b := r.lane(c, "stale"), r.lane(c, "healthy")
	tr := r.transactor(c, "tx", 0)
	if err := tr.Commit(ctx, append(a.outputs("a1"), b.outputs("b1")...), []Share{a.share(1), b.share(1)}); err != nil {
		t.Fatal(err)
	}
	stale := a.share(2)
	a.gen.Release() // the member joins anew, in another generation
	a.gen = next(r, a.group)
	err := tr.Commit(ctx, append(a.outputs("a2"), b.outputs("b2")...), []Share{b.share(2), stale})
	var lost *LostGroupError
	if !errors.As(err, &lost) || lost.Group != a.gen.Group {
		t.Fatalf("with a stale share: %v", err)
	}
	a.expect(1, "a1")
	b.expect(1, "b1")
	if err := tr.Commit(ctx, b.outputs("b2"), []Share{b.share(2)}); err != nil {
		t.Fatal(err)
	}
	if err := tr.Commit(ctx, a.outputs("a2"), []Share{a.share(2)}); err != nil {
		t.Fatalf("with the new generation: %v", err)
	}
	a.expect(2, "a1", "a2")
	b.expect(2, "b1", "b2")
}

func noGeneration(t *testing.T, r *rig) {
	c, ctx := r.client(), r.context()
	l := r.lane(c, "anybody")
	tr := r.transactor(c, "tx", 0)
	for _, gen := range []*Generation{nil, {Group: l.gen.Group, ID: -1, Member: l.gen.Member}, {Group: l.gen.Group, ID: l.gen.ID}} {
		err := tr.Commit(ctx, l.outputs("x"), []Share{{Generation: gen, Offsets: map[TopicPartition]int64{l.in: 5}}})
		if pipeline.Code(err) != "kafka.generation.missing" {
			t.Errorf("generation %+v: %v", gen, err)
		}
	}
	l.expect(-1)
}

func tooLargeAborts(t *testing.T, r *rig) {
	c, ctx := r.client(func(cfg *Config) { cfg.Compression = None }), r.context()
	l := r.lane(c, "big")
	tr := r.transactor(c, "tx", 0)
	big := l.outputs(string(bytes.Repeat([]byte("x"), 1<<20)))
	if err := tr.Commit(ctx, big, []Share{l.share(1)}); pipeline.Code(err) != "kafka.record.large" {
		t.Errorf("over our limit: %v", err)
	}
	// This client does not know that the broker's limit is lower.
	wide := r.client(func(cfg *Config) { cfg.Compression, cfg.MaxBatchBytes = None, 4<<20 })
	other := r.transactor(wide, "other", 0)
	if err := other.Commit(ctx, big, []Share{l.share(1)}); pipeline.Code(err) != "kafka.transaction.failed" {
		t.Errorf("over the broker's limit: %v", err)
	}
	if err := other.Commit(ctx, l.outputs("small"), []Share{l.share(1)}); err != nil {
		t.Errorf("after it: %v", err)
	}
	l.expect(1, "small")
}

func lostAnswers(t *testing.T, r *rig) {
	wires := &wires{}
	c, ctx := r.client(), r.context()
	c.transport.Dial = wires.dial
	l := r.lane(c, "wire")
	tr := r.transactor(c, "wire", 0)
	var values []string
	for _, key := range []int16{22, 24, 0, 25, 28, 26} { // InitProducerId and the five calls of a transaction
		for _, fault := range []fault{swallowAnswer, dropRequest} {
			wires.fail(fault, key, 1)
			if key == 22 {
				tr.ready = false
			}
			v := fmt.Sprintf("%d/%d", key, fault)
			values = append(values, v)
			if err := tr.Commit(ctx, l.outputs(v), []Share{l.share(int64(len(values)))}); err != nil {
				t.Fatalf("key %d, fault %d: %v", key, fault, err)
			}
			if left := wires.left(); left != 0 {
				t.Fatalf("key %d, fault %d: it was not used", key, fault)
			}
		}
	}
	l.expect(int64(len(values)), values...)
}

func doubtIsResolved(t *testing.T, r *rig) {
	for _, fault := range []fault{swallowAnswer, dropRequest} {
		wires := &wires{}
		c := r.client()
		c.transport.Dial = wires.dial
		id := fmt.Sprintf("doubt%d", fault)
		l := r.lane(c, id)
		tr := r.transactor(c, id, time.Second)
		if err := tr.Commit(r.context(), l.outputs("1"), []Share{l.share(1)}); err != nil {
			t.Fatal(err)
		}
		wires.fail(fault, 26, 1<<30)
		short, cancel := context.WithTimeout(r.context(), 300*time.Millisecond)
		err := tr.Commit(short, l.outputs("2"), []Share{l.share(2)})
		cancel()
		if !errors.Is(err, ErrDoubt) {
			t.Fatalf("fault %d: %v", fault, err)
		}
		wires.fail(fault, 26, 0)
		// What a caller does: the position says whether it is in.
		switch l.position() {
		case 2:
			if fault == dropRequest {
				t.Error("committed without a request")
			}
		case 1:
			if fault == swallowAnswer {
				t.Error("a commit that arrived is not there")
			}
			if err := tr.Commit(r.context(), l.outputs("2"), []Share{l.share(2)}); err != nil {
				t.Fatal(err)
			}
		}
		if err := tr.Commit(r.context(), l.outputs("3"), []Share{l.share(3)}); err != nil {
			t.Fatal(err)
		}
		l.expect(3, "1", "2", "3")
	}
}

func expiredIsRepeated(t *testing.T, r *rig) {
	c, ctx := r.client(), r.context()
	l := r.lane(c, "expired")
	tr := r.transactor(c, "expired", time.Second)
	start := time.Now()
	pending(t, r, tr, l.outputs("expired"))
	for out := (TopicPartition{l.out, 0}); ; {
		bounds, err := c.Bounds(ctx, []TopicPartition{out})
		if err != nil {
			t.Fatal(err)
		}
		if bounds[out].Stable == bounds[out].End { // the broker gave it up
			break
		}
	}
	var again *repeatable
	if err := tr.end(ctx, start); !errors.As(err, &again) {
		t.Errorf("the end of a transaction that expired: %v", err)
	}
	if err := tr.Commit(ctx, l.outputs("1"), []Share{l.share(1)}); err != nil {
		t.Fatal(err)
	}
	l.expect(1, "1")
}

func plainPositions(t *testing.T, r *rig) {
	c, ctx := r.client(), r.context()
	l := r.lane(c, "plain")
	for i := range int64(20) {
		if err := c.CommitOffsets(ctx, l.share(i+1)); err != nil {
			t.Fatal(err)
		}
		if got := l.position(); got != i+1 {
			t.Fatalf("position %d, not %d", got, i+1)
		}
	}
	stale := l.share(99)
	l.gen.Release()
	l.gen = next(r, l.group)
	var lost *LostGroupError
	if err := c.CommitOffsets(ctx, stale); !errors.As(err, &lost) || lost.Group != l.gen.Group {
		t.Errorf("with a stale generation: %v", err)
	}
	if err := c.CommitOffsets(ctx, Share{Generation: &Generation{ID: -1}, Offsets: stale.Offsets}); pipeline.Code(err) != "kafka.generation.missing" {
		t.Errorf("without a generation: %v", err)
	}
	l.expect(20)
}
