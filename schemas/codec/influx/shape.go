package influx

import (
	"bytes"
	"math/bits"

	"github.com/homeostat/homeostat/schemas/codec/octets"
)

// shape is what lines of one measurement have in common: the first fields that were seen, and a table of their names.
type shape struct {
	measurement string
	fields      []field
	slots       []uint16 // numbers of fields plus 1, a power of two, at most a quarter used; 0 is empty
}

type field struct {
	fieldName
	rest string // of the name, beyond sixteen bytes
}

// maxFields is how many fields a shape has, maxName how long their names are; others are looked up in the memo.
const maxFields, maxName = 256, 128

// find returns the number of the field at a position, and where its value begins; 0 if it is not among those that are known. A name that
// ended at its first equals sign once does so again.
func (s *shape) find(b []byte, at int) (number, from int) {
	name := nameAt(b, at)
	mask := uint64(len(s.slots) - 1)
	for i := name.hash(); name.size > 0 && len(s.slots) > 0; i++ {
		slot := int(s.slots[i&mask])
		if slot == 0 {
			break
		}
		if f := &s.fields[slot-1]; f.fieldName == name && (name.size <= 16 || string(b[at+16:at+name.size]) == f.rest) {
			return slot - 1, at + name.size + 1
		}
	}
	return 0, 0
}

// add adds a field whose name is given as it stands in lines; false if there is no room for it.
func (s *shape) add(raw []byte) bool {
	name := nameAt(append(bytes.Clone(raw), '='), 0)
	if name.size != len(raw) || len(s.fields) == maxFields {
		return false
	}
	f := field{fieldName: name}
	if name.size > 16 {
		f.rest = string(raw[16:])
	}
	s.fields = append(s.fields, f)
	if 4*len(s.fields) > len(s.slots) {
		s.slots = make([]uint16, max(2*len(s.slots), 16))
		for i := range s.fields {
			s.place(i)
		}
	} else {
		s.place(len(s.fields) - 1)
	}
	return true
}

func (s *shape) place(number int) {
	mask := uint64(len(s.slots) - 1)
	i := s.fields[number].hash()
	for s.slots[i&mask] != 0 {
		i++
	}
	s.slots[i&mask] = uint16(number + 1)
}

// fieldName is the name of a field as it stands in lines: its first two eight bytes, filled up with zeros, and its size.
type fieldName struct {
	first, second uint64
	size          int
}

func (n *fieldName) hash() uint64 {
	const odd = 0x9e3779b97f4a7c15
	return (n.first ^ bits.RotateLeft64(n.second*odd, 32)) * odd >> 48
}

// nameAt reads the name at a position, up to the first equals sign; the size is 0 if there is none near.
func nameAt(b []byte, at int) (n fieldName) {
	n.first = octets.At(b, at)
	size := octets.Before(n.first, '=')
	beyond := size >> 3 // 1 if there is no sign among the first eight
	n.second = octets.At(b, at+8) & -uint64(beyond)
	more := octets.Before(n.second, '=') * beyond
	n.first &= 1<<(8*size) - 1
	n.second &= 1<<(8*more) - 1
	if n.size = size + more; n.size == 16 {
		end := bytes.IndexByte(b[min(at+16, len(b)):min(at+maxName+1, len(b))], '=')
		if end < 0 {
			return fieldName{}
		}
		n.size += end
	}
	return n
}
