package avro

import (
	"math/big"
	"strconv"

	"github.com/homeostat/homeostat/schemas/codec/decimal"
	"github.com/homeostat/homeostat/schemas/codec/moment"
)

// form is what a value of an event is.
type form uint8

const (
	absent form = iota
	null
	nested // a record, array or map, or bytes
	text
	whole
	fractional
	boolean
)

// scalar is a value of an event.
type scalar struct {
	form  form
	text  []byte // of a text
	n     int64  // of a whole number
	f     float64
	exact moment.Unit // of a whole number that is a time by its logical type
}

// member is one of several values, or a label that is no slot.
type member struct {
	name []byte
	own  bool // of a label: it is the event's own, no member of another
	scalar
}

// event is what a record says, or one item of an array.
type event struct {
	slots  []scalar // by the mapping's slots
	values []member
	labels []member
	name   []byte // of the record in its schema
	arena  []byte // the digits of numbers that are texts
}

func (e *event) reset() {
	clear(e.slots)
	e.values, e.labels, e.name, e.arena = e.values[:0], e.labels[:0], nil, e.arena[:0]
}

// walk reads the value of a step. It says whether the value is nested no deeper than allowed. key is that of the map that the
// value is in.
func (e *event) walk(r *reader, s *step, key []byte, depth int) bool {
	if s.skip {
		return r.skip(s.node, depth)
	}
	switch s.kind {
	case recordKind, unionKind, arrayKind, mapKind:
		return depth > 0 && e.walkNested(r, s, key, depth-1)
	}
	e.put(s, key, e.scalar(r, s.node))
	return true
}

func (e *event) walkNested(r *reader, s *step, key []byte, depth int) bool {
	if r.nested(); r.fault != "" {
		return true
	}
	switch s.kind {
	case unionKind:
		branch := s.steps[r.choice(len(s.steps))]
		return r.fault != "" || e.walk(r, branch, key, depth)
	case recordKind:
		if s.event {
			e.name = s.title
		}
		e.put(s, key, scalar{form: nested})
		for _, field := range s.steps {
			if r.fault != "" {
				break
			}
			if !e.walk(r, field, nil, depth) {
				return false
			}
		}
		return true
	case arrayKind:
		e.put(s, key, scalar{form: nested})
		return r.skipNested(s.node, depth)
	}
	e.put(s, key, scalar{form: nested})
	for items := r.block(); items > 0; items = r.block() {
		for range items {
			key := r.text()
			inner := s.named[string(key)]
			if inner == nil {
				inner = s.steps[0]
			}
			if r.fault != "" {
				return true
			}
			if !e.walk(r, inner, key, depth) {
				return false
			}
		}
	}
	return true
}

// scalar reads a value that is not nested.
func (e *event) scalar(r *reader, n *node) scalar {
	switch n.kind {
	case boolKind:
		v := scalar{form: boolean}
		if r.boolean() {
			v.n = 1
		}
		return v
	case intKind:
		return scalar{form: whole, n: r.int(), exact: n.unit}
	case longKind:
		return scalar{form: whole, n: r.long(), exact: n.unit}
	case floatKind:
		return scalar{form: fractional, f: r.float()}
	case doubleKind:
		return scalar{form: fractional, f: r.double()}
	case stringKind:
		return scalar{form: text, text: r.text()}
	case enumKind:
		if i := r.choice(len(n.symbols)); i < len(n.symbols) {
			return scalar{form: text, text: n.symbols[i]}
		}
		return scalar{form: text}
	case bytesKind:
		return e.bytes(r.text(), n)
	case fixedKind:
		return e.bytes(r.take(int64(n.size)), n)
	}
	return scalar{form: null}
}

// bytes reads a decimal, a number in big-endian two's complement. Other bytes say nothing here.
func (e *event) bytes(b []byte, n *node) scalar {
	if !n.decimal || len(b) == 0 {
		return scalar{form: nested}
	}
	from := len(e.arena)
	if len(b) <= 8 {
		v := int64(int8(b[0]))
		for _, ch := range b[1:] {
			v = v<<8 | int64(ch)
		}
		e.arena = strconv.AppendInt(e.arena, v, 10)
	} else {
		if len(b) > maxDecimal {
			return scalar{form: nested}
		}
		v := new(big.Int).SetBytes(b)
		if b[0] >= 0x80 {
			v.Sub(v, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
		}
		e.arena = v.Append(e.arena, 10)
	}
	e.arena = strconv.AppendInt(append(e.arena, 'e'), int64(-n.scale), 10)
	f, _ := decimal.Parse(e.arena[from:])
	e.arena = e.arena[:from]
	return scalar{form: fractional, f: f}
}

// maxDecimal is the size of the largest decimal that is read: no float64 holds larger ones.
const maxDecimal = 140

// put gives a value to all that it is for.
func (e *event) put(s *step, key []byte, v scalar) {
	for _, slot := range s.slots {
		if v.form != nested {
			e.slots[slot] = v
		}
	}
	if !s.value && !s.label {
		return
	}
	name := s.name
	if s.byKey {
		name = key
	}
	if s.value && v.form != nested && v.form != boolean && v.form != text {
		e.values = append(e.values, member{name: name, scalar: v})
	}
	if s.label && (v.form == text || !s.texts && v.form >= text) {
		e.labels = append(e.labels, member{name: name, own: s.texts, scalar: v})
	}
}

// words returns a value as a text, nil if it is none.
func (e *event) words(v *scalar) []byte {
	from := len(e.arena)
	switch v.form {
	case text:
		return v.text
	case whole:
		e.arena = strconv.AppendInt(e.arena, v.n, 10)
	case fractional:
		e.arena = strconv.AppendFloat(e.arena, v.f, 'g', -1, 64)
	case boolean:
		e.arena = strconv.AppendBool(e.arena, v.n == 1)
	}
	return e.arena[from:len(e.arena):len(e.arena)]
}
