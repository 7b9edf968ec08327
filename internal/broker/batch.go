package broker

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"slices"

	"github.com/homeostat/homeostat/pipeline"
)

// Positions in a record batch of version 2, see "Record Batch" in the documentation of Apache Kafka.
const (
	atBaseOffset    = 0
	atLength        = 8
	atMagic         = 16
	atCRC           = 17
	atAttributes    = 21
	atLastDelta     = 23
	atBaseTime      = 27
	atMaxTime       = 35
	atProducerID    = 43
	atProducerEpoch = 51
	atSequence      = 53
	atCount         = 57
	batchHeader     = 61

	codecBits     = 7
	appendTime    = 1 << 3
	transactional = 1 << 4
	control       = 1 << 5
)

// smallestRecord is a record without key, value and headers.
const smallestRecord = 7

// What one chunk may hold before it stops at the next batch. One batch may exceed it.
const (
	chunkRecords = 1 << 18
	chunkBytes   = 16 << 20
	batchRecords = 1 << 20
	batchHeaders = 1 << 21
)

var (
	errChecksum = errors.New("its checksum is wrong")
	errHeader   = errors.New("its header is impossible")
	errRecord   = errors.New("a record in it does not fit into it")
	errControl  = errors.New("its transaction marker is wrong")
	errCount    = errors.New("it holds more records or headers than the limit")
	errOrder    = errors.New("it covers offsets of the batch before it")
	errCutOff   = errors.New("the broker sent only a part of it")
	errStuck    = errors.New("the broker sent batches from before the position only")
)

// batch is the header of a record batch over its bytes.
type batch struct {
	bytes []byte
	// base and last are the first and last offset that it covers; records may be missing after compaction.
	base, last int64
	count      int
	attributes uint16
	producer   int64
}

// nextBatch cuts a batch off raw. It checks what can be checked without the checksum. ok is false if raw does not hold
// the whole of it.
func nextBatch(raw []byte) (b batch, rest []byte, ok bool, err error) {
	if len(raw) < atMagic+1 {
		return batch{}, nil, false, nil
	}
	b.base, b.last = int64(binary.BigEndian.Uint64(raw[atBaseOffset:])), -1
	length := int64(int32(binary.BigEndian.Uint32(raw[atLength:])))
	if magic := raw[atMagic]; magic != 2 {
		return b, nil, true, fmt.Errorf("its format is version %d, not 2", magic)
	}
	if length < batchHeader-atLength-4 || b.base < 0 {
		return b, nil, true, errHeader
	}
	size := length + atLength + 4
	if size > int64(len(raw)) {
		return b, nil, false, nil
	}
	b.bytes = raw[:size]
	delta := int32(binary.BigEndian.Uint32(b.bytes[atLastDelta:]))
	count := int32(binary.BigEndian.Uint32(b.bytes[atCount:]))
	if delta < 0 || b.base > math.MaxInt64-1-int64(delta) || count < 0 || int64(count) > int64(delta)+1 {
		return b, nil, true, errHeader
	}
	b.last = b.base + int64(delta)
	b.count = int(count)
	b.attributes = binary.BigEndian.Uint16(b.bytes[atAttributes:])
	b.producer = int64(binary.BigEndian.Uint64(b.bytes[atProducerID:]))
	return b, raw[size:], true, nil
}

// checksum is the CRC-32C of what the checksum of a batch covers.
func checksum(batch []byte) uint32 {
	return crc32.Checksum(batch[atAttributes:], crc32.MakeTable(crc32.Castagnoli))
}

// intact verifies the checksum.
func (b *batch) intact() bool {
	return checksum(b.bytes) == binary.BigEndian.Uint32(b.bytes[atCRC:])
}

// isAbort reads a transaction marker: whether it ends its transaction by an abort.
func (b *batch) isAbort() (bool, error) {
	r := batchReader{bytes: b.bytes[batchHeader:]}
	if b.attributes&codecBits != 0 || b.count != 1 {
		return false, errControl
	}
	r.varint() // length
	r.skip(1)
	r.varint() // time
	r.varint() // offset
	key := r.nullable()
	if r.bad || len(key) < 4 {
		return false, errControl
	}
	return binary.BigEndian.Uint16(key[2:]) == 0, nil
}

// decoder turns the answer for one partition into a chunk. One goroutine at a time.
type decoder struct {
	decompressor
	names    map[string]string // header keys seen, so that a record's headers cost no memory
	aborting map[int64]struct{}
	memories memoryPool
}

func newDecoder(limit int) *decoder {
	return &decoder{
		decompressor: decompressor{limit: limit},
		names:        map[string]string{},
		aborting:     map[int64]struct{}{},
	}
}

// answer is what a broker sent for one partition.
type answer struct {
	TopicPartition
	from      int64 // the position asked for
	raw       *buffer
	aborted   []abortedTransaction // in any order; used if committed
	committed bool
	stable    int64
	watermark int64
}

// decode takes over a.raw. A batch that is wrong ends the chunk with a *CorruptError; what is before it is delivered.
//
// Aborted records are dropped as the transaction protocol prescribes: a producer's records are aborted from the first
// offset that the broker lists for it up to its abort marker.
func (d *decoder) decode(a answer) Chunk {
	c := Chunk{TopicPartition: a.TopicPartition, Next: a.from, Stable: a.stable, HighWatermark: a.watermark}
	if a.raw == nil {
		return c
	}
	mem := d.memories.get()
	mem.hold(a.raw)
	clear(d.aborting)
	aborted, raw := a.aborted, a.raw.bytes
	// Brokers list them in the order in which they ended.
	slices.SortFunc(aborted, func(x, y abortedTransaction) int { return cmp.Compare(x.FirstOffset, y.FirstOffset) })
	inPlace, whole := false, false
	for len(raw) > 0 && len(mem.records) < chunkRecords && mem.bytes < chunkBytes+len(a.raw.bytes) {
		b, rest, ok, err := nextBatch(raw)
		if !ok {
			if !whole {
				c.Err = &CorruptError{TopicPartition: a.TopicPartition, From: a.from, To: -1, Err: errCutOff}
			}
			break
		}
		whole = true
		if err == nil && b.last < a.from {
			raw = rest
			continue
		}
		if err == nil && c.Next > a.from && b.base < c.Next {
			err = errOrder
		}
		if err == nil && !b.intact() {
			err = errChecksum
		}
		if err == nil {
			for a.committed && len(aborted) > 0 && aborted[0].FirstOffset <= b.last {
				d.aborting[aborted[0].ProducerID] = struct{}{}
				aborted = aborted[1:]
			}
			var used bool
			used, err = d.batch(&b, &a, mem)
			inPlace = inPlace || used
		}
		if err != nil {
			to := int64(-1)
			if b.last >= b.base && b.last >= a.from {
				to = b.last + 1
			}
			c.Err = &CorruptError{TopicPartition: a.TopicPartition, From: max(b.base, a.from), To: to, Err: err}
			break
		}
		c.Next = b.last + 1
		raw = rest
	}
	if c.Err == nil && c.Next == a.from && whole {
		c.Err = &CorruptError{TopicPartition: a.TopicPartition, From: a.from, To: -1, Err: errStuck}
	}
	if !inPlace {
		mem.drop(a.raw)
	}
	if len(mem.records) == 0 {
		d.memories.put(mem)
		return c
	}
	c.Records, c.Bytes, c.mem, c.lease = mem.records, mem.size(), mem, mem.lease.Load()
	return c
}

// batch appends a batch's records, if readers may see them. used says whether they lie in the answer's own bytes.
func (d *decoder) batch(b *batch, a *answer, mem *memory) (used bool, err error) {
	if b.attributes&control != 0 {
		if !a.committed {
			return false, nil
		}
		abort, err := b.isAbort()
		if abort {
			delete(d.aborting, b.producer)
		}
		return false, err
	}
	if _, dropped := d.aborting[b.producer]; dropped && b.attributes&transactional != 0 {
		return false, nil
	}
	if b.count == 0 {
		return false, nil // compaction emptied it
	}
	if b.count > batchRecords {
		return false, errCount
	}
	body := b.bytes[batchHeader:]
	if c := codec(b.attributes & codecBits); c != noCodec {
		plainBytes, err := d.decompress(c, body)
		if err != nil {
			return false, err
		}
		mem.hold(plainBytes)
		body = plainBytes.bytes
	} else {
		used = true
	}
	records, headers := len(mem.records), len(mem.headers)
	if err := d.records(b, a, body, mem); err != nil {
		mem.records, mem.headers = mem.records[:records], mem.headers[:headers]
		return used, err
	}
	return used, nil
}

// records walks the records of one batch.
func (d *decoder) records(b *batch, a *answer, body []byte, mem *memory) error {
	if b.count > len(body)/smallestRecord {
		return errRecord
	}
	baseTime := int64(binary.BigEndian.Uint64(b.bytes[atBaseTime:]))
	maxTime := int64(binary.BigEndian.Uint64(b.bytes[atMaxTime:]))
	appended := b.attributes&appendTime != 0
	r := batchReader{bytes: body}
	lastDelta, most := int64(-1), len(mem.headers)+batchHeaders
	for range b.count {
		length := r.varint()
		if r.bad || length < 0 || length > int64(len(body)-r.at) {
			return errRecord
		}
		end := r.at + int(length)
		r.bytes = body[:end]
		r.skip(1) // attributes, none are defined
		stamp := baseTime + r.varint()
		delta := r.varint()
		key, value := r.nullable(), r.nullable()
		n := r.varint()
		if r.bad || delta <= lastDelta || delta > b.last-b.base || n < 0 || n > int64(end-r.at)/2 {
			return errRecord
		}
		lastDelta = delta
		first := len(mem.headers)
		if int64(most-first) < n {
			return errCount
		}
		for range n {
			name := r.nullable()
			mem.headers = append(mem.headers, pipeline.Header{Key: d.name(name), Value: r.nullable()})
		}
		if r.bad || r.at != end {
			return errRecord
		}
		r.bytes = body
		if b.base+delta < a.from {
			mem.headers = mem.headers[:first]
			continue
		}
		if appended {
			stamp = maxTime
		}
		mem.records = append(mem.records, pipeline.Record{
			Topic: a.Topic, Partition: a.Partition, Offset: b.base + delta, Timestamp: stamp, Producer: max(b.producer, -1) + 1, Key: key, Value: value,
		})
		if n > 0 {
			mem.records[len(mem.records)-1].Headers = mem.headers[first:len(mem.headers):len(mem.headers)]
		}
	}
	if r.at != len(body) {
		return errRecord
	}
	return nil
}

// name returns a header's key as a string that is kept: there are few of them.
func (d *decoder) name(b []byte) string {
	if s, ok := d.names[string(b)]; ok {
		return s
	}
	s := string(b)
	if len(d.names) < 4096 && len(b) <= 256 {
		d.names[s] = s
	}
	return s
}

// batchReader reads the fields of records; bad says that something lay outside of its bytes.
type batchReader struct {
	bytes []byte
	at    int
	bad   bool
}

func (r *batchReader) skip(n int) {
	if n > len(r.bytes)-r.at {
		r.bad = true
		return
	}
	r.at += n
}

// varint reads a zigzag number.
func (r *batchReader) varint() int64 {
	if r.at < len(r.bytes) && r.bytes[r.at] < 0x80 {
		u := r.bytes[r.at]
		r.at++
		return int64(u>>1) ^ -int64(u&1)
	}
	v, n := binary.Varint(r.bytes[r.at:])
	if n <= 0 {
		r.bad = true
		return 0
	}
	r.at += n
	return v
}

// nullable reads bytes with their length before them; a length below zero is nil.
func (r *batchReader) nullable() []byte {
	n := r.varint()
	if n < 0 || r.bad {
		return nil
	}
	if n > int64(len(r.bytes)-r.at) {
		r.bad = true
		return nil
	}
	b := r.bytes[r.at : r.at+int(n) : r.at+int(n)]
	r.at += int(n)
	return b
}
