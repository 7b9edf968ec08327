package avro

import (
	"os"
	"slices"
	"strings"

	twmb "github.com/twmb/avro"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/fields"
	"github.com/homeostat/homeostat/schemas/codec/moment"
	"github.com/homeostat/homeostat/schemas/codec/registry"
)

// kind is what a node of a schema is.
type kind uint8

const (
	nullKind kind = iota
	boolKind
	intKind
	longKind
	floatKind
	doubleKind
	bytesKind
	stringKind
	recordKind
	enumKind
	arrayKind
	mapKind
	unionKind
	fixedKind
)

var kinds = map[string]kind{
	"null": nullKind, "boolean": boolKind, "int": intKind, "long": longKind, "float": floatKind, "double": doubleKind, "bytes": bytesKind, "string": stringKind,
	"record": recordKind, "error": recordKind, "enum": enumKind, "array": arrayKind, "map": mapKind, "union": unionKind, "fixed": fixedKind,
}

// node is one type of a schema. Types may hold themselves.
type node struct {
	kind     kind
	title    []byte   // of a record, its name without the namespace
	fields   []string // of a record
	children []*node  // fields, branches, or the one type of what is in an array or map
	symbols  [][]byte
	size     int         // of fixed
	unit     moment.Unit // of a logical type that is a time
	decimal  bool
	scale    int
}

// plainSchema reads the setting schema: JSON, or a file of it.
func plainSchema(text string, m *fields.Mapping) (*plan, error) {
	if trimmed := strings.TrimSpace(text); trimmed == "" || !strings.ContainsAny(trimmed[:1], `{["`) {
		b, err := os.ReadFile(text)
		if err != nil {
			return nil, pipeline.Errorf("avro.schema.file", "the schema's file can't be read: %w: write the path of one, or the schema's JSON itself", err)
		}
		text = string(b)
	}
	s, err := twmb.Parse(text)
	if err != nil {
		return nil, syntaxFault("of the configuration", err)
	}
	return newPlan(s, m)
}

// learned makes the plan of a schema of a registry.
func learned(s *registry.Schema, m *fields.Mapping) (*plan, error) {
	var cache twmb.SchemaCache
	known := map[string]bool{}
	for _, ref := range s.References {
		if known[ref.Which] {
			continue
		}
		known[ref.Which] = true
		if _, err := cache.Parse(ref.Text); err != nil {
			return nil, syntaxFault(ref.Which, err)
		}
	}
	root, err := cache.Parse(s.Text)
	if err != nil {
		return nil, syntaxFault(s.Which, err)
	}
	return newPlan(root, m)
}

func syntaxFault(which string, err error) error {
	return pipeline.Errorf("avro.schema.syntax", "schema %s is no Avro schema: %w: correct it where it is kept", which, err)
}

// newPlan makes the plan of a schema: what of its records is read, by the mapping.
func newPlan(s *twmb.Schema, m *fields.Mapping) (*plan, error) {
	c := converter{named: map[string]*node{}}
	root := s.Root()
	c.declare(root)
	n := c.node(root, "")
	if c.fault != nil {
		return nil, c.fault
	}
	event := n
	if n.kind == arrayKind {
		event = n.children[0]
	}
	if !holdsRecord(event) {
		return nil, pipeline.Errorf("avro.schema.record", "the schema is neither of a record nor of an array of records, so it has no fields: check which schema the topic's records have")
	}
	return &plan{array: n.kind == arrayKind, root: newStep(m, event, m.Wants, fields.Purpose{Event: true})}, nil
}

// holdsRecord tells whether a type is a record, or a union of records and null.
func holdsRecord(n *node) bool {
	if n.kind != unionKind {
		return n.kind == recordKind
	}
	found := false
	for _, branch := range n.children {
		if branch.kind != recordKind && branch.kind != nullKind {
			return false
		}
		found = found || branch.kind == recordKind
	}
	return found
}

// converter makes nodes of the library's.
type converter struct {
	named map[string]*node
	fault error
}

// declare makes the nodes of all named types, by their full names, so that types can hold one another.
func (c *converter) declare(n *twmb.SchemaNode) {
	if k, ok := kinds[n.Type]; ok && (k == recordKind || k == enumKind || k == fixedKind) {
		c.named[fullName(n)] = &node{kind: k, title: []byte(n.Name[strings.LastIndexByte(n.Name, '.')+1:]), size: n.Size}
	}
	for i := range n.Fields {
		c.declare(&n.Fields[i].Type)
	}
	for i := range n.Branches {
		c.declare(&n.Branches[i])
	}
	for _, inner := range []*twmb.SchemaNode{n.Items, n.Values} {
		if inner != nil {
			c.declare(inner)
		}
	}
}

func fullName(n *twmb.SchemaNode) string {
	if n.Namespace == "" || strings.Contains(n.Name, ".") {
		return n.Name
	}
	return n.Namespace + "." + n.Name
}

// node makes the node of a type that was declared. Names without dots are those of the namespace around them, or of none.
func (c *converter) node(n *twmb.SchemaNode, namespace string) *node {
	k, ok := kinds[n.Type]
	if !ok {
		for _, name := range []string{namespace + "." + n.Type, n.Type} {
			if named := c.named[name]; named != nil {
				return named
			}
		}
		c.fault = pipeline.Errorf("avro.schema.reference", "the schema has no type %q, which it uses: register it with its references", n.Type)
		return &node{}
	}
	out := &node{kind: k}
	switch k {
	case recordKind, enumKind, fixedKind:
		full := fullName(n)
		out, namespace = c.named[full], full[:max(strings.LastIndexByte(full, '.'), 0)]
	}
	switch k {
	case recordKind:
		for i := range n.Fields {
			out.fields = append(out.fields, n.Fields[i].Name)
			out.children = append(out.children, c.node(&n.Fields[i].Type, namespace))
		}
	case unionKind:
		for i := range n.Branches {
			out.children = append(out.children, c.node(&n.Branches[i], namespace))
		}
		if len(out.children) == 0 {
			c.fault = pipeline.Errorf("avro.schema.union", "the schema has a union of no types, so nothing can be written by it: correct it where it is kept")
		}
	case arrayKind:
		out.children = []*node{c.node(n.Items, namespace)}
	case mapKind:
		out.children = []*node{c.node(n.Values, namespace)}
	case enumKind:
		for _, s := range n.Symbols {
			out.symbols = append(out.symbols, []byte(s))
		}
	}
	c.logical(n, out)
	return out
}

// logical notes what a logical type says of numbers.
func (c *converter) logical(n *twmb.SchemaNode, out *node) {
	switch n.LogicalType {
	case "timestamp-millis", "local-timestamp-millis":
		out.unit = 1e6
	case "timestamp-micros", "local-timestamp-micros":
		out.unit = 1e3
	case "timestamp-nanos", "local-timestamp-nanos":
		out.unit = 1
	case "date":
		out.unit = 24 * 3600 * 1e9
	case "decimal":
		out.decimal, out.scale = out.kind == bytesKind || out.kind == fixedKind, n.Scale
	}
}

// plan is what is read of the records of a schema.
type plan struct {
	array bool // records are arrays of events
	root  *step
}

// step is what is done with a value of a type at a place. Without a purpose, and without children, it is passed over.
type step struct {
	*node
	fields.Purpose
	skip  bool
	steps []*step          // of fields, branches, or of what is in a map
	named map[string]*step // of keys of a map
}

// newStep makes the step of a type at a place, given the paths that lead there and on, and what it is for besides.
func newStep(m *fields.Mapping, n *node, wants []fields.Want, p fields.Purpose) *step {
	p, on := p.Arrive(wants, mayBeNumber(n))
	s := &step{node: n, Purpose: p, skip: p.None() && len(on) == 0}
	if s.skip {
		return s
	}
	switch n.kind {
	case unionKind:
		for _, branch := range n.children {
			s.steps = append(s.steps, newStep(m, branch, on, p))
		}
	case recordKind:
		for i, field := range n.fields {
			q, next := m.Field(&p, on, field)
			s.steps = append(s.steps, newStep(m, n.children[i], next, q))
		}
	case mapKind:
		s.steps = []*step{newStep(m, n.children[0], nil, p.Keyed())}
		s.named = map[string]*step{}
		for _, key := range fields.Keys(on) {
			s.named[key] = newStep(m, n.children[0], fields.Follow(on, key), p.Member([]byte(key)))
		}
	}
	return s
}

// mayBeNumber tells whether values of a type are numbers, or none that is missing: a null where there could be a record is no value.
func mayBeNumber(n *node) bool {
	switch n.kind {
	case nullKind, intKind, longKind, floatKind, doubleKind:
		return true
	case bytesKind, fixedKind:
		return n.decimal
	case unionKind:
		return slices.ContainsFunc(n.children, func(branch *node) bool { return branch.kind != nullKind && mayBeNumber(branch) })
	}
	return false
}
