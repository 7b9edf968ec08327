package jsonlog

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"maps"

	"github.com/valyala/fastjson"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/ansi"
	"github.com/homeostat/homeostat/schemas/codec/moment"
	"github.com/homeostat/homeostat/schemas/codec/severity"
	"github.com/homeostat/homeostat/schemas/codec/streams"
)

// Name is the codec's word in the configuration.
const Name = "json_logs"

// Reasons in Columns.Lost.
const (
	// LostNoTime: neither the line nor the record has a time.
	LostNoTime = "no_time"
	// LostStreamLimit: a new stream, and the lane's table is full.
	LostStreamLimit = "series_limit"
)

type limits struct{ bytes, lineBytes, lines, bodyBytes, labelBytes, nesting int }

// codec decodes lines.
type codec struct {
	limits   limits
	fields   fields
	timeUnit moment.Unit
	numbers  severity.Numbering

	// streams leads from the values of a line's labels to its stream.
	streams      *streams.Finder
	key, lastKey []byte
	last         uint32                // the stream of lastKey
	table        *pipeline.SeriesTable // that it is in

	parser  fastjson.Parser
	scratch []byte // a field's text
	number  []byte // a body that is a number or boolean
	plain   []byte // a body without escape sequences
	whole   []byte // a body with its stack trace
	strips  bool
	// Of the record being decoded.
	rec                  *pipeline.Record
	out                  *pipeline.Columns
	noTime, streamsLimit int
}

// parserLine is the size of line beyond which the parser, which keeps what it needed, is not kept.
const parserLine = 64 << 10

// New makes a codec for one lane. Settings that are absent have the defaults of Spec.
func New(given pipeline.Settings) (pipeline.Codec, error) {
	s := pipeline.Settings{}
	for _, setting := range Spec().Settings {
		s[setting.Name] = setting.Default
	}
	maps.Copy(s, given)
	fields, err := newFields(s)
	if err != nil {
		return nil, err
	}
	return &codec{
		fields:   fields,
		timeUnit: moment.UnitOf(s.Text("time_unit")),
		numbers:  severity.NumberingOf(s.Text("severity_numbers")),
		strips:   s.Text("ansi") == "strip",
		streams:  streams.New(int(s.Int("memo"))),
		limits: limits{
			bytes:      int(s.Int("max_bytes")),
			lineBytes:  int(s.Int("max_line_bytes")),
			lines:      int(s.Int("max_lines")),
			bodyBytes:  int(s.Int("max_body_bytes")),
			labelBytes: int(s.Int("max_label_bytes")),
			nesting:    int(s.Int("max_nesting")),
		},
	}, nil
}

// Decode implements pipeline.Codec. Losses are counted only when the whole record is sound.
func (c *codec) Decode(rec *pipeline.Record, out *pipeline.Columns) error {
	if n := len(rec.Value); n > c.limits.bytes {
		return pipeline.Errorf("json_logs.limit.bytes", "json logs record of %d bytes is larger than max_bytes %d: send smaller batches or raise it", n, c.limits.bytes)
	}
	if c.table != out.Series {
		c.table, c.lastKey = out.Series, nil
	}
	c.streams.Use(out.Series)
	c.rec, c.out, c.noTime, c.streamsLimit = rec, out, 0, 0
	err := c.record()
	c.rec, c.out = nil, nil
	if err != nil {
		return err
	}
	if c.noTime > 0 {
		out.Lose(LostNoTime, c.noTime)
	}
	if c.streamsLimit > 0 {
		out.Lose(LostStreamLimit, c.streamsLimit)
	}
	return nil
}

func (c *codec) record() error {
	value := c.rec.Value
	from := len(value) - len(bytes.TrimLeft(value, space))
	trimmed := bytes.TrimRight(value[from:], space)
	if len(trimmed) == 0 {
		return pipeline.Errorf("json_logs.empty", "json logs record has no line: check what writes to topic %s", c.rec.Topic)
	}
	if c.alone(trimmed) {
		if v, err := c.parser.ParseBytes(trimmed); err == nil {
			return c.line(v, from, trimmed)
		}
	}
	sp := splitter{b: value, nesting: c.limits.nesting}
	for lines := 1; ; lines++ {
		from, to, ok, err := sp.next()
		if err != nil || !ok {
			return err
		}
		if lines > c.limits.lines {
			return pipeline.Errorf("json_logs.limit.lines", "json logs record has more lines than max_lines %d: send smaller batches or raise it", c.limits.lines)
		}
		if to-from > c.limits.lineBytes {
			return pipeline.Errorf("json_logs.limit.line_bytes", "json log line at byte %d has %d bytes, more than max_line_bytes %d: shorten it at the producer or raise it", from, to-from, c.limits.lineBytes)
		}
		v, err := c.parser.ParseBytes(value[from:to])
		if err != nil {
			return c.broken(from, value[from:to])
		}
		if err := c.line(v, from, value[from:to]); err != nil {
			return err
		}
	}
}

// alone tells whether a record looks like one line within its limits, the usual case, which is quicker to parse than
// to split. If the parser does not agree, the splitter has the word.
func (c *codec) alone(b []byte) bool {
	return b[0] == '{' && b[len(b)-1] == '}' && len(b) <= min(c.limits.lineBytes, parserLine) &&
		bytes.Count(b, []byte{'{'})+bytes.Count(b, []byte{'['}) <= c.limits.nesting
}

// line decodes a parsed line, which stands as raw at a position of the record.
func (c *codec) line(v *fastjson.Value, from int, raw []byte) error {
	if len(raw) > parserLine {
		defer func() { c.parser, c.plain, c.whole = fastjson.Parser{}, nil, nil }()
	}
	switch v.Type() {
	case fastjson.TypeString:
		clear(c.fields.slots)
		body, _ := v.StringBytes()
		return c.append(from, body)
	case fastjson.TypeObject:
		c.fields.find(v.GetObject())
		body, ok := c.body()
		if !ok {
			body = raw
		} else {
			body = c.withTrace(body)
		}
		return c.append(from, body)
	}
	return pipeline.Errorf("json_logs.not_object", "json log line at byte %d is a %s, neither an object nor a text: check what writes to the topic", from, v.Type())
}

// broken says where the line at a position does not follow JSON's grammar.
func (c *codec) broken(at int, raw []byte) error {
	why := "it is not JSON"
	c.parser = fastjson.Parser{}
	var v json.RawMessage
	var fault *json.SyntaxError
	if errors.As(json.Unmarshal(raw, &v), &fault) {
		at, why = at+max(int(fault.Offset)-1, 0), fault.Error()
	}
	return pipeline.Errorf("json_logs.syntax", "json logs record of %d bytes is broken at byte %d: %s; check what writes to topic %s", len(c.rec.Value), at, why, c.rec.Topic)
}

// append adds the row of the line whose fields were found.
func (c *codec) append(at int, body []byte) error {
	if c.strips && ansi.Has(body) {
		c.plain = ansi.Strip(c.plain[:0], body)
		body = c.plain
	}
	if body = bytes.TrimRight(body, "\r\n"); len(body) > c.limits.bodyBytes {
		return pipeline.Errorf("json_logs.limit.body_bytes", "json log line at byte %d has a body of %d bytes, more than max_body_bytes %d: shorten it at the producer or raise it", at, len(body), c.limits.bodyBytes)
	}
	when := c.time()
	if when == 0 {
		c.noTime++
		return nil
	}
	stream, err := c.stream(at)
	if err != nil {
		return err
	}
	if stream == streams.Refused {
		c.streamsLimit++
		return nil
	}
	c.out.Log(stream, when, c.severity(), body)
	return nil
}

// time returns the line's time in Unix nanoseconds, 0 if there is none.
func (c *codec) time() int64 {
	for _, v := range c.fields.time() {
		if v == nil {
			continue
		}
		if s, number := c.text(v); len(s) > 0 {
			if ns, ok := moment.Parse(s, number, c.timeUnit); ok {
				return ns
			}
		}
	}
	return max(c.rec.Timestamp, 0) * 1e6
}

// severity returns the line's OpenTelemetry severity number, 0 if unknown.
func (c *codec) severity() uint8 {
	for i, v := range c.fields.severity() {
		if v == nil {
			continue
		}
		if s, _ := c.text(v); len(s) > 0 {
			how := c.numbers
			if c.fields.otel[i] && how == severity.ByValue {
				how = severity.ByOpenTelemetry
			}
			if n := severity.Parse(s, how); n != 0 {
				return n
			}
		}
	}
	return 0
}

func (c *codec) body() (body []byte, ok bool) {
	for _, v := range c.fields.body() {
		if v == nil {
			continue
		}
		switch v.Type() {
		case fastjson.TypeString:
			body, _ = v.StringBytes()
			return body, true
		case fastjson.TypeNumber, fastjson.TypeTrue, fastjson.TypeFalse:
			c.number = v.MarshalTo(c.number[:0])
			return c.number, true
		}
	}
	return nil, false
}

// withTrace returns a body with the line's stack trace behind it, unless it holds the trace already. It is valid until the next call.
func (c *codec) withTrace(body []byte) []byte {
	for _, v := range c.fields.trace() {
		if v == nil || v.Type() != fastjson.TypeString {
			continue
		}
		trace, _ := v.StringBytes()
		if trace = bytes.TrimRight(trace, "\r\n"); len(trace) == 0 {
			continue
		}
		if bytes.Contains(body, trace) {
			return body
		}
		c.whole = append(append(c.whole[:0], bytes.TrimRight(body, "\r\n")...), '\n')
		c.whole = append(c.whole, trace...)
		return c.whole
	}
	return body
}

// text returns the text of a scalar, nil if v is none. It is valid until the next call.
func (c *codec) text(v *fastjson.Value) (s []byte, number bool) {
	switch v.Type() {
	case fastjson.TypeString:
		s, _ := v.StringBytes()
		return s, false
	case fastjson.TypeNumber:
		c.scratch = v.MarshalTo(c.scratch[:0])
		return c.scratch, true
	case fastjson.TypeTrue, fastjson.TypeFalse:
		c.scratch = v.MarshalTo(c.scratch[:0])
		return c.scratch, false
	}
	return nil, false
}

// stream finds the stream of the line by the values of its labels.
func (c *codec) stream(at int) (uint32, error) {
	c.key = c.key[:0]
	size := 0
	for i, v := range c.fields.labels() {
		if v == nil {
			continue
		}
		s, _ := c.text(v)
		if len(s) == 0 {
			continue
		}
		c.key = binary.AppendUvarint(binary.AppendUvarint(c.key, uint64(i)), uint64(len(s)))
		c.key = append(c.key, s...)
		if size += len(c.fields.labelNames[i]) + len(s); size > c.limits.labelBytes {
			return 0, pipeline.Errorf("json_logs.limit.label_bytes", "json log line at byte %d has more text in its labels than max_label_bytes %d: take long fields out of labels or raise it", at, c.limits.labelBytes)
		}
	}
	if c.lastKey != nil && bytes.Equal(c.key, c.lastKey) {
		return c.last, nil
	}
	stream, err := c.lookUp()
	if err == nil {
		c.lastKey, c.last = append(c.lastKey[:0], c.key...), stream
		if c.lastKey == nil {
			c.lastKey = []byte{}
		}
	}
	return stream, err
}

// lookUp finds the stream of c.key, interning it at first sight.
func (c *codec) lookUp() (uint32, error) {
	if stream, ok := c.streams.Find(0, c.key); ok {
		return stream, nil
	}
	var labels []pipeline.Label
	for key := c.key; len(key) > 0; {
		i, n := binary.Uvarint(key)
		size, m := binary.Uvarint(key[n:])
		from, to := n+m, n+m+int(size)
		labels = streams.Label(labels, c.fields.labelNames[i], key[from:to])
		key = key[to:]
	}
	return c.streams.Add(0, c.key, labels)
}
