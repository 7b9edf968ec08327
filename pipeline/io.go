package pipeline

import "context"

// Input is what a source hands to a lane: raw records to decode, or a batch that has columns already.
type Input struct {
	Topic     string
	Partition int32
	// Records are borrowed until Release is called.
	Records []Record
	// Batch is owned by the receiver; set when Records is nil and the source has columns itself.
	Batch *Batch
	// Next is the position after this input, also when it holds nothing (control records, compacted ranges).
	Next int64
	// CaughtUp says that the source was polled and had nothing beyond Next.
	CaughtUp bool
	// Bytes is the size for back-pressure.
	Bytes int
	// Err is a fault of this partition alone (a corrupt batch, a gap); the others go on.
	Err error
	// Lost, if set, is the reason for which the LostRecords records before Next can't be had any more; there are no rows then.
	Lost        string
	LostRecords int64
	// Release gives the bytes of Records back; never nil.
	Release func()
}

// Source is where batches come from. Next is called by one goroutine.
type Source interface {
	// Open makes the source ready. table interns the series of sources that make columns themselves.
	Open(ctx context.Context, env *Env, table *SeriesTable) error
	// Next blocks until there is input or the source knows that it has caught up. io.EOF: there will be no more.
	Next(ctx context.Context) (Input, error)
	Close() error
}

// Assignable is implemented by sources with partitions that come and go. Calls may come from any goroutine.
type Assignable interface {
	Assign(topic string, partition int32, offset int64)
	Remove(topic string, partition int32)
	Pause(topic string, partition int32)
	Resume(topic string, partition int32)
}

// Partitioned is implemented by sources whose records are decoded by the source's codec and lie in partitions that come to an end: files, each
// by itself. It is read by NextOf in place of Next.
type Partitioned interface {
	Source
	// Partitions is their number. It is known once the source is open.
	Partitions() int
	// NextOf reads what comes next in a partition; io.EOF: there is no more. Topic is left to the caller. What was handed out of the
	// partition before has been released.
	NextOf(ctx context.Context, partition int32) (Input, error)
}

// Guarantee is what a sink promises about an event that is written more than once.
type Guarantee uint8

const (
	// AtLeastOnce: a repeat has its effect again.
	AtLeastOnce Guarantee = iota
	// Deduplicates: a repeat is recognised by its id within a bound the sink documents.
	Deduplicates
	// Idempotent: a repeat changes nothing.
	Idempotent
	// Transactional: written together with the positions read, once.
	Transactional
)

// String returns the guarantee as `explain` prints it.
func (g Guarantee) String() string {
	return [...]string{"at least once", "at least once, deduplicated by id", "at least once, idempotent", "exactly once"}[g&3]
}

// Sink is where events go. All calls come from one goroutine. Close may be called twice and without Open.
type Sink interface {
	Open(ctx context.Context, env *Env) error
	// Write borrows a batch of kind Events until it returns. An error means that none of it counts as written.
	Write(ctx context.Context, b Batch) error
	// Flush returns when all that was written will survive a crash of this process.
	Flush(ctx context.Context) error
	Close() error
	Guarantee() Guarantee
}

// Codec turns the bytes of one record into columns. It keeps no state that changes results; memos are allowed.
// It is used by one goroutine.
type Codec interface {
	// Decode appends the record's rows to out. When it returns an error the caller discards what the record added
	// (Columns.Rollback) and keeps the record's bytes as a dead letter; after an Unavailable it tries again instead.
	// The record is borrowed: what has to last is copied.
	Decode(rec *Record, out *Columns) error
}

// IsTopicName tells whether Kafka takes a name for a topic.
func IsTopicName(s string) bool {
	if s == "" || len(s) > 249 || s == "." || s == ".." {
		return false
	}
	for _, ch := range []byte(s) {
		if (ch < 'a' || ch > 'z') && (ch < 'A' || ch > 'Z') && (ch < '0' || ch > '9') && ch != '.' && ch != '_' && ch != '-' {
			return false
		}
	}
	return true
}
