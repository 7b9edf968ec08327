package engine

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// unknownTime is the watermark of a lane that has seen no row yet.
const unknownTime = math.MinInt64

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
// and feeds the chain. Lateness is decided record by record, so that it does not depend on how records were fetched.
type detectLane struct {
	*surroundings
	name   string
	in     intake
	table  *pipeline.SeriesTable
	cols   *pipeline.Columns
	chain  *chain
	out    Output
	ledger *ledger

	newest    int64 // highest event time seen
	mark      int64 // watermark; unknownTime before the first row
	told      int64 // the watermark that was last passed on
	toldEmpty bool
	position  pipeline.Position
	pending   []broker.Message
	moved     bool

	events     string // topic
	partitions int    // of the events topic
	nothing    []byte // the body of a window.v1 without rows
}

// newDetectLane makes a lane. events names the topic that time is passed on to, with its number of partitions.
func (s *surroundings) newDetectLane(name string, in intake, components []component, events string, partitions int) (*detectLane, error) {
	l := &detectLane{
		surroundings: s, name: name, in: in, out: s.newOutput(), events: events, partitions: partitions,
		newest: unknownTime, mark: unknownTime, told: unknownTime,
		table:  pipeline.NewSeriesTable(s.scope, s.limit),
		ledger: newLedger(s.metrics, pipeline.Detect, in.source),
	}
	l.cols = pipeline.NewColumns(l.table)
	if err := l.out.Open(context.Background(), s.env(name, "out", func() int64 { return l.mark }, l.ledger.lose)); err != nil {
		return nil, err
	}
	var err error
	if l.nothing, err = emptyWindows(s.allocator); err != nil {
		return nil, err
	}
	if in.inbox {
		components = nil
	}
	l.chain, err = s.newChain(name, pipeline.Detect, components, l.leave)
	return l, err
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
	l.position = pipeline.Position{Topic: in.Topic, Partition: in.Partition, First: l.position.Next, Next: in.Next}
	l.moved = true
	if in.Batch != nil {
		return l.columns(*in.Batch)
	}
	for i := range in.Records {
		if l.in.inbox {
			if err := l.inbox(&in.Records[i]); err != nil {
				return err
			}
			continue
		}
		l.decode(&in.Records[i])
	}
	for _, b := range l.cols.Batches(l.position) {
		if err := l.chain.process(b); err != nil {
			return err
		}
	}
	return l.advance()
}

// decode adds one record's rows to the columns, or the record to the dead letters.
func (l *detectLane) decode(rec *pipeline.Record) {
	l.cols.Mark()
	err := l.checkSize(rec)
	if err == nil {
		err = l.in.codec.Decode(rec, l.cols)
	}
	lost := 0
	for reason, n := range l.cols.Lost {
		l.ledger.lose(reason, n)
		lost += n
		delete(l.cols.Lost, reason)
	}
	if err != nil {
		l.cols.Rollback()
		l.ledger.take(1 + lost)
		l.ledger.lose(lostUndecodable, 1)
		l.pending = append(l.pending, deadLetter(l.dead, pipeline.Ingest, rec, lostUndecodable, 0, err))
		return
	}
	points, logs := l.cols.Marked()
	rows := len(l.cols.PointTime) - points + len(l.cols.LogTime) - logs
	l.ledger.take(rows + lost)
	future := l.dropFuture(rec)
	late := l.dropLate(rec)
	l.ledger.pass(rows - future - late)
	for _, t := range l.cols.PointTime[points:] {
		l.see(t)
	}
	for _, t := range l.cols.LogTime[logs:] {
		l.see(t)
	}
}

func (l *detectLane) checkSize(rec *pipeline.Record) error {
	if l.in.limit > 0 && len(rec.Value) > l.in.limit {
		return pipeline.Errorf("ingest.record.size", "record %s/%d@%d has %d bytes, more than the limit of %d: raise limits.record or send smaller records", rec.Topic, rec.Partition, rec.Offset, len(rec.Value), l.in.limit)
	}
	return nil
}

// dropFuture removes the rows too far ahead of their record's own time: they must not move the watermark.
func (l *detectLane) dropFuture(rec *pipeline.Record) int {
	if l.in.skew <= 0 {
		return 0
	}
	bound := rec.Timestamp*int64(time.Millisecond) + l.in.skew
	n := l.cols.Keep(func(t int64) bool { return t <= bound })
	if n > 0 {
		l.ledger.lose(lostFuture, n)
		l.pending = append(l.pending, deadLetter(l.dead, pipeline.Ingest, rec, lostFuture, n, nil))
	}
	return n
}

// dropLate removes the rows before the watermark as the records before left it.
func (l *detectLane) dropLate(rec *pipeline.Record) int {
	if l.mark == unknownTime {
		return 0
	}
	n := l.cols.Keep(func(t int64) bool { return t >= l.mark })
	if n > 0 {
		l.ledger.lose(lostLate, n)
		if l.in.deadLate {
			l.pending = append(l.pending, deadLetter(l.dead, pipeline.Ingest, rec, lostLate, n, nil))
		}
	}
	return n
}

// see moves the newest event time, and the watermark with it.
func (l *detectLane) see(t int64) {
	if t > l.newest {
		l.newest = t
		if m := t - l.in.disorder; m > l.mark {
			l.mark = m
		}
	}
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
	return l.advance()
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

// inbox checks one event from outside and passes it on, keyed by its system.
func (l *detectLane) inbox(rec *pipeline.Record) error {
	l.ledger.take(1)
	e, err := schemas.ReadEvent(rec)
	if err == nil {
		err = checkInbox(&e)
	}
	if err != nil {
		l.ledger.lose(lostUndecodable, 1)
		l.pending = append(l.pending, deadLetter(l.dead, pipeline.Ingest, rec, lostUndecodable, 0, err))
		return nil
	}
	l.ledger.pass(1)
	if e.System == "" {
		e.System = "default"
	}
	e.Key = e.System
	b := schemas.NewEvents(l.allocator, []schemas.Event{e})
	b.Position = l.position
	defer b.Release()
	return l.leave(b)
}

// checkInbox says whether an event may come from outside.
func checkInbox(e *schemas.Event) error {
	var v any
	switch e.Type {
	case schemas.TypeResult:
		v = &schemas.Result{}
	case schemas.TypeChange:
		v = &schemas.Change{}
	case schemas.TypeTopology:
		v = &schemas.Topology{}
	default:
		return pipeline.Errorf("inbox.type", "event %s has type %s, which nobody outside may write: the inbox takes results, changes and topology", e.ID, e.Type)
	}
	return e.Into(v)
}

// idle implements lane: a quiet source still closes its windows.
func (l *detectLane) idle(d time.Duration) error {
	if l.mark == unknownTime {
		if l.toldEmpty {
			return nil
		}
		l.toldEmpty = true
		l.tell(unknownTime)
		return nil
	}
	if m := l.newest - l.in.disorder + int64(d); m > l.mark {
		l.mark = m
	}
	return l.advance()
}

// finish implements lane.
func (l *detectLane) finish() error {
	if l.mark == unknownTime {
		return l.idle(0)
	}
	if m := ceil(l.newest+1, l.window); m > l.mark {
		l.mark = m
	}
	return l.advance()
}

// advance moves the chain's time to the watermark and passes it on when a window ended.
func (l *detectLane) advance() error {
	if l.mark == unknownTime || l.in.inbox {
		return nil
	}
	if err := l.chain.watermark(l.mark); err != nil {
		return err
	}
	if l.told == unknownTime || floor(l.mark, l.window) > floor(l.told, l.window) {
		l.told = l.mark
		l.tell(l.mark)
	}
	return nil
}

// tell writes the lane's time to every partition of the events topic, behind what the lane emitted before.
func (l *detectLane) tell(mark int64) {
	l.collect()
	text := ""
	at := mark
	if mark == unknownTime {
		at = 0
	} else {
		text = strconv.FormatInt(mark, 10)
	}
	for p := 0; p < l.partitions; p++ {
		e := schemas.Event{
			ID:     pipeline.ID(l.pipeline, "time", l.name, strconv.FormatInt(mark, 10), strconv.Itoa(p)),
			Source: "/homeostat/" + l.pipeline + "/time", Type: schemas.TypeWindow, Time: at, Subject: l.name, Content: schemas.ContentArrow,
		}
		hs := append(e.Headers(0), pipeline.Header{Key: schemas.HeaderLane, Value: []byte(l.name)}, pipeline.Header{Key: schemas.HeaderWatermark, Value: []byte(text)})
		l.pending = append(l.pending, broker.Message{Topic: l.events, Partition: int32(p), Key: []byte(l.name), Value: l.nothing, Headers: hs})
	}
	l.moved = true
}

// collect takes the chain's outputs, in their order with what else the lane writes.
func (l *detectLane) collect() { l.pending = append(l.pending, l.out.Take()...) }

// take implements lane.
func (l *detectLane) take() share {
	assert(l.ledger.balance(), "I1 conservation: lane "+l.name)
	l.collect()
	s := share{outputs: l.pending, next: l.position.Next, moved: l.moved}
	l.pending, l.moved = nil, false
	return s
}

// close implements lane.
func (l *detectLane) close() error {
	err := l.chain.close()
	if e := l.out.Close(); err == nil && e != nil {
		err = fmt.Errorf("closing the output of lane %s: %w", l.name, e)
	}
	return err
}

func floor(t, step int64) int64 {
	f := t - t%step
	if t < 0 && t%step != 0 {
		f -= step
	}
	return f
}

func ceil(t, step int64) int64 {
	if f := floor(t, step); f < t {
		return f + step
	}
	return t
}
