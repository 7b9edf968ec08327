package engine

import (
	"context"
	"slices"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
)

// openAfter is how long the readers of a partition may be held up by the same transaction before its writer is taken for dead. A
// commit takes some milliseconds.
const openAfter = time.Second

// former returns the other writers who committed the lanes that this process did not have, or has no more.
func (s *stageRun) former(ctx context.Context, starts []start) ([]string, error) {
	var tps []broker.TopicPartition
	for _, st := range starts {
		if st.kept == nil && st.committed >= 0 {
			tps = append(tps, st.tp)
		}
	}
	if s.writer == "" || len(tps) == 0 {
		return nil, nil
	}
	owners, err := s.cluster.Owners(ctx, s.group, tps)
	if err != nil {
		return nil, err
	}
	var former []string
	for _, tp := range tps {
		if id := owners[tp]; id != "" && id != s.writer && !slices.Contains(former, id) {
			former = append(former, id)
		}
	}
	slices.Sort(former)
	return former, nil
}

// endLeftOpen ends what the former writers of the stage's lanes left open. One that was killed between its outputs and their
// positions holds up nothing but the readers of the outputs, who would wait until its transaction times out.
func (s *stageRun) endLeftOpen(ctx context.Context, former []string) {
	if len(former) == 0 {
		return
	}
	outputs, err := s.outputPartitions(ctx)
	if err == nil {
		var held bool
		if held, err = s.heldUp(ctx, outputs); err == nil && held {
			s.logger.Warn("readers of the stage's outputs are held up by an open transaction, which is ended in place of its writer", "stage", s.stage, "writers", former)
			err = s.cluster.EndTransactions(ctx, former)
		}
	}
	if err != nil && ctx.Err() == nil {
		s.logger.Error("what the former owner of partitions left open was not ended: readers of the outputs wait until it times out", "stage", s.stage, "writers", former, "error", err)
	}
}

func (s *stageRun) outputPartitions(ctx context.Context) ([]broker.TopicPartition, error) {
	out := s.keeper.times.all()
	for _, topic := range s.outputs {
		n, err := s.cluster.Partitions(ctx, topic)
		if err != nil {
			return nil, err
		}
		for p := range n {
			out = append(out, broker.TopicPartition{Topic: topic, Partition: int32(p)})
		}
	}
	return out, nil
}

// heldUp says whether one transaction is open all the time of openAfter. One that lives goes on meanwhile.
func (s *stageRun) heldUp(ctx context.Context, outputs []broker.TopicPartition) (bool, error) {
	before, err := s.cluster.Bounds(ctx, outputs)
	if err != nil || !slices.ContainsFunc(outputs, func(tp broker.TopicPartition) bool { return before[tp].Stable < before[tp].End }) {
		return false, err
	}
	wait := time.NewTimer(openAfter + s.patience - commitLimit) // as patience, not two stages to the same instant
	defer wait.Stop()
	select {
	case <-ctx.Done():
		return false, ctx.Err()
	case <-wait.C:
	}
	after, err := s.cluster.Bounds(ctx, outputs)
	return slices.ContainsFunc(outputs, func(tp broker.TopicPartition) bool {
		return before[tp].Stable < before[tp].End && after[tp].Stable == before[tp].Stable
	}), err
}
