package otlp

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// tape is an index of a JSON text (RFC 8259): where each value stands and where it ends. It is made in one walk that checks the
// grammar; then fields can be read in any order, and what is not wanted is skipped. A parser's tree would take 80 bytes a
// value, where a hostile record has one in two bytes, and would not know positions.
//
// A fault that is found in reading ends all iterations and is kept.
type tape struct {
	b      []byte
	base   int // position of b in the record, for faults
	tokens []token
	open   []uint32 // containers around the value being read

	fault   string
	faultAt int
}

// token is a value or a member's name, in b[from:to]. next is the number of the token behind a container; of a text it is escaped
// if there is a backslash in it.
type token struct{ from, to, next uint32 }

const escaped = 1

// keptTokens is the length of tape that is kept from record to record.
const keptTokens = 64 << 10

// read indexes the value that begins at a position of b and returns where it ends. depth bounds how deep containers nest; at that,
// it returns deep.
func (t *tape) read(b []byte, at, depth int) (end int, deep bool) {
	t.b, t.fault = b, ""
	if cap(t.tokens) > keptTokens {
		t.tokens = nil
	}
	t.tokens, t.open = t.tokens[:0], t.open[:0]
	i := at
	for {
		i = skipSpace(b, i)
		if i == len(b) {
			return 0, t.stop(i, "the text ends where a value should stand")
		}
		number := uint32(len(t.tokens))
		t.tokens = append(t.tokens, token{from: uint32(i)})
		switch b[i] {
		case '{', '[':
			if len(t.open) == depth {
				return i, true
			}
			t.open = append(t.open, number)
			first := skipSpace(b, i+1)
			if first < len(b) && b[first] == b[i]+2 { // '}' or ']'
				i = first
				break
			}
			if b[i] == '[' {
				i = first
				continue
			}
			if i = t.name(first); i < 0 {
				return 0, false
			}
			continue
		case '"':
			i = t.text(i)
		case 't':
			i = t.word(i, "true")
		case 'f':
			i = t.word(i, "false")
		case 'n':
			i = t.word(i, "null")
		default:
			i = t.number(i)
		}
		if i < 0 {
			return 0, false
		}
		if tok := &t.tokens[number]; b[tok.from] != '{' && b[tok.from] != '[' {
			tok.to = uint32(i)
		}
		if i = t.after(i); i < 0 {
			return 0, false
		}
		if len(t.open) == 0 {
			return i, false
		}
	}
}

// after passes what follows a value: ends of containers, up to where the next value or the end is.
func (t *tape) after(i int) int {
	for len(t.open) > 0 {
		i = skipSpace(t.b, i)
		if i == len(t.b) {
			t.stop(int(t.tokens[t.open[len(t.open)-1]].from), "what begins here has no end")
			return -1
		}
		top := &t.tokens[t.open[len(t.open)-1]]
		bracket := t.b[top.from]
		switch t.b[i] {
		case bracket + 2:
			i++
			top.to, top.next = uint32(i), uint32(len(t.tokens))
			t.open = t.open[:len(t.open)-1]
		case ',':
			if bracket == '[' {
				return i + 1
			}
			return t.name(skipSpace(t.b, i+1))
		default:
			t.stop(i, "a comma or the end of the list or object should stand here")
			return -1
		}
	}
	return i
}

// name passes a member's name and the colon.
func (t *tape) name(i int) int {
	if i >= len(t.b) || t.b[i] != '"' {
		t.stop(i, "the name of a member should stand here")
		return -1
	}
	number := len(t.tokens)
	t.tokens = append(t.tokens, token{from: uint32(i)})
	end := t.text(i)
	if end < 0 {
		return -1
	}
	t.tokens[number].to = uint32(end)
	if i = skipSpace(t.b, end); i >= len(t.b) || t.b[i] != ':' {
		t.stop(i, "a colon should stand here")
		return -1
	}
	return i + 1
}

// text passes a text, that of the last token.
func (t *tape) text(from int) int {
	b := t.b
	for i := from + 1; ; i++ {
		if i = special(b, i); i == len(b) {
			t.stop(from, "the text that begins here has no end")
			return -1
		}
		switch b[i] {
		case '"':
			return i + 1
		case '\\':
			t.tokens[len(t.tokens)-1].next = escaped
			n := escapeLength(b[i:])
			if n == 0 {
				t.stop(i, "a backslash is followed by what it can't stand before")
				return -1
			}
			i += n - 1
		default:
			t.stop(i, "a text holds a control character")
			return -1
		}
	}
}

// special returns where the next quote, backslash or control character stands, len(b) if there is none. It looks at eight bytes
// at a time: of the marks that it makes in their highest bits the lowest is right.
func special(b []byte, i int) int {
	const each, high = 0x0101010101010101, 0x8080808080808080
	for ; len(b)-i >= 8; i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		quote, backslash := x^each*'"', x^each*'\\'
		if marks := ((quote-each)&^quote | (backslash-each)&^backslash | (x-each*' ')&^x) & high; marks != 0 {
			return i + bits.TrailingZeros64(marks)/8
		}
	}
	for ; i < len(b); i++ {
		if ch := b[i]; ch == '"' || ch == '\\' || ch < ' ' {
			return i
		}
	}
	return i
}

// escapeLength returns the length of the escape that b begins with, 0 if it is none.
func escapeLength(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := hex4(b[2:]); ok {
			return 6
		}
	}
	return 0
}

func hex4(b []byte) (r rune, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	for _, ch := range b[:4] {
		switch {
		case ch >= '0' && ch <= '9':
			ch -= '0'
		case ch >= 'a' && ch <= 'f':
			ch -= 'a' - 10
		case ch >= 'A' && ch <= 'F':
			ch -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(ch)
	}
	return r, true
}

func (t *tape) word(i int, word string) int {
	if end := i + len(word); end <= len(t.b) && string(t.b[i:end]) == word {
		return end
	}
	t.stop(i, "no value of JSON begins so")
	return -1
}

// number passes a number: -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?
func (t *tape) number(from int) int {
	b, i := t.b, from
	if i < len(b) && b[i] == '-' {
		i++
	}
	whole := i
	i = digits(b, i)
	if i == whole || b[whole] == '0' && i > whole+1 {
		t.stop(from, "no value of JSON begins so")
		return -1
	}
	if i < len(b) && b[i] == '.' {
		part := i + 1
		if i = digits(b, part); i == part {
			t.stop(from, "a number has no digits behind its point")
			return -1
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		part := i
		if i = digits(b, part); i == part {
			t.stop(from, "a number has no digits in its exponent")
			return -1
		}
	}
	return i
}

func digits(b []byte, i int) int {
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	return i
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// stop keeps a fault at a position of b. It returns false.
func (t *tape) stop(at int, fault string) bool {
	if t.fault == "" {
		t.fault, t.faultAt = fault, t.base+at
	}
	return false
}

// at is the position of a value in b.
func (t *tape) at(v uint32) int { return int(t.tokens[v].from) }

// raw returns the JSON text of a value.
func (t *tape) raw(v uint32) []byte { return t.b[t.tokens[v].from:t.tokens[v].to] }

// behind returns the number of the token behind a value.
func (t *tape) behind(v uint32) uint32 {
	return max(t.tokens[v].next, v+1)
}

// what describes a value.
func (t *tape) what(v uint32) string {
	switch t.b[t.at(v)] {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a text"
	case 't', 'f':
		return "true or false"
	case 'n':
		return "null"
	}
	return "a number"
}

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
