package broker

import "context"

// Bounds are the offsets that a partition holds.
type Bounds struct {
	// Start is the first offset that is still there; End the one behind the last (high watermark).
	Start, End int64
	// Stable is the end for a reader of committed records: the start of the oldest pending transaction, or End.
	Stable int64
}

// Bounds returns the bounds of partitions, as they are now.
func (c *Client) Bounds(ctx context.Context, partitions []TopicPartition) (map[TopicPartition]Bounds, error) {
	return nil, errNotYet
}

// Committed returns a group's positions, -1 where there is none. It waits while a transaction that may move one of them
// is pending, so what it returns is final: a dead owner's transaction blocks it until it times out
// (the Transactor's time-out, and up to 10 s more). ctx bounds the wait.
func (c *Client) Committed(ctx context.Context, group string, partitions []TopicPartition) (map[TopicPartition]int64, error) {
	return nil, errNotYet
}
