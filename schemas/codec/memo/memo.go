// Package memo recognises stretches of raw bytes that were seen before: what they stood for then they stand for again.
package memo

import (
	"bytes"
	"hash/maphash"
)

// Memo finds what a stretch of raw bytes stood for when it was first seen. A key is an owner's number and bytes; keys are always
// compared in full, what is foretold and hashed only speeds the search.
//
// Producers tell their series in the same order each time. So a key is first looked for where the one that followed the last key the
// last time is, and their bytes lie one behind the other in an arena: as a rule neither a hash nor a cache miss is paid for,
// however many series there are. Otherwise it is found by its hash (seeded, so that no producer can aim at it) with open addressing and
// linear probing; one look-up in fastcache costs about as much as decoding a whole point.
//
// What is forgotten costs time only. It is used by one goroutine.
type Memo struct {
	seed    maphash.Seed
	slots   []slot // a power of two, at most three quarters used
	entries []entry
	keys    []byte
	foretelling
}

// foretelling is which entry is looked at first.
type foretelling struct {
	last  uint32 // the entry that was found last
	next  uint32 // the one that is foretold; may be beyond the end
	luck  uint32 // how well that goes
	asked uint32
}

// worth tells whether the entry that is foretold is to be looked at.
func (f *foretelling) worth() bool {
	f.asked++
	return f.luck > 0 || f.asked%nowAndThen == 0
}

// right says that it was the one, and which one follows it.
func (f *foretelling) right(next uint32) {
	f.luck = min(f.luck+1, most)
	f.last, f.next = f.next, next
}

// wrong says that it was not.
func (f *foretelling) wrong() { f.luck -= min(f.luck, 1) }

// slot leads from a hash to an entry.
type slot struct{ hash, entry uint32 } // hash 0: empty

type entry struct {
	owner, value uint32
	from, size   uint32 // of the key, in keys
	next         uint32 // the entry that followed when this one was found
}

const slotBytes, entryBytes, firstSlots = 8, 20, 1024

// A foretelling that was right adds to the luck, up to most; where it fails it is tried only now and then, since looking is a cache miss.
const most, nowAndThen = 16, 16

// New makes an empty memo.
func New() Memo {
	return Memo{seed: maphash.MakeSeed(), slots: make([]slot, firstSlots), foretelling: foretelling{luck: most}}
}

// Find returns the value of the key. If it is not there, hash is what to add it by.
func (m *Memo) Find(owner uint32, key []byte) (value uint32, hash uint32, ok bool) {
	if m.worth() {
		if int(m.next) < len(m.entries) && m.is(m.next, owner, key) {
			e := &m.entries[m.next]
			m.right(e.next)
			return e.value, 0, true
		}
		m.wrong()
	}
	hash = uint32(maphash.Bytes(m.seed, key)>>32) ^ owner*0x9e3779b9 | 1<<31
	mask := uint32(len(m.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		s := m.slots[i]
		if s.hash == 0 {
			return 0, hash, false
		}
		if s.hash == hash && m.is(s.entry, owner, key) {
			m.entries[m.last].next = s.entry
			e := &m.entries[s.entry]
			m.last, m.next = s.entry, e.next
			return e.value, hash, true
		}
	}
}

// Foretold returns the size of the key that is foretold, if b begins with it and guesses are worth a look; else 0. Take finds that key.
func (m *Memo) Foretold(owner uint32, b []byte) int {
	if m.luck == 0 || int(m.next) >= len(m.entries) {
		return 0
	}
	e := &m.entries[m.next]
	if e.owner != owner || int(e.size) > len(b) || !bytes.Equal(m.keys[e.from:e.from+e.size], b[:e.size]) {
		return 0
	}
	return int(e.size)
}

// Take returns the value of the key that Foretold has found.
func (m *Memo) Take() uint32 {
	m.asked++
	e := &m.entries[m.next]
	m.right(e.next)
	return e.value
}

// is tells whether an entry has the key.
func (m *Memo) is(at, owner uint32, key []byte) bool {
	e := &m.entries[at]
	return e.owner == owner && int(e.size) == len(key) && bytes.Equal(m.keys[e.from:e.from+e.size], key)
}

// Add keeps a copy of a key that Find did not find. What follows it is taken to be what is added next.
func (m *Memo) Add(hash, owner uint32, key []byte, value uint32) {
	if len(m.entries) >= len(m.slots)/4*3 {
		m.enlarge()
	}
	at := uint32(len(m.entries))
	m.place(slot{hash, at})
	m.entries = append(m.entries, entry{owner, value, uint32(len(m.keys)), uint32(len(key)), at + 1})
	m.keys = append(m.keys, key...)
	m.entries[m.last].next = at
	if m.last, m.next = at, at+1; at == 0 {
		m.entries[0].next = 1
	}
}

func (m *Memo) place(s slot) {
	mask := uint32(len(m.slots) - 1)
	i := s.hash & mask
	for m.slots[i].hash != 0 {
		i = (i + 1) & mask
	}
	m.slots[i] = s
}

func (m *Memo) enlarge() {
	old := m.slots
	m.slots = make([]slot, 2*len(old))
	for _, s := range old {
		if s.hash != 0 {
			m.place(s)
		}
	}
}

// Key returns the nth key that was added, and its owner, to read until the next Add.
func (m *Memo) Key(n uint32) (owner uint32, key []byte) {
	e := &m.entries[n]
	return e.owner, m.keys[e.from : e.from+e.size]
}

// Bytes returns the memory in use, in bytes.
func (m *Memo) Bytes() int {
	return len(m.slots)*slotBytes + cap(m.entries)*entryBytes + cap(m.keys)
}

// Len returns the number of keys.
func (m *Memo) Len() int { return len(m.entries) }
