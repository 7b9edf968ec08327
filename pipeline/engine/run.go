package engine

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/engine/snapshot"
	"github.com/homeostat/homeostat/pipeline/plan"
)

// RunOptions adds to Options what only a run over Kafka needs.
type RunOptions struct {
	Options
	Cluster broker.Cluster
	// UntilEnd stops when what the topics held at the start is processed by all stages of this process, also by the instances
	// with which it shares a stage; time then ends there.
	UntilEnd bool
	// Stages names the stages to run in this process; none names all. Others run in other processes.
	Stages []string
	// StartLimit bounds how long NewRunner waits for brokers that don't answer; 0 is five minutes.
	StartLimit time.Duration
	// Drain bounds how long Run goes on once its ctx has ended: to finish, to commit and to save states. 0 is 25 seconds.
	Drain time.Duration
}

// What RunOptions are without being set. The drain is more than a last commit (commitLimit) and the saving of states
// (lastLimit) together, and less than the 30 seconds after which a scheduler of containers kills.
const (
	startLimit = 5 * time.Minute
	drainLimit = 25 * time.Second
)

// Runner runs a plan over Kafka. Live and Ready may be called by any goroutine.
type Runner struct {
	*surroundings
	plan    *plan.Plan
	opts    RunOptions
	cluster broker.Cluster
	stages  []*stageRun
	commit  *committer
	keeper  *keeper
	sinks   []namedSink

	// overdue says that Run gave up to wait for what still runs.
	overdue atomic.Bool

	mu sync.Mutex
	// partitions by topic, as they were when they were last looked at
	partitions map[string]int
}

// stallLimit is how long a lane may be at one input before the process counts as dead.
const stallLimit = 30 * time.Second

// NewRunner checks the topics, makes the pipeline's own, opens the sinks and fences what an earlier process of the same
// instance left open. Close it at the end.
func NewRunner(ctx context.Context, p *plan.Plan, o RunOptions) (*Runner, error) {
	r := &Runner{surroundings: newSurroundings(p, o.Options), plan: p, opts: o, cluster: o.Cluster, partitions: map[string]int{}}
	r.metrics.GaugeFunc("kafka_unreachable_seconds", "For how long no broker has answered; 0 while they do.", func() float64 {
		d, _ := r.cluster.Unreachable()
		return d.Seconds()
	})
	starting, cancel := context.WithTimeout(ctx, cmp.Or(o.StartLimit, startLimit))
	defer cancel()
	if err := r.ensureTopics(starting); err != nil {
		return nil, err
	}
	if err := r.open(ctx, starting); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// open opens the sinks and makes the stages and what commits for them.
func (r *Runner) open(ctx, starting context.Context) error {
	p := r.plan
	chosen, err := p.Choose(r.opts.Stages...)
	if err != nil {
		return err
	}
	if slices.Contains(chosen, &p.Act) {
		if err := r.openActSinks(ctx); err != nil {
			return err
		}
	}
	r.commit = &committer{
		positions: r.cluster, transactor: plain{r.cluster}, interval: p.CommitInterval, rest: max(positionsInterval, p.CommitInterval),
		woken: make(chan struct{}, 1), life: rand.Text(), logger: r.logger,
		seconds: r.metrics.Histogram("commit_seconds", "Time of one commit of the process.", []float64{.005, .01, .025, .05, .1, .25, .5, 1, 5}).WithLabelValues(),
		total:   r.metrics.Counter("commits_total", "Commits by outcome: committed, group_lost, doubt.", "outcome"),
	}
	writer := ""
	if p.Transactions {
		writer = transactionalID(p, chosen)
		if r.commit.transactor, err = r.cluster.NewWriter(starting, broker.TransactorConfig{TransactionalID: writer}); err != nil {
			return err
		}
	}
	r.keeper = r.newKeeper()
	if err := r.takePins(starting, chosen); err != nil {
		return err
	}
	for _, s := range chosen {
		run := r.newStage(s)
		run.writer = writer
		r.stages = append(r.stages, run)
	}
	r.commit.stages = r.stages
	return nil
}

// positionsInterval is how long positions may wait for a commit when there are no outputs.
const positionsInterval = time.Second

func (r *Runner) newKeeper() *keeper {
	p := r.plan
	return &keeper{
		store: StateStore(p, r.cluster), cluster: r.cluster, times: r.times, interval: p.State.Interval,
		fingerprint: p.Fingerprint, logger: r.logger, lanes: map[string]*kept{},
		seconds:  r.metrics.Histogram("snapshot_seconds", "Time to freeze and save the state of a lane.", []float64{.01, .05, .1, .5, 1, 5, 30}).WithLabelValues(),
		pauses:   r.metrics.Histogram("snapshot_pause_seconds", "Time for which a lane stood still for a snapshot.", []float64{.0001, .001, .005, .025, .1, .5}).WithLabelValues(),
		restores: r.metrics.Histogram("restore_seconds", "Time to find, read and restore the states of the lanes that a stage was given.", []float64{.01, .05, .1, .5, 1, 5, 30}).WithLabelValues(),
		bytes:    r.metrics.Counter("snapshot_bytes_total", "Bytes of stored snapshots.").WithLabelValues(),
		saves:    r.metrics.Counter("snapshots_total", "Snapshots of lanes by outcome: saved, failed, damaged.", "outcome"),
	}
}

// StateStore is where the states of a plan's lanes lie.
func StateStore(p *plan.Plan, c broker.Cluster) snapshot.Store {
	if p.State.Directory != "" {
		return &snapshot.Directory{Path: p.State.Directory}
	}
	return &snapshot.Topic{Cluster: c, Name: p.Topics.State.Name, Partitions: p.Topics.State.Partitions}
}

// transactionalID is the instance's; processes of one instance that run different stages don't fence each other.
func transactionalID(p *plan.Plan, chosen []*plan.Stage) string {
	id := p.TransactionalID
	if len(chosen) < len(p.Stages()) {
		for _, s := range chosen {
			id += "." + string(s.Stage)
		}
	}
	return id
}

func (r *Runner) openActSinks(ctx context.Context) (err error) {
	sinks, err := r.openSinks(ctx, r.plan)
	for _, s := range sinks {
		r.sinks = append(r.sinks, namedSink{s.name, &sharedSink{Sink: s.sink}})
	}
	return err
}

func (r *Runner) newStage(s *plan.Stage) *stageRun {
	run := &stageRun{
		// No two wait for the committer to the same instant: who gives up first must not be for the scheduler to say.
		patience: commitLimit + time.Duration(2+slices.Index(r.plan.Stages(), s)),
		stage:    s.Stage, group: s.Group, topics: s.Inputs, outputs: s.Outputs, cluster: r.cluster, logger: r.logger,
		newLane:  func(tp broker.TopicPartition) (lane, error) { return r.newLane(s, tp) },
		laneName: func(tp broker.TopicPartition) string { return r.laneName(s, tp) },
		commit:   r.commit.commit, wake: r.commit.wake, keeper: r.keeper, look: r.look, session: r.plan.Session,
		memory: max(r.plan.Limits.Memory/int64(max(1, r.lanesTotal())), 1<<20),
		faults: r.metrics.Counter("records_passed_over_total", "Records that could not be had any more, by reason.", "stage", "topic", "reason"),
	}
	switch {
	case s.Stage == pipeline.Act:
		run.flush = func(ctx context.Context) error { return flush(ctx, r.sinks) }
	case s.Stage == pipeline.Ingest, s.Stage == pipeline.Detect && r.plan.Operate.Runs():
		run.spread = maxSpread
	}
	if s.Stage == pipeline.Ingest {
		run.columns = newColumnsEncoder(r.plan.Topics.Columns).messages
	}
	return run
}

func (r *Runner) lanesTotal() (n int) {
	for _, s := range r.plan.Stages() {
		for _, t := range s.Inputs {
			n += r.partitionsOf(t)
		}
	}
	return n
}

// newLane makes the lane of one partition of a stage.
func (r *Runner) newLane(s *plan.Stage, tp broker.TopicPartition) (lane, error) {
	events := r.partitionsOf(r.plan.Topics.Events.Name)
	switch s.Stage {
	case pipeline.Ingest, pipeline.Detect:
		switch tp.Topic {
		case r.plan.Topics.Columns.Name:
			return r.columnsLane(r.plan, r.laneName(s, tp), events)
		case r.plan.Topics.Inbox.Name:
			return r.inboxLane(r.plan, r.laneName(s, tp), events)
		}
		for i := range r.plan.Sources {
			if src := &r.plan.Sources[i]; src.Topic == tp.Topic {
				return r.sourceLane(r.plan, src, r.laneName(s, tp), events)
			}
		}
	case pipeline.Operate:
		return r.newOperateLane(r.laneName(s, tp), components(s.Operators))
	case pipeline.Act:
		return r.newActLane(r.laneName(s, tp), r.sinks), nil
	}
	return nil, fmt.Errorf("BUG: stage %s has no lane for %s/%d", s.Stage, tp.Topic, tp.Partition)
}

// laneName is the name of the lane of a partition of a stage's input, the same on every process.
func (r *Runner) laneName(s *plan.Stage, tp broker.TopicPartition) string {
	switch s.Stage {
	case pipeline.Operate:
		return laneName("operate", tp.Partition)
	case pipeline.Act:
		return laneName("act/"+tp.Topic, tp.Partition)
	}
	for i := range r.plan.Sources {
		if src := &r.plan.Sources[i]; src.Topic == tp.Topic {
			return laneName(src.Name, tp.Partition)
		}
	}
	if tp.Topic == r.plan.Topics.Columns.Name {
		return laneName(columnsSource, tp.Partition)
	}
	return laneName("inbox", tp.Partition)
}

// Run runs the stages until ctx ends, the end is reached (UntilEnd), or something fails for good. What is finished when
// ctx ends is committed before Run returns, if that can be done in the time of RunOptions.Drain: then Run returns all the
// same (engine.drain), what is not committed is processed by the next process, and this one should end.
func (r *Runner) Run(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- r.run(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	limit := cmp.Or(r.opts.Drain, drainLimit)
	end := time.NewTimer(limit)
	defer end.Stop()
	select {
	case err := <-done:
		return err
	case <-end.C:
	}
	r.overdue.Store(true)
	return pipeline.Errorf("engine.drain", "the process was told to end and did not finish within %s, so it ends as it stands: %s; nothing is lost, what was not committed is processed again by the next start; give it more time with --drain if that is what it needs", limit, r.unfinished())
}

func (r *Runner) run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if r.opts.UntilEnd {
		var err error
		if r.stages[0].ends, err = r.ends(ctx, r.stages[0].topics); err != nil {
			return err
		}
	}
	g, running := errgroup.WithContext(ctx)
	for _, s := range r.stages {
		g.Go(func() error {
			if err := s.run(running); err != nil {
				return fmt.Errorf("stage %s: %w", s.stage, err)
			}
			return nil
		})
	}
	g.Go(func() error { return r.commit.run(running) })
	g.Go(func() error { return r.keeper.run(running, r.stages) })
	for i := range r.plan.Sources {
		if f := r.codecs[r.plan.Sources[i].Name]; f != nil {
			g.Go(func() error { return r.findCodec(running, f) })
		}
	}
	g.Go(func() error { return watchMemory(running, r.stages, r.metrics) })
	if r.opts.UntilEnd {
		g.Go(func() error {
			defer stop()
			return r.untilEnd(running)
		})
	}
	return g.Wait()
}

// Producers returns what the producers of each source wrote to the lanes of this process: of each source the worst first.
func (r *Runner) Producers() []ProducerCount { return r.producers.counts() }

// Live fails when a lane has been at one input for too long.
func (r *Runner) Live() error {
	for _, s := range r.stages {
		if tp, stalled := s.stalled(stallLimit); stalled {
			return pipeline.Errorf("engine.lane.stalled", "lane %s/%d of stage %s has been at one input for more than %s", tp.Topic, tp.Partition, s.stage, stallLimit)
		}
	}
	return nil
}

// Ready fails until each stage has joined its group, also if the group gave it no partitions, and until its lanes have
// replayed what lies between their snapshots and their positions.
func (r *Runner) Ready() error {
	if d, err := r.cluster.Unreachable(); d > unreachableLimit {
		return pipeline.Errorf("engine.kafka.unreachable", "no broker has answered for %s, and the pipeline waits for them: see that they run and that this machine reaches them: %w", d.Round(time.Second), err)
	}
	for _, s := range r.stages {
		g, lanes := s.current()
		if g == nil {
			return pipeline.Errorf("engine.stage.joining", "stage %s waits for its partitions", s.stage)
		}
		for _, l := range lanes {
			if !l.live.Load() {
				return pipeline.Errorf("engine.lane.replaying", "lane %s replays what came after its snapshot", l.name)
			}
		}
	}
	return nil
}

// unreachableLimit is how long brokers may be silent before the process counts as not ready.
const unreachableLimit = 10 * time.Second

// unfinished says what a drain still waits for.
func (r *Runner) unfinished() string {
	var at []string
	for _, s := range r.stages {
		if tp, busy := s.stalled(0); busy {
			at = append(at, fmt.Sprintf("lane %s/%d of stage %s is at one input", tp.Topic, tp.Partition, s.stage))
		}
	}
	if d, err := r.cluster.Unreachable(); d > 0 {
		at = append(at, fmt.Sprintf("no broker has answered for %s (%v)", d.Round(time.Second), err))
	}
	if len(at) == 0 {
		return "a commit, a sink or the saving of states takes longer"
	}
	return strings.Join(at, ", ")
}

// Close closes the sinks. Run must have returned; what it gave up to wait for still has them, so then they stay open.
func (r *Runner) Close() error {
	if r.overdue.Load() {
		return nil
	}
	return closeSinks(r.sinks)
}

// sharedSink lets the act lanes of a process share one sink.
type sharedSink struct {
	mu sync.Mutex
	pipeline.Sink
}

// Write implements pipeline.Sink.
func (s *sharedSink) Write(ctx context.Context, b pipeline.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Sink.Write(ctx, b)
}

// Flush implements pipeline.Sink.
func (s *sharedSink) Flush(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Sink.Flush(ctx)
}
