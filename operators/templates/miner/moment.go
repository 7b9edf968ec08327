package miner

// moment returns the end of a date, a time of day, or both, that begins at a digit; 0 if there is none.
func moment(line []byte, start int) int {
	if e := date(line, start); e > 0 {
		i := e
		if i+1 < len(line) && (line[i] == ' ' || line[i] == 'T' || line[i] == '-' || line[i] == '_') {
			if t := clock(line, i+1); t > 0 {
				return t
			}
		}
		if i < len(line) && classes[line[i]]&(letter|digit|joint|slash) != 0 {
			return 0
		}
		return e
	}
	return clock(line, start)
}

// date returns the end of year, month and day, or the other way round, with equal signs between them.
func date(line []byte, start int) int {
	i := digits(line, start)
	a := i - start
	if a == 0 || i >= len(line) {
		return 0
	}
	s := line[i]
	if s != '-' && s != '/' && s != '.' {
		return 0
	}
	j := digits(line, i+1)
	if b := j - i - 1; b == 0 || b > 2 || j >= len(line) || line[j] != s {
		return 0
	}
	k := digits(line, j+1)
	c := k - j - 1
	if a == 4 && (c == 1 || c == 2) || s != '.' && a <= 2 && (c == 4 || c == 2) {
		return k
	}
	return 0
}

// clock returns the end of hours and minutes, with seconds, their fraction and a zone if there are any.
func clock(line []byte, start int) int {
	i := digits(line, start)
	if n := i - start; n == 0 || n > 2 {
		return 0
	}
	fields := 1
	for fields < 3 && i+2 < len(line) && line[i] == ':' && digits(line, i+1) == i+3 {
		fields++
		i += 3
	}
	if fields == 1 {
		return 0
	}
	if i+1 < len(line) && (line[i] == '.' || line[i] == ',') && fields == 3 {
		if e := digits(line, i+1); e > i+1 {
			i = e
		}
	}
	return zone(line, i)
}

// zone returns the end of a zone behind a time of day; 0 if what is there makes something else of it.
func zone(line []byte, i int) int {
	if i < len(line) && line[i] == 'Z' {
		i++
	} else if i < len(line) && (line[i] == '+' || line[i] == '-') {
		e := digits(line, i+1)
		if e == i+3 && e+2 < len(line) && line[e] == ':' {
			e = digits(line, e+1)
		}
		i = e
	}
	if i < len(line) {
		if k := classes[line[i]]; k&(letter|digit|joint|slash) != 0 || line[i] == ':' && i+1 < len(line) && classes[line[i+1]]&(letter|digit) != 0 {
			return 0
		}
	}
	return i
}

// digits returns the end of the digits that begin here.
func digits(line []byte, i int) int {
	for i < len(line) && classes[line[i]]&digit != 0 {
		i++
	}
	return i
}

// calendar returns the end of a date in words that begins with a day of the week or a month (Fri Jul 01 08:16:53 PDT 2005); 0 if there
// is none.
func calendar(line []byte, start, end int) int {
	i, last := start, 0
	day, month, number := false, false, false
	for {
		e := i
		for e < len(line) && classes[line[e]]&(letter|digit) != 0 {
			e++
		}
		w := line[i:e]
		switch {
		case len(w) == 0:
			return finish(last, day, month, number)
		case !day && !month && weekday(w):
			day = true
		case !month && monthName(w):
			month = true
		case month && !number && len(w) <= 2 && digits(line, i) == e && !(e < len(line) && line[e] == ':'):
			number = true
		default:
			if e = later(line, i, number); e == 0 {
				return finish(last, day, month, number)
			}
		}
		last = e
		if i = e; i < len(line) && line[i] == ',' {
			i++
		}
		for i < len(line) && line[i] == ' ' {
			i++
		}
		if i == last {
			return finish(last, day, month, number)
		}
	}
}

// later returns the end of what follows day and month: a time of day, a year, or a zone; 0 if it is none of them.
func later(line []byte, i int, number bool) int {
	if !number {
		return 0
	}
	if e := clock(line, i); e > 0 {
		return e
	}
	e := digits(line, i)
	if e == i+4 && (e == len(line) || classes[line[e]]&(letter|digit|joint|slash|dot) == 0 && line[e] != ':') {
		return e
	}
	for e = i; e < len(line) && line[e] >= 'A' && line[e] <= 'Z'; e++ {
	}
	if n := e - i; (n == 3 || n == 4) && e+1 < len(line) && line[e] == ' ' && digits(line, e+1) == e+5 {
		return e
	}
	return 0
}

func finish(end int, day, month, number bool) int {
	if month && (number || day) {
		return end
	}
	return 0
}

var (
	weekdays = []string{"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}
	months   = []string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}
)

func weekday(w []byte) bool   { return named(w, weekdays) }
func monthName(w []byte) bool { return named(w, months) }

// named says that a word is one of the names or the first three letters of one.
func named(w []byte, names []string) bool {
	for _, n := range names {
		if string(w) == n || string(w) == n[:3] {
			return true
		}
	}
	return false
}
