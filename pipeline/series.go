package pipeline

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
)

// Label is one attribute of a series.
type Label struct{ Name, Value string }

// NewLabels brings labels into canonical form: sorted by name, names unique; of equal names the last one counts. It takes over
// the slice.
func NewLabels(labels []Label) []Label {
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

// Labels are the labels of a series, in canonical form. Series that have a label in common share it: labels are only to be read.
type Labels []*Label

// Get returns the value of a label, or "" if it is absent.
func (ls Labels) Get(name string) string {
	for _, l := range ls {
		if l.Name == name {
			return l.Value
		}
	}
	return ""
}

// List returns a copy of the labels that is the caller's, to make those of another series of it.
func (ls Labels) List() []Label { return ls.appendTo(make([]Label, 0, len(ls))) }

func (ls Labels) appendTo(list []Label) []Label {
	for _, l := range ls {
		list = append(list, *l)
	}
	return list
}

// are tells whether the labels are those of a list.
func (ls Labels) are(list []Label) bool {
	return slices.EqualFunc(ls, list, func(l *Label, other Label) bool { return *l == other })
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

// Quantity is what the points of a series measure.
type Quantity struct {
	Metric string
	Unit   string
	Type   SeriesType
}

// Series is one metric of one entity with its labels. It is immutable once interned, and what it has in common with other series
// of its table is there once: Metric, Unit and Type of a quantity, Entity, System and Domain of a scope, and each label.
type Series struct {
	*Quantity
	*Scope
	Labels Labels
}

// Key returns the canonical text of metric, type and labels (SeriesKey): the identity of the series on every lane. It is made anew
// each time.
func (s *Series) Key() string { return string(s.AppendKey(nil)) }

// AppendKey appends the key.
func (s *Series) AppendKey(b []byte) []byte {
	b = appendQuantity(b, s.Metric, s.Type)
	for i, l := range s.Labels {
		b = appendLabel(b, i, l)
	}
	return append(b, '}')
}

// CompareKeys compares the keys of two series as texts, without making them.
func CompareKeys(a, b *Series) int {
	var x, y [128]byte
	if a.Quantity != b.Quantity {
		if c := bytes.Compare(appendQuantity(x[:0], a.Metric, a.Type), appendQuantity(y[:0], b.Metric, b.Type)); c != 0 {
			return c
		}
	}
	for i := range min(len(a.Labels), len(b.Labels)) {
		if a.Labels[i] == b.Labels[i] {
			continue
		}
		if c := bytes.Compare(appendLabel(x[:0], 0, a.Labels[i]), appendLabel(y[:0], 0, b.Labels[i])); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(b.Labels), len(a.Labels)) // a comma is less than the brace at the end
}

// is tells whether the series is that of a metric, a type and labels.
func (s *Series) is(metric string, t SeriesType, labels []Label) bool {
	return s.Type == t && s.Metric == metric && s.Labels.are(labels)
}

// SeriesKey returns the canonical text of a series: metric{name="value",…} with ":delta" and the like for types
// other than gauge. Values are quoted as far as needed to be unambiguous.
func SeriesKey(metric string, t SeriesType, labels []Label) string {
	return string(appendLabels(appendQuantity(nil, metric, t), labels))
}

func appendLabels(b []byte, labels []Label) []byte {
	for i := range labels {
		b = appendLabel(b, i, &labels[i])
	}
	return append(b, '}')
}

func appendQuantity(b []byte, metric string, t SeriesType) []byte {
	b = appendEscaped(b, metric)
	if t != Gauge {
		b = append(append(b, ':'), t.String()...)
	}
	return append(b, '{')
}

func appendLabel(b []byte, i int, l *Label) []byte {
	if i > 0 {
		b = append(b, ',')
	}
	b = append(appendEscaped(b, l.Name), `="`...)
	return append(appendEscaped(b, l.Value), '"')
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
