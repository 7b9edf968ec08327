package arrow

import "encoding/binary"

// flat reads flatbuffers (flatbuffers.dev/internals) that nobody vouches for. What lies outside is read as 0 and makes the reader broken.
type flat struct {
	b      []byte
	broken bool
}

func (f *flat) has(at, n int) bool {
	if at < 0 || at > len(f.b)-n {
		f.broken = true
		return false
	}
	return true
}

func (f *flat) u8(at int) uint8 {
	if !f.has(at, 1) {
		return 0
	}
	return f.b[at]
}

func (f *flat) u16(at int) uint16 {
	if !f.has(at, 2) {
		return 0
	}
	return binary.LittleEndian.Uint16(f.b[at:])
}

func (f *flat) u32(at int) uint32 {
	if !f.has(at, 4) {
		return 0
	}
	return binary.LittleEndian.Uint32(f.b[at:])
}

func (f *flat) i64(at int) int64 {
	if !f.has(at, 8) {
		return 0
	}
	return int64(binary.LittleEndian.Uint64(f.b[at:]))
}

// root returns where the root table is.
func (f *flat) root() int { return int(f.u32(0)) }

// field returns where a field of a table is by its slot, 0 if it is absent. Fields are numbered from 0.
func (f *flat) field(table, number int) int {
	vtable := table - int(int32(f.u32(table)))
	slot := 4 + 2*number
	if slot+2 > int(f.u16(vtable)) {
		return 0
	}
	if offset := int(f.u16(vtable + slot)); offset != 0 {
		return table + offset
	}
	return 0
}

// table returns where the table is that a field refers to, 0 if it is absent.
func (f *flat) table(table, number int) int {
	at := f.field(table, number)
	if at == 0 {
		return 0
	}
	return at + int(f.u32(at))
}

// vector returns where the elements of a vector are that a field refers to, and how many. All of them are there.
func (f *flat) vector(table, number, size int) (at, n int) {
	if at = f.table(table, number); at == 0 {
		return 0, 0
	}
	n = int(f.u32(at))
	at += 4
	if n > len(f.b)/size || !f.has(at, n*size) {
		f.broken = true
		return 0, 0
	}
	return at, n
}

// text returns a text that a field refers to.
func (f *flat) text(table, number int) []byte {
	at, n := f.vector(table, number, 1)
	if f.broken {
		return nil
	}
	return f.b[at : at+n]
}

// number reads a scalar of one, two, four or eight bytes, or what it is where it is absent.
func (f *flat) number(table, number, size int, absent int64) int64 {
	at := f.field(table, number)
	switch {
	case at == 0:
		return absent
	case size == 1:
		return int64(f.u8(at))
	case size == 2:
		return int64(int16(f.u16(at)))
	case size == 4:
		return int64(int32(f.u32(at)))
	}
	return f.i64(at)
}
