package otlp

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/homeostat/homeostat/schemas/codec/octets"
)

// scanner reads JSON (RFC 8259) from front to back, without a tree of values: memory does not grow with what a record holds. A fault
// ends the reading and is kept: whoever loops asks for members or elements, of which there are no more then. In texts that are
// not read, escapes are not checked, and control characters are let through everywhere.
type scanner struct {
	b           []byte
	at          int
	depth, most int // of brackets
	fault       defect
	// arena holds texts that had escapes. They are valid until the arena is cut by its owner.
	arena []byte
}

// jsonBrackets is how many brackets there are around an attribute in OTLP JSON, and jsonBracketsEach how many a list or map in it
// takes at most: {"kvlistValue":{"values":[{"value":…}]}}.
const jsonBrackets, jsonBracketsEach = 16, 4

// reset begins with b[from:to], where lists and maps may nest so deep.
func (s *scanner) reset(b []byte, from, to, nesting int) {
	s.b, s.at, s.depth, s.most, s.fault = b[:to], from, 0, jsonBrackets+jsonBracketsEach*nesting, defect{}
}

func (s *scanner) stop(at int, why string) bool {
	if s.fault.what == sound {
		s.fault = defect{brokenJSON, at, why}
	}
	s.at = len(s.b)
	return false
}

// next passes white space and returns the byte that follows; at the end 0, which may stand in the record, too.
func (s *scanner) next() byte {
	if s.at < len(s.b) && s.b[s.at] > ' ' {
		return s.b[s.at]
	}
	return s.pass()
}

func (s *scanner) pass() byte {
	for s.at < len(s.b) {
		switch ch := s.b[s.at]; ch {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return ch
		}
	}
	return 0
}

// enter passes the bracket that has to come.
func (s *scanner) enter(bracket byte) bool {
	if s.next() != bracket {
		if bracket == '{' {
			return s.stop(s.at, "an object is expected here")
		}
		return s.stop(s.at, "a list is expected here")
	}
	if s.depth++; s.depth > s.most {
		s.fault = defect{tooDeep, s.at, ""}
		return s.stop(s.at, "")
	}
	s.at++
	return true
}

// member returns the name of the next member of an object and passes the colon behind it; ok is false at the object's end
// and at a fault.
func (s *scanner) member(first *bool) (name []byte, ok bool) {
	if !s.more(first, '}') {
		return nil, false
	}
	if s.next() != '"' {
		return nil, s.stop(s.at, "the name of a member is expected here")
	}
	if name, ok = s.text(); !ok {
		return nil, false
	}
	if s.next() != ':' {
		return nil, s.stop(s.at, "a colon is expected here")
	}
	s.at++
	return name, true
}

// element tells whether the list has another element.
func (s *scanner) element(first *bool) bool { return s.more(first, ']') }

func (s *scanner) more(first *bool, end byte) bool {
	if s.fault.what != sound {
		return false
	}
	switch ch := s.next(); {
	case ch == end:
		s.at++
		s.depth--
		return false
	case *first:
		*first = false
		if s.at == len(s.b) {
			return s.stop(s.at, "the end is missing")
		}
	case ch == ',':
		s.at++
		if s.next() == end {
			return s.stop(s.at, "something is expected behind the comma")
		}
	case s.at == len(s.b):
		return s.stop(s.at, "the end is missing")
	default:
		return s.stop(s.at, "a comma or the end is expected here")
	}
	return true
}

// once refuses a member that comes twice; which one counts depends on who reads it.
func (s *scanner) once(seen *uint32, bit uint) bool {
	if *seen&(1<<bit) != 0 {
		return s.stop(s.at, "a member comes a second time")
	}
	*seen |= 1 << bit
	return true
}

// null passes a null, if there is one.
func (s *scanner) null() bool { return s.next() == 'n' && s.word("null") }

func (s *scanner) word(word string) bool {
	if !bytes.HasPrefix(s.b[s.at:], []byte(word)) {
		return s.stop(s.at, "a value is expected here")
	}
	s.at += len(word)
	return true
}

// boolean reads true or false.
func (s *scanner) boolean() bool {
	switch s.next() {
	case 't':
		return s.word("true")
	case 'f':
		s.word("false")
		return false
	}
	return s.stop(s.at, "true or false is expected here")
}

// end returns the position of the quote that ends the text beginning at s.at, and whether it has escapes.
func (s *scanner) end() (end int, escaped, ok bool) {
	for i := octets.QuoteOrBackslash(s.b, s.at+1); i < len(s.b); i = octets.QuoteOrBackslash(s.b, i) {
		if s.b[i] == '"' {
			return i, escaped, true
		}
		escaped = true
		i += 2
	}
	return 0, false, s.stop(s.at, "the text that begins here has no end")
}

// text reads a text.
func (s *scanner) text() ([]byte, bool) {
	if s.next() != '"' {
		return nil, s.stop(s.at, "a text is expected here")
	}
	end, escaped, ok := s.end()
	if !ok {
		return nil, false
	}
	raw, at := s.b[s.at+1:end], s.at+1
	s.at = end + 1
	if !escaped {
		return raw, true
	}
	return s.unescape(raw, at)
}

func (s *scanner) unescape(raw []byte, at int) ([]byte, bool) {
	from := len(s.arena)
	for i := 0; i < len(raw); {
		n := bytes.IndexByte(raw[i:], '\\')
		if n < 0 {
			s.arena = append(s.arena, raw[i:]...)
			break
		}
		s.arena = append(s.arena, raw[i:i+n]...)
		i += n
		// A backslash is never the last byte: the quote behind it would not have ended the text.
		ch := raw[i+1]
		switch ch {
		case '"', '\\', '/':
		case 'b':
			ch = '\b'
		case 'f':
			ch = '\f'
		case 'n':
			ch = '\n'
		case 'r':
			ch = '\r'
		case 't':
			ch = '\t'
		case 'u':
			r, ok := escapedUnit(raw[i:])
			if !ok {
				return nil, s.stop(at+i, "an escape is broken")
			}
			i += 6
			if utf16.IsSurrogate(r) {
				low, _ := escapedUnit(raw[i:])
				if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
					i += 6
				}
			}
			s.arena = utf8.AppendRune(s.arena, r)
			continue
		default:
			return nil, s.stop(at+i, "an escape is broken")
		}
		s.arena = append(s.arena, ch)
		i += 2
	}
	return s.arena[from:len(s.arena):len(s.arena)], true
}

// escapedUnit reads \uXXXX.
func escapedUnit(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, ch := range b[2:6] {
		digit, ok := hexDigit(ch)
		if !ok {
			return 0, false
		}
		r = r<<4 | rune(digit)
	}
	return r, true
}

func hexDigit(ch byte) (uint8, bool) {
	switch {
	case ch >= '0' && ch <= '9':
		return ch - '0', true
	case ch >= 'a' && ch <= 'f':
		return ch - 'a' + 10, true
	case ch >= 'A' && ch <= 'F':
		return ch - 'A' + 10, true
	}
	return 0, false
}

// number reads a number as it stands.
func (s *scanner) number() ([]byte, bool) {
	s.next()
	from := s.at
	if s.at < len(s.b) && s.b[s.at] == '-' {
		s.at++
	}
	whole := s.at
	if s.digits() == 0 || s.b[whole] == '0' && s.at > whole+1 {
		return nil, s.stop(from, "a value is expected here")
	}
	if s.at < len(s.b) && s.b[s.at] == '.' {
		s.at++
		if s.digits() == 0 {
			return nil, s.stop(from, "a number is broken")
		}
	}
	if s.at < len(s.b) && s.b[s.at]|0x20 == 'e' {
		if s.at++; s.at < len(s.b) && (s.b[s.at] == '+' || s.b[s.at] == '-') {
			s.at++
		}
		if s.digits() == 0 {
			return nil, s.stop(from, "a number is broken")
		}
	}
	return s.b[from:s.at], true
}

func (s *scanner) digits() (n int) {
	for s.at < len(s.b) && s.b[s.at] >= '0' && s.b[s.at] <= '9' {
		s.at++
		n++
	}
	return n
}

// numeral reads a number, or a text that should be one: 64-bit numbers are texts in the JSON of protocol buffers.
func (s *scanner) numeral() ([]byte, bool) {
	if s.next() == '"' {
		return s.text()
	}
	return s.number()
}

// unsigned reads a whole number of 64 bits.
func (s *scanner) unsigned() (v uint64) {
	s.next()
	at := s.at
	b, ok := s.numeral()
	if !ok {
		return 0
	}
	if v, ok = parseUnsigned(b); !ok {
		s.stop(at, "a whole number from 0 to 2^64-1 is expected here")
	}
	return v
}

func parseUnsigned(b []byte) (v uint64, ok bool) {
	const most = ^uint64(0)
	for _, ch := range b {
		digit := uint64(ch - '0')
		if digit > 9 || v > most/10 || v*10 > most-digit {
			return 0, false
		}
		v = v*10 + digit
	}
	return v, len(b) > 0
}

// signed reads a whole number of 64 bits with sign.
func (s *scanner) signed() (v int64) {
	s.next()
	at := s.at
	b, ok := s.numeral()
	if !ok {
		return 0
	}
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		b = b[1:]
	}
	u, ok := parseUnsigned(b)
	switch {
	case ok && negative && u <= 1<<63:
		return -int64(u)
	case ok && !negative && u < 1<<63:
		return int64(u)
	}
	s.stop(at, "a whole number of 64 bits is expected here")
	return 0
}

// double reads a number, also NaN, Infinity and -Infinity in texts.
func (s *scanner) double() float64 {
	s.next()
	at := s.at
	b, ok := s.numeral()
	if !ok {
		return 0
	}
	// What is converted so is not copied. ParseFloat keeps its text in an error only.
	v, err := strconv.ParseFloat(string(b), 64)
	if err != nil {
		s.stop(at, "a number is expected here")
	}
	return v
}

// enum reads the number of a constant. Names are no numbers by the specification, but some write them: prefix is what they
// begin with, names are those that follow it, by number.
func (s *scanner) enum(prefix string, names []string) int64 {
	if s.next() != '"' {
		return s.signed()
	}
	at := s.at
	b, ok := s.text()
	if !ok {
		return 0
	}
	if v, ok := parseUnsigned(b); ok && v < 1<<31 {
		return int64(v)
	}
	if len(b) > len(prefix) && string(b[:len(prefix)]) == prefix {
		for i, name := range names {
			if string(b[len(prefix):]) == name {
				return int64(i)
			}
		}
	}
	s.stop(at, "the number of a constant is expected here")
	return 0
}

// raw passes a value and returns where it stands.
func (s *scanner) raw() extent {
	s.next()
	from := s.at
	s.skip()
	return extent{from, s.at}
}

// skip passes a value.
func (s *scanner) skip() {
	switch s.next() {
	case '"':
		if end, _, ok := s.end(); ok {
			s.at = end + 1
		}
	case '{':
		s.enter('{')
		for first := true; s.more(&first, '}'); s.skip() {
			if s.next() != '"' {
				s.stop(s.at, "the name of a member is expected here")
				return
			}
			end, _, ok := s.end()
			if !ok {
				return
			}
			if s.at = end + 1; s.next() != ':' {
				s.stop(s.at, "a colon is expected here")
				return
			}
			s.at++
		}
	case '[':
		s.enter('[')
		for first := true; s.element(&first); {
			s.skip()
		}
	case 't':
		s.word("true")
	case 'f':
		s.word("false")
	case 'n':
		s.word("null")
	default:
		s.number()
	}
}
