package jsonmetrics

import (
	"strings"

	"github.com/homeostat/homeostat/pipeline"
)

// Kinds is a set of what JSON values can be.
type Kinds uint8

// The kinds, and all of them.
const (
	Null Kinds = 1 << iota
	Text
	Number
	Boolean
	Nested
	AnyKind = Null | Text | Number | Boolean | Nested
)

// kindsOf are the kinds of scalars.
var kindsOf = [...]Kinds{absent: AnyKind, null: Null, nested: Nested, text: Text, number: Number, boolean: Boolean}

var kindWords = map[Kinds]string{Null: "null", Text: "a text", Number: "a number", Boolean: "a boolean", Nested: "an object or array"}

func (k Kinds) String() string {
	var words []string
	for bit := Null; bit < AnyKind; bit <<= 1 {
		if k&bit != 0 {
			words = append(words, kindWords[bit])
		}
	}
	return strings.Join(words, " or ")
}

// Type is what a schema says of a value: its kinds, and the types of an object's members; a nil Type says nothing.
type Type struct {
	Kinds   Kinds
	Members map[string]*Type
	Others  *Type // of members that are not in Members
}

// Typed is a codec for records of a schema. It is used by one goroutine.
type Typed struct{ codec }

// NewTyped makes a codec for records of a schema: what it reads of them has to be of the schema's kinds, else the record is a dead letter.
func NewTyped(given pipeline.Settings, t *Type) (*Typed, error) {
	c := &Typed{}
	if err := c.configure(given); err != nil {
		return nil, err
	}
	if t != nil {
		c.mapping.typed = true
		c.mapping.root.expect(t, c.mapping.every)
	}
	return c, nil
}

// MemoBytes returns the memory of what the codec remembers of series.
func (c *Typed) MemoBytes() int { return c.memoBytes() }

// Forget gives that memory back, which costs time only.
func (c *Typed) Forget() { c.table = nil; c.forget(nil) }

// Usual returns the fields of the preset generic for a setting.
func Usual(setting string) []any { return presets[Generic][setting] }

// expect notes what a schema says of the values that are read at a node.
func (n *node) expect(t *Type, all bool) {
	if t == nil {
		return
	}
	n.kinds = t.Kinds
	if t.Others != nil {
		n.others = t.Others.Kinds
	}
	for name, member := range t.Members {
		child := n.children[name]
		if child == nil && (all || n.values || n.labels) {
			child = n.child(name)
		}
		if child != nil {
			child.expect(member, false)
		}
	}
}

// unfit is a member that is of another kind than its schema says; without a name it is none.
type unfit struct {
	name []byte
	kind kind
	want Kinds
}

// unfit holds a value against what its schema says of it.
func (m *mapping) unfit(at place, child *node, name []byte, v scalar) unfit {
	want := AnyKind
	switch {
	case child != nil && child.kinds != 0:
		want = child.kinds
	case at.node != nil && (at.values || at.labels) && at.node.others != 0:
		want = at.node.others
	}
	if want&kindsOf[v.kind] != 0 {
		return unfit{}
	}
	return unfit{append([]byte{}, name...), v.kind, want}
}

func (u *unfit) err(at int) error {
	return pipeline.Errorf("json_metrics.type", "json metric at byte %d has %s in %.80q, where its schema has %s: check that it was written by the schema that it names, and that its producer checks what it writes",
		at, kindsOf[u.kind], u.name, u.want)
}
