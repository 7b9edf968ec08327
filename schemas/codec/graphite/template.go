package graphite

import (
	"slices"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
)

// template says what becomes of the parts of a path: a label's name, or one of the words below.
type template []string

const (
	inName  = "*"
	dropped = "_"
)

func newTemplate(pattern string) (template, error) {
	t := template(strings.Split(pattern, "."))
	if slices.Contains(t, "") {
		return nil, pipeline.Errorf("graphite.path_labels.pattern", "pattern %q has an empty part: write a label's name, * or _ between the dots", pattern)
	}
	if !slices.Contains(t, inName) {
		return nil, pipeline.Errorf("graphite.path_labels.name", "pattern %q leaves no part for the metric's name: put a * where it stands", pattern)
	}
	return t, nil
}

// apply returns the metric's name and the labels that a path has by the template; not ok if it does not fit.
func (t template) apply(path string) (metric string, labels []pipeline.Label, ok bool) {
	parts := strings.Split(path, ".")
	open := t[len(t)-1] == inName
	if len(parts) < len(t) || len(parts) > len(t) && !open {
		return "", nil, false
	}
	var name []string
	for i, part := range parts {
		what := inName
		if i < len(t) {
			what = t[i]
		}
		switch {
		case part == "":
			return "", nil, false
		case what == inName:
			name = append(name, part)
		case what != dropped:
			labels = append(labels, pipeline.Label{Name: what, Value: part})
		}
	}
	return strings.Join(name, "."), labels, true
}
