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
	name  string
	queue chan pipeline.Input
	flow  flow
	pace  *pace
	// generation is what commits of the lane are fenced by.
	generation *broker.Generation
	// untimed lanes don't take idle time for event time.
	untimed bool
	// wake tells the committer that there are outputs; nil tells nobody.
	wake func()

	work     sync.Mutex // guards lane, polled, quiet and replayed: the goroutine's, but for the finish
	lane     lane
	polled   time.Time // when the partition was last polled and empty; zero if there was something after that
	quiet    time.Duration
	replayed *replay // what is still to be replayed; nil once the lane is live
	live     atomic.Bool

	mu      sync.Mutex // guards what follows, never for long: a commit does not wait for a lane at work
	err     error
	done    share  // since the last take
	steps   uint64 // finished so far
	untaken int64  // bytes processed since the last take
	wanted  *capture
	held    *capture // frozen, not committed yet
	gone    bool     // the generation ended
	fresh   bool     // it began without a snapshot
	changes uint64   // steps that changed something

	busySince atomic.Int64 // since processStart, 0 if it waits: the wall clock may be set
	newest    atomic.Int64 // the lane's highest event time
	caughtUp  bool         // of the poll loop: the last chunk reached the end
}

// queueLength bounds chunks rather than bytes; a partition is paused long before by its bytes.
const queueLength = 256

func newLaneRun(tp broker.TopicPartition, l lane, position int64, f pausable, memory int64) *laneRun {
	r := &laneRun{tp: tp, lane: l, done: share{next: position, before: position}, queue: make(chan pipeline.Input, queueLength), pace: newPace(l)}
	r.flow = flow{tp: tp, fetcher: f, memory: memory, waiting: func() int { return len(r.queue) }}
	r.newest.Store(unknownTime)
	r.live.Store(true)
	return r
}

// run processes the queue until it is closed. After ctx ended it only gives back what comes. fail is told of the error
// that ended the lane.
func (r *laneRun) run(ctx context.Context, fail func(error)) {
	r.letRest(ctx)
	for in := range r.queue {
		if ctx.Err() != nil {
			in.Release()
			continue
		}
		r.busySince.Store(int64(time.Since(processStart)) + 1)
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
	from, next, bytes := r.position(), in.Next, in.Bytes
	in, rest, err := r.replay(in)
	if err == nil && rest {
		err = r.process(in, next == from)
	}
	if err != nil {
		err = fmt.Errorf("lane %s/%d stopped between the offsets %d and %d: %w", r.tp.Topic, r.tp.Partition, from, next, err)
	}
	r.pace.foretell()
	if l, ok := r.lane.(interface{ newestTime() int64 }); ok {
		r.newest.Store(l.newestTime())
	}
	return r.finished(max(next, from), bytes, err)
}

func (r *laneRun) process(in pipeline.Input, still bool) error {
	if in.Lost != "" {
		in.Release()
		r.lane.lose(in.Lost, in.LostRecords)
		return nil
	}
	if len(in.Records) == 0 && in.CaughtUp && still {
		in.Release()
		return r.lane.idle(in.Next, r.quietFor(time.Now()))
	}
	r.polled, r.quiet = time.Time{}, 0
	return r.lane.process(in)
}

// finished notes what the lane has done. What it did in part before it failed must not count.
func (r *laneRun) finished(next int64, bytes int, err error) error {
	var outputs []broker.Message
	var shared []rows
	if err == nil {
		outputs, shared = r.lane.take(), takeRows(r.lane)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.untaken += int64(bytes)
	if r.err = err; err != nil {
		r.abandon()
		return err
	}
	if r.steps++; len(outputs) > 0 || next != r.done.next {
		r.changes++
	}
	r.done.outputs, r.done.rows, r.done.next = append(r.done.outputs, outputs...), append(r.done.rows, shared...), next
	r.freeze()
	if r.wake != nil && (len(outputs) > 0 || len(shared) > 0 || r.untaken > r.flow.memory/4) {
		r.wake()
	}
	return nil
}

// takeRows hands over what a lane of ingest has for the columns topic.
func takeRows(l lane) []rows {
	if d, ok := l.(*detectLane); ok {
		if r, ok := d.behind.(*repartition); ok {
			return r.takeRows()
		}
	}
	return nil
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
	// rows go to the columns topic, before outputs.
	rows []rows
	// next is the position behind the last finished record, before the one of the last take.
	next, before int64
	// steps is the number of steps that the lane had finished.
	steps uint64
}

// take hands over what the lane finished; ok says whether there is anything. It does not wait for what the lane is at. What
// was taken before is committed.
func (r *laneRun) take() (s share, ok bool) {
	defer r.flow.regulate()
	r.mu.Lock()
	defer r.mu.Unlock()
	s = r.done
	s.steps = r.steps
	r.flow.done(r.untaken)
	r.done, r.untaken = share{next: s.next, before: s.next}, 0
	if ok = len(s.outputs) > 0 || len(s.rows) > 0 || s.next != s.before; !ok {
		r.settle(s.steps, false)
	}
	return s, ok
}

// committed tells that what the lane had done after that many steps is committed.
func (r *laneRun) committed(steps uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.settle(steps, true)
}

// idleAt says whether the lane stands at a position with nothing to hand over.
func (r *laneRun) idleAt(position int64) bool {
	if !r.live.Load() {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err == nil && r.done.next == position && r.done.before == position && len(r.done.outputs) == 0 && len(r.done.rows) == 0
}

// finish ends the lane's time.
func (r *laneRun) finish() error {
	r.work.Lock()
	defer r.work.Unlock()
	if err := r.failed(); err != nil || r.left() {
		return err
	}
	err := r.lane.finish(r.position())
	if err != nil {
		err = fmt.Errorf("lane %s/%d stopped at its end, offset %d: %w", r.tp.Topic, r.tp.Partition, r.position(), err)
	}
	return r.finished(r.position(), 0, err)
}

// behind says whether there are records that the lane has still to process, as far as the poll loop knows.
func (r *laneRun) behind() bool { return !r.caughtUp || len(r.queue) > 0 }
