package miner

import (
	"bytes"
	"slices"
	"strings"
)

// kind says what an atom of a form is.
type kind uint8

const (
	literal kind = iota
	mixed        // a literal with a value in it
	fixed        // a constant in all lines so far
	value        // by its form
	open         // a value that may have the form of any word
)

// part is an atom of a form.
type part struct {
	kind kind
	// aside says that a value in brackets may stand before it.
	aside bool
	text  string // of a literal, with variable for each value in it
	hash  uint64 // of the text
}

// form is a shape, atom by atom. Forms are not changed once they are made.
type form struct {
	skeleton string // what is between the atoms, with variable for each
	parts    []part
	// elastic says that it stands for lines with lists of any length, and with or without asides.
	elastic bool
}

// split makes a form of a shape.
func split(shape []byte) *form {
	f := &form{}
	var skeleton []byte
	for i := 0; i < len(shape); {
		if separates(shape[i]) {
			skeleton = append(skeleton, shape[i])
			i++
			continue
		}
		from := i
		for i < len(shape) && !separates(shape[i]) {
			i++
		}
		p := part{kind: kindOf(shape[from:i])}
		if p.kind <= mixed {
			p.text, p.hash = string(shape[from:i]), hash(shape[from:i])
		}
		f.parts = append(f.parts, p)
		skeleton = append(skeleton, variable)
	}
	f.skeleton = string(skeleton)
	return f
}

func separates(c byte) bool { return classes[c]&(blank|mark) != 0 }

func kindOf(atom []byte) kind {
	if len(atom) == 1 {
		switch atom[0] {
		case variable:
			return value
		case constant:
			return fixed
		}
	}
	if bytes.IndexByte(atom, variable) >= 0 {
		return mixed
	}
	return literal
}

// String returns the form as people read it.
func (f *form) String() string {
	var b strings.Builder
	i, from := 0, 0
	for j := 0; j < len(f.skeleton); j++ {
		if f.skeleton[j] != variable {
			continue
		}
		p := &f.parts[i]
		i++
		if p.aside {
			b.WriteString(Wildcard)
		} else {
			b.WriteString(f.skeleton[from:j])
		}
		from = j + 1
		switch p.kind {
		case value, open, fixed:
			b.WriteString(Wildcard)
		case mixed:
			b.WriteString(strings.ReplaceAll(p.text, string(rune(variable)), Wildcard))
		default:
			b.WriteString(p.text)
		}
	}
	b.WriteString(f.skeleton[from:])
	return strings.ToValidUTF8(b.String(), "\uFFFD")
}

// words counts the literals that have a letter, but for some places.
func (f *form) words(but places) int {
	n := 0
	for i := range f.parts {
		if p := &f.parts[i]; p.kind == literal && wordy(p.text) && !but.has(i) {
			n++
		}
	}
	return n
}

func wordy(s string) bool {
	for i := range len(s) {
		if classes[s[i]]&letter != 0 {
			return true
		}
	}
	return false
}

// equal says that two parts don't tell lines apart.
func equal(p, q *part) bool {
	switch {
	case p.kind == open || q.kind == open:
		return true
	case p.kind >= fixed || q.kind >= fixed:
		return p.kind >= fixed && q.kind >= fixed
	}
	return p.kind == q.kind && p.hash == q.hash && p.text == q.text
}

// matches says that a line of the form g is one of the form f as well.
func (f *form) matches(g *form) bool {
	if f.skeleton != g.skeleton {
		return false
	}
	var at places
	for i := range f.parts {
		p := &f.parts[i]
		if equal(p, &g.parts[i]) {
			continue
		}
		if p.kind != value || f.elastic || !at.add(i) {
			return false
		}
	}
	return at.n == 0 || f.vouches(at)
}

// vouches says that a value at a place is enough for words at this place in other lines to be values.
func (f *form) vouches(at places) bool { return at.n == 1 && f.words(at) >= leastWords }

// different says that forms that match tell different values, where one of them was thought to be the same always.
func (f *form) different(g *form) bool {
	for i := range f.parts {
		if p, q := &f.parts[i], &g.parts[i]; p.kind != open && (p.kind != value || q.kind < fixed) && (p.kind != q.kind || p.text != q.text) || q.aside && !p.aside {
			return true
		}
	}
	return false
}

// places are a few places of a form.
type places struct {
	n  int
	at [atMost]int
}

func (p *places) has(i int) bool { return slices.Contains(p.at[:p.n], i) }

func (p *places) within(q places) bool {
	for _, i := range p.at[:p.n] {
		if !q.has(i) {
			return false
		}
	}
	return true
}

// add takes a place in, if there are no more than atMost.
func (p *places) add(i int) bool {
	if p.n == atMost {
		return false
	}
	p.at[p.n] = i
	p.n++
	return true
}

// differ returns the places at which forms of the same skeleton differ, and whether one of them has a value at each of these. ok is false
// if there are more than atMost.
func (f *form) differ(g *form) (at places, values, ok bool) {
	values = true
	for i := range f.parts {
		p, q := &f.parts[i], &g.parts[i]
		if equal(p, q) {
			continue
		}
		if !at.add(i) {
			return at, false, false
		}
		values = values && (p.kind == value || q.kind == value)
	}
	return at, values, true
}

// joined returns the form of the lines of both, which have the same skeleton.
func (f *form) joined(g *form) *form {
	n := &form{skeleton: f.skeleton, elastic: f.elastic, parts: slices.Clone(f.parts)}
	for i := range n.parts {
		p, q := &n.parts[i], &g.parts[i]
		if p.kind != q.kind || p.text != q.text {
			if p.kind == open || q.kind == open || p.kind < fixed || q.kind < fixed {
				p.kind = open
			} else {
				p.kind = value
			}
			p.text, p.hash = "", 0
		}
		p.aside = p.aside || q.aside
	}
	return n
}

// relaxed returns the form without lists and asides. Values with equal separators between them are a list, of which the first is left; a
// value in brackets with blanks around them is an aside. stretches says that there was an aside, or a list that may have any length;
// stiff, that there is a part in a place where some of its lines would have a list or an aside, and some would not.
func (f *form) relaxed() (r *form, stretches, stiff bool) {
	r = &form{elastic: true}
	var skeleton []byte
	between, list, from, aside := "", 0, 0, false
	for i, p := range f.parts {
		to := from + strings.IndexByte(f.skeleton[from:], variable)
		s := f.skeleton[from:to]
		from = to + 1
		if aside {
			s = s[1:] // the closing bracket
		}
		in := i > 0 && strings.HasSuffix(s, " (") && strings.HasPrefix(f.skeleton[from:], ") ")
		near := i > 0 && f.parts[i-1].kind >= fixed && listing(s)
		stiff = stiff || p.kind == open && (in || near) || near && f.parts[i-1].kind == open
		switch {
		case p.kind < fixed || p.kind == open:
			list = 0
		case list > 0 && near && (list == 1 || s == between):
			between = s
			list++
			stretches = stretches || list >= longList || !strings.Contains(s, " ")
			continue
		case in:
			aside, stretches, list = true, true, 0
			skeleton = append(skeleton, s[:len(s)-2]...)
			continue
		default:
			list = 1
		}
		p.aside, aside = p.aside || aside, false
		skeleton = append(append(skeleton, s...), variable)
		r.parts = append(r.parts, p)
	}
	rest := f.skeleton[from:]
	if aside {
		rest = rest[1:]
	}
	r.skeleton = string(append(skeleton, rest...))
	return r, stretches, stiff
}

// listing says that values with this between them may be a list.
func listing(s string) bool {
	return s != "" && strings.Trim(s, " ,;|#") == ""
}
