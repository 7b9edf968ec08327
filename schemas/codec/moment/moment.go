// Package moment reads the times that producers write, as Unix nanoseconds, without allocating.
package moment

import (
	"math"
	"strconv"
	"time"
)

// Unit is the number of nanoseconds of a unit, 0 for: as the size says.
type Unit int64

// UnitOf returns the unit of a setting: s, ms, us, ns, anything else for: as the size says.
func UnitOf(name string) Unit {
	switch name {
	case "s":
		return 1e9
	case "ms":
		return 1e6
	case "us":
		return 1e3
	case "ns":
		return 1
	}
	return 0
}

// Parse reads a time as Unix nanoseconds; number says that it stood as a number. Decimals are Unix times in the unit, all else is a
// date (Date). Times before 1970 and after 2262 are not read.
func Parse(s []byte, number bool, unit Unit) (ns int64, ok bool) {
	if number || isDecimal(s) {
		ns, ok = Unix(s, unit)
	} else {
		ns, ok = Date(s)
	}
	return ns, ok && ns > 0
}

func isDecimal(s []byte) bool {
	for _, ch := range s {
		if (ch < '0' || ch > '9') && ch != '.' {
			return false
		}
	}
	return true
}

// Unix reads digits with an optional fraction exactly, other forms of JSON numbers as float64.
func Unix(s []byte, unit Unit) (int64, bool) {
	if !isDecimal(s) {
		return parseFloat(s, unit)
	}
	var whole uint64
	i := 0
	for ; i < len(s) && s[i] != '.'; i++ {
		if whole > math.MaxInt64/10-1 {
			return 0, false
		}
		whole = whole*10 + uint64(s[i]-'0')
	}
	ns, unit, ok := inUnit(whole, unit)
	if !ok {
		return 0, false
	}
	if i == len(s) {
		return ns, true
	}
	digit := int64(unit) / 10
	for i++; i < len(s); i++ {
		if s[i] == '.' {
			return 0, false
		}
		ns += int64(s[i]-'0') * digit
		digit /= 10
	}
	return ns, true
}

// Whole is Unix for whole numbers.
func Whole(t uint64, unit Unit) (int64, bool) {
	ns, _, ok := inUnit(t, unit)
	return ns, ok
}

// inUnit returns the nanoseconds of a time, and its unit.
func inUnit(t uint64, unit Unit) (int64, Unit, bool) {
	if unit == 0 {
		unit = bySize(float64(t))
	}
	if unit == 0 || t >= uint64(math.MaxInt64/unit) {
		return 0, unit, false
	}
	return int64(t) * int64(unit), unit, true
}

func parseFloat(s []byte, unit Unit) (int64, bool) {
	v, err := strconv.ParseFloat(string(s), 64)
	if err != nil || !(v > 0) {
		return 0, false
	}
	if unit == 0 {
		unit = bySize(v)
	}
	if v *= float64(unit); unit == 0 || v >= math.MaxInt64 {
		return 0, false
	}
	return int64(v), true
}

// bySize guesses the unit of a time. Numbers below 10^9 (seconds of 2001) are dates without separators or times since some
// start rather than Unix times.
func bySize(v float64) Unit {
	switch {
	case v < 1e9:
		return 0
	case v < 1e11:
		return 1e9
	case v < 1e14:
		return 1e6
	case v < 1e17:
		return 1e3
	}
	return 1
}

// Date reads RFC 3339 and its usual variants: a space for T, a comma for the point, a zone without colon or, for UTC,
// none. time.Parse would allocate for each line with a zone.
func Date(s []byte) (int64, bool) {
	const pattern = "0000-00-00T00:00:00"
	if len(s) < len(pattern) {
		return 0, false
	}
	for i := range len(pattern) {
		switch p := pattern[i]; {
		case p == '0':
			if s[i] < '0' || s[i] > '9' {
				return 0, false
			}
		case p == 'T':
			if s[i] != 'T' && s[i] != 't' && s[i] != ' ' {
				return 0, false
			}
		case s[i] != p:
			return 0, false
		}
	}
	year, month, day := two(s)*100+two(s[2:]), two(s[5:]), two(s[8:])
	hour, minute, second := two(s[11:]), two(s[14:]), two(s[17:])
	if year < 1970 || year > 2261 || month < 1 || month > 12 || day < 1 || day > daysIn(month, year) || hour > 23 || minute > 59 || second > 60 {
		return 0, false
	}
	nanos, rest := fraction(s[len(pattern):])
	offset, ok := zone(rest)
	if !ok {
		return 0, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, nanos, time.UTC)
	return t.UnixNano() - offset*1e9, true
}

func two(s []byte) int { return int(s[0]-'0')*10 + int(s[1]-'0') }

func daysIn(month, year int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// fraction reads a fraction of a second; digits beyond the ninth are cut.
func fraction(s []byte) (nanos int, rest []byte) {
	if len(s) < 2 || s[0] != '.' && s[0] != ',' {
		return 0, s
	}
	i, digit := 1, 100_000_000
	for ; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
		nanos += int(s[i]-'0') * digit
		digit /= 10
	}
	return nanos, s[i:]
}

// zone reads an offset from UTC in seconds.
func zone(s []byte) (seconds int64, ok bool) {
	if len(s) > 0 && s[0] == ' ' {
		s = s[1:]
	}
	if len(s) == 0 || len(s) == 1 && (s[0] == 'Z' || s[0] == 'z') || string(s) == "UTC" {
		return 0, true
	}
	if s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	digits := [4]byte{'0', '0', '0', '0'}
	switch {
	case len(s) == 6 && s[3] == ':':
		copy(digits[:2], s[1:3])
		copy(digits[2:], s[4:6])
	case len(s) == 5:
		copy(digits[:], s[1:5])
	case len(s) == 3:
		copy(digits[:2], s[1:3])
	default:
		return 0, false
	}
	for _, d := range digits {
		if d < '0' || d > '9' {
			return 0, false
		}
	}
	hours, minutes := two(digits[:2]), two(digits[2:])
	if hours > 23 || minutes > 59 {
		return 0, false
	}
	seconds = int64(hours*3600 + minutes*60)
	if s[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}
