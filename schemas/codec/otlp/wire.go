package otlp

import (
	"encoding/binary"
	"math/bits"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/wire"
)

// wireFault returns the fault that ended a walk.
func wireFault(cur *wire.Cursor) error {
	if cur.Fault == "" {
		return nil
	}
	return pipeline.Errorf("otlp_metrics.bytes", "otlp metrics message of %d bytes is broken at byte %d: %s; check what writes to the topic and that it is set to OTLP metrics in protobuf, uncompressed",
		len(cur.B), cur.FaultAt, cur.Fault)
}

func appendTag(b []byte, number, wire int) []byte { return append(b, byte(number<<3|wire)) }

func appendText(b []byte, number int, s string) []byte {
	b = binary.AppendUvarint(appendTag(b, number, wire.Bytes), uint64(len(s)))
	return append(b, s...)
}

func appendFixed(b []byte, number int, v uint64) []byte {
	return binary.LittleEndian.AppendUint64(appendTag(b, number, wire.Fixed64), v)
}

// sized returns the size of a field of wire type bytes with n bytes of content and a number below 16.
func sized(n int) int { return 1 + (bits.Len64(uint64(n)|1)+6)/7 + n }
