package actuator

import (
	"context"
	"sync"
)

// domains lets one command at a time into each lock domain.
type domains struct {
	mu   sync.Mutex
	open map[string]*domain
}

// domain is there while somebody is in it, waits for it, or has left a function running in it.
type domain struct {
	turn  chan struct{} // holds one value while somebody is inside
	users int
	stray int // functions that were given up but have not returned
}

// enter waits for the domain and returns what leaves it.
func (ds *domains) enter(ctx context.Context, name string) (leave func(), err error) {
	ds.mu.Lock()
	d := ds.open[name]
	if d == nil {
		if ds.open == nil {
			ds.open = map[string]*domain{}
		}
		d = &domain{turn: make(chan struct{}, 1)}
		ds.open[name] = d
	}
	d.users++
	ds.mu.Unlock()
	select {
	case d.turn <- struct{}{}:
		return func() { <-d.turn; ds.change(name, -1, 0) }, nil
	case <-ctx.Done():
		ds.change(name, -1, 0)
		return nil, ctx.Err()
	}
}

// abandon notes that a function goes on although its command was answered; returned notes its end.
func (ds *domains) abandon(name string)  { ds.change(name, 0, 1) }
func (ds *domains) returned(name string) { ds.change(name, 0, -1) }

// busy tells whether a function that was given up still runs. The caller is inside.
func (ds *domains) busy(name string) bool {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	return ds.open[name].stray > 0
}

func (ds *domains) change(name string, users, stray int) {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	d := ds.open[name]
	d.users += users
	d.stray += stray
	if d.users == 0 && d.stray == 0 {
		delete(ds.open, name)
	}
}
