package window

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// cellPage is the least memory of an open window.
var cellPage = (&state.Sparse[cell]{}).PageBytes()

// save appends the operator's snapshot.
func save(t testing.TB, w *Window, to *bytes.Buffer) {
	t.Helper()
	f, err := w.Snapshot()
	if err == nil {
		err = f.Write(to)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// fuzzed are the kinds of windows by the first byte of an input.
var fuzzed = []struct {
	settings pipeline.Settings
	reopen   int64
}{{tumbling, 0}, {tumbling, 60e9}, {hopping, 0}, {silence, 0}, {threeRows, 0}, {atMostTwo, 0}}

// opened makes an operator of a kind of windows, on a lane with a gauge, a counter and a stream of logs.
func opened(t testing.TB, kind int) *Window {
	t.Helper()
	table := pipeline.NewSeriesTable(nil, 0)
	for i, typ := range []pipeline.SeriesType{pipeline.Gauge, pipeline.Cumulative, pipeline.Stream} {
		if _, err := table.Intern(fmt.Sprint("m", i), "", typ, nil); err != nil {
			t.Fatal(err)
		}
	}
	op, err := with(fuzzed[kind].settings)()
	if err == nil {
		err = op.Open(&pipeline.Env{Series: table, Allocator: memory.NewGoAllocator(), Lose: func(string, int) {}, Reopen: fuzzed[kind].reopen})
	}
	if err != nil {
		t.Fatal(err)
	}
	return op.(*Window)
}

// feed gives an operator rows around a time, some of which need a wide sum, and moves time to it.
func feed(t testing.TB, w *Window, at int64) {
	t.Helper()
	cols := pipeline.NewColumns(w.table)
	for i := range int64(4) {
		cols.Point(0, at+i*3e9, 0, 1e300)
		cols.Point(0, at+i*3e9, 0, float64(i))
		cols.Point(0, at+i*3e9, 0, 1e-300)
		cols.Point(1, at+i*4e9, 1, float64(10*i))
		cols.Log(2, at+i*2e9, uint8(i), nil)
	}
	for _, b := range cols.Batches(pipeline.Position{}) {
		if err := w.Process(b, discard{}); err != nil {
			t.Fatal(err)
		}
		b.Release()
	}
	if err := w.Watermark(at, discard{}); err != nil {
		t.Fatal(err)
	}
}

// FuzzRestore: no bytes make Restore panic, nor what comes after a Restore that went well; and what was restored is written as it
// was read.
func FuzzRestore(f *testing.F) {
	for kind := range fuzzed {
		w := opened(f, kind)
		for _, at := range []int64{5e9, 25e9, 12e9, 45e9} {
			feed(f, w, at)
		}
		var b bytes.Buffer
		save(f, w, &b)
		f.Add(uint8(kind), b.Bytes())
	}
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		w := opened(t, int(kind)%len(fuzzed))
		if err := w.Restore(bytes.NewReader(data)); err != nil {
			if c := pipeline.Code(err); c != "snapshot.unreadable" && c != "snapshot.version" && c != "window.snapshot.size" {
				t.Fatalf("an error without a code: %v", err)
			}
			return
		}
		var once, twice bytes.Buffer
		save(t, w, &once)
		again := opened(t, int(kind)%len(fuzzed))
		if err := again.Restore(bytes.NewReader(once.Bytes())); err != nil {
			t.Fatalf("what was written after a restore can't be read: %v", err)
		}
		if save(t, again, &twice); !bytes.Equal(once.Bytes(), twice.Bytes()) {
			t.Error("a restored state is written as another")
		}
		if w.closed > -1000e9 && w.closed < 1000e9 && (w.kind != aligned || recent(w.cutter.(*panes))) {
			feed(t, w, 55e9)
			feed(t, w, 75e9)
		}
	})
}

// recent tells whether the windows are of the time that feed has: those of panes that overlap come one for each step of time.
func recent(o *panes) bool {
	for _, list := range [...][]*pane{o.past, o.open} {
		for _, w := range list {
			if w.start < -1000e9 || w.start > 1000e9 {
				return false
			}
		}
	}
	return len(o.past) == 0 || o.last > -1000e9 && o.last < 1000e9
}

// TestTablesAreNamed checks what any reader of snapshots finds.
func TestTablesAreNamed(t *testing.T) {
	w := opened(t, 1)
	feed(t, w, 5e9)
	feed(t, w, 25e9)
	var b bytes.Buffer
	save(t, w, &b)
	tables, err := state.Inspect(&b, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, info := range tables {
		got += fmt.Sprintf("%s %d\n", info.Table, info.Rows)
	}
	const want = "lane 1\nseries 3\nwindows 4\ncells 12\nrows 8\nsums 4\nmarks 2\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
