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

// Produce writes messages and returns when all replicas have them. It is not a transaction and not idempotent: after an
// unclear error a batch is sent again, so a record may be there twice, and on an error some may be there. The order
// within a partition is that of the slice. The messages' bytes are borrowed until it returns.
func (c *Client) Produce(ctx context.Context, messages []Message) error { return errNotYet }
