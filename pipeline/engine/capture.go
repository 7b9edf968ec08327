package engine

import "time"

// capture is a request for a lane's state at a moment whose outputs are committed.
type capture struct {
	// done gets the frozen state, or nil when the lane ends before; it has room for one.
	done chan *captured
	got  *captured
}

type captured struct {
	*frozen
	position int64
	steps    uint64
	// proven says that a commit after it was frozen had the lane's generation; without one, another process may have had the
	// lane for long.
	proven bool
}

// capture asks for the lane's state. The lane freezes it after its next step, and hands it over once that is committed.
func (r *laneRun) capture() *capture {
	c := &capture{done: make(chan *captured, 1)}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil || r.gone || r.wanted != nil || r.held != nil {
		c.done <- nil
		return c
	}
	r.wanted = c
	return c
}

// changed counts the steps that changed the lane's state.
func (r *laneRun) changed() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changes
}

// freeze takes the state if it is wanted. The lane is between two steps, and all that it did is taken.
func (r *laneRun) freeze() {
	if r.wanted == nil || r.replayed != nil {
		return
	}
	c := r.wanted
	r.wanted = nil
	start := time.Now()
	f, err := r.lane.freeze()
	if err != nil {
		r.err = err
		c.done <- nil
		return
	}
	f.pause = time.Since(start)
	c.got, r.held = &captured{frozen: f, position: r.done.next, steps: r.steps}, c
}

// settle hands the frozen state over if it is committed; proven is as in captured.
func (r *laneRun) settle(steps uint64, proven bool) {
	if c := r.held; c != nil && c.got.steps <= steps {
		r.held, c.got.proven = nil, proven
		c.done <- c.got
	}
}

// frozen returns the state of a lane that has ended.
func (r *laneRun) frozen() (*frozen, error) {
	r.work.Lock()
	defer r.work.Unlock()
	return r.lane.freeze()
}

// abandon gives up what was asked for: the lane has ended.
func (r *laneRun) abandon() {
	if c := r.wanted; c != nil {
		r.wanted = nil
		c.done <- nil
	}
	if c := r.held; c != nil {
		r.held = nil
		c.got.release()
		c.done <- nil
	}
}

// leave ends the lane's part in captures: its generation ended.
func (r *laneRun) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gone = true
	r.abandon()
}

// left says whether the lane's generation has ended.
func (r *laneRun) left() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.gone
}

// forgo gives up what was asked for.
func (r *laneRun) forgo() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.abandon()
}
