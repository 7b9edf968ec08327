package templates

import (
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/homeostat/homeostat/pipeline"
)

type discard struct{}

func (discard) Emit(b pipeline.Batch) error {
	b.Release()
	return nil
}

// BenchmarkProcess takes batches of 4096 records of eight kinds and a hundred streams. An operation is a record.
func BenchmarkProcess(b *testing.B) {
	b.Run("templates", func(b *testing.B) { process(b, nil) })
	b.Run("errors", func(b *testing.B) { process(b, pipeline.Settings{"errors": true}) })
	b.Run("parameters", func(b *testing.B) {
		process(b, pipeline.Settings{"parameters": 10 * time.Second, "places": int64(1 << 14)})
	})
}

func process(b *testing.B, settings pipeline.Settings) {
	op, err := made(settings)()
	if err != nil {
		b.Fatal(err)
	}
	table := pipeline.NewSeriesTable(nil, 0)
	if err := op.Open(&pipeline.Env{Allocator: memory.DefaultAllocator, Series: table, Lose: func(string, int) {}, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}); err != nil {
		b.Fatal(err)
	}
	const rows = 4096
	cols := pipeline.NewColumns(table)
	for i := range rows {
		stream, err := table.Intern("", "", pipeline.Stream, []pipeline.Label{{Name: "pod", Value: fmt.Sprint(i % 100)}})
		if err != nil {
			b.Fatal(err)
		}
		cols.Log(stream, int64(i), 9, fmt.Appendf(nil, "step %c of order %d by user u%d took %d ms, %d bytes sent to 10.0.%d.%d", 'a'+i%8, i*7919, i*31, i%97, i*131, i%250, i%199))
	}
	batch := cols.Batches(pipeline.Position{})[0]
	defer batch.Release()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%rows == 0 {
			if err := op.Process(batch, discard{}); err != nil {
				b.Fatal(err)
			}
		}
	}
}
