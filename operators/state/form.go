package state

import (
	"bytes"
	"encoding/binary"
	"sync"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/homeostat/homeostat/schemas/arrowipc"
)

// form is what all tables of one declaration have in common. Arrow is slow to begin one, and most tables have few rows.
type form struct {
	head          []byte
	schema        *arrow.Schema
	schemaMessage []byte
	pens          sync.Pool
}

// pen makes record batches of rows and writes them. One table at a time uses it.
type pen struct {
	rows  *array.RecordBuilder
	cells []cell
	out   *ipc.Writer
	to    *Writer
	first []byte // what came while there was no writer: the schema's message
}

// forms are those made so far, by their headers. There are as many as declarations in the program; snapshots of strangers could
// have more, so their number is bounded.
var forms struct {
	sync.RWMutex
	by map[string]*form
}

const mostForms = 1000

// formOf returns the form of a header. A header that is none is a BUG and panics.
func formOf(h *header) *form {
	head := h.encode()
	forms.RLock()
	f := forms.by[string(head)]
	forms.RUnlock()
	if f != nil {
		return f
	}
	schema, err := h.schema()
	if err != nil {
		panic("BUG: the declaration of table " + h.Table + " " + err.Error())
	}
	f = &form{head: head, schema: schema}
	p := f.newPen()
	f.schemaMessage, p.first = p.first, nil
	f.pens.Put(p)
	forms.Lock()
	defer forms.Unlock()
	if forms.by == nil {
		forms.by = map[string]*form{}
	}
	if len(forms.by) < mostForms {
		forms.by[string(head)] = f
	}
	return f
}

// pen returns a pen that writes to a writer, until it is taken back.
func (f *form) pen(to *Writer) *pen {
	p, ok := f.pens.Get().(*pen)
	if !ok {
		p = f.newPen()
	}
	p.to = to
	return p
}

// takeBack takes a pen back that has no rows left.
func (f *form) takeBack(p *pen) {
	p.to = nil
	f.pens.Put(p)
}

// newPen makes a pen that has written the schema to nobody.
func (f *form) newPen() *pen {
	p := &pen{rows: array.NewRecordBuilder(memory.DefaultAllocator, f.schema)}
	for _, b := range p.rows.Fields() {
		p.cells = append(p.cells, cellOf(b))
	}
	p.out = ipc.NewWriterWithPayloadWriter(p, ipc.WithSchema(f.schema), ipc.WithAllocator(memory.DefaultAllocator))
	empty := p.rows.NewRecord()
	defer empty.Release()
	if err := p.out.Write(empty); err != nil {
		panic("BUG: a schema of plain columns can't be written: " + err.Error())
	}
	return p
}

// Start implements ipc.PayloadWriter.
func (*pen) Start() error { return nil }

// Close implements ipc.PayloadWriter.
func (*pen) Close() error { return nil }

// WritePayload implements ipc.PayloadWriter: each Arrow message is a frame.
func (p *pen) WritePayload(payload ipc.Payload) error {
	if p.to == nil && p.first != nil {
		return nil
	}
	meta := payload.Meta()
	defer meta.Release()
	var b bytes.Buffer
	size := (meta.Len() + 7) &^ 7
	b.WriteString(arrowipc.Continuation)
	b.Write(binary.LittleEndian.AppendUint32(nil, uint32(size)))
	b.Write(meta.Bytes())
	b.Write(make([]byte, size-meta.Len()))
	if err := payload.SerializeBody(&b); err != nil {
		return err
	}
	if p.to == nil {
		p.first = b.Bytes()
		return nil
	}
	p.to.frame(b.Bytes())
	return p.to.err
}
