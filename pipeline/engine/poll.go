package engine

import (
	"context"
	"errors"
	"math"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
)

// poll moves chunks from the broker to the lanes until ctx ends.
func (s *stageRun) poll(ctx context.Context, f broker.Reader) error {
	for {
		chunks, err := f.Poll(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		for i := range chunks {
			s.dispatch(&chunks[i])
		}
		for i := range chunks {
			if err := s.fault(f, &chunks[i]); err != nil {
				return err
			}
		}
		s.restrain()
	}
}

// dispatch hands a chunk to its lane.
func (s *stageRun) dispatch(c *broker.Chunk) {
	l, ok := s.lanes[c.TopicPartition]
	if !ok {
		c.Release()
		return
	}
	in := pipeline.Input{
		Topic: c.Topic, Partition: c.Partition, Records: c.Records, Next: c.Next,
		CaughtUp: c.Err == nil && c.Next >= c.Stable, Bytes: c.Bytes, Release: c.Release,
	}
	if end, ok := s.ends[c.TopicPartition]; ok {
		cut(&in, end)
	}
	l.caughtUp = in.CaughtUp
	l.pace.came()
	if len(in.Records) == 0 && in.CaughtUp && len(l.queue) > 0 {
		in.Release() // not idle: there is still something before the lane
		return
	}
	l.flow.take(in.Bytes)
	l.queue <- in
	l.flow.regulate()
}

// cut makes the log end at an offset.
func cut(in *pipeline.Input, end int64) {
	if in.Next < end {
		return
	}
	in.Next, in.CaughtUp = end, true
	for n := len(in.Records); n > 0 && in.Records[n-1].Offset >= end; n-- {
		in.Records = in.Records[:n-1]
	}
}

// fault deals with a partition that stopped: what can't be had any more is counted and passed over, the rest ends the stage.
func (s *stageRun) fault(f broker.Reader, c *broker.Chunk) error {
	var corrupt *broker.CorruptError
	var gap *broker.GapError
	switch {
	case c.Err == nil:
	case errors.As(c.Err, &corrupt) && corrupt.To > corrupt.From:
		s.passOver(f, c, lostCorrupt, corrupt.From, corrupt.To)
	case errors.As(c.Err, &gap) && gap.To > gap.From:
		s.passOver(f, c, lostGap, gap.From, gap.To)
	default:
		return c.Err
	}
	return nil
}

func (s *stageRun) passOver(f broker.Reader, c *broker.Chunk, reason string, from, to int64) {
	s.logger.Error("records are lost and passed over", "stage", s.stage, "reason", reason, "from", from, "to", to, "error", c.Err)
	s.faults.WithLabelValues(string(s.stage), c.Topic, reason).Add(float64(to - from))
	if l, ok := s.lanes[c.TopicPartition]; ok {
		l.queue <- pipeline.Input{Topic: c.Topic, Partition: c.Partition, Next: to, Lost: reason, LostRecords: to - from, Release: func() {}}
	}
	f.Assign(c.TopicPartition, to)
}

// maxSpread is how far, in event time, a lane may be ahead of the slowest one of the process that still has records
// before it: operate holds what is ahead until the slowest has come after.
const maxSpread = int64(10 * 60 * 1e9)

// restrain pauses the lanes that are too far ahead. The slowest itself is never paused for that, so some lane goes on.
func (s *stageRun) restrain() {
	if s.spread == 0 {
		return
	}
	slowest := int64(math.MaxInt64)
	for _, l := range s.lanes {
		if t := l.newest.Load(); t != unknownTime && l.behind() {
			slowest = min(slowest, t)
		}
	}
	for _, l := range s.lanes {
		l.flow.hold(plus(l.newest.Load(), -s.spread) > slowest)
	}
}
