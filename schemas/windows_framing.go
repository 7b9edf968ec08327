package schemas

import (
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/homeostat/homeostat/pipeline"
)

// windowSchemaMessage is the first message of every body of window.v1, to the byte: the schema as our writer encodes it.
// To compare it is safer than to parse it, since a hostile schema can nest without end. Should another version of
// Arrow encode the same schema in other bytes, a test fails, and those become a second accepted message.
//
//go:embed window_schema.arrow
var windowSchemaMessage string

const (
	// continuation precedes the length of each message; a length of 0 ends the stream.
	continuation = "\xff\xff\xff\xff"
	endOfStream  = continuation + "\x00\x00\x00\x00"

	messageHeaderType, messageHeader, messageBody = 6, 8, 10 // slots in the table Message (Arrow format, Message.fbs)
	recordBatchCompression                        = 10       // slot in the table RecordBatch
	recordBatchHeader                             = 3        // value of the union MessageHeader
)

// windowMessages cuts a body into its messages: the schema, exactly one record batch, and the end of the stream. Lengths are
// taken from where things are, never from what the bytes claim. It panics on some malformed bytes.
func windowMessages(data []byte) (*messageList, error) {
	rest, ok := strings.CutPrefix(string(data[:min(len(data), len(windowSchemaMessage))]), windowSchemaMessage)
	if !ok || rest != "" {
		return nil, errors.New("it does not begin with the schema of closed windows")
	}
	batch := data[len(windowSchemaMessage):]
	if len(batch) < 8+len(endOfStream) || string(batch[:4]) != continuation || string(batch[len(batch)-len(endOfStream):]) != endOfStream {
		return nil, errors.New("its record batch is cut off")
	}
	size := int64(binary.LittleEndian.Uint32(batch[4:]))
	batch = batch[8 : len(batch)-len(endOfStream)]
	if size < 16 || size > int64(len(batch)) {
		return nil, fmt.Errorf("its record batch claims %d bytes of metadata and there are %d", size, len(batch))
	}
	meta, body := batch[:size], batch[size:]
	root := int(binary.LittleEndian.Uint32(meta))
	if kind := tableField(meta, root, messageHeaderType); kind == 0 || meta[kind] != recordBatchHeader {
		return nil, errors.New("its second message is no record batch")
	}
	claimed := uint64(0)
	if at := tableField(meta, root, messageBody); at != 0 {
		claimed = binary.LittleEndian.Uint64(meta[at:])
	}
	if claimed != uint64(len(body)) {
		return nil, errors.New("its record batch is not as long as it says")
	}
	header := tableField(meta, root, messageHeader)
	header += int(binary.LittleEndian.Uint32(meta[header:]))
	if tableField(meta, header, recordBatchCompression) != 0 {
		return nil, errors.New("its record batch is compressed")
	}
	list := &messageList{}
	list.add([]byte(windowSchemaMessage[8:]), nil)
	list.add(meta, body)
	return list, nil
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

// messageList hands messages to the Arrow reader, which would otherwise allocate whatever length the bytes claim.
type messageList struct{ messages []*ipc.Message }

func (l *messageList) add(meta, body []byte) {
	l.messages = append(l.messages, ipc.NewMessage(memory.NewBufferBytes(meta), memory.NewBufferBytes(body)))
}

// Message implements ipc.MessageReader.
func (l *messageList) Message() (*ipc.Message, error) {
	if len(l.messages) == 0 {
		return nil, io.EOF
	}
	m := l.messages[0]
	l.messages = l.messages[1:]
	return m, nil
}

// Retain and Release implement ipc.MessageReader; the memory is the caller's.
func (l *messageList) Retain()  {}
func (l *messageList) Release() {}

// bounded panics when more is allocated than it allows; DecodeWindows recovers.
type bounded struct {
	memory.Allocator
	left int
}

func (b *bounded) take(size int) {
	if size > b.left {
		panic(pipeline.Errorf("window.size", "it claims to be larger than it is"))
	}
	b.left -= size
}

func (b *bounded) Allocate(size int) []byte {
	b.take(size)
	return b.Allocator.Allocate(size)
}

func (b *bounded) Reallocate(size int, old []byte) []byte {
	b.take(size - len(old))
	return b.Allocator.Reallocate(size, old)
}
