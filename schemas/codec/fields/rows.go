package fields

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/decimal"
	"github.com/homeostat/homeostat/schemas/codec/memo"
	"github.com/homeostat/homeostat/schemas/codec/moment"
)

// refused stands for a series that came when the table was full: the table only grows, so it stays so.
const refused = ^uint32(0)

// Rows makes points of events. Its memo leads from what names a series, as it stands in records, to the series; it holds for one series
// table. It is used by one goroutine.
type Rows struct {
	Mapping                                   Mapping
	points, attributes, labelBytes, memoBytes int
	timeUnit                                  moment.Unit
	metric                                    []byte
	typ                                       pipeline.SeriesType

	table *pipeline.SeriesTable
	memo  memo.Memo
	key   []byte

	// Of the record being decoded.
	out        *pipeline.Columns
	recordTime int64 // Unix nanoseconds, 0 if unknown
	rows       int
	lost       [losses]int
}

// Begin says into which columns the next events' points belong, and what record they are of.
func (r *Rows) Begin(rec *pipeline.Record, out *pipeline.Columns) {
	if r.table != out.Series || r.memo.Bytes() > r.memoBytes {
		r.table, r.memo = out.Series, memo.New()
	}
	r.out, r.rows, r.lost, r.recordTime = out, 0, [losses]int{}, 0
	if rec.Timestamp > 0 && rec.Timestamp <= math.MaxInt64/1_000_000 {
		r.recordTime = rec.Timestamp * 1_000_000
	}
}

// End ends a record. Its losses are counted only if it is sound.
func (r *Rows) End(sound bool) {
	if sound {
		for reason, n := range r.lost {
			if n > 0 {
				r.out.Lose(lossReasons[reason], n)
			}
		}
	}
	r.out = nil
}

// Add makes the points of an event. at is where it begins in the record, for errors.
func (r *Rows) Add(e *Event, at int) error {
	when, late := r.when(e)
	v, lose, single := r.value(e)
	if late != kept {
		lose = late
	}
	name := r.name(e)
	r.identify(e, name)
	if single || len(e.values) == 0 {
		if err := r.point(e, name, nil, when, v, lose, at); err != nil {
			return err
		}
	}
	for i := range e.values {
		m := &e.values[i]
		v, lose := number(&m.Scalar)
		if late != kept {
			lose = late
		}
		if err := r.point(e, name, m, when, v, lose, at); err != nil {
			return err
		}
	}
	return nil
}

// when returns the event's time in Unix nanoseconds, or why it has none.
func (r *Rows) when(e *Event) (int64, loss) {
	from, to := r.Mapping.of(timeRole)
	given := false
	for i := from; i < to; i++ {
		s := &e.slots[i]
		if s.Form <= Null || s.Form == Text && len(s.Text) == 0 || s.Form == Whole && s.N == 0 && s.Exact == 0 || s.Form == Fractional && s.F == 0 {
			continue
		}
		given = true
		if ns, ok := r.moment(e, s); ok {
			return ns, kept
		}
	}
	switch {
	case given:
		return 0, timeRange
	case r.recordTime == 0:
		return 0, noTime
	}
	return r.recordTime, kept
}

// moment reads a time.
func (r *Rows) moment(e *Event, s *Scalar) (int64, bool) {
	switch {
	case s.Form == Text:
		return moment.Parse(s.Text, false, r.timeUnit)
	case s.Form == Whole && s.Exact != 0:
		return s.N * int64(s.Exact), s.N > 0 && s.N < math.MaxInt64/int64(s.Exact)
	case s.Form == Whole && (s.N < 0 || s.Large), s.Form == Boolean:
		return 0, false
	case s.Form == Fractional:
		from := len(e.arena)
		if !(s.F > 0) || s.F >= 1<<63 {
			return 0, false
		}
		e.arena = strconv.AppendFloat(e.arena, s.F, 'f', -1, 64)
		ns, ok := moment.Unix(e.arena[from:], r.timeUnit)
		return ns, ok && ns > 0
	}
	ns, ok := moment.Unix(e.Words(s), r.timeUnit)
	return ns, ok && ns > 0
}

// value returns the event's one value. single is false if it has no field for one.
func (r *Rows) value(e *Event) (v float64, lose loss, single bool) {
	from, to := r.Mapping.of(valueRole)
	lose = noValue
	for i := from; i < to; i++ {
		s := &e.slots[i]
		if s.Form == Absent {
			continue
		}
		single = true
		v, why := number(s)
		if why == notNumeric && s.Form == Text {
			v, why = written(s.Text)
		}
		if why == kept || why == notFinite {
			return v, why, true
		}
		lose = max(lose, why)
	}
	return 0, lose, single
}

// number returns the value of a number.
func number(s *Scalar) (float64, loss) {
	switch s.Form {
	case Whole:
		if s.Large {
			return float64(uint64(s.N)), kept
		}
		return float64(s.N), kept
	case Fractional:
		if math.IsNaN(s.F) || math.IsInf(s.F, 0) {
			return 0, notFinite
		}
		return s.F, kept
	case Boolean:
		return 0, notNumeric
	case Text:
		if len(s.Text) > 0 {
			return 0, notNumeric
		}
	}
	return 0, noValue
}

// written returns the value of a number that stands in a text.
func written(b []byte) (float64, loss) {
	b = bytes.TrimSpace(b)
	v, n := decimal.Parse(b)
	switch {
	case n == 0 || n != len(b):
		return 0, notNumeric
	case math.IsNaN(v) || math.IsInf(v, 0):
		return 0, notFinite
	}
	return v, kept
}

// name returns the metric's name.
func (r *Rows) name(e *Event) []byte {
	from, to := r.Mapping.of(nameRole)
	for i := from; i < to; i++ {
		if name := e.Words(&e.slots[i]); len(name) > 0 {
			return name
		}
	}
	if len(r.metric) > 0 {
		return r.metric
	}
	return e.Title
}

// identify makes r.key of what the series of an event have in common.
func (r *Rows) identify(e *Event, name []byte) {
	r.key = appendText(r.key[:0], name)
	for i := range e.labels {
		r.key = append(r.key, 1)
		r.key = appendText(appendText(r.key, e.labels[i].name), e.Words(&e.labels[i].Scalar))
	}
	from, to := r.Mapping.of(labelRole)
	for i := from; i < to; i++ {
		if s := &e.slots[i]; s.Form >= Text {
			r.key = appendText(binary.AppendUvarint(r.key, uint64(i)+2), e.Words(s))
		}
	}
	r.key = append(r.key, 0)
}

func appendText(b, s []byte) []byte { return append(binary.AppendUvarint(b, uint64(len(s))), s...) }

// point appends one row: of one of several values, or of the event's one value where that is nil; or counts it as lost.
func (r *Rows) point(e *Event, name []byte, of *member, when int64, v float64, lose loss, at int) error {
	if r.rows++; r.rows > r.points {
		return pipeline.Errorf("fields.limit.points", "record makes more rows than max_points %d: send smaller ones or raise it", r.points)
	}
	if lose != kept {
		r.lost[lose]++
		return nil
	}
	common := len(r.key)
	if of != nil {
		r.key = append(append(r.key, 1), of.name...)
	}
	series, hash, ok := r.memo.Find(0, r.key)
	if !ok {
		var err error
		if series, err = r.admit(e, name, of, at); err != nil {
			return err
		}
		r.memo.Add(hash, 0, r.key, series)
	}
	r.key = r.key[:common]
	if series == refused {
		r.lost[seriesLimit]++
		return nil
	}
	r.out.Point(series, when, 0, v)
	return nil
}

// admit interns a series at its first sight.
func (r *Rows) admit(e *Event, name []byte, of *member, at int) (uint32, error) {
	from, to := r.Mapping.of(labelRole)
	if n := len(e.labels) + to - from; n > r.attributes {
		if n = len(e.labels) + r.present(e); n > r.attributes {
			return 0, pipeline.Errorf("fields.limit.attributes", "event at byte %d has more labels than max_attributes %d: drop some at the producer, name those that count in labels, or raise it", at, r.attributes)
		}
	}
	// The key has all the text, and for each of them its length.
	if len(r.key)-20*(len(e.labels)+to-from+1) > r.labelBytes {
		return 0, r.tooLong(at)
	}
	metric := words(name)
	if of != nil && metric != "" {
		metric += "_"
	}
	if of != nil {
		metric += words(of.name)
	}
	var labels []pipeline.Label
	for _, own := range []bool{false, true} {
		for i := range e.labels {
			if e.labels[i].own == own {
				labels = append(labels, pipeline.Label{Name: words(e.labels[i].name), Value: words(e.Words(&e.labels[i].Scalar))})
			}
		}
	}
	for i := from; i < to; i++ {
		if s := &e.slots[i]; s.Form >= Text {
			labels = append(labels, pipeline.Label{Name: words(r.Mapping.slots[i].name), Value: words(e.Words(s))})
		}
	}
	size, filled := len(metric), labels[:0]
	for _, l := range labels {
		if l.Value != "" {
			filled = append(filled, l)
			size += len(l.Name) + len(l.Value)
		}
	}
	if size > r.labelBytes {
		return 0, r.tooLong(at)
	}
	series, err := r.table.Intern(metric, r.unit(e), r.typ, pipeline.NewLabels(filled))
	if pipeline.Code(err) == "series.limit" {
		return refused, nil
	}
	return series, err
}

// present counts the labels that have slots and are there.
func (r *Rows) present(e *Event) (n int) {
	from, to := r.Mapping.of(labelRole)
	for i := from; i < to; i++ {
		if e.slots[i].Form >= Text {
			n++
		}
	}
	return n
}

// unit returns the event's unit.
func (r *Rows) unit(e *Event) string {
	from, to := r.Mapping.of(unitRole)
	for i := from; i < to; i++ {
		if s := &e.slots[i]; s.Form == Text && len(s.Text) > 0 && len(s.Text) <= r.labelBytes {
			return words(s.Text)
		}
	}
	return ""
}

func (r *Rows) tooLong(at int) error {
	return pipeline.Errorf("fields.limit.label_bytes", "event at byte %d has more text in its name and labels than max_label_bytes %d: take long fields out of labels or raise it", at, r.labelBytes)
}

// words copies bytes that should be UTF-8.
func words(b []byte) string { return strings.ToValidUTF8(string(b), "\uFFFD") }
