package protobuf

import (
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/homeostat/homeostat/schemas/codec/fields"
	"github.com/homeostat/homeostat/schemas/codec/wire"
)

// kind is how the value of a field is read.
type kind uint8

const (
	nullKind kind = iota // NullValue
	boolKind
	int32Kind
	int64Kind
	uint32Kind
	uint64Kind
	sint32Kind
	sint64Kind
	fixed32Kind
	fixed64Kind
	sfixed32Kind
	sfixed64Kind
	floatKind
	doubleKind
	stringKind
	enumKind
	nestedKind // bytes, and what is repeated: they say nothing here
	messageKind
	mapKind
	timestampKind
	durationKind
	decimalKind
)

var kinds = map[protoreflect.Kind]kind{
	protoreflect.BoolKind: boolKind, protoreflect.Int32Kind: int32Kind, protoreflect.Int64Kind: int64Kind, protoreflect.Uint32Kind: uint32Kind, protoreflect.Uint64Kind: uint64Kind,
	protoreflect.Sint32Kind: sint32Kind, protoreflect.Sint64Kind: sint64Kind, protoreflect.Fixed32Kind: fixed32Kind, protoreflect.Fixed64Kind: fixed64Kind, protoreflect.Sfixed32Kind: sfixed32Kind,
	protoreflect.Sfixed64Kind: sfixed64Kind, protoreflect.FloatKind: floatKind, protoreflect.DoubleKind: doubleKind, protoreflect.StringKind: stringKind, protoreflect.EnumKind: enumKind,
	protoreflect.BytesKind: nestedKind, protoreflect.MessageKind: messageKind, protoreflect.GroupKind: nestedKind,
}

// wireTypes are those of kinds below nestedKind; all others are bytes.
var wireTypes = [nestedKind]int{fixed32Kind: wire.Fixed32, sfixed32Kind: wire.Fixed32, floatKind: wire.Fixed32, fixed64Kind: wire.Fixed64, sfixed64Kind: wire.Fixed64, doubleKind: wire.Fixed64, stringKind: wire.Bytes}

// wellKnown are messages that stand for one value.
var wellKnown = map[protoreflect.FullName]kind{
	"google.protobuf.Timestamp": timestampKind, "google.protobuf.Duration": durationKind, "confluent.type.Decimal": decimalKind,
}

// transparent are messages that are what is in them.
var transparent = map[protoreflect.FullName]bool{
	"google.protobuf.DoubleValue": true, "google.protobuf.FloatValue": true, "google.protobuf.Int64Value": true, "google.protobuf.UInt64Value": true, "google.protobuf.Int32Value": true, "google.protobuf.UInt32Value": true,
	"google.protobuf.BoolValue": true, "google.protobuf.StringValue": true, "google.protobuf.BytesValue": true, "google.protobuf.Value": true, "google.protobuf.Struct": true,
}

// plan is what is read of the messages of a schema.
type plan struct {
	// batch is the field that holds events, if a message has no other one; else 0.
	batch uint64
	root  *step
}

// step is what is done with a value at a place.
type step struct {
	fields.Purpose
	kind  kind
	title []byte                             // of a message
	enum  map[protoreflect.EnumNumber][]byte // the names of an enum's numbers
	// Of a message; of a map: its key and its value.
	fields []field
	index  []int16        // by field number: of a field, 0 if it is not read, else one more than its place in fields
	rare   map[uint64]int // of numbers beyond index, its place in fields
	// Of a map.
	value *step            // nil: it is not read
	named map[string]*step // by key
}

// field is a field of a message that is read, or one of a oneof that has such fields.
type field struct {
	*step
	wire      int
	number    uint64
	oneof     int  // a number of its own for each oneof, 0 for none
	explicit  bool // it may be missing; else it has its default then
	otherwise fields.Scalar
}

// newPlan makes the plan of a message.
func newPlan(m protoreflect.MessageDescriptor, mapping *fields.Mapping) *plan {
	p := &plan{}
	if m.Fields().Len() == 1 {
		if f := m.Fields().Get(0); f.IsList() && f.Kind() == protoreflect.MessageKind {
			p.batch, m = uint64(f.Number()), f.Message()
		}
	}
	p.root = newMessage(mapping, m, mapping.Wants, fields.Purpose{Event: true})
	return p
}

// newStep makes the step of a field's value, given the paths that lead there and on, and what it is for besides; nil if that is nothing.
func newStep(mapping *fields.Mapping, f protoreflect.FieldDescriptor, wants []fields.Want, p fields.Purpose) *step {
	p, on := p.Arrive(wants, mayBeNumber(f))
	if p.None() && len(on) == 0 {
		return nil
	}
	s := &step{Purpose: p, kind: kinds[f.Kind()]}
	switch {
	case f.IsMap():
		s.kind = mapKind
		newMap(s, mapping, f, on)
	case f.IsList():
		s.kind = nestedKind
	case s.kind == enumKind && f.Enum().FullName() == "google.protobuf.NullValue":
		s.kind = nullKind
	case s.kind == enumKind:
		s.enum = map[protoreflect.EnumNumber][]byte{}
		for i := range f.Enum().Values().Len() {
			v := f.Enum().Values().Get(i)
			if s.enum[v.Number()] == nil {
				s.enum[v.Number()] = []byte(v.Name())
			}
		}
	case s.kind == messageKind:
		if known, ok := wellKnown[f.Message().FullName()]; ok {
			s.kind = known
			break
		}
		return newMessage(mapping, f.Message(), on, p)
	}
	return s
}

// newMessage makes the step of a message, whose paths have arrived.
func newMessage(mapping *fields.Mapping, m protoreflect.MessageDescriptor, on []fields.Want, p fields.Purpose) *step {
	s := &step{Purpose: p, kind: messageKind, title: []byte(m.Name())}
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		q, next := p, on
		if !transparent[m.FullName()] {
			q, next = mapping.Field(&p, on, string(f.Name()))
		}
		s.fields = append(s.fields, newField(f, newStep(mapping, f, next, q)))
	}
	read := map[int]bool{}
	for _, f := range s.fields {
		read[f.oneof] = read[f.oneof] || f.oneof > 0 && f.step != nil
	}
	s.fields = slices.DeleteFunc(s.fields, func(f field) bool { return f.step == nil && !read[f.oneof] })
	s.number()
	return s
}

func newField(f protoreflect.FieldDescriptor, s *step) field {
	out := field{step: s, number: uint64(f.Number()), wire: wire.Bytes, explicit: f.HasPresence()}
	if o := f.ContainingOneof(); o != nil && !o.IsSynthetic() {
		out.oneof = o.Index() + 1
	}
	if k := kinds[f.Kind()]; k < nestedKind && !f.IsList() {
		out.wire = wireTypes[k]
	}
	if s == nil || out.explicit && !f.HasDefault() || s.kind >= nestedKind {
		return out
	}
	out.explicit = false
	switch v := f.Default(); s.kind {
	case boolKind:
		out.otherwise = fields.Scalar{Form: fields.Boolean}
		if v.Bool() {
			out.otherwise.N = 1
		}
	case floatKind, doubleKind:
		out.otherwise = fields.Scalar{Form: fields.Fractional, F: v.Float()}
	case stringKind:
		out.otherwise = fields.Scalar{Form: fields.Text, Text: []byte(v.String())}
	case enumKind:
		out.otherwise = fields.Scalar{Form: fields.Text, Text: s.enum[v.Enum()]}
	case uint32Kind, uint64Kind, fixed32Kind, fixed64Kind:
		out.otherwise = unsigned(v.Uint())
	case nullKind:
		out.otherwise = fields.Scalar{Form: fields.Null}
	default:
		out.otherwise = fields.Scalar{Form: fields.Whole, N: v.Int()}
	}
	return out
}

// newMap completes the step of a map.
func newMap(s *step, mapping *fields.Mapping, f protoreflect.FieldDescriptor, on []fields.Want) {
	s.value = newStep(mapping, f.MapValue(), nil, s.Keyed())
	s.named = map[string]*step{}
	some := s.value
	for _, key := range fields.Keys(on) {
		if inner := newStep(mapping, f.MapValue(), fields.Follow(on, key), s.Member([]byte(key))); inner != nil {
			s.named[key], some = inner, inner
		}
	}
	if some != nil {
		key := &step{kind: kinds[f.MapKey().Kind()]}
		s.fields = []field{newField(f.MapKey(), key), newField(f.MapValue(), some)}
	}
	s.number()
}

// number makes the fields found by their numbers.
func (s *step) number() {
	for i, f := range s.fields {
		if f.number >= 1024 || len(s.fields) > 1<<14 {
			if s.rare == nil {
				s.rare = map[uint64]int{}
			}
			s.rare[f.number] = i
			continue
		}
		for uint64(len(s.index)) <= f.number {
			s.index = append(s.index, 0)
		}
		s.index[f.number] = int16(i + 1)
	}
}

// find returns the place of a field by its number, -1 if it is not read.
func (s *step) find(number uint64) int {
	if number < uint64(len(s.index)) {
		if i := int(s.index[number]) - 1; i >= 0 || s.rare == nil {
			return i
		}
	}
	if i, ok := s.rare[number]; ok {
		return i
	}
	return -1
}

// mayBeNumber tells whether values of a field are numbers, or none that is missing.
func mayBeNumber(f protoreflect.FieldDescriptor) bool {
	if f.IsList() || f.IsMap() {
		return false
	}
	switch f.Kind() {
	case protoreflect.BoolKind, protoreflect.StringKind, protoreflect.BytesKind, protoreflect.GroupKind:
		return false
	case protoreflect.EnumKind:
		return f.Enum().FullName() == "google.protobuf.NullValue"
	case protoreflect.MessageKind:
		switch name := f.Message().FullName(); name {
		case "google.protobuf.Duration", "confluent.type.Decimal", "google.protobuf.Value":
			return true
		case "google.protobuf.Struct":
			return false
		default:
			return transparent[name] && mayBeNumber(f.Message().Fields().Get(0))
		}
	}
	return true
}
