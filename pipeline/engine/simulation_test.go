package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/internal/broker/simulated"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/engine/snapshot"
	"github.com/homeostat/homeostat/pipeline/plan"
	"github.com/homeostat/homeostat/schemas"
)

// A simulation is one schedule: instances of the engine on a simulated cluster, with faults, in an order that a seed
// decides. First comes a time of faults, while input trickles in; then nothing goes wrong any more, and the pipeline has to
// come to its end. See simulated for what can happen to a request.

// passing is a pipeline without state: what it writes of a record depends on that record alone.
const passing = `
version: 1
name: sim
instance: a
kafka: {commit_interval: 50ms}
state: {interval: 4s}
scope: {entity: ["{{metric}}"], system: "{{metric}}"}
sources:
  - {name: left, topic: sim.left, codec: lines, keyed: true, disorder: 1h, late: dead_letter, max_future_skew: 0s}
detect: [echo]
sinks: [outbox]
`

// keeping is a pipeline with state in both stages: windows, sums over all of them, and what is due later.
const keeping = `
version: 1
name: sim
instance: a
kafka: {commit_interval: 50ms}
state: {interval: 2s}
scope: {entity: ["{{metric}}"], system: shop}
sources:
  - {name: left, topic: sim.left, codec: lines, keyed: true, disorder: 35s, late: dead_letter, max_future_skew: 0s}
detect: [bucket, high, echo]
operate: [incident, answer]
sinks: [outbox]
`

// sharing is keeping with a source that producers don't key: ingest shares its rows out.
var sharing = strings.Replace(keeping, "keyed: true", "keyed: false", 1) + "columns: {partitions: 2}\n"

// simulated pipelines.
type piped struct {
	name, yaml string
	// state says that outputs depend on all that came before; unkeyed, that rows come to their lane in any order.
	state, unkeyed bool
	plans          map[string]*plan.Plan
	results        map[uint64]*outcome // of undisturbed runs, by feed
}

// settleLimit is how long, in virtual time, the pipeline may take to its end once nothing goes wrong any more: sessions,
// rebalances and transactions have to time out one after the other, and late requests to arrive.
const settleLimit = 6 * time.Minute

// stepLimit bounds the steps of a schedule that goes round in circles.
const stepLimit = 300_000

// simulator has what schedules have in common.
type simulator struct {
	t         *testing.T
	pipelines []*piped // seeds take them in turn
	current   *schedule
	// mutate, if set, changes what an instance is given of its cluster.
	mutate func(broker.Cluster) broker.Cluster
	// breakdown, if set, breaks the cluster.
	breakdown func(*simulated.Kafka)
	// rig, if set, changes a process before it runs.
	rig   func(c *schedule, r *Runner)
	trace bool
	// outage, if set, makes the cluster unreachable for so long, in the middle of the feed.
	outage time.Duration
}

// outcome is what a schedule comes to.
type outcome struct {
	violations []string
	hash       uint64
	steps      int
	lines      []string
	// records by their text, committed in the topics of the pipeline, time left out
	records map[string]int
	brief   map[string]string // the same for people
	seen    map[string]int    // tokens, with how often
	exits   []string
}

// newSimulator makes a simulator of some of the pipelines passing, keeping and sharing; none names all.
func newSimulator(t *testing.T, names ...string) *simulator {
	s := &simulator{t: t}
	for _, p := range []*piped{
		{name: "keeping", yaml: keeping, state: true},
		{name: "passing", yaml: passing},
		{name: "sharing", yaml: sharing, state: true, unkeyed: true},
	} {
		if len(names) > 0 && !slices.Contains(names, p.name) {
			continue
		}
		p.plans, p.results = map[string]*plan.Plan{}, map[uint64]*outcome{}
		for _, name := range []string{"a", "b", "c"} {
			p.plans[name] = s.plan(p, name)
		}
		s.pipelines = append(s.pipelines, p)
	}
	return s
}

func (s *simulator) plan(of *piped, instance string) *plan.Plan {
	k := newKit()
	k.AddSink(pipeline.Spec{Name: "outbox"}, func(pipeline.Settings) (pipeline.Sink, error) { return &outbox{simulator: s}, nil })
	p := k.plan(s.t, strings.Replace(of.yaml, "instance: a", "instance: "+instance, 1))
	p.Topics.Events.Partitions, p.Topics.Inbox.Partitions, p.Topics.DeadLetters.Partitions = 2, 2, 1
	p.Topics.State.Partitions, p.Topics.Times.Partitions = 2, 2
	p.Topics.Incidents.Partitions, p.Topics.Remediations.Partitions = 1, 1
	p.Every = 10 * time.Second // the tick of time
	return p
}

// outbox is a sink whose events count once they are flushed by a process that is alive.
type outbox struct {
	*simulator
	held []string
}

type instanceKey struct{}

func (o *outbox) Open(context.Context, *pipeline.Env) error { return nil }
func (o *outbox) Guarantee() pipeline.Guarantee             { return pipeline.AtLeastOnce }
func (o *outbox) Close() error                              { return nil }
func (o *outbox) Write(_ context.Context, b pipeline.Batch) error {
	return schemas.EachEvent(b, func(e schemas.Event) error { o.held = append(o.held, strings.Clone(e.ID)); return nil })
}
func (o *outbox) Flush(ctx context.Context) error {
	if i := ctx.Value(instanceKey{}).(*instance); !i.killed {
		o.current.mu.Lock()
		defer o.current.mu.Unlock()
		for _, id := range o.held {
			o.current.delivered[id] = true
		}
	}
	o.held = nil
	return nil
}

// instance is one process.
type instance struct {
	name    string
	process *simulated.Process
	cancel  context.CancelFunc
	killed  bool
	stopped bool // it was told to
	paused  time.Time
	ended   bool
	runner  *Runner // once it runs
	err     error
}

// schedule is one run.
type schedule struct {
	*simulator
	*piped
	k         *simulated.Kafka
	random    *rand.Rand
	supply    *supply
	instances []*instance
	agenda    []entry
	end       time.Time // of the faults
	calm      bool
	goals     []map[broker.TopicPartition]int64 // that stages have to reach
	mu        sync.Mutex                        // guards delivered, which instances share
	delivered map[string]bool
	damaged   map[string]bool // lanes one of whose snapshots was damaged
	gone      map[string]bool // tokens of records that retention took
	loose     bool            // records were deleted that may not have been read: what comes after may differ
	out       *outcome
	restarts  int
	began     time.Time
	heard     map[broker.TopicPartition]int64 // how far told has read
	reached   map[string]bool
}

type entry struct {
	at time.Time
	do func()
}

// run runs one schedule; a quiet one has no faults.
func (s *simulator) run(seed uint64, quiet bool) *outcome {
	var out *outcome
	synctest.Test(s.t, func(*testing.T) {
		c := &schedule{
			simulator: s, piped: s.pipelines[seed%uint64(len(s.pipelines))],
			random: rand.New(rand.NewPCG(seed, 1)), out: &outcome{records: map[string]int{}, seen: map[string]int{}},
			delivered: map[string]bool{}, damaged: map[string]bool{}, reached: map[string]bool{}, heard: map[broker.TopicPartition]int64{}, gone: map[string]bool{}, began: time.Now(),
		}
		c.supply = supplyOf(seed/uint64(len(s.pipelines))%supplies, c.state)
		out, s.current = c.out, c
		c.k = simulated.New(c.random)
		if s.trace {
			c.k.Trace = func(line string) {
				out.lines = append(out.lines, fmt.Sprintf("%12.6f %s", time.Since(c.began).Seconds(), line))
			}
		}
		if s.breakdown != nil {
			s.breakdown(c.k)
		}
		c.k.AddTopic("sim.left", leftPartitions)
		c.k.AddTopic(c.plans["a"].Topics.Inbox.Name, c.plans["a"].Topics.Inbox.Partitions) // producers may come first
		c.prepare(quiet)
		c.drive()
		c.audit()
		for _, i := range c.instances {
			c.kill(i)
		}
		synctest.Wait()
		c.check()
		out.hash = c.k.Hash()
	})
	return out
}

// prepare sets up what is to happen when.
func (c *schedule) prepare(quiet bool) {
	length := time.Duration(5+c.random.IntN(40)) * time.Second
	if c.state {
		length = time.Duration(5+c.random.IntN(28)) * time.Second // less than the bound of disorder
	}
	c.k.Markers = []time.Duration{time.Millisecond, 70 * time.Millisecond, 2 * time.Second}[c.random.IntN(3)]
	if quiet {
		length = time.Second
	}
	c.end = c.began.Add(length)
	for _, p := range c.supply.partitions {
		var at []time.Duration
		for range p.batches {
			at = append(at, time.Duration(c.random.Int64N(int64(length))))
		}
		if slices.Sort(at); c.state {
			at[0] = 0
		}
		for i, b := range p.batches {
			c.at(at[i], func() { c.k.Append(p.tp, b.messages, b.fate, b.transactional, b.corrupt) })
		}
	}
	c.at(1, func() { c.start("a") })
	if s := c.outage; s > 0 {
		c.at(length/2, func() { c.k.Restart(s) })
		c.at(length/2+s, func() {}) // not before that is it calm
	}
	if quiet {
		return
	}
	if c.random.IntN(2) == 0 {
		c.at(c.sometime(length), func() { c.start("b") })
	}
	rate := []float64{0, 0.01, 0.05, 0.15}
	c.k.Lost, c.k.Late, c.k.Unheard = rate[c.random.IntN(4)], rate[c.random.IntN(4)], rate[c.random.IntN(4)]
	c.k.Doubt = []float64{0, 0.3, 1}[c.random.IntN(3)]
	c.k.Slow = []float64{0, 0.1, 0.4}[c.random.IntN(3)]
	for range c.random.IntN(7) {
		c.at(c.sometime(length), c.fault)
	}
}

func (c *schedule) sometime(d time.Duration) time.Duration {
	return time.Duration(c.random.Int64N(int64(d))) | 1
}

func (c *schedule) at(after time.Duration, do func()) {
	c.agenda = append(c.agenda, entry{time.Now().Add(after), do})
	slices.SortStableFunc(c.agenda, func(a, b entry) int { return a.at.Compare(b.at) })
}

// fault lets one thing go wrong. Its consequences end with the time of faults at the latest.
func (c *schedule) fault() {
	i := c.any()
	other := func(n string) string { return string("abc"[(int(n[0]-'a')+1+c.random.IntN(2))%3]) }
	switch kind := c.random.IntN(12); {
	case kind == 0:
		c.k.Restart(c.sometime(15 * time.Second))
	case kind == 1:
		c.start(string("abc"[c.random.IntN(3)]))
	case kind == 2:
		c.forget()
	case kind == 10 && c.state:
		c.damage()
	case i == nil:
	case kind < 5: // it dies, and comes back under its own name or another
		name := i.name
		if c.random.IntN(3) == 0 {
			name = other(name)
		}
		c.kill(i)
		c.at(c.sometime(12*time.Second), func() { c.start(name) })
	case kind < 7: // it stands still
		c.pause(i, c.sometime(25*time.Second))
	case kind < 8: // and somebody takes its place meanwhile
		c.pause(i, c.sometime(25*time.Second))
		c.at(c.sometime(8*time.Second), func() { c.start(i.name) })
	default: // it is told to stop
		i.stopped = true
		i.cancel()
		c.at(c.sometime(5*time.Second), func() { c.start(i.name) })
	}
}

// damage flips a bit of the newest snapshot of a lane, if there is one before it to fall back to.
func (c *schedule) damage() {
	name := c.plans["a"].Topics.State.Name
	if !c.hasTopic(name) {
		return
	}
	manifests := map[string]int{}
	for _, rec := range c.k.Records(name) {
		if lane, _, last, ok := splitStateKey(rec.Key); ok && last == "manifest" {
			manifests[lane]++
		}
	}
	lanes := slices.Sorted(maps.Keys(manifests))
	if len(lanes) == 0 {
		return
	}
	lane := lanes[c.random.IntN(len(lanes))]
	if c.wholeSlots(lane) < snapshot.Slots || c.damaged[lane] {
		return
	}
	c.damaged[lane] = true
	c.k.Damage(name, func(rec *pipeline.Record) bool {
		of, _, _, ok := splitStateKey(rec.Key)
		return ok && of == lane
	})
}

// forget deletes records of a partition that may not have been read yet.
func (c *schedule) forget() {
	tp := broker.TopicPartition{Topic: "sim.left", Partition: int32(c.random.IntN(leftPartitions))}
	end := c.k.Ends("sim.left")[tp]
	if end == 0 {
		return
	}
	if c.state {
		if c.random.IntN(4) > 0 {
			return
		}
		c.loose = true // what is missing changes all that comes after
	}
	for _, rec := range c.k.DeleteUntil(tp, c.random.Int64N(end+1)) {
		for _, token := range tokensOf(&rec) {
			c.gone[token] = true
		}
	}
}

func (c *schedule) pause(i *instance, d time.Duration) {
	i.paused = time.Now().Add(d)
	i.process.Pause(d)
}

// any returns an instance that runs, nil if there is none.
func (c *schedule) any() *instance {
	var alive []*instance
	for _, i := range c.instances {
		if !i.killed && !i.ended && !i.stopped {
			alive = append(alive, i)
		}
	}
	if len(alive) == 0 {
		return nil
	}
	return alive[c.random.IntN(len(alive))]
}

func (c *schedule) start(name string) *instance {
	if len(c.instances) > 12 && !c.calm {
		return nil
	}
	i := &instance{name: name, process: c.k.Process(name)}
	ctx, cancel := context.WithCancel(context.WithValue(context.Background(), instanceKey{}, i))
	i.cancel = cancel
	c.instances = append(c.instances, i)
	var cluster broker.Cluster = i.process
	if c.mutate != nil {
		cluster = c.mutate(cluster)
	}
	p := c.plans[name]
	o := RunOptions{Cluster: cluster, Options: Options{
		NewOutput: func() Output { return &encoder{events: p.Topics.Events.Name, others: p.Topics.Incidents.Name} },
		Logger:    slog.New(slog.DiscardHandler),
	}}
	if c.trace {
		o.Logger = slog.New(slog.NewTextHandler(lineWriter{c}, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.String("instance", name)
			}
			return a
		}}))
	}
	go func() {
		r, err := NewRunner(ctx, p, o)
		if err == nil {
			if i.runner = r; c.rig != nil {
				c.rig(c, r)
			}
			err = errors.Join(r.Run(ctx), r.Close())
		}
		i.err, i.ended = err, true
	}()
	return i
}

type lineWriter struct{ *schedule }

func (w lineWriter) Write(p []byte) (int, error) {
	w.k.Trace("  log " + strings.TrimSpace(string(p)))
	return len(p), nil
}

func (c *schedule) kill(i *instance) {
	if i.killed || i.ended {
		return
	}
	i.killed = true
	i.process.Kill()
	i.cancel()
}

// reap restarts what ended by itself.
func (c *schedule) reap() {
	for _, i := range c.instances {
		if !i.ended || i.killed || i.cancel == nil {
			continue
		}
		if i.cancel(); i.err != nil {
			c.out.exits = append(c.out.exits, i.why())
			if c.k.Trace != nil {
				c.k.Trace("  exit " + i.name + ": " + i.err.Error())
			}
			if strings.Contains(i.err.Error(), "BUG") {
				c.violate("an instance ended: %v", i.err)
			}
		}
		i.cancel = nil
		if !i.stopped && !c.running(i.name) {
			if c.restarts++; c.calm && c.restarts > 20 {
				c.violate("an instance ends again and again: %v", i.err)
				continue
			}
			c.at(c.sometime(2*time.Second), func() {
				if !c.running(i.name) {
					c.start(i.name)
				}
			})
		}
	}
}

// why says in few words why an instance ended by itself.
func (i *instance) why() string {
	switch {
	case errors.Is(i.err, broker.ErrFenced):
		return "fenced"
	case i.stopped:
		return "stopped before all was committed"
	}
	return i.err.Error()
}

func (c *schedule) running(name string) bool {
	return slices.ContainsFunc(c.instances, func(i *instance) bool { return i.name == name && !i.ended && !i.killed && !i.stopped })
}

func (c *schedule) violate(format string, args ...any) {
	c.out.violations = append(c.out.violations, fmt.Sprintf(format, args...))
	if c.k.Trace != nil {
		c.k.Trace("  VIOLATION " + c.out.violations[len(c.out.violations)-1])
	}
}

// drive runs the schedule to its end.
func (c *schedule) drive() { c.settle(c.finished) }

// settle goes on until it is calm and all is done.
func (c *schedule) settle(done func() bool) {
	for idle := 0; ; c.out.steps++ {
		synctest.Wait()
		c.reap()
		now := time.Now()
		if !c.calm && now.After(c.end) && len(c.agenda) == 0 {
			c.quieten()
		}
		if c.calm && now.After(c.end.Add(settleLimit)) || c.out.steps > stepLimit {
			c.violate("stuck: %s", c.where())
			return
		}
		switch {
		case len(c.agenda) > 0 && !now.Before(c.agenda[0].at):
			do := c.agenda[0].do
			c.agenda = c.agenda[1:]
			do()
			idle = 0
		case c.k.Step():
			if idle = 0; c.random.IntN(3) == 0 {
				time.Sleep(time.Duration(c.random.Int64N(int64(2*time.Millisecond))) | 1)
			}
		case c.calm && done():
			return
		default:
			idle++
			d := min(time.Duration(idle)*10*time.Millisecond, 200*time.Millisecond)
			time.Sleep(time.Duration(c.random.Int64N(int64(d))) | 1)
		}
	}
}

// quieten ends the time of faults.
func (c *schedule) quieten() {
	c.calm, c.end, c.restarts = true, time.Now(), 0
	c.k.Lost, c.k.Late, c.k.Unheard = 0, 0, 0
	for _, i := range c.instances {
		i.process.Wake()
	}
	if c.any() == nil {
		c.start("a")
	}
	if c.k.Trace != nil {
		c.k.Trace("  calm")
	}
}

// finished says whether all input is processed and handed on.
func (c *schedule) finished() bool {
	if !c.k.Idle() {
		return false
	}
	p := c.plans["a"]
	if len(c.goals) == 0 && c.supply.until != 0 && !c.told(c.supply.until) {
		return false
	}
	// Time goes on and on, so each stage has to reach what the one before had written when that had come to its end.
	for n, s := range p.Stages() {
		if n == len(c.goals) {
			c.goals = append(c.goals, map[broker.TopicPartition]int64{})
			for _, topic := range s.Inputs {
				maps.Copy(c.goals[n], c.k.Ends(topic))
			}
		}
		for tp, end := range c.goals[n] {
			if end > 0 && c.k.Position(s.Group, tp) < end {
				return false
			}
		}
	}
	return true
}

// where tells how far the groups have come.
func (c *schedule) where() string {
	var b strings.Builder
	p := c.plans["a"]
	for _, s := range p.Stages() {
		for _, topic := range s.Inputs {
			for tp, end := range c.k.Ends(topic) {
				fmt.Fprintf(&b, "%s %s/%d %d of %d, ", s.Group, tp.Topic, tp.Partition, c.k.Position(s.Group, tp), end)
			}
		}
	}
	for _, i := range c.instances {
		if i.runner != nil && !i.ended && !i.killed {
			fmt.Fprintf(&b, "%s: %v, ", i.process.Label(), i.runner.Ready())
		}
	}
	fmt.Fprintf(&b, "idle %t, told to their end %q, exits %q", c.k.Idle(), slices.Sorted(maps.Keys(c.reached)), c.out.exits)
	return b.String()
}
