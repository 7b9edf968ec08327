package syslog

import (
	"bytes"
	"maps"
	"time"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/moment"
	"github.com/homeostat/homeostat/schemas/codec/severity"
	"github.com/homeostat/homeostat/schemas/codec/streams"
)

// Name is the codec's word in the configuration.
const Name = "syslog"

// Reasons in Columns.Lost.
const (
	// LostNoTime: neither the message nor the record has a time.
	LostNoTime = "no_time"
	// LostStreamLimit: a new stream, and the lane's table is full.
	LostStreamLimit = "series_limit"
)

type dialect uint8

const (
	either dialect = iota
	rfc3164
	rfc5424
)

// The labels that a stream may have.
const (
	ofHost = iota
	ofApp
	ofFacility
	ofMessageID
	labels
)

var labelNames = [labels]string{"host", "app", "facility", "msgid"}

// facilities are the names of RFC 5424's table 1 as rsyslog and syslog-ng write them, where they have one.
var facilities = [...]string{"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp", "audit", "alert", "clock",
	"local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"}

type limits struct{ bytes, bodyBytes, labelBytes, lines int }

// codec decodes messages.
type codec struct {
	limits     limits
	dialect    dialect
	clock      moment.Clock
	labels     [labels]bool
	wholeLine  bool
	joins      bool
	severities [8]uint8
	streams    *streams.Finder
	key, body  []byte // scratch

	// Of the record being decoded.
	rec                  *pipeline.Record
	out                  *pipeline.Columns
	messages             int
	noTime, streamsLimit int
	layout               uint32 // of key
}

// New makes a codec for one lane. Settings that are absent have the defaults of Spec.
func New(given pipeline.Settings) (pipeline.Codec, error) {
	s := pipeline.Settings{}
	for _, setting := range Spec().Settings {
		s[setting.Name] = setting.Default
	}
	maps.Copy(s, given)
	c := &codec{
		wholeLine: s.Text("body") == "line",
		joins:     s.Text("multiline") == "auto",
		streams:   streams.New(int(s.Int("memo"))),
		limits: limits{
			bytes:      int(s.Int("max_bytes")),
			bodyBytes:  int(s.Int("max_body_bytes")),
			labelBytes: int(s.Int("max_label_bytes")),
			lines:      int(s.Int("max_lines")),
		},
	}
	switch s.Text("dialect") {
	case "rfc3164":
		c.dialect = rfc3164
	case "rfc5424":
		c.dialect = rfc5424
	}
	for _, name := range s.Texts("labels") {
		for i, known := range labelNames {
			c.labels[i] = c.labels[i] || name == known
		}
	}
	for i := range c.severities {
		c.severities[i] = severity.Parse([]byte{'0' + byte(i)}, severity.BySyslog)
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
			Err: pipeline.Errorf("syslog.zone", "time zone %q is not known here: use an IANA name such as Europe/Berlin, and see that the machine has the tz database", name)}
	}
	return loc, nil
}

// Decode implements pipeline.Codec. Losses are counted only when the whole record is sound.
func (c *codec) Decode(rec *pipeline.Record, out *pipeline.Columns) error {
	if n := len(rec.Value); n > c.limits.bytes {
		return pipeline.Errorf("syslog.limit.bytes", "syslog record of %d bytes is larger than max_bytes %d: send smaller batches or raise it", n, c.limits.bytes)
	}
	c.streams.Use(out.Series)
	c.rec, c.out, c.messages, c.noTime, c.streamsLimit = rec, out, 0, 0, 0
	c.clock.Near = max(rec.Timestamp, 0) * 1e6
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

const byteOrderMark = "\uFEFF"

// ends tells whether a byte is of those that end a message: some senders end it with a NUL.
func ends(ch byte) bool { return ch == '\n' || ch == '\r' || ch == 0 }

// blank tells whether there is nothing but white space and ends in a text.
func blank(s []byte) bool {
	for _, ch := range s {
		if ch != ' ' && ch != '\t' && !ends(ch) {
			return false
		}
	}
	return true
}

// withoutEnd returns a text without ends behind it.
func withoutEnd(s []byte) []byte {
	for len(s) > 0 && ends(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

func (c *codec) record() error {
	value := c.rec.Value
	at := 0
	if bytes.HasPrefix(value, []byte(byteOrderMark)) {
		at = len(byteOrderMark)
	}
	switch {
	case blank(value[at:]):
		return pipeline.Errorf("syslog.empty", "syslog record has no message: check what writes to topic %s", c.rec.Topic)
	case counted(value[at:]):
		return c.frames(at)
	}
	return c.lines(at)
}

// counted tells whether a record begins with a frame that is counted in octets: its length, a space and a priority.
func counted(b []byte) bool {
	_, n := frameSize(b)
	if n == 0 {
		return false
	}
	_, priority := readPriority(b[n:])
	return priority > 0
}

// frameSize reads the length of a frame and its space, n bytes together, 0 if there is none.
func frameSize(b []byte) (size, n int) {
	if len(b) == 0 || b[0] == '0' {
		return 0, 0
	}
	for n < len(b) && n < 10 && b[n] >= '0' && b[n] <= '9' {
		size = size*10 + int(b[n]-'0')
		n++
	}
	if n == 0 || n == len(b) || b[n] != ' ' {
		return 0, 0
	}
	return size, n + 1
}

func (c *codec) frames(at int) error {
	value := c.rec.Value
	for {
		for at < len(value) && ends(value[at]) {
			at++
		}
		if at == len(value) {
			return nil
		}
		size, n := frameSize(value[at:])
		if left := len(value) - at - n; n == 0 || size > left {
			return pipeline.Errorf("syslog.frame", "syslog frame at byte %d is to have %d bytes (0: no length), and %d are left: the record is cut off or not framed; check what writes to topic %s",
				at, size, left, c.rec.Topic)
		}
		at += n
		var m message
		if !c.read(&m, value, at, at+size) && c.dialect == rfc5424 {
			return c.broken(at)
		}
		m.to = at + size
		if err := c.append(&m); err != nil {
			return err
		}
		at += size
	}
}

// lines decodes messages on lines of their own.
func (c *codec) lines(at int) error {
	value := c.rec.Value
	var pending, next message
	open := false
	for at < len(value) {
		to := len(value)
		if n := bytes.IndexByte(value[at:], '\n'); n >= 0 {
			to = at + n
		}
		if blank(value[at:to]) {
			at = to + 1
			continue
		}
		ok := c.read(&next, value, at, to)
		if !next.begins && c.joins && open && pending.begins {
			pending.to = to
			at = to + 1
			continue
		}
		if !ok && c.dialect == rfc5424 {
			return c.broken(at)
		}
		if open {
			if err := c.append(&pending); err != nil {
				return err
			}
		}
		pending, open = next, true
		at = to + 1
	}
	if !open {
		return nil
	}
	return c.append(&pending)
}

func (c *codec) broken(at int) error {
	value := c.rec.Value[at:]
	return pipeline.Errorf("syslog.syntax", "syslog message at byte %d is not of RFC 5424: %q…; use dialect auto, or check what writes to topic %s", at, value[:min(len(value), 40)], c.rec.Topic)
}

// append adds the row of a message.
func (c *codec) append(m *message) error {
	if c.messages++; c.messages > c.limits.lines {
		return pipeline.Errorf("syslog.limit.lines", "syslog record has more messages than max_lines %d: send smaller batches or raise it", c.limits.lines)
	}
	body := c.bodyOf(m)
	if len(body) > c.limits.bodyBytes {
		return pipeline.Errorf("syslog.limit.body_bytes", "syslog message at byte %d has a body of %d bytes, more than max_body_bytes %d: shorten it at the producer or raise it", m.from, len(body), c.limits.bodyBytes)
	}
	when := m.time
	if when == 0 {
		if when = c.clock.Near; when == 0 {
			c.noTime++
			return nil
		}
	}
	stream, err := c.stream(m)
	if err != nil {
		return err
	}
	if stream == streams.Refused {
		c.streamsLimit++
		return nil
	}
	c.out.Log(stream, when, c.severityOf(m), body)
	return nil
}

// bodyOf returns the body of a message. It is valid until the next call.
func (c *codec) bodyOf(m *message) []byte {
	value := c.rec.Value
	if c.wholeLine {
		return withoutEnd(value[m.from:m.to])
	}
	text := withoutEnd(value[min(m.text, m.to):m.to])
	if m.data == 0 {
		return bytes.TrimPrefix(text, []byte(byteOrderMark))
	}
	if !bytes.HasPrefix(text, []byte(byteOrderMark)) {
		return withoutEnd(value[m.data:m.to])
	}
	c.body = append(c.body[:0], value[m.data:m.text]...)
	c.body = append(c.body, text[len(byteOrderMark):]...)
	return c.body
}

func (c *codec) severityOf(m *message) uint8 {
	switch {
	case m.priority >= 0:
		return c.severities[m.priority&7]
	case m.device != 0:
		return c.severities[m.device-'0']
	}
	return levelAtHead(c.rec.Value[min(m.text, m.to):m.to])
}

// headBytes bounds where a level is looked for in a text.
const headBytes = 32

// levelAtHead returns the severity of a level that an application wrote at the head of its text, 0 if there is none: [error] …, ERROR …, error: ….
func levelAtHead(text []byte) uint8 {
	text = bytes.TrimLeft(bytes.TrimPrefix(text, []byte(byteOrderMark)), " ")
	text = text[:min(len(text), headBytes)]
	if len(text) > 0 && (text[0] == '[' || text[0] == '<' || text[0] == '(') {
		end := bytes.IndexAny(text, "])>")
		if end < 0 {
			return 0
		}
		return severity.Level(bytes.Trim(text[1:end], " "), true, false)
	}
	end := bytes.IndexAny(text, " :|,\t\r\n")
	if end < 0 {
		return 0
	}
	colon := text[end] == ':'
	return severity.Level(text[:end], colon, colon)
}

// stream finds the stream of a message. The words of its labels hold no spaces, which therefore part them in the key.
func (c *codec) stream(m *message) (uint32, error) {
	c.key, c.layout = c.key[:0], 0
	if c.labels[ofHost] {
		c.key = append(c.key, m.host...)
	}
	c.key = append(c.key, ' ')
	if c.labels[ofApp] {
		c.key = append(c.key, m.app...)
	}
	c.key = append(c.key, ' ')
	if c.labels[ofMessageID] {
		c.key = append(c.key, m.id...)
	}
	if c.labels[ofFacility] && m.priority >= 0 {
		c.layout = 1 + uint32(m.priority>>3)
	}
	if stream, ok := c.streams.Find(c.layout, c.key); ok {
		return stream, nil
	}
	return c.admit(m)
}

// admit interns the stream of a message at first sight.
func (c *codec) admit(m *message) (uint32, error) {
	var list []pipeline.Label
	for i, value := range [labels][]byte{ofHost: m.host, ofApp: m.app, ofMessageID: m.id} {
		if c.labels[i] {
			list = streams.Label(list, labelNames[i], value)
		}
	}
	if c.layout > 0 {
		list = append(list, pipeline.Label{Name: labelNames[ofFacility], Value: facilities[c.layout-1]})
	}
	n := 0
	for _, l := range list {
		n += len(l.Name) + len(l.Value)
	}
	if n > c.limits.labelBytes {
		return 0, pipeline.Errorf("syslog.limit.label_bytes", "syslog message at byte %d has %d bytes of labels, more than max_label_bytes %d: check what writes to topic %s, or raise it", m.from, n, c.limits.labelBytes, c.rec.Topic)
	}
	return c.streams.Add(c.layout, c.key, list)
}
