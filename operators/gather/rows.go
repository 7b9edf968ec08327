package gather

import (
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/homeostat/homeostat/pipeline"
)

// Row is a row of a derived series.
type Row struct {
	Series              uint32
	Count               int64
	Sum, Min, Max, Last float64
}

// Single is the row of one value.
func Single(series uint32, v float64) Row { return Row{series, 1, v, v, v, v} }

// Emit gives out rows of one window, if there are any. The rows are borrowed.
func Emit(env *pipeline.Env, of Span, revision int64, rows []Row, out pipeline.Emitter) error {
	if len(rows) == 0 {
		return nil
	}
	rb := array.NewRecordBuilder(env.Allocator, pipeline.Windows.Schema())
	defer rb.Release()
	rb.Reserve(len(rows))
	for _, r := range rows {
		rb.Field(pipeline.WindowSeries).(*array.Uint32Builder).UnsafeAppend(r.Series)
		for c, n := range [...]int64{of.Start, of.End, r.Count} {
			rb.Field(pipeline.WindowStart + c).(*array.Int64Builder).UnsafeAppend(n)
		}
		for c, v := range [...]float64{r.Sum, r.Min, r.Max, r.Last} {
			rb.Field(pipeline.WindowSum + c).(*array.Float64Builder).UnsafeAppend(v)
		}
	}
	return out.Emit(pipeline.Batch{Kind: pipeline.Windows, Record: rb.NewRecord(), Series: env.Series, Revision: revision})
}
