// Package sinktest is the conformance kit for sinks: every sink runs it, and so should those of plugins.
//
//	func TestConformance(t *testing.T) {
//		sinktest.Run(t, func(t testing.TB) sinktest.Target { … })
//	}
package sinktest

import (
	"context"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// Target is a place that events are written to, and how to look at it. Each call of the maker that Run is given makes an
// empty one of its own.
type Target struct {
	// New makes a sink on the target, not opened yet. Called again it makes another one, as a restart does.
	New func() pipeline.Sink
	// Read returns what a reader finds in the target: the whole of it, in order for each event type. Attributes that the
	// target does not keep are empty.
	Read func() []schemas.Event
	// Commit is what the engine does at a commit beside Flush; nil for nothing. A Transactional sink needs it.
	Commit func(pipeline.Sink) error
	// Break makes the sink's next Write fail; nil if nothing can be broken from outside.
	Break func(pipeline.Sink)
	// Refused is an event that the sink refuses; nil if it takes all.
	Refused *schemas.Event
	// Ignore names fields of schemas.Event that the target does not keep.
	Ignore []string
}

// Run runs the kit: a subtest a promise of pipeline.Sink.
func Run(t *testing.T, make func(t testing.TB) Target) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Target)
	}{
		{"what is written arrives", arrives},
		{"an empty batch is nothing", emptyBatch},
		{"close without open, close twice", closes},
		{"write borrows the batch", borrows},
		{"flush survives a crash", survives},
		{"a failed write leaves nothing", atomic},
		{"a refused event leaves nothing of its batch", refused},
		{"a repeat is what the guarantee says", repeats},
		{"an ended context stops it", cancels},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, make(t)) })
	}
}

// Events returns events of several types, keys and kinds of data, as the kit writes them.
func Events() []schemas.Event {
	base := schemas.Event{Source: "/homeostat/kit/sink", Time: 1_700_000_000_000_000_000, Subject: "prod/shop/app", System: "prod/shop",
		Key: "prod/shop", Content: schemas.ContentJSON, Epoch: schemas.NoEpoch, Data: []byte(`{"n":1}`)}
	var out []schemas.Event
	for i, typ := range schemas.Types() {
		e := base
		e.ID, e.Type, e.Time = pipeline.ID("sinktest", typ), typ, base.Time+int64(i)*1e9
		switch {
		case typ == schemas.TypeWindow:
			e.Content, e.Data = schemas.ContentArrow, []byte{0, 1, 2, 0xff, '\n', '"'}
		case e.Command():
			e.Expiry, e.Epoch, e.Mode = e.Time+60e9, 7, schemas.ModeShadow
			e.Idempotency, e.Plan, e.Correlation, e.Causation = pipeline.ID("key"), pipeline.ID("plan"), "incident", "hypothesis"
		case typ == schemas.TypeFinding:
			e.Subject, e.Data = "a \"quoted\" entity\nof two lines, äöü", []byte(`{"text":"line\nbreak and ü"}`)
		}
		out = append(out, e)
	}
	return append(out, second(out[0]))
}

func second(e schemas.Event) schemas.Event {
	e.ID, e.Time = pipeline.ID("sinktest", "second"), e.Time+100e9
	return e
}

// session is an open sink on a target and its allocator.
type session struct {
	t      *testing.T
	target Target
	sink   pipeline.Sink
	mem    *memory.CheckedAllocator
}

func open(t *testing.T, target Target) *session {
	t.Helper()
	s := &session{t: t, target: target, sink: target.New(), mem: memory.NewCheckedAllocator(memory.NewGoAllocator())}
	if err := s.sink.Open(context.Background(), &pipeline.Env{Pipeline: "kit", Component: "sink", Lane: "act/0", Allocator: s.mem}); err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { s.sink.Close() })
	return s
}

func (s *session) write(ctx context.Context, events []schemas.Event) error {
	b := schemas.NewEvents(s.mem, events)
	defer b.Release()
	return s.sink.Write(ctx, b)
}

func (s *session) mustWrite(events []schemas.Event) {
	s.t.Helper()
	if err := s.write(context.Background(), events); err != nil {
		s.t.Fatalf("write: %v", err)
	}
}

func (s *session) commit() {
	s.t.Helper()
	if s.target.Commit != nil {
		if err := s.target.Commit(s.sink); err != nil {
			s.t.Fatalf("commit: %v", err)
		}
	}
	if err := s.sink.Flush(context.Background()); err != nil {
		s.t.Fatalf("flush: %v", err)
	}
}

// expect compares the target with what it should hold, type by type.
func (s *session) expect(want []schemas.Event) {
	s.t.Helper()
	if d := cmp.Diff(byType(want), byType(s.target.Read()), cmpopts.IgnoreFields(schemas.Event{}, s.target.Ignore...)); d != "" {
		s.t.Errorf("the target holds something else (-want +got)\n%s", d)
	}
}

func byType(events []schemas.Event) map[string][]schemas.Event {
	out := map[string][]schemas.Event{}
	for _, e := range events {
		out[e.Type] = append(out[e.Type], e)
	}
	return out
}

func (s *session) close() {
	s.t.Helper()
	for range 2 {
		if err := s.sink.Close(); err != nil {
			s.t.Errorf("close: %v", err)
		}
	}
	s.mem.AssertSize(s.t, 0)
}

func arrives(t *testing.T, target Target) {
	s := open(t, target)
	events := Events()
	for i := range events { // one at a time, then all that are left at once
		if i == len(events)/2 {
			s.mustWrite(events[i:])
			break
		}
		s.mustWrite(events[i : i+1])
	}
	s.commit()
	s.expect(events)
	s.close()
	s.expect(events)
}

func emptyBatch(t *testing.T, target Target) {
	s := open(t, target)
	s.commit()
	s.mustWrite(nil)
	s.commit()
	s.expect(nil)
	s.close()
}

func closes(t *testing.T, target Target) {
	sink := target.New()
	for range 2 {
		if err := sink.Close(); err != nil {
			t.Errorf("close of a sink that was not opened: %v", err)
		}
	}
	s := open(t, target)
	s.close()
}

// borrows scribbles over the batch after Write: a sink that kept its memory, not a copy, writes rubbish.
func borrows(t *testing.T, target Target) {
	s := open(t, target)
	events := Events()
	b := schemas.NewEvents(s.mem, events)
	if err := s.sink.Write(context.Background(), b); err != nil {
		t.Fatalf("write: %v", err)
	}
	for _, col := range b.Record.Columns() {
		for _, buf := range col.Data().Buffers() {
			if buf != nil {
				scribble(buf.Bytes())
			}
		}
	}
	b.Release()
	s.mem.AssertSize(t, 0)
	s.commit()
	s.expect(events)
	s.close()
}

func scribble(bytes []byte) {
	for i := range bytes {
		bytes[i] = 0xA5
	}
}

// survives leaves the sink without Close, as kill -9 does: what was flushed is there, and another sink goes on behind it.
func survives(t *testing.T, target Target) {
	events := Events()
	first := open(t, target)
	first.mustWrite(events[:3])
	first.commit()
	first.mustWrite(events[3:5]) // not flushed: may be there or not
	kept := len(target.Read())
	if kept < 3 {
		t.Fatalf("%d of 3 flushed events are there", kept)
	}
	first.expect(events[:kept])
	next := open(t, target)
	next.mustWrite(events[5:])
	next.commit()
	have := byType(target.Read())
	for typ, want := range byType(append(append([]schemas.Event(nil), events[:3]...), events[5:]...)) {
		if d := cmp.Diff(want, have[typ], cmpopts.IgnoreFields(schemas.Event{}, target.Ignore...)); d != "" {
			t.Errorf("after the crash %s is something else (-want +got)\n%s", typ, d)
		}
	}
}

func atomic(t *testing.T, target Target) {
	if target.Break == nil {
		t.Skip("the target names no way to break it")
	}
	s := open(t, target)
	events := Events()
	s.mustWrite(events[:2])
	s.commit()
	target.Break(s.sink)
	if err := s.write(context.Background(), events[2:]); err == nil {
		t.Fatal("a broken target takes a write")
	} else if pipeline.Code(err) == "" {
		t.Errorf("error has no code: %v", err)
	}
	s.mem.AssertSize(t, 0)
	s.sink.Close()
	s.expect(events[:2])
}

func refused(t *testing.T, target Target) {
	if target.Refused == nil {
		t.Skip("the sink takes all events")
	}
	s := open(t, target)
	events := Events()
	s.mustWrite(events[:2])
	if err := s.write(context.Background(), append(append([]schemas.Event(nil), events[2:]...), *target.Refused)); err == nil {
		t.Fatal("the event was not refused")
	} else if pipeline.Code(err) == "" {
		t.Errorf("error has no code: %v", err)
	}
	s.commit()
	s.expect(events[:2])
	s.mustWrite(events[2:]) // it goes on
	s.commit()
	s.expect(events)
	s.close()
}

func repeats(t *testing.T, target Target) {
	s := open(t, target)
	events := Events()
	s.mustWrite(events)
	s.commit()
	s.mustWrite(events)
	s.commit()
	switch g := s.sink.Guarantee(); g {
	case pipeline.AtLeastOnce:
		seen := map[string]int{}
		for _, e := range target.Read() {
			seen[e.ID]++
		}
		for _, e := range events {
			if seen[e.ID] < 1 {
				t.Errorf("event %s of type %s is lost", e.ID, e.Type)
			}
		}
	case pipeline.Deduplicates, pipeline.Idempotent:
		s.expect(events)
	case pipeline.Transactional:
		// A repeat is the engine's not to make: what was taken and committed is not there again.
		if target.Commit == nil {
			t.Fatalf("a sink that promises %q needs Commit in its target", g)
		}
		s.commit()
		s.expect(append(append([]schemas.Event(nil), events...), events...))
	default:
		t.Errorf("guarantee %d does not exist", g)
	}
	s.close()
}

func cancels(t *testing.T, target Target) {
	s := open(t, target)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.write(ctx, Events()); err == nil {
		t.Error("write goes on although its context ended")
	}
	if err := s.sink.Flush(ctx); err == nil {
		t.Error("flush goes on although its context ended")
	}
	s.commit()
	s.expect(nil)
	s.close()
}
