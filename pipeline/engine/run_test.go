package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/internal/broker/apachekafka"
	"github.com/homeostat/homeostat/internal/broker/embedded"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/plan"
	"github.com/homeostat/homeostat/schemas"
)

// cluster is a running broker and the names that one case may use in it.
type cluster struct {
	t         *testing.T
	bootstrap string
	name      string
}

// cases are what a run promises, whatever the broker is.
var cases = []struct {
	name string
	run  func(*testing.T, *cluster)
}{
	{"a run to the end finds what Local finds", untilEndFindsTheSame},
	{"a run to the end leaves what comes later", untilEndLeavesTheRest},
	{"a run to the end waits for the other instances", endsWaitForOthers},
	{"the inbox reaches operate, and act the sinks", theLoopCloses},
	{"changes reach detectors", changesReach},
	{"outputs are there once over restarts", onceOverRestarts},
	{"outputs are there once whatever the doubt", onceInDoubt},
	{"state survives a kill", stateSurvives},
	{"state is saved at an end while partitions change hands", savedWhilePartitionsChangeHands},
	{"what a dead owner left open is ended", leftOpenIsEnded},
	{"rows of no key are shared out", rowsAreSharedOut},
	{"rows are shared out over kills", sharedOutOverKills},
	{"a replay of a stage gives the same bytes", replaysTheSame},
	{"a replay says when it cannot give the same", replayFails},
	{"two processes share the partitions", twoShare},
	{"stages run apart find what they find together", stagesApart},
	{"a failed lane ends the run and commits nothing of itself", failedLaneEnds},
	{"a slow lane pauses its partition", slowLanePauses},
	{"without transactions outputs are there at least once", plainRun},
}

var clusters atomic.Int64

func runCases(t *testing.T, bootstrap string) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.run(t, &cluster{t: t, bootstrap: bootstrap, name: fmt.Sprintf("e%d-%d", os.Getpid(), clusters.Add(1))})
		})
	}
}

func TestRunOnTheEmbeddedBroker(t *testing.T) {
	t.Parallel() // it mostly waits
	b, err := embedded.Start(embedded.Options{MinSession: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	runCases(t, b.Addr())
}

// TestRunOnApacheKafka runs on KAFKA_BOOTSTRAP if it is set, otherwise on a broker of its own.
func TestRunOnApacheKafka(t *testing.T) {
	t.Parallel() // with the other one that mostly waits for a broker
	if b := os.Getenv("KAFKA_BOOTSTRAP"); b != "" {
		runCases(t, b)
		return
	}
	runCases(t, apachekafka.Start(t).Addr())
}

func (c *cluster) context() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	c.t.Cleanup(cancel)
	return ctx
}

func (c *cluster) client() *broker.Client {
	c.t.Helper()
	client, err := broker.Open(broker.Config{Bootstrap: []string{c.bootstrap}})
	must(c.t, err)
	c.t.Cleanup(client.Close)
	return client
}

// plan makes a plan whose names are the case's own, and its source topics.
func (c *cluster) plan(k *kit, yaml, instance string, partitions int) *plan.Plan {
	c.t.Helper()
	yaml = strings.NewReplacer("name: small", "name: "+c.name, "instance: a", "instance: "+instance, "topic: ", "topic: "+c.name+".").Replace(yaml)
	p := k.plan(c.t, yaml)
	var topics []broker.Topic
	for _, s := range p.Sources {
		// The records bear old times: Apache Kafka would delete them the first time it looks, 30 s after its start.
		topics = append(topics, broker.Topic{Name: s.Topic, Partitions: partitions, Settings: map[string]string{"retention.ms": "-1"}})
	}
	must(c.t, c.client().EnsureTopics(c.context(), topics))
	return p
}

// running is a Runner under way.
type running struct {
	*Runner
	c    *cluster
	stop context.CancelFunc
	done chan error
}

// start runs a plan until it ends or is stopped.
func (c *cluster) start(p *plan.Plan, untilEnd bool, change ...func(*Runner)) *running {
	c.t.Helper()
	r, err := NewRunner(c.context(), p, RunOptions{Options: options(c.t, p), Cluster: c.client().Cluster(), UntilEnd: untilEnd})
	must(c.t, err)
	for _, f := range change {
		f(r)
	}
	ctx, cancel := context.WithCancel(c.context())
	run := &running{Runner: r, c: c, stop: cancel, done: make(chan error, 1)}
	go func() { run.done <- r.Run(ctx) }()
	c.t.Cleanup(func() { cancel(); _ = r.Close() })
	return run
}

// end waits for the end of Run.
func (r *running) end() error {
	r.c.t.Helper()
	select {
	case err := <-r.done:
		return errors.Join(err, r.Close())
	case <-time.After(time.Minute):
		r.c.t.Fatal("the run does not end")
		return nil
	}
}

// halt stops a run that is to end without an error.
func (r *running) halt() {
	r.c.t.Helper()
	r.stop()
	if err := r.end(); err != nil {
		r.c.t.Fatal(err)
	}
}

// until polls a condition.
func (c *cluster) until(what string, holds func() bool) {
	c.t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Fatalf("%s: not within a minute", what)
		}
	}
}

const epoch = 1_700_000_000

// point writes "series value second" to a partition of a topic, seconds counted from epoch.
func (c *cluster) point(topic string, partition int, series string, value, at float64) broker.Message {
	return broker.Message{Topic: c.name + "." + topic, Partition: int32(partition), Value: fmt.Appendf(nil, "%s %g %f", series, value, epoch+at), Time: time.UnixMilli(int64((epoch + at) * 1000))}
}

// committed reads all committed records of a topic, in order of partition.
func (c *cluster) committed(topic string) []pipeline.Record {
	c.t.Helper()
	client, ctx := c.client(), c.context()
	n, err := client.Partitions(ctx, topic)
	must(c.t, err)
	var tps []broker.TopicPartition
	for p := range n {
		tps = append(tps, broker.TopicPartition{Topic: topic, Partition: int32(p)})
	}
	bounds, err := client.Bounds(ctx, tps)
	must(c.t, err)
	f := client.NewFetcher(broker.FetchConfig{})
	defer f.Close()
	left := 0
	for _, tp := range tps {
		if bounds[tp].Start < bounds[tp].End {
			f.Assign(tp, bounds[tp].Start)
			left++
		}
	}
	var out []pipeline.Record
	for left > 0 {
		chunks, err := f.Poll(ctx)
		must(c.t, err)
		for _, chunk := range chunks {
			must(c.t, chunk.Err)
			for _, rec := range chunk.Records {
				rec.Value, rec.Key = clone(rec.Value), clone(rec.Key)
				rec.Headers = slices.Clone(rec.Headers)
				for i := range rec.Headers {
					rec.Headers[i].Value = clone(rec.Headers[i].Value)
				}
				out = append(out, rec)
			}
			if chunk.Next >= bounds[chunk.TopicPartition].End {
				f.Remove(chunk.TopicPartition)
				left--
			}
			chunk.Release()
		}
	}
	return out
}

// ids returns the ids of the events in records, time records left out, sorted.
func ids(recs []pipeline.Record) []string {
	var out []string
	for i := range recs {
		if _, time := recs[i].Header(schemas.HeaderLane); !time {
			id, _ := recs[i].Header(schemas.HeaderID)
			out = append(out, string(id))
		}
	}
	slices.Sort(out)
	return out
}

// localIDs runs the plan over the same messages in one goroutine and returns the ids of a topic.
func localIDs(t testing.TB, p *plan.Plan, topic string, messages []broker.Message) []string {
	t.Helper()
	o := options(t, p)
	l, err := NewLocal(context.Background(), p, false, o)
	must(t, err)
	defer func() { must(t, l.Close()) }()
	var recs []pipeline.Record
	l.Watch(func(rec pipeline.Record) {
		if rec.Topic == topic {
			recs = append(recs, rec)
		}
	})
	for _, m := range messages {
		must(t, l.Write(pipeline.Record{Topic: m.Topic, Timestamp: m.Time.UnixMilli(), Key: m.Key, Value: m.Value, Headers: m.Headers}))
	}
	must(t, l.Finish())
	return ids(recs)
}

func (c *cluster) same(what string, got, want []string) {
	c.t.Helper()
	if len(want) == 0 {
		c.t.Fatalf("%s: nothing is expected, so nothing is tested", what)
	}
	if slices.Equal(got, want) {
		return
	}
	missing, more := slices.Clone(want), []string(nil)
	for _, id := range got {
		if i := slices.Index(missing, id); i >= 0 {
			missing = slices.Delete(missing, i, i+1)
		} else {
			more = append(more, id)
		}
	}
	c.t.Errorf("%s: %d events, want %d: %d missing, %d too many (%d of them repeats)", what, len(got), len(want), len(missing), len(more),
		len(got)-len(slices.Compact(slices.Clone(got))))
}

// day is a feed without disorder: each series on its partition.
func (c *cluster) day(partitions, seconds int) []broker.Message {
	var out []broker.Message
	for at := range seconds {
		for p := range partitions {
			out = append(out, c.point("left", p, fmt.Sprint("l", p), float64(at*(p+3)%7), float64(at)),
				c.point("right", p, fmt.Sprint("r", p), float64(at*(p+5)%4), float64(at)))
		}
	}
	return out
}

func untilEndFindsTheSame(t *testing.T, c *cluster) {
	k := newKit()
	p := c.plan(k, small, "a", 2)
	feed := c.day(2, 60)
	must(t, c.client().Produce(c.context(), feed))
	must(t, c.start(p, true).end())
	for _, topic := range []string{p.Topics.Events.Name, p.Topics.Incidents.Name} {
		c.same(topic, ids(c.committed(topic)), localIDs(t, p, topic, feed))
	}
	if dead := c.committed(p.Topics.DeadLetters.Name); len(dead) != 0 {
		t.Errorf("%d dead letters", len(dead))
	}
	if k.sink.closed == 0 || k.sink.flushed != len(k.sink.written) {
		t.Errorf("of %d events %d are flushed, the sink was closed %d times", len(k.sink.written), k.sink.flushed, k.sink.closed)
	}
	// There is nothing more to do, and a second run sees that.
	before := len(c.committed(p.Topics.Incidents.Name))
	must(t, c.start(p, true).end())
	if after := len(c.committed(p.Topics.Incidents.Name)); after != before {
		t.Errorf("a run over nothing wrote %d incidents", after-before)
	}
}

func stagesApart(t *testing.T, c *cluster) {
	k := newKit()
	p := c.plan(k, small, "a", 2)
	feed := c.day(2, 60)
	must(t, c.client().Produce(c.context(), feed))
	for _, stages := range [][]string{{"ingest", "detect"}, {"operate"}, {"act"}} {
		r, err := NewRunner(c.context(), p, RunOptions{Options: options(t, p), Cluster: c.client().Cluster(), UntilEnd: true, Stages: stages})
		must(t, err)
		must(t, errors.Join(r.Run(c.context()), r.Close()))
	}
	for _, topic := range []string{p.Topics.Events.Name, p.Topics.Incidents.Name} {
		c.same(topic, ids(c.committed(topic)), localIDs(t, p, topic, feed))
	}
	if k.sink.flushed == 0 || k.sink.flushed != len(k.sink.written) {
		t.Errorf("of %d events %d are flushed", len(k.sink.written), k.sink.flushed)
	}
	if _, err := NewRunner(c.context(), p, RunOptions{Options: options(t, p), Cluster: c.client().Cluster(), Stages: []string{"judge"}}); pipeline.Code(err) != "plan.stage.unknown" {
		t.Errorf("a stage that does not exist: %v", err)
	}
}

func untilEndLeavesTheRest(t *testing.T, c *cluster) {
	p, client := c.plan(newKit(), echoes, "a", 2), c.client()
	ctx, stop := context.WithCancel(context.Background())
	var writing sync.WaitGroup
	writing.Go(func() { _, _ = c.trickle(ctx, client, 2) })
	defer func() { stop(); writing.Wait() }()
	left := []broker.TopicPartition{{Topic: c.name + ".left"}, {Topic: c.name + ".left", Partition: 1}}
	bounds := func() map[broker.TopicPartition]broker.Bounds {
		b, err := client.Bounds(c.context(), left)
		must(t, err)
		return b
	}
	c.until("some points", func() bool { return bounds()[left[1]].End > 10 })
	r := c.start(p, true)
	must(t, r.end())
	have, err := client.Committed(c.context(), p.Detect.Group, left)
	must(t, err)
	for _, tp := range left {
		if end := r.stages[0].ends[tp]; have[tp] != end || end == 0 || bounds()[tp].End <= end {
			t.Errorf("partition %d: position %d, the end was %d and is %d", tp.Partition, have[tp], end, bounds()[tp].End)
		}
	}
}

func theLoopCloses(t *testing.T, c *cluster) {
	k := newKit()
	p := c.plan(k, small, "a", 2)
	r := c.start(p, false)
	c.until("ready", func() bool { return r.Ready() == nil })
	must(t, r.Live())
	client := c.client()
	change := event(t, schemas.Event{ID: "deploy", Source: "/ci", Type: schemas.TypeChange, Time: (epoch + 12) * second, System: "shop"}, schemas.Change{Change: "deploy", Kind: "deploy"}, 0)
	must(t, client.Produce(c.context(), []broker.Message{{Topic: p.Topics.Inbox.Name, Partition: -1, Value: change.Value, Headers: change.Headers, Time: time.Unix(epoch+12, 0)}}))
	must(t, client.Produce(c.context(), c.day(2, 40)))
	answered := func() bool {
		k.sink.mu.Lock()
		defer k.sink.mu.Unlock()
		return k.sink.flushed > 0 && slices.ContainsFunc(c.committed(p.Topics.Incidents.Name), func(rec pipeline.Record) bool {
			typ, _ := rec.Header(schemas.HeaderType)
			about, _ := rec.Header(schemas.HeaderSubject)
			return string(typ) == schemas.TypeIncidentOpened && strings.HasPrefix(string(about), "deploy@")
		})
	}
	c.until("an incident for the deployment, written and handed to the sink", answered)
	r.halt()
}

// changesReach wants each lane of detect to hear of a change, also of sources that are keyed.
func changesReach(t *testing.T, c *cluster) {
	k := newKit()
	var heard []string
	var mu sync.Mutex
	k.AddDetector(pipeline.Spec{Name: "wary"}, func(pipeline.Settings) (pipeline.Detector, error) { return &wary{heard: &heard, mu: &mu}, nil })
	p := c.plan(k, strings.Replace(small, "detect: [bucket, ", "columns: {always: true, partitions: 3}\ndetect: [bucket, wary, ", 1), "a", 2)
	r := c.start(p, false)
	c.until("ready", func() bool { return r.Ready() == nil })
	change := event(t, schemas.Event{ID: "deploy", Source: "/ci", Type: schemas.TypeChange, Time: (epoch + 12) * second, System: "shop"}, schemas.Change{Change: "deploy", Kind: "deploy"}, 0)
	must(t, c.client().Produce(c.context(), []broker.Message{{Topic: p.Topics.Inbox.Name, Partition: -1, Value: change.Value, Headers: change.Headers, Time: time.Unix(epoch+12, 0)}}))
	c.until("all lanes to hear of the change", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(heard) == 3
	})
	r.halt()
}

// stateless findings only: a lane's state is not kept over a restart, what it has written is.
const echoes = `
version: 1
name: small
instance: a
kafka: {commit_interval: 50ms}
scope: {entity: ["{{metric}}"], system: "{{metric}}"}
sources:
  - {name: left, topic: left, codec: lines, keyed: true, disorder: 1h, late: dead_letter, max_future_skew: 0s}
detect: [echo, breaker]
`

// trickle writes points to the partitions of left until ctx ends, and returns what it wrote.
func (c *cluster) trickle(ctx context.Context, client *broker.Client, partitions int) ([]broker.Message, error) {
	var out []broker.Message
	for i := 0; ctx.Err() == nil; i++ {
		var some []broker.Message
		for p := range partitions {
			some = append(some, c.point("left", p, fmt.Sprint("l", p), float64(i), float64(i)/100))
		}
		if err := client.Produce(context.WithoutCancel(ctx), some); err != nil {
			return out, err
		}
		out = append(out, some...)
		select {
		case <-ctx.Done():
		case <-time.After(time.Millisecond):
		}
	}
	return out, nil
}

// onceWhile runs f while points trickle in, then takes the pipeline to its end, and expects each output once.
func (c *cluster) onceWhile(k *kit, partitions int, f func(p *plan.Plan)) {
	c.t.Helper()
	p, client := c.plan(k, echoes, "a", partitions), c.client()
	ctx, stop := context.WithCancel(context.Background())
	var feed []broker.Message
	var failed error
	var writing sync.WaitGroup
	writing.Go(func() { feed, failed = c.trickle(ctx, client, partitions) })
	c.t.Cleanup(func() { stop(); writing.Wait() })
	f(p)
	stop()
	writing.Wait()
	must(c.t, failed, c.start(p, true).end())
	c.same("findings", ids(c.committed(p.Topics.Events.Name)), localIDs(c.t, p, p.Topics.Events.Name, feed))
}

// grown waits until more than n records are committed in the events topic and returns their number.
func (c *cluster) grown(p *plan.Plan, n int) int {
	c.t.Helper()
	now := 0
	c.until("more findings", func() bool {
		now = len(ids(c.committed(p.Topics.Events.Name)))
		return now > n+50
	})
	return now
}

func onceOverRestarts(t *testing.T, c *cluster) {
	c.onceWhile(newKit(), 2, func(p *plan.Plan) {
		n := 0
		for range 4 {
			r := c.start(p, false)
			c.until("the events topic", func() bool { return r.Ready() == nil })
			n = c.grown(p, n)
			r.halt()
		}
	})
}

// doubtful is a transactor that often does not say what came of a transaction.
type doubtful struct {
	broker.Writer
	calls int
}

func (d *doubtful) Commit(ctx context.Context, outputs []broker.Message, shares []broker.Share) error {
	d.calls++
	switch d.calls % 3 {
	case 1:
		return fmt.Errorf("it never went out: %w", broker.ErrDoubt)
	case 2:
		if err := d.Writer.Commit(ctx, outputs, shares); err != nil {
			return err
		}
		return fmt.Errorf("the answer was lost: %w", broker.ErrDoubt)
	}
	return d.Writer.Commit(ctx, outputs, shares)
}

func onceInDoubt(t *testing.T, c *cluster) {
	c.onceWhile(newKit(), 2, func(p *plan.Plan) {
		d := &doubtful{}
		r := c.start(p, false, func(r *Runner) {
			d.Writer = r.commit.transactor
			r.commit.transactor = d
		})
		c.until("ready", func() bool { return r.Ready() == nil })
		for n := c.grown(p, 0); d.count(r) < 12; n = c.grown(p, n) {
		}
		r.halt()
	})
}

func (d *doubtful) count(r *running) int {
	must(r.c.t, r.commit.mu.take(r.c.context()))
	defer r.commit.mu.give()
	return d.calls
}

// share returns how many partitions of left a process has.
func (r *running) share() (n int) {
	s := r.stages[0]
	s.mu.Lock()
	defer s.mu.Unlock()
	for tp := range s.lanes {
		if strings.HasSuffix(tp.Topic, ".left") {
			n++
		}
	}
	return n
}

func twoShare(t *testing.T, c *cluster) {
	k := newKit()
	c.onceWhile(k, 4, func(p *plan.Plan) {
		one := c.start(p, false)
		c.until("ready", func() bool { return one.share() == 4 })
		kept := one.lanesOf()
		n := c.grown(p, 0)
		two := c.start(c.plan(k, echoes, "b", 4), false)
		c.until("an even share", func() bool { return one.share() == 2 && two.share() == 2 })
		same := 0
		for tp, l := range one.lanesOf() {
			if kept[tp] == l {
				same++
			}
		}
		if same == 0 {
			t.Error("all lanes were made anew, also those whose partitions stayed")
		}
		n = c.grown(p, n)
		two.halt()
		c.until("all again", func() bool { return one.share() == 4 })
		c.grown(p, n)
		one.halt()
	})
}

func (r *running) lanesOf() map[broker.TopicPartition]lane {
	s := r.stages[0]
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[broker.TopicPartition]lane{}
	for tp, l := range s.lanes {
		out[tp] = l.lane
	}
	return out
}

func failedLaneEnds(t *testing.T, c *cluster) {
	k := newKit()
	k.poison = 13
	p := c.plan(k, echoes, "a", 2)
	must(t, c.client().Produce(c.context(), []broker.Message{c.point("left", 0, "good", 1, 1), c.point("left", 1, "bad", 13, 1)}))
	r := c.start(p, true)
	err := r.end()
	want := fmt.Sprintf("stage detect: lane %s.left/1 stopped between the offsets 0 and 1: operator breaker: a value of 13", c.name)
	if err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
	have, err := c.client().Committed(c.context(), p.Detect.Group, []broker.TopicPartition{{Topic: c.name + ".left", Partition: 1}})
	must(t, err)
	if at := have[broker.TopicPartition{Topic: c.name + ".left", Partition: 1}]; at != -1 {
		t.Errorf("the failed lane's position is committed: %d", at)
	}
	for _, rec := range c.committed(p.Topics.Events.Name) {
		if about, _ := rec.Header(schemas.HeaderSubject); strings.HasPrefix(string(about), "bad") {
			t.Errorf("an output of the failed lane is committed: %s", about)
		}
	}
}

func slowLanePauses(t *testing.T, c *cluster) {
	k := newKit()
	k.gate = make(chan struct{})
	var once sync.Once
	open := func() { once.Do(func() { close(k.gate) }) }
	defer open()
	p := c.plan(k, echoes, "a", 1)
	p.Limits.Memory = 1 // so that each lane has the least, 1 MiB
	random := rand.New(rand.NewPCG(1, 1))
	var feed []broker.Message
	for i := range 40 {
		m := c.point("left", 0, "l", float64(i), float64(i))
		m.Value = append(m.Value, ' ')
		for range 200_000 {
			m.Value = append(m.Value, byte('a'+random.IntN(26))) // a fourth word, which the codec passes over
		}
		feed = append(feed, m)
	}
	for _, m := range feed {
		must(t, c.client().Produce(c.context(), []broker.Message{m}))
	}
	r := c.start(p, true)
	flowOf := func() *flow {
		s := r.stages[0]
		s.mu.Lock()
		defer s.mu.Unlock()
		if l := s.lanes[broker.TopicPartition{Topic: c.name + ".left"}]; l != nil {
			return &l.flow
		}
		return nil
	}
	paused := func() (bool, int64) {
		f := flowOf()
		if f == nil {
			return false, 0
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.paused, f.bytes
	}
	c.until("paused", func() bool { is, _ := paused(); return is })
	if _, bytes := paused(); bytes > 4<<20 {
		t.Errorf("%d bytes are fetched with a limit of 1 MiB", bytes)
	}
	open()
	must(t, r.end())
	c.same("findings", ids(c.committed(p.Topics.Events.Name)), localIDs(t, p, p.Topics.Events.Name, feed))
}

func plainRun(t *testing.T, c *cluster) {
	k := newKit()
	p := c.plan(k, strings.Replace(echoes, "50ms}", "50ms, transactions: false}", 1), "a", 2)
	var feed []broker.Message
	for i := range 50 {
		feed = append(feed, c.point("left", i%2, fmt.Sprint("l", i%2), float64(i), float64(i)))
	}
	must(t, c.client().Produce(c.context(), feed))
	must(t, c.start(p, true).end())
	must(t, c.start(p, true).end())
	got := ids(c.committed(p.Topics.Events.Name))
	c.same("findings", slices.Compact(got), localIDs(t, p, p.Topics.Events.Name, feed))
}
