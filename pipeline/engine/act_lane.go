package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/engine/snapshot"
	"github.com/homeostat/homeostat/schemas"
)

// actLane is a lane of the stage act: it hands the events of one partition to the configured sinks. A slow sink slows
// the lane, and the lane slows fetching.
type actLane struct {
	*surroundings
	name     string
	sinks    []namedSink
	replayed bool // what comes was written before
	ledger   *ledger
	position pipeline.Position
	pending  []broker.Message
}

type namedSink struct {
	name string
	sink pipeline.Sink
}

// flush makes what the sinks hold durable.
func flush(ctx context.Context, sinks []namedSink) error {
	for _, s := range sinks {
		if err := s.flush(ctx); err != nil {
			return fmt.Errorf("sink %s: %w", s.name, err)
		}
	}
	return nil
}

func closeSinks(sinks []namedSink) error {
	var all error
	for _, s := range sinks {
		if err := s.sink.Close(); err != nil {
			all = errors.Join(all, fmt.Errorf("closing sink %s: %w", s.name, err))
		}
	}
	return all
}

// newActLane makes a lane over sinks that are open already; the process shares them among its act lanes.
func (s *surroundings) newActLane(name string, sinks []namedSink) *actLane {
	return &actLane{surroundings: s, name: name, sinks: sinks, ledger: newLedger(s.metrics, pipeline.Act, name, name)}
}

// process implements lane.
func (l *actLane) process(in pipeline.Input) error {
	defer in.Release()
	l.position = positionOf(in)
	var events []schemas.Event
	for i := range in.Records {
		rec := &in.Records[i]
		if _, time := rec.Header(schemas.HeaderLane); time {
			continue
		}
		l.ledger.take(1)
		e, err := schemas.ReadEvent(rec)
		if err != nil {
			l.ledger.lose(lostUndecodable, 1)
			l.pending = append(l.pending, l.deadLetter(pipeline.Act, rec, lostUndecodable, 0, err))
			continue
		}
		events = append(events, e)
	}
	if len(events) == 0 || l.replayed {
		l.ledger.pass(len(events))
		return nil
	}
	b := schemas.NewEvents(l.allocator, events)
	b.Position = l.position
	defer b.Release()
	for _, s := range l.sinks {
		if err := s.write(context.Background(), l.logger, b); err != nil {
			return fmt.Errorf("sink %s: %w", s.name, err)
		}
	}
	l.ledger.pass(len(events))
	return nil
}

// idle implements lane.
func (l *actLane) idle(int64, time.Duration) error { return nil }

// finish implements lane.
func (l *actLane) finish(int64) error { return nil }

// hearClock implements lane.
func (l *actLane) hearClock(int64) error { return nil }

// lose implements lane.
func (l *actLane) lose(reason string, records int64) { l.ledger.refuse(reason, int(records)) }

// replay implements lane: the sinks have had it.
func (l *actLane) replay(on bool) { l.replayed, l.ledger.silent = on, on }

// freeze implements lane: its account is all that it knows.
func (l *actLane) freeze() (*frozen, error) {
	return &frozen{watermark: unknownTime, account: l.ledger.copy(0)}, nil
}

// restore implements lane.
func (l *actLane) restore(s *snapshot.Snapshot) error {
	l.ledger.restore(s.Account)
	return nil
}

// take implements lane. What was written has to be flushed before its position is committed.
func (l *actLane) take() []broker.Message {
	assert(l.ledger.balance(0), "I1 conservation: lane "+l.name)
	l.ledger.publish()
	out := l.pending
	l.pending = nil
	return out
}

// close implements lane. The sinks stay open.
func (l *actLane) close() error { return nil }
