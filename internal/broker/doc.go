// Package broker is the only door to Apache Kafka: topics, fetching, producing, consumer groups and
// transactions, with the errors sorted into those that are repeated here and those that the caller decides on.
//
// # Message types
//
// On import the package replaces some of kafka-go's message types (Fetch, OffsetFetch, ListOffsets)
// by its own for the whole process, because kafka-go decodes record batches in a way that can loop for ever, and
// cannot ask for stable offsets. So kafka.Client's Fetch, OffsetFetch and ListOffsets must not be used in a process
// that imports this package; kafka.ConsumerGroup, Reader, Writer, Dialer and the other calls work as ever.
//
// # Exactly once
//
// A process has one [Transactor]. [Transactor.Commit] writes the outputs of all its lanes and the positions in all
// its groups in one transaction. What is not known to be committed is reported as [ErrDoubt]; then [Client.Committed]
// tells, since it never returns a position that a pending transaction may still move.
package broker
