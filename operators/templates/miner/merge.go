package miner

import (
	"math"
	"slices"
)

// Merge says that the template of one id went into that of another.
type Merge struct{ From, Into uint64 }

const (
	// longList is the length from which on values with blanks between them may be a list.
	longList = 3
	// leastWords is how many literal words templates have in common at least to become one because of a value, or of lists.
	leastWords = 2
	// variety is how many templates that differ by words at one place become one, if they have three words in common. It takes scarce
	// times as many for each word less, and for each place more, with two words more in common for that; there are atMost places.
	variety = 6
	scarce  = 4
	atMost  = 3
	// latest is with how many templates of the same marks a new one is compared, so that a flood of new ones costs little.
	latest = 512
)

// Merges returns which templates were merged, the last ones of them, in order. One that was merged may have been merged into before.
func (m *Miner) Merges() []Merge { return slices.Clone(m.merges) }

// settle merges a template that is new or has a new form with one that it can't be told from any more, of the latest among so many.
func (m *Miner) settle(t *Template, among int) {
	var differing differences
	all := m.families[family{t.form.skeleton, t.form.elastic}].all
	for _, o := range all[max(0, len(all)-among):] {
		if o == t {
			continue
		}
		at, values, ok := t.form.differ(o.form)
		if !ok {
			continue
		}
		if at.n == 0 || values && !t.form.elastic && t.form.vouches(at) {
			m.unite(t, o, t.form.joined(o.form))
			return
		}
		if !t.form.elastic {
			differing.add(o, at)
		}
	}
	if o := differing.many(t.form); o != nil {
		m.unite(t, o, t.form.joined(o.form))
	} else if o := m.elastic(t, among); o != nil {
		m.unite(t, o, t.loose.joined(o.loose))
	}
}

// elastic returns a template that differs from one by no more than what may have any length; nil if there is none.
func (m *Miner) elastic(t *Template, among int) *Template {
	if t.loose == nil || t.loose.words(places{}) < leastWords {
		return nil
	}
	all := m.loose[t.loose.skeleton]
	for _, o := range all[max(0, len(all)-among):] {
		if o == t || !t.stretch && !o.stretch {
			continue
		}
		if at, _, ok := t.loose.differ(o.loose); ok && at.n == 0 {
			return o
		}
	}
	return nil
}

// differences are the templates that differ from one at a few places, by these.
type differences []difference

type difference struct {
	at places
	of *Template // the first one
	n  int
}

func (ds *differences) add(t *Template, at places) {
	for i := range *ds {
		if d := &(*ds)[i]; d.at == at {
			d.n++
			return
		}
	}
	*ds = append(*ds, difference{at, t, 1})
}

// many returns a template that differs from a form at places where so many do that there are values.
func (ds differences) many(f *form) *Template {
	for _, d := range ds {
		n := 1
		for _, e := range ds {
			if e.at.within(d.at) {
				n += e.n
			}
		}
		needed := variety
		for range d.at.n - 1 + max(0, 2*d.at.n+1-f.words(d.at)) {
			needed *= scarce
		}
		if n >= needed {
			return d.of
		}
	}
	return nil
}

// unite makes one template of two: the older one, with a new form.
func (m *Miner) unite(a, b *Template, f *form) {
	if a.number > b.number {
		a, b = b, a
	}
	m.unindex(b)
	b.merged = a
	at := place(m.alive, b)
	m.alive = slices.Delete(m.alive, at, at+1)
	a.seen, a.count = max(a.seen, b.seen), a.count+b.count
	if a.ID != b.ID {
		if len(m.merges) >= m.limits.Templates {
			m.merges = slices.Delete(m.merges, 0, (len(m.merges)+1)/2)
		}
		m.merges = append(m.merges, Merge{b.ID, a.ID})
	}
	m.become(a, f)
}

// become gives a template a new form.
func (m *Miner) become(t *Template, f *form) {
	m.memo.clear()
	m.unindex(t)
	t.form = f
	m.index(t)
	m.settle(t, math.MaxInt)
}
