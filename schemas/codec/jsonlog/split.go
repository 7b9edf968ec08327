package jsonlog

import (
	"bytes"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
)

// splitter finds the lines of a record: its values, or the elements of those that are arrays. It knows brackets and strings
// only; the parser checks the rest, line by line, so that neither its memory nor its errors grow with the record.
type splitter struct {
	b       []byte
	at      int
	nesting int
	array   bool // inside one
	comma   bool // the next element has to follow
}

// space is what JSON calls white space.
const space = " \t\r\n"

const byteOrderMark = "\uFEFF"

// next returns the bounds of the next line; ok is false at the end.
func (s *splitter) next() (from, to int, ok bool, err error) {
	if s.at == 0 && bytes.HasPrefix(s.b, []byte(byteOrderMark)) {
		s.at = len(byteOrderMark)
	}
	for {
		s.skipSpace()
		switch {
		case s.at == len(s.b):
			if s.array {
				return 0, 0, false, s.fault("the array has no end")
			}
			return 0, 0, false, nil
		case !s.array && s.b[s.at] == '[':
			s.array, s.comma = true, false
			s.at++
		case s.array && s.b[s.at] == ']' && !s.comma:
			s.array = false
			s.at++
		default:
			from = s.at
			if err := s.value(); err != nil {
				return 0, 0, false, err
			}
			to = s.at
			return from, to, true, s.separator()
		}
	}
}

// separator passes the comma behind an element.
func (s *splitter) separator() error {
	if !s.array {
		return nil
	}
	s.skipSpace()
	s.comma = false
	switch {
	case s.at == len(s.b):
	case s.b[s.at] == ',':
		s.comma = true
		s.at++
	case s.b[s.at] != ']':
		return s.fault("an element of the array is followed by neither a comma nor the end")
	}
	return nil
}

// value passes an object, array or text; anything else up to what can't be part of it.
func (s *splitter) value() error {
	switch s.b[s.at] {
	case '"':
		return s.text()
	case '{', '[':
		return s.brackets()
	}
	from := s.at
	for s.at < len(s.b) && strings.IndexByte(space+`,]}{["`, s.b[s.at]) < 0 {
		s.at++
	}
	if s.at == from {
		return s.fault("a line can't begin here")
	}
	return nil
}

// brackets passes an object or array.
func (s *splitter) brackets() error {
	from, depth := s.at, 0
	for s.at < len(s.b) {
		switch s.b[s.at] {
		case '"':
			if err := s.text(); err != nil {
				return err
			}
			continue
		case '{', '[':
			if depth++; depth > s.nesting {
				return pipeline.Errorf("json_logs.limit.nesting", "json log line at byte %d nests deeper at byte %d than max_nesting %d: flatten it at the producer or raise it", from, s.at, s.nesting)
			}
		case '}', ']':
			if depth--; depth == 0 {
				s.at++
				return nil
			}
		}
		s.at++
	}
	s.at = from
	return s.fault("the line that begins here has no end")
}

// text passes a string.
func (s *splitter) text() error {
	for i := s.at + 1; ; {
		n := bytes.IndexByte(s.b[i:], '"')
		if n < 0 {
			return s.fault("the text that begins here has no end")
		}
		escapes := 0
		for escapes < n && s.b[i+n-1-escapes] == '\\' {
			escapes++
		}
		i += n + 1
		if escapes%2 == 0 {
			s.at = i
			return nil
		}
	}
}

func (s *splitter) skipSpace() {
	for s.at < len(s.b) {
		switch s.b[s.at] {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return
		}
	}
}

func (s *splitter) fault(why string) error {
	return pipeline.Errorf("json_logs.syntax", "json logs record of %d bytes is broken at byte %d: %s; check what writes to the topic", len(s.b), s.at, why)
}
