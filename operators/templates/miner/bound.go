package miner

import (
	"cmp"
	"slices"
)

// Limits bound what a miner keeps. Zeros stand for the defaults.
type Limits struct {
	Templates int // 4096
	Bytes     int // 16 MiB of their forms; what it takes to find them is about as much again
}

func (l Limits) orDefaults() Limits {
	return Limits{Templates: cmp.Or(max(l.Templates, 0), 4096), Bytes: cmp.Or(max(l.Bytes, 0), 16<<20)}
}

// Forgotten returns how many templates had to make room for others so far.
func (m *Miner) Forgotten() uint64 { return m.forgot }

// makeRoom forgets the least recently seen quarter of the templates if there is no room for one more. One that comes again has the id that
// it had.
func (m *Miner) makeRoom(f *form) {
	for len(m.alive) > 0 && (len(m.alive) >= m.limits.Templates || m.bytes+f.size() > m.limits.Bytes) {
		by := slices.Clone(m.alive)
		slices.SortFunc(by, func(a, b *Template) int { return cmp.Compare(a.seen, b.seen) })
		for _, t := range by[:(len(by)+3)/4] {
			m.unindex(t)
			at := place(m.alive, t)
			m.alive = slices.Delete(m.alive, at, at+1)
			m.forgot++
		}
		m.memo.clear()
	}
}

// size is about how many bytes a form takes, and the first shape with it.
func (f *form) size() int {
	n := 128 + 2*len(f.skeleton)
	for i := range f.parts {
		n += 40 + 2*len(f.parts[i].text)
	}
	return n
}
