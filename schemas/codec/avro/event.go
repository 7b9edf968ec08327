package avro

import "github.com/homeostat/homeostat/schemas/codec/fields"

// walk reads the value of a step. It says whether the value is nested no deeper than allowed. key is that of the map that the
// value is in.
func (c *codec) walk(r *reader, s *step, key []byte, depth int) bool {
	if s.skip {
		return r.skip(s.node, depth)
	}
	switch s.kind {
	case recordKind, unionKind, arrayKind, mapKind:
		return depth > 0 && c.walkNested(r, s, key, depth-1)
	}
	c.event.Put(&s.Purpose, key, c.scalar(r, s.node))
	return true
}

func (c *codec) walkNested(r *reader, s *step, key []byte, depth int) bool {
	if r.nested(); r.fault != "" {
		return true
	}
	switch s.kind {
	case unionKind:
		branch := s.steps[r.choice(len(s.steps))]
		return r.fault != "" || c.walk(r, branch, key, depth)
	case recordKind:
		if s.Event {
			c.event.Title = s.title
		}
		c.event.Put(&s.Purpose, key, fields.Scalar{Form: fields.Nested})
		for _, field := range s.steps {
			if r.fault != "" {
				break
			}
			if !c.walk(r, field, nil, depth) {
				return false
			}
		}
		return true
	case arrayKind:
		c.event.Put(&s.Purpose, key, fields.Scalar{Form: fields.Nested})
		return r.skipNested(s.node, depth)
	}
	c.event.Put(&s.Purpose, key, fields.Scalar{Form: fields.Nested})
	for items := r.block(); items > 0; items = r.block() {
		for range items {
			key := r.text()
			inner := s.named[string(key)]
			if inner == nil {
				inner = s.steps[0]
			}
			if r.fault != "" {
				return true
			}
			if !c.walk(r, inner, key, depth) {
				return false
			}
		}
	}
	return true
}

// scalar reads a value that is not nested.
func (c *codec) scalar(r *reader, n *node) fields.Scalar {
	switch n.kind {
	case boolKind:
		v := fields.Scalar{Form: fields.Boolean}
		if r.boolean() {
			v.N = 1
		}
		return v
	case intKind:
		return fields.Scalar{Form: fields.Whole, N: r.int(), Exact: n.unit}
	case longKind:
		return fields.Scalar{Form: fields.Whole, N: r.long(), Exact: n.unit}
	case floatKind:
		return fields.Scalar{Form: fields.Fractional, F: r.float()}
	case doubleKind:
		return fields.Scalar{Form: fields.Fractional, F: r.double()}
	case stringKind:
		return fields.Scalar{Form: fields.Text, Text: r.text()}
	case enumKind:
		if i := r.choice(len(n.symbols)); i < len(n.symbols) {
			return fields.Scalar{Form: fields.Text, Text: n.symbols[i]}
		}
		return fields.Scalar{Form: fields.Text}
	case bytesKind:
		return c.bytes(r.text(), n)
	case fixedKind:
		return c.bytes(r.take(int64(n.size)), n)
	}
	return fields.Scalar{Form: fields.Null}
}

// bytes reads a decimal. Other bytes say nothing here.
func (c *codec) bytes(b []byte, n *node) fields.Scalar {
	if !n.decimal {
		return fields.Scalar{Form: fields.Nested}
	}
	return c.event.Decimal(b, n.scale)
}
