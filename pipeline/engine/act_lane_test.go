package engine

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/homeostat/homeostat/pipeline"
)

func TestActHandsEventsToAllSinks(t *testing.T) {
	p := newKit().plan(t, small)
	one, two := &memorySink{}, &memorySink{}
	l := surroundingsOf(t, p).newActLane("act/0", []namedSink{{"one", one}, {"two", two}})
	bad := pipeline.Record{Topic: "small.events", Offset: 7, Value: []byte("?")}
	must(t, l.process(input(said(t, "a", 1), told("left/0", "10"), bad, said(t, "b", 2))))
	if want := []string{"a", "b"}; !slices.Equal(one.written, want) || !slices.Equal(two.written, want) {
		t.Errorf("%q and %q", one.written, two.written)
	}
	out := l.take()
	if len(out) != 1 || header(out[0], headerDeadStage) != "act" || header(out[0], headerDeadOffset) != "7" || string(out[0].Value) != "?" {
		t.Errorf("%s", text(out))
	}
	if !l.ledger.balance(0) || l.ledger.account.In != 3 {
		t.Errorf("%+v", l.ledger)
	}
	must(t, flush(t.Context(), l.sinks))
	if one.flushed != 2 || two.flushed != 2 {
		t.Error("not all sinks are flushed")
	}
	two.fail = errors.New("no room")
	if err := l.process(input(said(t, "c", 3))); !errors.Is(err, two.fail) || !strings.HasPrefix(err.Error(), "sink two: ") {
		t.Errorf("%v", err)
	}
	one.failing = errors.New("disk full")
	if err := flush(t.Context(), l.sinks); !errors.Is(err, one.failing) || !strings.HasPrefix(err.Error(), "sink one: ") {
		t.Errorf("%v", err)
	}
}
