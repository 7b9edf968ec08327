package engine

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/internal/broker/simulated"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/engine/snapshot"
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

// bending puts something in front of every lane of a process.
func bending(bend func(c *schedule, r *Runner, name string, l lane) lane) func(*simulator) {
	return func(s *simulator) {
		s.rig = func(c *schedule, r *Runner) {
			for _, run := range r.stages {
				straight := run.newLane
				run.newLane = func(tp broker.TopicPartition) (lane, error) {
					l, err := straight(tp)
					return bend(c, r, run.laneName(tp), l), err
				}
			}
		}
	}
}

// leaky is a lane whose replay has its outputs written once more.
type leaky struct {
	lane
	replayed bool
	kept     []broker.Message
}

func (l *leaky) replay(on bool) { l.replayed = on; l.lane.replay(on) }
func (l *leaky) take() []broker.Message {
	if out := l.lane.take(); l.replayed {
		l.kept = append(l.kept, out...)
		return nil
	} else if len(l.kept) > 0 {
		out, l.kept = append(l.kept, out...), nil
		return out
	} else {
		return out
	}
}

// deaf is a lane that does not hear of what it took from the clock.
type deaf struct{ lane }

func (deaf) hearClock(int64) error { return nil }

// hasty is a lane whose state is saved, in both slots, as soon as it is frozen.
type hasty struct {
	lane
	c    *schedule
	r    *Runner
	name string
	at   int64
}

func (l *hasty) process(in pipeline.Input) error { l.at = in.Next; return l.lane.process(in) }
func (l *hasty) idle(at int64, d time.Duration) error {
	l.at = at
	return l.lane.idle(at, d)
}

func (l *hasty) freeze() (*frozen, error) {
	f, err := l.lane.freeze()
	if err != nil || l.at < 0 {
		return f, err
	}
	tp := l.r.times.partition(l.name)
	m := snapshot.Manifest{Lane: l.name, Position: l.at, Watermark: f.watermark, Timed: f.watermark != unknownTime,
		Times: l.c.k.Ends(tp.Topic)[tp], Fingerprint: l.r.plan.Fingerprint, Written: time.Now().UTC(), Account: f.account}
	var names []string
	for _, p := range f.parts {
		names = append(names, p.name)
	}
	s, err := snapshot.New(m, names, func(name string, w io.Writer) error { return f.parts[slices.Index(names, name)].write(w) })
	for slot := range snapshot.Slots {
		err = errors.Join(err, StateStore(l.r.plan, offline{k: l.c.k}).Save(context.Background(), slot, s))
	}
	return f, err
}

// Produce writes at once.
func (o offline) Produce(_ context.Context, messages []broker.Message) error {
	for _, m := range messages {
		o.k.Append(broker.TopicPartition{Topic: m.Topic, Partition: m.Partition}, []broker.Message{m}, simulated.Committed, false, false)
	}
	return nil
}

// credulous is a store whose snapshots are all taken for those of the committed position.
type credulous struct {
	snapshot.Store
	c *schedule
	r *Runner
}

func (s credulous) Load(ctx context.Context, lanes ...string) (map[string][]snapshot.Stored, error) {
	found, err := s.Store.Load(ctx, lanes...)
	for _, st := range s.r.plan.Stages() {
		for _, topic := range st.Inputs {
			for _, tp := range s.c.k.Partitions(topic) {
				for _, f := range found[s.r.laneName(st, tp)] {
					if at := s.c.k.Position(st.Group, tp); f.Err == nil && at >= 0 {
						f.Snapshot.Position = min(f.Snapshot.Position, at)
					}
				}
			}
		}
	}
	return found, err
}

func beHasty(s *simulator) {
	bending(func(c *schedule, r *Runner, name string, l lane) lane { return &hasty{l, c, r, name, -1} })(s)
}

// TestSimulationFindsMutations holds that the simulation finds what it is there to find: a pipeline or a cluster with one
// rule of exactly-once left out is caught within some hundred schedules.
func TestSimulationFindsMutations(t *testing.T) {
	one(t)
	for _, m := range []struct {
		name, pipeline string
		mutate         func(*simulator)
	}{
		{"commits are not fenced by generation", "passing", func(s *simulator) { s.breakdown = func(k *simulated.Kafka) { k.Unfenced = true } }},
		{"positions are read while transactions are pending", "passing", func(s *simulator) { s.breakdown = func(k *simulated.Kafka) { k.Unstable = true } }},
		{"what is kept is dropped in doubt", "passing", inDoubt(func(broker.Writer, context.Context, []broker.Message, []broker.Share) error { return nil })},
		{"what is kept is sent again in doubt, without asking", "passing", inDoubt(func(w broker.Writer, ctx context.Context, outputs []broker.Message, shares []broker.Share) error {
			return w.Commit(ctx, outputs, shares)
		})},
		{"what a replay writes is not thrown away", "keeping", bending(func(_ *schedule, _ *Runner, _ string, l lane) lane { return &leaky{lane: l} })},
		{"what was taken from the clock is not heard again", "keeping", bending(func(_ *schedule, _ *Runner, _ string, l lane) lane { return deaf{l} })},
		{"states are saved before their commit", "keeping", beHasty},
		{"states from beyond the committed position are used", "keeping", func(s *simulator) {
			beHasty(s)
			bend := s.rig
			s.rig = func(c *schedule, r *Runner) {
				bend(c, r)
				r.keeper.store = credulous{r.keeper.store, c, r}
			}
		}},
	} {
		t.Run(m.name, func(t *testing.T) {
			s := newSimulator(t, m.pipeline)
			s.expect()
			m.mutate(s)
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
