// Package selection says which series a detector watches: the settings series and exclude. It is a library for detectors, not
// one of them.
package selection

import (
	"errors"
	"maps"
	"path"
	"slices"
	"strconv"

	"github.com/homeostat/homeostat/pipeline"
)

// Series returns the setting series. An entry has the settings in more beside the selector's.
func Series(doc, example string, more ...pipeline.Setting) pipeline.Setting {
	return pipeline.Setting{Name: "series", Type: pipeline.List, Doc: doc, Example: example,
		Fields: []pipeline.Setting{{Type: pipeline.Object, Fields: append(selector(), more...)}}}
}

// Exclude returns the setting exclude.
func Exclude() pipeline.Setting {
	return pipeline.Setting{Name: "exclude", Type: pipeline.List, Doc: "Series not to watch.", Example: "[{metric: process.uptime}]",
		Fields: []pipeline.Setting{{Type: pipeline.Object, Fields: selector()}}}
}

func selector() []pipeline.Setting {
	return []pipeline.Setting{
		{Name: "metric", Type: pipeline.String, Required: true, Doc: "The metric's name; * stands for any characters but /.", Example: "cpu.*"},
		{Name: "labels", Type: pipeline.Map, Fields: []pipeline.Setting{{Type: pipeline.String}}, Doc: "Patterns that labels must fit.", Example: "{service: cart}"},
	}
}

// Selection chooses series of numbers.
type Selection struct{ series, exclude []pipeline.Selector }

// Read returns what the two settings say.
func Read(s pipeline.Settings) (Selection, error) {
	var c Selection
	var all error
	for _, list := range []struct {
		name string
		to   *[]pipeline.Selector
	}{{"series", &c.series}, {"exclude", &c.exclude}} {
		for i, o := range s.Objects(list.name) {
			sel, err := read(list.name+"["+strconv.Itoa(i)+"]", o)
			all = errors.Join(all, err)
			*list.to = append(*list.to, sel)
		}
	}
	return c, all
}

func read(at string, s pipeline.Settings) (pipeline.Selector, error) {
	out := pipeline.Selector{Metric: s.Text("metric")}
	if s.Has("labels") {
		out.Labels = s.TextMap("labels")
	}
	check := func(where, pattern string) error {
		if _, err := path.Match(pattern, ""); err != nil {
			return &pipeline.SettingFault{Path: where, Err: pipeline.Errorf("selection.pattern", "%q is no pattern: close what [ opens, and write \\[ for the character itself", pattern)}
		}
		return nil
	}
	err := check(at+".metric", out.Metric)
	for _, label := range slices.Sorted(maps.Keys(out.Labels)) {
		err = errors.Join(err, check(at+".labels."+label, out.Labels[label]))
	}
	return out, err
}

// Entries returns the number of entries in series, 0 where all series are watched.
func (c *Selection) Entries() int { return len(c.series) }

// None is what Of returns for a series that is not watched.
const None = -1

// Of returns the first entry of series that chooses a series, 0 where there are no entries. Log streams and what is derived of other
// detectors or for objectives are not watched.
func (c *Selection) Of(s *pipeline.Series) int {
	if s.Type == pipeline.Stream || s.IsDerived() {
		return None
	}
	for _, sel := range c.exclude {
		if sel.Match(s) {
			return None
		}
	}
	if len(c.series) == 0 {
		return 0
	}
	return slices.IndexFunc(c.series, func(sel pipeline.Selector) bool { return sel.Match(s) })
}
