package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/engine/snapshot"
)

// stageRun is one stage in this process: its membership of the stage's group and the lanes that it was given.
type stageRun struct {
	stage   pipeline.Stage
	group   string
	topics  []string
	cluster broker.Cluster
	logger  *slog.Logger
	// newLane makes the lane of a partition.
	newLane func(broker.TopicPartition) (lane, error)
	// session is how long the group waits for a silent member; 0 leaves it to the broker package.
	session time.Duration
	// laneName is the name of the lane of a partition, the same on every process.
	laneName func(broker.TopicPartition) string
	// keeper keeps the lanes' states.
	keeper *keeper
	// look sees whether partitions were added.
	look func(context.Context) error
	// outputs are the topics that the stage writes; writer is the process's transactional id, "" without transactions.
	outputs []string
	writer  string
	// commit commits what all lanes of the process have finished; wake tells that some of it should not wait.
	commit func(context.Context) error
	wake   func()
	// patience is how long a commit may take once the stage has to end: about commitLimit.
	patience time.Duration
	// flush, if set, makes durable outside of Kafka what the lanes have finished, before their positions are committed.
	flush func(context.Context) error
	// columns encodes rows for the columns topic.
	columns func([]rows) ([]broker.Message, error)
	// memory bounds the bytes of a lane that are fetched and not yet taken by a commit.
	memory int64
	// spread bounds how far a lane may be ahead of the slowest one in event time; 0 bounds nothing.
	spread int64
	// ends, if set, are where partitions end for this run; idle time is no event time then.
	ends   map[broker.TopicPartition]int64
	faults *prometheus.CounterVec

	mu         sync.Mutex
	generation *broker.Generation // nil between generations
	lanes      map[broker.TopicPartition]*laneRun
	stop       context.CancelCauseFunc // ends the generation's lanes
	lost       *broker.Generation      // the last one whose commit was refused
	broken     error                   // of flush: what it was to save may be lost
	workers    sync.WaitGroup

	// times is where the partitions of the time topic ended before the stage joined the generation.
	times map[broker.TopicPartition]int64

	// left are the lanes of the generation before. One whose partition comes back and stands where it was keeps its state.
	left map[broker.TopicPartition]*laneRun
	// unsure says that what these did last may not be committed.
	unsure bool
}

// rebalanceLimit is how long a process has to commit what it finished of partitions that it gives back; more than
// commitLimit.
const rebalanceLimit = 10 * time.Second

// errEnded is why lanes stop when their generation ends.
var errEnded = errors.New("the generation ended")

// run follows the group's generations until ctx ends or something fails.
func (s *stageRun) run(ctx context.Context) (err error) {
	group, err := s.cluster.JoinGroup(broker.GroupConfig{ID: s.group, Topics: s.topics, Session: s.session, Rebalance: rebalanceLimit})
	if err != nil {
		return err
	}
	defer group.Close()
	// Before the group is left, which gives the lanes to others.
	defer func() {
		if err == nil && ctx.Err() != nil && !s.unsure {
			err = s.keeper.last(ctx, s.settled(s.left))
		}
		err = errors.Join(err, s.closeLeft())
	}()
	for {
		if err := s.beforehand(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		g, err := group.Next(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if err := s.follow(ctx, g); err != nil || ctx.Err() != nil {
			return err
		}
	}
}

// beforehand notes where the time topic ends before the stage joins its group: what later owners of the lanes that it is given
// take from the clock lies behind.
func (s *stageRun) beforehand(ctx context.Context) (err error) {
	s.times, err = s.keeper.allEnds(ctx)
	return err
}

// follow runs one generation: take the partitions over, process, hand them back.
func (s *stageRun) follow(ctx context.Context, g *broker.Generation) error {
	defer g.Release()
	// A rebalance, a failed lane or the end of ctx ends fetching; what is finished by then is still committed.
	running, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	go func() {
		select {
		case <-g.Done():
			stop(errEnded)
		case <-running.Done():
		}
	}()
	fetcher := s.cluster.NewReader(broker.FetchConfig{MaxWait: pollWait, Pace: pollPace, Rest: s.rest})
	defer fetcher.Close()
	lanes, former, err := s.takeOver(running, g, fetcher)
	if err != nil {
		if running.Err() != nil && !errors.As(err, new(*goneError)) {
			return s.closeLeft() // they are of a generation before this one
		}
		return err
	}
	s.begin(running, stop, g, lanes)
	s.workers.Go(func() { s.endLeftOpen(running, former) })
	s.logger.Info("partitions taken over", "stage", s.stage, "generation", g.ID, "partitions", len(g.Assigned))
	stop(s.poll(running, fetcher))
	err = s.handBack(ctx)
	if cause := context.Cause(running); !errors.Is(cause, errEnded) && !errors.Is(cause, context.Cause(ctx)) {
		err = errors.Join(cause, err)
	}
	return err
}

// takeOver makes the lanes of a generation at their committed positions, with the states that they had there. former are the
// writers who had them before.
func (s *stageRun) takeOver(ctx context.Context, g *broker.Generation, f broker.Reader) (lanes map[broker.TopicPartition]*laneRun, former []string, err error) {
	// What an earlier generation left in doubt is settled first, or the positions would not be final.
	lasting, cancel := lingering(ctx, s.patience)
	defer cancel()
	if err := s.commit(lasting); err != nil {
		return nil, nil, err
	}
	if err := s.look(ctx); err != nil {
		return nil, nil, err
	}
	positions, err := s.cluster.Committed(ctx, s.group, g.Assigned)
	if err != nil {
		return nil, nil, err
	}
	began := time.Now()
	starts, err := s.starts(ctx, g, positions)
	if err != nil {
		return nil, nil, err
	}
	if former, err = s.former(ctx, starts); err != nil {
		return nil, nil, err
	}
	lanes = make(map[broker.TopicPartition]*laneRun, len(g.Assigned))
	for i, tp := range g.Assigned {
		r, err := s.begun(tp, starts[i], f)
		if err != nil {
			return nil, nil, errors.Join(err, closeLanes(lanes))
		}
		r.generation, r.untimed, r.wake = g, s.ends != nil, s.wake
		if starts[i].kept != nil {
			delete(s.left, tp)
		}
		lanes[tp] = r
	}
	s.keeper.restores.Observe(time.Since(began).Seconds())
	if err := s.closeLeft(); err != nil {
		return nil, nil, errors.Join(err, closeLanes(lanes))
	}
	if err := s.keeper.first(ctx, lanes); err != nil {
		return nil, nil, errors.Join(err, closeLanes(lanes))
	}
	for _, r := range sorted(lanes) {
		f.Assign(r.tp, r.from())
	}
	return lanes, former, nil
}

// start is where a lane begins, and what with.
type start struct {
	// kept is the lane of the generation before, which stands there already.
	kept lane
	*origin
}

// starts decides for each partition how its lane begins: as it stands, from a snapshot, or empty.
func (s *stageRun) starts(ctx context.Context, g *broker.Generation, positions map[broker.TopicPartition]int64) ([]start, error) {
	out := make([]start, len(g.Assigned))
	var without []*origin
	for i, tp := range g.Assigned {
		at := positions[tp]
		out[i].kept = s.standing(g, tp, at)
		name := s.laneName(tp)
		out[i].origin = &origin{lane: name, tp: tp, committed: at, times: s.times[s.keeper.times.partition(name)]}
		if out[i].kept == nil {
			without = append(without, out[i].origin)
		}
	}
	return out, s.keeper.find(ctx, without)
}

// standing returns the lane of the generation just before if it stands at that position, with its state; otherwise nil. If there was
// a generation in between, its owner may have gone on by the clock alone, which moves no position.
func (s *stageRun) standing(g *broker.Generation, tp broker.TopicPartition, at int64) lane {
	r := s.left[tp]
	if r == nil || r.generation == s.lost || r.generation.ID+1 != g.ID || !r.idleAt(at) {
		return nil
	}
	return r.lane
}

// begun makes the lane of a partition.
func (s *stageRun) begun(tp broker.TopicPartition, st start, f pausable) (*laneRun, error) {
	if st.kept != nil {
		r := newLaneRun(tp, st.kept, st.committed, f, s.memory)
		r.name, r.changes = st.lane, 1 // since its snapshot, for all that is known
		s.keeper.note(r.name, 0)
		s.keeper.advance(r.name, st.times)
		return r, nil
	}
	l, found, err := s.restored(tp, st.origin)
	if err != nil {
		return nil, err
	}
	at := st.committed
	switch {
	case at < 0 && found != nil:
		at = found.Position
	case at < 0:
		at = st.first
	}
	r := newLaneRun(tp, l, at, f, s.memory)
	r.name, r.fresh = st.lane, found == nil
	if found == nil {
		return r, nil
	}
	if err := r.beginReplay(found.Position, st.clock); err != nil {
		return nil, errors.Join(err, l.close())
	}
	return r, nil
}

// restored makes a lane with the state of the newest snapshot that can be used. Nil if there is none: the lane is empty.
func (s *stageRun) restored(tp broker.TopicPartition, o *origin) (lane, *snapshot.Snapshot, error) {
	for _, found := range o.snapshots {
		l, err := s.newLane(tp)
		if err != nil {
			return nil, nil, err
		}
		if err = l.restore(found); err == nil {
			s.keeper.restored(o, found)
			return l, found, nil
		}
		s.logger.Error("a snapshot cannot be used", "stage", s.stage, "lane", o.lane, "position", found.Position, "error", err)
		if err := errors.Join(l.close()); err != nil {
			return nil, nil, err
		}
		o.refused = err
	}
	if o.refused != nil {
		return nil, nil, pipeline.Errorf("state.none", "no snapshot of lane %s can be used: %w: go back to the program or configuration that wrote it, or delete the lane's snapshots (homeostat state rm) to begin at its committed position without state", o.lane, o.refused)
	}
	switch {
	case o.committed >= 0 && o.ahead > 0:
		// A state is saved once its position is committed. Apache Kafka 4.3 gave out old positions after it lost and took back the
		// leadership of __consumer_offsets while it loaded it.
		s.logger.Error("a lane's committed position is behind all of its snapshots, so it begins there without state, and what it wrote behind comes once more: somebody set the position back, or the brokers lost commits",
			"stage", s.stage, "lane", o.lane, "position", o.committed, "snapshot", o.ahead)
	case o.committed >= 0:
		s.logger.Warn("there is no snapshot of a lane that has committed, so it begins without state", "stage", s.stage, "lane", o.lane, "position", o.committed)
	}
	l, err := s.newLane(tp)
	return l, nil, err
}

func (s *stageRun) closeLeft() error {
	err := closeLanes(s.left)
	s.left = nil
	return err
}

func closeLanes(lanes map[broker.TopicPartition]*laneRun) error {
	var all error
	for _, l := range sorted(lanes) {
		l.work.Lock()
		all = errors.Join(all, l.lane.close())
		l.work.Unlock()
	}
	return all
}

// begin starts the lanes. stop is told why one fails.
func (s *stageRun) begin(ctx context.Context, stop context.CancelCauseFunc, g *broker.Generation, lanes map[broker.TopicPartition]*laneRun) {
	s.mu.Lock()
	s.generation, s.lanes, s.stop = g, lanes, stop
	s.mu.Unlock()
	for _, l := range lanes {
		s.workers.Go(func() { l.run(ctx, stop) })
	}
}

// handBack stops the lanes and commits what they finished, even if ctx has ended.
func (s *stageRun) handBack(ctx context.Context) error {
	for _, l := range s.lanes {
		close(l.queue)
	}
	s.workers.Wait()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.patience)
	defer cancel()
	err := s.commit(last)
	for _, l := range s.lanes {
		l.leave()
	}
	s.mu.Lock()
	s.left, s.unsure = s.lanes, err != nil
	s.generation, s.lanes, s.stop = nil, nil, nil
	s.mu.Unlock()
	if err != nil && ctx.Err() == nil {
		// The next commit settles it, or ends the process.
		s.logger.Warn("what was finished last of partitions given back is not committed yet", "stage", s.stage, "error", err)
		return nil
	}
	return err
}

// settled returns those of the lanes that have ended whose work is committed whole.
func (s *stageRun) settled(lanes map[broker.TopicPartition]*laneRun) []*laneRun {
	s.mu.Lock()
	defer s.mu.Unlock()
	var settled []*laneRun
	for _, l := range sorted(lanes) {
		if l.generation != s.lost && l.idleAt(l.position()) {
			settled = append(settled, l)
		}
	}
	return settled
}

// lose ends a generation whose commit was refused: nothing later of it may be committed.
func (s *stageRun) lose(g *broker.Generation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost = g
	if s.generation == g {
		s.stop(errEnded)
	}
}

// flushLimit bounds how long sinks may take to make durable what they hold.
const flushLimit = 30 * time.Second

// take gathers what the stage's lanes have finished, in order of partition. Calls must not overlap.
func (s *stageRun) take(ctx context.Context) ([]part, error) {
	parts := s.parts()
	if err := s.encode(parts); err != nil {
		return nil, err
	}
	if s.flush == nil || len(parts) == 0 {
		return parts, nil
	}
	if s.broken == nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushLimit)
		defer cancel()
		s.broken = s.flush(ctx)
	}
	if s.broken != nil {
		return nil, fmt.Errorf("stage %s: %w", s.stage, s.broken)
	}
	return parts, nil
}

// encode makes messages of the rows that the lanes have for the columns topic. They stand before all other outputs of the stage.
func (s *stageRun) encode(parts []part) error {
	var all []rows
	for i := range parts {
		all = append(all, parts[i].share.rows...)
		parts[i].share.rows = nil
	}
	if len(all) == 0 {
		return nil
	}
	messages, err := s.columns(all)
	if err != nil {
		return fmt.Errorf("stage %s: %w", s.stage, err)
	}
	parts[0].share.outputs = append(messages, parts[0].share.outputs...)
	return nil
}

func (s *stageRun) parts() []part {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.generation == s.lost {
		return nil
	}
	var parts []part
	for _, l := range sorted(s.lanes) {
		if sh, ok := l.take(); ok {
			parts = append(parts, part{s, l.generation, l, sh})
		}
	}
	return parts
}

// finish ends the time of all lanes once they have processed up to the ends. It returns the generation, nil if it is too
// early.
func (s *stageRun) finish(ends map[broker.TopicPartition]int64) (*broker.Generation, error) {
	g, lanes := s.current()
	if g == nil {
		return nil, nil
	}
	for _, l := range lanes {
		if !l.live.Load() || l.position() < ends[l.tp] {
			return nil, nil
		}
	}
	for _, l := range lanes {
		if err := l.finish(); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// current returns the generation, nil between two, and its lanes in order of partition.
func (s *stageRun) current() (*broker.Generation, []*laneRun) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.generation, sorted(s.lanes)
}

// follows says whether the stage is still in that generation.
func (s *stageRun) follows(g *broker.Generation) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.generation == g && s.lost != g
}

// processStart is what times of this process are counted from, by the monotonic clock.
var processStart = time.Now()

// stalled returns the lane that has been at one input for longer than limit, if any.
func (s *stageRun) stalled(limit time.Duration) (broker.TopicPartition, bool) {
	_, lanes := s.current()
	for _, l := range lanes {
		if since := l.busySince.Load(); since != 0 && time.Since(processStart)-time.Duration(since) > limit {
			return l.tp, true
		}
	}
	return broker.TopicPartition{}, false
}

func sorted(lanes map[broker.TopicPartition]*laneRun) []*laneRun {
	return slices.SortedFunc(maps.Values(lanes), func(a, b *laneRun) int {
		return cmp.Or(cmp.Compare(a.tp.Topic, b.tp.Topic), cmp.Compare(a.tp.Partition, b.tp.Partition))
	})
}
