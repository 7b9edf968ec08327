package state

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/arrowipc"
)

// Reader reads the tables of one snapshot. Errors stick: after the first one there are no more rows, and only Close has to
// be checked. One goroutine uses it.
type Reader struct {
	frames    frames
	component string
	// head is the header of the table that comes next, nil at the end.
	head *header
	// fields and schema are those of head.
	fields *arrow.Schema
	schema *ipc.Message
	table  *TableReader
	err    error
}

// NewReader begins to read a snapshot of the component.
func NewReader(r io.Reader, component string) *Reader {
	s := &Reader{component: component}
	s.open(r)
	if s.head != nil && s.head.Component != component {
		s.Fail("belongs to " + s.head.Component)
	}
	return s
}

func (s *Reader) open(r io.Reader) {
	s.frames.in = bufio.NewReaderSize(r, 64<<10)
	var head [len(magic)]byte
	if _, err := io.ReadFull(s.frames.in, head[:]); err != nil || string(head[:]) != magic {
		s.Fail("does not begin as one")
		return
	}
	s.readHead()
}

// readHead reads the header and the schema of the next table, or the end.
func (s *Reader) readHead() {
	s.head = nil
	part, err := s.frames.next()
	if err != nil {
		s.Fail(err.Error())
	}
	if s.err != nil || part == nil {
		return
	}
	h := &header{}
	if err := json.Unmarshal(part[:min(len(part), maxHeader)], h); err != nil {
		s.Fail("has a table without a header")
		return
	}
	fields, err := h.schema()
	if err != nil {
		s.Fail(err.Error())
		return
	}
	part, err = s.frames.next()
	if err == nil {
		_, _, err = message(part)
	}
	if err != nil {
		s.Fail(err.Error())
		return
	}
	s.head, s.fields, s.schema = h, fields, schemaMessage(fields)
}

// schemaMessage makes the message for the Arrow reader. That of the snapshot says the same, but is not ours.
func schemaMessage(fields *arrow.Schema) *ipc.Message {
	var b bytes.Buffer
	w := ipc.NewWriter(&b, ipc.WithSchema(fields))
	if err := w.Close(); err != nil {
		panic(fmt.Sprintf("BUG: a schema of plain columns can't be written: %v", err))
	}
	meta, _, err := message(b.Bytes()[:b.Len()-len(arrowipc.EndOfStream)])
	if err != nil {
		panic(fmt.Sprintf("BUG: Arrow writes a schema as something else: %v", err))
	}
	return ipc.NewMessage(memory.NewBufferBytes(meta), memory.NewBufferBytes(nil))
}

// Fail records that the snapshot can't be used, and why: "has a value that …".
func (s *Reader) Fail(why string) {
	if s.err == nil {
		s.err = pipeline.Errorf("snapshot.unreadable", "snapshot of %s %s: it is damaged or not a snapshot; use an older one or start without", s.component, why)
	}
	s.head = nil
}

// Ok tells whether nothing has failed so far.
func (s *Reader) Ok() bool { return s.err == nil }

// Table begins to read a table. Tables are asked for in the order in which they were written. Where the snapshot does not have
// it the reader has no rows and version 0.
func (s *Reader) Table(t Table) *TableReader {
	s.endTable()
	out := &TableReader{from: s, decl: t}
	s.table = out
	if s.err != nil || s.head == nil || s.head.Table != t.Name {
		return out
	}
	h := s.head
	switch {
	case h.Version > t.Version:
		s.newer(h, fmt.Sprintf("has version %d and this program reads up to %d", h.Version, t.Version))
	case h.Version < 1:
		s.Fail(fmt.Sprintf("has table %s in version %d", t.Name, h.Version))
	case h.Version == t.Version && len(h.Columns) != len(t.Fields):
		s.Fail(fmt.Sprintf("has table %s with %d columns and not %d", t.Name, len(h.Columns), len(t.Fields)))
	}
	for _, c := range h.Columns {
		f, ok := t.field(c.Name)
		if ok && f.Type != c.Type || !ok && h.Version == t.Version {
			s.Fail(fmt.Sprintf("has table %s with column %s of type %s, which is not declared so", t.Name, c.Name, c.Type))
		}
	}
	if s.err != nil {
		return out
	}
	out.open, out.version = true, h.Version
	out.columns = make(map[string]int, len(h.Columns))
	for i, c := range h.Columns {
		out.columns[c.Name] = i
	}
	return out
}

func (s *Reader) newer(h *header, how string) {
	if s.err == nil {
		s.err = pipeline.Errorf("snapshot.version", "table %s in the snapshot of %s %s: use the program that wrote it, or start without snapshots", h.Table, s.component, how)
	}
	s.head = nil
}

// endTable reads what is left of the present table, and the header of the next.
func (s *Reader) endTable() {
	if s.table == nil {
		return
	}
	for s.table.batch() {
	}
	s.table = nil
}

// Close checks that all was read and returns the first error.
func (s *Reader) Close() error {
	s.endTable()
	if s.err == nil && s.head != nil {
		s.newer(s.head, "is one that this program does not know, or out of order")
	}
	if s.err == nil {
		if n, err := s.frames.in.Read(make([]byte, 1)); n > 0 || !errors.Is(err, io.EOF) {
			s.Fail("goes on after its end")
		}
	}
	return s.err
}

// TableReader reads a table row by row; the columns of a row are asked for by name. What it returns of a column that the
// snapshot does not have is the declared default. Slices are borrowed until the next row.
type TableReader struct {
	from    *Reader
	decl    Table
	open    bool // its end is not read yet
	version int
	columns map[string]int
	arrays  []arrow.Array
	row, n  int
	// rows were read so far; end is where in the snapshot the table ended.
	rows, end int64
}

// Version returns the version of the table in the snapshot, 0 if it has none.
func (t *TableReader) Version() int { return t.version }

// Has tells whether the snapshot has the column. One that is not declared any more can be read, too.
func (t *TableReader) Has(column string) bool {
	_, ok := t.columns[column]
	return ok
}

// Next goes to the next row; false is the end, or an error.
func (t *TableReader) Next() bool {
	for t.row++; t.row >= t.n; {
		if !t.batch() {
			return false
		}
		t.row = 0
	}
	return t.from.err == nil
}

// batch reads the next record batch, or the end of the table.
func (t *TableReader) batch() bool {
	s := t.from
	t.arrays, t.n = nil, 0
	if !t.open || s.err != nil {
		t.open = false
		return false
	}
	part, err := s.frames.next()
	switch {
	case err != nil:
		s.Fail(err.Error())
	case part == nil:
		s.Fail("has a table without an end")
	case string(part) == arrowipc.EndOfStream:
		t.open, t.end = false, s.frames.read
		s.readHead()
		if s.err == nil && s.head != nil && s.head.Component != s.component {
			s.Fail("belongs to " + s.head.Component)
		}
		return false
	default:
		rec, err := recordBatch(s.schema, s.fields, part)
		if err != nil {
			s.Fail(err.Error())
			return false
		}
		t.arrays, t.n = rec.Columns(), int(rec.NumRows())
		t.rows += rec.NumRows()
		return true
	}
	return false
}

// column returns the array of a column as A, ok only if the snapshot has it so.
func column[A arrow.Array](t *TableReader, name string) (a A, ok bool) {
	i, found := t.columns[name]
	if !found || t.arrays == nil {
		return a, false
	}
	a, ok = t.arrays[i].(A)
	if !ok {
		t.from.Fail(fmt.Sprintf("has column %s of table %s in another type", name, t.decl.Name))
	}
	return a, ok
}

// missing returns the declared default of a column.
func missing[V any](t *TableReader, name string) (v V) {
	if f, ok := t.decl.field(name); ok && f.Default != nil {
		v, ok = f.Default.(V)
		if !ok {
			panic(fmt.Sprintf("BUG: the default of column %s in table %s is a %T", name, t.decl.Name, f.Default))
		}
	}
	return v
}

// Bool, and the others like it, return the row's value in a column.
func (t *TableReader) Bool(name string) bool {
	if a, ok := column[*array.Boolean](t, name); ok {
		return a.Value(t.row)
	}
	return missing[bool](t, name)
}

func (t *TableReader) Uint16(name string) uint16 {
	if a, ok := column[*array.Uint16](t, name); ok {
		return a.Value(t.row)
	}
	return missing[uint16](t, name)
}

func (t *TableReader) Uint32(name string) uint32 {
	if a, ok := column[*array.Uint32](t, name); ok {
		return a.Value(t.row)
	}
	return missing[uint32](t, name)
}

func (t *TableReader) Uint64(name string) uint64 {
	if a, ok := column[*array.Uint64](t, name); ok {
		return a.Value(t.row)
	}
	return missing[uint64](t, name)
}

func (t *TableReader) Int64(name string) int64 {
	if a, ok := column[*array.Int64](t, name); ok {
		return a.Value(t.row)
	}
	return missing[int64](t, name)
}

func (t *TableReader) Float64(name string) float64 {
	if a, ok := column[*array.Float64](t, name); ok {
		return a.Value(t.row)
	}
	return missing[float64](t, name)
}

// Text returns a text of its own, not borrowed.
func (t *TableReader) Text(name string) string {
	if a, ok := column[*array.String](t, name); ok {
		return string(append([]byte(nil), a.Value(t.row)...))
	}
	return missing[string](t, name)
}

// JSON reads the JSON in a column of type Text into a value. Other text fails the snapshot.
func (t *TableReader) JSON(name string, into any) {
	if a, ok := column[*array.String](t, name); ok {
		if err := json.Unmarshal([]byte(a.Value(t.row)), into); err != nil {
			t.from.Fail(fmt.Sprintf("has a row in table %s that can't be read (%v)", t.decl.Name, err))
		}
	}
}

func (t *TableReader) Bytes(name string) []byte {
	if a, ok := column[*array.Binary](t, name); ok {
		return a.Value(t.row)
	}
	return missing[[]byte](t, name)
}

func (t *TableReader) Ints(name string) []int64 {
	if a, ok := column[*array.List](t, name); ok {
		from, to := a.ValueOffsets(t.row)
		if v, ok := a.ListValues().(*array.Int64); ok {
			return v.Int64Values()[from:to]
		}
		t.from.Fail(fmt.Sprintf("has column %s of table %s in another type", name, t.decl.Name))
	}
	return missing[[]int64](t, name)
}

func (t *TableReader) Floats(name string) []float64 {
	if a, ok := column[*array.List](t, name); ok {
		from, to := a.ValueOffsets(t.row)
		if v, ok := a.ListValues().(*array.Float64); ok {
			return v.Float64Values()[from:to]
		}
		t.from.Fail(fmt.Sprintf("has column %s of table %s in another type", name, t.decl.Name))
	}
	return missing[[]float64](t, name)
}

// FloatsOf returns numbers that older snapshots have under an older name, as whole ones of a unit.
func (t *TableReader) FloatsOf(name, older string, unit float64) []float64 {
	if t.Has(name) {
		return t.Floats(name)
	}
	counts := t.Ints(older)
	out := make([]float64, len(counts))
	for i, n := range counts {
		out[i] = float64(n) / unit
	}
	return out
}

// Within tells whether numbers that were read are such as are kept: none is farther from zero than the most that any is. What is not known
// is not a number.
func Within(most float64, values ...float64) bool {
	for _, x := range values {
		if math.Abs(x) > most {
			return false
		}
	}
	return true
}
