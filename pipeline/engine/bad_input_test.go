package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/internal/broker/apachekafka"
	"github.com/homeostat/homeostat/internal/broker/embedded"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/plan"
)

// What people and machines do to a cluster under a pipeline: each ends in an error with a code that says what to do, or is
// waited out visibly, and nothing that was acknowledged is lost.

// badCases are promises whatever the broker is. Those that stop the broker come one after the other; the others at once.
var badCases = []struct {
	name string
	run  func(*testing.T, *cluster)
}{
	{"a deleted source topic ends the run", deletedSourceEnds},
	{"a deleted topic of the pipeline's own ends the run", deletedEventsEnds},
	{"partitions added to a keyed source are taken up", addedToKeyed},
	{"partitions added to an unkeyed source end the run", addedToUnkeyed},
	{"partitions added to a shared-out source are taken up", addedToSharedOut},
	{"positions set to the beginning repeat all with the same ids", resetToBeginning},
	{"positions set to the end skip what lies between", resetToEnd},
	{"a deleted group goes on from its snapshots", groupDeleted},
}

// power turns a broker off and on; its data stay.
type power struct {
	address string
	off, on func() error
}

func TestBadInputOnTheEmbeddedBroker(t *testing.T) {
	t.Parallel() // it mostly waits
	dir := t.TempDir()
	b, err := embedded.Start(embedded.Options{MinSession: time.Second, Dir: dir})
	must(t, err)
	address := b.Addr()
	var port int
	_, err = fmt.Sscanf(address[strings.LastIndexByte(address, ':')+1:], "%d", &port)
	must(t, err)
	t.Cleanup(func() { b.Close() })
	badInput(t, &power{address: address, off: func() error { b.Close(); return nil }, on: func() (err error) {
		b, err = embedded.Start(embedded.Options{MinSession: time.Second, Dir: dir, Port: port})
		return err
	}})
}

func TestBadInputOnApacheKafka(t *testing.T) {
	t.Parallel() // with the other one that mostly waits for a broker
	b := apachekafka.Start(t)
	badInput(t, &power{address: b.Addr(), off: b.Crash, on: b.Restart})
}

func badInput(t *testing.T, p *power) {
	name := func() string { return fmt.Sprintf("b%d-%d", os.Getpid(), clusters.Add(1)) }
	t.Run("brokers that are down at the start are waited for", func(t *testing.T) {
		absentAtStart(t, &cluster{t: t, bootstrap: p.address, name: name()}, p)
	})
	t.Run("an outage is waited out", func(t *testing.T) {
		outage(t, &cluster{t: t, bootstrap: p.address, name: name()}, p)
	})
	t.Run("with the brokers up", func(t *testing.T) {
		for _, c := range badCases {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				c.run(t, &cluster{t: t, bootstrap: p.address, name: name()})
			})
		}
	})
}

// memo is a log that is read while it is written.
type memo struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (m *memo) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.b.Write(p)
}

func (m *memo) has(text string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.Contains(m.b.String(), text)
}

// patient is a client as the command run has it: it waits for brokers for as long as it takes.
func (c *cluster) patient(log io.Writer, patience time.Duration) *broker.Client {
	c.t.Helper()
	client, err := broker.Open(broker.Config{Bootstrap: []string{c.bootstrap}, Patience: patience, Logger: slog.New(slog.NewTextHandler(log, nil))})
	must(c.t, err)
	c.t.Cleanup(client.Close)
	return client
}

// reading returns the value of a metric without labels.
func reading(t *testing.T, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := reg.Gather()
	must(t, err)
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}

func absentAtStart(t *testing.T, c *cluster, power *power) {
	p := c.plan(newKit(), echoes, "a", 1)
	must(t, c.client().Produce(c.context(), []broker.Message{c.point("left", 0, "l0", 1, 1)}), power.off())
	o := RunOptions{Options: options(t, p), Cluster: c.patient(io.Discard, -1).Cluster(), StartLimit: 300 * time.Millisecond}
	if _, err := NewRunner(c.context(), p, o); pipeline.Code(err) != "kafka.unreachable" || !strings.Contains(err.Error(), "are the brokers up") {
		t.Errorf("a start with a limit: %v", err)
	}
	log := &memo{}
	o.Cluster, o.StartLimit, o.UntilEnd = c.patient(log, -1).Cluster(), time.Minute, true
	done := make(chan error, 1)
	go func() {
		r, err := NewRunner(c.context(), p, o)
		if err == nil {
			err = errors.Join(r.Run(c.context()), r.Close())
		}
		done <- err
	}()
	c.until("a line that says what is waited for", func() bool { return log.has("no broker answers") && log.has(c.bootstrap) })
	must(t, power.on(), <-done)
	if !log.has("the brokers answer again") {
		t.Error("the log does not say that the brokers are back")
	}
	if n := len(ids(c.committed(p.Topics.Events.Name))); n != 1 {
		t.Errorf("%d findings", n)
	}
}

// outage takes the brokers away while rows are on their way: the run goes on by itself, and every finding is there once. That a
// wait has no end is tested with a wait of a second, which ends the run; a real outage of ten minutes is simulated.
func outage(t *testing.T, c *cluster, power *power) {
	k := newKit()
	p := c.plan(k, echoes, "a", 2)
	log, reg := &memo{}, prometheus.NewRegistry()
	o := RunOptions{Options: options(t, p), Cluster: c.patient(log, -1).Cluster()}
	o.Metrics = reg
	r, err := NewRunner(c.context(), p, o)
	must(t, err)
	ctx, stop := context.WithCancel(c.context())
	run := &running{Runner: r, c: c, stop: stop, done: make(chan error, 1)}
	go func() { run.done <- r.Run(ctx) }()
	t.Cleanup(func() { stop(); _ = r.Close() })
	var feed []broker.Message
	for i := range 4000 {
		feed = append(feed, c.point("left", i%2, fmt.Sprint("l", i%2), float64(i), float64(i)/100))
	}
	client := c.patient(io.Discard, -1)
	must(t, client.Produce(c.context(), feed[:2000]))
	c.until("the first findings", func() bool { return r.Ready() == nil && len(ids(c.committed(p.Topics.Events.Name))) > 0 })
	must(t, power.off())
	c.until("it says so", func() bool {
		return pipeline.Code(r.Ready()) == "engine.kafka.unreachable" && reading(t, reg, "homeostat_kafka_unreachable_seconds") > 10 && log.has("no broker answers")
	})
	if err := r.Live(); err != nil {
		t.Errorf("it counts as dead, though it only waits: %v", err)
	}
	must(t, power.on(), client.Produce(c.context(), feed[2000:]))
	c.until("ready again", func() bool { return r.Ready() == nil && reading(t, reg, "homeostat_kafka_unreachable_seconds") == 0 })
	// The producer is one without transactions: what it writes while the brokers come back may be in the topic twice.
	var wrote []broker.Message
	for _, rec := range c.committed(p.Sources[0].Topic) {
		wrote = append(wrote, broker.Message{Topic: rec.Topic, Partition: rec.Partition, Time: time.UnixMilli(rec.Timestamp), Key: rec.Key, Value: rec.Value, Headers: rec.Headers})
	}
	if n := len(wrote) - len(feed); n != 0 {
		t.Logf("the producer wrote %d rows twice", n)
	}
	c.until("all findings", func() bool {
		select {
		case err := <-run.done:
			t.Fatalf("the run ended: %v", err)
		default:
		}
		return len(ids(c.committed(p.Topics.Events.Name))) >= len(wrote)
	})
	run.halt()
	c.same("findings", ids(c.committed(p.Topics.Events.Name)), localIDs(t, p, p.Topics.Events.Name, wrote))
}

// admin asks the broker for what a person may do with Kafka's tools.
func (c *cluster) admin() *kgo.Client {
	c.t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.bootstrap), kgo.MaxVersions(kversion.V3_8_0())) // topics by their names
	must(c.t, err)
	c.t.Cleanup(cl.Close)
	return cl
}

// deleteTopic returns when the broker does not know the topic any more: the controller only says that it will go, and until then
// transactions still write to it.
func (c *cluster) deleteTopic(name string) {
	c.t.Helper()
	req := kmsg.NewPtrDeleteTopicsRequest()
	req.TopicNames, req.TimeoutMillis = []string{name}, 10_000
	topic := kmsg.NewDeleteTopicsRequestTopic()
	topic.Topic = &name
	req.Topics = append(req.Topics, topic)
	res, err := req.RequestWith(c.context(), c.admin())
	must(c.t, err, kerr.ErrorForCode(res.Topics[0].ErrorCode))
	client := c.client()
	c.until("the topic to be gone", func() bool {
		_, err := client.Partitions(c.context(), name)
		return pipeline.Code(err) == "kafka.topic.missing"
	})
}

func (c *cluster) addPartitions(name string, total int32) {
	c.t.Helper()
	req := kmsg.NewPtrCreatePartitionsRequest()
	topic := kmsg.NewCreatePartitionsRequestTopic()
	topic.Topic, topic.Count = name, total
	req.Topics, req.TimeoutMillis = append(req.Topics, topic), 10_000
	res, err := req.RequestWith(c.context(), c.admin())
	must(c.t, err, kerr.ErrorForCode(res.Topics[0].ErrorCode))
}

// setPosition does what kafka-consumer-groups --reset-offsets does to a group without members.
func (c *cluster) setPosition(group string, tp broker.TopicPartition, to int64) {
	c.t.Helper()
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group, req.Generation = group, -1
	topic, part := kmsg.NewOffsetCommitRequestTopic(), kmsg.NewOffsetCommitRequestTopicPartition()
	part.Partition, part.Offset = tp.Partition, to
	topic.Topic, topic.Partitions = tp.Topic, append(topic.Partitions, part)
	req.Topics = append(req.Topics, topic)
	res, err := req.RequestWith(c.context(), c.admin())
	must(c.t, err, kerr.ErrorForCode(res.Topics[0].Partitions[0].ErrorCode))
}

// began waits until a run is ready and has committed something.
func (c *cluster) began(r *running, p *plan.Plan) {
	c.t.Helper()
	c.until("the first findings", func() bool { return r.Ready() == nil && len(ids(c.committed(p.Topics.Events.Name))) > 0 })
}

func deletedSourceEnds(t *testing.T, c *cluster) {
	p, client := c.plan(newKit(), windowed, "a", 1), c.client()
	left := broker.TopicPartition{Topic: c.name + ".left"}
	feed := slices.DeleteFunc(c.day(1, 120), func(m broker.Message) bool { return m.Topic != left.Topic })
	must(t, client.Produce(c.context(), feed))
	r := c.start(p, false)
	c.began(r, p)
	c.reached(p, left, int64(len(feed)))
	store := StateStore(p, client.Cluster())
	kept := func() int64 {
		found, err := store.Load(c.context(), "left/0")
		must(t, err)
		return found["left/0"][0].Manifest.Position
	}
	c.until("a snapshot", func() bool { return kept() == int64(len(feed)) })
	before := kept()
	c.deleteTopic(left.Topic)
	err := r.end()
	if code := pipeline.Code(err); code != "kafka.topic.missing" && code != "kafka.partition.missing" || !strings.Contains(err.Error(), left.Topic) {
		t.Errorf("the run ended with %v", err)
	}
	// The topic is made again, with fewer records than the pipeline has read.
	must(t, client.EnsureTopics(c.context(), []broker.Topic{{Name: left.Topic, Partitions: 1, Settings: map[string]string{"retention.ms": "-1"}}}))
	must(t, client.Produce(c.context(), feed[:3]))
	again := c.start(p, true).end()
	var gap *broker.GapError
	if !errors.As(again, &gap) || gap.To >= gap.From || !strings.Contains(again.Error(), "kafka.offset.beyond") || !strings.Contains(again.Error(), "state rm") {
		t.Errorf("with a topic that was made again: %v", again)
	}
	if after := kept(); after != before || before == 0 {
		t.Errorf("the snapshot was at %d and is at %d", before, after)
	}
	// The remedy that the error names.
	must(t, store.Delete(c.context(), "left/0"))
	c.setPosition(p.Detect.Group, left, 0)
	must(t, c.start(p, true).end())
	have, err := client.Committed(c.context(), p.Detect.Group, []broker.TopicPartition{left})
	if must(t, err); have[left] != 3 {
		t.Errorf("after the remedy the position is %d", have[left])
	}
}

func deletedEventsEnds(t *testing.T, c *cluster) {
	p, client := c.plan(newKit(), echoes, "a", 1), c.client()
	left := broker.TopicPartition{Topic: c.name + ".left"}
	must(t, client.Produce(c.context(), []broker.Message{c.point("left", 0, "l0", 1, 1)}))
	r := c.start(p, false)
	c.began(r, p)
	c.reached(p, left, 1)
	c.deleteTopic(p.Topics.Events.Name)
	must(t, client.Produce(c.context(), []broker.Message{c.point("left", 0, "l0", 2, 2)}))
	err := r.end()
	switch pipeline.Code(err) {
	case "kafka.topic.gone", "kafka.topic.missing":
	default:
		t.Errorf("the run ended with %v", err)
	}
	have, err := client.Committed(c.context(), p.Detect.Group, []broker.TopicPartition{left})
	if must(t, err); have[left] != 1 {
		t.Errorf("the position moved to %d though the finding has no topic", have[left])
	}
	must(t, c.start(p, true).end())
	if got := len(ids(c.committed(p.Topics.Events.Name))); got != 1 {
		t.Errorf("%d findings after the restart, want the one that was not committed", got)
	}
}

func addedToKeyed(t *testing.T, c *cluster) {
	p, client := c.plan(newKit(), windowed, "a", 1), c.client()
	left := c.name + ".left"
	feed := slices.DeleteFunc(c.day(1, 60), func(m broker.Message) bool { return m.Topic != left })
	must(t, client.Produce(c.context(), feed))
	r := c.start(p, false)
	c.reached(p, broker.TopicPartition{Topic: left}, int64(len(feed)))
	c.addPartitions(left, 3)
	c.until("the new partitions", func() bool { return r.share() == 3 })
	more := slices.DeleteFunc(c.day(3, 120), func(m broker.Message) bool { return m.Topic != left || m.Partition == 0 })
	must(t, client.Produce(c.context(), more))
	for part := range int32(2) {
		c.reached(p, broker.TopicPartition{Topic: left, Partition: part + 1}, 120)
	}
	// Operate waits for the time of the new lanes as well.
	c.until("operate knows the new lanes", func() bool {
		s := r.stages[1]
		_, lanes := s.current()
		for _, l := range lanes {
			l.work.Lock()
			o, ok := l.lane.(*operateLane)
			n := 0
			if ok {
				n = len(o.upstream.expected)
			}
			l.work.Unlock()
			if n != 3 {
				return false
			}
		}
		return len(lanes) > 0
	})
	r.halt()
	must(t, c.start(p, true).end())
	found := ids(c.committed(p.Topics.Events.Name))
	if !slices.Equal(found, slices.Compact(slices.Clone(found))) || len(found) == 0 {
		t.Errorf("%d findings, some of them twice", len(found))
	}
}

func addedToUnkeyed(t *testing.T, c *cluster) {
	p, client := c.plan(newKit(), strings.Replace(windowed, "keyed: true", "keyed: false", 1), "a", 1), c.client()
	left := c.name + ".left"
	must(t, client.Produce(c.context(), []broker.Message{c.point("left", 0, "l0", 1, 1)}))
	r := c.start(p, false)
	c.reached(p, broker.TopicPartition{Topic: left}, 1)
	c.addPartitions(left, 2)
	if err := r.end(); pipeline.Code(err) != "plan.partitions.added" {
		t.Errorf("%v", err)
	}
}

func addedToSharedOut(t *testing.T, c *cluster) {
	p, client := c.plan(newKit(), unkeyed, "a", 2), c.client()
	left := c.name + ".left"
	feed := c.spread(2, 60)
	must(t, client.Produce(c.context(), feed))
	r := c.start(p, false)
	c.until("the first rows", func() bool { return r.Ready() == nil && r.share() == 2 })
	c.addPartitions(left, 4)
	c.until("the new partitions", func() bool { return r.share() == 4 })
	more := c.spread(4, 120)[len(feed):]
	must(t, client.Produce(c.context(), more))
	c.until("rows of the new partitions", func() bool {
		tp := broker.TopicPartition{Topic: left, Partition: 3}
		have, err := client.Committed(c.context(), p.Ingest.Group, []broker.TopicPartition{tp})
		must(t, err)
		return have[tp] > 0
	})
	r.halt()
	must(t, c.start(p, true).end())
	c.balanced(p, len(feed)+len(more))
}

// ran takes a pipeline with state to the end of a feed, and returns what it found.
func (c *cluster) ran(k *kit, seconds int) (p *plan.Plan, left broker.TopicPartition, feed []broker.Message, events, incidents []string) {
	c.t.Helper()
	p, left = c.plan(k, windowed, "a", 1), broker.TopicPartition{Topic: c.name + ".left"}
	feed = slices.DeleteFunc(c.day(1, seconds), func(m broker.Message) bool { return m.Topic != left.Topic })
	must(c.t, c.client().Produce(c.context(), feed))
	must(c.t, c.start(p, true).end())
	events, incidents = ids(c.committed(p.Topics.Events.Name)), ids(c.committed(p.Topics.Incidents.Name))
	if len(events) == 0 || len(incidents) == 0 {
		c.t.Fatal("nothing is found, so nothing is tested")
	}
	return p, left, feed, events, incidents
}

// resetToBeginning: no snapshot lies at or before the position, so the lane begins empty and finds all anew, with the ids that
// it had. Operate knows these ids and opens nothing twice.
func resetToBeginning(t *testing.T, c *cluster) {
	p, left, _, events, incidents := c.ran(newKit(), 120)
	c.setPosition(p.Detect.Group, left, 0)
	must(t, c.start(p, true).end())
	again := ids(c.committed(p.Topics.Events.Name))
	if !slices.Equal(slices.Compact(slices.Clone(again)), slices.Compact(slices.Clone(events))) || len(again) != 2*len(events) {
		t.Errorf("%d events became %d", len(events), len(again))
	}
	c.same("incidents", ids(c.committed(p.Topics.Incidents.Name)), incidents)
}

// resetToEnd: the state goes on through what is skipped, silently; nothing of it comes out.
func resetToEnd(t *testing.T, c *cluster) {
	p, left, feed, events, _ := c.ran(newKit(), 60)
	skipped := slices.DeleteFunc(c.day(1, 120), func(m broker.Message) bool { return m.Topic != left.Topic })[len(feed):]
	must(t, c.client().Produce(c.context(), skipped))
	c.setPosition(p.Detect.Group, left, int64(len(feed)+len(skipped)))
	must(t, c.start(p, true).end())
	again := ids(c.committed(p.Topics.Events.Name))
	// Windows of 10 s, with 20 s of disorder: three are still open at the end.
	if aWindow := len(events) / 6; len(again) > len(events)+3*aWindow {
		t.Errorf("%d events became %d: no more than those of the windows that were open are to come", len(events), len(again))
	}
	found, err := StateStore(p, c.client().Cluster()).Load(c.context(), "left/0")
	must(t, err)
	if at := found["left/0"][0].Manifest; at.Position != int64(len(feed)+len(skipped)) || at.Account.In != at.Position {
		t.Errorf("the state is at %d and has seen %d rows", at.Position, at.Account.In)
	}
}

// groupDeleted: without positions the lanes go on where their snapshots are.
func groupDeleted(t *testing.T, c *cluster) {
	p, left, feed, _, _ := c.ran(newKit(), 60)
	req := kmsg.NewPtrDeleteGroupsRequest()
	req.Groups = []string{p.Detect.Group}
	admin := c.admin()
	c.until("the group to be deleted", func() bool {
		res, err := req.RequestWith(c.context(), admin)
		must(t, err)
		return res.Groups[0].ErrorCode == 0 || errors.Is(kerr.ErrorForCode(res.Groups[0].ErrorCode), kerr.GroupIDNotFound)
	})
	more := slices.DeleteFunc(c.day(1, 120), func(m broker.Message) bool { return m.Topic != left.Topic })[len(feed):]
	must(t, c.client().Produce(c.context(), more), c.start(p, true).end())
	found := ids(c.committed(p.Topics.Events.Name))
	if !slices.Equal(found, slices.Compact(slices.Clone(found))) {
		t.Errorf("%d findings, some of them twice", len(found))
	}
	have, err := c.client().Committed(c.context(), p.Detect.Group, []broker.TopicPartition{left})
	if must(t, err); have[left] != int64(len(feed)+len(more)) {
		t.Errorf("the position is %d", have[left])
	}
	c.balanced(p, len(feed)+len(more))
}

// Once told to end, a process ends, also if a lane is at something that does not.
func TestDrainIsBounded(t *testing.T) {
	b, err := embedded.Start(embedded.Options{MinSession: time.Second})
	must(t, err)
	defer b.Close()
	c := &cluster{t: t, bootstrap: b.Addr(), name: "drain"}
	k := newKit()
	k.gate = make(chan struct{})
	p := c.plan(k, echoes, "a", 1)
	must(t, c.client().Produce(c.context(), []broker.Message{c.point("left", 0, "l0", 1, 1)}))
	r, err := NewRunner(c.context(), p, RunOptions{Options: options(t, p), Cluster: c.client().Cluster(), Drain: 200 * time.Millisecond})
	must(t, err)
	var ended atomic.Bool
	ctx, stop := context.WithCancel(c.context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx); ended.Store(true) }()
	c.until("a lane at work", func() bool { _, busy := r.stages[0].stalled(0); return busy })
	if ended.Load() {
		t.Fatal("it ended before it was told to")
	}
	stop()
	err = <-done
	if pipeline.Code(err) != "engine.drain" || !strings.Contains(err.Error(), "drain.left/0 of stage detect is at one input") {
		t.Errorf("%v", err)
	}
	must(t, r.Close())
	close(k.gate) // so that what was left behind ends before the test does
	c.until("the rest", func() bool { g, _ := r.stages[0].current(); return g == nil })
}
