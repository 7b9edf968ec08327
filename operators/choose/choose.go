// Package choose reads which series a component looks at. It is a library for operators, not one of them.
package choose

import (
	"errors"
	"maps"
	"path"
	"slices"
	"strconv"

	"github.com/homeostat/homeostat/pipeline"
)

// None is the rule of a series that is not watched.
const None = -1

// Selector returns the settings that Read reads.
func Selector() []pipeline.Setting {
	return []pipeline.Setting{
		{Name: "metric", Type: pipeline.String, Required: true, Doc: "The metric's name; * stands for any characters but /.", Example: "cpu.*"},
		{Name: "labels", Type: pipeline.Map, Fields: []pipeline.Setting{{Type: pipeline.String}}, Doc: "Patterns that labels must fit.", Example: "{service: cart}"},
	}
}

// Read reads a selector that stands at a path of the component's settings.
func Read(at string, s pipeline.Settings) (pipeline.Selector, error) {
	out := pipeline.Selector{Metric: s.Text("metric")}
	if s.Has("labels") {
		out.Labels = s.TextMap("labels")
	}
	err := check(at+".metric", out.Metric)
	for _, label := range slices.Sorted(maps.Keys(out.Labels)) {
		err = errors.Join(err, check(at+".labels."+label, out.Labels[label]))
	}
	return out, err
}

func check(at, pattern string) error {
	if _, err := path.Match(pattern, ""); err != nil {
		return &pipeline.SettingFault{Path: at, Err: pipeline.Errorf("series.pattern", "%q is no pattern: close what [ opens, and write \\[ for the character itself", pattern)}
	}
	return nil
}

// Rules say by which rule a series is judged.
type Rules struct{ series, exclude []pipeline.Selector }

// Settings returns the settings series and exclude; judgement is what an entry of series can say besides its selector.
func Settings(example string, judgement ...pipeline.Setting) []pipeline.Setting {
	return []pipeline.Setting{
		{Name: "series", Type: pipeline.List, Doc: "The series to watch; the first entry that fits counts. Without it all series of numbers are watched.",
			Example: example, Fields: []pipeline.Setting{{Type: pipeline.Object, Fields: append(Selector(), judgement...)}}},
		{Name: "exclude", Type: pipeline.List, Doc: "Series not to watch.", Example: "[{metric: process.uptime}]",
			Fields: []pipeline.Setting{{Type: pipeline.Object, Fields: Selector()}}},
	}
}

// ReadRules reads them; rules are the entries of series, in order.
func ReadRules(s pipeline.Settings) (r Rules, rules []pipeline.Settings, err error) {
	if r.series, err = readList("series", s); err == nil {
		r.exclude, err = readList("exclude", s)
	}
	return r, s.Objects("series"), err
}

func readList(name string, s pipeline.Settings) (out []pipeline.Selector, err error) {
	for i, o := range s.Objects(name) {
		sel, fault := Read(name+"["+strconv.Itoa(i)+"]", o)
		out, err = append(out, sel), errors.Join(err, fault)
	}
	return out, err
}

// Len returns the number of entries of series.
func (r *Rules) Len() int { return len(r.series) }

// Of returns the entry of series that counts for a series, 0 where the configuration names none, and None for what is not watched:
// log streams, the indicators of service-level objectives and what detectors say of series have detectors of their own.
func (r *Rules) Of(s *pipeline.Series) int {
	if s.IsDerived() {
		return None
	}
	return r.Any(s)
}

// Any is Of for components that are made for derived series, too.
func (r *Rules) Any(s *pipeline.Series) int {
	if s.Type == pipeline.Stream {
		return None
	}
	matches := func(sel pipeline.Selector) bool { return sel.Match(s) }
	if slices.ContainsFunc(r.exclude, matches) {
		return None
	}
	if len(r.series) == 0 {
		return 0
	}
	return slices.IndexFunc(r.series, matches)
}
