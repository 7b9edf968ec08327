package engine

import (
	"context"
	"errors"
	"log/slog"
	"sort"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
)

// stageRun is one stage in this process: its membership of the stage's group and the lanes that it was given.
type stageRun struct {
	stage  pipeline.Stage
	group  string
	topics []string
	client *broker.Client
	logger *slog.Logger
	// newLane makes the lane of a partition.
	newLane func(broker.TopicPartition) (lane, error)
	// commit commits what all lanes of the process have finished.
	commit func(context.Context) error
	// memory bounds the bytes in a lane's queue.
	memory int64
	faults *prometheus.CounterVec

	mu         sync.Mutex
	generation *broker.Generation
	lanes      map[broker.TopicPartition]*laneRun
	workers    sync.WaitGroup
}

// run follows the group's generations until ctx ends or something fails.
func (s *stageRun) run(ctx context.Context) error {
	group, err := s.client.JoinGroup(broker.GroupConfig{ID: s.group, Topics: s.topics})
	if err != nil {
		return err
	}
	defer group.Close()
	for {
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

// follow runs one generation: take the partitions over, process, hand them back.
func (s *stageRun) follow(ctx context.Context, g *broker.Generation) error {
	defer g.Release()
	// A rebalance or the end of ctx ends fetching; what is finished by then is still committed.
	running, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		select {
		case <-g.Done():
			stop()
		case <-running.Done():
		}
	}()
	fetcher := s.client.NewFetcher(broker.FetchConfig{})
	defer fetcher.Close()
	if err := s.takeOver(running, g, fetcher); err != nil {
		if running.Err() != nil {
			return nil
		}
		return err
	}
	s.logger.Info("partitions taken over", "stage", s.stage, "generation", g.ID, "partitions", len(g.Assigned))
	err := s.poll(running, fetcher)
	return errors.Join(err, s.handBack(ctx))
}

// takeOver makes the lanes of a generation at their committed positions.
func (s *stageRun) takeOver(ctx context.Context, g *broker.Generation, f *broker.Fetcher) error {
	positions, err := s.client.Committed(ctx, s.group, g.Assigned)
	if err != nil {
		return err
	}
	bounds, err := s.client.Bounds(ctx, g.Assigned)
	if err != nil {
		return err
	}
	lanes := make(map[broker.TopicPartition]*laneRun, len(g.Assigned))
	for _, tp := range g.Assigned {
		at := positions[tp]
		if at < 0 {
			at = bounds[tp].Start
		}
		l, err := s.newLane(tp)
		if err != nil {
			return err
		}
		lanes[tp] = newLaneRun(tp, l, at)
		f.Assign(tp, at)
	}
	s.mu.Lock()
	s.generation, s.lanes = g, lanes
	s.mu.Unlock()
	for _, l := range lanes {
		s.workers.Add(1)
		go func() {
			defer s.workers.Done()
			l.run(ctx)
		}()
	}
	return nil
}

// poll moves chunks from the broker to the lanes until ctx ends or a lane fails.
func (s *stageRun) poll(ctx context.Context, f *broker.Fetcher) error {
	for ctx.Err() == nil {
		chunks, err := f.Poll(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		for i := range chunks {
			if err := s.dispatch(f, &chunks[i]); err != nil {
				return err
			}
		}
		for _, l := range s.lanes {
			if err := l.failed(); err != nil {
				return err
			}
			s.throttle(f, l)
		}
	}
	return nil
}

// throttle pauses a partition whose lane lags behind and resumes it when it caught up with half.
func (s *stageRun) throttle(f *broker.Fetcher, l *laneRun) {
	full := l.queued.Load() > s.memory || len(l.queue) > queueLength/2
	switch {
	case full && !l.paused:
		f.Pause(l.tp)
		l.paused = true
	case l.paused && l.queued.Load() < s.memory/2 && len(l.queue) < queueLength/4:
		f.Resume(l.tp)
		l.paused = false
	}
}

// dispatch hands a chunk to its lane.
func (s *stageRun) dispatch(f *broker.Fetcher, c *broker.Chunk) error {
	l, ok := s.lanes[c.TopicPartition]
	if !ok {
		c.Release()
		return nil
	}
	in := pipeline.Input{
		Topic: c.Topic, Partition: c.Partition, Records: c.Records, Next: c.Next,
		CaughtUp: c.Next >= c.Stable, Bytes: c.Bytes, Release: c.Release,
	}
	if len(in.Records) == 0 && in.CaughtUp && len(l.queue) > 0 {
		c.Release() // not idle: there is still something before the lane
	} else {
		l.queued.Add(int64(in.Bytes))
		l.queue <- in
	}
	if c.Err != nil {
		return s.fault(f, c)
	}
	return nil
}

// fault deals with a partition that stopped: what can't be had any more is counted and passed over, the rest ends the stage.
func (s *stageRun) fault(f *broker.Fetcher, c *broker.Chunk) error {
	var corrupt *broker.CorruptError
	var gap *broker.GapError
	switch {
	case errors.As(c.Err, &corrupt) && corrupt.To > corrupt.From:
		s.passOver(f, c, "corrupt", corrupt.From, corrupt.To)
	case errors.As(c.Err, &gap) && gap.To > gap.From:
		s.passOver(f, c, "retention_gap", gap.From, gap.To)
	default:
		return c.Err
	}
	return nil
}

func (s *stageRun) passOver(f *broker.Fetcher, c *broker.Chunk, reason string, from, to int64) {
	s.logger.Error("records are lost and passed over", "stage", s.stage, "reason", reason, "from", from, "to", to, "error", c.Err)
	s.faults.WithLabelValues(string(s.stage), c.Topic, reason).Add(float64(to - from))
	f.Assign(c.TopicPartition, to)
}

// handBack stops the lanes, commits what they finished, and closes them.
func (s *stageRun) handBack(ctx context.Context) error {
	for _, l := range s.lanes {
		close(l.queue)
	}
	s.workers.Wait()
	// The last commit must go out although ctx may have ended; it has to be done within the rebalance time.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 8*time.Second)
	defer cancel()
	err := s.commit(last)
	s.mu.Lock()
	lanes := s.lanes
	s.generation, s.lanes = nil, nil
	s.mu.Unlock()
	for _, l := range lanes {
		err = errors.Join(err, l.lane.close())
	}
	return err
}

// part is one lane's share of a commit.
type part struct {
	stage      *stageRun
	generation *broker.Generation
	tp         broker.TopicPartition
	share      share
}

// take gathers what the stage's lanes have finished, in order of partition.
func (s *stageRun) take(ctx context.Context) ([]part, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var parts []part
	for _, l := range sorted(s.lanes) {
		sh, err := l.take(ctx)
		if err != nil {
			return parts, err
		}
		if sh.moved || len(sh.outputs) > 0 {
			parts = append(parts, part{s, s.generation, l.tp, sh})
		}
	}
	return parts, nil
}

// reached says whether the stage has lanes and all have processed up to the ends.
func (s *stageRun) reached(ends map[broker.TopicPartition]broker.Bounds) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.generation == nil {
		return false
	}
	for tp, l := range s.lanes {
		if !l.reached(ends[tp].Stable) {
			return false
		}
	}
	return true
}

// finish ends the time of all lanes.
func (s *stageRun) finish() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range sorted(s.lanes) {
		if err := l.finish(); err != nil {
			return err
		}
	}
	return nil
}

// stalled returns the lane that has been at one input for longer than limit, if any.
func (s *stageRun) stalled(limit time.Duration) (broker.TopicPartition, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for tp, l := range s.lanes {
		if since := l.busySince.Load(); since != 0 && time.Since(time.Unix(0, since)) > limit {
			return tp, true
		}
	}
	return broker.TopicPartition{}, false
}

func (s *stageRun) assigned() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.generation != nil
}

func sorted(lanes map[broker.TopicPartition]*laneRun) []*laneRun {
	out := make([]*laneRun, 0, len(lanes))
	for _, l := range lanes {
		out = append(out, l)
	}
	sort.Slice(out, func(i, j int) bool {
		if out[i].tp.Topic != out[j].tp.Topic {
			return out[i].tp.Topic < out[j].tp.Topic
		}
		return out[i].tp.Partition < out[j].tp.Partition
	})
	return out
}
