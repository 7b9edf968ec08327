// Package fields makes points of the fields of events, by settings that say what each field is. It is what the codecs of formats with
// schemas (Avro, protocol buffers) share: a codec walks its bytes by a plan made of the schema and a Mapping, puts what it finds
// into an Event, and Rows makes points of that. The settings are described in the documentation of package avro.
package fields

import (
	"math/big"
	"strconv"

	"github.com/homeostat/homeostat/schemas/codec/decimal"
	"github.com/homeostat/homeostat/schemas/codec/moment"
)

// Form is what a value of an event is.
type Form uint8

// Forms. From Text on, a value is one that a label can have.
const (
	Absent Form = iota
	Null
	Nested // a record, message, array or map, or bytes
	Text
	Whole
	Fractional
	Boolean
)

// Scalar is a value of an event.
type Scalar struct {
	Form  Form
	Large bool        // N is a number of 64 bits without sign
	Text  []byte      // of a text
	N     int64       // of a whole number; of a boolean 0 or 1
	F     float64     // of a fractional one
	Exact moment.Unit // of a whole number that is a time by its type
}

// member is one of several values, or a label that is no slot.
type member struct {
	name []byte
	own  bool // of a label: it is the event's own, no member of another
	Scalar
}

// Event is what a record says, or one part of it that stands for itself. What is put into it is not copied.
type Event struct {
	// Title is the name of the event's type, for metrics without a name.
	Title  []byte
	slots  []Scalar // by the mapping's slots
	values []member
	labels []member
	arena  []byte // the digits of numbers that are texts
}

// Reset makes an event empty.
func (e *Event) Reset(m *Mapping) {
	if len(e.slots) != len(m.slots) {
		e.slots = make([]Scalar, len(m.slots))
	}
	clear(e.slots)
	e.values, e.labels, e.Title, e.arena = e.values[:0], e.labels[:0], nil, e.arena[:0]
}

// Decimal reads a decimal, a number in big-endian two's complement that was multiplied by a power of ten.
func (e *Event) Decimal(b []byte, scale int) Scalar {
	if len(b) == 0 {
		return Scalar{Form: Nested}
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
			return Scalar{Form: Nested}
		}
		v := new(big.Int).SetBytes(b)
		if b[0] >= 0x80 {
			v.Sub(v, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
		}
		e.arena = v.Append(e.arena, 10)
	}
	e.arena = strconv.AppendInt(append(e.arena, 'e'), int64(-scale), 10)
	f, _ := decimal.Parse(e.arena[from:])
	e.arena = e.arena[:from]
	return Scalar{Form: Fractional, F: f}
}

// maxDecimal is the size of the largest decimal that is read: no float64 holds larger ones.
const maxDecimal = 140

// Put gives a value to all that it is for. key is that of the map that it is in.
func (e *Event) Put(p *Purpose, key []byte, v Scalar) {
	for _, slot := range p.slots {
		if v.Form != Nested {
			e.slots[slot] = v
		}
	}
	if !p.value && !p.label {
		return
	}
	name := p.name
	if p.byKey {
		name = key
	}
	if p.value && v.Form != Nested && v.Form != Boolean && v.Form != Text {
		e.values = append(e.values, member{name: name, Scalar: v})
	}
	if p.label && (v.Form == Text || !p.texts && v.Form >= Text) {
		e.labels = append(e.labels, member{name: name, own: p.texts, Scalar: v})
	}
}

// Words returns a value as a text, nil if it is none. The text is good until Reset.
func (e *Event) Words(v *Scalar) []byte {
	from := len(e.arena)
	switch v.Form {
	case Text:
		return v.Text
	case Whole:
		if v.Large {
			e.arena = strconv.AppendUint(e.arena, uint64(v.N), 10)
		} else {
			e.arena = strconv.AppendInt(e.arena, v.N, 10)
		}
	case Fractional:
		e.arena = strconv.AppendFloat(e.arena, v.F, 'g', -1, 64)
	case Boolean:
		e.arena = strconv.AppendBool(e.arena, v.N == 1)
	}
	return e.arena[from:len(e.arena):len(e.arena)]
}
