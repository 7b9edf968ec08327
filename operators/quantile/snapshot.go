package quantile

import (
	"io"

	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// The tables of a snapshot: of the lane's window, and of the buckets that it has so far.
var (
	windowTable = state.Table{Name: "window", Version: 1, Fields: []state.Field{
		{Name: "pending", Type: state.Bool}, {Name: "start", Type: state.Int64}, {Name: "end", Type: state.Int64},
		{Name: "any", Type: state.Bool}, {Name: "done_start", Type: state.Int64}, {Name: "done_end", Type: state.Int64},
	}}
	bucketTable = state.Table{Name: "buckets", Version: 1, Fields: []state.Field{
		{Name: "series", Type: state.Int64, Role: state.Ordinal}, {Name: "increase", Type: state.Float64},
	}}
)

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
		w.Table(windowTable).Bool(q.pending).Int64(q.now.start).Int64(q.now.end).Bool(q.any).Int64(q.done.start).Int64(q.done.end)
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
	for t := s.Table(windowTable); t.Next(); {
		q.pending, q.now = t.Bool("pending"), span{t.Int64("start"), t.Int64("end")}
		q.any, q.done = t.Bool("any"), span{t.Int64("done_start"), t.Int64("done_end")}
	}
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
