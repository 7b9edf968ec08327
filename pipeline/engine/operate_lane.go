package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/engine/snapshot"
	"github.com/homeostat/homeostat/schemas"
)

// operateLane is a lane of the stage operate: one partition of the events topic, so all that concerns its systems. It
// holds events back until the watermark, which is the least over all detect lanes, has passed them, and feeds them in
// order of (event time, id), so that its outputs don't depend on how the lanes' records were interleaved.
type operateLane struct {
	*surroundings
	name     string
	series   *residence
	chain    *chain
	out      Output
	ledger   *ledger
	upstream upstream
	held     []held
	bytes    int64 // of held
	most     int64 // that may be held
	forced   prometheus.Counter
	recent   map[string]int64 // ids of the events of the last while, for the repeats of brokers without transactions
	position pipeline.Position
	pending  []broker.Message
	mark     int64
	begun    bool // an event was fed
}

// held is an event that waits for its time.
type held struct {
	schemas.Event
	offset int64
}

// remember is for how long, in event time, an event's id is kept to recognise a repeat.
const remember = int64(10 * time.Minute)

// newOperateLane makes a lane. It waits for the time of the lanes that the log names, until then of those that the plan has.
func (s *surroundings) newOperateLane(name string, components []component) (*operateLane, error) {
	l := &operateLane{
		surroundings: s, name: name, out: s.newOutput(), mark: unknownTime,
		series:   s.newResidence(pipeline.Operate),
		ledger:   newLedger(s.metrics, pipeline.Operate, "events", name),
		upstream: newUpstream(s.lanes.Load().events), recent: map[string]int64{}, most: mostHeld,
		forced: s.metrics.Counter("operate_unwaited_total", "Times that operate went on without lanes that were behind.").WithLabelValues(),
	}
	if err := l.out.Open(context.Background(), s.env(name, "out", func() int64 { return l.mark }, l.ledger.lose)); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the output of lane %s: %w", name, err), l.out.Close())
	}
	var err error
	l.chain, err = s.newChain(name, l.ledger, l.series, components, func(b pipeline.Batch) error { return l.out.Write(context.Background(), b) })
	if err != nil {
		return nil, errors.Join(err, l.out.Close())
	}
	return l, nil
}

// process implements lane.
func (l *operateLane) process(in pipeline.Input) error {
	defer in.Release()
	l.position = positionOf(in)
	for i := range in.Records {
		if err := l.record(&in.Records[i]); err != nil {
			return err
		}
	}
	return nil
}

// record holds an event back, or moves time. Time moves at the very record that tells it, so that the outcome does not
// depend on how records were fetched.
func (l *operateLane) record(rec *pipeline.Record) error {
	if lane, ok := rec.Header(schemas.HeaderLane); ok {
		return l.hear(string(lane), rec)
	}
	l.ledger.take(1)
	e, err := schemas.ReadEvent(rec)
	if err != nil {
		l.refuse(rec, err)
		return nil
	}
	key := e.Type + "\x00" + e.Source + "\x00" + e.ID
	if _, repeat := l.recent[key]; repeat {
		l.ledger.lose(lostRepeat, 1)
		return nil
	}
	l.recent[key] = e.Time
	e.Data = clone(e.Data)
	l.held = append(l.held, held{e, rec.Offset})
	if l.bytes += heldBytes(&e); l.bytes > l.most {
		return l.stopWaiting()
	}
	return nil
}

// mostHeld bounds what a lane holds, in bytes. It is no setting: what a lane writes may not depend on how much memory it has.
const mostHeld = 32 << 20

// heldOverhead is what an event takes besides its data: the struct and its texts.
const heldOverhead = 512

func heldBytes(e *schemas.Event) int64 { return int64(len(e.Data)) + heldOverhead }

// stopWaiting goes on without the lanes that are behind, up to the middle of what is held: a lane that nobody runs must not
// fill the memory. Nothing is lost by it; what those lanes still send comes late. It follows from the log alone.
func (l *operateLane) stopWaiting() error {
	times := make([]int64, len(l.held))
	for i := range l.held {
		times[i] = l.held[i].Time
	}
	slices.Sort(times)
	l.logger.Warn("too much is held while some lanes are behind in time, so it goes on without them: see that all lanes of the stages before run",
		"lane", l.name, "held", len(l.held), "bytes", l.bytes, "behind", l.upstream.behind())
	l.forced.Inc()
	return l.advance(ceil(plus(times[len(times)/2], 1), l.tick))
}

func (l *operateLane) refuse(rec *pipeline.Record, cause error) {
	l.ledger.lose(lostUndecodable, 1)
	l.pending = append(l.pending, l.deadLetter(pipeline.Operate, rec, lostUndecodable, 0, cause))
}

// hear notes a detect lane's time and moves the own one if that was what it waited for.
func (l *operateLane) hear(lane string, rec *pipeline.Record) error {
	if err := l.upstream.hear(lane, rec); err != nil {
		l.ledger.take(1)
		l.refuse(rec, err)
		return nil
	}
	if least, ok := l.upstream.least(); ok {
		return l.advance(least)
	}
	return nil
}

// advance feeds what is held up to the watermark's tick, in order, and moves the chain's time.
func (l *operateLane) advance(mark int64) error {
	if mark = floor(mark, l.tick); mark <= l.mark {
		return nil
	}
	l.mark = mark
	crowded := l.series.move(mark)
	if err := l.feed(mark); err != nil {
		return err
	}
	for key, t := range l.recent {
		if t < mark-remember {
			delete(l.recent, key)
		}
	}
	if !l.begun {
		return nil
	}
	if err := l.move(mark); err != nil || !crowded {
		return err
	}
	// What is held back has no ordinals yet.
	to := l.series.makeRoom(l.chain.hold)
	if to == nil {
		return nil
	}
	return l.chain.renumber(l.series.table, to)
}

// feed gives the chain what is held up to a time, in order of time and id.
func (l *operateLane) feed(until int64) error {
	slices.SortStableFunc(l.held, func(a, b held) int {
		return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Source, b.Source))
	})
	n := 0
	for ; n < len(l.held) && l.held[n].Time <= until; n++ {
		e := &l.held[n]
		if err := l.move(min(e.Time-1, l.mark)); err != nil {
			return err
		}
		if err := l.one(e); err != nil {
			return err
		}
	}
	for i := range n {
		l.bytes -= heldBytes(&l.held[i].Event)
	}
	rest := copy(l.held, l.held[n:])
	clear(l.held[rest:])
	l.held = l.held[:rest]
	return nil
}

// one feeds a single event: windows as columns, the others as they are.
func (l *operateLane) one(e *held) error {
	var b pipeline.Batch
	if e.Type == schemas.TypeWindow {
		var err error
		if b, err = schemas.DecodeWindows(l.allocator, e.Data, l.series.table); err != nil {
			rec := pipeline.Record{Topic: l.position.Topic, Partition: l.position.Partition, Offset: e.offset, Key: []byte(e.Key), Value: e.Data, Headers: e.Headers(0)}
			l.refuse(&rec, err)
			return nil
		}
	} else {
		b = schemas.NewEvents(l.allocator, []schemas.Event{e.Event})
	}
	l.ledger.pass(1)
	b.Position = l.position
	if e.Type == schemas.TypeWindow {
		b.Revision = e.Revision
	}
	return l.chain.process(b)
}

// longestWalk bounds how far time moves tick by tick.
const longestWalk = int64(24 * time.Hour)

// move takes the chain's time to t. Operators act on time one after the other, so the order of what they do depends on
// the steps; the steps are the ticks and the events' own times, however the lanes' time came in. Time begins with the
// first event, and over a gap of more than a day it jumps.
func (l *operateLane) move(t int64) error {
	if l.mark == unknownTime {
		return nil
	}
	if !l.begun {
		l.begun = true
		return l.chain.watermark(t)
	}
	from := max(l.chain.now, plus(t, -longestWalk))
	for tick := plus(floor(from, l.tick), l.tick); tick < t; tick += l.tick {
		if err := l.chain.watermark(tick); err != nil {
			return err
		}
	}
	return l.chain.watermark(t)
}

// idle implements lane: operate's time is detect's.
func (l *operateLane) idle(int64, time.Duration) error { return nil }

// finish implements lane: time goes to the end of the last lane, and what is held beyond it is fed there.
func (l *operateLane) finish(at int64) error {
	end := l.upstream.most()
	if end == unknownTime && len(l.held) == 0 {
		return nil
	}
	l.pending = append(l.pending, l.timeRecord(l.name, at, end)...)
	return l.hearClock(end)
}

// hearClock implements lane.
func (l *operateLane) hearClock(end int64) error {
	if end != unknownTime {
		if err := l.advance(end); err != nil {
			return err
		}
	}
	return l.feed(math.MaxInt64)
}

// lose implements lane.
func (l *operateLane) lose(reason string, records int64) { l.ledger.refuse(reason, int(records)) }

// replay implements lane.
func (l *operateLane) replay(on bool) { l.ledger.silent = on }

// take implements lane.
func (l *operateLane) take() []broker.Message {
	assert(l.ledger.balance(len(l.held)), "I1 conservation: lane "+l.name)
	l.ledger.publish()
	out := append(l.pending, l.fitting(pipeline.Operate, l.position, l.out.Take())...)
	l.pending = nil
	return out
}

// operateState is what the lane itself knows.
type operateState struct {
	Mark   int64             `json:"mark"`
	Begun  bool              `json:"begun"`
	Marks  map[string]int64  `json:"marks"`
	Lanes  map[string]int    `json:"lanes"`
	Held   []heldState       `json:"held"`
	Recent map[string]int64  `json:"recent"`
	Random map[string][]byte `json:"random,omitempty"`
}

type heldState struct {
	Event  schemas.Event `json:"event"`
	Offset int64         `json:"offset"`
}

// freeze implements lane.
func (l *operateLane) freeze() (*frozen, error) {
	f := &frozen{watermark: l.mark, account: l.ledger.copy(len(l.held))}
	st := operateState{Mark: l.mark, Begun: l.begun, Marks: l.upstream.marks, Lanes: l.upstream.lanes, Recent: l.recent, Random: l.chain.randoms()}
	for _, h := range l.held {
		st.Held = append(st.Held, heldState{h.Event, h.offset})
	}
	if err := f.document(partLane, st); err != nil {
		return nil, err
	}
	l.series.freeze(f)
	return f, l.chain.freeze(f)
}

// restore implements lane.
func (l *operateLane) restore(s *snapshot.Snapshot) error {
	st := operateState{}
	if err := readDocument(s, partLane, &st); err != nil {
		return err
	}
	if err := l.series.restore(s, st.Mark); err != nil {
		return err
	}
	l.mark, l.begun = st.Mark, st.Begun
	l.upstream = newUpstream(st.Lanes)
	for lane, mark := range st.Marks {
		l.upstream.marks[lane] = mark
	}
	if st.Recent != nil {
		l.recent = st.Recent
	}
	l.held = nil
	for _, h := range st.Held {
		l.held = append(l.held, held{h.Event, h.Offset})
		l.bytes += heldBytes(&h.Event)
	}
	l.ledger.restore(s.Account)
	if err := l.chain.restore(s, l.mark, l.mark != unknownTime); err != nil {
		return err
	}
	return l.chain.setRandoms(st.Random)
}

// close implements lane.
func (l *operateLane) close() error {
	err := l.chain.close()
	if e := l.out.Close(); e != nil {
		err = errors.Join(err, fmt.Errorf("closing the output of lane %s: %w", l.name, e))
	}
	return err
}
