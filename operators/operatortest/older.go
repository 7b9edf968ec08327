package operatortest

import (
	"bytes"
	"testing"

	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// OlderWindow has a detector, which is not opened yet, restore what write writes: the snapshot of an older program, in which the window from
// 10 to 20 s waited for the next one. It is judged as soon as it is complete, and what comes of it after that is late: a row of the
// metric, which the detector watches.
func OlderWindow(t testing.TB, d pipeline.Detector, name string, write func(w *state.Writer), metric string, of pipeline.SeriesType) {
	t.Helper()
	lost, table := 0, pipeline.NewSeriesTable(nil, 0)
	if err := d.Open(&pipeline.Env{Series: table, Lose: func(_ string, n int) { lost += n }}); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := state.NewWriter(&b, name)
	write(w)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := d.(pipeline.Snapshotter).Restore(&b); err != nil {
		t.Fatal(err)
	}
	for _, at := range []int64{19e9, 20e9} {
		if _, err := d.(pipeline.Concluder).Conclude(at, nil); err != nil {
			t.Fatal(err)
		}
		if start, end := d.(pipeline.Concluder).Judged(); (end > 0) != (at == 20e9) || at == 20e9 && (start != 10e9 || end != 20e9) {
			t.Errorf("at %d it had judged [%d,%d)", at, start, end)
		}
	}
	one, err := table.Intern(metric, "", of, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Detect(&pipeline.Window{Table: table, Start: 10e9, End: 20e9, Series: []uint32{one}, Count: []int64{1}, Sum: []float64{1}}, nil); err != nil || lost != 1 {
		t.Errorf("%d rows lost, want the one that is late; %v", lost, err)
	}
}
