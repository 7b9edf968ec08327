package state

import (
	"encoding/json"
	"fmt"

	"github.com/apache/arrow/go/v15/arrow"
)

const magic = "hstate1\n"

// Type is what a column of a table holds. Its text is its name in snapshots.
type Type string

const (
	Bool    Type = "bool"
	Uint16  Type = "uint16"
	Uint32  Type = "uint32"
	Uint64  Type = "uint64"
	Int64   Type = "int64"
	Float64 Type = "float64"
	// Text is UTF-8, Bytes is anything.
	Text  Type = "text"
	Bytes Type = "bytes"
	// Ints and Floats are lists of int64 and float64.
	Ints   Type = "ints"
	Floats Type = "floats"
)

func (t Type) arrow() (arrow.DataType, bool) {
	switch t {
	case Bool:
		return arrow.FixedWidthTypes.Boolean, true
	case Uint16:
		return arrow.PrimitiveTypes.Uint16, true
	case Uint32:
		return arrow.PrimitiveTypes.Uint32, true
	case Uint64:
		return arrow.PrimitiveTypes.Uint64, true
	case Int64:
		return arrow.PrimitiveTypes.Int64, true
	case Float64:
		return arrow.PrimitiveTypes.Float64, true
	case Text:
		return arrow.BinaryTypes.String, true
	case Bytes:
		return arrow.BinaryTypes.Binary, true
	case Ints:
		return arrow.ListOfNonNullable(arrow.PrimitiveTypes.Int64), true
	case Floats:
		return arrow.ListOfNonNullable(arrow.PrimitiveTypes.Float64), true
	}
	return nil, false
}

// Field declares a column.
type Field struct {
	Name string `json:"name"`
	Type Type   `json:"type"`
	// Default is what the column reads as where an older snapshot has none, in its Go type: bool, uint16, …, string, []byte,
	// []int64, []float64. nil is the zero value.
	Default any `json:"-"`
	// Role says what the values have to do with the lane's series, for Renumber.
	Role Role `json:"role,omitempty"`
}

// Role is the meaning of a column of whole numbers (Uint32, Int64) that changes with the ordinals of series.
type Role string

const (
	// Ordinal is a series; a negative number is none. The row goes with the series.
	Ordinal Role = "ordinal"
	// Count is the number of all series.
	Count Role = "count"
)

// Table declares a table. A component declares each of its tables once; a change of its columns, or of what they mean,
// needs the next version.
type Table struct {
	Name    string
	Version int
	Fields  []Field
	// BySeries says that row i is of the series with ordinal i.
	BySeries bool
}

func (t Table) field(name string) (Field, bool) {
	for _, f := range t.Fields {
		if f.Name == name {
			return f, true
		}
	}
	return Field{}, false
}

// header is what stands before a table in a snapshot.
type header struct {
	Component string  `json:"component"`
	Table     string  `json:"table"`
	Version   int     `json:"version"`
	Columns   []Field `json:"columns"`
	BySeries  bool    `json:"by_series,omitempty"`
}

func (h *header) encode() []byte {
	raw, err := json.Marshal(h)
	if err != nil {
		panic(fmt.Sprintf("BUG: a header of texts and numbers can't be JSON: %v", err))
	}
	return raw
}

const (
	// maxColumns and maxHeader bound what a header may declare.
	maxColumns = 1024
	maxHeader  = 64 << 10
)

// schema returns the Arrow schema of the table, whose metadata says what the header says.
func (h *header) schema() (*arrow.Schema, error) {
	if len(h.Columns) == 0 || len(h.Columns) > maxColumns {
		return nil, fmt.Errorf("has a table of %d columns", len(h.Columns))
	}
	fields := make([]arrow.Field, len(h.Columns))
	seen := make(map[string]bool, len(h.Columns))
	for i, c := range h.Columns {
		typ, ok := c.Type.arrow()
		if !ok || seen[c.Name] {
			return nil, fmt.Errorf("has column %q twice or of type %q, which does not exist", c.Name, c.Type)
		}
		seen[c.Name] = true
		fields[i] = arrow.Field{Name: c.Name, Type: typ}
	}
	meta := arrow.NewMetadata([]string{"homeostat.component", "homeostat.table", "homeostat.version"},
		[]string{h.Component, h.Table, fmt.Sprint(h.Version)})
	return arrow.NewSchema(fields, &meta), nil
}
