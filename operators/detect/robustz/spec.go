package robustz

import (
	"github.com/homeostat/homeostat/operators/choose"
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
	settings := append(choose.Settings("[{metric: cpu.*, threshold: 12}, {metric: latency.*, direction: up}]", judgement(nil)...), choose.Most(),
		alarm.Release(0.5))
	settings = append(settings, judgement(&defaults)...)
	settings = append(settings, baseline.Settings(baseline.Config{History: 120, Warmup: 20, Adapt: 360})...)
	settings = append(settings, pipeline.ScoresSetting())
	settings = append(settings, alarm.Settings(alarm.Config{Hold: 3, Of: 4, Clear: 3, Rest: 6, Update: 30, Gone: 30, Habit: alarm.Habit, Settle: alarm.Settle})...)
	return pipeline.Spec{
		Name: name, Version: version, Settings: settings, Accepts: pipeline.Accepts{Overlapping: true},
		Doc: "Finds values far from the running median of their series, in units of its running scale.",
	}
}

// defaults is how series are judged unless the configuration says otherwise.
var defaults = rule{threshold: 8, relative: 0.05, absolute: 1e-9, direction: "both"}

// rule is how the series of one entry are judged.
type rule struct {
	threshold, relative, absolute float64
	direction                     string
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

// Register adds the detector to the registry.
func Register(r *pipeline.Registry) { r.AddDetector(Spec(), New) }
