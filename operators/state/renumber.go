package state

import (
	"fmt"
	"io"

	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/homeostat/homeostat/pipeline"
)

// Renumber copies a snapshot of any component and gives the lane's series other ordinals: to has the new one for each old
// one, ascending, or pipeline.Gone. Rows of series that are gone are left out. It needs memory for one record batch.
func Renumber(w io.Writer, r io.Reader, to []uint32) error {
	in := &Reader{component: "an unknown component"}
	in.open(r)
	out := NewWriter(w, "")
	n := renumbering{to: to}
	for _, ordinal := range to {
		if ordinal != pipeline.Gone {
			n.left++
		}
	}
	for in.err == nil && in.head != nil {
		h := in.head
		in.component, out.component = h.Component, h.Component
		decl := Table{Name: h.Table, Version: h.Version, Fields: h.Columns, BySeries: h.BySeries}
		n.table(in, out, decl)
	}
	if err := in.Close(); err != nil {
		return err
	}
	return out.Close()
}

type renumbering struct {
	to   []uint32
	left int64 // series
}

func (n *renumbering) table(in *Reader, out *Writer, decl Table) {
	from, into := in.Table(decl), out.Table(decl)
	for i := 0; from.Next(); i++ {
		if decl.BySeries {
			if i >= len(n.to) {
				in.Fail(fmt.Sprintf("has more rows in table %s than there are series", decl.Name))
				return
			}
			if n.to[i] == pipeline.Gone {
				continue
			}
		}
		if !n.stays(in, from, decl) {
			continue
		}
		for c := range decl.Fields {
			n.copy(from, into, c)
		}
	}
}

// stays says whether the series that a row names are still there.
func (n *renumbering) stays(in *Reader, from *TableReader, decl Table) bool {
	for c, f := range decl.Fields {
		if f.Role != Ordinal {
			continue
		}
		old, ok := from.whole(c)
		if !ok || old >= int64(len(n.to)) {
			in.Fail(fmt.Sprintf("has a row in table %s of a series that the lane does not have", decl.Name))
			return false
		}
		if old >= 0 && n.to[old] == pipeline.Gone {
			return false
		}
	}
	return true
}

// whole returns a cell of a column that may have a role.
func (t *TableReader) whole(c int) (int64, bool) {
	switch a := t.arrays[c].(type) {
	case *array.Uint32:
		return int64(a.Value(t.row)), true
	case *array.Int64:
		return a.Value(t.row), true
	}
	return 0, false
}

// copy appends a cell of the present row, with the new ordinal if it is one.
func (n *renumbering) copy(from *TableReader, into *TableWriter, c int) {
	row := from.row
	switch a := from.arrays[c].(type) {
	case *array.Boolean:
		into.Bool(a.Value(row))
	case *array.Uint16:
		into.Uint16(a.Value(row))
	case *array.Uint32:
		into.Uint32(uint32(n.number(from.decl.Fields[c].Role, int64(a.Value(row)))))
	case *array.Uint64:
		into.Uint64(a.Value(row))
	case *array.Int64:
		into.Int64(n.number(from.decl.Fields[c].Role, a.Value(row)))
	case *array.Float64:
		into.Float64(a.Value(row))
	case *array.String:
		into.Text(a.Value(row))
	case *array.Binary:
		into.Bytes(a.Value(row))
	case *array.List:
		at, to := a.ValueOffsets(row)
		switch v := a.ListValues().(type) {
		case *array.Int64:
			into.Ints(v.Int64Values()[at:to])
		case *array.Float64:
			into.Floats(v.Float64Values()[at:to])
		}
	}
}

func (n *renumbering) number(role Role, old int64) int64 {
	switch {
	case role == Count:
		return n.left
	case role == Ordinal && old >= 0:
		return int64(n.to[old])
	}
	return old
}
