package config

import (
	"slices"

	"github.com/homeostat/homeostat/pipeline"
)

// Publish is the operator that the planner puts at the end of detect: it sends the windows of declared series on.
const Publish = "publish"

// operators reads the sections detect and operate. Names are unique over both, since they are part of events' ids.
func (r *reader) operators(root *node, c *Config) {
	if absent(root.member("detect")) || len(root.member("detect").items) == 0 && root.member("detect").shape == list {
		r.at(root, "detect", "config.key.missing", "is required: list the operators of the stage detect, `- window: {size: 10s}` first")
	}
	before := len(r.faults)
	taken := map[string]string{Publish: "the operator at the end of detect"}
	c.Detect = r.components(root, "detect", r.stage(pipeline.Detect), taken)
	c.Operate = r.components(root, "operate", r.stage(pipeline.Operate), taken)
	if len(r.faults) > before {
		return
	}
	r.kinds(root, "detect", c.Detect, []pipeline.Kind{pipeline.Points, pipeline.Logs})
	r.kinds(root, "operate", c.Operate, []pipeline.Kind{pipeline.Events})
}

// kinds checks that each operator gets batches that it takes.
func (r *reader) kinds(root *node, section string, chain []Component, have []pipeline.Kind) {
	windows := ""
	for i, c := range chain {
		e, _ := r.registry.Operator(c.Type)
		path := index(section, i)
		if !overlap(e.Spec.Consumes, have) {
			if slices.Contains(e.Spec.Consumes, pipeline.Windows) {
				r.at(root, path, "config.detect.window.missing", "%s takes windows, and nothing before it makes any: put `- window: {size: 10s}` first", c.Name)
			} else {
				r.at(root, path, "config.component.order", "%s takes %v, and nothing before it makes any: move it or add what does", c.Name, e.Spec.Consumes)
			}
		}
		if slices.Contains(e.Spec.Emits, pipeline.Windows) && !slices.Contains(e.Spec.Consumes, pipeline.Windows) {
			if windows != "" {
				r.at(root, path, "config.detect.window.twice", "%s makes windows already: keep one of the two", windows)
			}
			windows = path
		}
		if slices.Contains(e.Spec.Emits, pipeline.Points) && !r.taken(pipeline.Points, chain[i+1:]) {
			r.at(root, path, "config.component.untaken", "%s makes points, and nothing behind it takes them: move it before what makes windows of them", c.Name)
		}
		have = append(have, e.Spec.Emits...)
	}
}

// taken says that one of the operators takes a kind.
func (r *reader) taken(kind pipeline.Kind, by []Component) bool {
	return slices.ContainsFunc(by, func(c Component) bool {
		e, _ := r.registry.Operator(c.Type)
		return slices.Contains(e.Spec.Consumes, kind)
	})
}

func overlap(a, b []pipeline.Kind) bool {
	return slices.ContainsFunc(a, func(k pipeline.Kind) bool { return slices.Contains(b, k) })
}
