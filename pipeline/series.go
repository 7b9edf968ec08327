package pipeline

import (
	"slices"
	"sort"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// Label is one attribute of a series.
type Label struct{ Name, Value string }

// Labels is a label set in canonical form: sorted by name, names unique.
type Labels []Label

// NewLabels brings a label set into canonical form; of equal names the last one counts. It takes over the slice.
func NewLabels(labels []Label) Labels {
	slices.SortStableFunc(labels, func(a, b Label) int { return strings.Compare(a.Name, b.Name) })
	out := labels[:0]
	for i, l := range labels {
		if i+1 < len(labels) && labels[i+1].Name == l.Name {
			continue
		}
		out = append(out, l)
	}
	return out
}

// Get returns the value of a label, or "" if it is absent.
func (ls Labels) Get(name string) string {
	i := sort.Search(len(ls), func(i int) bool { return ls[i].Name >= name })
	if i < len(ls) && ls[i].Name == name {
		return ls[i].Value
	}
	return ""
}

// SeriesType says how the values of a series are to be read.
type SeriesType uint8

const (
	// Gauge values stand for themselves.
	Gauge SeriesType = iota
	// Delta values are what was added since the point before.
	Delta
	// Cumulative values grow from a start time and may reset.
	Cumulative
	// Stream marks a log stream: a label set that log records share, no metric.
	Stream
)

// String returns the type's name.
func (t SeriesType) String() string {
	return [...]string{"gauge", "delta", "cumulative", "stream"}[t&3]
}

// Scope is what the rules of the configuration make of a label set.
type Scope struct {
	// Entity is what has health.
	Entity string
	// System holds the entities that are diagnosed together.
	System string
	// Domain is the lock domain: the smallest scope in which two actions may conflict.
	Domain string
}

// Series is one metric of one entity with its labels. It is immutable once interned.
type Series struct {
	Metric string
	Unit   string
	Type   SeriesType
	Labels Labels
	Scope
	// Key is the canonical text of metric, type and labels: the identity of the series on every lane.
	Key string
}

// newSeries makes a series whose texts are parts of its key as far as nothing in them is escaped, so that it keeps each of
// them once and nothing of what it was made from.
func newSeries(key, metric, unit string, typ SeriesType, labels Labels) *Series {
	s := &Series{Key: key, Unit: strings.Clone(unit), Type: typ, Labels: make(Labels, len(labels))}
	at := 0
	take := func(text string) string {
		from := at
		if strings.ContainsAny(text, escaped) {
			at += len(appendEscaped(nil, text))
			return strings.Clone(text)
		}
		at += len(text)
		return key[from:at]
	}
	s.Metric = take(metric)
	if at += len("{"); typ != Gauge {
		at += len(":") + len(typ.String())
	}
	for i, l := range labels {
		s.Labels[i].Name = take(l.Name)
		at += len(`="`)
		s.Labels[i].Value = take(l.Value)
		at += len(`",`)
	}
	return s
}

// share replaces texts by equal ones that are kept anyway: of labels, and of the series before.
func (s *Series) share(before *Series) {
	for _, text := range []*string{&s.Unit, &s.Entity, &s.System, &s.Domain} {
		for _, kept := range []string{before.Unit, before.Entity, before.System, before.Domain} {
			if *text == kept {
				*text = kept
			}
		}
		for _, l := range s.Labels {
			if *text == l.Value {
				*text = l.Value
			}
		}
	}
}

// SeriesKey returns the canonical text of a series: metric{name="value",…} with ":delta" and the like for types
// other than gauge. Values are quoted as far as needed to be unambiguous.
func SeriesKey(metric string, t SeriesType, labels Labels) string {
	return string(appendKey(nil, metric, t, labels))
}

func appendKey(b []byte, metric string, t SeriesType, labels Labels) []byte {
	b = appendEscaped(b, metric)
	if t != Gauge {
		b = append(append(b, ':'), t.String()...)
	}
	b = append(b, '{')
	for i, l := range labels {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendEscaped(b, l.Name), `="`...)
		b = append(appendEscaped(b, l.Value), '"')
	}
	return append(b, '}')
}

// escaped are the characters that a key has a backslash before.
const escaped = `\"{}=,:`

func appendEscaped(b []byte, s string) []byte {
	if !strings.ContainsAny(s, escaped) {
		return append(b, s...)
	}
	for i := 0; i < len(s); i++ {
		if strings.IndexByte(escaped, s[i]) >= 0 {
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return b
}

// SeriesTable interns the series of one lane: a dense ordinal for each, in order of first sight. It only grows, up to
// its limit; to forget series is to go on with another table (Without). It is used by one goroutine, the lane's.
type SeriesTable struct {
	scope  func(metric string, labels Labels) Scope
	limit  int
	series []*Series
	// slots finds series by the hash of their keys: ordinals + 1, 0 is free; open addressing with linear probing. A power of two
	// of them, at most three quarters used.
	slots []uint32
	key   []byte // of the series that is looked for
}

const firstSlots = 64

// NewSeriesTable makes an empty table. scope stamps entity, system and lock domain on each new series; limit
// bounds the number of series (0 = 1,000,000).
func NewSeriesTable(scope func(metric string, labels Labels) Scope, limit int) *SeriesTable {
	if limit <= 0 {
		limit = 1_000_000
	}
	return &SeriesTable{scope: scope, limit: limit, slots: make([]uint32, firstSlots)}
}

// Intern returns the ordinal of the series, adding it at first sight. labels must be canonical; they are
// only borrowed, the table has its own copy. For a series that is known nothing is allocated. It fails when the table is full.
func (t *SeriesTable) Intern(metric, unit string, typ SeriesType, labels Labels) (uint32, error) {
	return t.intern(metric, unit, typ, labels, nil)
}

// InternScoped is Intern for a series whose scope is known and not to be taken from the rules.
func (t *SeriesTable) InternScoped(metric, unit string, typ SeriesType, labels Labels, scope Scope) (uint32, error) {
	return t.intern(metric, unit, typ, labels, &scope)
}

func (t *SeriesTable) intern(metric, unit string, typ SeriesType, labels Labels, scope *Scope) (uint32, error) {
	t.key = appendKey(t.key[:0], metric, typ, labels)
	slot := t.find(t.key)
	if at := t.slots[slot]; at > 0 {
		return at - 1, nil
	}
	if len(t.series) >= t.limit {
		return 0, Errorf("series.limit", "series %s is one more than the lane's limit of %d series: raise limits.series or drop labels of high cardinality", t.key, t.limit)
	}
	s := newSeries(string(t.key), metric, unit, typ, labels)
	if scope != nil {
		s.Scope = *scope
	} else if t.scope != nil {
		s.Scope = t.scope(s.Metric, s.Labels)
	}
	if n := len(t.series); n > 0 {
		s.share(t.series[n-1])
	}
	t.add(s, slot)
	return uint32(len(t.series) - 1), nil
}

// find returns the slot of a key: that of the series, or the free one where it belongs.
func (t *SeriesTable) find(key []byte) uint64 {
	mask := uint64(len(t.slots) - 1)
	for i := xxhash.Sum64(key) & mask; ; i = (i + 1) & mask {
		if at := t.slots[i]; at == 0 || t.series[at-1].Key == string(key) {
			return i
		}
	}
}

// add puts a series into a free slot and gives it the next ordinal.
func (t *SeriesTable) add(s *Series, slot uint64) {
	t.series = append(t.series, s)
	t.slots[slot] = uint32(len(t.series))
	if len(t.series) < len(t.slots)/4*3 {
		return
	}
	t.slots = make([]uint32, 2*len(t.slots))
	mask := uint64(len(t.slots) - 1)
	for n, s := range t.series {
		i := xxhash.Sum64String(s.Key) & mask
		for t.slots[i] != 0 {
			i = (i + 1) & mask
		}
		t.slots[i] = uint32(n + 1)
	}
}

// At returns the series of an ordinal that the table gave out.
func (t *SeriesTable) At(i uint32) *Series { return t.series[i] }

// All returns the series in order of their ordinals. The slice is a view that later additions don't change; any goroutine may
// read it.
func (t *SeriesTable) All() []*Series { return t.series[:len(t.series):len(t.series)] }

// Len returns the number of series.
func (t *SeriesTable) Len() int { return len(t.series) }

// Limit returns how many series there may be.
func (t *SeriesTable) Limit() int { return t.limit }

// Gone is what Without says of a series that it left out.
const Gone = ^uint32(0)

// Without returns a table of the series that are not evicted, in the same order, and for each ordinal of this table the one
// that the series has there, or Gone. The two tables share the series.
func (t *SeriesTable) Without(evicted func(ordinal uint32) bool) (rest *SeriesTable, to []uint32) {
	rest = NewSeriesTable(t.scope, t.limit)
	to = make([]uint32, len(t.series))
	for i, s := range t.series {
		if evicted(uint32(i)) {
			to[i] = Gone
			continue
		}
		to[i] = uint32(len(rest.series))
		rest.key = append(rest.key[:0], s.Key...)
		rest.add(s, rest.find(rest.key))
	}
	return rest, to
}
