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
	settings := append(choose.Settings("[{metric: cpu.*, threshold: 12}, {metric: latency.*, direction: up}]", choose.Overriding(judgement())...), choose.Most(),
		alarm.Release(0.5))
	settings = append(settings, judgement()...)
	settings = append(settings, baseline.Settings(baseline.Config{History: 120, Warmup: 20, Adapt: 360})...)
	settings = append(settings, pipeline.ScoresSetting())
	settings = append(settings, alarm.Settings(alarm.Config{Hold: 3, Of: 4, Clear: 3, Rest: 6, Update: 30, Gone: 30, Habit: alarm.Habit, Settle: alarm.Settle})...)
	return pipeline.Spec{
		Name: name, Version: version, Settings: settings, Accepts: pipeline.Accepts{Overlapping: true},
		Doc: "Finds values far from the running median of their series, in units of its running scale.",
	}
}

// judgement are the settings that an entry of series may say otherwise.
func judgement() []pipeline.Setting {
	return []pipeline.Setting{
		{Name: "threshold", Type: pipeline.Float, Default: 8.0, Min: pipeline.Bound(1), Max: pipeline.Bound(1e6), Doc: "The z beyond which a window is abnormal."},
		{Name: "relative", Type: pipeline.Float, Default: 0.05, Min: pipeline.Bound(0), Max: pipeline.Bound(1e3), Doc: "The scale is at least this share of the median."},
		{Name: "absolute", Type: pipeline.Float, Default: 1e-9, Min: pipeline.Bound(1e-300), Doc: "The scale is at least this, in the metric's unit."},
		{Name: "direction", Type: pipeline.String, Default: "both", Enum: []string{"both", "up", "down"}, Doc: "Where values are abnormal."},
	}
}

// Register adds the detector to the registry.
func Register(r *pipeline.Registry) { r.AddDetector(Spec(), New) }

// rule is how the series of one entry are judged.
type rule struct {
	threshold, relative, absolute float64
	up, down                      bool
}

func newRule(s pipeline.Settings) rule {
	direction := s.Text("direction")
	return rule{s.Float("threshold"), s.Float("relative"), s.Float("absolute"), direction != "down", direction != "up"}
}
