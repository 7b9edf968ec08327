package pipeline

// Position says where in its log a batch comes from: rows of the records in [First, Next) of one partition.
// A batch that an operator made has the position of the input that caused it.
type Position struct {
	Topic     string
	Partition int32
	First     int64
	Next      int64
}

// Batch is an Arrow record of events of one kind with its position in the log.
//
// Ownership: an operator borrows a batch until Process returns; to keep it longer it retains Record and releases
// it later. What an operator emits it hands over. Columns are immutable.
type Batch struct {
	Kind   Kind
	Record ArrowRecord
	// Series resolves the series and stream columns; nil for Events. It belongs to the lane.
	Series   *SeriesTable
	Position Position
	// Revision is 0 for windows that are emitted for the first time, at their time. One that was opened again for late rows
	// is emitted again, with all its rows, whenever that happened: with revision 1, 2 and so on, which takes the place of what was
	// said before. Only operators whose Spec accepts revised windows get those. 0 for other kinds.
	Revision int64
}

// Rows returns the number of rows.
func (b Batch) Rows() int { return int(b.Record.NumRows()) }

// Release gives up the holder's reference to the columns.
func (b Batch) Release() { b.Record.Release() }
