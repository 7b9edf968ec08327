package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

const (
	// maxFrame bounds a part of a snapshot, and with it a row.
	maxFrame = 256 << 20

	messageHeaderType, messageHeader, messageBody = 6, 8, 10 // slots in the table Message (Arrow format, Message.fbs)
	recordBatchCompression                        = 10       // slot in the table RecordBatch
	recordBatchHeader                             = 3        // value of the union MessageHeader
)

var errShort = errors.New("ends early")

// frames reads the parts of a snapshot.
type frames struct {
	in  io.Reader
	buf []byte
	// read counts all bytes so far.
	read int64
}

// next returns the next part, valid until the following call; nil is the end.
func (f *frames) next() ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(f.in, length[:]); err != nil {
		return nil, errShort
	}
	n := int(binary.LittleEndian.Uint32(length[:]))
	f.read += int64(4 + n)
	if n > maxFrame {
		return nil, errors.New("has a part of impossible length")
	}
	if n == 0 {
		return nil, nil
	}
	// The buffer doubles as bytes really come, so that a length alone allocates next to nothing.
	for have := 0; have < n; {
		if len(f.buf) < n && have == len(f.buf) {
			grown := make([]byte, min(n, max(4096, 2*len(f.buf))))
			copy(grown, f.buf[:have])
			f.buf = grown
		}
		to := min(n, len(f.buf))
		if _, err := io.ReadFull(f.in, f.buf[have:to]); err != nil {
			return nil, errShort
		}
		have = to
	}
	return f.buf[:n], nil
}

// message cuts a part into metadata and body of an Arrow message.
func message(part []byte) (meta, body []byte, err error) {
	if len(part) < 8 || string(part[:4]) != continuation {
		return nil, nil, errors.New("has a part that is no Arrow message")
	}
	size := int64(binary.LittleEndian.Uint32(part[4:]))
	if size < 16 || size > int64(len(part)-8) {
		return nil, nil, errors.New("has an Arrow message whose metadata is cut off")
	}
	return part[8 : 8+size], part[8+size:], nil
}

// recordBatch reads a part as a record batch of the schema, checked so that no access to its values panics. The record's memory
// is Go's and needs no release.
func recordBatch(schema *ipc.Message, fields *arrow.Schema, part []byte) (rec arrow.Record, err error) {
	// The Arrow reader panics on some malformed bytes.
	defer func() {
		if p := recover(); p != nil {
			rec, err = nil, fmt.Errorf("has a malformed record batch (%v)", p)
		}
	}()
	meta, body, err := message(part)
	if err != nil {
		return nil, err
	}
	if err := plainBatch(meta, body); err != nil {
		return nil, err
	}
	list := &messages{schema, ipc.NewMessage(memory.NewBufferBytes(meta), memory.NewBufferBytes(body))}
	budget := &bounded{Allocator: memory.NewGoAllocator(), left: 2*len(part) + 64<<10}
	r, err := ipc.NewReaderFromMessageReader(list, ipc.WithAllocator(budget))
	if err != nil {
		return nil, fmt.Errorf("has a malformed table (%w)", err)
	}
	defer r.Release()
	if !r.Next() {
		return nil, fmt.Errorf("has a malformed record batch (%w)", r.Err())
	}
	rec = r.Record()
	rec.Retain()
	if !rec.Schema().Equal(fields) {
		return nil, errors.New("has a table of another schema than it says")
	}
	for i, col := range rec.Columns() {
		if err := whole(col, int(rec.NumRows())); err != nil {
			return nil, fmt.Errorf("has a column %q %w", rec.ColumnName(i), err)
		}
	}
	return rec, nil
}

// plainBatch checks that metadata is that of an uncompressed record batch of that body. It panics on malformed bytes.
func plainBatch(meta, body []byte) error {
	root := int(binary.LittleEndian.Uint32(meta))
	if kind := tableField(meta, root, messageHeaderType); kind == 0 || meta[kind] != recordBatchHeader {
		return errors.New("has an Arrow message that is no record batch")
	}
	claimed := uint64(0)
	if at := tableField(meta, root, messageBody); at != 0 {
		claimed = binary.LittleEndian.Uint64(meta[at:])
	}
	if claimed != uint64(len(body)) {
		return errors.New("has a record batch that is not as long as it says")
	}
	header := tableField(meta, root, messageHeader)
	header += int(binary.LittleEndian.Uint32(meta[header:]))
	if tableField(meta, header, recordBatchCompression) != 0 {
		return errors.New("has a compressed record batch")
	}
	return nil
}

// tableField returns where a field of a flatbuffers table is, 0 if it is absent.
func tableField(buf []byte, table, slot int) int {
	vtable := table - int(int32(binary.LittleEndian.Uint32(buf[table:])))
	if slot >= int(binary.LittleEndian.Uint16(buf[vtable:])) {
		return 0
	}
	offset := int(binary.LittleEndian.Uint16(buf[vtable+slot:]))
	if offset == 0 {
		return 0
	}
	return table + offset
}

// whole checks that a column has n values, no nulls, and offsets that stay inside of its values.
func whole(col arrow.Array, n int) error {
	if col.Len() != n || col.NullN() > 0 || col.Data().Offset() != 0 {
		return errors.New("with another number of values than rows")
	}
	have := n
	switch col := col.(type) {
	case *array.Boolean:
		if b := col.Data().Buffers()[1]; n > 0 && (b == nil || b.Len() < (n+7)/8) {
			have = -1
		}
	case *array.Uint16:
		have = len(col.Uint16Values())
	case *array.Uint32:
		have = len(col.Uint32Values())
	case *array.Uint64:
		have = len(col.Uint64Values())
	case *array.Int64:
		have = len(col.Int64Values())
	case *array.Float64:
		have = len(col.Float64Values())
	case *array.String:
		return ordered(col.Data().Buffers()[1], n, bufferLen(col.Data().Buffers()[2]))
	case *array.Binary:
		return ordered(col.Data().Buffers()[1], n, bufferLen(col.Data().Buffers()[2]))
	case *array.List:
		values := col.ListValues()
		if err := whole(values, values.Len()); err != nil {
			return err
		}
		return ordered(col.Data().Buffers()[1], n, values.Len())
	default:
		return errors.New("of an unknown type")
	}
	if have != n {
		return errors.New("that is cut off")
	}
	return nil
}

func bufferLen(b *memory.Buffer) int {
	if b == nil {
		return 0
	}
	return b.Len()
}

// ordered checks n+1 offsets into that many values.
func ordered(buffer *memory.Buffer, n, values int) error {
	if n == 0 {
		return nil
	}
	if buffer == nil || buffer.Len() < 4*(n+1) {
		return errors.New("whose offsets are cut off")
	}
	last := int32(0)
	for _, o := range arrow.Int32Traits.CastFromBytes(buffer.Bytes())[:n+1] {
		if o < last || int(o) > values {
			return errors.New("whose offsets are out of order")
		}
		last = o
	}
	return nil
}

// messages hands messages to the Arrow reader, which would otherwise allocate whatever length the bytes claim.
type messages []*ipc.Message

// Message implements ipc.MessageReader.
func (l *messages) Message() (*ipc.Message, error) {
	if len(*l) == 0 {
		return nil, io.EOF
	}
	m := (*l)[0]
	*l = (*l)[1:]
	return m, nil
}

// Retain and Release implement ipc.MessageReader.
func (l *messages) Retain()  {}
func (l *messages) Release() {}

// bounded panics when more is allocated than it allows; recordBatch recovers.
type bounded struct {
	memory.Allocator
	left int
}

func (b *bounded) take(size int) {
	if size < 0 || size > b.left {
		panic("it claims to be larger than it is")
	}
	b.left -= size
}

func (b *bounded) Allocate(size int) []byte {
	b.take(size)
	return b.Allocator.Allocate(size)
}

func (b *bounded) Reallocate(size int, old []byte) []byte {
	b.take(max(0, size-len(old)))
	return b.Allocator.Reallocate(size, old)
}
