// Package values finds the JSON values that a record holds: one, several separated by white space, or the elements of arrays.
package values

import (
	"bytes"
	"strings"
)

// Splitter finds the values of a record one after the other: Begin, Pass (or a higher At), Separator. It knows brackets and texts only;
// a parser checks the rest, value by value, so that neither its memory nor its errors grow with the record. A byte order mark
// before the first value is skipped.
type Splitter struct {
	// B is the record, At how far it was read.
	B  []byte
	At int
	// Nesting is how deep a value may nest, itself included.
	Nesting int
	// Any says that there was a value, or an array.
	Any bool
	// One says that B[At:] begins with an array, and that there is nothing to be found behind it.
	One bool

	array bool // inside one
	comma bool // the next element has to follow
}

// Fault says where a record is broken, and why; Deep that its value, which begins at From, nests too deep there.
type Fault struct {
	At, From int
	Why      string
	Deep     bool
}

// Space is what JSON calls white space.
const Space = " \t\r\n"

const byteOrderMark = "\uFEFF"

// Begin finds the next value; ok is false at the end.
func (s *Splitter) Begin() (from int, ok bool, f *Fault) {
	if s.At == 0 && bytes.HasPrefix(s.B, []byte(byteOrderMark)) {
		s.At = len(byteOrderMark)
	}
	for {
		s.skipSpace()
		switch {
		case s.At == len(s.B):
			if s.array {
				return 0, false, s.fault("the array has no end")
			}
			return 0, false, nil
		case !s.array && s.B[s.At] == '[':
			s.array, s.comma, s.Any = true, false, true
			s.At++
		case s.array && s.B[s.At] == ']' && !s.comma:
			s.array = false
			s.At++
			if s.One {
				return 0, false, nil
			}
		default:
			s.Any = true
			return s.At, true, nil
		}
	}
}

// Separator passes the comma behind an element.
func (s *Splitter) Separator() *Fault {
	if !s.array {
		return nil
	}
	s.skipSpace()
	s.comma = false
	switch {
	case s.At == len(s.B):
	case s.B[s.At] == ',':
		s.comma = true
		s.At++
	case s.B[s.At] != ']':
		return s.fault("an element of the array is followed by neither a comma nor the end")
	}
	return nil
}

// Pass passes an object, array or text; anything else up to what can't be part of it.
func (s *Splitter) Pass() *Fault {
	switch s.B[s.At] {
	case '"':
		return s.text()
	case '{', '[':
		return s.brackets()
	}
	from := s.At
	for s.At < len(s.B) && strings.IndexByte(Space+`,]}{["`, s.B[s.At]) < 0 {
		s.At++
	}
	if s.At == from {
		return s.fault("a value can't begin here")
	}
	return nil
}

// brackets passes an object or array.
func (s *Splitter) brackets() *Fault {
	from, depth := s.At, 0
	for s.At < len(s.B) {
		switch s.B[s.At] {
		case '"':
			if f := s.text(); f != nil {
				return f
			}
			continue
		case '{', '[':
			if depth++; depth > s.Nesting {
				return &Fault{At: s.At, From: from, Deep: true}
			}
		case '}', ']':
			if depth--; depth == 0 {
				s.At++
				return nil
			}
		}
		s.At++
	}
	s.At = from
	return s.fault("what begins here has no end")
}

// text passes a text.
func (s *Splitter) text() *Fault {
	for i := s.At + 1; ; {
		n := bytes.IndexByte(s.B[i:], '"')
		if n < 0 {
			return s.fault("the text that begins here has no end")
		}
		escapes := 0
		for escapes < n && s.B[i+n-1-escapes] == '\\' {
			escapes++
		}
		i += n + 1
		if escapes%2 == 0 {
			s.At = i
			return nil
		}
	}
}

func (s *Splitter) skipSpace() {
	for s.At < len(s.B) {
		switch s.B[s.At] {
		case ' ', '\t', '\r', '\n':
			s.At++
		default:
			return
		}
	}
}

func (s *Splitter) fault(why string) *Fault { return &Fault{At: s.At, Why: why} }
