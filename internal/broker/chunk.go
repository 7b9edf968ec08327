package broker

import (
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/homeostat/homeostat/pipeline"
)

// Chunk is what one answer holds of one partition: whole batches, in order.
type Chunk struct {
	TopicPartition
	// Records are borrowed, with all their bytes, until Release. May be empty.
	Records []pipeline.Record
	// Next is the position behind the chunk. It also moves when no record is delivered, over transaction markers, aborted
	// records and what compaction left of a batch.
	Next int64
	// Stable is the last stable offset and HighWatermark the end of the log when the broker answered.
	// A reader of committed records has caught up when Next >= Stable.
	Stable, HighWatermark int64
	// Bytes is the memory that the chunk holds until Release.
	Bytes int
	// Err, if set, says why the partition stopped behind these records: *CorruptError, *GapError, or an Error with a code.
	// It stays stopped until Assign or Remove.
	Err error

	mem   *memory
	lease uint32
}

// Release gives the chunk's memory back. Any goroutine may call it. Copies of a chunk share one memory; a second Release
// does nothing.
func (c *Chunk) Release() {
	if c.mem != nil && c.mem.lease.CompareAndSwap(c.lease, c.lease+1) {
		c.mem.pool.put(c.mem)
	}
	c.mem, c.Records = nil, nil
}

// memory is what a chunk borrows: the bytes, and the records and headers that point into them.
type memory struct {
	pool    *memoryPool
	lease   atomic.Uint32 // counts up with each release, so that a late second one cannot hit the next user
	buffers []*buffer
	bytes   int // in buffers
	records []pipeline.Record
	headers []pipeline.Header
}

func (m *memory) hold(b *buffer) {
	m.buffers = append(m.buffers, b)
	m.bytes += len(b.bytes)
}

func (m *memory) drop(b *buffer) {
	for i := range m.buffers {
		if m.buffers[i] == b {
			m.buffers = append(m.buffers[:i], m.buffers[i+1:]...)
			m.bytes -= len(b.bytes)
			buffers.put(b)
			return
		}
	}
}

func (m *memory) size() int {
	n := len(m.records)*int(unsafe.Sizeof(pipeline.Record{})) + len(m.headers)*int(unsafe.Sizeof(pipeline.Header{}))
	for _, b := range m.buffers {
		n += cap(b.bytes)
	}
	return n
}

type memoryPool struct{ free sync.Pool }

func (p *memoryPool) get() *memory {
	if m, ok := p.free.Get().(*memory); ok {
		return m
	}
	return &memory{pool: p}
}

func (p *memoryPool) put(m *memory) {
	for _, b := range m.buffers {
		buffers.put(b)
	}
	clear(m.buffers)
	clear(m.records) // so that idle memory does not keep other buffers alive
	clear(m.headers)
	m.buffers, m.bytes, m.records, m.headers = m.buffers[:0], 0, m.records[:0], m.headers[:0]
	p.free.Put(m)
}
