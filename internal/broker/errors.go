package broker

import (
	"errors"
	"fmt"
)

// ErrFenced says that another process uses the same transactional id and took it over several times within a minute: this
// one must stop its lanes and end.
var ErrFenced = errors.New("fenced")

// ErrDoubt says that it is not known whether a transaction was committed. Its positions tell:
// the caller reads them with [Client.Committed] and drops what is in, or commits the rest again.
var ErrDoubt = errors.New("in doubt")

// LostGroupError says that this process no longer is the member of a group that a share names (a rebalance or an
// expired session). The transaction was aborted whole: the caller drops that group's share, its outputs with it,
// stops its lanes, and may commit the rest again.
type LostGroupError struct {
	Group string
	Err   error
}

func (e *LostGroupError) Error() string {
	return fmt.Sprintf("group %s gave this member's partitions away, nothing was committed: drop its share and commit the rest again: %v (kafka.group.lost)", e.Group, e.Err)
}

func (e *LostGroupError) Unwrap() error { return e.Err }

// CorruptError says that a stored batch cannot be read: its checksum, its compression or its records are wrong, or
// it is over a limit. The fetcher has stopped that partition before the batch; Assign with To goes on behind it.
type CorruptError struct {
	TopicPartition
	// From is the batch's first offset. To is the first one behind the batch by its header, or -1 if even the header is
	// unusable.
	From, To int64
	Err      error
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("topic %s partition %d: the batch at offset %d cannot be read, and the partition stands still there: restore it, or go on behind it at offset %d: %v (kafka.batch.corrupt)",
		e.Topic, e.Partition, e.From, e.To, e.Err)
}

func (e *CorruptError) Unwrap() error { return e.Err }

// GapError says that a position lies outside of what the partition holds. The fetcher has stopped that partition.
// From < To: retention deleted the records From to To-1 before they were read, and Assign with To goes on with what is
// left. From > To: the log ends at To, before the position: the topic was made again or cut off.
type GapError struct {
	TopicPartition
	From, To int64
}

func (e *GapError) Error() string {
	if e.From > e.To {
		return fmt.Sprintf("topic %s partition %d ends at offset %d, before the position %d: the topic was made again or cut off; set the group's position to what the topic holds, remove the lane's snapshots (homeostat state rm) and start again; until then position and state stay as they are (kafka.offset.beyond)",
			e.Topic, e.Partition, e.To, e.From)
	}
	return fmt.Sprintf("topic %s partition %d: the records from offset %d to %d are gone, deleted before they were read: raise the topic's retention, and reset the position or accept the gap (kafka.offset.gap)",
		e.Topic, e.Partition, e.From, e.To-1)
}
