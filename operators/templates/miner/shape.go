package miner

// class says what a byte is in a line.
type class uint8

const (
	letter   class = 1 << iota // also bytes of other alphabets
	digit                      //
	blank                      //
	mark                       // punctuation that is never part of a value
	slash                      // / and \
	dot                        //
	joint                      // punctuation within words and values
	nonsense                   // what no text has
)

var classes = func() (of [256]class) {
	for c := range of {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= 0x80:
			of[c] = letter
		case c >= '0' && c <= '9':
			of[c] = digit
		case c == ' ', c >= '\t' && c <= '\r':
			of[c] = blank
		case c < ' ', c == 0x7f:
			of[c] = nonsense
		}
	}
	for _, c := range ",;:=|\"'`()[]{}<>!?#" {
		of[c] = mark
	}
	for _, c := range "-_+@$%&*~^" {
		of[c] = joint
	}
	of['.'], of['/'], of['\\'] = dot, slash, slash
	return of
}()

const (
	// variable stands in a shape for a value, constant for one that is a word of a closed set (true, null). Lines don't have them as
	// literals: what has a control character in it is a value.
	variable = 1
	constant = 2
	// maxLine and maxAtoms bound what is read of a line; what is behind is one value.
	maxLine  = 4 << 10
	maxAtoms = 128
)

// reader makes shapes of lines.
type reader struct {
	atoms int // of the line, so far
	// noting says that the spans of the line are to be noted.
	noting bool
	spans  []span
}

// shape appends a line's shape: its literal parts with one blank for many, and variable for each value. Literal parts are copied as late
// as can be, many atoms at once.
func (r *reader) shape(to, line []byte) []byte {
	r.atoms, r.spans = 0, r.spans[:0]
	cut := len(line) > maxLine
	if cut {
		line = line[:maxLine]
	}
	copied := 0 // up to here the line is in to
	for i := 0; i < len(line); {
		start, k := i, classes[line[i]]
		switch {
		case k&blank != 0:
			for i++; i < len(line) && classes[line[i]]&blank != 0; i++ {
			}
			if i == start+1 && line[start] == ' ' && i < len(line) && start > 0 {
				continue
			}
			if to = append(to, line[copied:start]...); len(to) > 0 && i < len(line) {
				to = append(to, ' ')
			}
			copied = i
			continue
		case r.atoms == maxAtoms:
			return put(append(to, line[copied:start]...))
		case k&mark != 0:
			if i++; !opens(line[start]) {
				continue
			}
			to = append(to, line[copied:start]...)
			n := len(to)
			to, i = r.mark(to, line, start)
			if r.noting {
				r.note(start, i, to, n)
			}
		default:
			r.atoms++
			for i++; i < len(line) && classes[line[i]]&(blank|mark) == 0; i++ {
				k |= classes[line[i]]
			}
			if cut && i == len(line) {
				return put(append(to, line[copied:start]...))
			}
			if k == letter && ordinary(line, start, i) {
				continue
			}
			to = append(to, line[copied:start]...)
			n := len(to)
			to, i = r.atom(to, line, start, i, k)
			if r.noting {
				r.note(start, i, to, n)
			}
		}
		copied = i
	}
	to = append(to, line[copied:]...)
	if cut {
		return put(to)
	}
	return to
}

// opens says that there may be more to a mark than itself.
func opens(c byte) bool {
	switch c {
	case '(', '[', '{', '"', '\'', '<', '>':
		return true
	}
	return false
}

// put appends a value. Values side by side are one.
func put(to []byte) []byte {
	if n := len(to); n > 0 && to[n-1] == variable {
		return to
	}
	return append(to, variable)
}

// atom appends what lies between blanks and marks, the classes of which are k. It returns where to go on: some values go beyond.
func (r *reader) atom(to, line []byte, start, end int, k class) ([]byte, int) {
	if k == letter {
		return word(to, line, start, end)
	}
	if k == digit && (end == len(line) || line[end] != ':') || k == digit|dot && number(line[start:end]) {
		return put(to), unit(line, end)
	}
	if k&nonsense != 0 {
		return put(to), end
	}
	if classes[line[start]]&digit != 0 {
		if e := moment(line, start); e > end || e == end && k&(letter|slash) == 0 {
			return put(to), e
		}
	}
	if end < len(line) && line[end] == ':' {
		if e := link(line, start, end); e > 0 {
			return put(to), e
		}
		if e := address(line, start, end); e > 0 {
			return put(to), e
		}
		if k&dot != 0 && k&slash == 0 && host(line, start, end) {
			return put(to), end
		}
	}
	if k&digit != 0 && end < len(line) && line[end] == '=' && key(line[start:end]) {
		return append(to, line[start:end]...), end
	}
	n := len(to)
	to = pieces(to, line[start:end], k)
	if n < len(to) && to[len(to)-1] == variable && k&digit != 0 {
		end = unit(line, end)
	}
	return to, end
}

// mark appends a mark. Brackets and quotes that stand by themselves with nothing between them have an empty value in them; the
// texts of a JSON object are values.
func (r *reader) mark(to, line []byte, i int) ([]byte, int) {
	c := line[i]
	if shut := closer(c); shut != 0 && i+1 < len(line) && line[i+1] == shut && (i == 0 || classes[line[i-1]]&(blank|mark) != 0) {
		r.atoms++
		return append(to, c, variable, line[i+1]), i + 2
	}
	if (c == '<' || c == '>') && i > 0 && line[i-1] == ' ' {
		if e := compared(line, i+1); e > 0 {
			r.atoms++
			return append(to, variable), e
		}
	}
	if c == '"' && member(line, i) {
		for j := i + 1; j < len(line); j++ {
			switch line[j] {
			case '\\':
				j++
			case '"':
				r.atoms++
				return append(to, '"', variable, '"'), j + 1
			}
		}
	}
	return append(to, c), i + 1
}

// closer returns the bracket or quote that closes what another opens, 0 for other marks. ” is more often an escape than nothing.
func closer(c byte) byte {
	switch c {
	case '(':
		return ')'
	case '[':
		return ']'
	case '{':
		return '}'
	case '"':
		return c
	}
	return 0
}

// member says that a quote opens the text of a field (key="text" or "key": "text"), unless that is the message itself.
func member(line []byte, i int) bool {
	for i--; i >= 0 && line[i] == ' '; i-- {
	}
	if i < 1 || line[i] != '=' && (line[i] != ':' || line[i-1] != '"') {
		return false
	}
	if line[i] == ':' {
		i--
	}
	from := i
	for from > 0 && classes[line[from-1]]&(letter|digit|joint|dot) != 0 {
		from--
	}
	switch string(line[from:i]) {
	case "", "msg", "message", "Message", "MESSAGE":
		return false
	}
	return true
}
