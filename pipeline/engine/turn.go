package engine

import "sync"

// turn is a lock that is held while something outside of the process is waited for. Those who wait for it get it in the
// order in which they came, and count as waiting for the outside too: a simulated run can go on only when all goroutines
// wait for something that it decides, which a sync.Mutex is not.
type turn struct {
	once sync.Once
	free chan struct{}
}

// Lock waits for the turn.
func (t *turn) Lock() {
	t.once.Do(func() { t.free = make(chan struct{}, 1) })
	t.free <- struct{}{}
}

// Unlock gives the turn to the next.
func (t *turn) Unlock() { <-t.free }
