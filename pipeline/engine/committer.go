package engine

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
)

// positions tells what was noted with the positions that groups have committed.
type positions interface {
	Notes(ctx context.Context, group string, partitions []broker.TopicPartition) (map[broker.TopicPartition]string, error)
}

// committer commits for all lanes of the process: one transaction for their outputs and positions.
type committer struct {
	stages []*stageRun
	// interval is the shortest time between two commits; positions alone may wait for rest.
	interval, rest time.Duration
	// woken says that outputs wait.
	woken      chan struct{}
	logger     *slog.Logger
	positions  positions
	transactor broker.Writer
	seconds    prometheus.Observer
	total      *prometheus.CounterVec

	mu turn // one commit at a time
	// kept is what was taken from lanes and may not be committed yet. Lanes never give it again, so nothing later of
	// them may be committed before it.
	kept []part
	// doubt says that kept may be committed already, with the note.
	doubt bool
	note  string
	// life tells this committer's notes from those of another process or life; number counts its transactions.
	life   string
	number uint64
}

// part is one lane's share of a commit.
type part struct {
	stage      *stageRun
	generation *broker.Generation
	lane       *laneRun
	share      share
}

// commitLimit is how long a commit may take once there is no time left: less than the rebalance time, past which the
// broker refuses it anyway.
const commitLimit = 8 * time.Second

// lingering returns a context that ends a while after ctx, so that a commit under way comes to its end: one that is
// cut off leaves a transaction open, which holds up the next owner of the partitions until it times out.
func lingering(ctx context.Context, while time.Duration) (context.Context, context.CancelFunc) {
	lasting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		end := time.AfterFunc(while, cancel)
		context.AfterFunc(lasting, func() { end.Stop() })
	})
	return lasting, func() { stop(); cancel() }
}

// wake says that outputs wait for a commit.
func (c *committer) wake() {
	select {
	case c.woken <- struct{}{}:
	default:
	}
}

// run commits as soon as there are outputs, an interval after the last commit with outputs at the earliest; positions alone now
// and then, and outputs that come after that don't wait for it.
func (c *committer) run(ctx context.Context) error {
	lasting, cancel := lingering(ctx, commitLimit)
	defer cancel()
	rest := time.NewTimer(c.rest)
	defer rest.Stop()
	for {
		outputs := false
		select {
		case <-ctx.Done():
			return nil
		case <-c.woken:
			outputs = true
		case <-rest.C:
		}
		if !c.gather(ctx) {
			return nil
		}
		select {
		case <-c.woken: // what it was about is taken now
			outputs = true
		default:
		}
		start, pause := time.Now(), time.Duration(0)
		if err := c.commit(lasting); err != nil && ctx.Err() == nil {
			return err
		}
		if outputs {
			pause = c.interval
		}
		if !wait(ctx, pause-time.Since(start)) {
			return nil
		}
		rest.Reset(c.rest - pause)
	}
}

// gathering is how long the first outputs wait for those of other lanes that came with them: one answer of a broker has
// records for many lanes, and those that miss a commit wait for an interval. longestGathering is how long they wait for lanes that
// are about to reach a tick as well.
const (
	gathering        = time.Millisecond
	longestGathering = 25 * time.Millisecond
)

// gather waits for the outputs that belong to the next commit. It returns false if ctx has ended by then.
func (c *committer) gather(ctx context.Context) bool {
	for began := time.Now(); ; {
		if !wait(ctx, gathering) {
			return false
		}
		left := longestGathering - time.Since(began)
		if left <= 0 || !slices.ContainsFunc(c.stages, func(s *stageRun) bool { return s.near(left) }) {
			return true
		}
	}
}

// wait waits for d. It returns false if ctx has ended by then.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
	return ctx.Err() == nil
}

// commit takes what all lanes have finished and commits it. What ctx interrupts is kept for the next commit. While another
// commit is under way it waits for its turn, and no longer than ctx.
func (c *committer) commit(ctx context.Context) error {
	if err := c.mu.take(ctx); err != nil {
		return pipeline.Errorf("engine.commit.waiting", "gave up to wait for a commit that is under way: %w", err)
	}
	defer c.mu.give()
	if err := c.settle(ctx); err != nil {
		return err
	}
	var failed error
	for _, s := range c.stages {
		parts, err := s.take(ctx)
		c.kept = append(c.kept, parts...)
		failed = errors.Join(failed, err)
	}
	return errors.Join(failed, c.settle(ctx))
}

// settle commits what is kept, whatever it takes: a lost group's parts are left out, and in doubt the positions' notes tell.
func (c *committer) settle(ctx context.Context) error {
	start := time.Now()
	for len(c.kept) > 0 {
		if c.doubt {
			in, err := c.committed(ctx)
			if err != nil {
				return err
			}
			c.logger.Warn("the outcome of a transaction was unclear, and the notes of its positions told it", "committed", in)
			if c.doubt = false; in {
				c.done()
				break
			}
		}
		outputs, shares := merge(c.kept)
		c.number++
		c.note = c.life + "-" + strconv.FormatUint(c.number, 10)
		for i := range shares {
			shares[i].Note = c.note
		}
		err := c.transactor.Commit(ctx, outputs, shares)
		var lost *broker.LostGroupError
		switch {
		case err == nil:
			c.total.WithLabelValues("committed").Inc()
			c.seconds.Observe(time.Since(start).Seconds())
			c.done()
		case errors.As(err, &lost):
			c.total.WithLabelValues("group_lost").Inc()
			c.logger.Warn("a group gave partitions away; what was finished of them is left to the new owner", "group", lost.Group, "error", lost.Err)
			c.drop(lost.Group)
		case errors.Is(err, broker.ErrDoubt):
			c.total.WithLabelValues("doubt").Inc()
			c.doubt = true
		default:
			return err
		}
	}
	return nil
}

// done tells the lanes that what was kept of them is committed.
func (c *committer) done() {
	for _, p := range c.kept {
		p.lane.committed(p.share.steps)
	}
	c.kept = nil
}

// drop leaves a group's parts to the partitions' new owners and ends the generation that they came from.
func (c *committer) drop(group string) {
	var rest []part
	for _, p := range c.kept {
		if p.stage.group == group {
			p.stage.lose(p.generation)
		} else {
			rest = append(rest, p)
		}
	}
	c.kept = rest
}

// committed tells whether a transaction whose outcome was unclear is in: then all its positions bear its note, but for those
// that a new owner has committed since. If none does, it is not in, or nothing of it is ours any more: then another attempt
// is refused, group by group.
func (c *committer) committed(ctx context.Context) (bool, error) {
	asked := map[string][]broker.TopicPartition{}
	for _, p := range c.kept {
		asked[p.stage.group] = append(asked[p.stage.group], p.lane.tp)
	}
	for _, group := range slices.Sorted(maps.Keys(asked)) {
		notes, err := c.positions.Notes(ctx, group, asked[group])
		if err != nil {
			return false, err
		}
		for _, note := range notes {
			if note == c.note {
				return true, nil
			}
		}
	}
	return false, nil
}

// merge makes one transaction of the parts: outputs in the order of the parts, positions by group.
func merge(parts []part) ([]broker.Message, []broker.Share) {
	var outputs []broker.Message
	var shares []broker.Share
	for _, p := range parts {
		outputs = append(outputs, p.share.outputs...)
		i := 0
		for i < len(shares) && shares[i].Generation != p.generation {
			i++
		}
		if i == len(shares) {
			shares = append(shares, broker.Share{Generation: p.generation, Offsets: map[broker.TopicPartition]int64{}})
		}
		shares[i].Offsets[p.lane.tp] = p.share.next
	}
	return outputs, shares
}

// plain is the way without transactions: outputs first, then positions, so at least once.
type plain struct{ broker.Cluster }

// Commit implements broker.Writer.
func (p plain) Commit(ctx context.Context, outputs []broker.Message, shares []broker.Share) error {
	if err := p.Produce(ctx, outputs); err != nil {
		return err
	}
	for _, s := range shares {
		if err := p.CommitOffsets(ctx, s); err != nil {
			return err
		}
	}
	return nil
}
