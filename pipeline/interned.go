package pipeline

import (
	"hash/maphash"
	"strings"
)

// interned keeps each of many values once. It has pages, so that a value stays where it is, and a value once kept is never changed:
// any goroutine may read it.
type interned[T comparable] struct {
	seed  maphash.Seed
	pages []*[internedPage]T
	n     int
	// slots finds values by hash: numbers + 1, 0 is free; as those of SeriesTable.
	slots []uint32
}

const internedPage = 64

// of returns the value that equals v. The first time own makes it, of memory that stays.
func (in *interned[T]) of(v T, own func() T) *T {
	if in.n >= len(in.slots)/4*3 {
		in.slots = make([]uint32, max(firstSlots, 2*len(in.slots)))
		for i := range in.n {
			place(in.slots, uint32(maphash.Comparable(in.seed, *in.at(i))), uint32(i))
		}
	}
	mask := uint32(len(in.slots) - 1)
	i := uint32(maphash.Comparable(in.seed, v)) & mask
	for ; in.slots[i] > 0; i = (i + 1) & mask {
		if have := in.at(int(in.slots[i] - 1)); *have == v {
			return have
		}
	}
	v = own()
	if in.n%internedPage == 0 {
		in.pages = append(in.pages, new([internedPage]T))
	}
	in.n++
	in.slots[i] = uint32(in.n)
	have := in.at(in.n - 1)
	*have = v
	return have
}

func (in *interned[T]) at(i int) *T { return &in.pages[i/internedPage][i%internedPage] }

// texts keeps texts one behind the other.
type texts struct {
	open strings.Builder // never grows, so that what was taken from it stays
}

const firstTexts, mostTexts = 256, 16 << 10

// add returns a copy of a text.
func (t *texts) add(s string) string {
	if len(s) > t.open.Cap()-t.open.Len() {
		room := min(max(2*t.open.Cap(), firstTexts), mostTexts)
		if len(s) > room/4 {
			return strings.Clone(s)
		}
		t.open.Reset()
		t.open.Grow(room)
	}
	from := t.open.Len()
	t.open.WriteString(s)
	return t.open.String()[from:]
}
