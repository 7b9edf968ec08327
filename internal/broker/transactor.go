package broker

import (
	"context"
	"time"
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
}

// Transactor writes transactions, one at a time. Its methods are for one goroutine at a time.
type Transactor struct{}

// NewTransactor fences and aborts what an earlier process with the same id left, and returns a Transactor. A fresh cluster
// may need some seconds for it.
func (c *Client) NewTransactor(ctx context.Context, cfg TransactorConfig) (*Transactor, error) {
	return nil, errNotYet
}

// Commit writes outputs and positions in one transaction: a reader of committed records sees all or nothing, and the
// positions move exactly with it. With nothing to write it does nothing. Order within a partition is that of the slice.
// outputs are borrowed until it returns. What failed transiently is repeated inside for as long as ctx allows.
//
// The error says what to do:
//   - nil: committed;
//   - errors.As *LostGroupError: not committed; drop that group's share and outputs, commit the rest again;
//   - errors.Is ErrFenced: not known; another process has this id, stop;
//   - errors.Is ErrDoubt: not known; read Committed of each group, drop what is in, commit the rest again;
//   - another: not committed, and the same outputs would fail again, or ctx ended.
func (t *Transactor) Commit(ctx context.Context, outputs []Message, shares []Share) error {
	return errNotYet
}
