package jsonmetrics

import (
	"bytes"
	"strings"
)

// splitter finds the objects of a record: its values, or the elements of those that are arrays. It knows brackets and texts
// only; the parser checks the rest, object by object, so that neither its memory nor its errors grow with the record.
type splitter struct {
	b       []byte
	at      int
	nesting int
	array   bool // inside one
	comma   bool // the next element has to follow
	any     bool // an array or a value was there
}

// fault says where a record is broken, or nests too deep.
type fault struct {
	at   int
	why  string
	deep bool
}

// space is what JSON calls white space.
const space = " \t\r\n"

const byteOrderMark = "\uFEFF"

// begin finds the next value; ok is false at the end.
func (s *splitter) begin() (from int, ok bool, f *fault) {
	if s.at == 0 && bytes.HasPrefix(s.b, []byte(byteOrderMark)) {
		s.at = len(byteOrderMark)
	}
	for {
		s.skipSpace()
		switch {
		case s.at == len(s.b):
			if s.array {
				return 0, false, s.fault("the array has no end")
			}
			return 0, false, nil
		case !s.array && s.b[s.at] == '[':
			s.array, s.comma, s.any = true, false, true
			s.at++
		case s.array && s.b[s.at] == ']' && !s.comma:
			s.array = false
			s.at++
		default:
			s.any = true
			return s.at, true, nil
		}
	}
}

// separator passes the comma behind an element.
func (s *splitter) separator() *fault {
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
func (s *splitter) value() *fault {
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
		return s.fault("an object can't begin here")
	}
	return nil
}

// brackets passes an object or array.
func (s *splitter) brackets() *fault {
	from, depth := s.at, 0
	for s.at < len(s.b) {
		switch s.b[s.at] {
		case '"':
			if f := s.text(); f != nil {
				return f
			}
			continue
		case '{', '[':
			if depth++; depth > s.nesting {
				return &fault{at: s.at, deep: true}
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
	return s.fault("what begins here has no end")
}

// text passes a text.
func (s *splitter) text() *fault {
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

func (s *splitter) fault(why string) *fault { return &fault{at: s.at, why: why} }
