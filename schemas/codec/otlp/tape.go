package otlp

import (
	"encoding/binary"
	"math/bits"
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
