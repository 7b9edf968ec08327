// Package arrowipc checks Arrow IPC messages of bytes that nobody vouches for, before Arrow's reader sees them: it allocates
// whatever length they claim, and panics on some of them. Lengths are taken from where things are, never from the claim.
//
// Functions say so where they panic on malformed bytes: their callers recover, as they must for Arrow's reader anyway.
package arrowipc

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

const (
	// Continuation precedes the length of each message's metadata; a length of 0 ends the stream.
	Continuation = "\xff\xff\xff\xff"
	// EndOfStream ends a stream.
	EndOfStream = Continuation + "\x00\x00\x00\x00"
	// Framing is the number of bytes before a message's metadata.
	Framing = 8
)

// Slots in the table Message, and a value of the union MessageHeader (Arrow format, Message.fbs).
const (
	messageHeaderType, MessageHeader, MessageBody = 6, 8, 10
	recordBatchHeader                             = 3
	recordBatchCompression                        = 10 // slot in the table RecordBatch
)

// Field returns where a field of a flatbuffers table is, 0 if it is absent. It panics on malformed bytes.
func Field(buf []byte, table, slot int) int {
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

// Follow returns where the offset at a place leads. It panics on malformed bytes.
func Follow(buf []byte, at int) int { return at + int(binary.LittleEndian.Uint32(buf[at:])) }

// BodyLength is the length of the body that a message's metadata claims. It panics on malformed bytes.
func BodyLength(meta []byte) uint64 {
	at := Field(meta, Follow(meta, 0), MessageBody)
	if at == 0 {
		return 0
	}
	return binary.LittleEndian.Uint64(meta[at:])
}

// CheckBatch checks that metadata is that of an uncompressed record batch of that body. Its errors go on from what has the message:
// "is no record batch". It panics on malformed bytes.
func CheckBatch(meta, body []byte) error {
	root := Follow(meta, 0)
	if kind := Field(meta, root, messageHeaderType); kind == 0 || meta[kind] != recordBatchHeader {
		return errors.New("is no record batch")
	}
	if BodyLength(meta) != uint64(len(body)) {
		return errors.New("is not as long as it says")
	}
	if Field(meta, Follow(meta, Field(meta, root, MessageHeader)), recordBatchCompression) != 0 {
		return errors.New("is compressed")
	}
	return nil
}

// Messages hands messages to Arrow's reader without copying them. Their memory is the caller's.
type Messages []*ipc.Message

// Add appends a message. The bytes are borrowed.
func (l *Messages) Add(meta, body []byte) {
	*l = append(*l, ipc.NewMessage(memory.NewBufferBytes(meta), memory.NewBufferBytes(body)))
}

// Message implements ipc.MessageReader.
func (l *Messages) Message() (*ipc.Message, error) {
	if len(*l) == 0 {
		return nil, io.EOF
	}
	m := (*l)[0]
	*l = (*l)[1:]
	return m, nil
}

// Retain and Release implement ipc.MessageReader.
func (l *Messages) Retain()  {}
func (l *Messages) Release() {}

// Bounded is an allocator of Go's heap for one goroutine, which panics when more is asked for than it allows in bytes: what
// a panic leaves behind goes too.
func Bounded(limit int) memory.Allocator {
	return &bounded{Allocator: memory.NewGoAllocator(), left: limit}
}

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
