package syslog

import "bytes"

// message is where the parts of a message are. Positions are those in the record.
type message struct {
	from, to      int // all of it
	data          int // structured data, 0 for none
	text          int
	priority      int   // -1: none
	device        byte  // a Cisco device's own severity, as digit; 0: none
	begins        bool  // it has a priority or a time, so it does not continue another one
	time          int64 // Unix nanoseconds, 0: none that can be read
	host, app, id []byte
}

// read finds the parts of the message that lies in a stretch of a record, and tells whether its head is one of the dialect.
func (c *codec) read(m *message, value []byte, from, to int) bool {
	*m = message{from: from, to: to, text: from, priority: -1}
	line := value[from:to]
	priority, n := readPriority(line)
	if n > 0 {
		m.priority, m.begins = priority, true
		if c.dialect != rfc3164 && c.structured(m, line, n) {
			return true
		}
	}
	if c.dialect == rfc5424 {
		return false
	}
	c.plain(m, line, n)
	return m.begins
}

// readPriority reads <PRI> at the head of a text, n bytes, 0 if there is none.
func readPriority(b []byte) (priority, n int) {
	if len(b) < 3 || b[0] != '<' {
		return 0, 0
	}
	for n = 1; n < len(b) && n < 4 && b[n] >= '0' && b[n] <= '9'; n++ {
		priority = priority*10 + int(b[n]-'0')
	}
	if n == 1 || n == len(b) || b[n] != '>' || priority > 191 {
		return 0, 0
	}
	return priority, n + 1
}

// structured reads a message of RFC 5424 from behind its priority. It is false if the header is not of that form; broken structured data
// is so in the dialect rfc5424 alone, and elsewhere a part of the text.
func (c *codec) structured(m *message, line []byte, at int) bool {
	digits := 0
	for digits < 3 && at+digits < len(line) && line[at+digits] >= '0' && line[at+digits] <= '9' {
		digits++
	}
	if digits == 0 || line[at] == '0' || at+digits == len(line) || line[at+digits] != ' ' {
		return false
	}
	at += digits + 1
	var fields [5][]byte // time, host, application, process, message id
	for i := range fields {
		n := bytes.IndexByte(line[at:], ' ')
		if n <= 0 {
			return false
		}
		fields[i] = line[at : at+n]
		at += n + 1
	}
	var when int64
	if fields[0] = unlessNil(fields[0]); fields[0] != nil {
		ns, n := c.clock.Head(fields[0])
		if n == 0 || n != len(fields[0]) {
			return false
		}
		when = ns
	}
	end := dataEnd(line, at)
	if end == 0 {
		if c.dialect == rfc5424 {
			return false
		}
		end = at // no structured data that can be read: all is text
	}
	m.time, m.host, m.app, m.id = when, unlessNil(fields[1]), unlessNil(fields[2]), unlessNil(fields[4])
	m.text = m.from + min(end+1, len(line))
	switch {
	case end == at:
		m.text = m.from + at
	case line[at] == '[':
		m.data = m.from + at
	}
	return true
}

// unlessNil returns a field of RFC 5424, nil for its nil value.
func unlessNil(field []byte) []byte {
	if len(field) == 1 && field[0] == '-' {
		return nil
	}
	return field
}

// dataEnd returns where structured data ends, which may be the end of the message or be followed by a space and the text. 0: it is broken.
func dataEnd(line []byte, at int) int {
	if at == len(line) {
		return 0
	}
	switch line[at] {
	case '-':
		at++
	case '[':
		for at < len(line) && line[at] == '[' {
			if at = elementEnd(line, at+1); at == 0 {
				return 0
			}
		}
	default:
		return 0
	}
	if at < len(line) && line[at] != ' ' {
		return 0
	}
	return at
}

// elementEnd returns where an element of structured data ends, from behind its bracket. 0: it is broken.
func elementEnd(line []byte, at int) int {
	n := nameSize(line[at:])
	if n == 0 {
		return 0
	}
	for at += n; at < len(line) && line[at] == ' '; {
		at++
		if n = nameSize(line[at:]); n == 0 || at+n+1 >= len(line) || line[at+n] != '=' || line[at+n+1] != '"' {
			return 0
		}
		if at = valueEnd(line, at+n+2); at == 0 {
			return 0
		}
	}
	if at >= len(line) || line[at] != ']' {
		return 0
	}
	return at + 1
}

// nameSize returns the length of a name in structured data.
func nameSize(b []byte) int {
	for i, ch := range b {
		if ch <= ' ' || ch >= 0x7f || ch == '=' || ch == ']' || ch == '"' {
			return i
		}
	}
	return len(b)
}

// valueEnd returns where a quoted value ends, behind its quote. A backslash hides what follows. 0: it does not end.
func valueEnd(line []byte, at int) int {
	for ; at < len(line); at++ {
		switch line[at] {
		case '\\':
			at++
		case '"':
			return at + 1
		}
	}
	return 0
}
