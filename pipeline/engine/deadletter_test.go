package engine

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// Whatever a record and its fault are, the letter fits into its topic: limits.record and 64 KiB.
func TestDeadLetterFitsItsTopic(t *testing.T) {
	s := surroundingsOf(t, newKit().plan(t, small))
	s.letter = 100 << 10
	some := func(n int) []byte { return bytes.Repeat([]byte("é"), n/2) }
	headers := make([]pipeline.Header, 5000)
	for i := range headers {
		headers[i] = pipeline.Header{Key: "trace", Value: some(40)}
	}
	for _, f := range []struct {
		fact  string
		rec   pipeline.Record
		whole string
		value int
	}{
		{"small", pipeline.Record{Value: some(10), Headers: headers[:2]}, "", 10},
		{"a tombstone", pipeline.Record{Key: some(2)}, "", 0},
		{"as large as may be", pipeline.Record{Value: some(100 << 10)}, "", 100 << 10},
		{"a large value", pipeline.Record{Value: some(1 << 20)}, "1048576", 100 << 10},
		{"a large key", pipeline.Record{Value: some(10), Key: some(1 << 20)}, "1048586", 10},
		{"many headers", pipeline.Record{Value: some(10), Headers: headers}, "275010", 10},
	} {
		cause := pipeline.Errorf("test.fault", "%w", errors.New(strings.Repeat("é", 1<<20)))
		m := s.deadLetter(pipeline.Ingest, &f.rec, lostUndecodable, 0, cause)
		if got := recordBytes(m.Key, m.Value, m.Headers); got > s.letter+64<<10 {
			t.Errorf("%s: the letter has %d bytes", f.fact, got)
		}
		if header(m, headerDeadBytes) != f.whole || len(m.Value) != f.value || (m.Value == nil) != (f.rec.Value == nil) {
			t.Errorf("%s: %s %q, value of %d bytes", f.fact, headerDeadBytes, header(m, headerDeadBytes), len(m.Value))
		}
		if header(m, headerDeadCode) != "test.fault" || header(m, headerDeadReason) != lostUndecodable {
			t.Errorf("%s: the letter does not say why it lies there", f.fact)
		}
	}
}

// An event that no topic takes must not end the process in each commit anew.
func TestTooLargeEventIsADeadLetter(t *testing.T) {
	b := newBench(t, "inbox")
	e := event(t, schemas.Event{ID: "1", Source: "/ci", Type: schemas.TypeChange, Time: second, System: "shop"},
		schemas.Change{Change: "c1", Kind: "deploy", Detail: strings.Repeat("x", largestEvent)}, 1000)
	e.Offset = 7
	if err := b.process(input(e)); err != nil {
		t.Fatal(err)
	}
	var dead []broker.Message
	for _, m := range b.take() {
		if m.Topic == b.dead {
			dead = append(dead, m)
		} else if len(m.Value) > largestEvent {
			t.Errorf("%d bytes go to topic %s", len(m.Value), m.Topic)
		}
	}
	if len(dead) != 1 || header(dead[0], headerDeadCode) != "event.size" || header(dead[0], headerDeadOffset) != "" || len(dead[0].Value) < largestEvent {
		t.Fatalf("%d dead letters", len(dead))
	}
}
