package schemas

import (
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/homeostat/homeostat/schemas/arrowipc"
)

// windowSchemaMessage is the first message of every body of window.v1, to the byte: the schema as our writer encodes it.
// To compare it is safer than to parse it, since a hostile schema can nest without end. Should another version of
// Arrow encode the same schema in other bytes, a test fails, and those become a second accepted message.
//
//go:embed window_schema.arrow
var windowSchemaMessage string

// windowMessages cuts a body into its messages: the schema, exactly one record batch, and the end of the stream. Lengths are
// taken from where things are, never from what the bytes claim. It panics on some malformed bytes.
func windowMessages(data []byte) (*arrowipc.Messages, error) {
	rest, ok := strings.CutPrefix(string(data[:min(len(data), len(windowSchemaMessage))]), windowSchemaMessage)
	if !ok || rest != "" {
		return nil, errors.New("it does not begin with the schema of closed windows")
	}
	batch := data[len(windowSchemaMessage):]
	if len(batch) < 8+len(arrowipc.EndOfStream) || string(batch[:4]) != arrowipc.Continuation || string(batch[len(batch)-len(arrowipc.EndOfStream):]) != arrowipc.EndOfStream {
		return nil, errors.New("its record batch is cut off")
	}
	size := int64(binary.LittleEndian.Uint32(batch[4:]))
	batch = batch[8 : len(batch)-len(arrowipc.EndOfStream)]
	if size < 16 || size > int64(len(batch)) {
		return nil, fmt.Errorf("its record batch claims %d bytes of metadata and there are %d", size, len(batch))
	}
	meta, body := batch[:size], batch[size:]
	if err := arrowipc.CheckBatch(meta, body); err != nil {
		return nil, fmt.Errorf("its second message %w", err)
	}
	list := &arrowipc.Messages{}
	list.Add([]byte(windowSchemaMessage[8:]), nil)
	list.Add(meta, body)
	return list, nil
}
