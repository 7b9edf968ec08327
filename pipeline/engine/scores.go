package engine

import (
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/homeostat/homeostat/pipeline"
)

// scores makes windows of what a detector says of each series it judged.
type scores struct {
	// derived has the ordinals of the two series of each series, plus one; 0 is unknown.
	derived [][2]uint32
}

// emit emits the judgements of the window [start, end); of is a batch of that, whose record is not looked at. A series for which the lane's table has no room is left out, as it is
// when its first row comes by a source.
func (s *scores) emit(env *pipeline.Env, judged []pipeline.Score, of pipeline.Batch, start, end int64, out pipeline.Emitter) error {
	if len(judged) == 0 {
		return nil
	}
	b := array.NewRecordBuilder(env.Allocator, pipeline.Windows.Schema())
	defer b.Release()
	b.Reserve(2 * len(judged))
	row := func(series uint32, value, low, high float64) {
		b.Field(pipeline.WindowSeries).(*array.Uint32Builder).Append(series)
		for i, v := range [...]int64{start, end, 1} {
			b.Field(pipeline.WindowStart + i).(*array.Int64Builder).Append(v)
		}
		for i, v := range [...]float64{value, low, high, value} {
			b.Field(pipeline.WindowSum + i).(*array.Float64Builder).Append(v)
		}
	}
	for i := range judged {
		j := &judged[i]
		if series, ok := s.series(env, of.Series, j.Series); ok {
			row(series[0]-1, j.Score, j.Score, j.Score)
			row(series[1]-1, j.Expected, j.Low, j.High)
		}
	}
	batch := pipeline.Batch{Kind: pipeline.Windows, Record: b.NewRecord(), Series: of.Series, Position: of.Position, Revision: of.Revision}
	if batch.Rows() == 0 {
		batch.Release()
		return nil
	}
	return out.Emit(batch)
}

// series returns the ordinals, plus one, of the two series derived of one.
func (s *scores) series(env *pipeline.Env, table *pipeline.SeriesTable, of uint32) ([2]uint32, bool) {
	if int(of) >= len(s.derived) {
		s.derived = append(s.derived, make([][2]uint32, int(of)+1-len(s.derived))...)
	}
	if s.derived[of][1] != 0 {
		return s.derived[of], true
	}
	x := table.At(of)
	labels := pipeline.NewLabels(append(x.Labels.List(), pipeline.Label{Name: pipeline.MetricLabel, Value: x.Metric}, pipeline.Label{Name: pipeline.DetectorLabel, Value: env.Component}))
	for i, name := range [...]string{pipeline.ScoreMetric, pipeline.ExpectedMetric} {
		unit := x.Unit
		if i == 0 {
			unit = ""
		}
		at, err := table.InternScoped(name, unit, pipeline.Gauge, labels, *x.Scope)
		if err != nil {
			return s.derived[of], false
		}
		s.derived[of][i] = at + 1
	}
	return s.derived[of], true
}
