package jsonmetrics

import (
	"bytes"
	"slices"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/decimal"
	"github.com/homeostat/homeostat/schemas/codec/moment"
)

// kind is what a value is.
type kind uint8

const (
	absent kind = iota
	null
	nested // an object or array
	text
	number
	boolean
)

// scalar is a value of an object. In a layout, step is the number of the text or number that it is, or fixed.
type scalar struct {
	kind   kind
	step   int
	text   []byte
	digits decimal.Digits // of a number; if they are not full the text counts
}

// fixed is the step of a value that is the same in all messages of a layout.
const fixed = -1

// field is a member of an object of values or labels: called as it stands there, or as the path in the settings.
type field struct {
	path int // -1: name counts
	name []byte
	scalar
}

// event is what one object says.
type event struct {
	slots  []scalar // by the mapping's slots
	values []field
	labels []field // beside those with slots
	unfit  unfit
	full   bool  // all that the object says is there
	set    []int // slots of times and values that were set; others were only if it is full, or mixed
	mixed  bool
}

// reset makes the event empty.
func (e *event) reset(full bool) {
	if e.full || e.mixed {
		clear(e.slots)
	}
	for _, slot := range e.set {
		e.slots[slot].kind = absent
	}
	e.values, e.labels, e.unfit, e.set = e.values[:0], e.labels[:0], unfit{}, e.set[:0]
	e.full, e.mixed = full, false
}

// manyValues is from how many values on repeated names are looked for by sorting.
const manyValues = 32

// settle leaves of values of equal names the last one, and none that is a text among the members of an object: a state in words
// or a version, which Telegraf writes beside its numbers, is no metric.
func (e *event) settle() {
	if len(e.values) == 0 {
		return
	}
	e.unique()
	e.values = slices.DeleteFunc(e.values, func(f field) bool { return f.path < 0 && f.kind == text })
}

func (e *event) unique() {
	same := func(a, b *field) bool { return a.path == b.path && bytes.Equal(a.name, b.name) }
	if len(e.values) > manyValues {
		order := func(a, b field) int {
			if a.path != b.path {
				return a.path - b.path
			}
			return bytes.Compare(a.name, b.name)
		}
		slices.SortStableFunc(e.values, order)
		kept := e.values[:0]
		for i := range e.values {
			if i+1 == len(e.values) || !same(&e.values[i], &e.values[i+1]) {
				kept = append(kept, e.values[i])
			}
		}
		e.values = kept
		return
	}
	for i := 0; i < len(e.values); i++ {
		if slices.ContainsFunc(e.values[i+1:], func(f field) bool { return same(&e.values[i], &f) }) {
			e.values = slices.Delete(e.values, i, i+1)
			i--
		}
	}
}

// plain tells whether the event has a field for its one value.
func (c *codec) plain(e *event) bool {
	from, to := c.mapping.of(valueRole)
	return slices.ContainsFunc(e.slots[from:to], func(s scalar) bool { return s.kind != absent })
}

// attributes counts the event's labels, empty ones too.
func (c *codec) attributes(e *event) int {
	n := len(e.labels)
	from, to := c.mapping.of(labelRole)
	for _, s := range e.slots[from:to] {
		if s.kind >= text {
			n++
		}
	}
	return n
}

// first returns the text of the first field of a role that is there and not empty, nil if none is.
func (c *codec) first(e *event, role int) []byte {
	from, to := c.mapping.of(role)
	for i := from; i < to; i++ {
		if s := &e.slots[i]; s.kind >= text && len(s.text) > 0 {
			return s.text
		}
	}
	return nil
}

// when returns the event's time in Unix nanoseconds, or why it has none.
func (c *codec) when(e *event) (int64, loss) {
	given := false
	for i := range e.slots[:c.mapping.from[timeRole+1]] {
		s := &e.slots[i]
		if s.kind <= null {
			continue
		}
		if d := &s.digits; s.kind == number && d.Full && d.Decimals == 0 && !d.Negative {
			if ns, ok := moment.Whole(d.Mantissa, c.timeUnit); ok && ns > 0 {
				return ns, kept
			}
		}
		if s.kind >= text && isZero(s.text) {
			continue
		}
		given = true
		if s.kind == text || s.kind == number {
			if ns, ok := moment.Parse(s.text, s.kind == number, c.timeUnit); ok {
				return ns, kept
			}
		}
	}
	switch {
	case given:
		return 0, timeRange
	case c.recordTime == 0:
		return 0, noTime
	}
	return c.recordTime, kept
}

// isZero tells whether a time says nothing: it is empty, or zero.
func isZero(s []byte) bool {
	for _, ch := range s {
		if ch != '0' && ch != '.' {
			return false
		}
	}
	return true
}

// value returns the event's one value.
func (c *codec) value(e *event) (float64, loss) {
	why := noValue
	from, to := c.mapping.of(valueRole)
	for i := from; i < to; i++ {
		s := &e.slots[i]
		v, lose := s.number()
		if lose == notNumeric && s.kind == text {
			v, lose = s.written()
		}
		if lose == kept || lose == notFinite {
			return v, lose
		}
		why = max(why, lose)
	}
	return 0, why
}

// member returns the value of a member of an object of values: true and false are 1 and 0 there.
func (f *field) member() (float64, loss) {
	if f.kind == boolean && f.path < 0 {
		if f.text[0] == 't' {
			return 1, kept
		}
		return 0, kept
	}
	return f.number()
}

// number returns the value of a number.
func (s *scalar) number() (float64, loss) {
	switch {
	case s.kind <= null || s.kind == text && len(s.text) == 0:
		return 0, noValue
	case s.kind != number:
		return 0, notNumeric
	}
	if s.digits.Full {
		return s.digits.Value(), kept
	}
	return parseNumber(s.text)
}

// written returns the value of a number that stands in a text.
func (s *scalar) written() (float64, loss) { return parseNumber(bytes.TrimSpace(s.text)) }

// seriesType returns the type of the event's series.
func (c *codec) seriesType(e *event) pipeline.SeriesType {
	return typeOf(c.first(e, typeRole), c.typ)
}
