package engine

import (
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/homeostat/homeostat/pipeline"
)

// TestLateRowsPassWhileTheirWindowMayBeOpenedAgain counts a late row once: as passed on while its window may be opened again,
// as lost and a dead letter after that.
func TestLateRowsPassWhileTheirWindowMayBeOpenedAgain(t *testing.T) {
	p := newKit().plan(t, strings.Replace(small, "late: dead_letter", "late: reopen, reopen_for: 15s", 1))
	l, err := surroundingsOf(t, p).sourceLane(p, &p.Sources[0], "left/0", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	told := int64(0)
	for i := range l.behind.(*detection).nodes {
		told = max(told, l.behind.(*detection).nodes[i].env.Reopen)
	}
	if told != 15*second {
		t.Errorf("operators are told that windows open again for %d", told)
	}
	b := &bench{detectLane: l, t: t}
	b.add("a 1 46")
	b.expect("finding a=1 00:46", "time 40000000000")
	b.add("b 2 25", "b 3 24.9") // 40 s less 15 s
	b.expect(`dead late "b 3 24.9"`, "finding b=2 00:25")
	b.account("in 3 on 2 late 1")
}

func TestRevisedWindowsGoToThoseWhoAcceptThem(t *testing.T) {
	var got []string
	c := &chain{leave: func(pipeline.Batch) error { return nil }}
	for _, n := range []node{{component: component{name: "learns"}}, {component: component{name: "publishes"}, revised: true}} {
		n.consumes[pipeline.Windows] = true
		name := n.name
		n.op = &stateless{process: func(_ *pipeline.Env, b pipeline.Batch, _ pipeline.Emitter) error {
			got = append(got, name)
			return nil
		}}
		c.nodes = append(c.nodes, n)
	}
	for revision := range int64(2) {
		rb := array.NewRecordBuilder(memory.NewGoAllocator(), pipeline.Windows.Schema())
		b := pipeline.Batch{Kind: pipeline.Windows, Record: rb.NewRecord(), Revision: revision}
		rb.Release()
		if err := c.process(b); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(got, []string{"learns", "publishes", "publishes"}) {
		t.Errorf("offered to %v", got)
	}
}
