package miner

import (
	"errors"
	"slices"
	"strings"
)

// Frozen is what a miner knew at a moment. It stays as it is while the miner goes on.
type Frozen struct {
	Lines, Numbers, Forgotten uint64
	Merges                    []Merge
	templates                 []Template
}

// Saved is a template as it is stored.
type Saved struct {
	ID, Number, Seen, Count uint64
	First                   string
	Form                    []byte
	Text                    string // for people; not read again
}

// Freeze returns what the miner knows.
func (m *Miner) Freeze() *Frozen {
	f := &Frozen{Lines: m.lines, Numbers: m.number, Forgotten: m.forgot, Merges: slices.Clone(m.merges), templates: make([]Template, len(m.alive))}
	for i, t := range m.alive {
		f.templates[i] = Template{ID: t.ID, First: t.First, number: t.number, seen: t.seen, count: t.count, form: t.form}
	}
	return f
}

// Templates calls f with each template, oldest first.
func (f *Frozen) Templates(each func(Saved)) {
	for i := range f.templates {
		t := &f.templates[i]
		each(Saved{t.ID, t.number, t.seen, t.count, t.First, []byte(t.form.encode()), t.form.String()})
	}
}

// Restore returns a miner that knows what another knew, whose templates are given oldest first.
func Restore(limits Limits, f *Frozen, templates []Saved) (*Miner, error) {
	m := New(limits)
	m.lines, m.number, m.forgot, m.merges = f.Lines, f.Numbers, f.Forgotten, slices.Clone(f.Merges)
	for _, s := range templates {
		form := decode(string(s.Form))
		if form == nil {
			return nil, errors.New("a template has no form")
		}
		t := &Template{ID: s.ID, First: s.First, number: s.Number, seen: s.Seen, count: s.Count, form: form}
		if n := len(m.alive); n > 0 && m.alive[n-1].number >= t.number || t.number >= m.number {
			return nil, errors.New("templates are not in order")
		}
		m.alive = append(m.alive, t)
		m.index(t)
	}
	return m, nil
}

// A form is stored as a byte of flags, and its skeleton, in which stand for each atom: a byte of its kind, its text, and ending. Neither
// a text nor a skeleton has such bytes: to a line they are nonsense.
const (
	plain   = 'p'
	elastic = 'e'
	ending  = 0
	kinds   = 0x10
	asides  = 0x08
)

func (f *form) encode() string {
	var b strings.Builder
	if f.elastic {
		b.WriteByte(elastic)
	} else {
		b.WriteByte(plain)
	}
	i := 0
	for _, c := range []byte(f.skeleton) {
		if c != variable {
			b.WriteByte(c)
			continue
		}
		p := &f.parts[i]
		i++
		k := kinds + byte(p.kind)
		if p.aside {
			k += asides
		}
		b.WriteByte(k)
		b.WriteString(p.text)
		b.WriteByte(ending)
	}
	return b.String()
}

// decode returns nil if it is no form.
func decode(s string) *form {
	if s == "" || s[0] != plain && s[0] != elastic {
		return nil
	}
	f := &form{elastic: s[0] == elastic}
	var skeleton []byte
	for s = s[1:]; s != ""; {
		c := s[0]
		s = s[1:]
		if c < kinds || c >= 2*kinds {
			if !separates(c) {
				return nil
			}
			skeleton = append(skeleton, c)
			continue
		}
		text, rest, ok := strings.Cut(s, string(rune(ending)))
		k := kind(c & (asides - 1))
		if !ok || k > open {
			return nil
		}
		p := part{kind: k, aside: c&asides != 0, text: text}
		if k <= mixed {
			p.hash = hash([]byte(text))
		}
		f.parts = append(f.parts, p)
		skeleton = append(skeleton, variable)
		s = rest
	}
	f.skeleton = string(skeleton)
	return f
}
