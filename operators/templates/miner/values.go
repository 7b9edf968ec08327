package miner

import "bytes"

// pieces appends an atom, part by part: which of them are values is seen by their form.
func pieces(to, s []byte, k class) []byte {
	first, last := 0, len(s)
	if k&slash != 0 && relative(s) {
		return put(to)
	}
	for first < last && classes[s[first]]&(joint|dot) != 0 && !sign(s, first) {
		first++
	}
	for last > first && classes[s[last-1]]&(joint|dot) != 0 {
		last--
	}
	to = append(to, s[:first]...)
	if first < last {
		to = body(to, s[first:last], k)
	}
	return append(to, s[last:]...)
}

// relative says that a path begins with . or .. or ~.
func relative(s []byte) bool {
	i := 0
	if s[0] == '~' {
		i = 1
	}
	for i < 2 && s[0] == '.' && s[i] == '.' {
		i++
	}
	return i > 0 && i+1 < len(s) && classes[s[i]]&slash != 0
}

// number says that an atom of digits and dots is one value: a dot is between two digits.
func number(s []byte) bool {
	for i, c := range s {
		if c == '.' && !between(s, i) {
			return false
		}
	}
	return true
}

// sign says that a number begins here with its sign.
func sign(s []byte, i int) bool {
	return (s[i] == '-' || s[i] == '+') && i+1 < len(s) && classes[s[i+1]]&digit != 0
}

// body appends an atom that neither begins nor ends with punctuation, but for slashes.
func body(to, s []byte, k class) []byte {
	if k&slash != 0 {
		return slashes(to, s, k)
	}
	if k&digit == 0 {
		return append(to, s...)
	}
	if k == digit {
		return put(to)
	}
	if k&dot != 0 {
		return dots(to, s)
	}
	if identifier(s) {
		return put(to)
	}
	return append(to, s...)
}

// slashes appends an atom with slashes: a path is one value, alternatives (read/write) are looked at each by itself.
func slashes(to, s []byte, k class) []byte {
	n := 0
	for _, c := range s {
		if classes[c]&slash != 0 {
			n++
		}
	}
	rooted := classes[s[0]]&slash != 0 && len(s) > 1
	if rooted || n > 1 && len(s) > n {
		if k&(letter|digit) == 0 {
			return append(to, s...)
		}
		return put(to)
	}
	i := bytes.IndexAny(s, `/\`)
	before, after := s[:i], s[i+1:]
	if len(before) > 0 {
		to = pieces(to, before, classesOf(before))
	}
	to = append(to, s[i])
	if len(after) > 0 {
		to = pieces(to, after, classesOf(after))
	}
	return to
}

func classesOf(s []byte) (k class) {
	for _, c := range s {
		k |= classes[c]
	}
	return k
}

// dots appends an atom with dots and digits. Dots between digits are part of the number; a name of three and more parts with a
// number in it (a host, a version, an object) is one value; of two parts, each is looked at by itself.
func dots(to, s []byte) []byte {
	parts, numbered, run := 1, false, false
	from := 0
	for i := 0; i <= len(s); i++ {
		if i < len(s) && s[i] != '.' {
			continue
		}
		if identifier(s[from:i]) {
			numbered = true
		}
		if i == len(s) {
			break
		}
		parts++
		if s[i+1] == '.' {
			run = true
		}
		from = i + 1
	}
	if numbered && parts > 2 && !run {
		return put(to)
	}
	from = 0
	for i := 0; i <= len(s); i++ {
		if i < len(s) && (s[i] != '.' || between(s, i)) {
			continue
		}
		if p := s[from:i]; identifier(p) {
			to = put(to)
		} else {
			to = append(to, p...)
		}
		if i < len(s) {
			to = append(to, '.')
		}
		from = i + 1
	}
	return to
}

// between says that the dot at i stands between digits.
func between(s []byte, i int) bool {
	return i > 0 && i+1 < len(s) && classes[s[i-1]]&digit != 0 && classes[s[i+1]]&digit != 0
}

// identifier says that a part of an atom is a value by its form: it begins with a digit, has several, or a number for a part.
func identifier(s []byte) bool {
	if len(s) == 0 {
		return false
	}
	digits := 0
	for i, c := range s {
		k := classes[c]
		if k&digit == 0 {
			continue
		}
		if digits++; digits > 1 {
			return true
		}
		if i == 0 || classes[s[i-1]]&letter == 0 {
			return true
		}
		if i == 1 && (s[0] == 'v' || s[0] == 'V') {
			return true
		}
	}
	return false
}

// key says that what stands before = is a name although it has digits.
func key(s []byte) bool {
	if classes[s[0]]&letter == 0 {
		return false
	}
	digits := 0
	for _, c := range s {
		if classes[c]&digit != 0 {
			digits++
		} else if classes[c]&slash != 0 {
			return false
		}
	}
	return digits <= 2
}

// link returns the end of what begins with a scheme and ://, or with a drive and :\; 0 if it is not one.
func link(line []byte, start, end int) int {
	rest := line[end:]
	if len(rest) < 3 || rest[0] != ':' || classes[rest[1]]&slash == 0 {
		return 0
	}
	if rest[1] == '\\' {
		if end-start != 1 {
			return 0
		}
	} else if rest[2] != '/' {
		return 0
	}
	i := end + 1
	for i < len(line) && !closing(line[i]) {
		i++
	}
	for classes[line[i-1]]&(mark|dot) != 0 {
		i--
	}
	return i
}

func closing(c byte) bool {
	switch c {
	case '"', '\'', '`', '<', '>', '(', ')', '[', ']', '{', '}', ',', ';', '|':
		return true
	}
	return classes[c]&blank != 0
}

// address returns the end of at least three groups of up to four hexadecimal digits with colons between them (a MAC or an IPv6 address).
func address(line []byte, start, end int) int {
	if end-start > 4 || end >= len(line) || line[end] != ':' {
		return 0
	}
	groups, i, from := 0, start, start
	for ; i < len(line); i++ {
		if hexadecimal(line[i]) {
			continue
		}
		if i-from > 4 || line[i] != ':' || i+1 == len(line) || !(hexadecimal(line[i+1]) || line[i+1] == ':' && i > from) {
			break
		}
		groups++
		from = i + 1
	}
	if groups >= 2 && i-from <= 4 && i+1 < len(line) && line[i] == '.' && hexadecimal(line[i+1]) {
		i += 2 // a PCI function
		groups, from = 3, i
	}
	if groups < 3 || i-from > 4 || i < len(line) && classes[line[i]]&(letter|digit) != 0 {
		return 0
	}
	return i
}

// host says that a name of at least three parts with a port behind it is a host.
func host(line []byte, start, end int) bool {
	return bytes.Count(line[start:end], []byte(".")) >= 2 && digits(line, end+1) > end+1
}

// compared returns the end of a number with the unit of time that may follow, behind < or > (<1 sec is what short times are rounded to); 0
// if there is none.
func compared(line []byte, i int) int {
	e := digits(line, i)
	if e == i || e < len(line) && classes[line[e]]&(blank|letter) == 0 {
		return 0
	}
	if e < len(line) && line[e] == ' ' {
		i = e + 1
	} else {
		i = e
	}
	w := i
	for w < len(line) && classes[line[w]]&letter != 0 {
		w++
	}
	switch string(line[i:w]) {
	case "ns", "us", "ms", "s", "sec", "secs", "second", "seconds", "min", "m", "h":
		return w
	}
	return e
}

func hexadecimal(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// unit returns the end of a size's unit behind a number: the same value has another one when it is larger.
func unit(line []byte, end int) int {
	if end+1 >= len(line) || line[end] != ' ' {
		return end
	}
	i := end + 1
	switch line[i] {
	case 'k', 'K', 'M', 'G', 'T', 'P':
		if i++; i < len(line) && line[i] == 'i' {
			i++
		}
	}
	if i >= len(line) || line[i] != 'B' {
		return end
	}
	if i++; i < len(line) && classes[line[i]]&(blank|mark) == 0 {
		return end
	}
	return i
}
