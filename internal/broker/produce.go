package broker

import (
	"context"
	"time"

	"github.com/homeostat/homeostat/pipeline"
)

// Message is one record to be written.
type Message struct {
	Topic string
	// Partition, or -1 to choose it: by the hash of the key as Java clients do (murmur2), round robin without a key.
	Partition int32
	// Key is nil for none. Value is nil for a tombstone.
	Key, Value []byte
	Headers    []pipeline.Header
	// Time is the record's time; zero is now. Brokers refuse what is more than an hour ahead.
	Time time.Time
}

// Produce writes messages and returns when all replicas in sync have them. It is not a transaction and not idempotent:
// after an unclear error a batch is sent again, so a record may be there twice, and on an error some may be there. The
// order within a partition is that of the slice. What fails transiently is repeated for as long as ctx allows.
// The messages' bytes are borrowed until it returns.
func (c *Client) Produce(ctx context.Context, messages []Message) error {
	if len(messages) == 0 {
		return nil
	}
	out, err := c.prepare(ctx, messages)
	if err != nil {
		return err
	}
	defer out.free()
	stamp := func(p *outPartition) { stampBatch(p.batches[p.sent].bytes, anonymous, -1) }
	patience := backoff{first: 5 * time.Millisecond, longest: 500 * time.Millisecond}
	for out.pending() {
		err := c.repeat(ctx, "write to Kafka", patience, transient, func(ctx context.Context) error {
			return c.sendNext(ctx, out, "", stamp)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
