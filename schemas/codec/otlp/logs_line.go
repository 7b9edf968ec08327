package otlp

import (
	"bytes"

	"github.com/homeostat/homeostat/schemas/codec/wire"
)

// severityNames are the constants of SeverityNumber, by number, without their prefix.
var severityNames = []string{"UNSPECIFIED",
	"TRACE", "TRACE2", "TRACE3", "TRACE4", "DEBUG", "DEBUG2", "DEBUG3", "DEBUG4", "INFO", "INFO2", "INFO3", "INFO4",
	"WARN", "WARN2", "WARN3", "WARN4", "ERROR", "ERROR2", "ERROR3", "ERROR4", "FATAL", "FATAL2", "FATAL3", "FATAL4"}

// protobufLine reads LogRecord: time 1, severity_number 2, severity_text 3, body 5, attributes 6, observed_time 11, event_name 12.
func (c *logsCodec) protobufLine(v extent, res uint32) {
	l := &c.line
	l.reset(v.from)
	cur := wire.Cursor{B: c.b, At: v.from, End: v.to}
	var f wire.Field
	var body extent
	for cur.Next(&f) {
		switch f.Number {
		case 1:
			if cur.Expect(&f, wire.Fixed64) {
				l.time = f.Value
			}
		case 2:
			if cur.Expect(&f, wire.Varint) {
				l.severity = int64(f.Value)
			}
		case 3:
			if cur.Expect(&f, wire.Bytes) {
				l.severityText = c.b[f.From:f.To]
			}
		case 5:
			if cur.Expect(&f, wire.Bytes) {
				body = extent{f.From, f.To}
			}
		case 6:
			if cur.Expect(&f, wire.Bytes) {
				if !l.attributes.there() {
					l.attributes.from = f.At
				}
				l.attributes.to = f.To
				e, d := keyValue(c.b, extent{f.From, f.To})
				c.stop(d)
				l.attribute(&c.labels, e)
			}
		case 11:
			if cur.Expect(&f, wire.Fixed64) {
				l.observed = f.Value
			}
		case 12:
			if cur.Expect(&f, wire.Bytes) {
				l.event = c.b[f.From:f.To]
			}
		}
	}
	c.check(&cur)
	if c.defect.what != sound {
		return
	}
	if text, ok := plainText(c.b, body); ok {
		l.body = text
	} else if body.there() {
		c.body = c.texted(c.body[:0], body)
		l.body = c.body
	}
	c.finish(res)
}

// plainText returns the text of an AnyValue that is nothing but a text.
func plainText(b []byte, v extent) ([]byte, bool) {
	if v.to-v.from < 2 || b[v.from] != 1<<3|wire.Bytes {
		return nil, false
	}
	cur := wire.Cursor{B: b, At: v.from, End: v.to}
	var f wire.Field
	if !cur.Next(&f) || f.To != v.to {
		return nil, false
	}
	return b[f.From:f.To], true
}

// jsonLine reads a LogRecord in JSON.
func (c *logsCodec) jsonLine(res uint32) {
	l, s := &c.line, &c.scan
	l.reset(s.at)
	s.enter('{')
	var seen uint32
	for first := true; ; {
		name, ok := s.member(&first)
		if !ok {
			break
		}
		bit := logMember(name)
		if bit == 0 {
			s.skip()
			continue
		}
		if !s.once(&seen, bit) || s.null() {
			continue
		}
		switch bit {
		case 1:
			l.time = s.unsigned()
		case 2:
			l.severity = s.enum("SEVERITY_NUMBER_", severityNames)
		case 3:
			l.severityText, _ = s.text()
		case 5:
			c.texts.exact = true
			c.body = c.texts.json(c.body[:0], s)
			l.body = c.body
			c.stop(c.texts.defect)
		case 6:
			l.attributes.from = s.at
			c.jsonLineAttributes()
			l.attributes.to = s.at
		case 11:
			l.observed = s.unsigned()
		case 12:
			l.event, _ = s.text()
		}
	}
	c.stop(s.fault)
	c.finish(res)
}

// logMember returns the number that LogRecord has for a member that is read.
func logMember(name []byte) uint {
	switch string(name) {
	case "timeUnixNano", "time_unix_nano":
		return 1
	case "severityNumber", "severity_number":
		return 2
	case "severityText", "severity_text":
		return 3
	case "body":
		return 5
	case "attributes":
		return 6
	case "observedTimeUnixNano", "observed_time_unix_nano":
		return 11
	case "eventName", "event_name":
		return 12
	}
	return 0
}

func (c *logsCodec) jsonLineAttributes() {
	s := &c.scan
	s.enter('[')
	for first := true; s.element(&first); {
		c.line.attribute(&c.labels, jsonKeyValue(s))
	}
}

const exceptionPrefix = "exception."

// attribute notes where an attribute stands that makes a label or describes an exception.
func (l *logLine) attribute(labels *choice, e entry) {
	if slot, ok := labels.slot(e.key); ok {
		l.labels.set(slot, e.value)
	}
	if len(e.key) > len(exceptionPrefix) && string(e.key[:len(exceptionPrefix)]) == exceptionPrefix {
		switch string(e.key[len(exceptionPrefix):]) {
		case "type":
			l.exception[0], l.excepted = e.value, true
		case "message":
			l.exception[1], l.excepted = e.value, true
		case "stacktrace":
			l.exception[2], l.excepted = e.value, true
		}
	}
}

// texted appends the text of the AnyValue at v as bodies have it.
func (c *logsCodec) texted(dst []byte, v extent) []byte {
	dst = c.text(dst, c.b, v, true)
	c.stop(c.texts.defect)
	return dst
}

// wholeBody is the body with what the exception's attributes add. Without a body the event's name stands for it, and
// without anything the attributes as JSON.
func (c *logsCodec) wholeBody() []byte {
	l := &c.line
	body := l.body
	if len(body) == 0 {
		body = l.event
	}
	if l.excepted {
		body = c.withException(body)
	}
	if len(body) > 0 || !l.attributes.there() {
		return body
	}
	c.texts.exact = true
	if c.isJSON {
		c.part.reset(c.b, l.attributes.from, l.attributes.to, c.limits.nesting)
		c.part.arena = c.part.arena[:0]
		c.body = c.texts.jsonAttributes(c.body[:0], &c.part, c.limits.nesting)
	} else {
		c.body = c.texts.fields(c.body[:0], c.b, l.attributes, 6, c.limits.nesting)
	}
	c.stop(c.texts.defect)
	if len(c.body) == len("{}") {
		return nil
	}
	return c.body
}

// withException adds "type: message" and the stack trace, each in lines of its own and only where neither the body nor, for the first,
// the stack trace says it.
func (c *logsCodec) withException(body []byte) []byte {
	var at [4]int
	c.scratch = c.scratch[:0]
	for i, v := range c.line.exception {
		if v.there() {
			c.scratch = c.texted(c.scratch, v)
		}
		at[i+1] = len(c.scratch)
	}
	kind, message, trace := c.scratch[:at[1]], c.scratch[at[1]:at[2]], bytes.TrimRight(c.scratch[at[2]:], "\r\n")
	told := func(what []byte) bool { return bytes.Contains(body, what) || bytes.Contains(trace, what) }
	if len(body) > 0 && len(c.body) > 0 && &body[0] == &c.body[0] {
		c.body = c.body[:len(body)]
	} else {
		c.body = append(c.body[:0], body...)
	}
	if !told(kind) || !told(message) {
		c.newLine()
		c.body = append(c.body, kind...)
		if len(kind) > 0 && len(message) > 0 {
			c.body = append(c.body, ": "...)
		}
		c.body = append(c.body, message...)
	}
	if !bytes.Contains(body, trace) {
		c.newLine()
		c.body = append(c.body, trace...)
	}
	return c.body
}

func (c *logsCodec) newLine() {
	if len(c.body) > 0 {
		c.body = append(c.body, '\n')
	}
}
