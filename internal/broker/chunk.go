package broker

import "github.com/homeostat/homeostat/pipeline"

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

	mem *memory
}

// memory is what a chunk borrows.
type memory struct{}

// Release gives the chunk's memory back. Any goroutine may call it, once; copies of the chunk share one memory.
func (c *Chunk) Release() {}
