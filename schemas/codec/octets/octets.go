// Package octets looks at bytes eight at a time, the first of them lowest in the word (H. S. Warren: Hacker's Delight, 6-1).
package octets

import (
	"encoding/binary"
	"math/bits"
)

const ones, highs uint64 = 0x0101010101010101, 0x8080808080808080

// At returns the eight bytes from i on, with zeros for what is beyond the end of b.
func At(b []byte, i int) uint64 {
	if i+8 <= len(b) {
		return binary.LittleEndian.Uint64(b[i:])
	}
	return last(b, i)
}

//go:noinline
func last(b []byte, i int) (w uint64) {
	switch {
	case i >= len(b):
		return 0
	case len(b) >= 8:
		return binary.LittleEndian.Uint64(b[len(b)-8:]) >> (8 * (i + 8 - len(b)))
	}
	for k, ch := range b[i:] {
		w |= uint64(ch) << (8 * k)
	}
	return w
}

// Before returns how many of eight bytes stand before the first one that is ch: subtracting one from each borrows in the lowest byte that
// is zero.
func Before(w uint64, ch byte) int {
	w ^= uint64(ch) * ones
	return bits.TrailingZeros64((w-ones)&^w&highs) >> 3
}

// QuoteOrBackslash returns the position of the next quote or backslash from i on, len(b) if there is none. Names and values in JSON are
// short: this is quicker than a search for one byte after the other.
func QuoteOrBackslash(b []byte, i int) int {
	const quotes, backslashes = '"' * ones, '\\' * ones
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		q, s := w^quotes, w^backslashes
		if found := ((q-ones)&^q | (s-ones)&^s) & highs; found != 0 {
			return i + bits.TrailingZeros64(found)>>3
		}
	}
	for i < len(b) && b[i] != '"' && b[i] != '\\' {
		i++
	}
	return min(i, len(b))
}
