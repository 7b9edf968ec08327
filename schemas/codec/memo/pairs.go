package memo

import (
	"math/bits"
	"math/rand/v2"
)

// Pairs is a Memo whose keys are two numbers, say those of a metric and of its attributes: what many keys have in common is in no
// key. It foretells as Memo does, is found by a hash that no producer can aim at, and is used by one goroutine.
type Pairs struct {
	seed    [2]uint64
	slots   []uint32 // entries + 1, 0 is free; a power of two, at most three quarters used
	entries []pair
	foretelling
}

type pair struct {
	a, b, value uint32
	next        uint32 // the entry that followed when this one was found
}

const pairBytes, pairSlotBytes = 16, 4

// NewPairs makes an empty memo.
func NewPairs() Pairs {
	return Pairs{seed: [2]uint64{rand.Uint64(), rand.Uint64() | 1}, slots: make([]uint32, firstSlots), foretelling: foretelling{luck: most}}
}

// Find returns the value of a key.
func (p *Pairs) Find(a, b uint32) (value uint32, ok bool) {
	if p.worth() {
		if int(p.next) < len(p.entries) {
			if e := &p.entries[p.next]; e.a == a && e.b == b {
				p.right(e.next)
				return e.value, true
			}
		}
		p.wrong()
	}
	mask := uint32(len(p.slots) - 1)
	for i := p.hash(a, b) & mask; p.slots[i] > 0; i = (i + 1) & mask {
		at := p.slots[i] - 1
		if e := &p.entries[at]; e.a == a && e.b == b {
			p.entries[p.last].next = at
			p.last, p.next = at, e.next
			return e.value, true
		}
	}
	return 0, false
}

// Add adds a key that Find did not find.
func (p *Pairs) Add(a, b, value uint32) {
	if len(p.entries) >= len(p.slots)/4*3 {
		p.slots = make([]uint32, 2*len(p.slots))
		for i := range p.entries {
			p.place(uint32(i), p.entries[i].a, p.entries[i].b)
		}
	}
	at := uint32(len(p.entries))
	p.place(at, a, b)
	p.entries = append(p.entries, pair{a, b, value, at + 1})
	p.entries[p.last].next = at
	p.entries[at].next = at + 1 // where it is the first
	p.last, p.next = at, at+1
}

func (p *Pairs) place(at, a, b uint32) {
	mask := uint32(len(p.slots) - 1)
	i := p.hash(a, b) & mask
	for p.slots[i] > 0 {
		i = (i + 1) & mask
	}
	p.slots[i] = at + 1
}

func (p *Pairs) hash(a, b uint32) uint32 {
	high, low := bits.Mul64((uint64(a)<<32|uint64(b))^p.seed[0], p.seed[1])
	return uint32(high ^ low)
}

// Key returns the nth key that was added.
func (p *Pairs) Key(n uint32) (a, b uint32) { return p.entries[n].a, p.entries[n].b }

// Bytes returns the memory in use, in bytes.
func (p *Pairs) Bytes() int { return len(p.slots)*pairSlotBytes + cap(p.entries)*pairBytes }

// Len returns the number of keys.
func (p *Pairs) Len() int { return len(p.entries) }
