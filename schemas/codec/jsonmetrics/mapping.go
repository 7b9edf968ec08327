package jsonmetrics

import (
	"fmt"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
)

// roles are the settings that name fields, in the order of their slots.
var roles = []string{"time", "name", "value", "unit", "type_field", "labels", "values", "labels_object"}

const (
	timeRole = iota
	nameRole
	valueRole
	unitRole
	typeRole
	labelRole
	valuesRole
	objectRole
)

// maxParts bounds the parts of a field's path: each way to read its dots is a path of its own.
const maxParts = 8

// mapping is what the settings say of fields. Each field has a slot, those of one role side by side.
type mapping struct {
	paths []string
	from  [objectRole + 2]int // the first slot of each role
	role  []int               // by slot
	every bool                // texts of the object that nothing names are labels
	typed bool                // a schema says of what kinds values are
	root  *node
}

// node is a place in the tree of paths.
type node struct {
	children map[string]*node
	slots    []int
	// values and labels say that an object here has values or labels as members.
	values, labels bool
	// kinds are those that a schema has for a value here, others those of members that have no node of their own; 0 are all.
	kinds, others Kinds
}

func newMapping(given map[string][]string) (mapping, error) {
	m := mapping{root: &node{}}
	for role, setting := range roles {
		m.from[role] = len(m.paths)
		for i, path := range given[setting] {
			if role == labelRole && path == everyText {
				m.every = true
				continue
			}
			if path == "" || strings.Count(path, ".") >= maxParts {
				return mapping{}, &pipeline.SettingFault{Path: fmt.Sprintf("%s[%d]", setting, i),
					Err: pipeline.Errorf("json_metrics.field.path", "field path %q is empty or has more than %d parts: name a member, or members with dots between", path, maxParts)}
			}
			m.root.add(path, len(m.paths), role)
			m.paths, m.role = append(m.paths, path), append(m.role, role)
		}
	}
	m.from[objectRole+1] = len(m.paths)
	if len(given["value"])+len(given["values"]) == 0 {
		return mapping{}, &pipeline.SettingFault{Path: "value",
			Err: pipeline.Errorf("json_metrics.field.value", "neither value nor values names a field, so there would be no points: name the fields with numbers")}
	}
	return m, nil
}

// add makes the path lead to a slot, whichever of its dots separate names.
func (n *node) add(path string, slot, role int) {
	to := n.child(path)
	to.slots = append(to.slots, slot)
	to.values = to.values || role == valuesRole
	to.labels = to.labels || role == objectRole
	for i := range len(path) {
		if path[i] == '.' {
			n.child(path[:i]).add(path[i+1:], slot, role)
		}
	}
}

func (n *node) child(name string) *node {
	if n.children == nil {
		n.children = map[string]*node{}
	}
	if n.children[name] == nil {
		n.children[name] = &node{}
	}
	return n.children[name]
}

// of returns the slots of a role.
func (m *mapping) of(role int) (from, to int) { return m.from[role], m.from[role+1] }

// place is where members of an object are: under which node, and what its members are by that.
type place struct {
	node           *node // nil: no field is named below
	top            bool  // the object itself
	values, labels bool  // the object holds values or labels
}

// leads tells whether anything below the place can count.
func (p place) leads() bool {
	return p.top || p.node != nil && p.node.children != nil || p.values || p.labels
}

// below is the place of the members of a nested object whose node is known.
func below(child *node) place {
	if child == nil {
		return place{}
	}
	return place{node: child, values: child.values, labels: child.labels}
}

// put takes a member of an object at a place into the event. Its name and text are kept as they are given.
func (m *mapping) put(e *event, at place, child *node, name []byte, v scalar) {
	if child != nil && len(child.slots) > 0 {
		for _, slot := range child.slots {
			switch m.role[slot] {
			case valuesRole:
				if v.kind != nested {
					e.values = append(e.values, field{path: slot, scalar: v})
				}
			case objectRole:
			default:
				e.slots[slot] = v
				e.mixed = true
			}
		}
		return
	}
	switch {
	case at.values:
		e.values = append(e.values, field{path: -1, name: name, scalar: v})
	case at.labels && v.kind >= text, at.top && m.every && v.kind == text:
		e.labels = append(e.labels, field{path: -1, name: name, scalar: v})
	}
}

// use tells what is to be done with a value of a kind that is a member of an object at a place; named, whether it is part of what names the
// series; slot is that of a measure.
func (m *mapping) use(at place, child *node, k kind) (u use, named bool, slot int) {
	if child == nil || len(child.slots) == 0 {
		switch {
		case at.values:
			return several, false, 0
		case at.labels && k >= text, at.top && m.every && k == text:
			return identity, true, 0
		}
		return nothing, false, 0
	}
	for _, slot = range child.slots {
		now := identity
		switch m.role[slot] {
		case timeRole, valueRole:
			now = measure
		case valuesRole:
			if now = several; k == nested {
				continue
			}
		case objectRole:
			continue
		default:
			named = true
		}
		if u == nothing {
			u = now
		} else if u != identity || now != identity {
			u = several
		}
	}
	if u == measure {
		for _, slot = range child.slots {
			if r := m.role[slot]; r == timeRole || r == valueRole {
				break
			}
		}
	}
	return u, named, slot
}
