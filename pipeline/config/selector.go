package config

import (
	"path"
	"slices"

	"github.com/homeostat/homeostat/pipeline"
)

func selectorSettings() []pipeline.Setting {
	return []pipeline.Setting{
		{Name: "metric", Type: pipeline.String, Required: true, Example: `"http.*"`,
			Doc: "The metric's name; * stands for any characters but /."},
		{Name: "labels", Type: pipeline.Map, Fields: []pipeline.Setting{{Type: pipeline.String}}, Example: "{route: checkout}",
			Doc: "Labels that must be there, as patterns like metric."},
	}
}

// selector checks the patterns of a selector that stands at a path.
func (r *reader) selector(root *node, at string, s pipeline.Settings) pipeline.Selector {
	out := pipeline.Selector{Metric: s.Text("metric")}
	if s.Has("labels") {
		out.Labels = s.TextMap("labels")
	}
	r.pattern(root, join(at, "metric"), out.Metric)
	for _, name := range sortedKeys(out.Labels) {
		r.pattern(root, join(join(at, "labels"), name), out.Labels[name])
	}
	return out
}

func (r *reader) pattern(root *node, at, pattern string) {
	if _, err := path.Match(pattern, ""); err != nil {
		r.at(root, at, "config.selector.pattern", "%q is no pattern: close what [ opens, and write \\[ for the character itself", pattern)
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// declare reads the section declare. An empty metric selects streams of logs.
func (r *reader) declare(root *node) []pipeline.Selector {
	var out []pipeline.Selector
	for i, s := range r.objects(root, "declare", selectorSettings()) {
		if s.Has("metric") {
			out = append(out, r.selector(root, index("declare", i), s))
		}
	}
	return out
}

// objects reads a section that is a list of mappings; the result has one element for each of the file's. Nil when the
// section is not given.
func (r *reader) objects(root *node, section string, fields []pipeline.Setting, elsewhere ...string) []pipeline.Settings {
	items := r.section(root, section)
	out := make([]pipeline.Settings, len(items))
	for i, item := range items {
		out[i] = r.settings(item, index(section, i), fields, elsewhere...)
	}
	return out
}

// section returns the elements of a section that is a list.
func (r *reader) section(root *node, name string) []*node {
	n := root.member(name)
	switch {
	case absent(n) || n.shape == broken:
		return nil
	case n.shape != list:
		r.fault(n, name, "config.value.type", "%s is no list: begin each element with a dash", n.what())
		return nil
	}
	return n.items
}
