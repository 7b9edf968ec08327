package engine

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// decode adds one record's rows to the columns, or the record to the dead letters, and moves time.
func (l *detectLane) decode(rec *pipeline.Record) error {
	l.cols.Mark()
	err := l.checkSize(rec)
	if err == nil {
		var ended error
		if err, ended = l.decodePatiently(rec); ended != nil {
			return ended
		}
	}
	lost := 0
	for reason, n := range l.cols.Lost {
		l.ledger.lose(reason, n)
		l.blame(rec, l.firstSeries(), reason, n)
		lost += n
	}
	if len(l.cols.Lost) > 0 {
		clear(l.cols.Lost)
	}
	if err != nil {
		l.cols.Rollback()
		l.ledger.take(1 + lost)
		l.refuse(rec, lostUndecodable, 1, 0, err)
		return nil
	}
	rows, first, last := l.span()
	if l.asked {
		l.who.sample(rec, l.firstSeries())
	}
	l.ledger.take(rows + lost)
	// Most records have no row that is to be dropped: then the times are looked at once.
	dropped := 0
	if last > l.latest(rec) {
		dropped += l.dropFuture(rec)
	}
	if l.mark != unknownTime && first < plus(l.mark, -l.reopen) {
		dropped += l.dropLate(rec)
	}
	if dropped > 0 {
		rows, _, last = l.span()
	}
	l.ledger.pass(rows)
	if rows > 0 {
		l.see(last)
	}
	return l.advance(l.due())
}

// span returns the number of rows of the record at hand, and their first and last time.
func (l *detectLane) span() (rows int, first, last int64) {
	points, logs := l.cols.Marked()
	first, last = math.MaxInt64, math.MinInt64
	for _, t := range l.cols.PointTime[points:] {
		first, last = min(first, t), max(last, t)
	}
	for _, t := range l.cols.LogTime[logs:] {
		first, last = min(first, t), max(last, t)
	}
	return len(l.cols.PointTime) - points + len(l.cols.LogTime) - logs, first, last
}

// firstSeries is that of the first row of the record at hand; nil if it has none.
func (l *detectLane) firstSeries() *pipeline.Series {
	points, logs := l.cols.Marked()
	switch {
	case points < len(l.cols.PointSeries):
		return l.cols.Series.At(l.cols.PointSeries[points])
	case logs < len(l.cols.LogStream):
		return l.cols.Series.At(l.cols.LogStream[logs])
	}
	return nil
}

// blame counts rows that could not be used for their producer. series is that of the record's first row, or nil.
func (l *detectLane) blame(rec *pipeline.Record, series *pipeline.Series, reason string, rows int) {
	if l.who != nil && !l.ledger.silent {
		l.who.lost(l.who.whose.of(rec, series), reason, rows)
	}
}

// refuse counts what of a record can't be used and writes the record to the dead letters. rows is 0 for a whole record.
func (l *detectLane) refuse(rec *pipeline.Record, reason string, lost, rows int, cause error) {
	l.ledger.lose(reason, lost)
	if rows == 0 && l.who != nil && !l.ledger.silent {
		if l.asked {
			l.who.sample(rec, nil)
		}
		l.who.failed(l.who.whose.of(rec, nil), cmp.Or(pipeline.Code(cause), reason))
	}
	l.pending = append(l.pending, l.deadLetter(pipeline.Ingest, rec, reason, rows, cause))
}

func (l *detectLane) checkSize(rec *pipeline.Record) error {
	if l.in.limit > 0 && len(rec.Value) > l.in.limit {
		return pipeline.Errorf("ingest.record.size", "record %s/%d@%d has %d bytes, more than the limit of %d: raise limits.record or send smaller records", rec.Topic, rec.Partition, rec.Offset, len(rec.Value), l.in.limit)
	}
	return nil
}

// dropFuture removes the rows too far ahead of their record's own time: they must not move the watermark.
func (l *detectLane) dropFuture(rec *pipeline.Record) int {
	bound, series := l.latest(rec), l.firstSeries()
	n := l.cols.Keep(func(t int64) bool { return t <= bound })
	l.blame(rec, series, lostFuture, n)
	l.refuse(rec, lostFuture, n, n, nil)
	return n
}

// latest is the last event time that a record may bear.
func (l *detectLane) latest(rec *pipeline.Record) int64 {
	if l.in.skew <= 0 || rec.Timestamp > math.MaxInt64/int64(time.Millisecond) {
		return math.MaxInt64
	}
	return plus(max(rec.Timestamp, 0)*int64(time.Millisecond), l.in.skew)
}

// dropLate removes the rows whose window has closed for good: those before the watermark as the records before left it, less
// the time for which windows may be opened again.
func (l *detectLane) dropLate(rec *pipeline.Record) int {
	bound, series := plus(l.mark, -l.reopen), l.firstSeries()
	n := l.cols.Keep(func(t int64) bool { return t >= bound })
	if n == 0 {
		return 0 // those were too far ahead, too
	}
	l.blame(rec, series, lostLate, n)
	if l.in.deadLate {
		l.refuse(rec, lostLate, n, n, nil)
	} else {
		l.ledger.lose(lostLate, n)
	}
	return n
}

// inbox checks one event from outside and passes it on, keyed by its system.
func (l *detectLane) inbox(rec *pipeline.Record) error {
	l.ledger.take(1)
	err := l.checkSize(rec)
	var e schemas.Event
	if err == nil {
		e, err = schemas.ReadEvent(rec)
	}
	if err == nil {
		err = checkInbox(&e)
	}
	if err != nil {
		l.refuse(rec, lostUndecodable, 1, 0, err)
		return nil
	}
	if e.Time > l.latest(rec) {
		l.refuse(rec, lostFuture, 1, 0, pipeline.Errorf("inbox.time", "event %s is of %s, too far ahead of its record: set the sender's clock, or raise max_future_skew of the sources", e.ID, schemas.FormatTime(e.Time)))
		return nil
	}
	if l.asked {
		l.who.sample(rec, nil)
	}
	l.ledger.pass(1)
	if e.System == "" {
		e.System = "default"
	}
	e.Key = e.System
	if e.Type == schemas.TypeChange {
		l.pending = append(l.pending, l.spread(&e)...)
	}
	b := schemas.NewEvents(l.allocator, []schemas.Event{e})
	b.Position = l.position
	defer b.Release()
	return l.behind.leave(b)
}

// spread returns the messages that tell all lanes of detect behind the columns topic of a change.
func (l *detectLane) spread(e *schemas.Event) []broker.Message {
	messages := make([]broker.Message, l.in.columns.Partitions)
	headers := append(e.Headers(0), pipeline.Header{Key: schemas.HeaderKind, Value: []byte(pipeline.Events.String())})
	data := slices.Clone(e.Data)
	for p := range messages {
		messages[p] = broker.Message{Topic: l.in.columns.Name, Partition: int32(p), Key: []byte(e.System), Value: data, Headers: headers}
	}
	return messages
}

// checkInbox says whether an event may come from outside, and whether it says what nobody can guess.
func checkInbox(e *schemas.Event) error {
	missing := func(what string) error {
		return pipeline.Errorf("inbox.incomplete", "event %s of type %s has no %s: senders must set it", e.ID, e.Type, what)
	}
	switch e.Type {
	case schemas.TypeResult:
		var r schemas.Result
		if err := e.Into(&r); err != nil {
			return err
		}
		switch {
		case r.Remediation == "":
			return missing("remediation")
		case r.Key == "":
			return missing("key")
		case r.Phase == "":
			return missing("phase")
		case e.System == "":
			return missing("header " + schemas.HeaderSystem + ", which is copied from the command")
		}
	case schemas.TypeChange:
		var c schemas.Change
		if err := e.Into(&c); err != nil {
			return err
		}
		if c.Kind == "" {
			return missing("kind")
		}
	case schemas.TypeTopology:
		var t schemas.Topology
		if err := e.Into(&t); err != nil {
			return err
		}
		if t.Edges == nil {
			return missing("edges")
		}
	default:
		return pipeline.Errorf("inbox.type", "event %s has type %s, which nobody outside may write: the inbox takes results, changes and topology", e.ID, e.Type)
	}
	return nil
}
