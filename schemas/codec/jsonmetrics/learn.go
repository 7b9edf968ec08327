package jsonmetrics

import "bytes"

// learn makes a layout of an object that was parsed and is sound. Where no two messages are alike, there is little use in it.
func (ls *layouts) learn(c *codec, raw []byte) {
	if ls.rest > 0 {
		ls.wait(!c.reader.strayed && !c.reader.odd)
		return
	}
	ls.strange++
	if ls.off || len(raw) > maxLayoutBytes || ls.made == maxLayouts || ls.vain > 8+ls.strange/64 {
		ls.tally(false)
		return
	}
	for _, l := range ls.all {
		if l.match(raw, 0, len(raw), &ls.spans) == len(raw) {
			ls.meet(l) // it was not among those that were tried
			return
		}
	}
	ls.tally(false)
	l := c.newLayout(raw)
	if l == nil {
		ls.vain++
		return
	}
	ls.made++
	ls.number++
	l.number = ls.number
	ls.add(l)
}

// newLayout makes a layout of an object, nil if it has escapes, is too large, or is not written as JSON demands.
func (c *codec) newLayout(raw []byte) *layout {
	l := &layout{clock: -1, event: event{slots: make([]scalar, len(c.mapping.paths))}}
	r, b := &c.reader, bytes.Clone(raw)
	r.l, r.full = l, true
	end := r.read(b, 0, &l.event)
	r.l, r.full = nil, false
	if end != len(b) || r.odd || len(l.steps) > maxSteps {
		return nil
	}
	l.tail = b[r.from:]
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
