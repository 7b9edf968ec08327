package engine

import (
	"math"
	"time"
)

// unknownTime is the watermark of a lane that has seen no row yet.
const unknownTime = math.MinInt64

// see notes a row's time.
func (l *detectLane) see(t int64) { l.newest = max(l.newest, t, unknownTime+1) }

// due is the tick that the watermark has reached by the rows seen.
func (l *detectLane) due() int64 {
	if l.newest == unknownTime {
		return unknownTime
	}
	return floor(plus(l.newest, -l.in.disorder), l.tick)
}

// idle implements lane: a quiet source still closes its windows. One without any row says so, so that nobody waits for it.
func (l *detectLane) idle(at int64, d time.Duration) error {
	if l.in.inbox {
		return nil
	}
	mark := int64(unknownTime)
	if l.newest != unknownTime {
		mark = floor(plus(plus(l.newest, -l.in.disorder), int64(d)), l.tick)
	}
	return l.clock(at, mark)
}

// finish implements lane.
func (l *detectLane) finish(at int64) error {
	if l.in.inbox {
		return nil
	}
	mark := int64(unknownTime)
	if l.newest != unknownTime {
		mark = ceil(plus(l.newest, 1), l.tick)
	}
	return l.clock(at, mark)
}

// clock moves time by what is not in the lane's log, and writes that down, so that a replay can do the same.
func (l *detectLane) clock(at, mark int64) error {
	if mark <= l.mark && (mark != unknownTime || l.saidNone) {
		return nil
	}
	l.pending = append(l.pending, l.timeRecord(l.name, at, mark)...)
	return l.hearClock(mark)
}

// hearClock implements lane.
func (l *detectLane) hearClock(mark int64) error {
	if mark != unknownTime {
		return l.advance(mark)
	}
	l.saidNone = true
	l.collect()
	l.pending = append(l.pending, l.behind.tell(l.name, unknownTime)...)
	return nil
}

// newestTime returns the highest event time seen, unknownTime before the first row.
func (l *detectLane) newestTime() int64 { return l.newest }

// advance moves the watermark to a tick, if that is forward: the rows before it are fed, the chain acts on it, and those
// who wait for the lane are told.
func (l *detectLane) advance(to int64) error {
	if to <= l.mark {
		return nil
	}
	if err := l.feed(); err != nil {
		return err
	}
	l.mark = to
	crowded := l.series.move(to)
	if err := l.behind.watermark(to); err != nil {
		return err
	}
	l.collect()
	l.pending = append(l.pending, l.behind.tell(l.name, to)...)
	if crowded {
		return l.makeRoom()
	}
	return nil
}

// makeRoom evicts series that were not seen for long. No row is under way.
func (l *detectLane) makeRoom() error {
	to := l.series.makeRoom(l.behind.hold)
	if to == nil {
		return nil
	}
	l.cols.Series = l.series.table
	return l.behind.follow(l.series, to)
}

// plus adds without wrapping round: what a row says of its time may be anything.
func plus(a, b int64) int64 {
	switch {
	case b > 0 && a > math.MaxInt64-b:
		return math.MaxInt64
	case b < 0 && a < unknownTime+1-b:
		return unknownTime + 1
	}
	return a + b
}

func floor(t, step int64) int64 {
	rest := t % step
	if rest < 0 {
		return plus(t-rest, -step)
	}
	return t - rest
}

func ceil(t, step int64) int64 {
	if f := floor(t, step); f < t {
		return plus(f, step)
	}
	return t
}
