package window

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/homeostat/homeostat/pipeline"
)

type discard struct{}

func (discard) Emit(b pipeline.Batch) error { b.Release(); return nil }

// BenchmarkPoints is the cost of a point in batches of 8192 rows, closing included. "scrape": series in the same order
// every 10s, as a collector sends them; "shuffled": any series at any time of 30s, so that four windows are open.
func BenchmarkPoints(b *testing.B) {
	for _, series := range []int{1000, 100_000} {
		for _, typ := range []pipeline.SeriesType{pipeline.Gauge, pipeline.Cumulative} {
			for _, shuffled := range []bool{false, true} {
				order := map[bool]string{false: "scrape", true: "shuffled"}[shuffled]
				b.Run(typ.String()+"/"+strconv.Itoa(series)+"/"+order, func(b *testing.B) { benchmark(b, series, typ, shuffled) })
			}
		}
	}
}

func benchmark(b *testing.B, series int, typ pipeline.SeriesType, shuffled bool) {
	const rows = 8192
	table := pipeline.NewSeriesTable(nil, 0)
	for i := range series {
		table.Intern("m", "", typ, pipeline.NewLabels([]pipeline.Label{{Name: "i", Value: strconv.Itoa(i)}}))
	}
	op, _ := New(pipeline.Settings{"size": 10 * time.Second, "limit": int64(1 << 30)})
	w := op.(*Window)
	w.Open(&pipeline.Env{Series: table, Allocator: memory.NewGoAllocator(), Lose: func(string, int) {}})
	rnd := rand.New(rand.NewPCG(1, 1))
	cols := pipeline.NewColumns(table)
	var batches []pipeline.Batch
	row := 0
	for k := range 64 {
		for range rows {
			if shuffled {
				cols.Point(uint32(rnd.IntN(series)), int64(k)*625e6+rnd.Int64N(30e9), 0, rnd.Float64())
			} else {
				cols.Point(uint32(row%series), int64(row/series)*10e9, 0, rnd.Float64())
			}
			row++
		}
		batches = append(batches, cols.Batches(pipeline.Position{})...)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		w.Process(batches[i%64], discard{})
		if shuffled {
			w.Watermark(int64(i%64)*625e6, discard{})
		} else {
			w.Watermark(int64((i%64+1)*rows/series)*10e9, discard{})
		}
		if i%64 == 63 {
			w.Watermark(1e18, discard{}) // closes all; then time starts again
			w.closed = 0
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/point")
}
