package jsonlog

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/homeostat/homeostat/pipeline"
)

// maxParts bounds the parts of a field's path: each way to read its dots is a path of its own.
const maxParts = 8

// fields finds the values of the configured fields in a line. Each field has a slot: those of time first, then
// severity, body, trace and labels, each in the order of its setting.
type fields struct {
	slots                                []*fastjson.Value
	severityAt, bodyAt, traceAt, labelAt int
	otel                                 []bool // severity fields whose numbers are OpenTelemetry's
	labelNames                           []string

	root *node
	// Of the visit under way: the place in the tree, the number of the member there.
	here   *node
	member int
	each   func(name []byte, v *fastjson.Value)
}

// node is a place in the tree of paths. Members of a line come in the same order as a rule: seen remembers, by their
// number, what they were the last time, which is quicker to compare than to look up.
type node struct {
	children map[string]*node
	slots    []int
	seen     []member
}

type member struct {
	name  []byte
	child *node
}

// maxSeen and maxSeenName bound what a node remembers.
const maxSeen, maxSeenName = 64, 128

func newFields(s pipeline.Settings) (fields, error) {
	f := fields{root: &node{}}
	lists := map[string][]string{}
	for _, setting := range []string{"time", "severity", "body", "trace", "labels"} {
		lists[setting] = s.Texts(setting)
		for i, path := range lists[setting] {
			if path == "" || strings.Count(path, ".") >= maxParts {
				return fields{}, &pipeline.SettingFault{Path: fmt.Sprintf("%s[%d]", setting, i),
					Err: pipeline.Errorf("json_logs.field.path", "field path %q is empty or has more than %d parts", path, maxParts)}
			}
			f.root.add(path, len(f.slots))
			f.slots = append(f.slots, nil)
		}
	}
	f.severityAt = len(lists["time"])
	f.bodyAt = f.severityAt + len(lists["severity"])
	f.traceAt = f.bodyAt + len(lists["body"])
	f.labelAt = f.traceAt + len(lists["trace"])
	f.labelNames = lists["labels"]
	for _, path := range lists["severity"] {
		last := path[strings.LastIndexByte(path, '.')+1:]
		f.otel = append(f.otel, strings.EqualFold(strings.ReplaceAll(last, "_", ""), "severitynumber"))
	}
	return f, nil
}

// add makes the path lead to a slot, whichever of its dots separate names.
func (n *node) add(path string, slot int) {
	n.child(path).slots = append(n.child(path).slots, slot)
	for i := range len(path) {
		if path[i] == '.' {
			n.child(path[:i]).add(path[i+1:], slot)
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

// find fills the slots from a line.
func (f *fields) find(o *fastjson.Object) {
	clear(f.slots)
	if f.each == nil {
		f.each = f.visit
	}
	f.within(o, f.root)
}

func (f *fields) within(o *fastjson.Object, n *node) {
	here, number := f.here, f.member
	f.here, f.member = n, 0
	o.Visit(f.each)
	f.here, f.member = here, number
}

func (f *fields) visit(name []byte, v *fastjson.Value) {
	child := f.here.lookUp(f.member, name)
	f.member++
	if child == nil {
		return
	}
	for _, slot := range child.slots {
		f.slots[slot] = v
	}
	if child.children != nil && v.Type() == fastjson.TypeObject {
		f.within(v.GetObject(), child)
	}
}

func (n *node) lookUp(number int, name []byte) *node {
	if number < len(n.seen) && bytes.Equal(n.seen[number].name, name) {
		return n.seen[number].child
	}
	child := n.children[string(name)]
	if number < maxSeen && len(name) <= maxSeenName {
		for len(n.seen) <= number {
			n.seen = append(n.seen, member{})
		}
		n.seen[number].name, n.seen[number].child = append(n.seen[number].name[:0], name...), child
	}
	return child
}

func (f *fields) time() []*fastjson.Value     { return f.slots[:f.severityAt] }
func (f *fields) severity() []*fastjson.Value { return f.slots[f.severityAt:f.bodyAt] }
func (f *fields) body() []*fastjson.Value     { return f.slots[f.bodyAt:f.traceAt] }
func (f *fields) trace() []*fastjson.Value    { return f.slots[f.traceAt:f.labelAt] }
func (f *fields) labels() []*fastjson.Value   { return f.slots[f.labelAt:] }
