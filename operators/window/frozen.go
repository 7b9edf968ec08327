package window

import (
	"bytes"
	"io"

	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// The one table of a snapshot: its rows are the parts of what write writes.
var sequenceTable = state.Table{Name: "sequence", Version: 1, Fields: []state.Field{{Name: "part", Type: state.Bytes}}}

// partBytes bounds a row.
const partBytes = 1 << 20

// Snapshot implements pipeline.Snapshotter. The state is written into memory while the lane waits.
func (o *Window) Snapshot() (pipeline.Frozen, error) {
	var b bytes.Buffer
	if err := o.write(&b); err != nil {
		return nil, err
	}
	return state.Frozen(name, func(w *state.Writer) {
		t := w.Table(sequenceTable)
		for b.Len() > 0 {
			t.Bytes(b.Next(partBytes))
		}
	}), nil
}

// Restore implements pipeline.Snapshotter. The lane's table of series has been restored before.
func (o *Window) Restore(r io.Reader) error {
	s := state.NewReader(r, name)
	var b bytes.Buffer
	for t := s.Table(sequenceTable); t.Next(); {
		b.Write(t.Bytes("part"))
	}
	if err := s.Close(); err != nil {
		return err
	}
	return o.read(&b)
}
