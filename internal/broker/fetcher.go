package broker

import (
	"context"
	"time"
)

// FetchConfig bounds what a Fetcher asks for. Zero values are the defaults.
type FetchConfig struct {
	// MaxBytes bounds the answer of one broker; default 8 MiB. PartitionBytes bounds one partition in it; default 1 MiB.
	// One batch is always delivered, however large.
	MaxBytes, PartitionBytes int
	// MaxWait is how long a broker may wait for records; default 500 ms.
	MaxWait time.Duration
	// DecodedBytes bounds the decompressed bytes of one batch; default 64 MiB. A larger batch counts as corrupt.
	DecodedBytes int
	// Uncommitted also delivers records of pending and aborted transactions.
	Uncommitted bool
}

// Fetcher reads partitions. Poll may be called by one goroutine at a time; the other methods by any, also meanwhile.
type Fetcher struct{ f fetcher }

type fetcher struct{}

// NewFetcher returns a fetcher without partitions. Close it before the client.
func (c *Client) NewFetcher(cfg FetchConfig) *Fetcher { return &Fetcher{} }

// Assign adds a partition, or moves it, to be read from offset on. It also restarts a partition that stopped at an error.
func (f *Fetcher) Assign(tp TopicPartition, offset int64) {}

// Remove forgets a partition. What is under way for it is not delivered any more, chunks already returned by Poll stay valid.
func (f *Fetcher) Remove(tp TopicPartition) {}

// Pause stops asking for a partition's records until Resume. One more chunk may arrive that was asked for already.
func (f *Fetcher) Pause(tp TopicPartition) {}

// Resume ends a Pause.
func (f *Fetcher) Resume(tp TopicPartition) {}

// Poll waits for the next answer of any broker and returns its chunks: one for each partition asked for that is still
// assigned, also if it holds no record. Transient errors are repeated inside, for as long as they last.
// The error is ctx's, or that the fetcher is closed.
func (f *Fetcher) Poll(ctx context.Context) ([]Chunk, error) { return nil, errNotYet }

// Close stops all requests and waits for them. Chunks stay valid.
func (f *Fetcher) Close() {}
