package remotewrite

import (
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/wire"
)

// wireFault returns the fault that ended a walk.
func wireFault(w *wire.Cursor) error {
	if w.Fault == "" {
		return nil
	}
	return pipeline.Errorf("remote_write.wire", "remote write request of %d bytes, decompressed, is broken at byte %d: %s; check what writes to the topic", len(w.B), w.FaultAt, w.Fault)
}
