package pipeline

import (
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
	sort.SliceStable(labels, func(i, j int) bool { return labels[i].Name < labels[j].Name })
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

// SeriesKey returns the canonical text of a series: metric{name="value",…} with ":delta" and the like for types
// other than gauge. Values are quoted as far as needed to be unambiguous.
func SeriesKey(metric string, t SeriesType, labels Labels) string {
	var b strings.Builder
	n := len(metric) + 16
	for _, l := range labels {
		n += len(l.Name) + len(l.Value) + 4
	}
	b.Grow(n)
	escape(&b, metric)
	if t != Gauge {
		b.WriteByte(':')
		b.WriteString(t.String())
	}
	b.WriteByte('{')
	for i, l := range labels {
		if i > 0 {
			b.WriteByte(',')
		}
		escape(&b, l.Name)
		b.WriteString(`="`)
		escape(&b, l.Value)
		b.WriteByte('"')
	}
	b.WriteByte('}')
	return b.String()
}

func escape(b *strings.Builder, s string) {
	if !strings.ContainsAny(s, `\"{}=,:`) {
		b.WriteString(s)
		return
	}
	for i := 0; i < len(s); i++ {
		if strings.IndexByte(`\"{}=,:`, s[i]) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
}

// SeriesTable interns the series of one lane: a dense ordinal for each, in order of first sight. It only grows, up to
// its limit; to forget series is to go on with another table (Without). It is used by one goroutine, the lane's.
type SeriesTable struct {
	scope  func(metric string, labels Labels) Scope
	limit  int
	series []*Series
	byHash map[uint64][]uint32
}

// NewSeriesTable makes an empty table. scope stamps entity, system and lock domain on each new series; limit
// bounds the number of series (0 = 1,000,000).
func NewSeriesTable(scope func(metric string, labels Labels) Scope, limit int) *SeriesTable {
	if limit <= 0 {
		limit = 1_000_000
	}
	return &SeriesTable{scope: scope, limit: limit, byHash: make(map[uint64][]uint32)}
}

// Intern returns the ordinal of the series, adding it at first sight. labels must be canonical; the table keeps
// them, so they and their strings must not be changed after. It fails when the table is full.
func (t *SeriesTable) Intern(metric, unit string, typ SeriesType, labels Labels) (uint32, error) {
	return t.intern(metric, unit, typ, labels, nil)
}

// InternScoped is Intern for a series whose scope is known and not to be taken from the rules.
func (t *SeriesTable) InternScoped(metric, unit string, typ SeriesType, labels Labels, scope Scope) (uint32, error) {
	return t.intern(metric, unit, typ, labels, &scope)
}

func (t *SeriesTable) intern(metric, unit string, typ SeriesType, labels Labels, scope *Scope) (uint32, error) {
	key := SeriesKey(metric, typ, labels)
	hash := xxhash.Sum64String(key)
	for _, i := range t.byHash[hash] {
		if t.series[i].Key == key {
			return i, nil
		}
	}
	if len(t.series) >= t.limit {
		return 0, Errorf("series.limit", "series %s is one more than the lane's limit of %d series: raise limits.series or drop labels of high cardinality", key, t.limit)
	}
	s := &Series{Metric: metric, Unit: unit, Type: typ, Labels: labels, Key: key}
	if scope != nil {
		s.Scope = *scope
	} else if t.scope != nil {
		s.Scope = t.scope(metric, labels)
	}
	i := uint32(len(t.series))
	t.series = append(t.series, s)
	t.byHash[hash] = append(t.byHash[hash], i)
	return i, nil
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
		rest.series = append(rest.series, s)
		hash := xxhash.Sum64String(s.Key)
		rest.byHash[hash] = append(rest.byHash[hash], to[i])
	}
	return rest, to
}
