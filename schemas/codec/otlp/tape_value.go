package otlp

import (
	"bytes"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// odd keeps the fault that a value is not what OTLP has in its place.
func (t *tape) odd(v uint32, want string) { t.stop(t.at(v), t.what(v)+" stands for "+want) }

// names tells the number of a message's field, 0 for an unknown one. Numbers are those of the protocol buffers.
type names func(name []byte) uint

// fields goes through the known fields of an object that are not null.
type fields struct {
	t       *tape
	names   names
	at, end uint32
	seen    uint32
	number  uint
	value   uint32
}

// fields makes an iteration over the fields of a value, which should be an object.
func (t *tape) fields(v uint32, n names) fields {
	if t.b[t.at(v)] != '{' {
		t.odd(v, "an object")
		return fields{t: t}
	}
	return fields{t: t, names: n, at: v + 1, end: t.tokens[v].next}
}

// next goes on to the next field. A field that stands twice is a fault: parsers don't agree which one counts.
func (f *fields) next() bool {
	t := f.t
	for f.at < f.end && t.fault == "" {
		name, v := f.at, f.at+1
		f.at = t.behind(v)
		if f.number = f.names(t.member(name)); f.number == 0 {
			continue
		}
		if f.seen&(1<<f.number) != 0 {
			return t.stop(t.at(name), "a field stands twice")
		}
		f.seen |= 1 << f.number
		if t.b[t.at(v)] == 'n' {
			continue
		}
		f.value = v
		return true
	}
	return false
}

// member returns a member's name.
func (t *tape) member(name uint32) []byte {
	tok := &t.tokens[name]
	content := t.b[tok.from+1 : tok.to-1]
	if tok.next == escaped {
		return unescape(nil, content)
	}
	return content
}

// elements goes through the elements of a list.
type elements struct {
	t       *tape
	at, end uint32
	value   uint32
}

// elements makes an iteration over a value, which should be a list.
func (t *tape) elements(v uint32) elements {
	if t.b[t.at(v)] != '[' {
		t.odd(v, "a list")
		return elements{t: t}
	}
	return elements{t: t, at: v + 1, end: t.tokens[v].next}
}

func (e *elements) next() bool {
	if e.at >= e.end || e.t.fault != "" {
		return false
	}
	e.value = e.at
	e.at = e.t.behind(e.at)
	return true
}

// textOf returns a text: a stretch of b or, if it is escaped, what was written over dst.
func (t *tape) textOf(v uint32, dst []byte) []byte {
	tok := &t.tokens[v]
	if t.b[tok.from] != '"' {
		t.odd(v, "a text")
		return nil
	}
	content := t.b[tok.from+1 : tok.to-1]
	if tok.next != escaped {
		return content
	}
	return unescape(dst[:0], content)
}

// unescape appends the text that a JSON text without its quotes stands for. Halves of surrogate pairs become U+FFFD.
func unescape(dst, s []byte) []byte {
	for {
		n := bytes.IndexByte(s, '\\')
		if n < 0 {
			return append(dst, s...)
		}
		dst = append(dst, s[:n]...)
		if s = s[n:]; s[1] != 'u' {
			dst = append(dst, escapes[s[1]])
			s = s[2:]
			continue
		}
		r, _ := hex4(s[2:])
		s = s[6:]
		if utf16.IsSurrogate(r) {
			low := rune(-1)
			if len(s) >= 6 && s[0] == '\\' && s[1] == 'u' {
				low, _ = hex4(s[2:])
			}
			if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
				s = s[6:]
			}
		}
		dst = utf8.AppendRune(dst, r)
	}
}

var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// digitsOf returns the text of a number, which may be a text.
func (t *tape) digitsOf(v uint32) ([]byte, bool) {
	tok := &t.tokens[v]
	switch ch := t.b[tok.from]; {
	case ch == '"' && tok.next != escaped:
		return t.b[tok.from+1 : tok.to-1], true
	case ch == '-' || ch >= '0' && ch <= '9':
		return t.b[tok.from:tok.to], true
	}
	return nil, false
}

// uint reads a whole number of up to 64 bits, without sign.
func (t *tape) uint(v uint32) uint64 {
	s, ok := t.digitsOf(v)
	n := uint64(0)
	for i, ch := range s {
		d := uint64(ch - '0')
		if d > 9 || i >= 19 && (n > math.MaxUint64/10 || n*10 > math.MaxUint64-d) {
			return t.uintOf(v, s)
		}
		n = n*10 + d
	}
	if !ok || len(s) == 0 {
		t.odd(v, "a whole number without sign")
	}
	return n
}

// uintOf reads what is not digits alone: 1e3 and 5.0 are whole numbers, too.
func (t *tape) uintOf(v uint32, s []byte) uint64 {
	f, err := strconv.ParseFloat(string(s), 64)
	if err != nil || s[0] == '+' || f != math.Trunc(f) || !(f >= 0 && f < 1<<64) || digits(s, 0) == len(s) {
		t.odd(v, "a whole number without sign")
		return 0
	}
	return uint64(f)
}

// int reads a whole number from low to high, which are at most those of 64 bits.
func (t *tape) int(v uint32, low, high int64) int64 {
	s, ok := t.digitsOf(v)
	if ok && len(s) > 0 {
		n, err := strconv.ParseInt(string(s), 10, 64)
		if err != nil {
			// 1e3 and -5.0 are whole numbers, too.
			f, err2 := strconv.ParseFloat(string(s), 64)
			if n = int64(f); err2 == nil && f >= -1<<63 && f < 1<<63 && f == math.Trunc(f) && bytes.ContainsAny(s, ".eE") {
				err = nil
			}
		}
		if err == nil && s[0] != '+' && n >= low && n <= high {
			return n
		}
	}
	t.odd(v, "a whole number")
	return 0
}

// float reads a number. Beyond the range of float64 it is infinite; NaN, Infinity and -Infinity are texts.
func (t *tape) float(v uint32) float64 {
	s, ok := t.digitsOf(v)
	if ok {
		switch string(s) {
		case "NaN":
			return math.NaN()
		case "Infinity":
			return math.Inf(1)
		case "-Infinity":
			return math.Inf(-1)
		}
		f, err := strconv.ParseFloat(string(s), 64)
		if err == nil || math.IsInf(f, 0) {
			return f
		}
	}
	t.odd(v, "a number")
	return 0
}

// bool reads true or false.
func (t *tape) bool(v uint32) bool {
	ch := t.b[t.at(v)]
	if ch != 't' && ch != 'f' {
		t.odd(v, "true or false")
	}
	return ch == 't'
}
