package forecast

import (
	"bytes"
	"testing"
	"time"

	"github.com/homeostat/homeostat/operators/operatortest"
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
	feed := func(d pipeline.Detector, hours int) {
		for k := range int64(hours) {
			w.Start, w.End = k*int64(time.Hour), (k+1)*int64(time.Hour)
			for i := range w.Sum {
				w.Sum[i] = float64(10 + k%24)
				if k > 70 && i == 1 {
					w.Sum[i] = 500
				}
			}
			found, err := d.Detect(&w, nil)
			if err != nil {
				f.Fatal(err)
			}
			for i := range found {
				if x := &found[i]; !(x.Low <= x.High) || !(x.Score >= 0) || !(x.Probability >= 0 && x.Probability <= 1) {
					f.Fatalf("a finding that can't be: %+v", x)
				}
			}
		}
	}
	for _, hours := range []int{0, 1, 30, 80} {
		d, _ := made()()
		feed(d, hours)
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
		d, _ := made()()
		if err := d.(pipeline.Snapshotter).Restore(bytes.NewReader(data)); err != nil {
			if pipeline.Code(err) == "" {
				t.Fatalf("an error without a code: %v", err)
			}
			return
		}
		if d.(*Detector).slots.Len() <= table.Len() {
			feed(d, 100)
		}
	})
}

// TestOtherSettings: a snapshot is taken over by other selectors and thresholds.
func TestOtherSettings(t *testing.T) {
	d := detector(t)
	operatortest.Scan(t, d, 2, 10, func(int) func(int) float64 { return func(int) float64 { return 1 } })
	frozen, err := d.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := frozen.Write(&b); err != nil {
		t.Fatal(err)
	}
	other := detector(t, "series", []any{pipeline.Settings{"metric": "m1", "threshold": 9.0}})
	if err := other.Restore(&b); err != nil {
		t.Fatal(err)
	}
	if found := operatortest.Scan(t, other, 2, 10, func(int) func(int) float64 { return func(int) float64 { return 1 } }); len(found) > 0 {
		t.Errorf("found %v", found)
	}
	if other.watched[0] >= 0 || other.watched[1] != 0 || other.heads.Row(0)[0].n < 10 {
		t.Errorf("watched %v, %+v", other.watched, other.heads.Row(0)[0].sums)
	}
}
