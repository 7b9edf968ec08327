package arrow

import (
	"encoding/binary"
	"errors"
)

const (
	// continuation stands before each message, and the length of its head behind it: four bytes each.
	continuation = "\xff\xff\xff\xff"
	framing      = 8
)

// message is one of a stream.
type message struct {
	flat
	kind   int
	header int // its table
	body   []byte
}

// Kinds of messages (Arrow format, Message.fbs).
const (
	kindSchema     = 1
	kindDictionary = 2
	kindBatch      = 3
)

// nextMessage cuts a message off a stream; there is none at its end.
func nextMessage(b []byte) (m message, rest []byte, more bool, err error) {
	if len(b) == 0 {
		return m, nil, false, nil
	}
	if len(b) < framing || string(b[:4]) != continuation {
		return m, nil, false, errors.New("a message does not begin as one")
	}
	size := int(binary.LittleEndian.Uint32(b[4:]))
	b = b[framing:]
	switch {
	case size == 0 && len(b) > 0:
		return m, nil, false, errors.New("it goes on after its end")
	case size == 0:
		return m, nil, false, nil
	case size > len(b):
		return m, nil, false, errors.New("a message is longer than what is there")
	}
	m.b, b = b[:size], b[size:]
	root := m.root()
	m.kind = int(m.number(root, 1, 1, 0))
	m.header = m.table(root, 2)
	length := m.number(root, 3, 8, 0)
	if m.broken || m.header == 0 {
		return m, nil, false, errors.New("a message's head is broken")
	}
	if length < 0 || length > int64(len(b)) {
		return m, nil, false, errors.New("a message's body is longer than what is there")
	}
	m.body = b[:length]
	return m, b[length:], true, nil
}

// batch is a record batch, or the values of a dictionary.
type batch struct {
	*message
	rows             int
	nodes, buffers   int // where they are
	nodeCount, count int
}

// errCompressed has a remedy of its own.
var errCompressed = errors.New("a batch is compressed, which is not read here: have the producer write without compression")

func readBatch(m *message, table int) (batch, error) {
	b := batch{message: m}
	length := m.number(table, 0, 8, 0)
	b.nodes, b.nodeCount = m.vector(table, 1, 16)
	b.buffers, b.count = m.vector(table, 2, 16)
	if m.field(table, 3) != 0 {
		return b, errCompressed
	}
	if m.broken || length < 0 || length > 1<<31 {
		return b, errors.New("a batch's head is broken")
	}
	b.rows = int(length)
	return b, nil
}

// buffer returns a buffer of the batch.
func (b *batch) buffer(i int) ([]byte, error) {
	offset, length := b.i64(b.buffers+16*i), b.i64(b.buffers+16*i+8)
	if i >= b.count || offset < 0 || length < 0 || offset > int64(len(b.body)) || length > int64(len(b.body))-offset {
		return nil, errors.New("a column lies outside of its batch")
	}
	return b.body[offset : offset+length], nil
}

// values are those of a column in a batch. Whoever reads them keeps below rows.
type values struct {
	form  form
	size  int
	valid []byte // a bit a row; empty if none is null
	data  []byte // numbers, indices, or offsets
	text  []byte
	rows  int
}

// column returns the values of a column whose first node and buffer are told.
func (b *batch) column(f form, size, node, first int) (v values, err error) {
	v = values{form: f, size: size, rows: b.rows}
	if node >= b.nodeCount {
		return v, errors.New("a batch has fewer columns than the schema")
	}
	if length := b.i64(b.nodes + 16*node); length != int64(b.rows) {
		return v, errors.New("a column is not as long as its batch")
	}
	if v.valid, err = b.buffer(first); err != nil {
		return v, err
	}
	if b.i64(b.nodes+16*node+8) == 0 {
		v.valid = nil
	} else if len(v.valid) > 0 && len(v.valid) < (b.rows+7)/8 {
		return v, errShort
	}
	if v.data, err = b.buffer(first + 1); err != nil {
		return v, err
	}
	need := b.rows
	if f == text || f == largeText {
		if v.text, err = b.buffer(first + 2); err != nil {
			return v, err
		}
		if need++; b.rows == 0 {
			need = 0 // there may be no offset at all
		}
	}
	if len(v.data)/size < need {
		return v, errShort
	}
	return v, nil
}

var errShort = errors.New("a column is shorter than its batch")

func (v *values) null(row int) bool { return len(v.valid) > 0 && v.valid[row/8]>>(row%8)&1 == 0 }

// integer reads a whole number.
func (v *values) integer(row int) int64 {
	switch b := v.data[row*v.size:]; v.size {
	case 1:
		if v.form == unsigned {
			return int64(b[0])
		}
		return int64(int8(b[0]))
	case 2:
		if v.form == unsigned {
			return int64(binary.LittleEndian.Uint16(b))
		}
		return int64(int16(binary.LittleEndian.Uint16(b)))
	case 4:
		if v.form == unsigned {
			return int64(binary.LittleEndian.Uint32(b))
		}
		return int64(int32(binary.LittleEndian.Uint32(b)))
	default:
		return int64(binary.LittleEndian.Uint64(b))
	}
}

// piece returns a text.
func (v *values) piece(row int) ([]byte, error) {
	var from, to uint64
	if v.size == 4 {
		from, to = uint64(binary.LittleEndian.Uint32(v.data[4*row:])), uint64(binary.LittleEndian.Uint32(v.data[4*row+4:]))
	} else {
		from, to = binary.LittleEndian.Uint64(v.data[8*row:]), binary.LittleEndian.Uint64(v.data[8*row+8:])
	}
	if from > to || to > uint64(len(v.text)) {
		return nil, errors.New("a text lies outside of its column")
	}
	return v.text[from:to], nil
}

// dictionary holds the values of one id: in parts, as deltas add to it.
type dictionary struct {
	id    int64
	parts []values
}

// at returns a value; nil is null.
func (d *dictionary) at(i int64) ([]byte, error) {
	if i >= 0 {
		for p := range d.parts {
			v := &d.parts[p]
			if i < int64(v.rows) {
				if v.null(int(i)) {
					return nil, nil
				}
				return v.piece(int(i))
			}
			i -= int64(v.rows)
		}
	}
	return nil, errors.New("a row has a value that its dictionary does not have")
}
