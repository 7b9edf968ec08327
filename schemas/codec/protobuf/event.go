package protobuf

import (
	"bytes"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/homeostat/homeostat/schemas/codec/fields"
	"github.com/homeostat/homeostat/schemas/codec/wire"
)

// event walks the bytes of one event by a plan. First a message's fields are looked for, then they are put where they belong: of a
// field that comes twice the last one counts, messages that come twice are one.
type event struct {
	fields.Event
	b []byte // the record

	// Stacks: what is found of the fields of the messages that are being read, where messages and entries of maps lie, and the
	// entries of the maps that are being read.
	found   []found
	links   []extent
	entries []entry

	limit      int // of links
	deep, many bool
	fault      string
	faultAt    int
}

// found is what is known of a field.
type found struct {
	set         bool
	value       uint64
	from, to    int // of a text
	first, last int // links of a message or map
}

// extent is where bytes lie, and the number of the next extent of the same message or map.
type extent struct{ from, to, next int }

// none is no link.
const none = -1

// entry is one of a map; its value stands in found.
type entry struct {
	key   []byte
	place int
}

func (e *event) reset(m *fields.Mapping, limit int) {
	e.Reset(m)
	e.found, e.links, e.entries, e.limit = e.found[:0], e.links[:0], e.entries[:0], limit
	e.deep, e.many, e.fault = false, false, ""
}

// link notes an extent behind another one of the same message or map.
func (e *event) link(x extent, behind int) int {
	x.next = none
	n := len(e.links)
	if n > e.limit+1000 {
		e.many = true
	}
	e.links = append(e.links, x)
	if behind != none {
		e.links[behind].next = n
	}
	return n
}

func (e *event) stopped() bool { return e.deep || e.many || e.fault != "" }

// message reads the message in the extents from a link on. key is that of the map that it is in.
func (e *event) message(s *step, key []byte, link, depth int) {
	if depth == 0 {
		e.deep = true
		return
	}
	base := e.open(len(s.fields))
	for ; link != none && !e.stopped(); link = e.links[link].next {
		e.scan(s, base, e.links[link])
	}
	for i := range s.fields {
		if e.stopped() {
			return
		}
		if f := &s.fields[i]; f.step != nil {
			e.take(f, f.step, key, base+i, depth-1)
		}
	}
	e.found = e.found[:base]
}

// open makes room for the fields of a message.
func (e *event) open(n int) (base int) {
	base = len(e.found)
	e.found = slices.Grow(e.found, n)[:base+n]
	clear(e.found[base:])
	return base
}

// scan looks for the fields of a message in an extent.
func (e *event) scan(s *step, base int, x extent) {
	cur := wire.Cursor{B: e.b, At: x.from, End: x.to, Groups: true}
	var f wire.Field
	for cur.Next(&f) {
		i := s.find(f.Number)
		if i < 0 || f.Wire != s.fields[i].wire {
			continue // as any field that the schema does not have
		}
		if o := s.fields[i].oneof; o > 0 {
			for j := range s.fields {
				if j != i && s.fields[j].oneof == o {
					e.found[base+j] = found{}
				}
			}
		}
		known := &e.found[base+i]
		if f.Wire != wire.Bytes {
			known.set, known.value = true, f.Value
			continue
		}
		behind := none
		if known.set {
			behind = known.last
		}
		known.set, known.from, known.to = true, f.From, f.To
		if inner := s.fields[i].step; inner != nil && inner.kind >= messageKind {
			n := e.link(extent{from: f.From, to: f.To}, behind)
			if known = &e.found[base+i]; behind == none {
				known.first = n
			}
			known.last = n
		}
	}
	if cur.Fault != "" {
		e.fault, e.faultAt = cur.Fault, cur.FaultAt
	}
}

// take puts what was found of a field, or that it is missing, where it belongs by a step. key is that of the map that it is in.
func (e *event) take(f *field, s *step, key []byte, place, depth int) {
	v := &e.found[place]
	if !v.set {
		switch {
		case f.oneof > 0 || s.kind == mapKind || s.kind == nestedKind:
		case !f.explicit:
			e.Put(&s.Purpose, key, f.otherwise)
		default:
			e.Put(&s.Purpose, key, fields.Scalar{Form: fields.Null})
		}
		return
	}
	switch s.kind {
	case nestedKind:
		e.Put(&s.Purpose, key, fields.Scalar{Form: fields.Nested})
	case messageKind:
		e.message(s, key, v.first, depth)
	case mapKind:
		e.pairs(s, v.first, depth)
	case timestampKind, durationKind, decimalKind:
		e.Put(&s.Purpose, key, e.known(s.kind, v.first))
	default:
		e.Put(&s.Purpose, key, e.scalar(s, v))
	}
}

// scalar reads a value that is not nested.
func (e *event) scalar(s *step, v *found) fields.Scalar {
	whole := int64(v.value)
	switch s.kind {
	case nullKind:
		return fields.Scalar{Form: fields.Null}
	case boolKind:
		return fields.Scalar{Form: fields.Boolean, N: int64(min(v.value, 1))}
	case floatKind:
		return fields.Scalar{Form: fields.Fractional, F: float64(math.Float32frombits(uint32(v.value)))}
	case doubleKind:
		return fields.Scalar{Form: fields.Fractional, F: math.Float64frombits(v.value)}
	case stringKind:
		return fields.Scalar{Form: fields.Text, Text: e.b[v.from:v.to]}
	case enumKind:
		if name := s.enum[protoreflect.EnumNumber(int32(v.value))]; name != nil {
			return fields.Scalar{Form: fields.Text, Text: name}
		}
		whole = int64(int32(v.value))
		return fields.Scalar{Form: fields.Text, Text: e.Words(&fields.Scalar{Form: fields.Whole, N: whole})}
	case uint64Kind, fixed64Kind:
		return unsigned(v.value)
	case int32Kind, sfixed32Kind:
		whole = int64(int32(v.value))
	case uint32Kind, fixed32Kind:
		whole = int64(uint32(v.value))
	case sint32Kind:
		whole = int64(int32(protowire.DecodeZigZag(v.value & math.MaxUint32)))
	case sint64Kind:
		whole = protowire.DecodeZigZag(v.value)
	}
	return fields.Scalar{Form: fields.Whole, N: whole}
}

func unsigned(v uint64) fields.Scalar {
	return fields.Scalar{Form: fields.Whole, N: int64(v), Large: v > math.MaxInt64}
}

// known reads a Timestamp or Duration (seconds 1, nanos 2) or a Decimal (value 1, precision 2, scale 3) in the extents from a link on.
func (e *event) known(k kind, link int) fields.Scalar {
	var first, nanos, scale int64
	var digits []byte
	for ; link != none; link = e.links[link].next {
		cur := wire.Cursor{B: e.b, At: e.links[link].from, End: e.links[link].to, Groups: true}
		var f wire.Field
		for cur.Next(&f) {
			switch {
			case f.Number == 1 && f.Wire == wire.Varint:
				first = int64(f.Value)
			case f.Number == 1 && f.Wire == wire.Bytes:
				digits = e.b[f.From:f.To]
			case f.Number == 2 && f.Wire == wire.Varint:
				nanos = int64(int32(f.Value))
			case f.Number == 3 && f.Wire == wire.Varint:
				scale = int64(int32(f.Value))
			}
		}
		if cur.Fault != "" {
			e.fault, e.faultAt = cur.Fault, cur.FaultAt
		}
	}
	switch {
	case k == decimalKind && (scale < -1000 || scale > 1000):
		return fields.Scalar{Form: fields.Nested}
	case k == decimalKind && len(digits) == 0:
		return fields.Scalar{Form: fields.Whole}
	case k == decimalKind:
		return e.Decimal(digits, int(scale))
	case k == durationKind:
		return fields.Scalar{Form: fields.Fractional, F: float64(first) + float64(nanos)/1e9}
	case first < 0 || first > math.MaxInt64/1_000_000_000-1 || nanos < 0 || nanos > 999_999_999:
		return fields.Scalar{Form: fields.Whole, N: -1, Exact: 1}
	}
	return fields.Scalar{Form: fields.Whole, N: first*1_000_000_000 + nanos, Exact: 1}
}

// fewPairs is up to how many entries of a map equal keys are looked for by comparing all.
const fewPairs = 32

// pairs reads the entries of a map, whose extents begin at a link. Of equal keys the last one counts.
func (e *event) pairs(s *step, link, depth int) {
	if depth == 0 {
		e.deep = true
		return
	}
	if len(s.fields) == 0 {
		return
	}
	base, from := len(e.found), len(e.entries)
	for ; link != none && !e.stopped(); link = e.links[link].next {
		place := e.open(2)
		e.scan(s, place, e.links[link])
		if v := &e.found[place+1]; !v.set && s.fields[1].kind >= messageKind {
			// A message that an entry does not have is one without fields.
			empty := e.link(extent{}, none)
			v.set, v.first = true, empty
		}
		e.entries = append(e.entries, entry{e.key(s, place), place + 1})
	}
	if n := len(e.entries) - from; n > fewPairs {
		slices.SortStableFunc(e.entries[from:], func(a, b entry) int { return bytes.Compare(a.key, b.key) })
	}
	to := len(e.entries)
	for i := from; i < to && !e.stopped(); i++ {
		this := e.entries[i]
		rest := e.entries[i+1 : to]
		if len(rest) > 0 && to-from > fewPairs {
			rest = rest[:1]
		}
		if slices.ContainsFunc(rest, func(other entry) bool { return bytes.Equal(other.key, this.key) }) {
			continue
		}
		inner := s.named[string(this.key)]
		if inner == nil {
			inner = s.value
		}
		if inner != nil {
			e.take(&s.fields[1], inner, this.key, this.place, depth-1)
		}
	}
	e.found, e.entries = e.found[:base], e.entries[:from]
}

// key returns the key of a map's entry as a text.
func (e *event) key(s *step, place int) []byte {
	key := &s.fields[0]
	if !e.found[place].set {
		return e.Words(&key.otherwise)
	}
	v := e.scalar(key.step, &e.found[place])
	return e.Words(&v)
}
