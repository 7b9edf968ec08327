package miner

// ordinary says that an atom of letters is a literal, without looking too closely: most words are.
func ordinary(line []byte, start, end int) bool {
	n, c := end-start, line[start]
	switch {
	case end+1 < len(line) && line[end] == ':' && (classes[line[end+1]]&slash != 0 || n <= 4):
		return false
	case n < 3:
		return true
	case c >= 'A' && c <= 'W' && dated(line[start:end]):
		return false
	case n <= 5:
		return n == 3 || !closed(line[start:end])
	}
	return n < 8 || !hexadecimal(c) || !hexadecimal(line[start+1]) || !hexadecimal(line[start+2])
}

// word appends an atom of letters.
func word(to, line []byte, start, end int) ([]byte, int) {
	w := line[start:end]
	if len(w) <= 5 && len(w) >= 4 && closed(w) {
		return append(to, constant), end
	}
	if len(w) >= 3 && dated(w) {
		if e := calendar(line, start, end); e > 0 {
			return put(to), e
		}
	}
	if len(w) >= 8 && hexadecimal(w[0]) && allHexadecimal(w) {
		return put(to), end
	}
	if end < len(line) && line[end] == ':' {
		if e := link(line, start, end); e > 0 {
			return put(to), e
		}
		if e := address(line, start, end); e > 0 {
			return put(to), e
		}
	}
	return append(to, w...), end
}

// closed says that a word is a value of a set that all programs share: of programming languages, or the user that all systems have.
func closed(w []byte) bool {
	switch string(w) {
	case "true", "false", "True", "False", "TRUE", "FALSE", "null", "Null", "NULL", "root":
		return true
	}
	return false
}

// dated says that a word begins as a day of the week or a month does.
func dated(w []byte) bool {
	switch string(w[:3]) {
	case "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec":
		return true
	}
	return false
}

func allHexadecimal(w []byte) bool {
	for _, c := range w {
		if !hexadecimal(c) {
			return false
		}
	}
	return true
}
