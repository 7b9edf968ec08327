package miner

import (
	"cmp"
	"math/bits"
	"slices"
)

// family is what templates have in common that may have the same lines.
type family struct {
	skeleton string
	elastic  bool
}

// members are the templates of a family, and how they are found by their literals.
type members struct {
	all  []*Template // in order of their numbers
	kins []kin
}

// kin are templates that have their literals at the same places.
type kin struct {
	at mask
	by map[uint64][]*Template // by the hash of their literals, in order of their numbers
}

// mask is a set of the first places of a form.
type mask [2]uint64

// literals returns where a form has literals, mixed ones as well.
func (f *form) literals() (m mask) {
	for i := range min(len(f.parts), 128) {
		if f.parts[i].kind <= mixed {
			m[i/64] |= 1 << (i % 64)
		}
	}
	return m
}

// sum hashes what a form has at some places. false: it has no literal at one of them.
func (f *form) sum(m mask) (sum uint64, ok bool) {
	for w, word := range m {
		for ; word != 0; word &= word - 1 {
			p := &f.parts[w*64+bits.TrailingZeros64(word)]
			if p.kind > mixed {
				return 0, false
			}
			sum = (bits.RotateLeft64(sum, 5) ^ p.hash) * 0x9e3779b97f4a7c15
		}
	}
	return sum, true
}

func (ms *members) insert(t *Template) {
	ms.all = insert(ms.all, t)
	at := t.form.literals()
	i := slices.IndexFunc(ms.kins, func(k kin) bool { return k.at == at })
	if i < 0 {
		i = len(ms.kins)
		ms.kins = append(ms.kins, kin{at, map[uint64][]*Template{}})
	}
	sum, _ := t.form.sum(at)
	ms.kins[i].by[sum] = insert(ms.kins[i].by[sum], t)
}

func (ms *members) remove(t *Template) {
	at := place(ms.all, t)
	ms.all = slices.Delete(ms.all, at, at+1)
	literals := t.form.literals()
	i := slices.IndexFunc(ms.kins, func(k kin) bool { return k.at == literals })
	sum, _ := t.form.sum(literals)
	if remove(ms.kins[i].by, sum, t); len(ms.kins[i].by) == 0 {
		ms.kins = slices.Delete(ms.kins, i, i+1)
	}
}

// first returns the oldest template that has all lines of a form, which is one of no template's.
func (ms *members) first(f *form) (oldest *Template) {
	if ms == nil {
		return nil
	}
	for i := range ms.kins {
		k := &ms.kins[i]
		sum, ok := f.sum(k.at)
		if !ok {
			continue
		}
		for _, t := range k.by[sum] {
			if oldest != nil && t.number > oldest.number {
				break
			}
			if t.form.matches(f) {
				oldest = t
				break
			}
		}
	}
	return oldest
}

func place(among []*Template, t *Template) int {
	at, _ := slices.BinarySearchFunc(among, t, func(a, b *Template) int { return cmp.Compare(a.number, b.number) })
	return at
}

func insert(among []*Template, t *Template) []*Template {
	return slices.Insert(among, place(among, t), t)
}

func remove[K comparable](from map[K][]*Template, key K, t *Template) {
	among := from[key]
	if len(among) == 1 {
		delete(from, key)
		return
	}
	at := place(among, t)
	from[key] = slices.Delete(among, at, at+1)
}
