package window

import (
	"bytes"
	"strconv"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// BenchmarkFreeze measures a lane of a million series, a quarter of them counters, with two windows open: how long it waits for a
// snapshot, what a scrape of all series costs before and right after one, and how long writing and restoring take.
func BenchmarkFreeze(b *testing.B) {
	if testing.Short() {
		b.Skip("needs much memory")
	}
	for name, kind := range map[string]pipeline.Settings{"size": {"size": 10 * time.Second}, "session": {"session": pipeline.Settings{"gap": time.Minute, "max": time.Hour}}} {
		b.Run(name, func(b *testing.B) { benchmarkFreeze(b, kind) })
	}
}

func benchmarkFreeze(b *testing.B, kind pipeline.Settings) {
	const series = 1_000_000
	table := pipeline.NewSeriesTable(nil, 0)
	for i := range series {
		typ := pipeline.Gauge
		if i%4 == 0 {
			typ = pipeline.Cumulative
		}
		if _, err := table.Intern("m"+strconv.Itoa(i), "", typ, nil); err != nil {
			b.Fatal(err)
		}
	}
	made := func() *Window {
		settings := pipeline.Settings{"limit": int64(4 << 30)}
		for k, v := range kind {
			settings[k] = v
		}
		op, err := New(settings)
		if err == nil {
			err = op.Open(&pipeline.Env{Series: table, Allocator: memory.NewGoAllocator(), Lose: func(string, int) {}})
		}
		if err != nil {
			b.Fatal(err)
		}
		return op.(*Window)
	}
	w, at := made(), int64(0)
	scrape := func(b *testing.B) {
		b.StopTimer()
		at += 5e9
		cols := pipeline.NewColumns(table)
		for i := range uint32(series) {
			cols.Point(i, at, 0, float64(i))
		}
		batches := cols.Batches(pipeline.Position{})
		b.StartTimer()
		for _, batch := range batches {
			if err := w.Process(batch, discard{}); err != nil {
				b.Fatal(err)
			}
			batch.Release()
		}
		if err := w.Watermark(at-11e9, discard{}); err != nil {
			b.Fatal(err)
		}
	}
	frozen := func(b *testing.B) pipeline.Frozen {
		f, err := w.Snapshot()
		if err != nil {
			b.Fatal(err)
		}
		return f
	}
	for range 5 {
		scrape(b)
	}
	b.Run("pause", func(b *testing.B) {
		for b.Loop() {
			frozen(b).Release()
		}
	})
	b.Run("scrape", func(b *testing.B) {
		for b.Loop() {
			scrape(b)
		}
	})
	b.Run("first scrape after a freeze", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			f := frozen(b)
			scrape(b)
			f.Release()
		}
	})
	var saved bytes.Buffer
	b.Run("write", func(b *testing.B) {
		for b.Loop() {
			saved.Reset()
			save(b, w, &saved)
		}
		b.ReportMetric(float64(saved.Len())/1e6, "MB")
	})
	b.Run("restore", func(b *testing.B) {
		for b.Loop() {
			if err := made().Restore(bytes.NewReader(saved.Bytes())); err != nil {
				b.Fatal(err)
			}
		}
	})
	if got, err := state.Inspect(&saved, nil); err != nil || got[1].Rows != series {
		b.Errorf("%+v, %v", got, err)
	}
}
