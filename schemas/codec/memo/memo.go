// Package memo recognises stretches of raw bytes that were seen before: what they stood for then they stand for again.
package memo

import (
	"bytes"
	"hash/maphash"
)

// Memo finds what a stretch of raw bytes stood for when it was first seen. A key is an owner's number and bytes; keys
// are compared in full, the hash (seeded, so that no producer can aim at it) only speeds the search. Open addressing
// with linear probing over an arena of keys: one look-up in fastcache costs about as much as decoding a whole point.
// What is forgotten costs time only. It is used by one goroutine.
type Memo struct {
	seed  maphash.Seed
	slots []slot // a power of two, at most three quarters used
	used  int
	keys  []byte
}

type slot struct {
	hash         uint64 // 0: empty
	owner, value uint32
	from, size   uint32
}

const slotBytes, firstSlots = 24, 1024

// New makes an empty memo.
func New() Memo { return Memo{seed: maphash.MakeSeed(), slots: make([]slot, firstSlots)} }

// Find returns the value of the key and, found or not, the hash to add it by.
func (m *Memo) Find(owner uint32, key []byte) (value uint32, hash uint64, ok bool) {
	hash = (maphash.Bytes(m.seed, key) ^ uint64(owner)*0x9e3779b97f4a7c15) | 1<<63
	mask := uint64(len(m.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		s := &m.slots[i]
		if s.hash == 0 {
			return 0, hash, false
		}
		if s.hash == hash && s.owner == owner && bytes.Equal(m.keys[s.from:s.from+s.size], key) {
			return s.value, hash, true
		}
	}
}

// Add keeps a copy of a key that Find did not find.
func (m *Memo) Add(hash uint64, owner uint32, key []byte, value uint32) {
	if m.used >= len(m.slots)/4*3 {
		m.enlarge()
	}
	m.place(slot{hash, owner, value, uint32(len(m.keys)), uint32(len(key))})
	m.keys = append(m.keys, key...)
	m.used++
}

func (m *Memo) place(s slot) {
	mask := uint64(len(m.slots) - 1)
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

// Bytes returns the memory in use, in bytes.
func (m *Memo) Bytes() int { return len(m.slots)*slotBytes + cap(m.keys) }

// Len returns the number of keys.
func (m *Memo) Len() int { return m.used }
