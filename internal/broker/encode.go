package broker

import (
	"encoding/binary"
	"time"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// producer stamps batches: which producer wrote them, and whether in a transaction.
type producer struct {
	id    int64
	epoch int16
	// inTransaction marks the records as pending until the transaction ends.
	inTransaction bool
}

var anonymous = producer{id: -1, epoch: -1}

// encoder makes record batches. One goroutine at a time.
type encoder struct {
	body []byte
	gzip *gzip.Writer
	lz4  *lz4.Writer
	zstd *zstd.Encoder
}

// recordSize bounds what a message takes in a batch, before compression.
func recordSize(m *Message) int {
	n := 5*5 + 10 + len(m.Key) + len(m.Value)
	for i := range m.Headers {
		n += 2*5 + len(m.Headers[i].Key) + len(m.Headers[i].Value)
	}
	return n
}

// encode makes one batch of messages, without producer and checksum: see stampBatch. now is the time of those without one.
func (e *encoder) encode(messages []*Message, c Compression, now time.Time) (*buffer, error) {
	base := now.UnixMilli()
	if !messages[0].Time.IsZero() {
		base = messages[0].Time.UnixMilli()
	}
	e.body = e.body[:0]
	latest := base
	for i, m := range messages {
		at := now.UnixMilli()
		if !m.Time.IsZero() {
			at = m.Time.UnixMilli()
		}
		latest = max(latest, at)
		e.body = appendRecord(e.body, m, int64(i), at-base)
	}
	out := buffers.get(batchHeader + len(e.body))
	out.bytes = out.bytes[:batchHeader]
	used := c.codec()
	if used != noCodec {
		if err := e.compress(out, c); err != nil {
			buffers.put(out)
			return nil, err
		}
		if len(out.bytes) >= batchHeader+len(e.body) {
			used, out.bytes = noCodec, out.bytes[:batchHeader] // it does not compress
		}
	}
	if used == noCodec {
		out = buffers.grow(out, len(e.body))
		out.bytes = append(out.bytes, e.body...)
	}
	b := out.bytes
	clear(b[:batchHeader])
	binary.BigEndian.PutUint32(b[atLength:], uint32(len(b)-atLength-4))
	binary.BigEndian.PutUint32(b[atLength+4:], 0xffffffff) // leader epoch: not known
	b[atMagic] = 2
	binary.BigEndian.PutUint16(b[atAttributes:], uint16(used))
	binary.BigEndian.PutUint32(b[atLastDelta:], uint32(len(messages)-1))
	binary.BigEndian.PutUint64(b[atBaseTime:], uint64(base))
	binary.BigEndian.PutUint64(b[atMaxTime:], uint64(latest))
	binary.BigEndian.PutUint32(b[atCount:], uint32(len(messages)))
	return out, nil
}

// stampBatch completes a batch, and may be called again when the producer or its sequence changed.
func stampBatch(batch []byte, p producer, sequence int32) {
	attributes := binary.BigEndian.Uint16(batch[atAttributes:]) &^ transactional
	if p.inTransaction {
		attributes |= transactional
	}
	binary.BigEndian.PutUint16(batch[atAttributes:], attributes)
	binary.BigEndian.PutUint64(batch[atProducerID:], uint64(p.id))
	binary.BigEndian.PutUint16(batch[atProducerEpoch:], uint16(p.epoch))
	binary.BigEndian.PutUint32(batch[atSequence:], uint32(sequence))
	binary.BigEndian.PutUint32(batch[atCRC:], checksum(batch))
}

// compress appends the compressed body.
func (e *encoder) compress(out *buffer, c Compression) error {
	switch c {
	case LZ4:
		if e.lz4 == nil {
			e.lz4 = lz4.NewWriter(nil)
			if err := e.lz4.Apply(lz4.BlockSizeOption(lz4.Block64Kb), lz4.ChecksumOption(false)); err != nil {
				return err
			}
		}
		e.lz4.Reset(out)
		return writeAll(e.lz4, e.body)
	case Zstd:
		if e.zstd == nil {
			z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false))
			if err != nil {
				return err
			}
			e.zstd = z
		}
		out.bytes = e.zstd.EncodeAll(e.body, out.bytes)
	case Snappy:
		out.bytes = append(out.bytes, xerial[:]...)
		out.bytes = append(out.bytes, 0, 0, 0, 1, 0, 0, 0, 1)
		block := snappy.Encode(nil, e.body)
		out.bytes = binary.BigEndian.AppendUint32(out.bytes, uint32(len(block)))
		out.bytes = append(out.bytes, block...)
	case Gzip:
		if e.gzip == nil {
			e.gzip = gzip.NewWriter(nil)
		}
		e.gzip.Reset(out)
		return writeAll(e.gzip, e.body)
	}
	return nil
}

type writeCloser interface {
	Write([]byte) (int, error)
	Close() error
}

func writeAll(w writeCloser, b []byte) error {
	if _, err := w.Write(b); err != nil {
		return err
	}
	return w.Close()
}

// Write appends, for the writers of gzip and lz4.
func (b *buffer) Write(p []byte) (int, error) {
	b.bytes = append(b.bytes, p...)
	return len(p), nil
}

func appendRecord(b []byte, m *Message, delta, time int64) []byte {
	size := 1 + varintSize(time) + varintSize(delta) + nullableSize(m.Key) + nullableSize(m.Value) + varintSize(int64(len(m.Headers)))
	for i := range m.Headers {
		h := &m.Headers[i]
		size += varintSize(int64(len(h.Key))) + len(h.Key) + nullableSize(h.Value)
	}
	b = binary.AppendVarint(b, int64(size))
	b = append(b, 0)
	b = binary.AppendVarint(b, time)
	b = binary.AppendVarint(b, delta)
	b = appendNullable(b, m.Key)
	b = appendNullable(b, m.Value)
	b = binary.AppendVarint(b, int64(len(m.Headers)))
	for i := range m.Headers {
		h := &m.Headers[i]
		b = binary.AppendVarint(b, int64(len(h.Key)))
		b = append(b, h.Key...)
		b = appendNullable(b, h.Value)
	}
	return b
}

func appendNullable(b, v []byte) []byte {
	if v == nil {
		return binary.AppendVarint(b, -1)
	}
	b = binary.AppendVarint(b, int64(len(v)))
	return append(b, v...)
}

func nullableSize(v []byte) int {
	if v == nil {
		return 1
	}
	return varintSize(int64(len(v))) + len(v)
}

func varintSize(v int64) int {
	n, u := 1, uint64(v<<1^v>>63)
	for ; u >= 0x80; u >>= 7 {
		n++
	}
	return n
}

// tooLarge is the error of a message that no batch can hold.
func tooLarge(m *Message, size, limit int) error {
	return pipeline.Errorf("kafka.record.large", "a record of %d bytes for topic %s does not fit into a batch of %d: make it smaller, or raise the topic's max.message.bytes and this client's MaxBatchBytes", size, m.Topic, limit)
}
