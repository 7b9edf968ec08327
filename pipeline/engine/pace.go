package engine

import (
	"sync/atomic"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
)

// Records are fetched no more often than latency needs. Where all that a lane gives out comes when its time reaches a tick, records
// before that can wait for each other: few requests, and large chunks, which cost less for each record. Around a tick they are
// fetched without delay.
const (
	// pollWait is how long a broker may wait for records before it answers that there are none.
	pollWait = 500 * time.Millisecond
	// pollPace is how long a partition rests behind an answer where it is not known when the next record matters.
	pollPace = 20 * time.Millisecond
	// longestRest is how long it rests far from a tick: by that much an output is late at most when event time leaps ahead.
	longestRest = 100 * time.Millisecond
	// shortestRest is how long it rests around a tick.
	shortestRest = 5 * time.Millisecond
	// overdue is how long a tick is waited for once it should have come: event time does not go as fast as the clock.
	overdue = 250 * time.Millisecond
)

// pace foretells when a lane's time reaches its next tick, from how far its newest row is from there. The zero value knows nothing.
type pace struct {
	ticks *detectLane  // nil if outputs come at other times too
	next  int64        // the event time that due is about; the lane's goroutine's
	asked atomic.Int64 // when the last chunk came, since processStart
	due   atomic.Int64 // when the tick is expected, since processStart; 0 if unknown
}

// newPace looks at what a lane gives out.
func newPace(l lane) *pace {
	d, ok := l.(*detectLane)
	if !ok || d.in.inbox {
		return &pace{}
	}
	if rear, ok := d.behind.(*detection); ok {
		for i := range rear.nodes {
			n := &rear.nodes[i]
			_, windows := n.op.(pipeline.Rhythmic)
			if (n.consumes[pipeline.Points] || n.consumes[pipeline.Logs]) && !windows {
				return &pace{}
			}
		}
	}
	return &pace{ticks: d}
}

// came notes that a chunk came from the broker just now.
func (p *pace) came() {
	if p.ticks != nil {
		p.asked.Store(int64(time.Since(processStart)))
	}
}

// foretell is called by the lane's goroutine when a chunk is processed.
func (p *pace) foretell() {
	l := p.ticks
	if l == nil || l.newest == unknownTime {
		return
	}
	next := plus(plus(max(l.mark, l.due()), l.tick), l.in.disorder)
	due := plus(p.asked.Load(), plus(next, -l.newest))
	// A chunk may have waited for the poll loop, which makes it look later than it was: the earliest guess is the best, until it
	// proves to be wrong.
	if left, known := p.left(); known && p.next == next && left > -overdue {
		due = min(due, p.due.Load())
	}
	if due == 0 {
		due = 1
	}
	p.next = next
	p.due.Store(due)
}

// left returns how long it is until the next tick, below zero if it is late.
func (p *pace) left() (d time.Duration, known bool) {
	due := time.Duration(p.due.Load())
	if due == 0 {
		return 0, false
	}
	return due - time.Since(processStart), true
}

// rest is how long the partition may rest now.
func (p *pace) rest() time.Duration {
	left, known := p.left()
	switch {
	case !known:
		return pollPace
	case left < -overdue:
		return longestRest
	}
	return min(max(left-shortestRest, shortestRest), longestRest)
}

// near says whether the lane may reach a tick within d.
func (p *pace) near(d time.Duration) bool {
	left, known := p.left()
	return known && left < d && left > -overdue
}

// rest is how long a partition may rest. It is the poll loop's.
func (s *stageRun) rest(tp broker.TopicPartition) time.Duration {
	if l, ok := s.lanes[tp]; ok && s.ends == nil {
		return l.pace.rest()
	}
	return pollPace
}

// near says whether a lane may reach a tick within d.
func (s *stageRun) near(d time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.lanes {
		if l.pace.near(d) {
			return true
		}
	}
	return false
}
