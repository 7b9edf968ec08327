package arrow

import (
	"errors"

	"github.com/homeostat/homeostat/pipeline"
)

// form says how a column's values lie.
type form uint8

const (
	other form = iota
	signed
	unsigned
	floating
	timestamp
	text
	largeText
)

// column is a field of the schema.
type column struct {
	name []byte // as it lies in the record
	form form
	// size is that of a value in bytes, or of an index into the dictionary; unit is the nanoseconds of a timestamp's unit.
	size int
	unit int64
	// coded says that values are indices into a dictionary of that id; form is that of the dictionary's values.
	coded         bool
	dictionary    int64
	indexUnsigned bool
	// firstNode and firstBuffer are numbers in each batch.
	firstNode, firstBuffer int
}

// Type ids in the union Type (Arrow format, Schema.fbs).
const (
	typeNull = iota + 1
	typeInt
	typeFloat
	typeBinary
	typeUtf8
	typeBool
	typeDecimal
	typeDate
	typeTime
	typeTimestamp
	typeInterval
	typeList
	typeStruct
	typeUnion
	typeFixedBinary
	typeFixedList
	typeMap
	typeDuration
	typeLargeBinary
	typeLargeUtf8
	typeLargeList
	typeRunEnd
)

// Fields of the tables Schema and Field.
const (
	schemaEndianness, schemaFields                                    = 0, 1
	fieldName, fieldTypeID, fieldType, fieldDictionary, fieldChildren = 0, 2, 3, 4, 5
)

// schema reads the fields of a schema and counts the nodes and buffers that each batch has for them.
type schema struct {
	flat
	columns        []column
	fields         int // nested ones included
	nodes, buffers int
	limits         limits
}

func (s *schema) read(table int) error {
	if s.number(table, schemaEndianness, 2, 0) != 0 {
		return errors.New("it is big-endian, which is not read here")
	}
	at, n := s.vector(table, schemaFields, 4)
	for i := range n {
		where := at + 4*i
		if err := s.field1(where+int(s.u32(where)), 0); err != nil {
			return err
		}
		if s.broken {
			break
		}
	}
	if s.broken {
		return errors.New("the schema is broken")
	}
	return nil
}

// field1 reads a field and what it has below. depth is 0 for columns.
func (s *schema) field1(table, depth int) error {
	if s.fields++; s.fields > s.limits.attributes {
		return pipeline.Errorf("arrow.limit.attributes", "arrow stream has more columns than max_attributes %d: leave some out at the producer or raise it", s.limits.attributes)
	}
	if depth >= s.limits.nesting {
		return pipeline.Errorf("arrow.limit.nesting", "arrow stream has columns in columns deeper than max_nesting %d: flatten them at the producer or raise it", s.limits.nesting)
	}
	c := column{name: s.text(table, fieldName), firstNode: s.nodes, firstBuffer: s.buffers}
	id := int(s.number(table, fieldTypeID, 1, 0))
	typ := s.table(table, fieldType)
	coding := s.table(table, fieldDictionary)
	s.nodes++
	if c.form, c.size, c.unit = s.formOf(id, typ); coding != 0 {
		c.coded = true
		c.dictionary = s.number(coding, 0, 8, 0)
		c.size = 4
		if index := s.table(coding, 1); index != 0 {
			c.size = int(s.number(index, 0, 4, 0)) / 8
			c.indexUnsigned = s.number(index, 1, 1, 0) == 0
		}
		if c.form != text && c.form != largeText || !whole(c.size) {
			c.form = other
		}
		s.buffers += 2
	} else if err := s.below(id, typ, table, depth); err != nil {
		return err
	}
	if depth == 0 {
		s.columns = append(s.columns, c)
	}
	return nil
}

// formOf reads a type.
func (s *schema) formOf(id, typ int) (f form, size int, unit int64) {
	switch id {
	case typeInt:
		size, f = int(s.number(typ, 0, 4, 0))/8, unsigned
		if s.number(typ, 1, 1, 0) != 0 {
			f = signed
		}
		if !whole(size) {
			f = other
		}
	case typeFloat:
		if precision := s.number(typ, 0, 2, 0); precision == 1 || precision == 2 {
			f, size = floating, 4*int(precision)
		}
	case typeTimestamp:
		if u := s.number(typ, 0, 2, 0); u >= 0 && u < 4 {
			f, size, unit = timestamp, 8, [...]int64{1e9, 1e6, 1e3, 1}[u]
		}
	case typeUtf8, typeBinary:
		f, size = text, 4
	case typeLargeUtf8, typeLargeBinary:
		f, size = largeText, 8
	}
	return f, size, unit
}

func whole(size int) bool { return size == 1 || size == 2 || size == 4 || size == 8 }

// below counts the buffers of a field that is not coded and reads the fields in it.
func (s *schema) below(id, typ, table, depth int) error {
	switch id {
	case typeNull, typeRunEnd:
	case typeStruct, typeFixedList:
		s.buffers++
	case typeInt, typeFloat, typeBool, typeDecimal, typeDate, typeTime, typeTimestamp, typeInterval, typeDuration, typeFixedBinary, typeList, typeLargeList, typeMap:
		s.buffers += 2
	case typeUtf8, typeBinary, typeLargeUtf8, typeLargeBinary:
		s.buffers += 3
	case typeUnion:
		s.buffers += 1 + int(s.number(typ, 0, 2, 0)&1) // dense ones have offsets
	default:
		return errors.New("it has a column of a type that is not read here, as views are")
	}
	at, n := s.vector(table, fieldChildren, 4)
	for i := range n {
		where := at + 4*i
		if err := s.field1(where+int(s.u32(where)), depth+1); err != nil {
			return err
		}
	}
	return nil
}
