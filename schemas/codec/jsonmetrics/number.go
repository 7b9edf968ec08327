package jsonmetrics

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strconv"
)

// powers are those powers of ten that are divided by; float64 holds them exactly.
var powers = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18}

const (
	// mostDigits never overflow 64 bits.
	mostDigits = len(powers) - 1
	// exactWhole is up to where float64 holds all whole numbers.
	exactWhole = 1 << 53
)

// decimal is digits with a point: mantissa / 10^decimals. It is exact if float64 holds both of them exactly; otherwise what is in it is
// of no use.
type decimal struct {
	mantissa uint64
	decimals int
	negative bool
	exact    bool
}

// scan reads a decimal from a position on, up to what is neither a digit nor the first point.
func scan(b []byte, from int) (d decimal, end int) {
	i := from
	if i < len(b) && b[i] == '-' {
		d.negative = true
		i++
	}
	first, point := i, -1
	var mantissa uint64
	for ; i+8 <= len(b); i += 8 {
		eight := binary.LittleEndian.Uint64(b[i:])
		if !areDigits(eight) {
			break
		}
		mantissa = mantissa*1e8 + eightDigits(eight)
	}
	for ; i < len(b); i++ {
		ch := b[i] - '0'
		if ch > 9 {
			if b[i] != '.' || point >= 0 {
				break
			}
			point = i
			continue
		}
		mantissa = mantissa*10 + uint64(ch)
	}
	digits := i - first
	if point >= 0 {
		digits--
		d.decimals = i - point - 1
	}
	d.mantissa = mantissa
	d.exact = digits > 0 && digits <= mostDigits && mantissa <= exactWhole
	return d, i
}

// areDigits tells whether all eight bytes are digits: their upper halves are 3, also when 6 is added.
func areDigits(b uint64) bool {
	const upper = 0xf0f0f0f0f0f0f0f0
	return b&upper|(b+0x0606060606060606)&upper>>4 == 0x3333333333333333
}

// eightDigits returns the number that eight digits are, the first of them in the lowest byte: neighbours are put together, and then
// theirs.
func eightDigits(b uint64) uint64 {
	b -= 0x3030303030303030
	b = b*10 + b>>8 // pairs, in every other byte
	const pairs = 0x000000ff000000ff
	return (b&pairs*(100+1_000_000<<32) + b>>16&pairs*(1+10_000<<32)) >> 32
}

// value returns the number that an exact decimal is: two exact numbers, divided, are rounded once (Clinger: How to Read Floating
// Point Numbers Accurately, 1990).
func (d *decimal) value() float64 {
	v := float64(d.mantissa)
	if d.decimals > 0 {
		v /= powers[d.decimals]
	}
	if d.negative {
		v = -v
	}
	return v
}

// parseNumber reads a decimal number, rounded correctly.
func parseNumber(s []byte) (float64, loss) {
	if d, end := scan(s, 0); d.exact && end == len(s) {
		return d.value(), kept
	}
	return parseOther(s)
}

// inNumber tells which bytes may be in a number.
var inNumber = [256]bool{'0': true, '1': true, '2': true, '3': true, '4': true, '5': true, '6': true, '7': true, '8': true, '9': true,
	'.': true, '-': true, '+': true, 'e': true, 'E': true}

// parseOther reads a number in any form that strconv knows and JSON does, and tells infinities and NaN from what is no number.
func parseOther(s []byte) (float64, loss) {
	for _, ch := range s {
		if !inNumber[ch] {
			return 0, notDigits(s)
		}
	}
	v, err := strconv.ParseFloat(string(s), 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, notFinite
	case err != nil:
		return 0, notNumeric
	}
	return v, kept
}

// notDigits says why a text without digits is no value.
func notDigits(s []byte) loss {
	if len(s) > 0 && (s[0] == '+' || s[0] == '-') {
		s = s[1:]
	}
	for _, word := range [...]string{"nan", "inf", "infinity"} {
		if len(s) == len(word) && bytes.EqualFold(s, []byte(word)) {
			return notFinite
		}
	}
	return notNumeric
}
