package engine

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
)

// laneRun is a lane with its goroutine and the queue of fetched chunks before it.
type laneRun struct {
	tp    broker.TopicPartition
	queue chan pipeline.Input
	// queued is the number of bytes in the queue.
	queued atomic.Int64

	mu   sync.Mutex // guards lane: the goroutine processes, the committer takes
	lane lane
	err  error

	position   int64     // behind the last processed record; under mu
	taken      int64     // position at the last take; under mu
	emptySince time.Time // when the partition was first polled and empty, zero if it was not; under mu
	busySince  atomic.Int64
	paused     bool // of the poll loop
	finished   bool // finish was called; under mu
}

// queueLength bounds chunks rather than bytes; a partition is paused long before by its bytes.
const queueLength = 256

func newLaneRun(tp broker.TopicPartition, l lane, position int64) *laneRun {
	return &laneRun{tp: tp, lane: l, position: position, taken: position, queue: make(chan pipeline.Input, queueLength)}
}

// run processes the queue until it is closed or ctx ends. A lane that failed gives back what comes and does nothing more.
func (r *laneRun) run(ctx context.Context) {
	for in := range r.queue {
		r.queued.Add(-int64(in.Bytes))
		if ctx.Err() != nil || r.failed() != nil {
			in.Release()
			continue
		}
		r.busySince.Store(time.Now().UnixNano())
		r.step(in)
		r.busySince.Store(0)
	}
}

func (r *laneRun) step(in pipeline.Input) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(in.Records) == 0 && in.CaughtUp && in.Next == r.position {
		in.Release()
		now := time.Now()
		if r.emptySince.IsZero() {
			r.emptySince = now
		}
		r.err = r.lane.idle(now.Sub(r.emptySince))
	} else {
		r.emptySince = time.Time{}
		r.position = in.Next
		r.err = r.lane.process(in)
	}
	if r.err != nil {
		r.err = fmt.Errorf("lane %s/%d stopped at offset %d: %w", r.tp.Topic, r.tp.Partition, r.position, r.err)
	}
}

// failed returns the error that ended the lane.
func (r *laneRun) failed() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// take hands over what the lane finished. A failed lane has nothing more to give: what it did in part must not count.
func (r *laneRun) take(ctx context.Context) (share, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return share{}, r.err
	}
	if f, ok := r.lane.(interface{ flush(context.Context) error }); ok {
		if err := f.flush(ctx); err != nil {
			r.err = err
			return share{}, err
		}
	}
	s := r.lane.take()
	s.next, s.before = r.position, r.taken
	r.taken = r.position
	return s, nil
}

// reached says whether all records before the offset are processed.
func (r *laneRun) reached(offset int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.position >= offset && len(r.queue) == 0
}

// finish ends the lane's time, once.
func (r *laneRun) finish() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.finished || r.err != nil {
		return r.err
	}
	r.finished = true
	r.err = r.lane.finish()
	return r.err
}
