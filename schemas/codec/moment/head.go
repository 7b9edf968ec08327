package moment

import "time"

// Clock completes what stamps at the head of a text leave out.
type Clock struct {
	// Zone is that of stamps that name none; nil is UTC.
	Zone *time.Location
	// Near, in Unix nanoseconds, is a time not far from the stamp's, the record's as a rule: the year of a stamp without one is that
	// which brings it nearest. 0: there is none, and such stamps can't be read.
	Near int64
}

// halfYear is how far from Near a stamp without year may lie: only a February 29 can lie farther.
const halfYear, day = 183 * day, 24 * int64(time.Hour)

// Head finds a stamp at the head of a text. size is how many bytes it takes, zone included, 0 if there is none. ns is Unix nanoseconds,
// 0 when what looks like a stamp is no time from 1970 to 2261 (a February 30, the hour 25, the year 2286, no year and nothing to complete it by).
//
// The shapes, where hh:mm:ss may have a fraction after a point or comma:
//
//   - 2026-11-23T04:00:01 (or a space for T, slashes for dashes)
//   - Nov 23 04:00:01, Nov  3 04:00:01, Nov 23 2026 04:00:01, 2026 Nov 23 04:00:01, Nov 23 04:00:01 2026, Nov 23 04:00:01 CET 2026
//   - 23 Nov 2026 04:00:01, 23/Nov/2026:04:00:01, 23-Nov-2026 04:00:01
//   - these two after a day of the week: Mon Nov 23 04:00:01 2026, Mon, 23 Nov 2026 04:00:01
//   - I1123 04:00:01.123456, I20261123 04:00:01.123456 (glog and klog, with the letter of the level)
//   - 1795408204, 1795408204.407 and as milli-, micro- or nanoseconds of 13, 16 or 19 digits: Unix time, unless it is more than a day after Near
//
// After all but the last two a zone may follow: Z, +02:00, +0200, +02, and after a space +02:00, +0200, UTC or GMT. Other names of zones are not read:
// they stand for several zones each. Names of months and days are English, in any case.
func (c Clock) Head(s []byte) (ns int64, size int) {
	if len(s) < 10 {
		return 0, 0
	}
	var v civil
	switch ch := s[0]; {
	case ch >= '0' && ch <= '9':
		if n := run(s); n > 4 {
			return c.epoch(s, n)
		}
		size = v.digits(s)
	case ch|0x20 >= 'a' && ch|0x20 <= 'z':
		size = v.letters(s)
	}
	if size == 0 {
		return 0, 0
	}
	return c.unix(v), size
}

// civil is what a stamp says. A year of 0 is none.
type civil struct {
	year, month, day, hour, minute, second, nanos int
	offset                                        int // seconds east of UTC
	zoned                                         bool
}

// digits reads a stamp that begins with up to four digits, and returns its size, 0 if there is none.
func (v *civil) digits(s []byte) int {
	switch run(s) {
	case 4:
		if s[4] == ' ' {
			v.year = two(s)*100 + two(s[2:])
			return v.monthFirst(s, 5)
		}
		return v.dashed(s)
	case 1, 2:
		return v.dayFirst(s, 0)
	}
	return 0
}

// letters reads a stamp that begins with a letter.
func (v *civil) letters(s []byte) int {
	if s[1] >= '0' && s[1] <= '9' {
		return v.glog(s)
	}
	if month(s) > 0 {
		return v.monthFirst(s, 0)
	}
	if !weekday(s) {
		return 0
	}
	at := 3
	if s[at] == ',' {
		at++
	}
	if s[at] != ' ' {
		return 0
	}
	if at++; s[at] >= '0' && s[at] <= '9' {
		return v.dayFirst(s, at)
	}
	return v.monthFirst(s, at)
}

// dashed reads 2026-11-23T04:00:01 and its zone.
func (v *civil) dashed(s []byte) int {
	if len(s) < len("2026-11-23T04:00:01") || s[4] != s[7] || s[4] != '-' && s[4] != '/' || s[10] != 'T' && s[10] != ' ' && s[10] != 't' ||
		!isTwo(s[5:]) || !isTwo(s[8:]) {
		return 0
	}
	v.year, v.month, v.day = two(s)*100+two(s[2:]), two(s[5:]), two(s[8:])
	return v.clockAndZone(s, 11)
}

// dayFirst reads 23 Nov 2026 04:00:01, with one of three separators, and its zone.
func (v *civil) dayFirst(s []byte, at int) int {
	n := run(s[at:])
	if n != 1 && n != 2 || len(s) < at+n+len("/Nov/2026:") {
		return 0
	}
	for _, ch := range s[at : at+n] {
		v.day = v.day*10 + int(ch-'0')
	}
	at += n
	between := s[at]
	if v.month = month(s[at+1:]); v.month == 0 || between != s[at+4] || between != ' ' && between != '/' && between != '-' {
		return 0
	}
	if at += 5; run(s[at:]) != 4 || s[at+4] != ' ' && s[at+4] != ':' {
		return 0
	}
	v.year = two(s[at:])*100 + two(s[at+2:])
	return v.clockAndZone(s, at+5)
}

// monthFirst reads Nov 23 04:00:01 with the year behind the day, behind the clock, or nowhere, and its zone.
func (v *civil) monthFirst(s []byte, at int) int {
	if len(s) < at+len("Nov 3 04:00:01") || s[at+3] != ' ' {
		return 0
	}
	if v.month = month(s[at:]); v.month == 0 {
		return 0
	}
	if at += 4; s[at] == ' ' {
		at++
	}
	n := run(s[at:])
	if n != 1 && n != 2 || s[at+n] != ' ' {
		return 0
	}
	for _, ch := range s[at : at+n] {
		v.day = v.day*10 + int(ch-'0')
	}
	at += n + 1
	if v.year == 0 && len(s) > at+4 && s[at+4] == ' ' && run(s[at:]) == 4 {
		v.year = two(s[at:])*100 + two(s[at+2:])
		at += 5
	}
	if at = v.clockAndZone(s, at); at == 0 || v.year != 0 {
		return at
	}
	return v.yearBehind(s, at)
}

// yearBehind reads the year that may follow the clock, with the name of a zone before it, and returns where the stamp ends.
func (v *civil) yearBehind(s []byte, at int) int {
	i := at
	if !v.zoned && len(s) > i+1 && s[i] == ' ' {
		letters := 0
		for i+1+letters < len(s) && s[i+1+letters] >= 'A' && s[i+1+letters] <= 'Z' {
			letters++
		}
		if letters >= 3 && letters <= 5 {
			i += 1 + letters
		}
	}
	if len(s) < i+5 || s[i] != ' ' || run(s[i+1:]) != 4 || len(s) > i+5 && !ends(s[i+5]) {
		return at
	}
	year := two(s[i+1:])*100 + two(s[i+3:])
	if year < 1970 || year > 2261 {
		return at
	}
	v.year = year
	return i + 5
}

// glog reads I1123 04:00:01.123456 and I20261123 04:00:01.123456.
func (v *civil) glog(s []byte) int {
	switch s[0] {
	case 'D', 'I', 'W', 'E', 'F':
	default:
		return 0
	}
	at := 1
	switch run(s[1:]) {
	case 8:
		v.year = two(s[1:])*100 + two(s[3:])
		at = 5
	case 4:
	default:
		return 0
	}
	if len(s) < at+len("1123 04:00:01.1") || s[at+4] != ' ' {
		return 0
	}
	v.month, v.day = two(s[at:]), two(s[at+2:])
	end := v.clock(s, at+5)
	if end == at+5+len("04:00:01") || end == 0 || end < len(s) && !ends(s[end]) {
		return 0
	}
	return end
}

// clockAndZone reads hh:mm:ss, a fraction and a zone, and returns where they end, 0 if there is no clock or it goes over into a word. A word
// that begins like a zone is none.
func (v *civil) clockAndZone(s []byte, at int) int {
	if at = v.clock(s, at); at == 0 {
		return 0
	}
	seconds, n := zoneHead(s[at:])
	if n > 0 && (at+n == len(s) || ends(s[at+n])) {
		v.offset, v.zoned = seconds, true
		at += n
	}
	if at < len(s) && !ends(s[at]) {
		return 0
	}
	return at
}

// clock reads hh:mm:ss and a fraction.
func (v *civil) clock(s []byte, at int) int {
	if len(s) < at+8 {
		return 0
	}
	s = s[at:]
	if s[2] != ':' || s[5] != ':' || !isTwo(s) || !isTwo(s[3:]) || !isTwo(s[6:]) {
		return 0
	}
	v.hour, v.minute, v.second = two(s), two(s[3:]), two(s[6:])
	if len(s) < 10 || s[9] < '0' || s[9] > '9' {
		return at + 8
	}
	nanos, rest := fraction(s[8:])
	v.nanos = nanos
	return at + len(s) - len(rest)
}

// zoneHead reads a zone at the head of what follows a clock.
func zoneHead(s []byte) (seconds, size int) {
	if len(s) == 0 {
		return 0, 0
	}
	at := 0
	switch s[0] {
	case 'Z', 'z':
		return 0, 1
	case ' ':
		if len(s) < 4 {
			return 0, 0
		}
		if at = 1; string(s[1:4]) == "UTC" || string(s[1:4]) == "GMT" {
			if len(s) == 4 || ends(s[4]) {
				return 0, 4
			}
			return 0, 0
		}
	}
	if s[at] != '+' && s[at] != '-' {
		return 0, 0
	}
	digits := s[at+1:]
	minutes := 0
	switch n := run(digits); {
	case n == 4:
		minutes, size = two(digits[2:]), at+5
	case n == 2 && len(digits) >= 5 && digits[2] == ':' && run(digits[3:]) == 2:
		minutes, size = two(digits[3:]), at+6
	case n == 2 && at == 0:
		size = 3
	default:
		return 0, 0
	}
	hours := two(digits)
	if hours > 23 || minutes > 59 {
		return 0, 0
	}
	seconds = hours*3600 + minutes*60
	if s[at] == '-' {
		seconds = -seconds
	}
	return seconds, size
}

// epoch reads Unix time that begins with n digits.
func (c Clock) epoch(s []byte, n int) (int64, int) {
	switch n {
	case 10, 13, 16, 19:
	default:
		return 0, 0
	}
	size := n
	if n == 10 && len(s) > n+1 && s[n] == '.' {
		if fraction := run(s[n+1:]); fraction > 0 {
			size += 1 + fraction
		}
	}
	if size < len(s) {
		switch s[size] {
		case ' ', '\t', '\r', '\n', ']', ')', '|', ',', ';':
		default:
			return 0, 0
		}
	}
	ns, ok := Unix(s[:size], 0)
	if !ok || ns <= 0 || c.Near > 0 && ns > c.Near && ns-c.Near > day {
		return 0, 0
	}
	return ns, size
}

// unix returns the time, 0 if it is none.
func (c Clock) unix(v civil) int64 {
	if v.hour > 23 || v.minute > 59 || v.second > 60 || v.month < 1 || v.month > 12 || v.day < 1 {
		return 0
	}
	if v.year != 0 {
		return c.in(v, v.year)
	}
	if c.Near <= 0 {
		return 0
	}
	around := time.Unix(0, c.Near).UTC().Year()
	best := c.in(v, around)
	if best != 0 && distance(best, c.Near) < halfYear-day {
		return best // every other one is farther
	}
	for _, year := range [...]int{around - 1, around + 1} {
		if ns := c.in(v, year); ns != 0 && (best == 0 || distance(ns, c.Near) < distance(best, c.Near)) {
			best = ns
		}
	}
	if best == 0 || distance(best, c.Near) > halfYear {
		return 0
	}
	return best
}

func distance(a, b int64) int64 { return max(a-b, b-a) }

// in returns the time in a year, 0 if there is none.
func (c Clock) in(v civil, year int) int64 {
	if year < 1970 || year > 2261 || v.day > daysIn(v.month, year) {
		return 0
	}
	var seconds int64
	if c.Zone == nil || c.Zone == time.UTC || v.zoned {
		seconds = unixSeconds(year, v.month, v.day, v.hour, v.minute, v.second) - int64(v.offset)
	} else {
		seconds = time.Date(year, time.Month(v.month), v.day, v.hour, v.minute, v.second, 0, c.Zone).Unix()
	}
	return max(seconds*1e9+int64(v.nanos), 0)
}

// unixSeconds returns the Unix time of a valid date and clock in UTC. Years are taken from March on, so that the day that may
// be missing is their last.
func unixSeconds(year, month, day, hour, minute, second int) int64 {
	if month < 3 {
		year--
		month += 12
	}
	const untilEpoch = 719_469 // the number of January 1, 1970, where March 1 of the year 0 has number 1
	days := 365*year + year/4 - year/100 + year/400 + (153*(month-3)+2)/5 + day - untilEpoch
	return int64(days)*86_400 + int64(hour*3600+minute*60+second)
}

// run returns the number of digits at the head.
func run(s []byte) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

func isTwo(s []byte) bool { return s[0] >= '0' && s[0] <= '9' && s[1] >= '0' && s[1] <= '9' }

// ends tells whether a stamp may be followed by a character.
func ends(ch byte) bool {
	return (ch < '0' || ch > '9') && (ch|0x20 < 'a' || ch|0x20 > 'z') && ch != '_' && ch < 0x80
}

// month returns the month of three letters, 0 for none.
func month(s []byte) int {
	if len(s) < 3 {
		return 0
	}
	switch (uint32(s[0])<<16 | uint32(s[1])<<8 | uint32(s[2])) | 0x202020 {
	case 'j'<<16 | 'a'<<8 | 'n':
		return 1
	case 'f'<<16 | 'e'<<8 | 'b':
		return 2
	case 'm'<<16 | 'a'<<8 | 'r':
		return 3
	case 'a'<<16 | 'p'<<8 | 'r':
		return 4
	case 'm'<<16 | 'a'<<8 | 'y':
		return 5
	case 'j'<<16 | 'u'<<8 | 'n':
		return 6
	case 'j'<<16 | 'u'<<8 | 'l':
		return 7
	case 'a'<<16 | 'u'<<8 | 'g':
		return 8
	case 's'<<16 | 'e'<<8 | 'p':
		return 9
	case 'o'<<16 | 'c'<<8 | 't':
		return 10
	case 'n'<<16 | 'o'<<8 | 'v':
		return 11
	case 'd'<<16 | 'e'<<8 | 'c':
		return 12
	}
	return 0
}

// weekday tells whether a text begins with a day of the week, of three letters.
func weekday(s []byte) bool {
	switch (uint32(s[0])<<16 | uint32(s[1])<<8 | uint32(s[2])) | 0x202020 {
	case 'm'<<16 | 'o'<<8 | 'n', 't'<<16 | 'u'<<8 | 'e', 'w'<<16 | 'e'<<8 | 'd', 't'<<16 | 'h'<<8 | 'u', 'f'<<16 | 'r'<<8 | 'i', 's'<<16 | 'a'<<8 | 't', 's'<<16 | 'u'<<8 | 'n':
		return true
	}
	return false
}
