package engine

import (
	"math"
	"strconv"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
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
func (l *detectLane) idle(d time.Duration) error {
	switch {
	case l.in.inbox || l.newest == unknownTime && l.saidNone:
		return nil
	case l.newest == unknownTime:
		l.saidNone = true
		l.tell(unknownTime)
		return nil
	}
	return l.advance(floor(plus(plus(l.newest, -l.in.disorder), int64(d)), l.tick))
}

// finish implements lane.
func (l *detectLane) finish() error {
	if l.newest == unknownTime {
		return l.idle(0)
	}
	return l.advance(ceil(plus(l.newest, 1), l.tick))
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
	if err := l.chain.watermark(to); err != nil {
		return err
	}
	l.tell(to)
	return nil
}

// tell writes the lane's time to every partition of the events topic, behind what the lane emitted before.
func (l *detectLane) tell(mark int64) {
	l.collect()
	text, at := "", int64(0)
	if mark != unknownTime {
		text, at = strconv.FormatInt(mark, 10), mark
	}
	for p := range l.partitions {
		e := schemas.Event{
			ID:     pipeline.ID(l.pipeline, "time", l.name, text, strconv.Itoa(p)),
			Source: "/homeostat/" + l.pipeline + "/time", Type: schemas.TypeWindow, Time: at, Subject: l.name, Content: schemas.ContentArrow,
		}
		hs := append(e.Headers(0), pipeline.Header{Key: schemas.HeaderLane, Value: []byte(l.name)}, pipeline.Header{Key: schemas.HeaderWatermark, Value: []byte(text)})
		l.pending = append(l.pending, broker.Message{Topic: l.events, Partition: int32(p), Key: []byte(l.name), Value: l.nothing, Headers: hs})
	}
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
