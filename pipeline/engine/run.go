package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/plan"
)

// RunOptions adds to Options what only a run over Kafka needs.
type RunOptions struct {
	Options
	Cluster broker.Cluster
	// UntilEnd stops when what the topics held at the start is processed by all stages; time then ends there.
	UntilEnd bool
	// Stages names the stages to run in this process; none names all. Others run in other processes.
	Stages []string
}

// Runner runs a plan over Kafka. Live and Ready may be called by any goroutine.
type Runner struct {
	*surroundings
	plan    *plan.Plan
	opts    RunOptions
	cluster broker.Cluster
	stages  []*stageRun
	commit  *committer
	sinks   []namedSink
	// partitions by topic, as they were at the start
	partitions map[string]int
}

// stallLimit is how long a lane may be at one input before the process counts as dead.
const stallLimit = 30 * time.Second

// NewRunner checks the topics, makes the pipeline's own, opens the sinks and fences what an earlier process of the same
// instance left open. Close it at the end.
func NewRunner(ctx context.Context, p *plan.Plan, o RunOptions) (*Runner, error) {
	r := &Runner{surroundings: newSurroundings(p, o.Options), plan: p, opts: o, cluster: o.Cluster, partitions: map[string]int{}}
	if err := r.ensureTopics(ctx); err != nil {
		return nil, err
	}
	if err := r.open(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// open opens the sinks and makes the stages and what commits for them.
func (r *Runner) open(ctx context.Context) error {
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
		positions: r.cluster, transactor: plain{r.cluster}, interval: p.CommitInterval, logger: r.logger,
		seconds: r.metrics.Histogram("commit_seconds", "Time of one commit of the process.", []float64{.005, .01, .025, .05, .1, .25, .5, 1, 5}).WithLabelValues(),
		total:   r.metrics.Counter("commits_total", "Commits by outcome: committed, group_lost, doubt.", "outcome"),
	}
	if p.Transactions {
		t, err := r.cluster.NewWriter(ctx, broker.TransactorConfig{TransactionalID: transactionalID(p, chosen)})
		if err != nil {
			return err
		}
		r.commit.transactor = t
	}
	for _, s := range chosen {
		r.stages = append(r.stages, r.newStage(s))
	}
	r.commit.stages = r.stages
	return nil
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

// ensureTopics makes the pipeline's topics and checks those of the producers.
func (r *Runner) ensureTopics(ctx context.Context) error {
	var own []broker.Topic
	for _, t := range r.plan.Topics.All() {
		own = append(own, broker.Topic{Name: t.Name, Partitions: t.Partitions, Settings: t.Config})
	}
	if err := r.cluster.EnsureTopics(ctx, own); err != nil {
		return err
	}
	for _, t := range own {
		n, err := r.cluster.Partitions(ctx, t.Name)
		if err != nil {
			return err
		}
		r.partitions[t.Name] = n
	}
	for i := range r.plan.Sources {
		s := &r.plan.Sources[i]
		if s.Topic == "" {
			return pipeline.Errorf("run.source.file", "source %s reads files, which a run over Kafka does not: use backtest, or feed the files to a topic and name it", s.Name)
		}
		n, err := r.cluster.Partitions(ctx, s.Topic)
		if err != nil {
			return err
		}
		if err := r.plan.CheckPartitions(s.Name, n); err != nil {
			return err
		}
		r.partitions[s.Topic] = n
	}
	return nil
}

func (r *Runner) newStage(s *plan.Stage) *stageRun {
	run := &stageRun{
		stage: s.Stage, group: s.Group, topics: s.Inputs, cluster: r.cluster, logger: r.logger,
		newLane: func(tp broker.TopicPartition) (lane, error) { return r.newLane(s, tp) },
		commit:  r.commit.commit,
		session: r.plan.Session,
		memory:  max(r.plan.Limits.Memory/int64(max(1, r.lanesTotal())), 1<<20),
		faults:  r.metrics.Counter("records_passed_over_total", "Records that could not be had any more, by reason.", "stage", "topic", "reason"),
	}
	switch {
	case s.Stage == pipeline.Act:
		run.flush = func(ctx context.Context) error { return flush(ctx, r.sinks) }
	case s.Stage == pipeline.Detect && r.plan.Operate.Runs():
		run.spread = maxSpread
	}
	return run
}

func (r *Runner) lanesTotal() (n int) {
	for _, s := range r.plan.Stages() {
		for _, t := range s.Inputs {
			n += r.partitions[t]
		}
	}
	return n
}

// newLane makes the lane of one partition of a stage.
func (r *Runner) newLane(s *plan.Stage, tp broker.TopicPartition) (lane, error) {
	events := r.partitions[r.plan.Topics.Events.Name]
	switch s.Stage {
	case pipeline.Detect:
		if tp.Topic == r.plan.Topics.Inbox.Name {
			return r.inboxLane(r.plan, laneName("inbox", tp.Partition), events)
		}
		for i := range r.plan.Sources {
			if src := &r.plan.Sources[i]; src.Topic == tp.Topic {
				return r.sourceLane(r.plan, src, laneName(src.Name, tp.Partition), events)
			}
		}
	case pipeline.Operate:
		return r.newOperateLane(laneName("operate", tp.Partition), components(s.Operators), r.detectLanes())
	case pipeline.Act:
		return r.newActLane(laneName("act/"+tp.Topic, tp.Partition), r.sinks), nil
	}
	return nil, fmt.Errorf("BUG: stage %s has no lane for %s/%d", s.Stage, tp.Topic, tp.Partition)
}

// detectLanes names the lanes whose time operate waits for: all partitions of all sources, whoever runs them.
func (r *Runner) detectLanes() []string {
	var out []string
	for i := range r.plan.Sources {
		for p := 0; p < r.partitions[r.plan.Sources[i].Topic]; p++ {
			out = append(out, laneName(r.plan.Sources[i].Name, int32(p)))
		}
	}
	return out
}

// Run runs the stages until ctx ends, the end is reached (UntilEnd), or something fails for good. What is finished when
// ctx ends is committed before Run returns.
func (r *Runner) Run(ctx context.Context) error {
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
	if r.opts.UntilEnd {
		g.Go(func() error {
			defer stop()
			return r.untilEnd(running)
		})
	}
	return g.Wait()
}

// ends returns where the topics end now. It is the end of the log and not of what is committed: the markers of a
// transaction that is over may still be on their way.
func (r *Runner) ends(ctx context.Context, topics []string) (map[broker.TopicPartition]int64, error) {
	var tps []broker.TopicPartition
	for _, t := range topics {
		for p := range r.partitions[t] {
			tps = append(tps, broker.TopicPartition{Topic: t, Partition: int32(p)})
		}
	}
	bounds, err := r.cluster.Bounds(ctx, tps)
	if err != nil {
		return nil, err
	}
	ends := make(map[broker.TopicPartition]int64, len(tps))
	for _, tp := range tps {
		ends[tp] = bounds[tp].End
	}
	return ends, nil
}

// untilEnd takes the stages to their end one after the other: what detect has written until then is operate's end.
func (r *Runner) untilEnd(ctx context.Context) error {
	lasting, cancel := lingering(ctx)
	defer cancel()
	ends := r.stages[0].ends
	for i, s := range r.stages {
		if i > 0 {
			var err error
			if ends, err = r.ends(ctx, s.topics); err != nil {
				return err
			}
		}
		// Where the group is shared out anew in between, its new lanes have to end as well.
		for ended := false; !ended; {
			g, err := finished(ctx, s, ends)
			if err != nil {
				return err
			}
			if err := r.commit.commit(lasting); err != nil {
				return err
			}
			ended = s.follows(g)
		}
	}
	return nil
}

// finished waits until the lanes of a stage have come to their ends and been finished there.
func finished(ctx context.Context, s *stageRun, ends map[broker.TopicPartition]int64) (*broker.Generation, error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if g, err := s.finish(ends); g != nil || err != nil {
			return g, err
		}
		select {
		case <-ctx.Done():
			return nil, pipeline.Errorf("run.interrupted", "stopped before the end was reached: %w", context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// Live fails when a lane has been at one input for too long.
func (r *Runner) Live() error {
	for _, s := range r.stages {
		if tp, stalled := s.stalled(stallLimit); stalled {
			return pipeline.Errorf("engine.lane.stalled", "lane %s/%d of stage %s has been at one input for more than %s", tp.Topic, tp.Partition, s.stage, stallLimit)
		}
	}
	return nil
}

// Ready fails until each stage has joined its group, also if the group gave it no partitions.
func (r *Runner) Ready() error {
	for _, s := range r.stages {
		if g, _ := s.current(); g == nil {
			return pipeline.Errorf("engine.stage.joining", "stage %s waits for its partitions", s.stage)
		}
	}
	return nil
}

// Close closes the sinks. Run must have returned.
func (r *Runner) Close() error { return closeSinks(r.sinks) }

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
