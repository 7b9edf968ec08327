package robustz

import (
	"errors"
	"maps"
	"path"
	"slices"
	"strconv"

	"github.com/homeostat/homeostat/operators/detect/alarm"
	"github.com/homeostat/homeostat/operators/detect/baseline"
	"github.com/homeostat/homeostat/pipeline"
)

const (
	name    = "robustz"
	version = 1
)

// Spec describes the detector.
func Spec() pipeline.Spec {
	settings := []pipeline.Setting{
		{Name: "series", Type: pipeline.List, Doc: "The series to watch; the first entry that fits counts. Without it all series of numbers are watched.",
			Example: "[{metric: cpu.*, threshold: 12}, {metric: latency.*, direction: up}]",
			Fields:  []pipeline.Setting{{Type: pipeline.Object, Fields: append(selector(), judgement(nil)...)}}},
		{Name: "exclude", Type: pipeline.List, Doc: "Series not to watch.", Example: "[{metric: process.uptime}]",
			Fields: []pipeline.Setting{{Type: pipeline.Object, Fields: selector()}}},
		{Name: "release", Type: pipeline.Float, Default: 0.5, Min: pipeline.Bound(0.05), Max: pipeline.Bound(1), Doc: "A window is calm when its score is below."},
	}
	settings = append(settings, judgement(&defaults)...)
	settings = append(settings, baseline.Settings(baseline.Config{History: 120, Warmup: 20, Adapt: 360})...)
	settings = append(settings, pipeline.ScoresSetting())
	settings = append(settings, alarm.Settings(alarm.Config{Hold: 3, Of: 4, Clear: 3, Rest: 6, Update: 30, Gone: 30})...)
	return pipeline.Spec{
		Name: name, Version: version, Settings: settings, Accepts: pipeline.Accepts{Overlapping: true},
		Doc: "Finds values far from the running median of their series, in units of its running scale.",
	}
}

// defaults is how series are judged unless the configuration says otherwise.
var defaults = rule{threshold: 8, relative: 0.05, absolute: 1e-9, direction: "both"}

// rule is how the series of one selector are judged.
type rule struct {
	selector                      pipeline.Selector
	threshold, relative, absolute float64
	direction                     string
}

func selector() []pipeline.Setting {
	return []pipeline.Setting{
		{Name: "metric", Type: pipeline.String, Required: true, Doc: "The metric's name; * stands for any characters but /.", Example: "cpu.*"},
		{Name: "labels", Type: pipeline.Map, Fields: []pipeline.Setting{{Type: pipeline.String}}, Doc: "Patterns that labels must fit.", Example: "{service: cart}"},
	}
}

// judgement returns the settings of a rule, without defaults where they only override.
func judgement(d *rule) []pipeline.Setting {
	settings := []pipeline.Setting{
		{Name: "threshold", Type: pipeline.Float, Min: pipeline.Bound(1), Max: pipeline.Bound(1e6), Doc: "The z beyond which a window is abnormal."},
		{Name: "relative", Type: pipeline.Float, Min: pipeline.Bound(0), Max: pipeline.Bound(1e3), Doc: "The scale is at least this share of the median."},
		{Name: "absolute", Type: pipeline.Float, Min: pipeline.Bound(1e-300), Doc: "The scale is at least this, in the metric's unit."},
		{Name: "direction", Type: pipeline.String, Enum: []string{"both", "up", "down"}, Doc: "Where values are abnormal."},
	}
	if d != nil {
		for i, v := range []any{d.threshold, d.relative, d.absolute, d.direction} {
			settings[i].Default = v
		}
	}
	return settings
}

// readRule takes what the settings say and the rest from base.
func readRule(s pipeline.Settings, base rule) rule {
	r := base
	if s.Has("threshold") {
		r.threshold = s.Float("threshold")
	}
	if s.Has("relative") {
		r.relative = s.Float("relative")
	}
	if s.Has("absolute") {
		r.absolute = s.Float("absolute")
	}
	if s.Has("direction") {
		r.direction = s.Text("direction")
	}
	return r
}

func readSelector(at string, s pipeline.Settings) (pipeline.Selector, error) {
	out := pipeline.Selector{Metric: s.Text("metric")}
	if s.Has("labels") {
		out.Labels = s.TextMap("labels")
	}
	check := func(where, pattern string) error {
		if _, err := path.Match(pattern, ""); err != nil {
			return &pipeline.SettingFault{Path: where, Err: pipeline.Errorf("robustz.pattern", "%q is no pattern: close what [ opens, and write \\[ for the character itself", pattern)}
		}
		return nil
	}
	err := check(at+".metric", out.Metric)
	for _, label := range slices.Sorted(maps.Keys(out.Labels)) {
		err = errors.Join(err, check(at+".labels."+label, out.Labels[label]))
	}
	return out, err
}

func element(list string, i int) string { return list + "[" + strconv.Itoa(i) + "]" }

// Register adds the detector to the registry.
func Register(r *pipeline.Registry) { r.AddDetector(Spec(), New) }
