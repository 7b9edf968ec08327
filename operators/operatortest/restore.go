package operatortest

import (
	"bytes"
	"testing"

	"github.com/homeostat/homeostat/pipeline"
)

// FuzzRestore demands that no bytes make a detector's Restore panic, nor what comes after a Restore that went well. It begins with snapshots of three series, of
// which one has jumped.
func FuzzRestore(f *testing.F, made func() (pipeline.Detector, error)) {
	f.Helper()
	feed := func(t testing.TB, d pipeline.Detector, windows int) {
		l := newLane(t, 3)
		for k := range windows {
			l.next(func(s int) float64 {
				if s == 1 && k > windows-6 {
					return 500
				}
				return float64(10 + k%3)
			})
			if _, err := d.Detect(&l.Window, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, windows := range []int{1, 400} {
		d, err := made()
		if err != nil {
			f.Fatal(err)
		}
		feed(f, d, windows)
		var b bytes.Buffer
		frozen, err := d.(pipeline.Snapshotter).Snapshot()
		if err == nil {
			err = frozen.Write(&b)
		}
		if err != nil {
			f.Fatal(err)
		}
		frozen.Release()
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := made()
		if err != nil {
			t.Fatal(err)
		}
		if err := d.(pipeline.Snapshotter).Restore(bytes.NewReader(data)); err != nil {
			if pipeline.Code(err) == "" {
				t.Fatalf("an error without a code: %v", err)
			}
			return
		}
		feed(t, d, 400)
	})
}
