package text

import (
	"bytes"
	"encoding/binary"
	"maps"
	"time"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/ansi"
	"github.com/homeostat/homeostat/schemas/codec/moment"
	"github.com/homeostat/homeostat/schemas/codec/streams"
)

// Name is the codec's word in the configuration.
const Name = "text"

// Reasons in Columns.Lost.
const (
	// LostNoTime: neither the line nor the record has a time.
	LostNoTime = "no_time"
	// LostStreamLimit: a new stream, and the lane's table is full.
	LostStreamLimit = "series_limit"
)

type limits struct{ bytes, bodyBytes, labelBytes, lines int }

// codec decodes lines.
type codec struct {
	limits                      limits
	clock                       moment.Clock
	joins, strips               bool
	topicLabel, keyLabel        string
	headers                     []string
	streams                     *streams.Finder
	key, plain, body, part, top []byte // scratch: of streams; the record without sequences; a body of gathered lines; a line in parts; the head of a line

	// Of the record being decoded.
	rec                  *pipeline.Record
	out                  *pipeline.Columns
	rows                 int
	noTime, streamsLimit int
	places               [places]place
}

// output is where a container's process wrote a line.
type output uint32

const (
	unknown output = iota
	stdout
	stderr
	places
)

// place is the stream of the record's lines of one output, once it is known.
type place struct {
	stream uint32
	known  bool
}

// New makes a codec for one lane. Settings that are absent have the defaults of Spec.
func New(given pipeline.Settings) (pipeline.Codec, error) {
	s := pipeline.Settings{}
	for _, setting := range Spec().Settings {
		s[setting.Name] = setting.Default
	}
	maps.Copy(s, given)
	c := &codec{
		joins:      s.Text("multiline") == "auto",
		strips:     s.Text("ansi") == "strip",
		topicLabel: s.Text("topic_label"),
		keyLabel:   s.Text("key_label"),
		headers:    s.Texts("labels_from_headers"),
		streams:    streams.New(int(s.Int("memo"))),
		limits: limits{
			bytes:      int(s.Int("max_bytes")),
			bodyBytes:  int(s.Int("max_body_bytes")),
			labelBytes: int(s.Int("max_label_bytes")),
			lines:      int(s.Int("max_lines")),
		},
	}
	var err error
	if c.clock.Zone, err = zone(s.Text("zone")); err != nil {
		return nil, err
	}
	return c, nil
}

// zone loads a time zone by its IANA name. That of the machine ("Local") would make results depend on where they are made.
func zone(name string) (*time.Location, error) {
	loc, err := time.LoadLocation(name)
	if err != nil || loc == time.Local || name == "" {
		return nil, &pipeline.SettingFault{Path: "zone",
			Err: pipeline.Errorf("text.zone", "time zone %q is not known here: use an IANA name such as Europe/Berlin, and see that the machine has the tz database", name)}
	}
	return loc, nil
}

// Decode implements pipeline.Codec. Losses are counted only when the whole record is sound.
func (c *codec) Decode(rec *pipeline.Record, out *pipeline.Columns) error {
	if n := len(rec.Value); n > c.limits.bytes {
		return pipeline.Errorf("text.limit.bytes", "text record of %d bytes is larger than max_bytes %d: send smaller batches or raise it", n, c.limits.bytes)
	}
	c.streams.Use(out.Series)
	c.rec, c.out, c.rows, c.noTime, c.streamsLimit, c.places = rec, out, 0, 0, 0, [places]place{}
	c.clock.Near = max(rec.Timestamp, 0) * 1e6
	err := c.record()
	c.rec, c.out = nil, nil
	if cap(c.plain)+cap(c.body)+cap(c.part) > keptScratch {
		c.plain, c.body, c.part = nil, nil, nil
	}
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

const (
	byteOrderMark = "\uFEFF"
	// keptScratch is the size of the copies of a record beyond which their room is given back.
	keptScratch = 1 << 20
)

func (c *codec) record() error {
	value := bytes.TrimPrefix(c.rec.Value, []byte(byteOrderMark))
	if c.strips && ansi.Has(value) {
		c.plain = ansi.Strip(c.plain[:0], value)
		value = c.plain
	}
	if blank(value) {
		return pipeline.Errorf("text.empty", "text record has no line: check what writes to topic %s", c.rec.Topic)
	}
	return c.lines(value)
}

// append adds a row.
func (c *codec) append(e *entry, body []byte) error {
	if c.rows++; c.rows > c.limits.lines {
		return pipeline.Errorf("text.limit.lines", "text record has more log records than max_lines %d: send smaller batches or raise it", c.limits.lines)
	}
	if body = withoutEnd(body); len(body) > c.limits.bodyBytes {
		return pipeline.Errorf("text.limit.body_bytes", "log record %d of a text record has a body of %d bytes, more than max_body_bytes %d: shorten it at the producer or raise it", c.rows, len(body), c.limits.bodyBytes)
	}
	top := body
	if n := bytes.IndexByte(top, '\n'); n >= 0 {
		top = withoutEnd(top[:n])
	}
	if !c.strips && ansi.Has(top[:min(len(top), headBytes)]) {
		c.top = ansi.Strip(c.top[:0], top[:min(len(top), headBytes)])
		top = c.top
	}
	when, level := c.head(top)
	if e.time != 0 {
		when = e.time
	}
	if when == 0 {
		if when = c.clock.Near; when == 0 {
			c.noTime++
			return nil
		}
	}
	stream, err := c.stream(e.output)
	if err != nil {
		return err
	}
	if stream == streams.Refused {
		c.streamsLimit++
		return nil
	}
	c.out.Log(stream, when, level, body)
	return nil
}

// stream finds the stream of the record's lines of an output.
func (c *codec) stream(from output) (uint32, error) {
	if p := c.places[from]; p.known {
		return p.stream, nil
	}
	c.key = c.key[:0]
	if c.topicLabel != "" {
		c.addKey([]byte(c.rec.Topic))
	}
	if c.keyLabel != "" {
		c.addKey(c.rec.Key)
	}
	for _, name := range c.headers {
		value, _ := c.rec.Header(name)
		c.addKey(value)
	}
	stream, ok := c.streams.Find(uint32(from), c.key)
	if !ok {
		var err error
		if stream, err = c.admit(from); err != nil {
			return 0, err
		}
	}
	c.places[from] = place{stream, true}
	return stream, nil
}

func (c *codec) addKey(value []byte) {
	c.key = append(binary.AppendUvarint(c.key, uint64(len(value))), value...)
}

// admit interns the stream at first sight.
func (c *codec) admit(from output) (uint32, error) {
	var labels []pipeline.Label
	if from != unknown {
		labels = append(labels, pipeline.Label{Name: "stream", Value: [...]string{stdout: "stdout", stderr: "stderr"}[from]})
	}
	if c.topicLabel != "" {
		labels = streams.Label(labels, c.topicLabel, []byte(c.rec.Topic))
	}
	if c.keyLabel != "" {
		labels = streams.Label(labels, c.keyLabel, c.rec.Key)
	}
	for _, name := range c.headers {
		value, _ := c.rec.Header(name)
		labels = streams.Label(labels, name, value)
	}
	n := 0
	for _, l := range labels {
		n += len(l.Name) + len(l.Value)
	}
	if n > c.limits.labelBytes {
		return 0, pipeline.Errorf("text.limit.label_bytes", "text record has %d bytes in its labels, more than max_label_bytes %d: take long headers or keys out of labels or raise it", n, c.limits.labelBytes)
	}
	return c.streams.Add(uint32(from), c.key, labels)
}
