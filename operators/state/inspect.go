package state

import (
	"io"

	"github.com/apache/arrow/go/v15/arrow/array"
)

// TableInfo is what a snapshot says of one of its tables.
type TableInfo struct {
	Component, Table string
	Version          int
	Columns          []Field
	// Rows and Bytes are counted to the end of the table: they are whole in what Inspect returns, not in a visit.
	Rows, Bytes int64
}

// Row is one row of a table. It is borrowed for the visit.
type Row struct {
	table *TableReader
}

// Value returns the value in the i-th column in its Go type: bool, uint16, uint32, uint64, int64, float64, string, []byte,
// []int64 or []float64. Slices are borrowed.
func (r Row) Value(i int) any {
	t, name := r.table, r.table.decl.Fields[i].Name
	switch a := t.arrays[i].(type) {
	case *array.Boolean:
		return t.Bool(name)
	case *array.Uint16:
		return t.Uint16(name)
	case *array.Uint32:
		return t.Uint32(name)
	case *array.Uint64:
		return t.Uint64(name)
	case *array.Int64:
		return t.Int64(name)
	case *array.Float64:
		return t.Float64(name)
	case *array.String:
		return t.Text(name)
	case *array.Binary:
		return t.Bytes(name)
	case *array.List:
		if _, ok := a.ListValues().(*array.Int64); ok {
			return t.Ints(name)
		}
		return t.Floats(name)
	}
	panic("BUG: a column passed the check of its type and has none")
}

// Inspect reads a snapshot of any component to its end, checks its form, and returns its tables. It calls visit for each
// row, unless that is nil, and stops at its first error.
func Inspect(r io.Reader, visit func(TableInfo, Row) error) ([]TableInfo, error) {
	s := &Reader{component: "an unknown component"}
	s.open(r)
	var tables []TableInfo
	for s.err == nil && s.head != nil {
		info := TableInfo{Component: s.head.Component, Table: s.head.Table, Version: s.head.Version, Columns: s.head.Columns}
		s.component = info.Component
		before := s.frames.read
		t := s.Table(Table{Name: info.Table, Version: info.Version, Fields: info.Columns})
		for visit != nil && t.Next() {
			if err := visit(info, Row{t}); err != nil {
				return tables, err
			}
		}
		for t.batch() {
		}
		info.Rows, info.Bytes = t.rows, t.end-before
		tables = append(tables, info)
	}
	return tables, s.Close()
}
