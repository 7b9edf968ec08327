package otlp

import (
	"encoding/binary"
	"math/bits"

	"github.com/homeostat/homeostat/pipeline"
)

// Wire types of protocol buffers (protobuf.dev/programming-guides/encoding).
const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireFixed32 = 5
)

// field is one field of a message, as positions in the record's bytes.
type field struct {
	number uint64
	wire   int
	// at is where the tag begins.
	at int
	// value is a varint, fixed64 or fixed32.
	value uint64
	// from and to bound the content of a field of wire type bytes; to is the end of the field for all wire types.
	from, to int
}

// cursor walks the fields of one message that lies in b[at:end]. Positions count from the start of b, so that faults can
// say where they are. A fault ends the walk and is kept.
type cursor struct {
	b       []byte
	at, end int
	fault   string
	faultAt int
}

// next reads the next field; false at the end and at a fault.
func (c *cursor) next(f *field) bool {
	i, end := c.at, c.end
	if i >= end {
		return false
	}
	f.at = i
	tag := uint64(c.b[i])
	i++
	if tag >= 0x80 {
		if tag, i = c.varint(f.at); i < 0 {
			return false
		}
	}
	f.number, f.wire = tag>>3, int(tag&7)
	switch f.wire {
	case wireFixed64:
		if end-i < 8 {
			return c.broken(f.at)
		}
		f.value = binary.LittleEndian.Uint64(c.b[i:])
		i += 8
	case wireBytes:
		at := i
		var n uint64
		if i < end && c.b[i] < 0x80 {
			n = uint64(c.b[i])
			i++
		} else if n, i = c.varint(i); i < 0 {
			return false
		}
		if n > uint64(end-i) {
			return c.broken(at)
		}
		f.from = i
		i += int(n)
	case wireVarint:
		if f.value, i = c.varint(i); i < 0 {
			return false
		}
	case wireFixed32:
		if end-i < 4 {
			return c.broken(f.at)
		}
		f.value = uint64(binary.LittleEndian.Uint32(c.b[i:]))
		i += 4
	default:
		return c.stop(f.at, "a field has a wire type that is not in use")
	}
	if f.number == 0 {
		return c.stop(f.at, "a field has number 0")
	}
	f.to, c.at = i, i
	return true
}

// varint reads a varint at i and returns the position after it, -1 at a fault.
func (c *cursor) varint(i int) (v uint64, next int) {
	at := i
	for shift := 0; shift < 64; shift += 7 {
		if i >= c.end {
			c.broken(at)
			return 0, -1
		}
		x := c.b[i]
		i++
		if shift == 63 && x > 1 {
			break
		}
		v |= uint64(x&0x7f) << shift
		if x < 0x80 {
			return v, i
		}
	}
	c.stop(at, "a number is longer than 64 bits")
	return 0, -1
}

func (c *cursor) broken(at int) bool {
	return c.stop(at, "what a field announces ends behind its message")
}

func (c *cursor) stop(at int, fault string) bool {
	c.fault, c.faultAt, c.at = fault, at, c.end
	return false
}

// err returns the fault that ended the walk.
func (c *cursor) err() error {
	if c.fault == "" {
		return nil
	}
	return pipeline.Errorf("otlp_metrics.bytes", "otlp metrics message of %d bytes is broken at byte %d: %s; check what writes to the topic and that it is set to OTLP metrics in protobuf, uncompressed",
		len(c.b), c.faultAt, c.fault)
}

// expect tells whether the field has the wire type that its number calls for; if not, the walk ends.
func (c *cursor) expect(f *field, wire int) bool {
	return f.wire == wire || c.stop(f.at, "a field has another wire type than OTLP metrics have there")
}

func appendTag(b []byte, number, wire int) []byte { return append(b, byte(number<<3|wire)) }

func appendText(b []byte, number int, s string) []byte {
	b = binary.AppendUvarint(appendTag(b, number, wireBytes), uint64(len(s)))
	return append(b, s...)
}

func appendFixed(b []byte, number int, v uint64) []byte {
	return binary.LittleEndian.AppendUint64(appendTag(b, number, wireFixed64), v)
}

// sized returns the size of a field of wire type bytes with n bytes of content and a number below 16.
func sized(n int) int { return 1 + (bits.Len64(uint64(n)|1)+6)/7 + n }
