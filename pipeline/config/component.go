package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
)

// catalogue is one kind of components in the registry, as the file's sections need it.
type catalogue struct {
	// word names one of them in messages: "operator", "codec".
	word string
	// names lists what may stand here.
	names []string
	// entry returns the description and a function that calls the constructor for its faults.
	entry func(name string) (spec pipeline.Spec, try func(pipeline.Settings) error, ok bool)
	// misplaced says what is wrong with a name that is registered but may not stand here, or "".
	misplaced func(name string) string
}

// component reads one component, written as its name alone, or as `name: settings` with an optional `as: other-name`.
// ok is false after faults.
func (r *reader) component(n *node, path string, from catalogue) (c Component, ok bool) {
	before := len(r.faults)
	body := &node{file: n.file, line: n.line, column: n.column, shape: mapping}
	switch {
	case n.shape == broken:
		return c, false
	case n.shape == scalar && !n.empty:
		c.Type = n.text
	case n.shape == mapping:
		var found []member
		for _, m := range n.members {
			if m.name != "as" {
				found = append(found, m)
			}
		}
		if len(found) != 1 {
			r.fault(n, path, "config.component.form", "it is one name with its settings, this has %d: write `- name: {…}`, and `as: …` beside it for a name of its own", len(found))
			return c, false
		}
		r.named(n, path, &c)
		c.Type, n = found[0].name, found[0].key
		if value := found[0].value; !value.empty {
			body = value
		}
	default:
		r.fault(n, path, "config.component.form", "%s is no %s: write its name, or its name and settings", n.what(), from.word)
		return c, false
	}
	if c.Name == "" {
		c.Name = c.Type
	}
	r.construct(n, body, path, &c, from)
	return c, len(r.faults) == before
}

// named reads `as`.
func (r *reader) named(n *node, path string, c *Component) {
	as := n.member("as")
	if as == nil {
		return
	}
	at := join(path, "as")
	if as.shape != scalar || as.empty || !componentName().MatchString(as.text) {
		r.fault(as, at, "config.name.invalid", "%s is no name: use up to 64 of a-z, 0-9, '_' and '-', a letter or digit first", as.what())
		return
	}
	c.Name = as.text
}

func componentName() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`) }

// construct looks the component up, decodes its settings from body and asks its constructor for more faults.
func (r *reader) construct(n, body *node, path string, c *Component, from catalogue) {
	spec, try, ok := from.entry(c.Type)
	if !ok {
		if why := from.misplaced(c.Type); why != "" {
			r.fault(n, path, "config.component.misplaced", "%s", why)
			return
		}
		r.suggest(n, path, "config.component.unknown", Nearest(c.Type, from.names), "no %s is called %q: choose one of %s", from.word, clip(c.Type), strings.Join(from.names, ", "))
		return
	}
	before := len(r.faults)
	at := join(path, c.Type)
	c.Settings = r.settings(body, at, spec.Settings)
	if len(r.faults) > before {
		return
	}
	if err := try(c.Settings); err != nil {
		r.refused(body, at, err)
	}
}

func clip(text string) string {
	if runes := []rune(text); len(runes) > 60 {
		return string(runes[:57]) + "..."
	}
	return text
}

// refused reports what a constructor said: each fault at the setting that it names.
func (r *reader) refused(body *node, path string, err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			r.refused(body, path, e)
		}
		return
	}
	var f *pipeline.SettingFault
	if !errors.As(err, &f) {
		r.raise(body, path, err)
		return
	}
	at := path
	switch {
	case f.Path == "":
	case f.Path[0] == '[':
		at += f.Path
	default:
		at += "." + f.Path
	}
	r.raise(find(body, f.Path), at, f.Err)
}

// stage returns the catalogue of the operators of a stage.
func (r *reader) stage(stage pipeline.Stage) catalogue {
	return catalogue{
		word:  "operator",
		names: slices.DeleteFunc(r.registry.Operators(stage), func(name string) bool { return name == Publish }),
		entry: func(name string) (pipeline.Spec, func(pipeline.Settings) error, bool) {
			e, ok := r.registry.Operator(name)
			return e.Spec, func(s pipeline.Settings) error { return tryOperator(e, s) }, ok && e.Spec.Stage == stage && name != Publish
		},
		misplaced: func(name string) string {
			e, ok := r.registry.Operator(name)
			switch {
			case !ok:
				return ""
			case name == Publish:
				return "publish is put at the end of detect by itself: remove it and list the series under declare"
			}
			return fmt.Sprintf("operator %s belongs to the stage %s: move it there", name, e.Spec.Stage)
		},
	}
}

func tryOperator(e pipeline.OperatorEntry, s pipeline.Settings) error {
	var err error
	if e.NewDetector != nil {
		_, err = e.NewDetector(s)
	} else {
		_, err = e.New(s)
	}
	return err
}

func elsewhere(string) string { return "" }

func (r *reader) codecs() catalogue {
	return catalogue{word: "codec", names: r.registry.Codecs(), misplaced: elsewhere,
		entry: func(name string) (pipeline.Spec, func(pipeline.Settings) error, bool) {
			e, ok := r.registry.Codec(name)
			return e.Spec, func(s pipeline.Settings) error { _, err := e.New(s); return err }, ok
		}}
}

func (r *reader) sourceTypes() catalogue {
	return catalogue{word: "source", names: r.registry.Sources(), misplaced: elsewhere,
		entry: func(name string) (pipeline.Spec, func(pipeline.Settings) error, bool) {
			e, ok := r.registry.Source(name)
			return e.Spec, func(s pipeline.Settings) error { _, err := e.New(s); return err }, ok
		}}
}

func (r *reader) sinkTypes() catalogue {
	return catalogue{word: "sink", names: r.registry.Sinks(), misplaced: elsewhere,
		entry: func(name string) (pipeline.Spec, func(pipeline.Settings) error, bool) {
			e, ok := r.registry.Sink(name)
			return e.Spec, func(s pipeline.Settings) error { _, err := e.New(s); return err }, ok
		}}
}

// sinks reads the section sinks.
func (r *reader) sinks(root *node) []Component {
	return r.components(root, "sinks", r.sinkTypes(), map[string]string{})
}

// components reads a section that is a list of components. taken holds the names that are in use, with their paths.
func (r *reader) components(root *node, section string, from catalogue, taken map[string]string) []Component {
	var out []Component
	for i, item := range r.section(root, section) {
		path := index(section, i)
		c, ok := r.component(item, path, from)
		if c.Settings != nil {
			if first, twice := taken[c.Name]; twice {
				r.fault(item, path, "config.name.duplicate", "the name %s is that of %s already: give this one its own, `- %s: {…}` with `as: …` below", clip(c.Name), first, clip(c.Type))
				continue
			}
			taken[c.Name] = path
		}
		if ok {
			out = append(out, c)
		}
	}
	return out
}
