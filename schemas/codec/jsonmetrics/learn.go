package jsonmetrics

import "bytes"

// learn makes a layout of an object that was parsed and is sound. Where no two messages are alike, there is little use in it.
func (ls *layouts) learn(c *codec, raw []byte) {
	ls.strange++
	slowly := ls.strange / 64
	if ls.off || len(raw) > maxLayoutBytes || ls.tried > 2*maxLayouts+ls.met/32+slowly || ls.vain > 8+slowly {
		return
	}
	ls.tried++
	l := c.newLayout(raw)
	if l == nil {
		ls.vain++
		return
	}
	ls.number++
	l.number = ls.number
	if len(ls.all) < maxLayouts {
		ls.all = append(ls.all, nil)
	}
	copy(ls.all[1:], ls.all)
	ls.all[0] = l
}

// newLayout makes a layout of an object, nil if it has escapes, is too large, or is not written as JSON demands.
func (c *codec) newLayout(raw []byte) *layout {
	p := learner{mapping: &c.mapping, b: bytes.Clone(raw), l: &layout{clock: -1}}
	l := p.l
	l.event.slots = make([]scalar, len(c.mapping.paths))
	if !p.object(place{node: c.mapping.root, top: true}) || p.at != len(p.b) || len(l.steps) > maxSteps {
		return nil
	}
	l.tail = p.b[p.from:]
	l.event.settle()
	l.sort(c)
	return l
}

// sort finds out what each of the event's scalars counts for.
func (l *layout) sort(c *codec) {
	e := &l.event
	named := make([]bool, len(l.steps))
	timed, plain := 0, 0
	for i := range e.slots {
		s := &e.slots[i]
		role := c.mapping.role[i]
		switch {
		case role == timeRole && s.kind > null:
			timed++
		case role == valueRole && s.kind != absent:
			plain++
		}
		if s.kind != text && s.kind != number {
			continue
		}
		switch role {
		case timeRole:
			l.times = append(l.times, s)
			if l.clock = -1; timed == 1 && s.kind == number {
				l.clock = s.step
			}
		case valueRole:
			l.values = append(l.values, s)
		default:
			l.identity = append(l.identity, s)
			named[s.step] = true
		}
	}
	if timed > 1 {
		l.clock = -1
	}
	for i := range e.labels {
		if s := &e.labels[i].scalar; s.kind == text || s.kind == number {
			l.identity = append(l.identity, s)
			named[s.step] = true
		}
	}
	if plain > 0 {
		r := row{number: -1}
		if len(l.values) == 1 && plain == 1 && l.values[0].kind == number {
			r.number = l.values[0].step
		}
		l.rows = append(l.rows, r)
	}
	for i := range e.values {
		f := &e.values[i]
		r := row{of: f, number: -1}
		if f.kind == text || f.kind == number {
			l.values = append(l.values, &f.scalar)
		}
		if f.kind == number {
			r.number = f.step
		}
		l.rows = append(l.rows, r)
	}
	for i := range named {
		switch {
		case !named[i]:
		case i > 0 && named[i-1]:
			l.exact[len(l.exact)-1][1] = i
		default:
			l.exact = append(l.exact, [2]int{i, i})
		}
	}
	l.widen()
}

// widen makes the key one piece, if nothing else is read of what lies between.
func (l *layout) widen() {
	if l.key = l.exact; len(l.key) == 0 {
		return
	}
	first, last := l.exact[0][0], l.exact[len(l.exact)-1][1]
	for _, s := range append(l.times, l.values...) {
		if s.step >= first && s.step <= last {
			return
		}
	}
	l.key, l.wide, l.brief = [][2]int{{first, last}}, len(l.exact) > 1, true
}

// narrow gives a wide key up: what lies between its parts differs from message to message, so that the memo would grow without end.
func (ls *layouts) narrow(l *layout) {
	l.key, l.wide, l.brief, l.keys = l.exact, false, false, 0
	ls.number++
	l.number = ls.number
}

// learner reads an object that is known to be sound, and no more than what layouts are made of.
type learner struct {
	mapping *mapping
	b       []byte
	at      int
	from    int // behind the last step
	l       *layout
}

// object reads an object at a place; false if it is not for layouts, as in the other methods.
func (p *learner) object(at place) bool {
	p.at++
	if p.skipSpace() == '}' {
		p.at++
		return true
	}
	for {
		if p.skipSpace() != '"' {
			return false
		}
		from := p.at + 1
		if p.at = endOfText(p.b, from); p.at < 0 {
			return false
		}
		name := p.b[from:p.at]
		p.at++
		if p.skipSpace() != ':' {
			return false
		}
		p.at++
		if !p.member(at, name) {
			return false
		}
		switch p.skipSpace() {
		case ',':
			p.at++
		case '}':
			p.at++
			return true
		default:
			return false
		}
	}
}

// member reads a member's value.
func (p *learner) member(at place, name []byte) bool {
	var child *node
	if at.node != nil {
		child = at.node.children[string(name)]
	}
	begins := p.skipSpace()
	if begins == '{' || begins == '[' {
		p.mapping.put(&p.l.event, at, child, name, scalar{kind: nested, step: fixed})
		if begins == '{' {
			return p.object(below(child))
		}
		return p.array()
	}
	v, ok := p.scalar(begins)
	if ok {
		p.mapping.put(&p.l.event, at, child, name, v)
	}
	return ok
}

func (p *learner) array() bool {
	p.at++
	if p.skipSpace() == ']' {
		p.at++
		return true
	}
	for {
		var ok bool
		switch begins := p.skipSpace(); begins {
		case '{':
			ok = p.object(place{})
		case '[':
			ok = p.array()
		default:
			_, ok = p.scalar(begins)
		}
		if !ok {
			return false
		}
		switch p.skipSpace() {
		case ',':
			p.at++
		case ']':
			p.at++
			return true
		default:
			return false
		}
	}
}

// scalar reads a text, a number, or a word.
func (p *learner) scalar(begins byte) (v scalar, ok bool) {
	switch begins {
	case '"':
		from := p.at + 1
		end := endOfText(p.b, from)
		if end < 0 {
			return v, false
		}
		return p.step(text, from, end), true
	case 't':
		return p.word(boolean, literalTrue)
	case 'f':
		return p.word(boolean, literalFalse)
	case 'n':
		return p.word(null, []byte("null"))
	}
	var s span
	end := s.scan(p.b, p.at)
	return p.step(number, p.at, end), end > 0
}

// step notes a text or number.
func (p *learner) step(k kind, from, end int) scalar {
	v := scalar{kind: k, step: len(p.l.steps), text: p.b[from:max(from, end)]}
	p.l.steps = append(p.l.steps, step{before: p.b[p.from:from], text: k == text})
	p.from, p.at = end, end
	if k == text {
		p.at++
	}
	return v
}

func (p *learner) word(k kind, word []byte) (scalar, bool) {
	ok := bytes.HasPrefix(p.b[p.at:], word)
	p.at += len(word)
	if k == null {
		word = nil
	}
	return scalar{kind: k, step: fixed, text: word}, ok
}

// skipSpace passes white space and returns what comes then, 0 at the end.
func (p *learner) skipSpace() byte {
	for ; p.at < len(p.b); p.at++ {
		switch ch := p.b[p.at]; ch {
		case ' ', '\t', '\r', '\n':
		default:
			return ch
		}
	}
	return 0
}
