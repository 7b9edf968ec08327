package engine

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
)

// ends returns where the topics end now. It is the end of the log and not of what is committed: the markers of a
// transaction that is over may still be on their way.
func (r *Runner) ends(ctx context.Context, topics []string) (map[broker.TopicPartition]int64, error) {
	var tps []broker.TopicPartition
	for _, t := range topics {
		for p := range r.partitionsOf(t) {
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

// untilEnd takes the stages to their end one after the other: what detect has written until then is operate's end. A stage has come
// to its end when all of its group has, also in other instances: what those still write the next stage would take for late.
func (r *Runner) untilEnd(ctx context.Context) error {
	lasting, cancel := lingering(ctx, commitLimit+time.Nanosecond)
	defer cancel()
	ends := r.stages[0].ends
	for i, s := range r.stages {
		if i > 0 {
			var err error
			if ends, err = r.ends(ctx, s.topics); err != nil {
				return err
			}
		}
		if err := r.stageEnd(ctx, lasting, s, ends); err != nil {
			return err
		}
	}
	return nil
}

// stageEnd waits until a stage has come to its ends. Where its group is shared out anew in between, its new lanes have to end as
// well; those that ended once are left alone.
func (r *Runner) stageEnd(ctx, lasting context.Context, s *stageRun, ends map[broker.TopicPartition]int64) error {
	for {
		g, err := finished(ctx, s, ends)
		if err != nil {
			return err
		}
		if err := r.commit.commit(lasting); err != nil {
			return err
		}
		for s.follows(g) {
			if all, err := r.reached(ctx, s, ends); all || err != nil {
				return err
			}
		}
	}
}

// reached says whether the other instances have committed all up to the ends of a stage. If not, it takes a moment to say so.
func (r *Runner) reached(ctx context.Context, s *stageRun, ends map[broker.TopicPartition]int64) (bool, error) {
	tps := slices.Collect(maps.Keys(ends))
	_, own := s.current()
	tps = slices.DeleteFunc(tps, func(tp broker.TopicPartition) bool {
		return slices.ContainsFunc(own, func(l *laneRun) bool { return l.tp == tp })
	})
	if len(tps) == 0 {
		return true, nil
	}
	have, err := r.cluster.Committed(ctx, s.group, tps)
	if err != nil {
		return false, err
	}
	if tps = slices.DeleteFunc(tps, func(tp broker.TopicPartition) bool { return have[tp] >= ends[tp] }); len(tps) == 0 {
		return true, nil
	}
	// Nobody commits anything of a partition in which there never was a record, or is none any more.
	bounds, err := r.cluster.Bounds(ctx, tps)
	if err != nil {
		return false, err
	}
	for _, tp := range tps {
		if bounds[tp].Start < ends[tp] {
			pause := time.NewTimer(groupPoll)
			defer pause.Stop()
			select {
			case <-ctx.Done():
				return false, interrupted(ctx)
			case <-pause.C:
				return false, nil
			}
		}
	}
	return true, nil
}

// groupPoll is how often is looked where the other instances are.
const groupPoll = 100 * time.Millisecond

func interrupted(ctx context.Context) error {
	return pipeline.Errorf("run.interrupted", "stopped before the end was reached: %w", context.Cause(ctx))
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
			return nil, interrupted(ctx)
		case <-tick.C:
		}
	}
}
