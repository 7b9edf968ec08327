package pipeline

import (
	"hash/maphash"
	"iter"
)

// SeriesTable interns the series of one lane: a dense ordinal for each, in order of first sight. It only grows, up to
// its limit; to forget series is to go on with another table (Without). It is used by one goroutine, the lane's; the series that
// it gave out may be read by any.
//
// There may be a million series, so none is an object of its own, and what several have in common is there once: a series is 41
// bytes, and its part of what it shares. The fewer pointers there are, the less the garbage collector has to follow.
type SeriesTable struct {
	scope func(metric string, labels Labels) Scope
	limit int
	seed  maphash.Seed // no producer can aim at a hash
	list  SeriesList
	types []SeriesType // by ordinal: what is asked of each row must be near
	keys  index        // of series
	key   []byte       // of the series that is looked for

	quantities interned[Quantity]
	scopes     interned[Scope]
	labels     interned[Label]
	texts      interned[string] // but for values of labels
	values     texts
	sets       index    // of sets of labels
	first      []uint32 // by set: the first series that has it
	room       []*Label // for the next set
}

const (
	seriesPage = 256
	// mostRoom bounds the room that is made at once for sets of labels.
	mostRoom = 4096
)

// NewSeriesTable makes an empty table. scope stamps entity, system and lock domain on each new series; limit
// bounds the number of series (0 = 1,000,000).
func NewSeriesTable(scope func(metric string, labels Labels) Scope, limit int) *SeriesTable {
	if limit <= 0 {
		limit = 1_000_000
	}
	return &SeriesTable{scope: scope, limit: limit, seed: maphash.MakeSeed()}
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
	t.key = appendQuantity(t.key[:0], metric, typ)
	from := len(t.key)
	t.key = appendLabels(t.key, labels)
	hash := uint32(maphash.Bytes(t.seed, t.key))
	if at, ok := t.keys.find(hash, func(at uint32) bool { return t.At(at).is(metric, typ, labels) }); ok {
		return at, nil
	}
	if t.list.n >= t.limit {
		return 0, Errorf("series.limit", "series %s is one more than the lane's limit of %d series: raise limits.series or drop labels of high cardinality", t.key, t.limit)
	}
	s := Series{Quantity: t.quantity(Quantity{metric, unit, typ})}
	set := uint32(maphash.Bytes(t.seed, t.key[from:]))
	number, known := t.sets.find(set, func(number uint32) bool { return t.At(t.first[number]).Labels.are(labels) })
	if known {
		s.Labels = t.At(t.first[number]).Labels
	} else {
		s.Labels = t.set(labels)
	}
	var own Scope
	switch {
	case scope != nil:
		own = *scope
	case t.scope != nil:
		own = t.scope(s.Metric, s.Labels)
	}
	s.Scope = t.scoped(own, s.Labels)
	at := t.add(s, hash)
	if !known {
		t.sets.add(set)
		t.first = append(t.first, at)
	}
	return at, nil
}

// set makes a set of labels.
func (t *SeriesTable) set(labels []Label) Labels {
	n := len(labels)
	if n > cap(t.room)-len(t.room) {
		t.room = make([]*Label, 0, max(n, min(mostRoom, 16+8*len(t.first))))
	}
	from := len(t.room)
	for _, l := range labels {
		t.room = append(t.room, t.label(l))
	}
	return t.room[from : from+n : from+n]
}

// quantity, label and scoped return what the table has of something, its texts with it.
func (t *SeriesTable) quantity(q Quantity) *Quantity {
	return t.quantities.of(t.seed, q, func() Quantity { return Quantity{t.text(q.Metric), t.text(q.Unit), q.Type} })
}

func (t *SeriesTable) label(l Label) *Label {
	return t.labels.of(t.seed, l, func() Label { return Label{t.text(l.Name), t.values.add(l.Value)} })
}

// scoped takes texts from labels where it can: an entity is mostly called as one of its labels says.
func (t *SeriesTable) scoped(s Scope, labels Labels) *Scope {
	return t.scopes.of(t.seed, s, func() Scope {
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
	return *t.texts.of(t.seed, s, func() string { return t.values.add(s) })
}

// add gives a new series the next ordinal.
func (t *SeriesTable) add(s Series, hash uint32) uint32 {
	at := t.keys.add(hash)
	if at%seriesPage == 0 {
		t.list.pages = append(t.list.pages, new([seriesPage]Series))
	}
	t.list.pages[at/seriesPage][at%seriesPage] = s
	t.list.n++
	t.types = append(t.types, s.Type)
	return at
}

// At returns the series of an ordinal that the table gave out.
func (t *SeriesTable) At(i uint32) *Series { return t.list.At(i) }

// Type returns the type of the series of an ordinal that the table gave out.
func (t *SeriesTable) Type(i uint32) SeriesType { return t.types[i] }

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
	to = make([]uint32, t.list.n)
	var labels []Label
	for i := range to {
		if evicted(uint32(i)) {
			to[i] = Gone
			continue
		}
		s := t.At(uint32(i))
		labels = s.Labels.appendTo(labels[:0])
		// It fits, since the limit is the same.
		to[i], _ = rest.InternScoped(s.Metric, s.Unit, s.Type, labels, *s.Scope)
	}
	return rest, to
}
