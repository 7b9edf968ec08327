package miner

import (
	"slices"
	"strings"
)

// Wildcard stands in a template's text for a value.
const Wildcard = "<*>"

// Template is a kind of lines.
type Template struct {
	// ID is the hash of the first shape that was seen of it, and First is that shape, with Wildcard for all that is no literal: there is
	// one First for an ID on all lanes, and for ever.
	ID     uint64
	First  string
	number uint64 // in order of what was seen first
	seen   uint64 // the last line
	count  uint64 // of lines
	form   *form
	// loose is the form, relaxed; nil if it is stiff. stretch says that it has what may have any length.
	loose   *form
	stretch bool
	merged  *Template // into which it was
}

// Text returns the template, with Wildcard for each value, as it is now.
func (t *Template) Text() string { return t.Now().form.String() }

// Now returns the template into which it was merged in the end: itself if it was not.
func (t *Template) Now() *Template {
	for t.merged != nil {
		t = t.merged
	}
	return t
}

// Miner finds the templates of lines. It is not safe for concurrent use.
type Miner struct {
	limits   Limits
	reader   reader
	shape    []byte
	lines    uint64
	number   uint64
	bytes    int         // of the forms of all templates
	alive    []*Template // in order of their numbers
	families map[family]*members
	loose    map[string][]*Template // those that are not stiff, by skeleton of the relaxed form, in order of their numbers
	merges   []Merge
	memo     memo
	foretold speculation
	forgot   uint64

	parameters []Parameter
}

// New makes a miner.
func New(limits Limits) *Miner {
	return &Miner{limits: limits.orDefaults(), families: map[family]*members{}, loose: map[string][]*Template{}, memo: memo{epoch: 1}}
}

// Learn returns the template of a line. It allocates nothing for a line whose shape was seen lately.
func (m *Miner) Learn(line []byte) *Template {
	m.lines++
	t := m.foretell(line)
	t.seen = m.lines
	t.count++
	return t
}

// foretell returns the template of a line, by a plan if there is one.
func (m *Miner) foretell(line []byte) *Template {
	var p *plan
	d, wanted := m.foretold.of(line), false
	if d != nil {
		if p, wanted = d.find(line); p != nil && p.epoch == m.memo.epoch {
			return p.of
		}
	}
	m.reader.noting = wanted
	t := m.read(line)
	if wanted {
		room := d.room()
		if p = m.reader.plan(line, *room); p != nil {
			*room = p
		}
	}
	if p != nil {
		p.of, p.epoch = t, m.memo.epoch
	}
	return t
}

// read returns the template of a line by its shape.
func (m *Miner) read(line []byte) *Template {
	m.shape = m.reader.shape(m.shape[:0], line)
	h := hash(m.shape)
	t := m.memo.find(h, m.shape)
	if t == nil {
		f := split(m.shape)
		if t = m.find(f); t == nil {
			t = m.add(f, h, m.shape)
		}
		m.memo.keep(h, m.shape, t)
	}
	return t
}

// Templates returns those that there are, oldest first.
func (m *Miner) Templates() []*Template { return slices.Clone(m.alive) }

// find returns the oldest template that has all lines of a form, and learns which of its values vary.
func (m *Miner) find(f *form) *Template {
	t, g := m.families[family{f.skeleton, false}].first(f), f
	r, _, _ := f.relaxed()
	if e := m.families[family{r.skeleton, true}].first(r); e != nil && (t == nil || e.number < t.number) {
		t, g = e, r
	}
	if t == nil {
		return nil
	}
	if t.form.different(g) {
		m.become(t, t.form.joined(g))
	}
	return t.Now()
}

// add makes a template of a form that none matches.
func (m *Miner) add(f *form, id uint64, shape []byte) *Template {
	m.makeRoom(f)
	t := &Template{ID: id, First: readable(shape), number: m.number, form: f}
	m.number++
	m.alive = append(m.alive, t)
	m.index(t)
	m.settle(t, latest)
	return t.Now()
}

func (m *Miner) index(t *Template) {
	t.loose, t.stretch = t.form, true
	if !t.form.elastic {
		var stiff bool
		if t.loose, t.stretch, stiff = t.form.relaxed(); stiff {
			t.loose = nil
		}
	}
	m.bytes += t.form.size()
	key := family{t.form.skeleton, t.form.elastic}
	ms := m.families[key]
	if ms == nil {
		ms = &members{}
		m.families[key] = ms
	}
	ms.insert(t)
	if t.loose != nil {
		m.loose[t.loose.skeleton] = insert(m.loose[t.loose.skeleton], t)
	}
}

func (m *Miner) unindex(t *Template) {
	m.bytes -= t.form.size()
	key := family{t.form.skeleton, t.form.elastic}
	ms := m.families[key]
	if ms.remove(t); len(ms.all) == 0 {
		delete(m.families, key)
	}
	if t.loose != nil {
		remove(m.loose, t.loose.skeleton, t)
	}
}

// readable returns a shape as people read it.
func readable(shape []byte) string {
	var b strings.Builder
	for _, c := range shape {
		switch c {
		case variable, constant:
			b.WriteString(Wildcard)
		default:
			b.WriteByte(c)
		}
	}
	return strings.ToValidUTF8(b.String(), "\uFFFD")
}
