package forecast

import (
	"time"

	"github.com/homeostat/homeostat/operators/choose"
	"github.com/homeostat/homeostat/operators/detect/alarm"
	"github.com/homeostat/homeostat/pipeline"
)

const (
	name    = "forecast"
	version = 1
)

// Spec describes the detector.
func Spec() pipeline.Spec {
	settings := choose.Settings("[{metric: http.requests, threshold: 8}, {metric: sessions.*, direction: down}]", choose.Overriding(judgement())...)
	settings = append(settings, judgement()...)
	settings = append(settings, []pipeline.Setting{
		{Name: "adapt", Type: pipeline.Duration, Default: 24 * time.Hour, Min: pipeline.Bound(float64(time.Minute)), Doc: "When a finding has lasted for so long its level is taken for normal."},
		alarm.Release(0.5),
		pipeline.ScoresSetting(),
	}...)
	settings = append(settings, alarm.Settings(alarm.Config{Hold: 3, Of: 4, Clear: 3, Rest: 6, Update: 30, Gone: 30, Settle: alarm.Settle})...)
	return pipeline.Spec{
		Name: name, Version: version, Settings: settings, Accepts: pipeline.Accepts{Overlapping: true, Irregular: true},
		Doc: "Finds values that are not what their series shows at this time of the day and of the week.",
	}
}

// judgement are the settings that an entry of series may say otherwise.
func judgement() []pipeline.Setting {
	return []pipeline.Setting{
		{Name: "threshold", Type: pipeline.Float, Default: 6.0, Min: pipeline.Bound(1), Max: pipeline.Bound(1e6), Doc: "How many scales beyond what is expected a window is abnormal."},
		{Name: "direction", Type: pipeline.String, Default: "both", Enum: []string{"both", "up", "down"}, Doc: "Where values are abnormal."},
		{Name: "relative", Type: pipeline.Float, Default: 0.02, Min: pipeline.Bound(0), Max: pipeline.Bound(1e3), Doc: "The scale is at least this share of what is expected."},
		{Name: "absolute", Type: pipeline.Float, Default: 1e-9, Min: pipeline.Bound(1e-30), Doc: "The scale is at least this, in the metric's unit."},
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
