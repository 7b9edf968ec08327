package robustz

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/homeostat/homeostat/operators/detect/alarm"
	"github.com/homeostat/homeostat/operators/detect/baseline"
	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// BenchmarkFreeze measures a lane of a million warm series with the default settings: how long it waits for a snapshot, what
// a window costs before, while and after it is written, and how long writing and restoring take. It needs 8 GB.
func BenchmarkFreeze(b *testing.B) {
	if testing.Short() {
		b.Skip("needs much memory")
	}
	const series = 1_000_000
	d := &Detector{}
	restore := func(r io.Reader) {
		made, _ := New(settings(nil))
		d = made.(*Detector)
		if err := d.Restore(r); err != nil {
			b.Fatal(err)
		}
	}
	rnd := rand.New(rand.NewPCG(1, 1))
	saved := warm(b, series, rnd)
	restore(bytes.NewReader(saved.Bytes()))

	table := pipeline.NewSeriesTable(nil, 0)
	w := pipeline.Window{Table: table, Count: slices.Repeat([]int64{1}, series), Sum: make([]float64, series)}
	for s := range series {
		o, err := table.Intern(fmt.Sprintf("m%d", s), "", pipeline.Gauge, nil)
		if err != nil {
			b.Fatal(err)
		}
		w.Series = append(w.Series, o)
	}
	window := func(b *testing.B) {
		b.StopTimer()
		w.Start, w.End = w.End, w.End+int64(10*time.Second)
		for s := range w.Sum {
			w.Sum[s] = 100 + rnd.NormFloat64()
		}
		b.StartTimer()
		if _, err := d.Detect(&w, nil); err != nil {
			b.Fatal(err)
		}
	}
	frozen := func(b *testing.B) pipeline.Frozen {
		f, err := d.Snapshot()
		if err != nil {
			b.Fatal(err)
		}
		return f
	}
	perValue := func(b *testing.B) {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/series, "ns/value")
	}
	window(b) // the first one after a restore sorts the values
	b.Run("pause", func(b *testing.B) {
		for b.Loop() {
			frozen(b).Release()
		}
	})
	b.Run("window", func(b *testing.B) {
		for b.Loop() {
			window(b)
		}
		perValue(b)
	})
	b.Run("first window after a freeze", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			f := frozen(b)
			window(b)
			f.Release()
		}
		perValue(b)
	})
	b.Run("write", func(b *testing.B) {
		for b.Loop() {
			f := frozen(b)
			saved.Reset()
			if err := f.Write(saved); err != nil {
				b.Fatal(err)
			}
			f.Release()
		}
		b.ReportMetric(float64(saved.Len())/1e6, "MB")
	})
	b.Run("restore", func(b *testing.B) {
		for b.Loop() {
			restore(bytes.NewReader(saved.Bytes()))
		}
	})
}

// warm makes the snapshot of a detector whose series have their whole history.
func warm(b *testing.B, series int, rnd *rand.Rand) *bytes.Buffer {
	history := settings(nil).Int("history")
	values := make([]float64, history)
	out := bytes.NewBuffer(make([]byte, 0, series*(8*int(history)+64)))
	frozen, err := (&Detector{alarm: alarm.New(alarm.Config{}), baseline: baseline.New(baseline.Config{History: int(history)})}).Snapshot()
	if err != nil {
		b.Fatal(err)
	}
	var empty bytes.Buffer
	if err := frozen.Write(&empty); err != nil {
		b.Fatal(err)
	}
	// The tables are those of an empty detector, with rows.
	s := state.NewWriter(out, name)
	tables, err := state.Inspect(&empty, nil)
	if err != nil {
		b.Fatal(err)
	}
	for _, info := range tables {
		t := s.Table(state.Table{Name: info.Table, Version: info.Version, Fields: info.Columns})
		switch info.Table {
		case "alarm":
			t.Int64(0)
		case "baseline":
			t.Int64(history)
		case "series":
			for range series {
				t.Int64(0).Bool(false)
			}
		case "alarm.series":
			for range series {
				t.Uint64(0).Int64(0).Uint16(100).Uint16(0).Bool(false)
			}
		case "baseline.series":
			for range series {
				for i := range values {
					values[i] = 100 + rnd.NormFloat64()
				}
				t.Floats(values)
			}
		}
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	return out
}
