package engine

import (
	"context"
	"sync"
)

// turn is a lock that is held while something outside of the process is waited for. Those who wait for it get it in the
// order in which they came, and count as waiting for the outside too: a simulated run can go on only when all goroutines
// wait for something that it decides, which a sync.Mutex is not.
type turn struct {
	once sync.Once
	free chan struct{}
}

// take waits for the turn until ctx ends; then it returns why ctx ended.
func (t *turn) take(ctx context.Context) error {
	t.once.Do(func() { t.free = make(chan struct{}, 1) })
	select {
	case t.free <- struct{}{}:
		return nil
	default:
	}
	select {
	case t.free <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// give gives the turn to the next.
func (t *turn) give() { <-t.free }
