package schemas

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/arrowipc"
)

// frames are the messages of an Arrow IPC stream of the columns topic, as Arrow's own writer makes them, for one kind of rows. All
// messages of the kind differ in numbers at places that are known, so they are written and read without building and parsing metadata.
// Bytes that don't fit are left to Arrow's reader.
type frames struct {
	schema             []byte
	dictionary, record frame
}

// frame is a message's metadata, with its framing. What stands between the places is the same in all messages.
type frame struct {
	meta []byte
	// rows are where the number of rows stands, body is where the body's length does, and buffers are where the buffers'
	// offsets do, each with its length behind it. The places are those of 64-bit numbers.
	rows, buffers []int
	body          int
}

var (
	pointFrames = sync.OnceValue(func() *frames { return newFrames(pipeline.Points) })
	logFrames   = sync.OnceValue(func() *frames { return newFrames(pipeline.Logs) })
)

func framesOf(k pipeline.Kind) *frames {
	if k == pipeline.Logs {
		return logFrames()
	}
	return pointFrames()
}

// newFrames lets Arrow's writer write a message, and looks where its numbers are. No number in it is 0, which the format would leave out.
func newFrames(k pipeline.Kind) *frames {
	r := &Rows{Kind: k, Dictionary: []byte("x"), Entry: []int32{0, 1}, Series: []int32{0}, Time: []int64{0}}
	if k == pipeline.Points {
		r.Start, r.Value = []int64{0}, []float64{0}
	} else {
		r.Severity, r.Offset, r.Bytes = []uint8{0}, []int32{0, 1}, []byte("x")
	}
	data, err := encodeArrow(r)
	if err != nil {
		panic("BUG: one row cannot be written: " + err.Error())
	}
	f := &frames{}
	var rest []byte
	f.schema, rest = cutMessage(data)
	dictionary, rest := cutMessage(rest)
	record, rest := cutMessage(rest)
	f.dictionary, f.record = newFrame(dictionary, true), newFrame(record, false)
	if string(rest) != arrowipc.EndOfStream {
		panic("BUG: a stream of one row has other messages than expected")
	}
	return f
}

// cutMessage cuts a message with its body off.
func cutMessage(data []byte) (message, rest []byte) {
	size := 8 + int(binary.LittleEndian.Uint32(data[4:]))
	size += int(arrowipc.BodyLength(data[8:size]))
	return data[:size], data[size:]
}

// Slots in the tables RecordBatch and DictionaryBatch.
const (
	batchLength, batchNodes, batchBuffers = 4, 6, 8
	dictionaryData                        = 6
)

func newFrame(message []byte, dictionary bool) frame {
	const framing = arrowipc.Framing
	f := frame{meta: message[:framing+int(binary.LittleEndian.Uint32(message[4:]))]}
	meta := f.meta[framing:]
	root := arrowipc.Follow(meta, 0)
	f.body = framing + arrowipc.Field(meta, root, arrowipc.MessageBody)
	batch := arrowipc.Follow(meta, arrowipc.Field(meta, root, arrowipc.MessageHeader))
	if dictionary {
		batch = arrowipc.Follow(meta, arrowipc.Field(meta, batch, dictionaryData))
	}
	f.rows = append(f.rows, framing+arrowipc.Field(meta, batch, batchLength))
	each := func(slot int, do func(at int)) {
		vector := arrowipc.Follow(meta, arrowipc.Field(meta, batch, slot))
		for i := range int(binary.LittleEndian.Uint32(meta[vector:])) {
			do(framing + vector + 4 + 16*i)
		}
	}
	each(batchNodes, func(at int) { f.rows = append(f.rows, at) })
	each(batchBuffers, func(at int) { f.buffers = append(f.buffers, at) })
	return f
}

// padded is the room that a buffer takes in a body.
func padded(n int) int { return (n + 7) &^ 7 }

// size is the number of bytes of a message with those buffers.
func (f *frame) size(buffers [][]byte) int {
	n := len(f.meta)
	for _, b := range buffers {
		n += padded(len(b))
	}
	return n
}

// append appends a message.
func (f *frame) append(out []byte, rows int, buffers [][]byte) []byte {
	from, total := len(out), 0
	out = append(out, f.meta...)
	put := func(at int, n int) { binary.LittleEndian.PutUint64(out[from+at:], uint64(n)) }
	for i, b := range buffers {
		put(f.buffers[i], total)
		put(f.buffers[i]+8, len(b))
		total += padded(len(b))
	}
	put(f.body, total)
	for _, at := range f.rows {
		put(at, rows)
	}
	var zeros [8]byte
	for _, b := range buffers {
		out = append(out, b...)
		out = append(out, zeros[:padded(len(b))-len(b)]...)
	}
	return out
}

var errFrame = errors.New("it is framed in another way")

// cut cuts a message off data: its rows and its buffers.
func (f *frame) cut(data []byte) (rows int, buffers [][]byte, rest []byte, err error) {
	if len(data) < len(f.meta) {
		return 0, nil, nil, errFrame
	}
	get := func(at int) uint64 { return binary.LittleEndian.Uint64(data[at:]) }
	same := bytes.Clone(data[:len(f.meta)])
	keep := func(at, n int) { copy(same[at:at+n], f.meta[at:]) }
	keep(f.body, 8)
	for _, at := range f.rows {
		keep(at, 8)
	}
	for _, at := range f.buffers {
		keep(at, 16)
	}
	body := get(f.body)
	if !bytes.Equal(same, f.meta) || body > uint64(len(data)-len(f.meta)) || get(f.rows[0]) > body {
		return 0, nil, nil, errFrame
	}
	content := data[len(f.meta) : len(f.meta)+int(body)]
	for _, at := range f.rows {
		if get(at) != get(f.rows[0]) {
			return 0, nil, nil, errFrame
		}
	}
	buffers = make([][]byte, len(f.buffers))
	for i, at := range f.buffers {
		offset, n := get(at), get(at+8)
		if offset > body || n > body-offset || offset%8 != 0 {
			return 0, nil, nil, errFrame
		}
		buffers[i] = content[offset : offset+n : offset+n]
	}
	return int(get(f.rows[0])), buffers, data[len(f.meta)+int(body):], nil
}

// columnBytes is the width of the fixed columns behind the series.
func columnBytes(k pipeline.Kind) []int {
	if k == pipeline.Points {
		return []int{8, 8, 8}
	}
	return []int{8, 1}
}

// cut cuts a stream into the dictionary's buffers and the record's, whose lengths fit the numbers of rows.
func (f *frames) cut(k pipeline.Kind, data []byte) (entries int, dictionary [][]byte, rows int, record [][]byte, err error) {
	rest, ok := bytes.CutPrefix(data, f.schema)
	if !ok {
		return 0, nil, 0, nil, errFrame
	}
	if entries, dictionary, rest, err = f.dictionary.cut(rest); err != nil {
		return 0, nil, 0, nil, err
	}
	if rows, record, rest, err = f.record.cut(rest); err != nil {
		return 0, nil, 0, nil, err
	}
	fits := string(rest) == arrowipc.EndOfStream && len(dictionary[1]) == 4*(entries+1) && len(record[1]) == 4*rows
	for i, width := range columnBytes(k) {
		fits = fits && len(record[3+2*i]) == width*rows
	}
	if k == pipeline.Logs {
		fits = fits && len(record[7]) == 4*(rows+1)
	}
	if !fits {
		return 0, nil, 0, nil, errFrame
	}
	return entries, dictionary, rows, record, nil
}

// piece returns one of the texts that offsets cut.
func piece(offsets []int32, content []byte, i int) ([]byte, error) {
	from, to := offsets[i], offsets[i+1]
	if from < 0 || to < from || int(to) > len(content) {
		return nil, fmt.Errorf("text %d lies outside", i)
	}
	return content[from:to], nil
}
