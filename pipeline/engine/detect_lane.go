package engine

import (
	"math/rand/v2"
	"time"

	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/engine/snapshot"
	"github.com/homeostat/homeostat/pipeline/plan"
)

// intake is how a lane reads its source.
type intake struct {
	source string
	// codec is nil for the inbox and for sources that make columns themselves.
	codec pipeline.Codec
	// inbox records are events already: they are checked and passed on.
	inbox bool
	// columns is where the inbox tells detect of changes; it has no partitions where all sources are fused.
	columns plan.Topic
	// disorder bounds how far a row may lie behind the newest one, in nanoseconds.
	disorder int64
	// deadLate sends late rows to the dead letters; otherwise they are dropped and counted.
	deadLate bool
	// skew bounds how far a row may lie ahead of its record's timestamp; 0 bounds nothing.
	skew int64
	// limit bounds the bytes of one record; 0 bounds nothing.
	limit int
	// producer and maxProducers are the settings of the source; "" and off ask for nobody.
	producer     string
	maxProducers int
	keyed        bool
}

// rear is what stands behind the door of a lane.
type rear interface {
	// feed takes a batch of columns over.
	feed(b pipeline.Batch) error
	// leave passes events on; it borrows the batch.
	leave(b pipeline.Batch) error
	// watermark moves time to a tick.
	watermark(t int64) error
	// collect returns what there is to write because of what came before, in order.
	collect(at pipeline.Position) []broker.Message
	// tell returns the records that pass the lane's time on; unknownTime says that there was no row yet.
	tell(lane string, mark int64) []broker.Message
	// hold visits the series that must not be evicted; follow goes on with the table that is left, to the new ordinals.
	hold(visit func(series uint32))
	follow(series *residence, to []uint32) error
	// freeze adds its state; restore takes it over, with the time that it was at; randoms and setRandoms are its operators'
	// randomness.
	freeze(f *frozen) error
	restore(s *snapshot.Snapshot, now int64, timed bool) error
	randoms() map[string][]byte
	setRandoms(states map[string][]byte) error
	close() error
}

// detectLane is a lane that takes in one partition of a source: it decodes records, moves time, and feeds what stands behind
// it: the operators of detect where the two stages are fused, else the columns topic. Lateness and time are decided
// record by record, so that they do not depend on how records were fetched.
type detectLane struct {
	*surroundings
	name   string
	stage  pipeline.Stage
	in     intake
	series *residence
	cols   *pipeline.Columns
	ledger *ledger
	behind rear
	rest   func(time.Duration) bool // see restBy; nil: the lane can't wait
	who    *attribution             // nil: it is not asked

	newest   int64 // highest event time seen; unknownTime before the first row
	mark     int64 // watermark, always at a tick; unknownTime before the first row
	saidNone bool  // that there is no row yet
	asked    bool  // whose the record at hand is
	position pipeline.Position
	pending  []broker.Message
}

// newDetectLane makes a lane of the fused stages, or of the inbox. events names the topic that time is passed on to, with its
// number of partitions.
func (s *surroundings) newDetectLane(name string, in intake, components []component, events string, partitions int) (*detectLane, error) {
	l := s.newIntakeLane(name, pipeline.Detect, in)
	d, err := s.newDetection(name, l.series, l.ledger, func() int64 { return l.mark }, components, events, partitions)
	l.behind = d
	return l, err
}

func (s *surroundings) newIntakeLane(name string, stage pipeline.Stage, in intake) *detectLane {
	l := &detectLane{
		surroundings: s, name: name, stage: stage, in: in, newest: unknownTime, mark: unknownTime,
		series: s.newResidence(stage),
		ledger: newLedger(s.metrics, stage, in.source, name),
	}
	l.cols = pipeline.NewColumns(l.series.table)
	if in.producer != "" && in.producer != "off" {
		l.who = &attribution{producers: s.producers.source(in.source, in.maxProducers), whose: newWhose(in.producer, in.keyed), random: rand.Uint64() | 1}
	}
	return l
}

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
	who := l.who
	if l.ledger.silent {
		who = nil
	}
	if who != nil {
		who.start(len(in.Records))
	}
	for i := range in.Records {
		l.asked = who != nil && i == who.next
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

// feed passes on the rows that were gathered.
func (l *detectLane) feed() error {
	var err error
	for _, b := range l.cols.Batches(l.position) {
		if err != nil {
			b.Release()
			continue
		}
		err = l.behind.feed(b)
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
	if err := l.behind.feed(b); err != nil {
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

// lose counts records that could not be had: they were deleted before they were read, or are damaged.
func (l *detectLane) lose(reason string, records int64) { l.ledger.refuse(reason, int(records)) }

// collect takes what stands behind the door has to write, in its order with what else the lane writes.
func (l *detectLane) collect() {
	l.pending = append(l.pending, l.behind.collect(l.position)...)
}

// take implements lane.
func (l *detectLane) take() []broker.Message {
	assert(l.ledger.balance(0), "I1 conservation: lane "+l.name)
	l.ledger.publish()
	l.collect()
	out := l.pending
	l.pending = nil
	return out
}

// close implements lane.
func (l *detectLane) close() error { return l.behind.close() }

// detectState is what the lane itself knows.
type detectState struct {
	Newest   int64             `json:"newest"`
	Mark     int64             `json:"mark"`
	SaidNone bool              `json:"said_none"`
	Random   map[string][]byte `json:"random,omitempty"`
}

// replay implements lane.
func (l *detectLane) replay(on bool) { l.ledger.silent = on }

// freeze implements lane.
func (l *detectLane) freeze() (*frozen, error) {
	f := &frozen{watermark: l.mark, account: l.ledger.copy(0)}
	if err := f.document(partLane, detectState{l.newest, l.mark, l.saidNone, l.behind.randoms()}); err != nil {
		return nil, err
	}
	l.series.freeze(f)
	return f, l.behind.freeze(f)
}

// restore implements lane.
func (l *detectLane) restore(s *snapshot.Snapshot) error {
	var st detectState
	if err := readDocument(s, partLane, &st); err != nil {
		return err
	}
	if err := l.series.restore(s, st.Mark); err != nil {
		return err
	}
	l.newest, l.mark, l.saidNone = st.Newest, st.Mark, st.SaidNone
	l.ledger.restore(s.Account)
	if err := l.behind.restore(s, l.mark, l.mark != unknownTime); err != nil {
		return err
	}
	return l.behind.setRandoms(st.Random)
}
