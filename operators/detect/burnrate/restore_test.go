package burnrate

import (
	"bytes"
	"testing"

	"github.com/homeostat/homeostat/pipeline"
)

// FuzzRestore: no bytes make Restore panic, or what comes after a Restore that went well.
func FuzzRestore(f *testing.F) {
	table := pipeline.NewSeriesTable(nil, 0)
	s, _ := table.Intern(pipeline.SLIMetric, "", pipeline.Delta, pipeline.Labels{{Name: "slo", Value: "web"}})
	w := pipeline.Window{Table: table, Series: []uint32{s}, Count: []int64{100}, Sum: []float64{0}}
	made := func() *Detector {
		d, _ := New(settings(nil))
		d.Open(&pipeline.Env{SLOs: []pipeline.SLO{slo()}})
		return d.(*Detector)
	}
	feed := func(d *Detector) {
		for k := range int64(30) {
			w.Start, w.End, w.Sum[0] = k*10e9, k*10e9+10e9, float64(k/20*50)
			if _, err := d.Detect(&w, nil); err != nil {
				f.Fatal(err)
			}
		}
	}
	d := made()
	feed(d)
	var b bytes.Buffer
	frozen, err := d.Snapshot()
	if err == nil {
		err = frozen.Write(&b)
	}
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		d := made()
		if err := d.Restore(bytes.NewReader(data)); err != nil {
			if pipeline.Code(err) == "" {
				t.Fatalf("an error without a code: %v", err)
			}
			return
		}
		if len(d.indicator) <= table.Len() {
			feed(d)
		}
	})
}
