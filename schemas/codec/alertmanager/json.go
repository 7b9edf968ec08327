package alertmanager

import (
	"bytes"
	"encoding/json"
	"strings"
)

// What follows reads JSON that is known to be sound, piece by piece and without copying it.

// value is a JSON value as it is written, without white space around it; empty if there is none.
type value []byte

// first is the first byte, which tells the type; 0 if there is no value.
func (v value) first() byte {
	if len(v) == 0 {
		return 0
	}
	return v[0]
}

// absent says that there is no value, or null.
func (v value) absent() bool { return len(v) == 0 || v[0] == 'n' }

// text returns the content of a string, other scalars as they are written. What is not UTF-8 may be replaced by U+FFFD, or not.
func (v value) text() []byte {
	if v.first() != '"' {
		return v
	}
	if bytes.IndexByte(v, '\\') < 0 {
		return v[1 : len(v)-1]
	}
	var s string
	if err := json.Unmarshal(v, &s); err != nil {
		panic("BUG: a string of sound JSON can't be read: " + err.Error())
	}
	return []byte(s)
}

// walk goes through the members of an object or the elements of an array.
type walk struct {
	b  value
	at int // behind the bracket or the last value
	// key is the present member's name, unescaped; value is its value or the present element.
	key   []byte
	value value
}

// within makes a walk through an object or array.
func within(v value) walk { return walk{b: v, at: 1} }

// next goes to the next member or element.
func (w *walk) next() bool {
	w.at = past(w.b, w.at, " \t\r\n,")
	if ch := w.b[w.at]; ch == '}' || ch == ']' {
		return false
	}
	if w.b[0] == '{' {
		end := endOf(w.b, w.at)
		w.key = w.b[w.at:end].text()
		w.at = past(w.b, end, " \t\r\n:")
	}
	end := endOf(w.b, w.at)
	w.value, w.at = w.b[w.at:end], end
	return true
}

// past returns the first position from at on that holds none of the bytes.
func past(b []byte, at int, of string) int {
	for at < len(b) && strings.IndexByte(of, b[at]) >= 0 {
		at++
	}
	return at
}

// endOf returns the end of the value that begins at a position.
func endOf(b []byte, at int) int {
	depth := 0
	for i := at; i < len(b); i++ {
		switch b[i] {
		case '"':
			if i = quoted(b, i) - 1; depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return i
			}
		}
	}
	return len(b)
}

// quoted returns the end of the string that begins at a position, the end of all if it has none.
func quoted(b []byte, at int) int {
	for i := at + 1; ; i++ {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			return len(b)
		}
		i += n
		escapes := 0
		for escapes < i-at-1 && b[i-1-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return i + 1
		}
	}
}

// depth returns how deep brackets nest, in any bytes.
func depth(b []byte) (deepest int) {
	now := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			i = quoted(b, i) - 1
		case '{', '[':
			now++
			deepest = max(deepest, now)
		case '}', ']':
			now--
		}
	}
	return deepest
}
