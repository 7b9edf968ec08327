package remotewrite

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
	tag, i := uint64(w.b[w.at]), w.at+1
	if tag >= 0x80 {
		if tag, i = w.varint(f.at); i < 0 {
			return false
		}
	}
	f.number, f.wire = tag>>3, int(tag&7)
	switch f.wire {
	case wireBytes:
		at := i
		var n uint64
		if i < w.end && w.b[i] < 0x80 {
			n = uint64(w.b[i])
			i++
		} else if n, i = w.varint(i); i < 0 {
			return false
		}
		if n > uint64(w.end-i) {
			return w.stop(at, endless)
		}
		f.from = i
		i += int(n)
	case wireVarint:
		if f.value, i = w.varint(i); i < 0 {
			return false
		}
	case wireFixed64:
		if w.end-i < 8 {
			return w.stop(f.at, endless)
		}
		f.value = binary.LittleEndian.Uint64(w.b[i:])
		i += 8
	case wireFixed32:
		if w.end-i < 4 {
			return w.stop(f.at, endless)
		}
		f.value = uint64(binary.LittleEndian.Uint32(w.b[i:]))
		i += 4
	default:
		return w.stop(f.at, "a field has a wire type that is not in use")
	}
	if f.number == 0 {
		return w.stop(f.at, "a field has number 0")
	}
	f.to, w.at = i, i
	return true
}

const endless = "what a field announces ends behind its message"

// varint reads a varint at i and returns the position after it, -1 at a fault.
func (w *walk) varint(i int) (v uint64, next int) {
	if v, n := short(w.b, i); n > 0 && i+n <= w.end {
		return v, i + n
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

// short reads a varint of up to eight bytes at i, all at once; n is 0 where it is longer, or too close to the end of b.
func short(b []byte, i int) (v uint64, n int) {
	if i+8 > len(b) {
		return 0, 0
	}
	v = binary.LittleEndian.Uint64(b[i:])
	ends := ^v & 0x8080808080808080
	if ends == 0 {
		return 0, 0
	}
	n = bits.TrailingZeros64(ends)>>3 + 1
	v &= ^uint64(0) >> (64 - 8*n)
	// Seven bits of each byte move together: pairs of bytes, of pairs, of fours.
	v = v&0x007f007f007f007f | v&0x7f007f007f007f00>>1
	v = v&0x00003fff00003fff | v&0x3fff00003fff0000>>2
	return v&0x0fffffff | v&0x0fffffff00000000>>4, n
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
