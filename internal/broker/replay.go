package broker

import (
	"time"
)

// Stored is one partition's record batches as a broker keeps and sends them: for benchmarks and tests that begin at
// Kafka's bytes without a broker. One goroutine uses it.
type Stored struct {
	tp      TopicPartition
	raw     []byte
	decoder *decoder
	count   int
}

// Store makes one batch of the messages, which are borrowed.
func Store(tp TopicPartition, messages []Message, c Compression) (*Stored, error) {
	list := make([]*Message, len(messages))
	for i := range messages {
		list[i] = &messages[i]
	}
	b, err := new(encoder).encode(list, c, time.Now())
	if err != nil {
		return nil, err
	}
	stampBatch(b.bytes, anonymous, -1)
	return &Stored{tp: tp, raw: append([]byte(nil), b.bytes...), decoder: newDecoder(64 << 20), count: len(messages)}, nil
}

// Bytes is the size on the wire.
func (s *Stored) Bytes() int { return len(s.raw) }

// Fetch decodes the batch anew as Fetcher.Poll does: checksum, decompression, walk of the records. Release the chunk.
func (s *Stored) Fetch() Chunk {
	b := buffers.get(len(s.raw))
	b.bytes = append(b.bytes[:0], s.raw...)
	end := int64(s.count)
	return s.decoder.decode(answer{TopicPartition: s.tp, raw: b, committed: true, stable: end, watermark: end})
}
