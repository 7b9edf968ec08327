package jsonmetrics

import "bytes"

// reader reads objects that are written as most are: as JSON demands, without escapes. What it does not take, which may be sound
// JSON as well, is for the parser; what it takes the parser would take for the same. It notes in a layout, if it has one, what
// messages that look alike have in common.
type reader struct {
	mapping *mapping
	nesting int
	b       []byte
	at      int
	depth   int
	event   *event
	l       *layout
	from    int // behind the last step
}

// read takes the object at a position into an event. It returns its end, 0 if it is for the parser.
func (r *reader) read(b []byte, at int, e *event) (end int) {
	r.b, r.at, r.depth, r.event, r.from = b, at, 0, e, at
	e.reset()
	if at == len(b) || b[at] != '{' || !r.nested('{', place{node: r.mapping.root, top: true}) {
		return 0
	}
	e.settle()
	return r.at
}

// object reads an object whose members are at a place; false if it is for the parser, as in the other methods.
func (r *reader) object(at place) bool {
	r.at++
	if r.skipSpace() == '}' {
		r.at++
		return true
	}
	for number := 0; ; number++ {
		if r.skipSpace() != '"' {
			return false
		}
		from := r.at + 1
		if r.at = endOfText(r.b, from); r.at < 0 {
			return false
		}
		name := r.b[from:r.at]
		r.at++
		if r.skipSpace() != ':' {
			return false
		}
		r.at++
		if !r.member(at, number, name) {
			return false
		}
		switch r.skipSpace() {
		case ',':
			r.at++
		case '}':
			r.at++
			return true
		default:
			return false
		}
	}
}

// member reads a member's value.
func (r *reader) member(at place, number int, name []byte) bool {
	var child *node
	if at.node != nil {
		child = at.node.lookUp(number, name)
	}
	begins := r.skipSpace()
	if begins == '{' || begins == '[' {
		r.mapping.put(r.event, at, child, name, scalar{kind: nested, step: fixed})
		return r.nested(begins, below(child))
	}
	v, ok := r.scalar(begins)
	if ok {
		r.mapping.put(r.event, at, child, name, v)
	}
	return ok
}

// nested reads an object, whose members are at a place, or an array, in which nothing counts.
func (r *reader) nested(begins byte, inner place) (ok bool) {
	if r.depth++; r.depth > r.nesting {
		return false
	}
	if begins == '{' {
		ok = r.object(inner)
	} else {
		ok = r.array()
	}
	r.depth--
	return ok
}

func (r *reader) array() bool {
	r.at++
	if r.skipSpace() == ']' {
		r.at++
		return true
	}
	for {
		var ok bool
		switch begins := r.skipSpace(); begins {
		case '{', '[':
			ok = r.nested(begins, place{})
		default:
			_, ok = r.scalar(begins)
		}
		if !ok {
			return false
		}
		switch r.skipSpace() {
		case ',':
			r.at++
		case ']':
			r.at++
			return true
		default:
			return false
		}
	}
}

// scalar reads a text, a number, or a word.
func (r *reader) scalar(begins byte) (v scalar, ok bool) {
	switch begins {
	case '"':
		from := r.at + 1
		end := endOfText(r.b, from)
		if end < 0 {
			return v, false
		}
		return r.step(text, from, end), true
	case 't':
		return r.word(boolean, literalTrue)
	case 'f':
		return r.word(boolean, literalFalse)
	case 'n':
		return r.word(null, literalNull)
	}
	var s span
	end := s.scan(r.b, r.at)
	if end == 0 {
		return v, false
	}
	return r.step(number, r.at, end), true
}

// step notes a text or number.
func (r *reader) step(k kind, from, end int) scalar {
	v := scalar{kind: k, text: r.b[from:end]}
	if r.l != nil {
		v.step = len(r.l.steps)
		r.l.steps = append(r.l.steps, step{before: r.b[r.from:from], text: k == text})
	}
	r.from, r.at = end, end
	if k == text {
		r.at++
	}
	return v
}

func (r *reader) word(k kind, word []byte) (scalar, bool) {
	ok := bytes.HasPrefix(r.b[r.at:], word)
	r.at += len(word)
	if k == null {
		word = nil
	}
	return scalar{kind: k, step: fixed, text: word}, ok
}

// skipSpace passes white space and returns what comes then, 0 at the end.
func (r *reader) skipSpace() byte {
	for ; r.at < len(r.b); r.at++ {
		switch ch := r.b[r.at]; ch {
		case ' ', '\t', '\r', '\n':
		default:
			return ch
		}
	}
	return 0
}
