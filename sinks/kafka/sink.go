// Package kafka turns events into messages of the topics they belong to, in CloudEvents binary mode. It writes nothing itself:
// the engine takes the messages and commits them in one transaction with the positions that were read.
package kafka

import (
	"context"
	"sync"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// Config says where events go.
type Config struct {
	// Routes is the topic of each event type. A type without one can't be written.
	Routes map[string]string
	// Exports is the topic of each source of schemas.TypeExport.
	Exports map[string]string
	// Sequences numbers the events. Sinks of one process share it, since their sources are the same. Nil makes a new one.
	Sequences *Sequences
}

// Routes is where the stages of a pipeline write: what came through the inbox goes on to events, as findings and windows do.
func Routes(events, incidents, remediations string) map[string]string {
	return map[string]string{
		schemas.TypeFinding: events, schemas.TypeWindow: events,
		schemas.TypeTopology: events, schemas.TypeChange: events, schemas.TypeResult: events,
		schemas.TypeIncidentOpened: incidents, schemas.TypeIncidentUpdated: incidents, schemas.TypeIncidentClosed: incidents,
		schemas.TypeHypothesisOpened: incidents, schemas.TypeHypothesisJudged: incidents,
		schemas.TypeRemediationProposed: remediations, schemas.TypeRemediationRequested: remediations,
		schemas.TypeRemediationCancelled: remediations,
	}
}

// Sequences counts the events of each source, from 1 at the start of the process. Any goroutine may use it.
type Sequences struct {
	mu   sync.Mutex
	last map[string]uint64
}

func (s *Sequences) next(source string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.last = map[string]uint64{}
	}
	s.last[source]++
	return s.last[source]
}

// Sink gathers messages until they are taken. What is never taken was never written.
type Sink struct {
	routes    map[string]string
	exports   map[string]string
	sequences *Sequences
	pending   []broker.Message
}

// NewSink makes a sink.
func NewSink(cfg Config) *Sink {
	if cfg.Sequences == nil {
		cfg.Sequences = &Sequences{}
	}
	return &Sink{routes: cfg.Routes, exports: cfg.Exports, sequences: cfg.Sequences}
}

// Open implements pipeline.Sink.
func (s *Sink) Open(context.Context, *pipeline.Env) error { return nil }

// Guarantee implements pipeline.Sink: messages are committed together with the positions read.
func (s *Sink) Guarantee() pipeline.Guarantee { return pipeline.Transactional }

// Write implements pipeline.Sink. A type without topic (kafka.route.missing) and an event without key where order depends
// on it (kafka.key.missing) are errors.
func (s *Sink) Write(ctx context.Context, b pipeline.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	// Only what will be written is numbered, so that an error leaves no gap.
	events := make([]schemas.Event, 0, b.Rows())
	err := schemas.EachEvent(b, func(e schemas.Event) error {
		events = append(events, e)
		return s.check(&events[len(events)-1])
	})
	if err != nil {
		return err
	}
	for i := range events {
		s.pending = append(s.pending, s.message(&events[i]))
	}
	return nil
}

// check completes the key and says whether the event can be written.
func (s *Sink) check(e *schemas.Event) error {
	topic := s.topic(e)
	if topic == "" {
		return pipeline.Errorf("kafka.route.missing", "event %s has type %q, for which there is no topic: the sink has to be told where events of this type go", e.ID, e.Type)
	}
	switch e.Type {
	case schemas.TypeFinding, schemas.TypeWindow:
		if e.Key == "" {
			e.Key = e.System
		}
	case schemas.TypeTopology, schemas.TypeChange, schemas.TypeResult:
		return nil // the inbox takes any key, and none
	}
	if e.Key == "" {
		return pipeline.Errorf("kafka.key.missing", "event %s of type %s has no key, so its order in topic %s would be lost: its writer has to set one", e.ID, e.Type, topic)
	}
	return nil
}

// topic returns the topic of an event, "" if there is none.
func (s *Sink) topic(e *schemas.Event) string {
	if e.Type == schemas.TypeExport {
		return s.exports[e.Source]
	}
	return s.routes[e.Type]
}

func (s *Sink) message(e *schemas.Event) broker.Message {
	m := broker.Message{Topic: s.topic(e), Partition: -1, Value: e.Data, Headers: e.Headers(s.sequences.next(e.Source))}
	if m.Value == nil {
		m.Value = []byte{} // nil would be a tombstone
	}
	if e.Key != "" {
		m.Key = []byte(e.Key)
	}
	return m
}

// Take returns the messages written since the last Take, in order. The caller owns them.
func (s *Sink) Take() []broker.Message {
	taken := s.pending
	s.pending = nil
	return taken
}

// Flush implements pipeline.Sink. What was written is durable when what was taken is committed, so messages that nobody
// took are an error (kafka.pending).
func (s *Sink) Flush(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if n := len(s.pending); n > 0 {
		return pipeline.Errorf("kafka.pending", "BUG: %d messages were written and not taken: whoever owns the sink has to commit them before", n)
	}
	return nil
}

// Close implements pipeline.Sink; messages that were not taken are dropped.
func (s *Sink) Close() error {
	s.pending = nil
	return nil
}
