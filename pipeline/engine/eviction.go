package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/engine/snapshot"
)

// residence is the series of a lane, with the lane's time when each was last seen. When the table is nearly full, those that
// have not been seen for long and that no operator holds are evicted. All of it follows from the lane's log and its time, so
// that a replay evicts the same series at the same point.
type residence struct {
	table   *pipeline.SeriesTable
	idle    int64 // for how long a series has to be silent, in event time; 0 evicts none
	mark    int64 // the lane's time
	seen    []int64
	evicted prometheus.Counter
}

// newResidence makes the empty table of a lane.
func (s *surroundings) newResidence(stage pipeline.Stage) *residence {
	return &residence{
		table: pipeline.NewSeriesTable(s.scope, s.limit), idle: s.idle, mark: unknownTime,
		evicted: s.metrics.Counter("series_evicted_total", "Series that made room for others, by stage.", "stage").WithLabelValues(string(stage)),
	}
}

// admit notes the time of series that are new to the table.
func (r *residence) admit() {
	for len(r.seen) < r.table.Len() {
		r.seen = append(r.seen, r.mark)
	}
}

// touch notes that the series of a batch are there.
func (r *residence) touch(b pipeline.Batch) {
	if r.idle == 0 || b.Kind == pipeline.Events || b.Series != r.table {
		return
	}
	r.admit()
	for _, s := range b.Record.Column(0).(*array.Uint32).Uint32Values() {
		r.seen[s] = r.mark
	}
}

// checks is how often in the time that makes a series idle the table is looked at.
const checks = 16

// move takes the lane's time on. It says whether the table has to be looked at.
func (r *residence) move(mark int64) bool {
	r.admit()
	before := r.mark
	r.mark = mark
	if before == unknownTime {
		for i := range r.seen {
			r.seen[i] = mark
		}
		return false
	}
	step := max(1, r.idle/checks)
	return r.idle > 0 && floor(before, step) != floor(mark, step) && r.table.Len() > r.table.Limit()-r.table.Limit()/8
}

// makeRoom evicts the series that have been idle and that hold does not visit, and returns what became of the ordinals. It
// returns nil if it evicted none, as that would not be worth it: to make the operators anew takes time, so an eighth of the
// table has to become free, or anything at all once series are refused.
func (r *residence) makeRoom(hold func(visit func(uint32))) (to []uint32) {
	leaves, n := make([]bool, len(r.seen)), 0
	for i, at := range r.seen {
		leaves[i] = at < plus(r.mark, -r.idle)
	}
	hold(func(s uint32) { leaves[s] = false })
	for _, leaving := range leaves {
		if leaving {
			n++
		}
	}
	if n == 0 || n < r.table.Limit()/8 && r.table.Len() < r.table.Limit() {
		return nil
	}
	r.table, to = r.table.Without(func(s uint32) bool { return leaves[s] })
	rest := make([]int64, 0, r.table.Len())
	for i, at := range r.seen {
		if !leaves[i] {
			rest = append(rest, at)
		}
	}
	r.seen = rest
	r.evicted.Add(float64(n))
	return to
}

// partSeen is when the series were last seen: for each, how long before the lane's time, as a varint.
const partSeen = "seen"

// freeze adds the table and when its series were seen.
func (r *residence) freeze(f *frozen) {
	r.admit()
	f.series(r.table)
	seen, mark := append([]int64(nil), r.seen...), r.mark
	f.parts = append(f.parts, frozenPart{name: partSeen, write: func(w io.Writer) error {
		b := make([]byte, 0, 2*len(seen))
		for _, at := range seen {
			b = binary.AppendUvarint(b, uint64(mark)-uint64(at))
		}
		_, err := w.Write(b)
		return err
	}})
}

// restore reads them into an empty table. A snapshot that does not say when series were seen is one of an older program: they are
// as good as new.
func (r *residence) restore(s *snapshot.Snapshot, mark int64) error {
	if err := readSeries(s, r.table); err != nil {
		return err
	}
	r.mark = mark
	if _, ok := s.Part(partSeen); ok {
		silent, err := readSilent(s, r.table.Len())
		if err != nil {
			return err
		}
		for _, d := range silent {
			r.seen = append(r.seen, int64(uint64(mark)-d))
		}
	}
	r.admit()
	return nil
}

// readSilent reads how long before the lane's time each series was last seen.
func readSilent(s *snapshot.Snapshot, series int) ([]uint64, error) {
	b, _ := s.Part(partSeen)
	silent := make([]uint64, 0, series)
	for len(b) > 0 {
		d, n := binary.Uvarint(b)
		if n <= 0 {
			return nil, unreadable(s, partSeen, errors.New("it ends early"))
		}
		silent, b = append(silent, d), b[n:]
	}
	if len(silent) != series {
		return nil, unreadable(s, partSeen, fmt.Errorf("it is of %d series and not of %d", len(silent), series))
	}
	return silent, nil
}

// hold visits the series that operators hold.
func (c *chain) hold(visit func(uint32)) {
	for i := range c.nodes {
		if h, ok := c.nodes[i].op.(pipeline.Holder); ok {
			h.Hold(visit)
		}
	}
}

// renumber makes all operators anew, on another table: each goes on with what its snapshot says of the series that are left.
// One after the other, so that at most one operator is there twice.
func (c *chain) renumber(table *pipeline.SeriesTable, to []uint32) error {
	for i := range c.nodes {
		if err := c.nodes[i].renumber(table, to); err != nil {
			return fmt.Errorf("operator %s, on another table of series: %w", c.nodes[i].name, err)
		}
	}
	return nil
}

func (n *node) renumber(table *pipeline.SeriesTable, to []uint32) error {
	random, err := n.random.MarshalBinary()
	if err != nil {
		return err
	}
	env := *n.env
	env.Series = table
	next := node{component: n.component, consumes: n.consumes, revised: n.revised, env: &env, random: n.random}
	if err := next.open(); err != nil {
		return err
	}
	if err := n.handOver(&next, to); err != nil {
		return errors.Join(err, next.close())
	}
	err = errors.Join(n.close(), n.random.UnmarshalBinary(random))
	*n = next
	return err
}

// handOver gives a new operator the state of the old one.
func (n *node) handOver(next *node, to []uint32) error {
	from, ok := n.op.(pipeline.Snapshotter)
	if !ok {
		return nil
	}
	f, err := n.snapshot(from)
	if err != nil {
		return err
	}
	defer f.Release()
	// It is written, renumbered and read at the same time: the state of a large lane is not there once more as bytes.
	written := streamed(f.Write)
	defer written.Close()
	renumbered := streamed(func(w io.Writer) error { return state.Renumber(w, written, to) })
	defer renumbered.Close()
	return next.restore(next.op.(pipeline.Snapshotter), renumbered)
}

// streamed returns what write writes. Closing it ends write.
func streamed(write func(io.Writer) error) io.ReadCloser {
	r, w := io.Pipe()
	go func() { w.CloseWithError(write(w)) }()
	return r
}
