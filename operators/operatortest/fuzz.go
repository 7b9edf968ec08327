package operatortest

import (
	"bytes"
	"testing"

	"github.com/homeostat/homeostat/pipeline"
)

// faulty is for how many windows the first host of FuzzRestore is at fault.
const faulty = 5

// FuzzRestore gives any bytes to the Restore of a detector, begun with what it wrote itself of six hosts after their first window, and after so
// many windows, in the last of which one was at fault: nothing panics, neither in Restore nor in what comes after one that went well, and
// errors have codes. The detector is one that says something within as many windows.
func FuzzRestore(f *testing.F, made func() (pipeline.Detector, error), windows int) {
	f.Helper()
	lane := newLane(f, 6*metricsOfHost)
	feed := func(t testing.TB, d pipeline.Detector, windows int) {
		w := lane.Window
		w.Start, w.End = 0, 0
		for k := range windows {
			w.Start, w.End = w.End, w.End+10e9
			for s := range w.Sum {
				if w.Sum[s] = float64(100 + (k+s)%3); k >= windows-faulty && s < metricsOfHost {
					w.Sum[s] = 500
				}
			}
			if _, err := d.Detect(&w, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	opened := func(t testing.TB) pipeline.Detector {
		d, err := made()
		if err != nil {
			t.Fatal(err)
		}
		lane.open(t, d)
		return d
	}
	for _, n := range []int{1, windows} {
		d := opened(f)
		feed(f, d, n)
		frozen, err := d.(pipeline.Snapshotter).Snapshot()
		var saved bytes.Buffer
		if err == nil {
			err = frozen.Write(&saved)
		}
		if err != nil {
			f.Fatal(err)
		}
		frozen.Release()
		f.Add(saved.Bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d := opened(t)
		if err := d.(pipeline.Snapshotter).Restore(bytes.NewReader(data)); err == nil {
			feed(t, d, windows)
		} else if pipeline.Code(err) == "" {
			t.Fatalf("an error without a code: %v", err)
		}
	})
}
