package broker

import (
	"context"
	"errors"
	"time"

	"github.com/homeostat/homeostat/pipeline"
)

// TransactorConfig names the writer of a process's transactions.
type TransactorConfig struct {
	// TransactionalID is stable over restarts and unique in the cluster. A new Transactor with the same one aborts what the
	// one before left open, and fences it.
	TransactionalID string
	// Timeout is after how long the broker aborts an abandoned transaction; default and at most 10 s, since it is how long
	// a new owner may have to wait.
	Timeout time.Duration
}

// Share is what one group's lanes have finished: the positions, one behind the last record, of partitions.
type Share struct {
	Generation *Generation
	Offsets    map[TopicPartition]int64
	// Note is kept with the positions, whether they move or not, and comes back from Client.Notes: by a note of its own a
	// transaction whose outcome was unclear is known. At most some hundred bytes, without spaces.
	Note string
}

// Transactor writes transactions, one at a time. Its methods are for one goroutine at a time.
type Transactor struct {
	client *Client
	cfg    TransactorConfig

	producer producer
	// sequences counts the records of this producer and epoch by partition.
	sequences map[TopicPartition]int32
	// ready is false when a new epoch is needed before the next transaction: because something of an earlier one may still
	// be open, or on its way.
	ready bool
	// fences are when others took the id over, within fenceWindow; fenced ends the Transactor.
	fences []time.Time
	fenced error
}

// A process may lose its id for a good reason: it stood still, and the new owner of its partitions ended what it had left open.
// Then it takes the id back. If that happens again and again, two processes have one id.
const (
	fenceWindow = time.Minute
	mostFences  = 4
)

const longestTransaction = 10 * time.Second

// NewTransactor fences and aborts what an earlier process with the same id left, and returns a Transactor. A fresh cluster
// may need some seconds for it; Config.Patience is the limit.
func (c *Client) NewTransactor(ctx context.Context, cfg TransactorConfig) (*Transactor, error) {
	if cfg.TransactionalID == "" {
		return nil, pipeline.Errorf("kafka.transaction.id", "a transactional id is needed: give each process a stable name of its own")
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = longestTransaction
	}
	if cfg.Timeout < time.Second || cfg.Timeout > longestTransaction {
		return nil, pipeline.Errorf("kafka.transaction.timeout", "a transaction time-out of %v is outside of 1 s to %v: a dead process blocks its successor for so long", cfg.Timeout, longestTransaction)
	}
	t := &Transactor{client: c, cfg: cfg}
	ctx, cancel := c.limited(ctx)
	defer cancel()
	if err := t.renew(ctx); err != nil {
		return nil, err
	}
	return t, nil
}

// Commit writes outputs and positions in one transaction: a reader of committed records sees all or nothing, and the
// positions move exactly with it. With nothing to write it does nothing. Order within a partition is that of the slice.
// outputs are borrowed until it returns. What failed transiently is repeated inside for as long as ctx allows.
//
// The error says what to do:
//   - nil: committed;
//   - errors.As *LostGroupError: not committed; drop that group's share and outputs, commit the rest again;
//   - errors.Is ErrFenced: another process has this id and takes it back each time: stop; this transaction's end is not known;
//   - errors.Is ErrDoubt: not known; Notes of the groups tell, if each commit has its own note;
//   - another: not committed. Either ctx ended, or the same outputs would be refused again.
func (t *Transactor) Commit(ctx context.Context, outputs []Message, shares []Share) error {
	if t.fenced != nil {
		return t.fenced
	}
	shares, err := UsedShares(shares)
	if err != nil || len(outputs) == 0 && len(shares) == 0 {
		return err
	}
	out, err := t.client.prepare(ctx, outputs)
	if err != nil {
		return err
	}
	defer out.free()
	pause := backoff{first: 5 * time.Millisecond, longest: 500 * time.Millisecond}
	for refusals := 0; ; {
		err := t.attempt(ctx, out, shares)
		if err == nil {
			return nil
		}
		t.ready = false
		var again *repeatable
		if !errors.As(err, &again) || ctx.Err() != nil {
			return t.conclude(ctx, err)
		}
		if again.refused {
			refusals++
		}
		if refusals > 5 {
			return t.conclude(ctx, pipeline.Errorf("kafka.transaction.refused", "the transaction was refused again and again: %w", again.err))
		}
		t.client.log.Info("kafka: a transaction was aborted and is repeated", "id", t.cfg.TransactionalID, "error", again.err)
		if pause.wait(ctx) != nil {
			return t.conclude(ctx, again.err)
		}
	}
}

// UsedShares returns the shares that say something, if their owners may commit; every Writer asks it first.
func UsedShares(shares []Share) ([]Share, error) {
	var list []Share
	for _, s := range shares {
		if len(s.Offsets) == 0 {
			continue
		}
		// Without generation and member a broker would take the offsets from anybody, also from one long replaced.
		if s.Generation == nil || s.Generation.ID < 0 || s.Generation.Member == "" {
			return nil, pipeline.Errorf("kafka.generation.missing", "BUG: a share without the generation of its group cannot be committed")
		}
		list = append(list, s)
	}
	return list, nil
}

// repeatable says that a transaction was certainly not committed, and that another attempt may succeed.
type repeatable struct {
	err     error
	refused bool // the broker said so; otherwise nobody answered
}

func (e *repeatable) Error() string { return e.err.Error() }
func (e *repeatable) Unwrap() error { return e.err }

// conclude ends what a failed transaction left open, as far as ctx allows, so that nobody waits for it, and makes the
// error for the caller.
func (t *Transactor) conclude(ctx context.Context, err error) error {
	if errors.Is(err, ErrFenced) {
		t.fenced = err
		return err
	}
	if ctx.Err() == nil {
		if failed := t.renew(ctx); failed != nil {
			t.client.log.Warn("kafka: a failed transaction stays open until it times out", "id", t.cfg.TransactionalID, "error", failed)
		}
	}
	if ctx.Err() != nil && !errors.Is(err, ErrDoubt) {
		return gaveUp(ctx, "commit a transaction, which was aborted", err)
	}
	return err
}

// attempt runs one transaction: https://kafka.apache.org/protocol, and KIP-447 for the fence of the offsets.
func (t *Transactor) attempt(ctx context.Context, out *outgoing, shares []Share) error {
	if !t.ready {
		if err := t.renew(ctx); err != nil {
			return err
		}
	}
	start := time.Now()
	out.rewind()
	if len(out.partitions) > 0 {
		if err := t.addPartitions(ctx, out); err != nil {
			return t.judge(ctx, err, start)
		}
		if err := t.send(ctx, out); err != nil {
			return t.judge(ctx, err, start)
		}
	}
	for _, s := range shares {
		if err := t.addOffsets(ctx, s); err != nil {
			return t.judge(ctx, err, start)
		}
		if err := t.commitOffsets(ctx, s); err != nil {
			return t.judge(ctx, err, start)
		}
	}
	return t.end(ctx, start)
}
