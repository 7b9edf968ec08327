package broker

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
	"sync"
)

// buffer is a byte slice that goes back to a pool.
type buffer struct{ bytes []byte }

const (
	smallestBuffer = 12 // 4 KiB
	largestBuffer  = 26 // 64 MiB; larger ones are left to the collector
)

// bufferPool keeps buffers by the power of two of their size.
type bufferPool struct {
	classes [largestBuffer - smallestBuffer + 1]sync.Pool
}

// buffers belongs to the message types that init registers: their decoding is called by kafka-go with nothing of ours
// in hand, so it has to be found here.
var buffers bufferPool

// get returns an empty buffer with room for n bytes.
func (p *bufferPool) get(n int) *buffer {
	class := max(bits.Len(uint(max(n, 1)-1)), smallestBuffer)
	if class > largestBuffer {
		return &buffer{bytes: make([]byte, 0, n)}
	}
	if b, ok := p.classes[class-smallestBuffer].Get().(*buffer); ok {
		return b
	}
	return &buffer{bytes: make([]byte, 0, 1<<class)}
}

// put takes a buffer back; nobody may use its bytes any more.
func (p *bufferPool) put(b *buffer) {
	poison(b.bytes)
	class := bits.Len(uint(cap(b.bytes))) - 1
	if class < smallestBuffer || class > largestBuffer {
		return
	}
	b.bytes = b.bytes[:0]
	p.classes[class-smallestBuffer].Put(b)
}

// grow makes room for n bytes more, in another buffer if need be.
func (p *bufferPool) grow(b *buffer, n int) *buffer {
	if cap(b.bytes)-len(b.bytes) >= n {
		return b
	}
	larger := p.get(max(len(b.bytes)+n, 2*cap(b.bytes)))
	larger.bytes = append(larger.bytes, b.bytes...)
	p.put(b)
	return larger
}

// largestAnswer bounds what one partition's part of a fetch answer may claim to be: a broker may exceed the limits of
// a request by one batch only.
const largestAnswer = 256 << 20

// rawBatches are the record batches of one partition in a fetch answer, as bytes. Nil if there are none.
type rawBatches struct{ *buffer }

// ReadFrom reads a size and that many bytes; kafka-go calls it while it decodes a fetch answer.
func (r *rawBatches) ReadFrom(from io.Reader) (int64, error) {
	b := buffers.get(1 << smallestBuffer)
	n, err := io.ReadFull(from, b.bytes[:4])
	if err != nil {
		return int64(n), err
	}
	size := int(int32(binary.BigEndian.Uint32(b.bytes[:4])))
	if size <= 0 {
		buffers.put(b)
		return 4, nil
	}
	if size > largestAnswer {
		return 4, fmt.Errorf("a broker announced %d bytes for one partition", size)
	}
	b = buffers.grow(b, size)
	b.bytes = b.bytes[:size]
	n, err = io.ReadFull(from, b.bytes)
	if err != nil {
		return int64(4 + n), err
	}
	r.buffer = b
	return int64(4 + n), nil
}
