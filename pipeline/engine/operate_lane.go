package engine

import (
	"context"
	"math"
	"sort"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// operateLane is a lane of the stage operate: one partition of the events topic, so all that concerns its systems. It
// holds events back until the watermark, which is the least over all detect lanes, has passed them, and feeds them in
// order of (event time, id), so that its outputs don't depend on how the lanes' records were interleaved.
type operateLane struct {
	*surroundings
	name     string
	table    *pipeline.SeriesTable
	chain    *chain
	out      Output
	ledger   *ledger
	upstream map[string]int64 // watermark by detect lane; absent until it has reported
	expected []string
	held     []schemas.Event
	recent   map[string]int64 // ids of the events of the last while, for the repeats of brokers without transactions
	position pipeline.Position
	pending  []broker.Message
	moved    bool
	mark     int64

	lostWindows prometheus.Counter
}

// remember is for how long, in event time, an event's id is kept to recognise a repeat.
const remember = int64(10 * time.Minute)

// newOperateLane makes a lane. expected names all detect lanes whose time it waits for.
func (s *surroundings) newOperateLane(name string, components []component, expected []string) (*operateLane, error) {
	l := &operateLane{
		surroundings: s, name: name, out: s.newOutput(), expected: expected, mark: unknownTime,
		table:    pipeline.NewSeriesTable(s.scope, s.limit),
		ledger:   newLedger(s.metrics, pipeline.Operate, name),
		upstream: map[string]int64{}, recent: map[string]int64{},
		lostWindows: s.metrics.Counter("operator_rows_lost_total", "Rows that ended in an operator, by reason.", "stage", "operator", "reason").
			WithLabelValues(string(pipeline.Operate), "merge", lostUndecodable),
	}
	if err := l.out.Open(context.Background(), s.env(name, "out", func() int64 { return l.mark }, l.ledger.lose)); err != nil {
		return nil, err
	}
	var err error
	l.chain, err = s.newChain(name, pipeline.Operate, components, func(b pipeline.Batch) error { return l.out.Write(context.Background(), b) })
	return l, err
}

// process implements lane.
func (l *operateLane) process(in pipeline.Input) error {
	defer in.Release()
	l.position = pipeline.Position{Topic: in.Topic, Partition: in.Partition, First: l.position.Next, Next: in.Next}
	l.moved = true
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
		l.ledger.lose(lostUndecodable, 1)
		l.pending = append(l.pending, deadLetter(l.dead, pipeline.Operate, rec, lostUndecodable, 0, err))
		return nil
	}
	if _, repeat := l.recent[e.Source+"\x00"+e.ID]; repeat {
		l.ledger.lose("repeat", 1)
		return nil
	}
	l.recent[e.Source+"\x00"+e.ID] = e.Time
	e.Data = clone(e.Data)
	l.held = append(l.held, e)
	return nil
}

// hear notes a detect lane's time and moves the own one if that was what it waited for.
func (l *operateLane) hear(lane string, rec *pipeline.Record) error {
	text, _ := rec.Header(schemas.HeaderWatermark)
	mark := int64(unknownTime)
	if len(text) > 0 {
		m, err := strconv.ParseInt(string(text), 10, 64)
		if err != nil {
			l.pending = append(l.pending, deadLetter(l.dead, pipeline.Operate, rec, lostUndecodable, 0,
				pipeline.Errorf("event.watermark", "watermark %q of lane %s is no number: only detect may write time records", text, lane)))
			return nil
		}
		mark = m
	}
	if have, ok := l.upstream[lane]; !ok || mark > have {
		l.upstream[lane] = mark
	}
	least, ok := l.least()
	if !ok {
		return nil
	}
	return l.advance(least)
}

// least returns the least watermark of the lanes that have had rows; ok is false while a lane has not reported at all,
// or none has had rows.
func (l *operateLane) least() (mark int64, ok bool) {
	mark = math.MaxInt64
	for _, name := range l.expected {
		m, reported := l.upstream[name]
		if !reported {
			return 0, false
		}
		if m != unknownTime && m < mark {
			mark = m
		}
	}
	return mark, mark != math.MaxInt64
}

// advance feeds what is held up to the watermark, in order, and moves the chain's time.
func (l *operateLane) advance(mark int64) error {
	if mark <= l.mark {
		return nil
	}
	l.mark = mark
	sort.SliceStable(l.held, func(i, j int) bool {
		if l.held[i].Time != l.held[j].Time {
			return l.held[i].Time < l.held[j].Time
		}
		return l.held[i].ID < l.held[j].ID
	})
	n := 0
	for n < len(l.held) && l.held[n].Time <= mark {
		first := n
		for n < len(l.held) && l.held[n].Time == l.held[first].Time {
			n++
		}
		if err := l.chain.watermark(l.held[first].Time - 1); err != nil {
			return err
		}
		if err := l.feed(l.held[first:n]); err != nil {
			return err
		}
	}
	l.ledger.pass(n)
	l.held = append(l.held[:0], l.held[n:]...)
	l.forget()
	return l.chain.watermark(mark)
}

// feed gives the chain the events of one moment, in order of id: windows as columns, the others as events.
func (l *operateLane) feed(events []schemas.Event) error {
	for i := range events {
		e := &events[i]
		var b pipeline.Batch
		if e.Type == schemas.TypeWindow {
			var err error
			if b, err = schemas.DecodeWindows(l.allocator, e.Data, l.table); err != nil {
				l.logger.Error("a window.v1 event can't be read and is left out", "id", e.ID, "error", err)
				l.lostWindows.Inc()
				continue
			}
		} else {
			b = schemas.NewEvents(l.allocator, events[i:i+1])
		}
		b.Position = l.position
		if err := l.chain.process(b); err != nil {
			return err
		}
	}
	return nil
}

// forget drops the ids that are too old to be repeated.
func (l *operateLane) forget() {
	for id, t := range l.recent {
		if t < l.mark-remember {
			delete(l.recent, id)
		}
	}
}

// idle implements lane: operate's time is detect's.
func (l *operateLane) idle(time.Duration) error { return nil }

// finish implements lane: no more will come, so what is held is due, and time ends with the last lane's.
func (l *operateLane) finish() error {
	end := int64(unknownTime)
	for _, m := range l.upstream {
		end = max(end, m)
	}
	for i := range l.held {
		end = max(end, l.held[i].Time)
	}
	if end == unknownTime {
		return nil
	}
	return l.advance(end)
}

// take implements lane.
func (l *operateLane) take() share {
	assert(l.ledger.in == l.ledger.on+l.lost()+int64(len(l.held)), "I1 conservation: lane "+l.name)
	s := share{outputs: append(l.pending, l.out.Take()...), next: l.position.Next, moved: l.moved}
	l.pending, l.moved = nil, false
	return s
}

func (l *operateLane) lost() (n int64) {
	for _, lost := range l.ledger.lost {
		n += lost
	}
	return n
}

// close implements lane.
func (l *operateLane) close() error {
	err := l.chain.close()
	if e := l.out.Close(); err == nil {
		err = e
	}
	return err
}
