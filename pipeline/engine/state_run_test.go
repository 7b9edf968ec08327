package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/plan"
	"github.com/homeostat/homeostat/schemas"
)

// mortal is a cluster as a process sees it that can be killed: from then on nothing it does reaches the brokers.
type mortal struct {
	broker.Cluster
	dead atomic.Bool
}

var errKilled = errors.New("killed")

func (m *mortal) Produce(ctx context.Context, messages []broker.Message) error {
	if m.dead.Load() {
		return errKilled
	}
	return m.Cluster.Produce(ctx, messages)
}

func (m *mortal) NewWriter(ctx context.Context, cfg broker.TransactorConfig) (broker.Writer, error) {
	w, err := m.Cluster.NewWriter(ctx, cfg)
	return &mortalWriter{w, m}, err
}

type mortalWriter struct {
	broker.Writer
	of *mortal
}

func (w *mortalWriter) Commit(ctx context.Context, outputs []broker.Message, shares []broker.Share) error {
	if w.of.dead.Load() {
		return errKilled
	}
	return w.Writer.Commit(ctx, outputs, shares)
}

// windowed is a chain whose outputs depend on all that came before.
const windowed = `
version: 1
name: small
instance: a
kafka: {commit_interval: 50ms}
state: {interval: 1s}
scope: {entity: ["{{metric}}"], system: shop}
sources:
  - {name: left, topic: left, codec: lines, keyed: true, disorder: 20s, late: dead_letter, max_future_skew: 0s}
detect:
  - bucket: {size: 10s}
  - high
operate: [incident, answer]
`

// begin starts a process of a plan that can be killed.
func (c *cluster) begin(p *plan.Plan) (*running, *mortal) {
	c.t.Helper()
	m := &mortal{Cluster: c.client().Cluster()}
	r, err := NewRunner(c.context(), p, RunOptions{Options: options(c.t, p), Cluster: m})
	must(c.t, err)
	ctx, cancel := context.WithCancel(c.context())
	run := &running{Runner: r, c: c, stop: cancel, done: make(chan error, 1)}
	go func() { run.done <- r.Run(ctx) }()
	c.t.Cleanup(func() { cancel(); _ = r.Close() })
	return run, m
}

// kill ends a process at once.
func (r *running) kill(m *mortal) {
	r.c.t.Helper()
	m.dead.Store(true)
	r.stop()
	if err := r.end(); err != nil && !errors.Is(err, errKilled) {
		r.c.t.Fatal(err)
	}
}

// reached waits until a process has committed all of a partition.
func (c *cluster) reached(p *plan.Plan, tp broker.TopicPartition, position int64) {
	c.t.Helper()
	client := c.client()
	c.until("the position", func() bool {
		have, err := client.Committed(c.context(), p.Detect.Group, []broker.TopicPartition{tp})
		must(c.t, err)
		return have[tp] >= position
	})
}

// stateSurvives kills a process in the middle of windows, once before more than the beginning is saved, and expects what one
// undisturbed process writes.
func stateSurvives(t *testing.T, c *cluster) {
	p, client := c.plan(newKit(), windowed, "a", 1), c.client()
	feed := c.day(1, 120)
	feed = slices.DeleteFunc(feed, func(m broker.Message) bool { return m.Topic != c.name+".left" })
	tp, store, sent := broker.TopicPartition{Topic: c.name + ".left"}, StateStore(p, client.Cluster()), 0
	for i, cut := range []int{31, 61, 91} {
		must(t, client.Produce(c.context(), feed[sent:cut]))
		sent = cut
		r, m := c.begin(p)
		c.reached(p, tp, int64(cut))
		if i > 0 {
			c.until("a snapshot", func() bool {
				found, err := store.Load(c.context(), "left/0")
				must(t, err)
				return found["left/0"][0].Err == nil && found["left/0"][0].Position == int64(cut)
			})
		}
		r.kill(m)
	}
	must(t, client.Produce(c.context(), feed[sent:]), c.start(p, true).end())
	for _, topic := range []string{p.Topics.Events.Name, p.Topics.Incidents.Name} {
		c.same(topic, ids(c.committed(topic)), localIDs(t, p, topic, feed))
	}
	found, err := store.Load(c.context())
	must(t, err)
	if a := found["left/0"][0].Account; !a.Balanced() || a.In != int64(len(feed)) || a.On != a.In {
		t.Errorf("the ledger says %+v", a)
	}
}

// unsettled is a cluster whose group comes to no second generation. waiting is closed when the process asks for it.
type unsettled struct {
	broker.Cluster
	group   string
	waiting chan struct{}
}

func (u *unsettled) JoinGroup(cfg broker.GroupConfig) (broker.Member, error) {
	m, err := u.Cluster.JoinGroup(cfg)
	if cfg.ID != u.group {
		return m, err
	}
	return &firstOnly{Member: m, waiting: u.waiting}, err
}

type firstOnly struct {
	broker.Member
	asked   bool
	waiting chan struct{}
}

func (f *firstOnly) Next(ctx context.Context) (*broker.Generation, error) {
	if !f.asked {
		f.asked = true
		return f.Member.Next(ctx)
	}
	close(f.waiting)
	<-ctx.Done()
	return nil, ctx.Err()
}

// savedWhilePartitionsChangeHands ends a process that has given its partitions back and waits for others.
func savedWhilePartitionsChangeHands(t *testing.T, c *cluster) {
	p, client := c.plan(newKit(), strings.Replace(windowed, "interval: 1s", "interval: 1h", 1), "a", 1), c.client()
	feed := slices.DeleteFunc(c.day(1, 60), func(m broker.Message) bool { return m.Topic != c.name+".left" })
	must(t, client.Produce(c.context(), feed))
	u := &unsettled{Cluster: client.Cluster(), group: p.Detect.Group, waiting: make(chan struct{})}
	r, err := NewRunner(c.context(), p, RunOptions{Options: options(t, p), Cluster: u})
	must(t, err)
	ctx, stop := context.WithCancel(c.context())
	run := &running{Runner: r, c: c, stop: stop, done: make(chan error, 1)}
	go func() { run.done <- r.Run(ctx) }()
	tp := broker.TopicPartition{Topic: c.name + ".left"}
	c.reached(p, tp, int64(len(feed)))
	other, err := client.JoinGroup(broker.GroupConfig{ID: p.Detect.Group, Topics: []string{tp.Topic}, Session: 6 * time.Second})
	must(t, err)
	joining, leave := context.WithCancel(c.context())
	joined := make(chan struct{})
	go func() { _, _ = other.Next(joining); close(joined) }()
	<-u.waiting
	run.halt()
	leave()
	<-joined
	other.Close()
	found, err := StateStore(p, client.Cluster()).Load(c.context(), "left/0")
	must(t, err)
	if s := found["left/0"][0]; s.Err != nil || s.Position != int64(len(feed)) || s.Account.In != int64(len(feed)) {
		t.Errorf("the newest snapshot is of position %d, accounts for %d of %d rows, %v", s.Position, s.Account.In, len(feed), s.Err)
	}
}

// spread writes each series to all partitions in turn, as producers do that don't key.
func (c *cluster) spread(partitions, seconds int) []broker.Message {
	var out []broker.Message
	for at := range seconds {
		for s := range 5 {
			out = append(out, c.point("left", (at+s)%partitions, fmt.Sprint("s", s), float64(at*(s+3)%7), float64(at)))
		}
	}
	return out
}

var unkeyed = strings.Replace(windowed, "keyed: true", "keyed: false", 1) + "columns: {partitions: 3}\n"

// rowsAreSharedOut expects of ingest, columns topic and detect what one lane finds that sees all rows in order.
func rowsAreSharedOut(t *testing.T, c *cluster) {
	p := c.plan(newKit(), unkeyed, "a", 4)
	feed := c.spread(4, 120)
	must(t, c.client().Produce(c.context(), feed))
	r := c.start(p, true)
	if !p.Ingest.Runs() || len(r.stages) != 3 {
		t.Fatalf("%d stages run, and ingest has the group %q", len(r.stages), p.Ingest.Group)
	}
	must(t, r.end())
	c.foundAll(p, feed)
	c.balanced(p, len(feed))
	var wrote []broker.Message
	for _, rec := range c.committed(p.Topics.Columns.Name) {
		wrote = append(wrote, broker.Message{Partition: rec.Partition, Value: rec.Value, Headers: rec.Headers})
	}
	c.same("rows of a replay", c.rowsOf(c.replayed(p, "ingest")[p.Topics.Columns.Name]), c.rowsOf(wrote))
}

// rowsOf lists the rows in messages of the columns topic, sorted.
func (c *cluster) rowsOf(messages []broker.Message) (out []string) {
	c.t.Helper()
	table := pipeline.NewSeriesTable(nil, 0)
	for _, m := range messages {
		if header(m, schemas.HeaderKind) == "" {
			continue
		}
		b, _, err := schemas.NewRowsReader(table).Read(pipeline.Points, m.Value)
		must(c.t, err)
		for i, s := range b.Record.Column(pipeline.PointSeries).(*array.Uint32).Uint32Values() {
			out = append(out, fmt.Sprint(m.Partition, table.At(s).Key(), b.Record.Column(pipeline.PointTime).ValueStr(i), b.Record.Column(pipeline.PointValue).ValueStr(i)))
		}
		b.Release()
	}
	slices.Sort(out)
	return out
}

// foundAll compares what a pipeline wrote with what one lane finds.
func (c *cluster) foundAll(p *plan.Plan, feed []broker.Message) {
	c.t.Helper()
	local := c.plan(newKit(), windowed, "a", 1)
	for _, topic := range []string{p.Topics.Events.Name, p.Topics.Incidents.Name} {
		c.same(topic, ids(c.committed(topic)), localIDs(c.t, local, topic, feed))
	}
}

// balanced expects that the ledgers of all lanes balance, and that all rows went from stage to stage.
func (c *cluster) balanced(p *plan.Plan, rows int) {
	c.t.Helper()
	found, err := StateStore(p, c.client().Cluster()).Load(c.context())
	must(c.t, err)
	on, in := map[string]int64{}, map[string]int64{}
	for lane, stored := range found {
		a := stored[0].Account
		if stored[0].Err != nil || !a.Balanced() {
			c.t.Errorf("lane %s: %+v, %v", lane, a, stored[0].Err)
		}
		in[a.Stage] += a.In
		on[a.Stage] += a.On
	}
	if p.Ingest.Runs() && (in["ingest"] != int64(rows) || on["ingest"] != in["detect"]) || on["detect"] != int64(rows) {
		c.t.Errorf("of %d rows in %v, on %v", rows, in, on)
	}
}

// sharedOutOverKills is rowsAreSharedOut with processes that are killed.
func sharedOutOverKills(t *testing.T, c *cluster) {
	p, client := c.plan(newKit(), unkeyed, "a", 4), c.client()
	feed, sent := c.spread(4, 120), 0
	for _, cut := range []int{30, 60, 90} {
		must(t, client.Produce(c.context(), feed[sent*5:cut*5]))
		sent = cut
		r, m := c.begin(p)
		c.until("the rows of a while", func() bool {
			have, err := client.Committed(c.context(), p.Ingest.Group, []broker.TopicPartition{{Topic: c.name + ".left", Partition: 1}})
			must(t, err)
			return have[broker.TopicPartition{Topic: c.name + ".left", Partition: 1}] > int64(sent)
		})
		r.kill(m)
	}
	must(t, client.Produce(c.context(), feed[sent*5:]), c.start(p, true).end())
	c.foundAll(p, feed)
	c.balanced(p, len(feed))
}
