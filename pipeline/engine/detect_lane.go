package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// intake is how a detect lane reads its source.
type intake struct {
	source string
	// codec is nil for the inbox and for sources that make columns themselves.
	codec pipeline.Codec
	// inbox records are events already: they are checked and passed on.
	inbox bool
	// disorder bounds how far a row may lie behind the newest one, in nanoseconds.
	disorder int64
	// deadLate sends late rows to the dead letters; otherwise they are dropped and counted.
	deadLate bool
	// skew bounds how far a row may lie ahead of its record's timestamp; 0 bounds nothing.
	skew int64
	// limit bounds the bytes of one record; 0 bounds nothing.
	limit int
}

// detectLane is a lane of the fused stages ingest and detect: it decodes the records of one partition, moves time,
// and feeds the chain. Lateness and time are decided record by record, so that they do not depend on how records were
// fetched.
type detectLane struct {
	*surroundings
	name   string
	in     intake
	table  *pipeline.SeriesTable
	cols   *pipeline.Columns
	chain  *chain
	out    Output
	ledger *ledger

	newest   int64 // highest event time seen; unknownTime before the first row
	mark     int64 // watermark, always at a tick; unknownTime before the first row
	saidNone bool  // that there is no row yet
	position pipeline.Position
	pending  []broker.Message

	events     string // topic
	partitions int    // of the events topic
	nothing    []byte // the body of a window.v1 without rows
}

// newDetectLane makes a lane. events names the topic that time is passed on to, with its number of partitions.
func (s *surroundings) newDetectLane(name string, in intake, components []component, events string, partitions int) (*detectLane, error) {
	l := &detectLane{
		surroundings: s, name: name, in: in, out: s.newOutput(), events: events, partitions: partitions,
		newest: unknownTime, mark: unknownTime,
		table:  pipeline.NewSeriesTable(s.scope, s.limit),
		ledger: newLedger(s.metrics, pipeline.Detect, in.source),
	}
	l.cols = pipeline.NewColumns(l.table)
	if err := l.out.Open(context.Background(), s.env(name, "out", func() int64 { return l.mark }, l.ledger.lose)); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the output of lane %s: %w", name, err), l.out.Close())
	}
	var err error
	if l.nothing, err = emptyWindows(s.allocator); err == nil {
		l.chain, err = s.newChain(name, pipeline.Detect, l.table, components, l.leave)
	}
	if err != nil {
		return nil, errors.Join(err, l.out.Close())
	}
	return l, nil
}

func emptyWindows(mem pipeline.Allocator) ([]byte, error) {
	b := array.NewRecordBuilder(mem, pipeline.Windows.Schema())
	defer b.Release()
	rec := b.NewRecord()
	defer rec.Release()
	return schemas.EncodeWindows(mem, pipeline.Batch{Kind: pipeline.Windows, Record: rec}, nil)
}

func (l *detectLane) leave(b pipeline.Batch) error { return l.out.Write(context.Background(), b) }

// process implements lane.
func (l *detectLane) process(in pipeline.Input) error {
	defer in.Release()
	l.position = positionOf(in)
	if in.Batch != nil {
		return l.columns(*in.Batch)
	}
	step := l.decode
	if l.in.inbox {
		step = l.inbox
	}
	for i := range in.Records {
		if err := step(&in.Records[i]); err != nil {
			return err
		}
	}
	return l.feed()
}

func positionOf(in pipeline.Input) pipeline.Position {
	p := pipeline.Position{Topic: in.Topic, Partition: in.Partition, First: in.Next, Next: in.Next}
	if len(in.Records) > 0 {
		p.First = in.Records[0].Offset
	}
	return p
}

// feed gives the chain the rows that were gathered.
func (l *detectLane) feed() error {
	var err error
	for _, b := range l.cols.Batches(l.position) {
		if err != nil {
			b.Release()
			continue
		}
		err = l.chain.process(b)
	}
	return err
}

// columns feeds a batch that its source made, sorted by time within the source's own bound. It takes the batch over.
func (l *detectLane) columns(b pipeline.Batch) error {
	rows := b.Rows()
	l.ledger.take(rows)
	l.ledger.pass(rows)
	if col := timeColumn(b.Kind); col >= 0 {
		for _, t := range b.Record.Column(col).(*array.Int64).Int64Values() {
			l.see(t)
		}
	}
	if err := l.chain.process(b); err != nil {
		return err
	}
	return l.advance(l.due())
}

func timeColumn(k pipeline.Kind) int {
	switch k {
	case pipeline.Points:
		return pipeline.PointTime
	case pipeline.Logs:
		return pipeline.LogTime
	}
	return -1
}

// collect takes the chain's outputs, in their order with what else the lane writes.
func (l *detectLane) collect() {
	l.pending = append(l.pending, l.fitting(pipeline.Detect, l.position, l.out.Take())...)
}

// take implements lane.
func (l *detectLane) take() []broker.Message {
	assert(l.ledger.balance(0), "I1 conservation: lane "+l.name)
	l.collect()
	out := l.pending
	l.pending = nil
	return out
}

// close implements lane.
func (l *detectLane) close() error {
	err := l.chain.close()
	if e := l.out.Close(); e != nil {
		err = errors.Join(err, fmt.Errorf("closing the output of lane %s: %w", l.name, e))
	}
	return err
}
