// Package wire reads the fields of messages in protocol buffers (protobuf.dev/programming-guides/encoding), without allocating.
package wire

import (
	"encoding/binary"
	"math/bits"
)

// Wire types.
const (
	Varint  = 0
	Fixed64 = 1
	Bytes   = 2
	Fixed32 = 5

	// Group is what groups of proto2 begin with.
	Group = 3

	endGroup = 4
)

// Field is one field of a message, as positions in the cursor's bytes.
type Field struct {
	Number uint64
	Wire   int
	// At is where the tag begins.
	At int
	// Value is a varint, fixed64 or fixed32.
	Value uint64
	// From and To bound the content of a field of wire type bytes; To is the end of the field for all wire types.
	From, To int
}

// Cursor walks the fields of one message that lies in B[At:End]. Positions count from the start of B, so that faults can
// say where they are. A fault ends the walk and is kept.
type Cursor struct {
	B       []byte
	At, End int
	Fault   string
	FaultAt int
	// Groups says that a group is a field of wire type Group, without content; else it is a fault.
	Groups bool
}

const endless = "what a field announces ends behind its message"

// Next reads the next field; false at the end and at a fault.
func (c *Cursor) Next(f *Field) bool {
	i, end := c.At, c.End
	if i >= end {
		return false
	}
	f.At = i
	tag := uint64(c.B[i])
	i++
	if tag >= 0x80 {
		if tag, i = c.Varint(f.At); i < 0 {
			return false
		}
	}
	f.Number, f.Wire = tag>>3, int(tag&7)
	switch f.Wire {
	case Fixed64:
		if end-i < 8 {
			return c.Stop(f.At, endless)
		}
		f.Value = binary.LittleEndian.Uint64(c.B[i:])
		i += 8
	case Bytes:
		at := i
		var n uint64
		if i < end && c.B[i] < 0x80 {
			n = uint64(c.B[i])
			i++
		} else if i+1 < end && c.B[i+1] < 0x80 {
			n = uint64(c.B[i]&0x7f) | uint64(c.B[i+1])<<7
			i += 2
		} else if n, i = c.Varint(i); i < 0 {
			return false
		}
		if n > uint64(end-i) {
			return c.Stop(at, endless)
		}
		f.From = i
		i += int(n)
	case Varint:
		if f.Value, i = c.Varint(i); i < 0 {
			return false
		}
	case Fixed32:
		if end-i < 4 {
			return c.Stop(f.At, endless)
		}
		f.Value = uint64(binary.LittleEndian.Uint32(c.B[i:]))
		i += 4
	default:
		if f.Wire != Group || !c.Groups {
			return c.Stop(f.At, "a field has a wire type that is not in use")
		}
		if i = c.group(i, f.Number); i < 0 {
			return false
		}
	}
	if f.Number == 0 {
		return c.Stop(f.At, "a field has number 0")
	}
	f.To, c.At = i, i
	return true
}

// group passes the fields of a group, and groups in it, from i on, and returns the position behind its end, -1 at a fault.
func (c *Cursor) group(i int, number uint64) int {
	var within [maxGroups]uint64
	within[0] = number
	inner := Cursor{B: c.B, At: i, End: c.End}
	for depth := 1; depth > 0; {
		at := inner.At
		tag, next := inner.Varint(at)
		switch {
		case next < 0:
		case tag&7 == Group && depth < maxGroups:
			within[depth] = tag >> 3
			depth++
			inner.At = next
			continue
		case tag&7 == endGroup && tag>>3 == within[depth-1]:
			depth--
			inner.At = next
			continue
		default:
			var f Field
			if inner.Next(&f) {
				continue
			}
		}
		if c.Stop(at, inner.Fault); inner.Fault == "" {
			c.Fault = endless
		}
		return -1
	}
	return inner.At
}

// maxGroups bounds how deep groups nest.
const maxGroups = 32

// Varint reads a varint at i and returns the position after it, -1 at a fault.
func (c *Cursor) Varint(i int) (v uint64, next int) {
	if i < c.End && c.B[i] < 0x80 {
		return uint64(c.B[i]), i + 1
	}
	if v, n := Short(c.B, i); n > 0 && i+n <= c.End {
		return v, i + n
	}
	at := i
	for shift := 0; shift < 64; shift += 7 {
		if i >= c.End {
			c.Stop(at, endless)
			return 0, -1
		}
		x := c.B[i]
		i++
		if shift == 63 && x > 1 {
			break
		}
		v |= uint64(x&0x7f) << shift
		if x < 0x80 {
			return v, i
		}
	}
	c.Stop(at, "a number is longer than 64 bits")
	return 0, -1
}

// Short reads a varint of up to eight bytes at i, all at once; n is 0 where it is longer, or too close to the end of b.
func Short(b []byte, i int) (v uint64, n int) {
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

// Stop ends the walk by a fault.
func (c *Cursor) Stop(at int, fault string) bool {
	c.Fault, c.FaultAt, c.At = fault, at, c.End
	return false
}

// Expect tells whether the field has the wire type that its number calls for; if not, the walk ends.
func (c *Cursor) Expect(f *Field, wire int) bool {
	return f.Wire == wire || c.Stop(f.At, "a field has another wire type than its number calls for")
}
