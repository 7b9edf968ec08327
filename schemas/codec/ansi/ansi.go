// Package ansi takes terminals' escape sequences out of texts (ECMA-48, ecma-international.org/publications-and-standards/standards/ecma-48).
package ansi

import "bytes"

const escape = 0x1b

// Has tells whether a text may hold a sequence.
func Has(s []byte) bool { return bytes.IndexByte(s, escape) >= 0 }

// Strip appends a text without its escape sequences to dst, in one pass from the left. These go, whole:
//
//   - control sequences: ESC [, parameters 0x30 to 0x3f, intermediate bytes 0x20 to 0x2f, one final byte 0x40 to 0x7e (colours, cursor moves);
//   - strings: ESC and one of ] P X ^ _, then anything but control characters up to BEL or ESC \ (titles; of a hyperlink its target, not its text);
//   - the short ones: ESC, any of 0x20 to 0x2f, one of 0x30 to 0x7e.
//
// An ESC that begins none of these, or one that has no end, stays, and so does all else: line ends are never part of a sequence. The
// eight-bit forms (0x9b and the like) are not looked for, they are parts of letters in UTF-8.
func Strip(dst, s []byte) []byte {
	for {
		i := bytes.IndexByte(s, escape)
		if i < 0 {
			return append(dst, s...)
		}
		dst = append(dst, s[:i]...)
		n := sequence(s[i:])
		if n == 0 {
			dst = append(dst, escape)
			n = 1
		}
		s = s[i+n:]
	}
}

// sequence returns the length of the sequence that a text, whose first byte is ESC, begins with, 0 for none.
func sequence(s []byte) int {
	if len(s) < 2 {
		return 0
	}
	switch s[1] {
	case '[':
		return final(s, span(s, span(s, 2, 0x30, 0x3f), 0x20, 0x2f), 0x40)
	case ']', 'P', 'X', '^', '_':
		return text(s)
	}
	return final(s, span(s, 1, 0x20, 0x2f), 0x30)
}

// span returns where the bytes from one to another end.
func span(s []byte, at int, from, to byte) int {
	for at < len(s) && s[at] >= from && s[at] <= to {
		at++
	}
	return at
}

func final(s []byte, at int, from byte) int {
	if at < len(s) && s[at] >= from && s[at] <= 0x7e {
		return at + 1
	}
	return 0
}

// text returns the length of a sequence with a string in it.
func text(s []byte) int {
	const bell = 0x07
	for i := 2; i < len(s); i++ {
		switch ch := s[i]; {
		case ch == bell:
			return i + 1
		case ch == escape && i+1 < len(s) && s[i+1] == '\\':
			return i + 2
		case ch < 0x20:
			return 0
		}
	}
	return 0
}
