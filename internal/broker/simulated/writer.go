package simulated

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
)

// writer keeps the contract of broker.Transactor in the same steps, each a request of its own.
type writer struct {
	p      *Process
	id     string
	limit  time.Duration
	to     *coordinator
	epoch  int
	ready  bool
	fences []time.Time
	fenced error
}

// fence notes that another process took the id over; true if that happens too often, as with the real one.
func (w *writer) fence() bool {
	now := time.Now()
	w.fences = append(slices.DeleteFunc(w.fences, func(at time.Time) bool { return now.Sub(at) > time.Minute }), now)
	return len(w.fences) > 4
}

// longestTransaction is when an abandoned transaction is ended.
const longestTransaction = 10 * time.Second

// NewWriter implements broker.Cluster.
func (p *Process) NewWriter(ctx context.Context, cfg broker.TransactorConfig) (broker.Writer, error) {
	if cfg.TransactionalID == "" {
		return nil, pipeline.Errorf("kafka.transaction.id", "a transactional id is needed: give each process a stable name of its own")
	}
	w := &writer{p: p, id: cfg.TransactionalID, limit: cfg.Timeout}
	if w.limit == 0 {
		w.limit = longestTransaction
	}
	return w, w.renew(ctx, -1)
}

// renew takes the id over with a new epoch; with own, only if nobody else has since.
func (w *writer) renew(ctx context.Context, own int) error {
	w.ready = false
	to, err := w.p.insist(ctx, request{kind: "init", name: w.id, do: func() (any, error) {
		c := w.p.k.coordinator(w.id)
		return c, c.abandon(own)
	}})
	if err != nil {
		return err
	}
	w.to = to.(*coordinator)
	c := w.to
	epoch, err := w.p.insist(ctx, request{kind: "init", name: w.id, ready: c.settled, do: func() (any, error) { return c.hand(own, w.limit) }})
	if err != nil {
		return err
	}
	w.epoch, w.ready = epoch.(int), true
	return nil
}

// Commit implements broker.Writer.
func (w *writer) Commit(ctx context.Context, outputs []broker.Message, shares []broker.Share) error {
	if w.fenced != nil {
		return w.fenced
	}
	shares, err := broker.UsedShares(shares)
	if err != nil || len(outputs) == 0 && len(shares) == 0 {
		return err
	}
	batches, err := w.p.prepare(outputs)
	if err != nil {
		return err
	}
	for refusals := 0; ; {
		err := w.attempt(ctx, batches, shares)
		if err == nil {
			return nil
		}
		w.ready = false
		var again *repeatable
		if !errors.As(err, &again) || ctx.Err() != nil {
			return w.conclude(ctx, err)
		}
		if again.refused {
			refusals++
		}
		if refusals > 5 {
			return w.conclude(ctx, pipeline.Errorf("kafka.transaction.refused", "the transaction was refused again and again: %w", again.error))
		}
	}
}

// repeatable says that a transaction was certainly not committed, and that another attempt may succeed.
type repeatable struct {
	error
	refused bool
}

// conclude aborts what a failed transaction left open, as far as ctx allows.
func (w *writer) conclude(ctx context.Context, err error) error {
	if errors.Is(err, broker.ErrFenced) {
		w.fenced = err
		return err
	}
	if ctx.Err() == nil {
		_ = w.renew(ctx, -1) // what stays open times out
	}
	if ctx.Err() != nil && !errors.Is(err, broker.ErrDoubt) {
		return pipeline.Errorf("kafka.stopped", "gave up to commit a transaction, which was aborted: %w", errors.Join(context.Cause(ctx), err))
	}
	return err
}

func (w *writer) attempt(ctx context.Context, batches []outBatch, shares []broker.Share) error {
	if !w.ready {
		if err := w.renew(ctx, -1); err != nil {
			return err
		}
	}
	start, epoch, to := time.Now(), w.epoch, w.to
	step := func(kind string, ready func() bool, do func() error) error {
		_, err := w.p.ask(ctx, request{kind: kind, name: w.id, ready: ready, do: func() (any, error) { return nil, do() }})
		return err
	}
	if len(batches) > 0 {
		var tps []broker.TopicPartition
		byLeader := [2][]outBatch{}
		for _, b := range batches {
			tps = append(tps, b.TopicPartition)
			leader := (int(b.Partition) + len(b.Topic)) % 2
			byLeader[leader] = append(byLeader[leader], b)
		}
		if err := step("add partitions", to.settled, func() error { return to.addPartitions(epoch, tps) }); err != nil {
			return w.judge(ctx, err, start)
		}
		for _, some := range byLeader {
			if len(some) == 0 {
				continue
			}
			if err := step("write", nil, func() error { return to.write(epoch, some) }); err != nil {
				return w.judge(ctx, err, start)
			}
		}
	}
	for _, s := range shares {
		if err := step("add offsets", to.settled, func() error { return to.addOffsets(epoch, w.p.k.group(s.Generation.Group)) }); err != nil {
			return w.judge(ctx, err, start)
		}
		err := step("offsets", nil, func() error { return to.commitOffsets(epoch, w.p.k.group(s.Generation.Group), s) })
		if errors.Is(err, errStale) || errors.Is(err, errUnknown) {
			return &broker.LostGroupError{Group: s.Generation.Group, Err: err}
		}
		if err != nil {
			return w.judge(ctx, err, start)
		}
	}
	return w.end(ctx, start)
}

// endKind is the request whose answer decides what a commit returns.
const endKind = "end"

// end commits. Once the request may have arrived, only its answer ends the doubt; to ask again is safe.
func (w *writer) end(ctx context.Context, start time.Time) error {
	open := false
	epoch, to := w.epoch, w.to
	for {
		_, err := w.p.ask(ctx, request{kind: endKind, name: w.id, do: func() (any, error) { return nil, to.end(epoch) }})
		unclear := errors.Is(err, errUnanswered) || errors.Is(err, errGivenUp) || errors.Is(err, errDead) || err != nil && ctx.Err() != nil
		open = open || unclear
		switch {
		case err == nil:
			w.ready = !open
			return nil
		case errors.Is(err, errUnanswered) && ctx.Err() == nil:
			continue
		case open && errors.Is(err, errFenced) && time.Since(start) < w.limit && w.fence():
			return w.fencedError(err)
		case open:
			return fmt.Errorf("it is not known whether the last transaction of %s was committed: %w", w.id, errors.Join(broker.ErrDoubt, err))
		}
		return w.judge(ctx, err, start)
	}
}

// judge sorts the error of a transaction that was certainly not committed.
func (w *writer) judge(ctx context.Context, err error, start time.Time) error {
	switch {
	case ctx.Err() != nil:
		return err
	case errors.Is(err, errFenced):
		return w.judgeFence(ctx, err, start)
	case errors.Is(err, errUnanswered):
		return &repeatable{error: err}
	case errors.Is(err, errState):
		return &repeatable{error: err, refused: true}
	}
	return err
}

// judgeFence tells a broker that gave up waiting from another process with the same id.
func (w *writer) judgeFence(ctx context.Context, err error, start time.Time) error {
	if time.Since(start) < w.limit {
		if w.fence() {
			return w.fencedError(err)
		}
		return &repeatable{error: err}
	}
	switch again := w.renew(ctx, w.epoch); {
	case again == nil:
		return &repeatable{error: err}
	case errors.Is(again, errFenced):
		return w.fencedError(again)
	default:
		return again
	}
}

func (w *writer) fencedError(err error) error {
	return fmt.Errorf("another process writes transactions as %s: %w", w.id, errors.Join(broker.ErrFenced, err))
}
