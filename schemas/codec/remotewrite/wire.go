package remotewrite

import (
	"encoding/binary"

	"github.com/homeostat/homeostat/pipeline"
)

// Wire types of protocol buffers (protobuf.dev/programming-guides/encoding).
const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireFixed32 = 5
)

// field is one field of a message, as positions in the request.
type field struct {
	number uint64
	wire   int
	at     int    // where its tag begins
	value  uint64 // of all wire types but bytes
	// from and to bound the content of a field of wire type bytes; to is the end of a field of any type.
	from, to int
}

// walk goes through the fields of the message in b[at:end]. A fault ends it and is kept.
type walk struct {
	b       []byte
	at, end int
	fault   string
	faultAt int
}

// next reads the next field; false at the end and at a fault.
func (w *walk) next(f *field) bool {
	if w.at >= w.end {
		return false
	}
	f.at = w.at
	tag, i := w.number(w.at)
	if i < 0 {
		return false
	}
	if f.number, f.wire = tag>>3, int(tag&7); f.number == 0 {
		return w.stop(f.at, "a field has number 0")
	}
	size := 0
	switch f.wire {
	case wireVarint:
		if f.value, i = w.number(i); i < 0 {
			return false
		}
	case wireFixed64:
		size = 8
	case wireFixed32:
		size = 4
	case wireBytes:
		at := i
		var n uint64
		if n, i = w.number(i); i < 0 {
			return false
		}
		if n > uint64(w.end-i) {
			return w.stop(at, endless)
		}
		f.from, size = i, int(n)
	default:
		return w.stop(f.at, "a field has a wire type that is not in use")
	}
	if size > w.end-i {
		return w.stop(f.at, endless)
	}
	switch f.wire {
	case wireFixed64:
		f.value = binary.LittleEndian.Uint64(w.b[i:])
	case wireFixed32:
		f.value = uint64(binary.LittleEndian.Uint32(w.b[i:]))
	}
	f.to = i + size
	w.at = f.to
	return true
}

const endless = "what a field announces ends behind its message"

// number reads a varint at i and returns the position after it, -1 at a fault.
func (w *walk) number(i int) (v uint64, next int) {
	if i < w.end && w.b[i] < 0x80 {
		return uint64(w.b[i]), i + 1
	}
	at := i
	for shift := 0; shift < 64; shift += 7 {
		if i >= w.end {
			w.stop(at, endless)
			return 0, -1
		}
		x := w.b[i]
		i++
		if shift == 63 && x > 1 {
			break
		}
		v |= uint64(x&0x7f) << shift
		if x < 0x80 {
			return v, i
		}
	}
	w.stop(at, "a number is longer than 64 bits")
	return 0, -1
}

func (w *walk) stop(at int, fault string) bool {
	w.fault, w.faultAt, w.at = fault, at, w.end
	return false
}

// expect tells whether the field has the wire type that its number calls for; if not, the walk ends.
func (w *walk) expect(f *field, wire int) bool {
	return f.wire == wire || w.stop(f.at, "a field has another wire type than a write request has there")
}

// err returns the fault that ended the walk.
func (w *walk) err() error {
	if w.fault == "" {
		return nil
	}
	return pipeline.Errorf("remote_write.wire", "remote write request of %d bytes, decompressed, is broken at byte %d: %s; check what writes to the topic", len(w.b), w.faultAt, w.fault)
}
