package cohort

import (
	"io"

	"github.com/homeostat/homeostat/operators/detect/ewma"
	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

var cellTable = state.Table{Name: "series", Version: version, BySeries: true, Fields: append([]state.Field{
	{Name: "usual", Type: state.Float64}, {Name: "drift", Type: state.Float64}, {Name: "counter", Type: state.Bool}}, ewma.Fields()...)}

// Snapshot implements pipeline.Snapshotter.
func (d *Detector) Snapshot() (pipeline.Frozen, error) {
	cells, rows, alarms := d.cells.Freeze(), d.Members.Freeze(), d.Alarm.Freeze()
	return state.Frozen(name, func(w *state.Writer) {
		t := w.Table(cellTable)
		for i := range uint32(cells.Len()) {
			c := cells.At(i)
			t.Float64(c.usual).Float64(c.drift).Bool(c.whole)
			c.Write(t)
		}
		rows.Write(w)
		alarms.Write(w)
	}, cells.Release, alarms.Release), nil
}

// Restore implements pipeline.Snapshotter.
func (d *Detector) Restore(r io.Reader) error {
	s := state.NewReader(r, name)
	for t := s.Table(cellTable); t.Next(); {
		d.cells.Append(cell{ewma.Read(t), t.Float64("usual"), t.Float64("drift"), t.Bool("counter")})
	}
	series := d.Members.Load(s)
	if n := d.Alarm.Load(s); n != d.cells.Len() || n > series {
		s.Fail("has columns of different length, or of more series than there are")
	}
	return s.Close()
}
