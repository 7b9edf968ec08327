package fields

import (
	"errors"
	"fmt"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
)

// everyText stands in the setting labels for all texts of an event that no other setting names.
const everyText = "*"

// slot is a field that a setting names and that has one value.
type slot struct {
	role int
	name []byte
}

// The roles of fields, in the order in which an event's slots stand.
const (
	timeRole = iota
	nameRole
	valueRole
	unitRole
	labelRole
	valuesRole // no slots: these have members
	labelsRole
	roles
)

var roleSettings = [roles]string{"time", "name", "value", "unit", "labels", "values", "labels_object"}

// Want is a path that a setting names; rest is what of it is still to be followed.
type Want struct {
	rest string
	role int
	slot int    // of roles that have slots
	name string // the whole path
}

// Mapping is what the settings say of fields.
type Mapping struct {
	slots []slot
	from  [roles + 1]int // where a role's slots begin
	// Wants are the paths from the event on.
	Wants    []Want
	everyone bool // texts that nobody names are labels
}

// NewMapping reads the settings of Settings. Those that are absent have the usual fields.
func NewMapping(given pipeline.Settings) (Mapping, error) {
	var m Mapping
	var faults []error
	for role, setting := range roleSettings {
		m.from[role] = len(m.slots)
		s := given
		if !given.Has(setting) && !(setting == "name" && given.Text("metric") != "") {
			s = pipeline.Settings{setting: usual[setting]}
		}
		for i, path := range s.Texts(setting) {
			if role == labelRole && path == everyText {
				m.everyone = true
				continue
			}
			if path == "" || strings.HasPrefix(path, ".") || strings.HasSuffix(path, ".") || strings.Contains(path, "..") || strings.Count(path, ".") >= maxParts {
				faults = append(faults, &pipeline.SettingFault{Path: fmt.Sprintf("%s[%d]", setting, i),
					Err: pipeline.Errorf("fields.path", "field path %q has an empty part, or more than %d parts", path, maxParts)})
				continue
			}
			m.Wants = append(m.Wants, Want{rest: path, role: role, slot: len(m.slots), name: path})
			if role < valuesRole {
				m.slots = append(m.slots, slot{role, []byte(path)})
			}
		}
	}
	m.from[roles] = len(m.slots)
	return m, errors.Join(faults...)
}

// maxParts bounds the parts of a field's path.
const maxParts = 8

// of returns the slots of a role.
func (m *Mapping) of(role int) (from, to int) { return m.from[role], m.from[role+1] }

// Purpose is what a value is for.
type Purpose struct {
	// Event says that it is the event itself.
	Event  bool
	slots  []int  // it fills these
	value  bool   // it is one of several values, called name
	label  bool   // it is a label, called name
	texts  bool   // but only if it is a text
	values bool   // its members are values
	labels bool   // its members are labels
	byKey  bool   // name is the map's key
	name   []byte // of a value or label
}

// None says that a value is for nothing.
func (p *Purpose) None() bool {
	return !p.Event && len(p.slots) == 0 && !p.value && !p.label && !p.values && !p.labels
}

// Arrive returns what a value is for where paths end, and the paths that lead on. number tells whether values of its type are
// numbers, or none that is missing: a null where there could be a record is no value.
func (p Purpose) Arrive(wants []Want, number bool) (arrived Purpose, on []Want) {
	for _, w := range wants {
		switch {
		case w.rest != "":
			on = append(on, w)
		case w.role == valuesRole:
			p.values, p.value, p.name = true, true, []byte(w.name)
		case w.role == labelsRole:
			p.labels = true
		default:
			p.slots = append(p.slots[:len(p.slots):len(p.slots)], w.slot)
		}
	}
	p.value = p.value && number
	return p, on
}

// Field returns what a field of a record is for, and the paths that lead to it and on.
func (m *Mapping) Field(of *Purpose, wants []Want, name string) (Purpose, []Want) {
	next := Follow(wants, name)
	p := of.Member([]byte(name))
	if p.None() && of.Event && m.everyone && len(next) == 0 {
		p = Purpose{label: true, texts: true, name: []byte(name)}
	}
	return p, next
}

// Member returns what a member is for by what it is a member of.
func (p *Purpose) Member(name []byte) Purpose {
	return Purpose{value: p.values, label: p.labels, name: name}
}

// Keyed is Member for what is in a map, each by its key.
func (p *Purpose) Keyed() Purpose {
	return Purpose{value: p.values, label: p.labels, byKey: true}
}

// Keys returns the keys of a map that paths name.
func Keys(wants []Want) []string {
	var keys []string
	seen := map[string]bool{}
	for _, w := range wants {
		for i := 0; i <= len(w.rest); i++ {
			if i < len(w.rest) && w.rest[i] != '.' {
				continue
			}
			if key := w.rest[:i]; !seen[key] {
				seen[key] = true
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// Follow returns the paths that lead to a name, or through it.
func Follow(wants []Want, name string) []Want {
	var next []Want
	for _, w := range wants {
		if w.rest == name {
			w.rest = ""
			next = append(next, w)
		} else if rest, ok := strings.CutPrefix(w.rest, name+"."); ok {
			w.rest = rest
			next = append(next, w)
		}
	}
	return next
}
