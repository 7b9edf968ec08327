package robustz

import (
	"bytes"
	"testing"

	"github.com/homeostat/homeostat/pipeline"
)

// FuzzRestore: no bytes make Restore panic, or what comes after a Restore that went well.
func FuzzRestore(f *testing.F) {
	table := pipeline.NewSeriesTable(nil, 0)
	var w pipeline.Window
	w.Table = table
	for _, m := range []string{"a", "b", "c"} {
		s, _ := table.Intern(m, "", pipeline.Gauge, nil)
		w.Series, w.Count, w.Sum = append(w.Series, s), append(w.Count, 1), append(w.Sum, 0)
	}
	feed := func(d pipeline.Detector, windows int) {
		for k := range int64(windows) {
			w.Start, w.End = k*10e9, k*10e9+10e9
			for i := range w.Sum {
				w.Sum[i] = float64(10 + k%3)
				if k > 10 && i == 1 {
					w.Sum[i] = 500
				}
			}
			if _, err := d.Detect(&w, nil); err != nil {
				f.Fatal(err)
			}
		}
	}
	d, _ := New(settings(quick))
	feed(d, 15)
	var b bytes.Buffer
	frozen, err := d.(pipeline.Snapshotter).Snapshot()
	if err == nil {
		err = frozen.Write(&b)
	}
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		d, _ := New(settings(quick))
		if err := d.(pipeline.Snapshotter).Restore(bytes.NewReader(data)); err != nil {
			if pipeline.Code(err) == "" {
				t.Fatalf("an error without a code: %v", err)
			}
			return
		}
		if d.(*Detector).whole.Len() <= table.Len() {
			feed(d, 15)
		}
	})
}
