// Package jsontext reads the parts of JSON (RFC 8259) where they stand, without a tree of values. It takes what JSON demands, and a little more,
// as producers and parsers do: control characters in texts, escapes that mean nothing (which stand for themselves), and for numbers all that
// is made of their characters, and inf and nan.
package jsontext

import (
	"bytes"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/homeostat/homeostat/schemas/codec/octets"
)

// SkipSpace returns where what is not white space begins.
func SkipSpace(b []byte, i int) int {
	for i < len(b) && b[i] <= ' ' && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// TextEnd returns the position of the quote that ends the text of which b[i] is the first byte, -1 if there is none, and whether the text has escapes.
func TextEnd(b []byte, i int) (end int, escaped bool) {
	for i = octets.QuoteOrBackslash(b, i); i < len(b); i = octets.QuoteOrBackslash(b, i+2) {
		if b[i] == '"' {
			return i, escaped
		}
		escaped = true
	}
	return -1, escaped
}

// Inside tells which bytes may be in a number.
var Inside = [256]bool{'0': true, '1': true, '2': true, '3': true, '4': true, '5': true, '6': true, '7': true, '8': true, '9': true,
	'.': true, '-': true, '+': true, 'e': true, 'E': true}

// Number returns the end of the number at a position, 0 if there is none.
func Number(b []byte, i int) (end int) {
	end = i
	for end < len(b) && Inside[b[end]] {
		end++
	}
	if end == i || end == i+1 && (b[i] == '-' || b[i] == '+') {
		if word := b[min(end, len(b)):min(end+3, len(b))]; !strings.EqualFold(string(word), "inf") && !strings.EqualFold(string(word), "nan") {
			return 0
		}
		end += 3
	}
	return end
}

// Word returns the word of the literal at a position: true, false or null; empty if there is none.
func Word(b []byte, i int) string {
	for _, word := range [...]string{"true", "false", "null"} {
		if i+len(word) <= len(b) && string(b[i:i+len(word)]) == word {
			return word
		}
	}
	return ""
}

// Skip returns the end of the value at a position, 0 if it is broken, or has more than depth brackets around anything in it.
func Skip(b []byte, i, depth int) (end int) {
	if i >= len(b) {
		return 0
	}
	switch b[i] {
	case '{', '[':
		if depth == 0 {
			return 0
		}
		return within(b, i, depth)
	case '"':
		end, _ := TextEnd(b, i+1)
		return end + 1
	case 't', 'f', 'n':
		if word := Word(b, i); word != "" {
			return i + len(word)
		}
	}
	return Number(b, i)
}

// within passes an object or array.
func within(b []byte, i, depth int) int {
	const object, toClosing = '{', '}' - '{'
	opening := b[i]
	if i = SkipSpace(b, i+1); i < len(b) && b[i] == opening+toClosing {
		return i + 1
	}
	for {
		if opening == object {
			if i = Name(b, i); i == 0 {
				return 0
			}
		}
		if i = Skip(b, i, depth-1); i == 0 {
			return 0
		}
		i = SkipSpace(b, i)
		switch {
		case i == len(b):
			return 0
		case b[i] == opening+toClosing:
			return i + 1
		case b[i] != ',':
			return 0
		}
		i = SkipSpace(b, i+1)
	}
}

// Name passes the name at a position, the colon and white space, and returns where the value begins; 0 if that is not what stands there.
func Name(b []byte, i int) int {
	if i >= len(b) || b[i] != '"' {
		return 0
	}
	end, _ := TextEnd(b, i+1)
	if end < 0 {
		return 0
	}
	if i = SkipSpace(b, end+1); i == len(b) || b[i] != ':' {
		return 0
	}
	return SkipSpace(b, i+1)
}

// Unescape appends a text that has escapes to dst. Those that are none stand for themselves.
func Unescape(dst, raw []byte) []byte {
	for {
		n := bytes.IndexByte(raw, '\\')
		if n < 0 || n+1 >= len(raw) {
			return append(dst, raw...)
		}
		dst = append(dst, raw[:n]...)
		ch := raw[n+1]
		if ch == 'u' {
			var size int
			dst, size = unit(dst, raw[n:])
			raw = raw[n+size:]
			continue
		}
		if i := strings.IndexByte(`"\/bfnrt`, ch); i >= 0 {
			dst = append(dst, "\"\\/\b\f\n\r\t"[i])
		} else {
			dst = append(dst, '\\', ch)
		}
		raw = raw[n+2:]
	}
}

// unit appends what \uXXXX stands for, together with the other half of a pair behind it. It returns how many bytes that takes.
func unit(dst, raw []byte) ([]byte, int) {
	r, ok := hex(raw)
	switch {
	case !ok:
		return append(dst, `\u`...), 2
	case !utf16.IsSurrogate(r):
		return utf8.AppendRune(dst, r), 6
	}
	low, ok := hex(raw[6:])
	if !ok {
		return append(dst, raw[:6]...), 6
	}
	return utf8.AppendRune(dst, utf16.DecodeRune(r, low)), 12
}

// hex reads \uXXXX.
func hex(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, ch := range b[2:6] {
		i := strings.IndexByte("0123456789abcdef", ch|0x20)
		if ch < '0' || i < 0 {
			return 0, false
		}
		r = r<<4 | rune(i)
	}
	return r, true
}
