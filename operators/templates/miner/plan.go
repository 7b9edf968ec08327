package miner

import (
	"bytes"
	"encoding/binary"
)

// plan says what lines have the shape of another one: those with the same bytes but for values of which the reader looks at nothing but
// their class. It takes for granted of the reader that to it all digits are alike, that five digits are like more of them, and
// what is said beside each class of values. TestPlans and FuzzPlans hold the reader to it.
type plan struct {
	text   []byte // of the line, with zeros for the digits of figures
	pieces []piece
	end    int // what is behind it in the text is literal

	of    *Template
	epoch uint32 // of the memo, when the template was found
}

// piece is a literal, and a value behind it.
type piece struct {
	from, to uint16 // of the literal, in the text
	is       looks
	digits   uint8  // of a run; manyDigits is that and more
	size     uint16 // of figures
}

// looks is a class of values.
type looks uint8

const (
	figures looks = iota // any text, of which the digits may be others, but four in a row at most
	run                  // a number of digits, within any value
	numeral              // digits, as an atom
	dotted               // digits with dots between them, as an atom
	token                // letters, digits and punctuation, two and more of them digits, as an atom
	path                 // what begins with a slash, as an atom
	quoted               // what is between quotes
	site                 // what is behind the scheme of a link
)

const (
	manyDigits = 5
	// maxPlan bounds the lines that plans are made of.
	maxPlan = 512
)

// has says that a line is of the plan.
func (p *plan) has(line []byte) bool {
	rest := len(line) - (len(p.text) - p.end)
	if rest < 0 || string(line[rest:]) != string(p.text[p.end:]) {
		return false
	}
	at := 0
	for i := range p.pieces {
		c := &p.pieces[i]
		n := int(c.to - c.from)
		if len(line)-at < n || string(line[at:at+n]) != string(p.text[c.from:c.to]) {
			return false
		}
		at += n
		end := 0
		switch c.is {
		case figures:
			end = at + int(c.size)
			if end > len(line) || !figuresAlike(line[at:end], p.text[c.to:]) {
				return false
			}
		case run:
			end = digits(line, at)
			if n := end - at; n != int(c.digits) && (n < manyDigits || c.digits < manyDigits) {
				return false
			}
		case numeral:
			end = digits(line, at)
		case dotted:
			end = dottedEnd(line, at)
		case token:
			end = tokenEnd(line, at)
		case path:
			end = pathEnd(line, at)
		case quoted:
			if end = quotedEnd(line, at); end == at {
				continue
			}
		case site:
			end = siteEnd(line, at)
		}
		if end <= at {
			return false
		}
		at = end
	}
	return at == rest
}

// figuresAlike says that a text is one that has zeros for its digits.
func figuresAlike(s, zeros []byte) bool {
	zeros = zeros[:len(s)]
	if len(s) < 8 {
		for i, c := range s {
			if classes[c]&digit != 0 {
				c = '0'
			}
			if c != zeros[i] {
				return false
			}
		}
		return true
	}
	last := len(s) - 8
	for i := 0; i < last; i += 8 {
		if figured(binary.LittleEndian.Uint64(s[i:])) != binary.LittleEndian.Uint64(zeros[i:]) {
			return false
		}
	}
	return figured(binary.LittleEndian.Uint64(s[last:])) == binary.LittleEndian.Uint64(zeros[last:])
}

// dottedEnd returns the end of the digits and single dots between them that begin here; 0 if there is no dot.
func dottedEnd(line []byte, at int) int {
	end := digits(line, at)
	if end == at {
		return 0
	}
	dots := 0
	for end+1 < len(line) && line[end] == '.' && classes[line[end+1]]&digit != 0 {
		dots++
		end = digits(line, end+1)
	}
	if dots == 0 {
		return 0
	}
	return end
}

// tokenEnd returns the end of the atom that begins here; 0 if it is not a value by its digits alone, or may be a date.
func tokenEnd(line []byte, at int) int {
	n, end := 0, at
	k := class(0)
	for ; end < len(line); end++ {
		c := classes[line[end]]
		if c&(blank|mark) != 0 {
			break
		}
		if k |= c; c == digit {
			n++
		}
	}
	if n < 2 || k&^(letter|digit|joint) != 0 || classes[line[at]]&joint != 0 || classes[line[end-1]]&joint != 0 {
		return 0
	}
	if d := digits(line, at); d > at && d < end && classes[line[d]]&joint != 0 {
		return 0
	}
	return end
}

// pathEnd returns the end of the path that begins here; 0 if there is none.
func pathEnd(line []byte, at int) int {
	if at >= len(line) || classes[line[at]]&slash == 0 {
		return 0
	}
	k, end := class(0), at
	for end < len(line) && classes[line[end]]&(blank|mark) == 0 {
		k |= classes[line[end]]
		end++
	}
	if k&nonsense != 0 || k&(letter|digit) == 0 || classes[line[end-1]]&(joint|dot) != 0 {
		return 0
	}
	return end
}

// quotedEnd returns where the quote that is open here is closed; 0 if it is not.
func quotedEnd(line []byte, at int) int {
	for ; at < len(line); at++ {
		switch line[at] {
		case '\\':
			at++
		case '"':
			return at
		}
	}
	return 0
}

// siteEnd returns the end of a link from behind its scheme on; 0 if punctuation has to be taken from it.
func siteEnd(line []byte, at int) int {
	end := at
	for end < len(line) && !closing(line[end]) {
		end++
	}
	if end == at || classes[line[end-1]]&(mark|dot) != 0 {
		return 0
	}
	return end
}

// span is a part of a line that the reader did not take for a literal at once.
type span struct {
	start, end int
	at         int // what it became begins here in the shape
	is         spanKind
}

type spanKind uint8

const (
	same   spanKind = iota // some of its digits are in the shape
	parts                  // no digit of it is
	single                 // it is one value
	text                   // it is one value, in quotes
)

// note remembers what a span became.
func (r *reader) note(start, end int, whole []byte, at int) {
	shape := whole[at:]
	is := parts
	switch {
	case len(shape) == 1 && shape[0] == variable:
		is = single
	case len(shape) == 3 && shape[0] == '"' && shape[1] == variable && end-start > 2:
		is = text
	default:
		for _, c := range shape {
			if classes[c]&digit != 0 {
				is = same
			}
		}
	}
	r.spans = append(r.spans, span{start, end, at, is})
}

// plan makes a plan of a line that was read, with the room of an old one; nil if none can be made.
func (r *reader) plan(line []byte, old *plan) *plan {
	if len(line) > maxPlan || r.atoms >= maxAtoms {
		return nil
	}
	p := old
	if p == nil {
		p = &plan{}
	}
	p.text, p.pieces, p.end = append(p.text[:0], line...), p.pieces[:0], 0
	far := false // dates in words, and what is compared, look at the words behind them
	for _, s := range r.spans {
		far = far || s.end-s.start >= 3 && dated(line[s.start:s.end]) || s.end-s.start > 1 && (line[s.start] == '<' || line[s.start] == '>')
	}
	for _, s := range r.spans {
		if s.is == same {
			continue
		}
		if is, from, to := sight(line, s); is != run && (is == quoted || !far) {
			p.add(from, to, piece{is: is})
			continue
		}
		p.digits(line, s)
	}
	return p
}

// digits appends the pieces of a span whose digits may be others.
func (p *plan) digits(line []byte, s span) {
	n, most := 0, 0
	for i := s.start; i < s.end; i++ {
		if classes[line[i]]&digit == 0 {
			continue
		}
		from := i
		i = digits(line, i)
		n, most = n+1, max(most, i-from)
	}
	switch {
	case n == 0:
	case most < manyDigits:
		for i := s.start; i < s.end; i++ {
			if classes[line[i]]&digit != 0 {
				p.text[i] = '0'
			}
		}
		p.add(s.start, s.end, piece{is: figures, size: uint16(s.end - s.start)})
	default:
		for i := s.start; i < s.end; i++ {
			if from := i; classes[line[i]]&digit != 0 {
				i = digits(line, i)
				p.add(from, i, piece{is: run, digits: uint8(min(i-from, manyDigits))})
			}
		}
	}
}

// add appends a piece whose value is at a place of the line.
func (p *plan) add(from, to int, c piece) {
	c.from, c.to = uint16(p.end), uint16(from)
	p.pieces = append(p.pieces, c)
	p.end = to
}

// sight returns the class of values that a span has one of, and where; run if it is none for which others may stand.
func sight(line []byte, s span) (is looks, from, to int) {
	start := s.start
	end := start
	for end < len(line) && classes[line[end]]&(blank|mark) == 0 {
		end++
	}
	next := byte(' ')
	if end < len(line) {
		next = line[end]
	}
	switch {
	case s.is == text:
		// Behind the texts of JSON members nothing may ask for the name that stands there.
		if quotedEnd(line, start+1) == s.end-1 && (s.end == len(line) || line[s.end] != ':') {
			return quoted, start + 1, s.end - 1
		}
	case s.is != single:
	case bytes.HasPrefix(line[end:], []byte("://")) && classesOf(line[start:end]) == letter:
		if e := siteEnd(line, end+3); e == s.end && (e == len(line) || line[e] != '"') {
			return site, end + 3, e
		}
	case !alone(line, start):
	case classesOf(line[start:end]) == digit:
		if next != ':' {
			return numeral, start, end
		}
	case start > 0 && line[start-1] == ',':
	case dottedEnd(line, start) == end:
		return dotted, start, end
	case s.end != unit(line, end):
	case tokenEnd(line, start) == end:
		if next != ':' && next != '=' {
			return token, start, end
		}
	case pathEnd(line, start) == end && s.end == end:
		switch next {
		case ' ', ',', ')', ']', ';':
			if start == 0 || line[start-1] != ':' {
				return path, start, end
			}
		}
	}
	return run, 0, 0
}

// alone says that nothing that stands before a value looks at it: what goes over marks are times, addresses, hosts with a port, and
// what is compared with < and >.
func alone(line []byte, start int) bool {
	if start == 0 {
		return true
	}
	switch line[start-1] {
	case ' ', '\t', '=', '(', '[', '"', '\'', '#', ',':
		return true
	case ':':
		i := start - 1
		letters, ordinary := true, false
		for ; i > 0 && classes[line[i-1]]&(blank|mark) == 0; i-- {
			c := line[i-1]
			letters, ordinary = letters && classes[c] == letter, ordinary || !hexadecimal(c)
		}
		if i == start-1 {
			return i > 0 && line[i-1] != ':'
		}
		return letters && ordinary
	}
	return false
}
