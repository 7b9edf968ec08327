package engine

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/homeostat/homeostat/internal/broker"
)

// committer commits for all lanes of the process: one transaction for their outputs and positions.
type committer struct {
	client   *broker.Client
	stages   []*stageRun
	interval time.Duration
	logger   *slog.Logger
	// transactor is nil for brokers without transactions.
	transactor *broker.Transactor
	seconds    prometheus.Observer
	total      *prometheus.CounterVec

	mu sync.Mutex // one commit at a time
}

// run commits every interval while there is something to commit.
func (c *committer) run(ctx context.Context) error {
	tick := time.NewTicker(c.interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := c.commit(ctx); err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
}

// commit takes what all lanes have finished and commits it. What it has taken it keeps until the outcome is known.
func (c *committer) commit(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var parts []part
	var failed error
	for _, s := range c.stages {
		p, err := s.take(ctx)
		parts = append(parts, p...)
		failed = errors.Join(failed, err)
	}
	start := time.Now()
	if len(parts) > 0 {
		failed = errors.Join(failed, c.write(ctx, parts))
		c.seconds.Observe(time.Since(start).Seconds())
	}
	return failed
}

// write commits the parts, whatever it takes: a lost group's parts are left out, and in doubt the positions tell.
func (c *committer) write(ctx context.Context, parts []part) error {
	for len(parts) > 0 {
		outputs, shares := merge(parts)
		var err error
		if c.transactor != nil {
			err = c.transactor.Commit(ctx, outputs, shares)
		} else {
			err = c.writePlain(ctx, outputs, shares)
		}
		var lost *broker.LostGroupError
		switch {
		case err == nil:
			c.total.WithLabelValues("committed").Inc()
			return nil
		case errors.As(err, &lost):
			c.total.WithLabelValues("group_lost").Inc()
			c.logger.Warn("a group gave partitions away; what was finished of them is left to the new owner", "group", lost.Group, "error", lost.Err)
			parts = without(parts, lost.Group)
		case errors.Is(err, broker.ErrDoubt):
			c.total.WithLabelValues("doubt").Inc()
			in, e := c.committed(ctx, parts)
			if e != nil {
				return e
			}
			c.logger.Warn("the outcome of a transaction was unclear", "committed", in, "error", err)
			if in {
				return nil
			}
		default:
			return err
		}
	}
	return nil
}

// writePlain is the way without transactions: outputs first, then positions, so at least once.
func (c *committer) writePlain(ctx context.Context, outputs []broker.Message, shares []broker.Share) error {
	if err := c.client.Produce(ctx, outputs); err != nil {
		return err
	}
	for _, s := range shares {
		if err := c.client.CommitOffsets(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// committed tells whether a transaction whose outcome was unclear is in: its positions moved all together or not at all,
// so one that had to move tells. Where none had to (outputs that only time made) it says no: the outputs are
// written again, with the ids they had, and operate drops repeats.
func (c *committer) committed(ctx context.Context, parts []part) (bool, error) {
	for _, p := range parts {
		if p.share.next == p.share.before {
			continue
		}
		have, err := c.client.Committed(ctx, p.stage.group, []broker.TopicPartition{p.tp})
		if err != nil {
			return false, err
		}
		return have[p.tp] == p.share.next, nil
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
		shares[i].Offsets[p.tp] = p.share.next
	}
	return outputs, shares
}

func without(parts []part, group string) []part {
	var rest []part
	for _, p := range parts {
		if p.stage.group != group {
			rest = append(rest, p)
		}
	}
	return rest
}
