package avro

import (
	"encoding/binary"
	"math"
)

// reader walks the bytes of a record. A fault ends the walk and is kept: what is read after it is zero.
type reader struct {
	b       []byte
	at      int
	fault   string
	faultAt int
	// items is how many items of arrays and maps were announced: types without bytes would make them endless.
	items int
	// parts is how many records, unions, arrays and maps were read: a schema may have very many that take no bytes.
	parts int
}

// nested counts a record, union, array or map.
func (r *reader) nested() {
	if r.parts++; r.parts > 100_000+16*len(r.b) {
		r.stop(r.at, "by its schema it has many more parts than bytes")
	}
}

func (r *reader) stop(at int, fault string) {
	if r.fault == "" {
		r.fault, r.faultAt = fault, at
	}
	r.at = len(r.b)
}

// long reads a number in zigzag and base 128.
func (r *reader) long() int64 {
	from := r.at
	if from < len(r.b) && r.b[from] < 0x80 {
		r.at++
		v := uint64(r.b[from])
		return int64(v>>1) ^ -int64(v&1)
	}
	v, n := binary.Uvarint(r.b[from:])
	if n <= 0 {
		r.stop(from, "a number has no end, or is longer than 64 bits")
		return 0
	}
	r.at += n
	return int64(v>>1) ^ -int64(v&1)
}

func (r *reader) int() int64 {
	from := r.at
	v := r.long()
	if v < math.MinInt32 || v > math.MaxInt32 {
		r.stop(from, "an int is longer than 32 bits")
		return 0
	}
	return v
}

// take reads n bytes.
func (r *reader) take(n int64) []byte {
	if n < 0 || n > int64(len(r.b)-r.at) {
		r.stop(r.at, "what is announced ends behind the record")
		return nil
	}
	from := r.at
	r.at += int(n)
	return r.b[from:r.at]
}

// text reads bytes with their length before them.
func (r *reader) text() []byte {
	from := r.at
	n := r.long()
	if n < 0 || n > int64(len(r.b)-r.at) {
		r.stop(from, "a text or bytes end behind the record")
		return nil
	}
	return r.take(n)
}

func (r *reader) boolean() bool {
	if b := r.take(1); len(b) == 1 {
		if b[0] > 1 {
			r.stop(r.at-1, "a boolean is neither 0 nor 1")
		}
		return b[0] == 1
	}
	return false
}

func (r *reader) float() float64 {
	if b := r.take(4); len(b) == 4 {
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	}
	return 0
}

func (r *reader) double() float64 {
	if b := r.take(8); len(b) == 8 {
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	}
	return 0
}

// choice reads the number of a branch or symbol.
func (r *reader) choice(of int) int {
	from := r.at
	n := r.long()
	if n < 0 || n >= int64(of) {
		r.stop(from, "a union or enum has no such branch or symbol")
		return 0
	}
	return int(n)
}

// block reads how many items come next of an array or map, 0 at its end.
func (r *reader) block() int {
	from := r.at
	n := r.long()
	if n < 0 && n != math.MinInt64 {
		n = -n
		r.long() // their size in bytes
	}
	if n < 0 || n > int64(len(r.b)-r.items) {
		r.stop(from, "an array or map has more items than the record has bytes")
		return 0
	}
	r.items += int(n)
	return int(n)
}

// skip passes over a value. It says whether the value is nested no deeper than allowed.
func (r *reader) skip(n *node, depth int) bool {
	switch n.kind {
	case boolKind:
		r.boolean()
	case intKind:
		r.int()
	case longKind:
		r.long()
	case floatKind:
		r.take(4)
	case doubleKind:
		r.take(8)
	case bytesKind, stringKind:
		r.text()
	case fixedKind:
		r.take(int64(n.size))
	case enumKind:
		r.choice(len(n.symbols))
	case recordKind, unionKind, arrayKind, mapKind:
		return depth > 0 && r.skipNested(n, depth-1)
	}
	return true
}

func (r *reader) skipNested(n *node, depth int) bool {
	if r.nested(); r.fault != "" {
		return true
	}
	switch n.kind {
	case recordKind:
		for _, field := range n.children {
			if r.fault != "" {
				return true
			}
			if !r.skip(field, depth) {
				return false
			}
		}
	case unionKind:
		branch := n.children[r.choice(len(n.children))]
		return r.fault != "" || r.skip(branch, depth)
	default:
		for items := r.block(); items > 0; items = r.block() {
			for range items {
				if n.kind == mapKind {
					r.text()
				}
				if r.fault != "" {
					return true
				}
				if !r.skip(n.children[0], depth) {
					return false
				}
			}
		}
	}
	return true
}
