package quantile

import (
	"io"

	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// bucketTable is of the buckets that the window has so far.
var bucketTable = state.Table{Name: "buckets", Version: 1, Fields: []state.Field{
	{Name: "series", Type: state.Int64, Role: state.Ordinal}, {Name: "increase", Type: state.Float64},
}}

// Hold implements pipeline.Holder: the window that is being added up has to be told.
func (q *Quantile) Hold(hold func(uint32)) {
	q.each(func(at *bucket) {
		if at.seen {
			hold(at.series)
		}
	})
}

// Snapshot implements pipeline.Snapshotter.
func (q *Quantile) Snapshot() (pipeline.Frozen, error) {
	return state.Encoded(name, func(w *state.Writer) {
		q.window.Write(w)
		t := w.Table(bucketTable)
		q.each(func(at *bucket) {
			if at.seen {
				t.Int64(int64(at.series)).Float64(at.increase)
			}
		})
	})
}

// Restore implements pipeline.Snapshotter.
func (q *Quantile) Restore(r io.Reader) error {
	q.learn()
	s := state.NewReader(r, name)
	q.window.Read(s)
	for t := s.Table(bucketTable); t.Next(); {
		series := t.Int64("series")
		if series < 0 || series >= int64(q.table.Len()) || q.places[series] == nil {
			s.Fail("has a bucket that can't be")
			break
		}
		at := q.places[series]
		at.increase, at.seen = t.Float64("increase"), true
	}
	return s.Close()
}
