package jsonmetrics

import (
	"encoding/binary"

	"github.com/homeostat/homeostat/schemas/codec/jsontext"
	"github.com/homeostat/homeostat/schemas/codec/octets"
)

// reader reads objects, by pieces that it has seen before as far as that goes (piece.go). It notes in a layout, if it has one, what messages that
// look alike have in common.
type reader struct {
	mapping *mapping
	nesting int
	// full says that all goes into the event; else only times, values and what follows from the type do, and the rest is left to what names the
	// series.
	full bool
	// Of the object being read.
	event *event
	runs  []run
	odd   bool   // something in it is not as JSON demands, or has escapes
	arena []byte // texts that had escapes
	key   []byte
	outer []*spot
	l     *layout
	from  int // behind the last step
	// What is known of pieces.
	spots   []*spot
	start   piece // what comes before an object
	strange piece // one that is not kept
	count   int
	bytes   int
	met     int // pieces that were foretold
	learned int
	strayed bool // in the object being read a piece was not the one that came in its place the last time
}

// run is a stretch of an object that names its series, and the spot where that begins.
type run struct {
	from, to int
	spot     uint32
}

// read takes the object at a position into an event. It returns its end, 0 if it is broken or nests too deep.
func (r *reader) read(b []byte, at int, e *event) (end int) {
	if at >= len(b) || b[at] != '{' || r.nesting < 1 {
		return 0
	}
	if len(r.spots) == 0 {
		r.spotOf(place{node: r.mapping.root, top: true}, true)
	}
	e.reset(r.full)
	r.event, r.runs, r.odd, r.strayed, r.arena, r.outer, r.from = e, r.runs[:0], false, false, r.arena[:0], r.outer[:0], at
	if end = r.members(b, at+1, r.spots[0]); end > 0 {
		e.settle()
	}
	return end
}

// members reads the members of an object, the first of which begins at a spot, and of those in it that count.
func (r *reader) members(b []byte, i int, s *spot) (end int) {
	last, begin, begun := &r.start, -1, s
	for {
		p := last.next[0]
		switch {
		case p != nil && p.spot == s && p.fits(b, i):
			r.met++
		case last.next[1] != nil && last.next[1].spot == s && last.next[1].fits(b, i):
			r.met++
			r.strayed = true
			p = last.next[1]
			last.next[0], last.next[1] = p, last.next[0]
		default:
			r.strayed = true
			if p = r.find(b, i, s); p == nil {
				return 0
			}
			if p != &r.strange {
				last.next[0], last.next[1] = p, last.next[0]
			}
		}
		last = p
		if p.named && begin < 0 {
			begin, begun = i, s
		} else if !p.named && p.use != brackets && begin >= 0 {
			r.runs = append(r.runs, run{begin, i, begun.number})
			begin = -1
		}
		if p.unfit.name != nil && r.event.unfit.name == nil {
			r.event.unfit = p.unfit
		}
		from := i + p.size
		switch s = s.behind; p.kind {
		case aText:
			end := octets.QuoteOrBackslash(b, from)
			if i = end + 1; end == len(b) {
				return 0
			}
			escaped := b[end] == '\\'
			if escaped {
				r.odd = true
				if end, escaped = jsontext.TextEnd(b, end); end < 0 {
					return 0
				}
				i = end + 1
			}
			if p.use > identity || r.full {
				r.take(p, r.text(b, from, end, escaped))
			}
		case aNumber:
			var v span
			if i = v.scan(b, from); i == 0 {
				if i = jsontext.Number(b, from); i == 0 {
					return 0
				}
				r.odd, v.digits.Full = true, false
			}
			if p.use > identity || r.full {
				r.take(p, r.step(scalar{kind: number, text: b[from:i], digits: v.digits}, b, from, i))
			}
		case aWord:
			i = from
			r.take(p, p.value)
		case skipped:
			if i = jsontext.Skip(b, from-1, r.nesting-len(r.outer)-1); i == 0 {
				return 0
			}
			r.take(p, p.value)
			if begin >= 0 {
				r.runs = append(r.runs, run{begin, from, begun.number})
				begin = -1
			}
		case anObject:
			if len(r.outer)+1 >= r.nesting {
				return 0
			}
			r.outer = append(r.outer, s)
			r.take(p, p.value)
			i, s = from, p.inner
		case theEnd:
			if len(r.outer) == 0 {
				if begin >= 0 {
					r.runs = append(r.runs, run{begin, i, begun.number})
				}
				return from
			}
			i, s = from, r.outer[len(r.outer)-1]
			r.outer = r.outer[:len(r.outer)-1]
		}
	}
}

// text makes a scalar of a text.
func (r *reader) text(b []byte, from, end int, escaped bool) scalar {
	v := scalar{kind: text, text: b[from:end]}
	if escaped {
		at := len(r.arena)
		r.arena = jsontext.Unescape(r.arena, v.text)
		v.text = r.arena[at:len(r.arena):len(r.arena)]
		return v
	}
	return r.step(v, b, from, end)
}

// step notes a text or number.
func (r *reader) step(v scalar, b []byte, from, end int) scalar {
	if r.l != nil {
		v.step = len(r.l.steps)
		r.l.steps = append(r.l.steps, step{before: b[r.from:from], text: v.kind == text})
		r.from = end
	}
	return v
}

// take puts a value into the event, as far as it is asked for.
func (r *reader) take(p *piece, v scalar) {
	switch {
	case p.use == measure:
		r.event.slots[p.slot] = v
		r.event.set = append(r.event.set, p.slot)
	case p.use == several, p.use == identity && r.full:
		r.mapping.put(r.event, p.spot.place, p.child, p.name, v)
	}
}

// identity returns what names the series of the object that was read, and the memo's owner of it: one stretch of it as it stands there, or all
// of them together. Behind each is a NUL, which in JSON can't follow a value.
func (r *reader) identity(b []byte) (owner uint32, key []byte) {
	if len(r.runs) == 1 {
		return together | r.runs[0].spot, b[r.runs[0].from:r.runs[0].to]
	}
	r.key = r.key[:0]
	for i := range r.runs {
		run := &r.runs[i]
		r.key = append(append(binary.LittleEndian.AppendUint32(r.key, run.spot), b[run.from:run.to]...), 0)
	}
	return scattered, r.key
}

// again reads an object once more, all of it.
func (r *reader) again(raw []byte, e *event) {
	r.full = true
	r.read(raw, 0, e)
	r.full = false
}

var literalTrue, literalFalse = []byte("true"), []byte("false")
