package state

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/arrowipc"
)

const (
	// batchBytes is about how large the record batches of a snapshot become.
	batchBytes = 1 << 20
	// batchRows bounds their rows.
	batchRows = 64 << 10
)

// Writer writes the tables of one snapshot. Errors stick: only Close has to be checked. One goroutine uses it.
type Writer struct {
	out       *bufio.Writer
	component string
	names     map[string]bool
	table     *TableWriter
	err       error
}

// NewWriter begins the snapshot of a component.
func NewWriter(w io.Writer, component string) *Writer {
	s := &Writer{out: bufio.NewWriter(w), component: component, names: map[string]bool{}}
	_, s.err = s.out.WriteString(magic)
	return s
}

// Table begins a table, which ends with the next one or Close. All tables of a snapshot have different names.
func (s *Writer) Table(t Table) *TableWriter {
	s.endTable()
	if s.names[t.Name] {
		panic("BUG: table " + t.Name + " is written twice")
	}
	s.names[t.Name] = true
	h := header{Component: s.component, Table: t.Name, Version: t.Version, Columns: t.Fields, BySeries: t.BySeries}
	f := formOf(&h)
	s.frame(f.head)
	s.frame(f.schemaMessage)
	s.table = &TableWriter{name: t.Name, form: f, pen: f.pen(s)}
	return s.table
}

// Close ends the snapshot and returns the first error. It doesn't close what it wrote to.
func (s *Writer) Close() error {
	s.endTable()
	s.frame(nil)
	if s.err == nil {
		s.err = s.out.Flush()
	}
	if s.err != nil {
		return pipeline.Errorf("snapshot.write", "snapshot of %s can't be written: %w", s.component, s.err)
	}
	return nil
}

func (s *Writer) endTable() {
	if s.table == nil {
		return
	}
	s.fail(s.table.close())
	s.frame([]byte(arrowipc.EndOfStream))
	s.table = nil
}

func (s *Writer) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

// frame writes a part with its length.
func (s *Writer) frame(part []byte) {
	if s.err != nil {
		return
	}
	if len(part) > maxFrame {
		s.err = fmt.Errorf("a row of a table is larger than %d bytes", maxFrame)
		return
	}
	var length [4]byte
	binary.LittleEndian.PutUint32(length[:], uint32(len(part)))
	s.out.Write(length[:])
	_, s.err = s.out.Write(part)
}

// TableWriter takes the cells of a table row by row, column by column as they are declared. A cell of another type than
// declared is a BUG and panics.
type TableWriter struct {
	name string
	form *form
	*pen
	at    int // the next column
	n     int // rows in the batch
	bytes int // in the batch, about
	err   error
}

// cell is the builder of a column, in the one field that fits its type.
type cell struct {
	b      *array.BooleanBuilder
	u16    *array.Uint16Builder
	u32    *array.Uint32Builder
	u64    *array.Uint64Builder
	i64    *array.Int64Builder
	f64    *array.Float64Builder
	text   *array.StringBuilder
	binary *array.BinaryBuilder
	list   *array.ListBuilder
}

func cellOf(b array.Builder) (c cell) {
	switch b := b.(type) {
	case *array.BooleanBuilder:
		c.b = b
	case *array.Uint16Builder:
		c.u16 = b
	case *array.Uint32Builder:
		c.u32 = b
	case *array.Uint64Builder:
		c.u64 = b
	case *array.Int64Builder:
		c.i64 = b
	case *array.Float64Builder:
		c.f64 = b
	case *array.StringBuilder:
		c.text = b
	case *array.BinaryBuilder:
		c.binary = b
	case *array.ListBuilder:
		c.list = b
		values := cellOf(b.ValueBuilder())
		c.i64, c.f64 = values.i64, values.f64
	}
	return c
}

// next returns the column whose turn it is.
func (w *TableWriter) next(fits func(*cell) bool) *cell {
	c := &w.cells[w.at]
	if !fits(c) {
		panic(fmt.Sprintf("BUG: column %d of table %s is of another type", w.at, w.name))
	}
	return c
}

// done ends a cell of that many bytes, and the row with the last of them.
func (w *TableWriter) done(size int) *TableWriter {
	w.bytes += size
	if w.at++; w.at == len(w.cells) {
		w.at = 0
		if w.n++; w.n >= batchRows || w.bytes >= batchBytes {
			w.flush()
		}
	}
	return w
}

func (w *TableWriter) flush() {
	rec := w.rows.NewRecord()
	defer rec.Release()
	if w.err == nil {
		w.err = w.out.Write(rec)
	}
	w.n, w.bytes = 0, 0
}

func (w *TableWriter) close() error {
	if w.at != 0 {
		panic("BUG: the last row of table " + w.name + " is not whole")
	}
	if w.n > 0 {
		w.flush()
	}
	if w.err == nil {
		w.form.takeBack(w.pen)
	}
	return w.err
}

// Bool, and the others like it, append the row's next cell. They return the writer for the next.
func (w *TableWriter) Bool(v bool) *TableWriter {
	w.next(func(c *cell) bool { return c.b != nil }).b.Append(v)
	return w.done(1)
}

func (w *TableWriter) Uint16(v uint16) *TableWriter {
	w.next(func(c *cell) bool { return c.u16 != nil }).u16.Append(v)
	return w.done(2)
}

func (w *TableWriter) Uint32(v uint32) *TableWriter {
	w.next(func(c *cell) bool { return c.u32 != nil }).u32.Append(v)
	return w.done(4)
}

func (w *TableWriter) Uint64(v uint64) *TableWriter {
	w.next(func(c *cell) bool { return c.u64 != nil }).u64.Append(v)
	return w.done(8)
}

func (w *TableWriter) Int64(v int64) *TableWriter {
	w.next(func(c *cell) bool { return c.i64 != nil && c.list == nil }).i64.Append(v)
	return w.done(8)
}

func (w *TableWriter) Float64(v float64) *TableWriter {
	w.next(func(c *cell) bool { return c.f64 != nil && c.list == nil }).f64.Append(v)
	return w.done(8)
}

func (w *TableWriter) Text(v string) *TableWriter {
	w.next(func(c *cell) bool { return c.text != nil }).text.Append(v)
	return w.done(4 + len(v))
}

// JSON writes a value as JSON into a column of type Text. One that JSON can't say fails the snapshot.
func (w *TableWriter) JSON(v any) *TableWriter {
	raw, err := json.Marshal(v)
	if err != nil && w.err == nil {
		w.err = fmt.Errorf("a row of table %s is no JSON: %w", w.name, err)
	}
	return w.Text(string(raw))
}

func (w *TableWriter) Bytes(v []byte) *TableWriter {
	w.next(func(c *cell) bool { return c.binary != nil }).binary.Append(v)
	return w.done(4 + len(v))
}

func (w *TableWriter) Ints(v []int64) *TableWriter {
	c := w.next(func(c *cell) bool { return c.list != nil && c.i64 != nil })
	c.list.Append(true)
	c.i64.AppendValues(v, nil)
	return w.done(4 + 8*len(v))
}

// Floats takes the list in parts, as a ring has them.
func (w *TableWriter) Floats(parts ...[]float64) *TableWriter {
	c := w.next(func(c *cell) bool { return c.list != nil && c.f64 != nil })
	c.list.Append(true)
	n := 0
	for _, v := range parts {
		c.f64.AppendValues(v, nil)
		n += len(v)
	}
	return w.done(4 + 8*n)
}
