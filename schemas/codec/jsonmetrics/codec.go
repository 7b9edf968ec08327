package jsonmetrics

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/jsontext"
	"github.com/homeostat/homeostat/schemas/codec/memo"
	"github.com/homeostat/homeostat/schemas/codec/moment"
	"github.com/homeostat/homeostat/schemas/codec/values"
)

// Reasons in Columns.Lost.
const (
	// LostNoValue: the object names no value, or it is null or empty.
	LostNoValue = "no_recorded_value"
	// LostNotNumeric: the value is neither a number nor a text that is one.
	LostNotNumeric = "not_numeric"
	// LostNotFinite: NaN, an infinity, or more than float64 holds.
	LostNotFinite = "not_finite"
	// LostNoTime: neither the object nor the record has a time.
	LostNoTime = "no_time"
	// LostTimeRange: the object's time is not after 1970, beyond 2261, or in no form that is known.
	LostTimeRange = "time_out_of_range"
	// LostNoName: the metric has no name.
	LostNoName = "no_metric_name"
	// LostSeriesLimit: a new series, and the lane's table is full.
	LostSeriesLimit = "series_limit"
)

type loss int

const (
	kept loss = iota
	noValue
	notNumeric
	notFinite
	noTime
	timeRange
	noName
	seriesLimit
	losses
)

var lossReasons = [losses]string{"", LostNoValue, LostNotNumeric, LostNotFinite, LostNoTime, LostTimeRange, LostNoName, LostSeriesLimit}

type limits struct{ bytes, object, points, attributes, labelBytes, nesting, memo int }

// codec decodes records. Its memos lead from the raw bytes of all that names a series to its ordinals; they hold for one series
// table.
type codec struct {
	limits   limits
	mapping  mapping
	timeUnit moment.Unit
	metric   []byte
	named    bool // the settings name fields or a text for metrics' names
	typ      pipeline.SeriesType
	table    *pipeline.SeriesTable

	memo     memo.Memo
	fields   memo.Memo // of fields of values, by the place in ordinals of what they are beside
	ordinals []uint32
	layouts  layouts

	batch  []string // members that hold batches
	reader reader
	slow   event  // of an object of no layout
	key    []byte // scratch
	// Of the record being decoded.
	rec        *pipeline.Record
	out        *pipeline.Columns
	recordTime int64 // Unix nanoseconds, 0 if unknown
	rows       int
	lost       [losses]int
}

// Decode implements pipeline.Codec. Losses are counted only when the whole record is sound.
func (c *codec) Decode(rec *pipeline.Record, out *pipeline.Columns) error {
	if n := len(rec.Value); n > c.limits.bytes {
		return pipeline.Errorf("json_metrics.limit.bytes", "json metrics record of %d bytes is larger than max_bytes %d: send smaller batches or raise it", n, c.limits.bytes)
	}
	if c.table != out.Series || c.memoBytes() > c.limits.memo {
		c.forget(out.Series)
	}
	c.rec, c.out, c.rows = rec, out, 0
	c.recordTime = max(rec.Timestamp, 0) * 1e6
	err := c.record()
	c.rec, c.out = nil, nil
	lost := &c.lost
	if err != nil {
		*lost = [losses]int{}
		return err
	}
	if *lost != [losses]int{} {
		for reason, n := range lost {
			if n > 0 {
				out.Lose(lossReasons[reason], n)
			}
		}
		*lost = [losses]int{}
	}
	return nil
}

// forget starts the memo anew, for a table.
func (c *codec) forget(table *pipeline.SeriesTable) {
	c.table, c.memo, c.fields, c.ordinals = table, memo.New(), memo.New(), nil
	for _, l := range c.layouts.all {
		l.keys = 0
	}
}

func (c *codec) memoBytes() int { return c.memo.Bytes() + c.fields.Bytes() + 4*cap(c.ordinals) }

func (c *codec) record() error {
	b := c.rec.Value
	if len(b) > 0 && b[len(b)-1] <= ' ' {
		b = bytes.TrimRight(b, values.Space)
	}
	if c.inBatch(b, 0) > 0 {
		return c.objects(b, 0)
	}
	for _, l := range c.layouts.likely() {
		if ok, err := c.recognise(l, b); ok {
			c.layouts.meet(l)
			return err
		}
	}
	if end, err := c.known(b, 0); end > 0 {
		if err != nil || end == len(b) {
			return err
		}
		return c.objects(b, end)
	}
	if end, err := c.read(b, 0); end > 0 {
		if err != nil || end == len(b) {
			return err
		}
		return c.objects(b, end)
	}
	return c.objects(b, 0)
}

// objects decodes the objects of a record from a position on, which is its beginning or behind an object.
func (c *codec) objects(b []byte, from int) error {
	sp := values.Splitter{B: b, At: from, Nesting: c.limits.nesting, Any: from > 0}
	if err := c.split(&sp); err != nil {
		return err
	}
	if !sp.Any {
		return pipeline.Errorf("json_metrics.empty", "json metrics record has no object: check what writes to topic %s", c.rec.Topic)
	}
	return nil
}

// split decodes the objects that a splitter finds.
func (c *codec) split(sp *values.Splitter) error {
	for {
		from, ok, fault := sp.Begin()
		if fault != nil {
			return c.fault(fault)
		}
		if !ok {
			return nil
		}
		if err := c.next(sp, from); err != nil {
			return err
		}
		if fault := sp.Separator(); fault != nil {
			return c.fault(fault)
		}
	}
}

// next decodes the object, or batch, that a splitter has found, and passes it.
func (c *codec) next(sp *values.Splitter, from int) error {
	if array := c.inBatch(sp.B, from); array > 0 && !sp.One {
		inner := values.Splitter{B: sp.B, At: array, Nesting: sp.Nesting, One: true}
		if err := c.split(&inner); err != nil {
			return err
		}
		if sp.At = jsontext.SkipSpace(sp.B, inner.At); sp.At == len(sp.B) || sp.B[sp.At] != '}' {
			return c.syntax(sp.At, "a batch of metrics has something beside them, or no end")
		}
		sp.At++
		return nil
	}
	if end, err := c.known(sp.B, from); end > 0 || err != nil {
		sp.At = end
		return err
	}
	if end, err := c.read(sp.B, from); end > 0 || err != nil {
		sp.At = end
		return err
	}
	if fault := sp.Pass(); fault != nil {
		return c.fault(fault)
	}
	return c.object(sp.B[from:sp.At], from)
}

// inBatch returns where the array of a batch begins, if what stands at a position is one: an object that begins with that array. Else it
// returns 0.
func (c *codec) inBatch(b []byte, at int) int {
	if len(c.batch) == 0 || at >= len(b) || b[at] != '{' {
		return 0
	}
	at = jsontext.SkipSpace(b, at+1)
	for _, name := range c.batch {
		end := at + len(name) + 2
		if end >= len(b) || b[at] != '"' || b[end-1] != '"' || string(b[at+1:end-1]) != name {
			continue
		}
		if i := jsontext.SkipSpace(b, end); i < len(b) && b[i] == ':' {
			if i = jsontext.SkipSpace(b, i+1); i < len(b) && b[i] == '[' {
				return i
			}
		}
	}
	return 0
}

// object says what is wrong with a value that is no object that could be read.
func (c *codec) object(raw []byte, at int) error {
	if len(raw) > c.limits.object {
		return pipeline.Errorf("json_metrics.limit.object_bytes", "json metric at byte %d has %d bytes, more than max_object_bytes %d: write smaller objects or raise it", at, len(raw), c.limits.object)
	}
	if raw[0] != '{' && jsontext.Skip(raw, 0, c.limits.nesting) == len(raw) {
		return pipeline.Errorf("json_metrics.not_object", "json metrics record has a %s at byte %d where an object belongs: check what writes to topic %s", typeName(raw), at, c.rec.Topic)
	}
	return c.broken(at, raw)
}

// typeName is what a sound value is called that is no object.
func typeName(raw []byte) string {
	switch raw[0] {
	case '[':
		return "array"
	case '"':
		return "string"
	}
	if word := jsontext.Word(raw, 0); word != "" {
		return word
	}
	return "number"
}

// read adds the points of the object at a position. It returns its end, 0 if it can't be read.
func (c *codec) read(b []byte, at int) (end int, err error) {
	if end = c.reader.read(b, at, &c.slow); end == 0 || end-at > c.limits.object {
		return 0, nil
	}
	o := object{b, at, end}
	if u := &c.slow.unfit; u.name != nil {
		return end, u.err(at)
	}
	if err := c.points(o); err != nil {
		return end, err
	}
	c.layouts.learn(c, b[at:end])
	return end, nil
}

// object is one that was read, b[from:to].
type object struct {
	b        []byte
	from, to int
}

// complete puts into the event all that its object says.
func (c *codec) complete(o object) {
	if !c.slow.full {
		c.reader.again(o.b[o.from:o.to], &c.slow)
	}
}

// count counts the rows of an object.
func (c *codec) count(n, at int) error {
	if c.rows += max(n, 1); c.rows > c.limits.points {
		return pipeline.Errorf("json_metrics.limit.points", "json metrics record has more points than max_points %d (reached at byte %d of %d): send smaller batches or raise it", c.limits.points, at, len(c.rec.Value))
	}
	return nil
}

// points adds the rows of an object that was read.
func (c *codec) points(o object) error {
	e := &c.slow
	owner, key := c.reader.identity(o.b)
	base, hash, ok := c.memo.Find(owner, key)
	if !ok {
		c.complete(o)
		if n := c.attributes(e); n > c.limits.attributes {
			return pipeline.Errorf("json_metrics.limit.attributes", "json metric at byte %d has %d labels, more than max_attributes %d: name fewer in labels or raise it", o.from, n, c.limits.attributes)
		}
	}
	rows := len(e.values)
	plain := c.plain(e)
	if plain {
		rows++
	}
	if err := c.count(rows, o.from); err != nil {
		return err
	}
	if rows == 0 {
		c.lost[noValue]++
		return nil
	}
	if !ok {
		base = c.ordinal(c.name(e), nil)
		c.memo.Add(hash, owner, key, base)
	}
	when, untimed := c.when(e)
	if plain {
		v, lose := c.value(e)
		if err := c.row(o, base, nil, when, v, max(lose, untimed)); err != nil {
			return err
		}
	}
	for i := range e.values {
		of := &e.values[i]
		where := c.place(o, base, of)
		v, lose := of.member()
		if err := c.row(o, where, of, when, v, max(lose, untimed)); err != nil {
			return err
		}
	}
	return nil
}

// broken says where an object does not follow JSON's grammar.
func (c *codec) broken(at int, raw []byte) error {
	why := "it is not JSON"
	var v json.RawMessage
	var fault *json.SyntaxError
	if errors.As(json.Unmarshal(raw, &v), &fault) {
		at, why = at+max(int(fault.Offset)-1, 0), fault.Error()
	}
	return c.syntax(at, why)
}

func (c *codec) syntax(at int, why string) error {
	return pipeline.Errorf("json_metrics.syntax", "json metrics record of %d bytes is broken at byte %d: %s; check what writes to topic %s", len(c.rec.Value), at, why, c.rec.Topic)
}

func (c *codec) fault(f *values.Fault) error {
	if f.Deep {
		return pipeline.Errorf("json_metrics.limit.nesting", "json metric nests deeper at byte %d than max_nesting %d: flatten it at the producer or raise it", f.At, c.limits.nesting)
	}
	return c.syntax(f.At, f.Why)
}
