package config

import (
	"strings"

	"github.com/homeostat/homeostat/pipeline"
)

// Scope is the rule that makes entity, system and lock domain from a series' metric and labels. Of each list of
// templates the first whose labels are all there wins. Without a rule that fits, the entity is "unknown", the system
// "default" and the lock domain the entity.
type Scope struct {
	Entity, System, LockDomain []Template
}

// Of applies the rules. It may be called by any goroutine.
func (s *Scope) Of(metric string, labels pipeline.Labels) pipeline.Scope {
	out := pipeline.Scope{
		Entity: first(s.Entity, metric, labels, "unknown"),
		System: first(s.System, metric, labels, "default"),
	}
	out.Domain = first(s.LockDomain, metric, labels, out.Entity)
	return out
}

func first(templates []Template, metric string, labels pipeline.Labels, otherwise string) string {
	for i := range templates {
		if text, ok := templates[i].Expand(metric, labels); ok {
			return text
		}
	}
	return otherwise
}

// Template is a text with references to labels, {{.label}}, and to the metric's name, {{metric}}. Label names may
// hold dots.
type Template struct {
	text  string
	parts []part
}

// part is a literal text, a label, or the metric's name.
type part struct {
	literal, label string
	metric         bool
}

// String returns the template as it was written.
func (t Template) String() string { return t.text }

// Constant tells whether the template has no references, so that it always fits.
func (t Template) Constant() bool { return len(t.parts) == 1 && t.parts[0].literal != "" }

// Expand fills the template in; ok is false when one of its labels is absent or empty.
func (t Template) Expand(metric string, labels pipeline.Labels) (text string, ok bool) {
	var b strings.Builder
	for _, p := range t.parts {
		value := p.literal
		switch {
		case p.metric:
			value = metric
		case p.label != "":
			value = labels.Get(p.label)
		}
		if value == "" {
			return "", false
		}
		b.WriteString(value)
	}
	return b.String(), true
}

// parseTemplate reads a template. The error has code config.scope.template.
func parseTemplate(text string) (Template, error) {
	t := Template{text: text}
	fail := func(why string) (Template, error) {
		return t, pipeline.Errorf("config.scope.template", "template %q %s: write texts and labels as in {{.env}}/{{.service.name}}", text, why)
	}
	rest := text
	for rest != "" {
		literal, after, found := strings.Cut(rest, "{{")
		if strings.Contains(literal, "}}") {
			return fail("closes what it does not open")
		}
		if literal != "" {
			t.parts = append(t.parts, part{literal: literal})
		}
		if !found {
			break
		}
		reference, after, closed := strings.Cut(after, "}}")
		reference = strings.TrimSpace(reference)
		label, dotted := strings.CutPrefix(reference, ".")
		switch {
		case !closed:
			return fail("does not close a {{")
		case reference == "metric":
			t.parts = append(t.parts, part{metric: true})
		case !dotted || label == "" || strings.ContainsAny(label, " \t{}|()\""):
			return fail("has {{" + reference + "}}, which is no label")
		default:
			t.parts = append(t.parts, part{label: label})
		}
		rest = after
	}
	if len(t.parts) == 0 {
		return fail("is empty")
	}
	return t, nil
}

func scopeSettings() []pipeline.Setting {
	templates := []pipeline.Setting{{Type: pipeline.String, Example: `"{{.service.name}}"`}}
	return []pipeline.Setting{
		{Name: "entity", Type: pipeline.List, Fields: templates, Example: `["{{.service.name}}", "{{.pod}}"]`,
			Default: []any{"{{.service.name}}", "{{.service}}", "{{.host.name}}", "{{.host}}"},
			Doc:     "What has health."},
		{Name: "system", Type: pipeline.List, Fields: templates, Default: []any{"default"}, Example: `"{{.env}}/{{.app}}"`,
			Doc: "The entities that are diagnosed together."},
		{Name: "lock_domain", Type: pipeline.List, Fields: templates, Example: `"{{.service.name}}"`,
			Doc: "The smallest scope in which two actions may conflict; the entity if nothing else is said."},
	}
}

// scope reads the section scope.
func (r *reader) scope(root *node) Scope {
	n := root.member("scope")
	if absent(n) {
		n = &node{file: root.file, line: root.line, column: root.column, shape: mapping}
	}
	for _, name := range []string{"entity", "system", "lock_domain"} {
		listed(n.member(name), "")
	}
	s := r.settings(n, "scope", scopeSettings())
	templates := func(name string) []Template {
		var out []Template
		for i, text := range s.Texts(name) {
			t, err := parseTemplate(text)
			if err != nil {
				path := index(join("scope", name), i)
				r.raise(find(root, path), path, err)
				continue
			}
			out = append(out, t)
		}
		return out
	}
	return Scope{Entity: templates("entity"), System: templates("system"), LockDomain: templates("lock_domain")}
}
