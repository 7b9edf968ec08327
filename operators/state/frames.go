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

	"github.com/homeostat/homeostat/schemas/arrowipc"
)

// maxFrame bounds a part of a snapshot, and with it a row.
const maxFrame = 256 << 20

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
	if len(part) < 8 || string(part[:4]) != arrowipc.Continuation {
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
	if err := arrowipc.CheckBatch(meta, body); err != nil {
		return nil, fmt.Errorf("has an Arrow message that %w", err)
	}
	list := &arrowipc.Messages{schema}
	list.Add(meta, body)
	r, err := ipc.NewReaderFromMessageReader(list, ipc.WithAllocator(arrowipc.Bounded(2*len(part)+64<<10)))
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
