package novelty

import (
	"bytes"
	"testing"

	"github.com/homeostat/homeostat/pipeline"
)

// FuzzRestore: no bytes make Restore panic, or what comes after a Restore that went well.
func FuzzRestore(f *testing.F) {
	table := pipeline.NewSeriesTable(nil, 0)
	w := pipeline.Window{Table: table}
	for _, m := range []string{"a", "b", "c"} {
		s, _ := table.Intern(m, "", pipeline.Gauge, nil)
		w.Series, w.Count, w.Sum = append(w.Series, s), append(w.Count, 1), append(w.Sum, 0)
	}
	feed := func(d pipeline.Detector, windows int) {
		for k := range int64(windows) {
			w.Start, w.End = k*minute, (k+1)*minute
			for i := range w.Sum {
				w.Sum[i] = float64(10 + k%3)
				if k > 90 && i == 1 {
					w.Sum[i] = 500
				}
			}
			if _, err := d.Detect(&w, nil); err != nil {
				f.Fatal(err)
			}
		}
	}
	for _, windows := range []int{0, 1, 30, 100} {
		d, _ := New(settings(quick))
		feed(d, windows)
		var b bytes.Buffer
		frozen, err := d.(pipeline.Snapshotter).Snapshot()
		if err == nil {
			err = frozen.Write(&b)
		}
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, _ := New(settings(quick))
		if err := d.(pipeline.Snapshotter).Restore(bytes.NewReader(data)); err != nil {
			if pipeline.Code(err) == "" {
				t.Fatalf("an error without a code: %v", err)
			}
			return
		}
		if d.(*Detector).heads.Len() <= table.Len() {
			feed(d, 20)
		}
	})
}

func TestRestoreRefusesAnotherMemory(t *testing.T) {
	d, _ := New(settings(quick))
	frozen, err := d.(pipeline.Snapshotter).Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := frozen.Write(&b); err != nil {
		t.Fatal(err)
	}
	other, _ := New(settings(nil))
	if err := other.(pipeline.Snapshotter).Restore(&b); err == nil {
		t.Error("the state of a memory of 480 values was taken for one of 4800")
	}
}
