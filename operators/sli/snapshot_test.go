package sli

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// lane is an operator on a lane, and what came out of it.
type lane struct {
	t     *testing.T
	table *pipeline.SeriesTable
	op    *SLI
	out   []string
	late  int
}

func newLane(t *testing.T, series ...string) *lane {
	l := &lane{t: t, table: pipeline.NewSeriesTable(func(_ string, labels pipeline.Labels) pipeline.Scope {
		return pipeline.Scope{Entity: "web", System: labels.Get("system"), Domain: "web"}
	}, 0)}
	for _, s := range series {
		name, system, _ := strings.Cut(s, " ")
		labels := []pipeline.Label{{Name: "system", Value: system}}
		if name == pipeline.SLIMetric {
			labels = []pipeline.Label{{Name: "slo", Value: "web"}}
		}
		if _, err := l.table.InternScoped(name, "", pipeline.Delta, labels, pipeline.Scope{Entity: "web", System: system, Domain: "web"}); err != nil {
			t.Fatal(err)
		}
	}
	l.op = &SLI{}
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	t.Cleanup(func() { mem.AssertSize(t, 0) })
	if err := l.op.Open(&pipeline.Env{
		Series: l.table, Allocator: mem, Logger: slog.New(slog.DiscardHandler), SLOs: []pipeline.SLO{{Name: "web", Total: metric("requests"), Good: metric("good")}},
		Lose: func(_ string, n int) { l.late += n },
	}); err != nil {
		t.Fatal(err)
	}
	return l
}

// Emit implements pipeline.Emitter.
func (l *lane) Emit(b pipeline.Batch) error {
	defer b.Release()
	for i, s := range b.Record.Column(pipeline.WindowSeries).(*array.Uint32).Uint32Values() {
		bads := b.Record.Column(pipeline.WindowSum).(*array.Float64)
		l.out = append(l.out, l.table.At(s).Key()+" "+b.Record.Column(pipeline.WindowEnd).ValueStr(i)+" bad "+bads.ValueStr(i))
	}
	return nil
}

// window gives the operator a row of a window.
func (l *lane) window(start int64, series uint32, sum float64) {
	l.t.Helper()
	rb := array.NewRecordBuilder(l.op.env.Allocator, pipeline.Windows.Schema())
	defer rb.Release()
	rb.Field(pipeline.WindowSeries).(*array.Uint32Builder).Append(series)
	for c, v := range []int64{start, start + 10, 1} {
		rb.Field(pipeline.WindowStart + c).(*array.Int64Builder).Append(v)
	}
	for c := pipeline.WindowSum; c <= pipeline.WindowLast; c++ {
		rb.Field(c).(*array.Float64Builder).Append(sum)
	}
	b := pipeline.Batch{Kind: pipeline.Windows, Record: rb.NewRecord(), Series: l.table}
	defer b.Release()
	if err := l.op.Process(b, l); err != nil {
		l.t.Fatal(err)
	}
}

// restoreOld restores a snapshot of the version before, in the middle of the window from 0 to 10: its total is 100, and 60 of
// them were good. The derived series is the one with that ordinal.
func (l *lane) restoreOld(series int64) {
	l.t.Helper()
	oldWindow := state.Table{Name: "window", Version: 1, Fields: []state.Field{
		{Name: "pending", Type: state.Bool}, {Name: "any", Type: state.Bool},
		{Name: "start", Type: state.Int64}, {Name: "end", Type: state.Int64}, {Name: "done", Type: state.Int64},
	}}
	old := state.Table{Name: "objectives", Version: 2, Fields: indicatorTable.Fields[:8]}
	frozen, err := state.Encoded(name, func(w *state.Writer) {
		w.Table(oldWindow).Bool(true).Bool(true).Int64(0).Int64(10).Int64(0)
		w.Table(old).Text("web").Int64(series).Float64(100).Float64(60).Float64(0).Floats(nil).Floats(nil).Floats(nil)
	})
	var b bytes.Buffer
	if err == nil {
		err = frozen.Write(&b)
	}
	if err == nil {
		err = l.op.Restore(&b)
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

// The one sum of a lane with one system is that system's, from the next row on.
func TestOldSnapshotOfOneSystem(t *testing.T) {
	l := newLane(t, "requests shop", "good shop", "slo.bad shop")
	l.restoreOld(2)
	l.window(0, 1, 30)
	l.window(10, 0, 50)
	if err := l.op.Watermark(20, l); err != nil {
		t.Fatal(err)
	}
	want := []string{`slo.bad:delta{slo="web",system="shop"} 10 bad 10`, `slo.bad:delta{slo="web",system="shop"} 20 bad 50`}
	if !slices.Equal(l.out, want) || l.late != 0 {
		t.Errorf("%d late, %q", l.late, l.out)
	}
}

// The one sum of a lane with several systems can't be shared out: its window has no indicators, and each system begins anew.
func TestOldSnapshotOfSeveralSystems(t *testing.T) {
	l := newLane(t, "requests shop", "good shop", "slo.bad shop", "requests mall")
	l.restoreOld(2)
	l.window(0, 1, 30)
	l.window(10, 0, 50)
	l.window(10, 3, 70)
	l.window(10, 1, 49)
	if err := l.op.Watermark(20, l); err != nil {
		t.Fatal(err)
	}
	want := []string{`slo.bad:delta{slo="web",system="mall"} 20 bad 70`, `slo.bad:delta{slo="web",system="shop"} 20 bad 1`}
	if !slices.Equal(l.out, want) || l.late != 1 {
		t.Errorf("%d late, %q", l.late, l.out)
	}
}

func TestSeriesThatCantBeAreRefused(t *testing.T) {
	var b bytes.Buffer
	l := newLane(t, "requests shop")
	l.window(0, 0, 1)
	l.op.indicators[0].first = 5
	frozen, err := l.op.Snapshot()
	if err == nil {
		err = frozen.Write(&b)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := newLane(t, "requests shop").op.Restore(&b); pipeline.Code(err) != "snapshot.unreadable" {
		t.Errorf("%v", err)
	}
}
