package engine

import (
	"time"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/engine/snapshot"
	"github.com/homeostat/homeostat/schemas"
)

// columnsLane is a lane of detect behind the columns topic. Its time is the least of the lanes of ingest, as they say it in its
// log; what is late was decided there, so no row comes behind it.
type columnsLane struct {
	*surroundings
	*detection
	name     string
	series   *residence
	reader   *schemas.RowsReader
	ledger   *ledger
	upstream upstream
	mark     int64
	newest   int64
	position pipeline.Position
	pending  []broker.Message
}

// columnsSource is the name of the columns topic among sources.
const columnsSource = "columns"

func (s *surroundings) newColumnsLane(name string, components []component, events string, partitions int) (*columnsLane, error) {
	l := &columnsLane{
		surroundings: s, name: name, mark: unknownTime, newest: unknownTime,
		series: s.newResidence(pipeline.Detect), ledger: newLedger(s.metrics, pipeline.Detect, columnsSource, name),
		upstream: newUpstream(s.lanes.Load().columns),
	}
	l.reader = schemas.NewRowsReader(l.series.table)
	var err error
	l.detection, err = s.newDetection(name, l.series, l.ledger, func() int64 { return l.mark }, components, events, partitions)
	return l, err
}

// process implements lane.
func (l *columnsLane) process(in pipeline.Input) error {
	defer in.Release()
	l.position = positionOf(in)
	for i := range in.Records {
		rec := &in.Records[i]
		var err error
		if lane, ok := rec.Header(schemas.HeaderLane); ok {
			err = l.hear(string(lane), rec)
		} else {
			err = l.content(rec)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// content takes a message of whatever kind its header says.
func (l *columnsLane) content(rec *pipeline.Record) error {
	switch kind, _ := rec.Header(schemas.HeaderKind); string(kind) {
	case pipeline.Events.String():
		return l.heed(rec)
	case pipeline.Logs.String():
		return l.rows(pipeline.Logs, rec)
	}
	return l.rows(pipeline.Points, rec)
}

func (l *columnsLane) rows(kind pipeline.Kind, rec *pipeline.Record) error {
	b, refused, err := l.reader.Read(kind, rec.Value)
	if err != nil {
		l.refuse(rec, err)
		return nil
	}
	l.ledger.take(b.Rows() + refused)
	if refused > 0 {
		l.ledger.lose(lostSeriesLimit, refused)
	}
	l.ledger.pass(b.Rows())
	b.Position = l.position
	return l.feed(b)
}

// heed passes on what the inbox was told of; the events topic has it from ingest.
func (l *columnsLane) heed(rec *pipeline.Record) error {
	e, err := schemas.ReadEvent(rec)
	if err != nil {
		l.refuse(rec, err)
		return nil
	}
	b := schemas.NewEvents(l.allocator, []schemas.Event{e})
	b.Position = l.position
	return l.feed(b)
}

// refuse counts a message that nobody can read as one row: how many it had is not known.
func (l *columnsLane) refuse(rec *pipeline.Record, cause error) {
	l.ledger.refuse(lostUndecodable, 1)
	l.pending = append(l.pending, l.deadLetter(pipeline.Detect, rec, lostUndecodable, 0, cause))
}

func (l *columnsLane) hear(lane string, rec *pipeline.Record) error {
	if err := l.upstream.hear(lane, rec); err != nil {
		l.refuse(rec, err)
		return nil
	}
	l.newest = max(l.newest, l.upstream.most())
	if least, ok := l.upstream.least(); ok {
		return l.advance(least)
	}
	if l.upstream.silent() && l.mark == unknownTime {
		l.pending = append(l.pending, l.tell(l.name, unknownTime)...)
	}
	return nil
}

// advance moves time, if that is forward, and tells those who wait for the lane.
func (l *columnsLane) advance(to int64) error {
	if to = floor(to, l.tick); to <= l.mark {
		return nil
	}
	l.mark = to
	crowded := l.series.move(to)
	if err := l.watermark(to); err != nil {
		return err
	}
	l.gather()
	l.pending = append(l.pending, l.tell(l.name, to)...)
	if crowded {
		return l.makeRoom()
	}
	return nil
}

// makeRoom evicts series that were not seen for long.
func (l *columnsLane) makeRoom() error {
	to := l.series.makeRoom(l.hold)
	if to == nil {
		return nil
	}
	l.reader = schemas.NewRowsReader(l.series.table)
	return l.follow(l.series, to)
}

// newestTime returns the highest time heard of.
func (l *columnsLane) newestTime() int64 { return l.newest }

// idle implements lane: its time is that of ingest.
func (l *columnsLane) idle(int64, time.Duration) error { return nil }

// finish implements lane.
func (l *columnsLane) finish(at int64) error {
	end := l.upstream.most()
	if end <= l.mark {
		return nil
	}
	l.pending = append(l.pending, l.timeRecord(l.name, at, end)...)
	return l.advance(end)
}

// hearClock implements lane.
func (l *columnsLane) hearClock(mark int64) error { return l.advance(mark) }

// lose implements lane.
func (l *columnsLane) lose(reason string, records int64) { l.ledger.refuse(reason, int(records)) }

func (l *columnsLane) gather() { l.pending = append(l.pending, l.collect(l.position)...) }

// take implements lane.
func (l *columnsLane) take() []broker.Message {
	assert(l.ledger.balance(0), "I1 conservation: lane "+l.name)
	l.ledger.publish()
	l.gather()
	out := l.pending
	l.pending = nil
	return out
}

// columnsState is what the lane itself knows.
type columnsState struct {
	Mark   int64             `json:"mark"`
	Newest int64             `json:"newest"`
	Marks  map[string]int64  `json:"marks"`
	Lanes  map[string]int    `json:"lanes"`
	Random map[string][]byte `json:"random,omitempty"`
}

// replay implements lane.
func (l *columnsLane) replay(on bool) { l.ledger.silent = on }

// freeze implements lane.
func (l *columnsLane) freeze() (*frozen, error) {
	f := &frozen{watermark: l.mark, account: l.ledger.copy(0)}
	if err := f.document(partLane, columnsState{l.mark, l.newest, l.upstream.marks, l.upstream.lanes, l.randoms()}); err != nil {
		return nil, err
	}
	l.series.freeze(f)
	return f, l.detection.freeze(f)
}

// restore implements lane.
func (l *columnsLane) restore(s *snapshot.Snapshot) error {
	var st columnsState
	if err := readDocument(s, partLane, &st); err != nil {
		return err
	}
	if err := l.series.restore(s, st.Mark); err != nil {
		return err
	}
	l.mark, l.newest = st.Mark, st.Newest
	l.upstream = newUpstream(st.Lanes)
	for lane, mark := range st.Marks {
		l.upstream.marks[lane] = mark
	}
	l.ledger.restore(s.Account)
	if err := l.detection.restore(s, l.mark, l.mark != unknownTime); err != nil {
		return err
	}
	return l.setRandoms(st.Random)
}
