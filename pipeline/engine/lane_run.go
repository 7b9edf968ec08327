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

	mu       sync.Mutex // guards what follows: the goroutine processes, the committer takes
	lane     lane
	err      error
	position int64     // behind the last processed record
	taken    int64     // position at the last take
	untaken  int64     // bytes processed since the last take
	polled   time.Time // when the partition was last polled and empty; zero if there was something after that
	quiet    time.Duration

	busySince atomic.Int64
	newest    atomic.Int64 // the lane's highest event time
	caughtUp  bool         // of the poll loop: the last chunk reached the end
}

// queueLength bounds chunks rather than bytes; a partition is paused long before by its bytes.
const queueLength = 256

// pollWait is how long a broker may wait for records before it answers that there are none.
const pollWait = 500 * time.Millisecond

func newLaneRun(tp broker.TopicPartition, l lane, position int64, f pausable, memory int64) *laneRun {
	r := &laneRun{tp: tp, lane: l, position: position, taken: position, queue: make(chan pipeline.Input, queueLength)}
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

func (r *laneRun) step(in pipeline.Input) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		in.Release()
		return r.err
	}
	from := r.position
	r.untaken += int64(in.Bytes)
	if len(in.Records) == 0 && in.CaughtUp && in.Next == r.position {
		in.Release()
		r.err = r.lane.idle(r.quietFor(time.Now()))
	} else {
		r.polled, r.quiet = time.Time{}, 0
		r.position = in.Next
		r.err = r.lane.process(in)
	}
	if l, ok := r.lane.(interface{ newestTime() int64 }); ok {
		r.newest.Store(l.newestTime())
	}
	if r.err != nil {
		r.err = fmt.Errorf("lane %s/%d stopped between the offsets %d and %d: %w", r.tp.Topic, r.tp.Partition, from, r.position, r.err)
	}
	return r.err
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

// take hands over what the lane finished; ok says whether there is anything. A failed lane has nothing more to give: what
// it did in part must not count.
func (r *laneRun) take() (s share, ok bool) {
	defer r.flow.regulate()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return share{}, false
	}
	s = share{outputs: r.lane.take(), next: r.position, before: r.taken}
	r.flow.done(r.untaken)
	r.taken, r.untaken = r.position, 0
	return s, len(s.outputs) > 0 || s.next != s.before
}

// reached says whether all records before the offset are processed.
func (r *laneRun) reached(offset int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.position >= offset
}

// finish ends the lane's time.
func (r *laneRun) finish() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		if err := r.lane.finish(); err != nil {
			r.err = fmt.Errorf("lane %s/%d stopped at its end, offset %d: %w", r.tp.Topic, r.tp.Partition, r.position, err)
		}
	}
	return r.err
}

// behind says whether there are records that the lane has still to process, as far as the poll loop knows.
func (r *laneRun) behind() bool { return !r.caughtUp || len(r.queue) > 0 }
