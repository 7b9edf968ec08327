package pipeline

import (
	"hash/maphash"
	"strings"
)

// index finds things that are numbered in order of their adding, by hash: open addressing with linear probing.
type index struct {
	slots  []uint32 // numbers + 1, 0 is free; a power of two of them, at most three quarters used
	hashes []uint32 // by number
}

const firstSlots = 64

// find returns the number of what has the hash and is the same.
func (x *index) find(hash uint32, same func(number uint32) bool) (number uint32, ok bool) {
	if len(x.slots) == 0 {
		return 0, false
	}
	mask := uint32(len(x.slots) - 1)
	for i := hash & mask; x.slots[i] > 0; i = (i + 1) & mask {
		if number = x.slots[i] - 1; x.hashes[number] == hash && same(number) {
			return number, true
		}
	}
	return 0, false
}

// add gives what has the hash the next number.
func (x *index) add(hash uint32) (number uint32) {
	if len(x.hashes) >= len(x.slots)/4*3 {
		x.slots = make([]uint32, max(firstSlots, 2*len(x.slots)))
		for number, hash := range x.hashes {
			x.place(hash, uint32(number))
		}
	}
	number = uint32(len(x.hashes))
	x.place(hash, number)
	x.hashes = append(x.hashes, hash)
	return number
}

func (x *index) place(hash, number uint32) {
	mask := uint32(len(x.slots) - 1)
	i := hash & mask
	for x.slots[i] > 0 {
		i = (i + 1) & mask
	}
	x.slots[i] = number + 1
}

// interned keeps each of many values once. It has pages, so that a value stays where it is, and a value once kept is never changed:
// any goroutine may read it.
type interned[T comparable] struct {
	index
	pages []*[internedPage]T
}

const internedPage = 64

// of returns the value that equals v. The first time own makes it, of memory that stays.
func (in *interned[T]) of(seed maphash.Seed, v T, own func() T) *T {
	hash := uint32(maphash.Comparable(seed, v))
	if number, ok := in.find(hash, func(number uint32) bool { return *in.at(number) == v }); ok {
		return in.at(number)
	}
	v = own()
	number := in.add(hash)
	if number%internedPage == 0 {
		in.pages = append(in.pages, new([internedPage]T))
	}
	have := in.at(number)
	*have = v
	return have
}

func (in *interned[T]) at(number uint32) *T {
	return &in.pages[number/internedPage][number%internedPage]
}

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
