package avro

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

// codec decodes records. Its memo leads from what names a series, as it stands in records, to the series; it holds for one series table.
type codec struct {
	limits   limits
	mapping  mapping
	timeUnit moment.Unit
	metric   []byte
	typ      pipeline.SeriesType
	registry *registry // nil: records are plain
	plan     *plan     // of plain records

	table *pipeline.SeriesTable
	memo  memo.Memo
	event event
	key   []byte

	// Of the record being decoded.
	out        *pipeline.Columns
	recordTime int64 // Unix nanoseconds, 0 if unknown
	rows       int
	lost       [losses]int
}

// Decode implements pipeline.Codec. Losses are counted only when the whole record is sound. While the schema registry is
// not to be reached it fails with a pipeline.Unavailable.
func (c *codec) Decode(rec *pipeline.Record, out *pipeline.Columns) error {
	switch n := len(rec.Value); {
	case n == 0:
		return pipeline.Errorf("avro.empty", "avro record has no bytes: check what writes to topic %s", rec.Topic)
	case n > c.limits.bytes:
		return pipeline.Errorf("avro.limit.bytes", "avro record of %d bytes is larger than max_bytes %d: send smaller ones or raise it", n, c.limits.bytes)
	}
	p, datum, err := c.frame(rec.Value)
	if err != nil {
		return err
	}
	if c.table != out.Series || c.memo.Bytes() > c.limits.memo {
		c.table, c.memo = out.Series, memo.New()
	}
	c.out, c.rows, c.lost, c.recordTime = out, 0, [losses]int{}, 0
	if rec.Timestamp > 0 && rec.Timestamp <= math.MaxInt64/1_000_000 {
		c.recordTime = rec.Timestamp * 1_000_000
	}
	err = c.record(p, datum, len(rec.Value)-len(datum))
	c.out = nil
	if err != nil {
		return err
	}
	for reason, n := range c.lost {
		if n > 0 {
			out.Lose(lossReasons[reason], n)
		}
	}
	return nil
}

// frameBytes is how long Confluent's framing is: a zero, and the schema's id in four bytes.
const frameBytes = 5

// frame returns the plan of a record's schema and the record without its framing.
func (c *codec) frame(b []byte) (*plan, []byte, error) {
	if c.registry == nil {
		return c.plan, b, nil
	}
	if len(b) < frameBytes || b[0] != 0 {
		return nil, nil, pipeline.Errorf("avro.frame", "avro record of %d bytes does not begin with a zero and a schema's id: check that its producer uses Confluent's serializer, or give the codec the records' schema instead of a registry", len(b))
	}
	p, err := c.registry.plan(binary.BigEndian.Uint32(b[1:]), &c.mapping)
	return p, b[frameBytes:], err
}

// record decodes one event, or an array of them. offset is where the bytes stand in the record, for errors.
func (c *codec) record(p *plan, b []byte, offset int) error {
	r := reader{b: b}
	if !p.array {
		if err := c.one(&r, p.root, offset); err != nil {
			return err
		}
	} else {
		for items := r.block(); items > 0; items = r.block() {
			for range items {
				if err := c.one(&r, p.root, offset); err != nil {
					return err
				}
			}
		}
	}
	if r.fault == "" && r.at < len(b) {
		r.stop(r.at, "the record goes on behind what its schema describes")
	}
	return c.broken(&r, offset)
}

func (c *codec) broken(r *reader, offset int) error {
	if r.fault == "" {
		return nil
	}
	return pipeline.Errorf("avro.wire", "avro record of %d bytes is broken at byte %d: %s; check that it was written by the schema that it names", len(r.b)+offset, r.faultAt+offset, r.fault)
}

// one decodes one event.
func (c *codec) one(r *reader, s *step, offset int) error {
	e := &c.event
	e.reset()
	at := r.at + offset
	if !e.walk(r, s, nil, c.limits.nesting) && r.fault == "" {
		return pipeline.Errorf("avro.limit.nesting", "avro record at byte %d is nested deeper than max_nesting %d: flatten it at the producer or raise it", at, c.limits.nesting)
	}
	if err := c.broken(r, offset); err != nil {
		return err
	}
	when, late := c.when(e)
	v, lose, single := c.value(e)
	if late != kept {
		lose = late
	}
	name := c.name(e)
	c.identify(e, name)
	if single || len(e.values) == 0 {
		if err := c.point(e, name, nil, when, v, lose, at); err != nil {
			return err
		}
	}
	for i := range e.values {
		m := &e.values[i]
		v, lose := number(&m.scalar)
		if late != kept {
			lose = late
		}
		if err := c.point(e, name, m, when, v, lose, at); err != nil {
			return err
		}
	}
	return nil
}

// when returns the event's time in Unix nanoseconds, or why it has none.
func (c *codec) when(e *event) (int64, loss) {
	from, to := c.mapping.of(timeRole)
	given := false
	for i := from; i < to; i++ {
		s := &e.slots[i]
		if s.form <= null || s.form == text && len(s.text) == 0 || s.form == whole && s.n == 0 && s.exact == 0 || s.form == fractional && s.f == 0 {
			continue
		}
		given = true
		if ns, ok := c.moment(e, s); ok {
			return ns, kept
		}
	}
	switch {
	case given:
		return 0, timeRange
	case c.recordTime == 0:
		return 0, noTime
	}
	return c.recordTime, kept
}

// moment reads a time.
func (c *codec) moment(e *event, s *scalar) (int64, bool) {
	switch {
	case s.form == text:
		return moment.Parse(s.text, false, c.timeUnit)
	case s.form == whole && s.exact != 0:
		return s.n * int64(s.exact), s.n > 0 && s.n < math.MaxInt64/int64(s.exact)
	case s.form == whole && s.n < 0, s.form == boolean:
		return 0, false
	case s.form == fractional:
		from := len(e.arena)
		if !(s.f > 0) || s.f >= 1<<63 {
			return 0, false
		}
		e.arena = strconv.AppendFloat(e.arena, s.f, 'f', -1, 64)
		ns, ok := moment.Unix(e.arena[from:], c.timeUnit)
		return ns, ok && ns > 0
	}
	ns, ok := moment.Unix(e.words(s), c.timeUnit)
	return ns, ok && ns > 0
}

// value returns the event's one value. single is false if it has no field for one.
func (c *codec) value(e *event) (v float64, lose loss, single bool) {
	from, to := c.mapping.of(valueRole)
	lose = noValue
	for i := from; i < to; i++ {
		s := &e.slots[i]
		if s.form == absent {
			continue
		}
		single = true
		v, why := number(s)
		if why == notNumeric && s.form == text {
			v, why = written(s.text)
		}
		if why == kept || why == notFinite {
			return v, why, true
		}
		lose = max(lose, why)
	}
	return 0, lose, single
}

// number returns the value of a number.
func number(s *scalar) (float64, loss) {
	switch s.form {
	case whole:
		return float64(s.n), kept
	case fractional:
		if math.IsNaN(s.f) || math.IsInf(s.f, 0) {
			return 0, notFinite
		}
		return s.f, kept
	case boolean:
		return 0, notNumeric
	case text:
		if len(s.text) > 0 {
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
func (c *codec) name(e *event) []byte {
	from, to := c.mapping.of(nameRole)
	for i := from; i < to; i++ {
		if name := e.words(&e.slots[i]); len(name) > 0 {
			return name
		}
	}
	if len(c.metric) > 0 {
		return c.metric
	}
	return e.name
}

// identify makes c.key of what the series of an event have in common.
func (c *codec) identify(e *event, name []byte) {
	c.key = appendText(c.key[:0], name)
	for i := range e.labels {
		c.key = append(c.key, 1)
		c.key = appendText(appendText(c.key, e.labels[i].name), e.words(&e.labels[i].scalar))
	}
	from, to := c.mapping.of(labelRole)
	for i := from; i < to; i++ {
		if s := &e.slots[i]; s.form >= text {
			c.key = appendText(binary.AppendUvarint(c.key, uint64(i)+2), e.words(s))
		}
	}
	c.key = append(c.key, 0)
}

func appendText(b, s []byte) []byte { return append(binary.AppendUvarint(b, uint64(len(s))), s...) }

// point appends one row: of one of several values, or of the event's one value where that is nil; or counts it as lost.
func (c *codec) point(e *event, name []byte, of *member, when int64, v float64, lose loss, at int) error {
	if c.rows++; c.rows > c.limits.points {
		return pipeline.Errorf("avro.limit.points", "avro record makes more rows than max_points %d: send smaller ones or raise it", c.limits.points)
	}
	if lose != kept {
		c.lost[lose]++
		return nil
	}
	common := len(c.key)
	if of != nil {
		c.key = append(append(c.key, 1), of.name...)
	}
	series, hash, ok := c.memo.Find(0, c.key)
	if !ok {
		var err error
		if series, err = c.admit(e, name, of, at); err != nil {
			return err
		}
		c.memo.Add(hash, 0, c.key, series)
	}
	c.key = c.key[:common]
	if series == refused {
		c.lost[seriesLimit]++
		return nil
	}
	c.out.Point(series, when, 0, v)
	return nil
}

// admit interns a series at its first sight.
func (c *codec) admit(e *event, name []byte, of *member, at int) (uint32, error) {
	from, to := c.mapping.of(labelRole)
	if n := len(e.labels) + to - from; n > c.limits.attributes {
		if n = len(e.labels) + c.present(e); n > c.limits.attributes {
			return 0, pipeline.Errorf("avro.limit.attributes", "avro event at byte %d has more labels than max_attributes %d: drop some at the producer, name those that count in labels, or raise it", at, c.limits.attributes)
		}
	}
	// The key has all the text, and for each of them its length.
	if len(c.key)-20*(len(e.labels)+to-from+1) > c.limits.labelBytes {
		return 0, c.tooLong(at)
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
				labels = append(labels, pipeline.Label{Name: words(e.labels[i].name), Value: words(e.words(&e.labels[i].scalar))})
			}
		}
	}
	for i := from; i < to; i++ {
		if s := &e.slots[i]; s.form >= text {
			labels = append(labels, pipeline.Label{Name: words(c.mapping.slots[i].name), Value: words(e.words(s))})
		}
	}
	size, filled := len(metric), labels[:0]
	for _, l := range labels {
		if l.Value != "" {
			filled = append(filled, l)
			size += len(l.Name) + len(l.Value)
		}
	}
	if size > c.limits.labelBytes {
		return 0, c.tooLong(at)
	}
	series, err := c.table.Intern(metric, c.unit(e), c.typ, pipeline.NewLabels(filled))
	if pipeline.Code(err) == "series.limit" {
		return refused, nil
	}
	return series, err
}

// present counts the labels that have slots and are there.
func (c *codec) present(e *event) (n int) {
	from, to := c.mapping.of(labelRole)
	for i := from; i < to; i++ {
		if e.slots[i].form >= text {
			n++
		}
	}
	return n
}

// unit returns the event's unit.
func (c *codec) unit(e *event) string {
	from, to := c.mapping.of(unitRole)
	for i := from; i < to; i++ {
		if s := &e.slots[i]; s.form == text && len(s.text) > 0 && len(s.text) <= c.limits.labelBytes {
			return words(s.text)
		}
	}
	return ""
}

func (c *codec) tooLong(at int) error {
	return pipeline.Errorf("avro.limit.label_bytes", "avro event at byte %d has more text in its name and labels than max_label_bytes %d: take long fields out of labels or raise it", at, c.limits.labelBytes)
}

// words copies bytes that should be UTF-8.
func words(b []byte) string { return strings.ToValidUTF8(string(b), "\uFFFD") }
