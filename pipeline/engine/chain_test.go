package engine

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// script is a chain whose nodes write down what they see.
type script struct {
	t    testing.TB
	mem  pipeline.Allocator
	seen []string
	left []string
	c    *chain
}

func newScript(t testing.TB) *script {
	s := &script{t: t, mem: checked(t)}
	s.c = &chain{leave: func(b pipeline.Batch) error { s.left = append(s.left, s.names(b)); return nil }}
	return s
}

// node adds an operator that consumes the kinds; react, if not nil, says what it emits for what it sees: names of events
// begin with "e", other names are windows.
func (s *script) node(name string, react func(what string) []string, kinds ...pipeline.Kind) {
	n := node{component: component{name: name}, env: &pipeline.Env{Component: name, Allocator: s.mem}}
	for _, k := range kinds {
		n.consumes[k] = true
	}
	say := func(what string, out pipeline.Emitter) error {
		s.seen = append(s.seen, name+" "+what)
		if react == nil {
			return nil
		}
		for _, e := range react(what) {
			if err := out.Emit(s.batch(e)); err != nil {
				return err
			}
		}
		return nil
	}
	op := &stateless{
		process:   func(_ *pipeline.Env, b pipeline.Batch, out pipeline.Emitter) error { return say(s.names(b), out) },
		watermark: func(_ *pipeline.Env, t int64, out pipeline.Emitter) error { return say(fmt.Sprint("at ", t), out) },
	}
	n.op, n.entry.New = op, func(pipeline.Settings) (pipeline.Operator, error) { return op, nil }
	s.c.nodes = append(s.c.nodes, n)
}

func (s *script) batch(name string) pipeline.Batch {
	b := schemas.NewEvents(s.mem, []schemas.Event{{ID: name}})
	if !strings.HasPrefix(name, "e") {
		b.Kind = pipeline.Windows // its name is carried all the same
	}
	return b
}

func (s *script) names(b pipeline.Batch) string { return schemas.EventAt(b, 0).ID }

func (s *script) open() *script {
	s.t.Helper()
	if err := s.c.open(); err != nil {
		s.t.Fatal(err)
	}
	return s
}

func (s *script) expect(err error, seen, left string) {
	s.t.Helper()
	if err != nil {
		s.t.Error(err)
	}
	if got := strings.Join(s.seen, ", "); got != seen {
		s.t.Errorf("seen:\n got %s\nwant %s", got, seen)
	}
	if got := strings.Join(s.left, ", "); got != left {
		s.t.Errorf("left: %q, want %q", got, left)
	}
	s.seen, s.left = nil, nil
}

func answers(pairs ...string) func(string) []string {
	m := map[string][]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = strings.Fields(pairs[i+1])
	}
	return func(what string) []string { return m[what] }
}

func TestChainColumnsFlowDownDepthFirst(t *testing.T) {
	s := newScript(t)
	s.node("a", answers("in", "x y"), pipeline.Windows)
	s.node("b", answers("x", "x2", "y", "y2"), pipeline.Windows)
	s.node("c", nil, pipeline.Windows)
	s.node("events", nil, pipeline.Events)
	s.open()
	// b gets what a makes while a is still at its input; the input itself goes to each in turn.
	s.expect(s.c.process(s.batch("in")), "a in, b x, c x2, c x, b y, c y2, c y, b in, c in", "")
}

func TestChainEventsCirculateToAllButTheirMaker(t *testing.T) {
	s := newScript(t)
	s.node("decide", answers("in", "e1", "everdict", "e3"), pipeline.Windows, pipeline.Events)
	s.node("judge", answers("e1", "everdict"), pipeline.Events)
	s.node("columns", nil, pipeline.Windows)
	s.open()
	s.expect(s.c.process(s.batch("in")), "decide in, columns in, judge e1, decide everdict, judge e3", "e1, everdict, e3")
	// One from outside is for all, and does not leave.
	s.expect(s.c.process(s.batch("e1")), "decide e1, judge e1, decide everdict, judge e3", "everdict, e3")
}

func TestChainTimeGoesDownAndNeverBack(t *testing.T) {
	s := newScript(t)
	s.node("a", answers("at -5", "e1", "at 10", "w"), pipeline.Events)
	s.node("b", answers("w", "e2"), pipeline.Windows, pipeline.Events)
	s.open()
	s.expect(s.c.watermark(-5), "a at -5, b e1, b at -5", "e1") // before 1970 too
	s.expect(s.c.watermark(-5), "", "")
	s.expect(s.c.watermark(10), "a at 10, b w, a e2, b at 10", "e2") // what a's time brought is through before b's
	s.expect(s.c.watermark(3), "", "")
	if s.c.now != 10 {
		t.Errorf("now %d", s.c.now)
	}
}

func TestChainFailsWithTheOperatorsName(t *testing.T) {
	broken := errors.New("broken")
	s := newScript(t)
	s.node("a", answers("in", "x e1 e2"), pipeline.Windows)
	s.node("b", nil, pipeline.Windows, pipeline.Events)
	s.c.nodes[1].op.(*stateless).process = func(*pipeline.Env, pipeline.Batch, pipeline.Emitter) error { return broken }
	s.open()
	if err := s.c.process(s.batch("in")); !errors.Is(err, broken) || !strings.Contains(err.Error(), "operator b") {
		t.Errorf("%v", err)
	}
	s.c.leave = func(pipeline.Batch) error { return broken }
	s.c.nodes[1].op.(*stateless).process = nil
	if err := s.c.process(s.batch("in")); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	if err := s.c.close(); err != nil { // gives back the events that were not through; the allocator tells
		t.Error(err)
	}
}

func TestChainThatDoesNotOpenIsClosed(t *testing.T) {
	k := newKit()
	p := k.plan(t, small)
	s := surroundingsOf(t, p)
	closed := 0
	entry := func(open error) pipeline.OperatorEntry {
		return pipeline.OperatorEntry{New: func(pipeline.Settings) (pipeline.Operator, error) {
			return &stateless{open: open, closed: &closed}, nil
		}}
	}
	_, err := s.newChain("lane", nil, s.newResidence(pipeline.Detect), []component{{name: "good", entry: entry(nil)}, {name: "bad", entry: entry(errors.New("no"))}}, nil)
	if err == nil || !strings.Contains(err.Error(), "opening operator bad: no") || closed != 2 {
		t.Errorf("%v, %d closed", err, closed)
	}
	_, err = s.newChain("lane", nil, s.newResidence(pipeline.Detect), []component{{name: "none", entry: pipeline.OperatorEntry{New: func(pipeline.Settings) (pipeline.Operator, error) { return nil, errors.New("no") }}}}, nil)
	if err == nil || !strings.Contains(err.Error(), "making operator none: no") {
		t.Errorf("%v", err)
	}
}

func TestWindowOf(t *testing.T) {
	table := pipeline.NewSeriesTable(nil, 0)
	s, _ := table.Intern("cpu", "", pipeline.Gauge, nil)
	o := &bucket{size: 10, table: table, open: map[int64]map[uint32]float64{20: {s: 7}}, env: &pipeline.Env{Allocator: checked(t)}}
	var got pipeline.Window
	out := emitFunc(func(b pipeline.Batch) error {
		got = WindowOf(b)
		want := pipeline.Window{Start: 20, End: 30, Series: []uint32{s}, Count: []int64{1}, Sum: []float64{7}, Min: []float64{7}, Max: []float64{7}, Last: []float64{7}, Table: table}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%+v", got)
		}
		b.Release()
		return nil
	})
	if err := o.Watermark(30, out); err != nil || got.Table == nil {
		t.Error(err)
	}
}

type emitFunc func(pipeline.Batch) error

func (f emitFunc) Emit(b pipeline.Batch) error { return f(b) }
