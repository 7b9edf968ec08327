package operatortest

import (
	"bytes"
	"testing"
	"time"

	"github.com/homeostat/homeostat/pipeline"
)

// faulty is for how many windows the first host of FuzzRestore is at fault.
const faulty = 5

// FuzzRestore is FuzzSnapshots of a detector that is told of six hosts, whose last metric rises; in the last of so many windows one host is at
// fault. Windows are of 10 s, or of the length given. The detector is one that says something within as many windows, and what it says is open
// can be.
func FuzzRestore(f *testing.F, made func() (pipeline.Detector, error), most int, length ...time.Duration) {
	f.Helper()
	lane := newLane(f, 6*metricsOfHost)
	every := int64(append(length, 10*time.Second)[0])
	opened := func(t testing.TB) (pipeline.Snapshotter, func(int)) {
		d, err := made()
		if err != nil {
			t.Fatal(err)
		}
		lane.open(t, d)
		return d.(pipeline.Snapshotter), func(windows int) {
			w := lane.Window
			w.Start, w.End = 0, 0
			said := 0
			for k := range windows {
				w.Start, w.End = w.End, w.End+every
				for s := range w.Sum {
					if w.Sum[s] = float64(100 + (k+s)%3); s%metricsOfHost == metricsOfHost-1 {
						w.Sum[s] += float64(k)
					}
					if k >= windows-faulty && s < metricsOfHost {
						w.Sum[s] = 500
					}
				}
				found, err := d.Detect(&w, nil)
				if err != nil {
					t.Fatal(err)
				}
				said += len(found)
				for i := range found {
					if x := &found[i]; x.Open && !(x.Low <= x.High && x.Score >= 0 && x.Probability >= 0 && x.Probability <= 1) {
						t.Fatalf("a finding that can't be: %+v", x)
					}
				}
			}
			if t == testing.TB(f) && windows == most && said == 0 {
				t.Fatalf("it says nothing within %d windows", most)
			}
		}
	}
	FuzzSnapshots(f, opened, 0, 1, most/3, most)
}

// FuzzSnapshots gives any bytes to Restore, begun with what was written after so many windows, of which the last is the most: nothing
// panics, neither in Restore nor in what comes after one that went well, and errors have codes. opened returns what is to be restored,
// and what gives it windows.
func FuzzSnapshots(f *testing.F, opened func(testing.TB) (s pipeline.Snapshotter, feed func(windows int)), windows ...int) {
	f.Helper()
	for _, n := range windows {
		s, feed := opened(f)
		feed(n)
		frozen, err := s.Snapshot()
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
		s, feed := opened(t)
		if err := s.Restore(bytes.NewReader(data)); err == nil {
			feed(windows[len(windows)-1])
		} else if pipeline.Code(err) == "" {
			t.Fatalf("an error without a code: %v", err)
		}
	})
}
