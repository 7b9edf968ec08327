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

// laneRun is a lane in one generation of its group, with its goroutine and the queue of fetched chunks before it.
type laneRun struct {
	tp    broker.TopicPartition
	queue chan pipeline.Input
	flow  flow
	// generation is what commits of the lane are fenced by.
	generation *broker.Generation
	// untimed lanes don't take idle time for event time.
	untimed bool

	work   sync.Mutex // guards lane, polled and quiet: the goroutine's, but for the finish
	lane   lane
	polled time.Time // when the partition was last polled and empty; zero if there was something after that
	quiet  time.Duration

	mu      sync.Mutex // guards what follows, never for long: a commit does not wait for a lane at work
	err     error
	done    share // since the last take
	untaken int64 // bytes processed since the last take

	busySince atomic.Int64
	newest    atomic.Int64 // the lane's highest event time
	caughtUp  bool         // of the poll loop: the last chunk reached the end
}

// queueLength bounds chunks rather than bytes; a partition is paused long before by its bytes.
const queueLength = 256

// pollWait is how long a broker may wait for records before it answers that there are none.
const pollWait = 500 * time.Millisecond

func newLaneRun(tp broker.TopicPartition, l lane, position int64, f pausable, memory int64) *laneRun {
	r := &laneRun{tp: tp, lane: l, done: share{next: position, before: position}, queue: make(chan pipeline.Input, queueLength)}
	r.flow = flow{tp: tp, fetcher: f, memory: memory, waiting: func() int { return len(r.queue) }}
	r.newest.Store(unknownTime)
	return r
}

// run processes the queue until it is closed. After ctx ended it only gives back what comes. fail is told of the error
// that ended the lane.
func (r *laneRun) run(ctx context.Context, fail func(error)) {
	for in := range r.queue {
		if ctx.Err() != nil {
			in.Release()
			continue
		}
		r.busySince.Store(time.Now().UnixNano())
		if err := r.step(in); err != nil {
			fail(err)
		}
		r.busySince.Store(0)
		r.flow.regulate()
	}
}

// step processes one input and puts what is finished by it where a commit finds it.
func (r *laneRun) step(in pipeline.Input) error {
	r.work.Lock()
	defer r.work.Unlock()
	if err := r.failed(); err != nil {
		in.Release()
		return err
	}
	from, next := r.position(), in.Next
	err := r.process(in, next == from)
	if err != nil {
		err = fmt.Errorf("lane %s/%d stopped between the offsets %d and %d: %w", r.tp.Topic, r.tp.Partition, from, next, err)
	}
	if l, ok := r.lane.(interface{ newestTime() int64 }); ok {
		r.newest.Store(l.newestTime())
	}
	return r.finished(next, in.Bytes, err)
}

func (r *laneRun) process(in pipeline.Input, still bool) error {
	if len(in.Records) == 0 && in.CaughtUp && still {
		in.Release()
		return r.lane.idle(r.quietFor(time.Now()))
	}
	r.polled, r.quiet = time.Time{}, 0
	return r.lane.process(in)
}

// finished notes what the lane has done. What it did in part before it failed must not count.
func (r *laneRun) finished(next int64, bytes int, err error) error {
	var outputs []broker.Message
	if err == nil {
		outputs = r.lane.take()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.untaken += int64(bytes)
	if r.err = err; err == nil {
		r.done.outputs = append(r.done.outputs, outputs...)
		r.done.next = next
	}
	return err
}

// failed returns the error that ended the lane.
func (r *laneRun) failed() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// position is the one behind the last finished record.
func (r *laneRun) position() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.done.next
}

// quietFor returns how long the partition has been polled and empty by now. The time between two polls counts as one
// poll at most: if it was longer, nobody looked.
func (r *laneRun) quietFor(now time.Time) time.Duration {
	if r.untimed {
		return 0
	}
	if !r.polled.IsZero() {
		r.quiet += min(now.Sub(r.polled), 2*pollWait)
	}
	r.polled = now
	return r.quiet
}

// share is what a lane has finished since the last take.
type share struct {
	outputs []broker.Message
	// next is the position behind the last finished record, before the one of the last take.
	next, before int64
}

// take hands over what the lane finished; ok says whether there is anything. It does not wait for what the lane is at.
func (r *laneRun) take() (s share, ok bool) {
	defer r.flow.regulate()
	r.mu.Lock()
	defer r.mu.Unlock()
	s = r.done
	r.flow.done(r.untaken)
	r.done, r.untaken = share{next: s.next, before: s.next}, 0
	return s, len(s.outputs) > 0 || s.next != s.before
}

// idleAt says whether the lane stands at a position with nothing to hand over.
func (r *laneRun) idleAt(position int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err == nil && r.done.next == position && r.done.before == position && len(r.done.outputs) == 0
}

// finish ends the lane's time.
func (r *laneRun) finish() error {
	r.work.Lock()
	defer r.work.Unlock()
	if err := r.failed(); err != nil {
		return err
	}
	err := r.lane.finish()
	if err != nil {
		err = fmt.Errorf("lane %s/%d stopped at its end, offset %d: %w", r.tp.Topic, r.tp.Partition, r.position(), err)
	}
	return r.finished(r.position(), 0, err)
}

// behind says whether there are records that the lane has still to process, as far as the poll loop knows.
func (r *laneRun) behind() bool { return !r.caughtUp || len(r.queue) > 0 }
