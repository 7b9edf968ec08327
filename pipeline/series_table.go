package pipeline

import (
	"hash/maphash"
	"iter"
)

// SeriesTable interns the series of one lane: a dense ordinal for each, in order of first sight. It only grows, up to
// its limit; to forget series is to go on with another table (Without). It is used by one goroutine, the lane's; the series that
// it gave out may be read by any.
//
// There may be a million series, so none is an object of its own, and what several have in common is there once: a series is 40
// bytes, 8 for each label, and its part of what it shares.
type SeriesTable struct {
	scope  func(metric string, labels Labels) Scope
	limit  int
	seed   maphash.Seed
	list   SeriesList
	hashes []*[seriesPage]uint32 // of keys, in pages as the series
	// slots finds series by hash: ordinals + 1, 0 is free; open addressing with linear probing. A power of two of them, at most
	// three quarters used.
	slots []uint32
	key   []byte // of the series that is looked for

	quantities interned[Quantity]
	scopes     interned[Scope]
	labels     interned[Label]
	texts      interned[string] // but for values of labels
	values     texts
	sets       []*Label // where the next labels go
}

const (
	seriesPage = 256
	firstSlots = 64
	// mostSets bounds the room that is made at once for the labels of series.
	mostSets = 4096
)

// NewSeriesTable makes an empty table. scope stamps entity, system and lock domain on each new series; limit
// bounds the number of series (0 = 1,000,000).
func NewSeriesTable(scope func(metric string, labels Labels) Scope, limit int) *SeriesTable {
	if limit <= 0 {
		limit = 1_000_000
	}
	t := &SeriesTable{scope: scope, limit: limit, seed: maphash.MakeSeed(), slots: make([]uint32, firstSlots)}
	t.quantities.seed, t.scopes.seed, t.labels.seed, t.texts.seed = t.seed, t.seed, t.seed, t.seed
	return t
}

// Intern returns the ordinal of the series, adding it at first sight. labels must be canonical (NewLabels); they are
// only borrowed, the table has its own copy. For a series that is known nothing is allocated. It fails when the table is full.
func (t *SeriesTable) Intern(metric, unit string, typ SeriesType, labels []Label) (uint32, error) {
	return t.intern(metric, unit, typ, labels, nil)
}

// InternScoped is Intern for a series whose scope is known and not to be taken from the rules.
func (t *SeriesTable) InternScoped(metric, unit string, typ SeriesType, labels []Label, scope Scope) (uint32, error) {
	return t.intern(metric, unit, typ, labels, &scope)
}

func (t *SeriesTable) intern(metric, unit string, typ SeriesType, labels []Label, scope *Scope) (uint32, error) {
	t.key = appendKey(t.key[:0], metric, typ, labels)
	hash := uint32(maphash.Bytes(t.seed, t.key))
	mask := uint32(len(t.slots) - 1)
	for i := hash & mask; t.slots[i] > 0; i = (i + 1) & mask {
		if at := t.slots[i] - 1; t.hash(at) == hash && t.At(at).is(metric, typ, labels) {
			return at, nil
		}
	}
	if t.list.n >= t.limit {
		return 0, Errorf("series.limit", "series %s is one more than the lane's limit of %d series: raise limits.series or drop labels of high cardinality", t.key, t.limit)
	}
	s := Series{Quantity: t.quantity(Quantity{metric, unit, typ}), Labels: t.set(len(labels))}
	for i, l := range labels {
		s.Labels[i] = t.label(l)
	}
	var own Scope
	switch {
	case scope != nil:
		own = *scope
	case t.scope != nil:
		own = t.scope(s.Metric, s.Labels)
	}
	s.Scope = t.scoped(own, s.Labels)
	return t.add(s, hash), nil
}

// quantity, label and scoped return what the table has of something, its texts with it.
func (t *SeriesTable) quantity(q Quantity) *Quantity {
	return t.quantities.of(q, func() Quantity { return Quantity{t.text(q.Metric), t.text(q.Unit), q.Type} })
}

func (t *SeriesTable) label(l Label) *Label {
	return t.labels.of(l, func() Label { return Label{t.text(l.Name), t.values.add(l.Value)} })
}

// scoped takes texts from labels where it can: an entity is mostly called as one of its labels says.
func (t *SeriesTable) scoped(s Scope, labels Labels) *Scope {
	return t.scopes.of(s, func() Scope {
		for _, text := range [...]*string{&s.Entity, &s.System, &s.Domain} {
			*text = t.textOf(*text, labels)
		}
		return s
	})
}

func (t *SeriesTable) textOf(text string, labels Labels) string {
	for _, l := range labels {
		if l.Value == text {
			return l.Value
		}
	}
	return t.text(text)
}

func (t *SeriesTable) text(s string) string {
	return *t.texts.of(s, func() string { return t.values.add(s) })
}

// set returns room for n labels.
func (t *SeriesTable) set(n int) Labels {
	if n > cap(t.sets)-len(t.sets) {
		t.sets = make([]*Label, 0, max(n, min(mostSets, 16+8*t.list.n)))
	}
	from := len(t.sets)
	t.sets = t.sets[:from+n]
	return t.sets[from : from+n : from+n]
}

func (t *SeriesTable) hash(i uint32) uint32 { return t.hashes[i/seriesPage][i%seriesPage] }

// add gives a new series the next ordinal.
func (t *SeriesTable) add(s Series, hash uint32) uint32 {
	at := uint32(t.list.n)
	if at%seriesPage == 0 {
		t.list.pages = append(t.list.pages, new([seriesPage]Series))
		t.hashes = append(t.hashes, new([seriesPage]uint32))
	}
	t.list.pages[at/seriesPage][at%seriesPage] = s
	t.hashes[at/seriesPage][at%seriesPage] = hash
	t.list.n++
	if t.list.n > len(t.slots)/4*3 {
		t.slots = make([]uint32, 2*len(t.slots))
		for i := range at {
			place(t.slots, t.hash(i), i)
		}
	}
	place(t.slots, hash, at)
	return at
}

// place puts a number into a free slot of its hash.
func place(slots []uint32, hash, number uint32) {
	mask := uint32(len(slots) - 1)
	i := hash & mask
	for slots[i] > 0 {
		i = (i + 1) & mask
	}
	slots[i] = number + 1
}

// At returns the series of an ordinal that the table gave out.
func (t *SeriesTable) At(i uint32) *Series { return t.list.At(i) }

// All returns the series in order of their ordinals: a view that later additions don't change. Any goroutine may read it.
func (t *SeriesTable) All() SeriesList {
	pages := t.list.pages
	return SeriesList{pages[:len(pages):len(pages)], t.list.n}
}

// Len returns the number of series.
func (t *SeriesTable) Len() int { return t.list.n }

// Limit returns how many series there may be.
func (t *SeriesTable) Limit() int { return t.limit }

// SeriesList is series by ordinal.
type SeriesList struct {
	pages []*[seriesPage]Series
	n     int
}

// Len returns the number of series.
func (l SeriesList) Len() int { return l.n }

// At returns the series of an ordinal less than Len.
func (l SeriesList) At(i uint32) *Series { return &l.pages[i/seriesPage][i%seriesPage] }

// Values lists the series in order of their ordinals.
func (l SeriesList) Values() iter.Seq[*Series] {
	return func(yield func(*Series) bool) {
		for i := range l.n {
			if !yield(l.At(uint32(i))) {
				return
			}
		}
	}
}

// Gone is what Without says of a series that it left out.
const Gone = ^uint32(0)

// Without returns a table of the series that are not evicted, in the same order, and for each ordinal of this table the one
// that the series has there, or Gone. The new table keeps nothing of the old one.
func (t *SeriesTable) Without(evicted func(ordinal uint32) bool) (rest *SeriesTable, to []uint32) {
	rest = NewSeriesTable(t.scope, t.limit)
	rest.seed = t.seed // so that the hashes of keys hold
	to = make([]uint32, t.list.n)
	var was, is *Series // the series before, here and there
	for i := range uint32(t.list.n) {
		if evicted(i) {
			to[i] = Gone
			continue
		}
		s := t.At(i)
		own := rest.adopt(s, was, is)
		to[i] = rest.add(own, t.hash(i))
		was, is = s, rest.At(to[i])
	}
	return rest, to
}

// adopt makes the table's own of a series of another table. was and is are the series before, there and here: one after the other
// they have most in common.
func (t *SeriesTable) adopt(s, was, is *Series) Series {
	own := Series{Labels: t.set(len(s.Labels))}
	for i, l := range s.Labels {
		if was != nil && i < len(was.Labels) && was.Labels[i] == l {
			own.Labels[i] = is.Labels[i]
		} else {
			own.Labels[i] = t.label(*l)
		}
	}
	if own.Quantity = t.quantity(*s.Quantity); was != nil && was.Scope == s.Scope {
		own.Scope = is.Scope
	} else {
		own.Scope = t.scoped(*s.Scope, own.Labels)
	}
	return own
}
