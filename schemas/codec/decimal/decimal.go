// Package decimal reads the numbers that producers write as text, without allocating.
package decimal

import (
	"math"
	"math/bits"
	"strconv"

	"github.com/homeostat/homeostat/schemas/codec/octets"
)

// exact are the powers of ten that float64 holds without rounding.
var exact = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// whole are the powers of ten that 64 bits hold.
var whole = func() (p [20]uint64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

// Digits is a number without an exponent: Mantissa / 10^Decimals.
type Digits struct {
	Mantissa uint64
	Decimals int
	Negative bool
	// Full says that there are digits, and that Mantissa holds them all; otherwise what it holds is of no use.
	Full bool
}

// Exact tells whether float64 holds both Mantissa and 10^Decimals of full digits exactly.
func (d Digits) Exact() bool { return d.Mantissa <= ExactWhole }

const (
	// mostDigits never overflow 64 bits.
	mostDigits = 19
	// ExactWhole is up to where float64 holds all whole numbers.
	ExactWhole = 1 << 53
)

// Scan reads digits from a position on, up to what is neither a digit nor the first point.
func Scan(b []byte, from int) (d Digits, end int) {
	i := from
	if i < len(b) && b[i] == '-' {
		d.Negative = true
		i++
	}
	first := i
	d.Mantissa, i = digits(b, i, 0)
	n := i - first
	if i < len(b) && b[i] == '.' {
		point := i + 1
		d.Mantissa, i = digits(b, point, d.Mantissa)
		d.Decimals = i - point
		n += d.Decimals
	}
	d.Full = n > 0 && n <= mostDigits
	return d, i
}

// digits appends the digits from i on to a mantissa and returns where they end. It looks at eight bytes at once, whether they are all digits or
// not, so that the last few cost the same however many they are.
func digits(b []byte, i int, mantissa uint64) (uint64, int) {
	const highs = 0x8080808080808080
	for {
		// Digits become 0 to 9. What is more than that sets the highest bit of its byte, and perhaps those of bytes behind it.
		w := octets.At(b, i) ^ 0x3030303030303030
		others := (w + 0x7676767676767676 | w) & highs
		if others != 0 {
			n := bits.TrailingZeros64(others) >> 3
			return mantissa*whole[n] + number(w<<(64-8*n)), i + n
		}
		mantissa = mantissa*1e8 + number(w)
		i += 8
	}
}

// number returns the number that eight digits, 0 to 9, are, the first of them lowest: neighbours are put together, and then theirs.
func number(w uint64) uint64 {
	w = w*10 + w>>8 // pairs, in every other byte
	const pairs = 0x000000ff000000ff
	return (w&pairs*(100+1_000_000<<32) + w>>16&pairs*(1+10_000<<32)) >> 32
}

// Value returns the float64 nearest to full digits. Two numbers that float64 holds exactly, divided, are rounded once (Clinger: How to Read
// Floating Point Numbers Accurately, 1990).
func (d Digits) Value() float64 {
	var v float64
	switch {
	case d.Decimals == 0:
		v = float64(d.Mantissa)
	case d.Exact():
		v = float64(int64(d.Mantissa)) / exact[d.Decimals]
	default:
		v = quotient(d.Mantissa, whole[d.Decimals])
	}
	if d.Negative {
		v = -v
	}
	return v
}

// quotient returns the float64 nearest to m/d, of equally near ones the even one. m is not 0.
func quotient(m, d uint64) float64 {
	shift := bits.LeadingZeros64(d) - bits.LeadingZeros64(m)
	m, d = m<<bits.LeadingZeros64(m), d<<bits.LeadingZeros64(d)
	var q, rest uint64 // 64 bits of the quotient, the highest one set
	if m < d {
		q, rest = bits.Div64(m, 0, d)
		shift--
	} else {
		q, rest = bits.Div64(m>>1, m<<63, d)
	}
	const drop = 64 - 53
	kept, half := q>>drop, uint64(1)<<(drop-1)
	if lower := q & (1<<drop - 1); lower > half || lower == half && (rest > 0 || kept&1 == 1) {
		kept++
	}
	return float64(kept) * math.Float64frombits(uint64(1023+shift+drop-63)<<52)
}

// Parse reads the number that b begins with: a sign, digits with a point, an exponent; or inf, infinity or nan in any case. It returns
// the nearest float64, an infinity where there is none, and how many bytes it took: 0 if b does not begin with a number.
func Parse(b []byte) (v float64, n int) {
	if d, end := Scan(b, 0); d.Full && (end == len(b) || b[end]|0x20 != 'e') {
		return d.Value(), end
	}
	i := 0
	negative := false
	if i < len(b) && (b[i] == '-' || b[i] == '+') {
		negative = b[i] == '-'
		i++
	}
	var mantissa uint64
	digits, significant, scale := 0, 0, 0
	for point := false; i < len(b); i++ {
		ch := b[i]
		if ch == '.' && !point {
			point = true
			continue
		}
		if ch -= '0'; ch > 9 {
			break
		}
		digits++
		if significant > 0 || ch > 0 {
			significant++
		}
		if significant <= 19 {
			mantissa = mantissa*10 + uint64(ch)
			if point {
				scale--
			}
		}
	}
	if digits == 0 {
		return word(b)
	}
	power, end := exponent(b, i)
	v = float64(mantissa)
	switch power += scale; {
	case significant > 19:
		return general(b, end)
	case power == 0 || mantissa == 0: // the conversion has rounded
	case mantissa > 1<<53 && power < 0 && power >= -19:
		v = quotient(mantissa, whole[-power])
	case mantissa > 1<<53:
		return general(b, end)
	case power < 0 && power >= -22:
		v /= exact[-power]
	case power > 0 && power <= 22:
		v *= exact[power] // both are exact, so it is rounded once
	default:
		return general(b, end)
	}
	if negative {
		v = -v
	}
	return v, end
}

// exponent reads an exponent at i, if there is one, and returns where the number ends.
func exponent(b []byte, i int) (power, end int) {
	if i >= len(b) || b[i]|0x20 != 'e' {
		return 0, i
	}
	j := i + 1
	negative := false
	if j < len(b) && (b[j] == '-' || b[j] == '+') {
		negative = b[j] == '-'
		j++
	}
	from := j
	for ; j < len(b) && b[j]-'0' <= 9; j++ {
		if power < 1<<20 {
			power = power*10 + int(b[j]-'0')
		}
	}
	if j == from {
		return 0, i
	}
	if negative {
		power = -power
	}
	return power, j
}

// general reads what takes more than one rounding.
func general(b []byte, end int) (float64, int) {
	v, err := strconv.ParseFloat(string(b[:end]), 64)
	if err != nil && !math.IsInf(v, 0) {
		return 0, 0
	}
	return v, end
}

// word reads the names of what is no number.
func word(b []byte) (float64, int) {
	sign, i := 1, 0
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		if b[0] == '-' {
			sign = -1
		}
		i++
	}
	switch rest := b[i:]; {
	case begins(rest, "infinity"):
		return math.Inf(sign), i + len("infinity")
	case begins(rest, "inf"):
		return math.Inf(sign), i + len("inf")
	case begins(rest, "nan"):
		return math.NaN(), i + len("nan")
	}
	return 0, 0
}

// begins compares with a word in lower case.
func begins(b []byte, word string) bool {
	if len(b) < len(word) {
		return false
	}
	for i := range len(word) {
		if b[i]|0x20 != word[i] {
			return false
		}
	}
	return true
}
