package jsonmetrics

import (
	"fmt"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/homeostat/homeostat/pipeline"
)

// Events returns what a codec's reader makes of an object, and what a parser (valyala/fastjson) does, which knows nothing of pieces; both empty
// if it is broken. times is what of the two has to be the same when only times and values are read.
func Events(p pipeline.Codec, object []byte) (read, brief, parsed string) {
	c := p.(*codec)
	var parser fastjson.Parser
	if v, err := parser.ParseBytes(object); err == nil && v.Type() == fastjson.TypeObject {
		w := walker{mapping: &c.mapping, event: &event{slots: make([]scalar, len(c.mapping.paths))}}
		w.within(v.GetObject(), place{node: c.mapping.root, top: true})
		w.event.settle()
		parsed = w.event.words(c, true)
	}
	end := c.reader.read(object, 0, &c.slow)
	if end > 0 && end == len(object) {
		brief = c.slow.words(c, false)
		c.reader.again(object, &c.slow)
		read = c.slow.words(c, true)
		if full := c.slow.words(c, false); full != brief {
			brief = "read again: " + full + ", before: " + brief
		} else {
			brief = ""
		}
	}
	return read, brief, parsed
}

// words says what is in an event: all, or only times and values.
func (e *event) words(c *codec, all bool) string {
	var b strings.Builder
	write := func(s *scalar) {
		fmt.Fprintf(&b, " %d", s.kind)
		if s.kind >= text {
			fmt.Fprintf(&b, "%q", s.text)
		}
		if s.kind == number {
			v, lose := s.number()
			plain := scalar{kind: number, text: s.text}
			if want, wantLose := plain.number(); v != want || lose != wantLose {
				fmt.Fprintf(&b, "(%v, %d, but %v, %d)", v, lose, want, wantLose)
			}
		}
	}
	for i := range e.slots {
		if role := c.mapping.role[i]; all || role == timeRole || role == valueRole {
			write(&e.slots[i])
		}
	}
	for i := range e.values {
		fmt.Fprintf(&b, " value %d %q", e.values[i].path, e.values[i].name)
		write(&e.values[i].scalar)
	}
	for i := range e.labels {
		if all {
			fmt.Fprintf(&b, " label %d %q", e.labels[i].path, e.labels[i].name)
			write(&e.labels[i].scalar)
		}
	}
	return b.String()
}

// walker makes an event of a parsed object.
type walker struct {
	mapping *mapping
	event   *event
	// Of the visit under way: the place in the object.
	at place
	// arena holds the digits of numbers, which the parser does not give out.
	arena []byte
}

func (w *walker) within(o *fastjson.Object, at place) {
	outer := w.at
	w.at = at
	o.Visit(w.visit)
	w.at = outer
}

func (w *walker) visit(name []byte, v *fastjson.Value) {
	var child *node
	if w.at.node != nil {
		child = w.at.node.children[string(name)]
	}
	w.mapping.put(w.event, w.at, child, name, w.scalar(v))
	if v.Type() == fastjson.TypeObject {
		if inner := below(child); inner.leads() {
			w.within(v.GetObject(), inner)
		}
	}
}

func (w *walker) scalar(v *fastjson.Value) scalar {
	switch v.Type() {
	case fastjson.TypeString:
		s, _ := v.StringBytes()
		return scalar{kind: text, text: s}
	case fastjson.TypeNumber:
		from := len(w.arena)
		w.arena = v.MarshalTo(w.arena)
		return scalar{kind: number, text: w.arena[from:]}
	case fastjson.TypeTrue:
		return scalar{kind: boolean, text: literalTrue}
	case fastjson.TypeFalse:
		return scalar{kind: boolean, text: literalFalse}
	case fastjson.TypeNull:
		return scalar{kind: null}
	}
	return scalar{kind: nested}
}
