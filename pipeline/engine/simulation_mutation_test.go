package engine

import (
	"context"
	"errors"
	"testing"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/internal/broker/simulated"
)

// broken is a cluster whose writers do something else than they should when it is not known what came of a commit.
type broken struct {
	broker.Cluster
	inDoubt func(w broker.Writer, ctx context.Context, outputs []broker.Message, shares []broker.Share) error
}

func (b broken) NewWriter(ctx context.Context, cfg broker.TransactorConfig) (broker.Writer, error) {
	w, err := b.Cluster.NewWriter(ctx, cfg)
	return brokenWriter{w, b}, err
}

type brokenWriter struct {
	broker.Writer
	of broken
}

func (w brokenWriter) Commit(ctx context.Context, outputs []broker.Message, shares []broker.Share) error {
	err := w.Writer.Commit(ctx, outputs, shares)
	if errors.Is(err, broker.ErrDoubt) {
		return w.of.inDoubt(w.Writer, ctx, outputs, shares)
	}
	return err
}

func inDoubt(do func(broker.Writer, context.Context, []broker.Message, []broker.Share) error) func(*simulator) {
	return func(s *simulator) {
		s.mutate = func(c broker.Cluster) broker.Cluster { return broken{c, do} }
	}
}

// TestSimulationFindsMutations holds that the simulation finds what it is there to find: a pipeline or a cluster with one
// rule of exactly-once left out is caught within some hundred schedules.
func TestSimulationFindsMutations(t *testing.T) {
	one(t)
	s := newSimulator(t, false)
	s.expect()
	for _, m := range []struct {
		name   string
		mutate func(*simulator)
	}{
		{"commits are not fenced by generation", func(s *simulator) { s.breakdown = func(k *simulated.Kafka) { k.Unfenced = true } }},
		{"positions are read while transactions are pending", func(s *simulator) { s.breakdown = func(k *simulated.Kafka) { k.Unstable = true } }},
		{"what is kept is dropped in doubt", inDoubt(func(broker.Writer, context.Context, []broker.Message, []broker.Share) error { return nil })},
		{"what is kept is sent again in doubt, without asking", inDoubt(func(w broker.Writer, ctx context.Context, outputs []broker.Message, shares []broker.Share) error {
			return w.Commit(ctx, outputs, shares)
		})},
	} {
		t.Run(m.name, func(t *testing.T) {
			s.mutate, s.breakdown = nil, nil
			m.mutate(s)
			s.t = t
			const most = 600
			for seed := range uint64(most) {
				if out := s.run(seed, false); len(out.violations) > 0 {
					t.Logf("found by seed %d: %s", seed, out.violations[0])
					return
				}
			}
			t.Errorf("not found in %d schedules", most)
		})
	}
}
