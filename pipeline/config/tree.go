package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// Bounds of one YAML file, so that a hostile one costs little.
const (
	maxFile   = 1 << 20
	maxValues = 100_000
	maxDepth  = 64
)

type shape uint8

const (
	// broken stands for a value that has been reported; nothing more is said of it.
	broken shape = iota
	scalar
	list
	mapping
)

// node is a value of a YAML file, with aliases, merge keys and ${ENV} resolved. Its place is where its text stands.
type node struct {
	file         string
	line, column int
	shape        shape
	// text is the value of a scalar, raw what is written in the file.
	text, raw string
	// plain scalars stand without quotes; empty ones are YAML's null.
	plain, empty bool
	// reference is true for a scalar that is nothing but one ${NAME}.
	reference bool
	items     []*node
	members   []member
	// include is the content of the file that the scalar names, when the setting allows one.
	include *node
}

type member struct {
	name  string
	key   *node
	value *node
}

// member returns the value of a key, or nil.
func (n *node) member(name string) *node {
	for _, m := range n.members {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

// absent tells whether a value is not given: no such key, or nothing behind it.
func absent(n *node) bool { return n == nil || n.empty }

// shown returns a scalar as messages quote it: what came from the environment is not printed.
func (n *node) shown() string {
	text := n.raw
	if utf8.RuneCountInString(text) > 60 {
		text = string([]rune(text)[:57]) + "..."
	}
	return fmt.Sprintf("%q", text)
}

// what names the shape of a value in messages.
func (n *node) what() string {
	switch {
	case n.empty:
		return "nothing"
	case n.shape == list:
		return "a list"
	case n.shape == mapping:
		return "a mapping"
	}
	return n.shown()
}

// tree reads the one document of a YAML file that stands at path in the configuration. It returns nil after reporting
// what keeps the file from being read.
func (r *reader) tree(file, path string, data []byte) *node {
	r.texts[file] = strings.Split(string(data), "\n")
	top := &node{file: file, line: 1, column: 1}
	if len(data) > maxFile {
		r.fault(top, path, "config.file.large", "the file has more than %s: split it into included files", FormatSize(maxFile))
		return nil
	}
	if !utf8.Valid(data) {
		r.fault(top, path, "config.yaml.syntax", "the file is not UTF-8: save it as UTF-8 text")
		return nil
	}
	loader, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil {
		panic("BUG: yaml loader: " + err.Error())
	}
	var doc yaml.Node
	switch err := loader.Load(&doc); {
	case errors.Is(err, io.EOF):
		r.fault(top, path, "config.file.empty", "the file is empty")
		return nil
	case err != nil:
		r.syntax(top, path, err)
		return nil
	}
	var second yaml.Node
	if err := loader.Load(&second); err == nil {
		r.fault(&node{file: file, line: second.Line, column: second.Column}, path, "config.yaml.documents",
			"a second document begins here: one file holds one document, remove the '---' and what follows")
		return nil
	} else if !errors.Is(err, io.EOF) {
		r.syntax(top, path, err)
		return nil
	}
	if len(doc.Content) == 0 {
		r.fault(top, path, "config.file.empty", "the file is empty")
		return nil
	}
	e := expansion{reader: r, file: file, open: map[*yaml.Node]bool{}}
	root := e.expand(doc.Content[0], path, 0)
	if e.stopped {
		return nil
	}
	if root.empty {
		r.fault(top, path, "config.file.empty", "the file is empty")
		return nil
	}
	return root
}

func (r *reader) syntax(top *node, path string, err error) {
	at, message := *top, err.Error()
	var le *yaml.LoadError
	if errors.As(err, &le) {
		message = le.Message
		if le.ContextMsg != "" {
			message += " " + le.ContextMsg
		}
		if le.Mark.Line > 0 {
			at.line, at.column = le.Mark.Line, le.Mark.Column
		}
	}
	hint := ""
	if text := r.texts[at.file]; at.line <= len(text) && (strings.Contains(text[at.line-1], "${") || strings.Contains(text[at.line-1], "{{")) {
		hint = "; inside of { } and [ ] a text with { needs quotes"
	}
	r.fault(&at, path, "config.yaml.syntax", "not valid YAML: %s: correct the text here or on the line before%s", message, hint)
}

// expansion turns the library's nodes into ours.
type expansion struct {
	*reader
	file    string
	values  int
	open    map[*yaml.Node]bool
	stopped bool
}

func (e *expansion) expand(y *yaml.Node, path string, depth int) *node {
	n := &node{file: e.file, line: y.Line, column: y.Column}
	if e.stopped {
		return n
	}
	if e.values++; e.values > maxValues {
		e.stop(n, path, "config.yaml.large", "the file has more than %d values, aliases counted as what they stand for: write less or use fewer aliases", maxValues)
		return n
	}
	if depth > maxDepth {
		e.stop(n, path, "config.yaml.deep", "values are nested more than %d deep: write them flatter", maxDepth)
		return n
	}
	switch y.Kind {
	case yaml.AliasNode:
		if e.open[y.Alias] {
			e.stop(n, path, "config.yaml.alias", "alias *%s stands inside of what it stands for: remove it", y.Value)
			return n
		}
		return e.expand(y.Alias, path, depth+1)
	case yaml.ScalarNode:
		e.scalar(n, y, path)
	case yaml.SequenceNode:
		e.open[y] = true
		n.shape = list
		for i, c := range y.Content {
			n.items = append(n.items, e.expand(c, index(path, i), depth+1))
		}
		delete(e.open, y)
	case yaml.MappingNode:
		e.open[y] = true
		n.shape = mapping
		e.members(n, y, path, depth)
		delete(e.open, y)
	}
	return n
}

func (e *expansion) stop(n *node, path, code, format string, args ...any) {
	e.stopped = true
	e.fault(n, path, code, format, args...)
}

func (e *expansion) scalar(n *node, y *yaml.Node, path string) {
	switch y.ShortTag() {
	case "!!str", "!!int", "!!float", "!!bool", "!!null", "!!timestamp", "!!merge":
	default:
		e.fault(n, path, "config.yaml.tag", "tag %s is not known here: remove it", y.Tag)
		return
	}
	n.shape = scalar
	n.raw, n.plain = y.Value, y.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
	n.empty = y.ShortTag() == "!!null"
	text, reference, err := expandEnv(y.Value, e.getenv)
	if err != nil {
		n.shape = broken
		e.raise(n, path, err)
		return
	}
	n.text, n.reference = text, reference
}

// members fills a mapping: its own keys first, then those of merge keys that it does not have.
func (e *expansion) members(n *node, y *yaml.Node, path string, depth int) {
	lines := map[string]int{} // of the keys that are taken
	var merged []*yaml.Node
	for i := 0; i+1 < len(y.Content); i += 2 {
		k, v := y.Content[i], y.Content[i+1]
		key := &node{file: e.file, line: k.Line, column: k.Column}
		if k.Kind == yaml.AliasNode {
			k = k.Alias
		}
		if k.Kind != yaml.ScalarNode {
			e.fault(key, path, "config.key.type", "a key must be a text: a template that starts with {{ needs quotes around it")
			continue
		}
		if k.ShortTag() == "!!merge" {
			merged = append(merged, v)
			continue
		}
		if line, twice := lines[k.Value]; twice {
			e.fault(key, join(path, k.Value), "config.key.duplicate", "this key stands on line %d already: remove one of the two", line)
			continue
		}
		lines[k.Value] = k.Line
		n.members = append(n.members, member{k.Value, key, e.expand(v, join(path, k.Value), depth+1)})
	}
	for _, y := range merged {
		e.merge(n, e.expand(y, path, depth+1), path, lines)
	}
}

func (e *expansion) merge(into, from *node, path string, taken map[string]int) {
	switch from.shape {
	case mapping:
		for _, m := range from.members {
			if _, have := taken[m.name]; !have {
				taken[m.name] = m.key.line
				into.members = append(into.members, m)
			}
		}
	case list:
		for _, item := range from.items {
			e.merge(into, item, path, taken)
		}
	case scalar:
		e.fault(from, path, "config.key.type", "a merge key << takes a mapping or a list of mappings: write an alias of one")
	}
}
