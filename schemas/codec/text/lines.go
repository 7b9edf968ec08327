package text

import "bytes"

// entry is a log record in the making: lines of a record from one place to another, or lines that are gathered in codec.body.
type entry struct {
	open     bool
	from, to int
	gathered bool
	end      int   // of the gathered body, when nothing continues it behind blank lines
	time     int64 // a container runtime's, 0: none
	output   output
	trace    trace
	held     wrapper // of the parts in codec.part, which are no line yet; size 0: there are none
}

// lines decodes the lines of a record.
func (c *codec) lines(value []byte) error {
	var e entry
	for at := 0; at < len(value); {
		to := len(value)
		next := to
		if n := bytes.IndexByte(value[at:], '\n'); n >= 0 {
			to = at + n
			next = to + 1
		}
		w := c.wrapper(value[at:to])
		var err error
		if w.size == 0 || w.output != e.held.output {
			err = c.release(&e, value, at)
		}
		switch {
		case err != nil:
		case w.size > 0:
			err = c.wrapped(&e, w, value, at+w.size, to, next)
		case blank(value[at:to]):
		case e.open && !e.gathered && c.joins && e.trace.continues(value[at:to], value[next:]):
			e.to = to
		default:
			if err = c.close(&e, value); err == nil {
				e = entry{open: true, from: at, to: to}
				if next < len(value) {
					e.trace.begin(value[at:to])
				}
			}
		}
		if err != nil {
			return err
		}
		at = next
	}
	if err := c.release(&e, value, len(value)); err != nil {
		return err
	}
	return c.close(&e, value)
}

// blank tells whether there is nothing but white space in a text.
func blank(s []byte) bool {
	for _, ch := range s {
		if ch != ' ' && ch != '\t' && ch != '\r' && ch != '\n' {
			return false
		}
	}
	return true
}

// withoutEnd returns a text without line ends behind it.
func withoutEnd(s []byte) []byte {
	for len(s) > 0 && (s[len(s)-1] == '\n' || s[len(s)-1] == '\r') {
		s = s[:len(s)-1]
	}
	return s
}

// close adds the row of an entry.
func (c *codec) close(e *entry, value []byte) error {
	switch {
	case !e.open:
		return nil
	case e.gathered:
		return c.append(e, c.body[:e.end])
	}
	return c.append(e, value[e.from:e.to])
}

// wrapper is what a container runtime puts before a line: "2026-11-23T04:00:01.1Z stdout F ".
type wrapper struct {
	size   int // 0: there is none
	time   int64
	output output
	part   bool
}

// wrapper reads it at the head of a line (the logs of the Kubernetes container runtime interface).
func (c *codec) wrapper(line []byte) (w wrapper) {
	const least = "2026-11-23T04:00:01Z stdout F"
	if len(line) < len(least) || line[4] != '-' || line[10] != 'T' {
		return w
	}
	at := bytes.IndexByte(line[:min(len(line), 40)], ' ')
	if at < 0 || at+1 == len(line) || line[at+1] != 's' {
		return w
	}
	rest := line[at:]
	switch {
	case bytes.HasPrefix(rest, []byte(" stdout ")):
		w.output = stdout
	case bytes.HasPrefix(rest, []byte(" stderr ")):
		w.output = stderr
	default:
		return w
	}
	rest = rest[len(" stdout "):]
	if len(rest) == 0 || rest[0] != 'F' && rest[0] != 'P' {
		return w
	}
	w.part = rest[0] == 'P'
	n := 1
	if n < len(rest) && rest[n] == ':' { // more tags
		if n = bytes.IndexByte(rest, ' '); n < 0 {
			n = len(rest)
		}
	}
	if n < len(rest) && rest[n] != ' ' {
		return w
	}
	when, size := c.clock.Head(line[:at])
	if size != at {
		return w
	}
	w.time = when
	w.size = min(at+len(" stdout ")+n+1, len(line))
	return w
}

// wrapped takes what a container runtime wrote as a line of the record, without what it put before it.
func (c *codec) wrapped(e *entry, w wrapper, value []byte, from, to, next int) error {
	if e.held.size == 0 && !w.part {
		return c.full(e, w, value[from:to], value, next)
	}
	if e.held.size == 0 {
		e.held, c.part = w, c.part[:0]
	}
	c.part = append(c.part, value[from:to]...)
	if w.part {
		return nil
	}
	return c.release(e, value, next)
}

// release takes the parts that are held, if any, as a line. at is where in the record they end.
func (c *codec) release(e *entry, value []byte, at int) error {
	if e.held.size == 0 {
		return nil
	}
	w := e.held
	e.held = wrapper{}
	return c.full(e, w, c.part, value, at)
}

// full takes a line of a container, behind which the record goes on at a position.
func (c *codec) full(e *entry, w wrapper, line, value []byte, next int) error {
	follows := e.open && e.gathered && e.output == w.output
	switch {
	case blank(line):
		if follows {
			c.body = append(append(c.body, '\n'), line...)
		}
		return nil
	case follows && c.joins && e.trace.continues(line, c.unwrapped(value[next:])):
		c.body = append(append(c.body, '\n'), line...)
	default:
		if err := c.close(e, value); err != nil {
			return err
		}
		c.body = append(c.body[:0], line...)
		*e = entry{open: true, gathered: true, time: w.time, output: w.output}
		e.trace.begin(line)
	}
	e.end = len(c.body)
	return nil
}

// unwrapped returns what follows in the record without what a container runtime put before it.
func (c *codec) unwrapped(rest []byte) []byte {
	line := rest
	if n := bytes.IndexByte(rest, '\n'); n >= 0 {
		line = rest[:n]
	}
	return rest[c.wrapper(line).size:]
}
