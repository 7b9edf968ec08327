package errorlogs

import (
	"github.com/homeostat/homeostat/operators/detect/alarm"
	"github.com/homeostat/homeostat/operators/detect/baseline"
	"github.com/homeostat/homeostat/pipeline"
)

const (
	name    = "errorlogs"
	version = 1
)

// Spec describes the detector.
func Spec() pipeline.Spec {
	settings := []pipeline.Setting{
		{Name: "threshold", Type: pipeline.Float, Default: 6.0, Min: pipeline.Bound(1), Max: pipeline.Bound(1e6), Doc: "So many standard deviations above what is usual are abnormal."},
		{Name: "min_errors", Type: pipeline.Int, Default: int64(5), Min: pipeline.Bound(1), Doc: "Fewer errors in a window are never abnormal."},
		alarm.Release(0.5),
	}
	settings = append(settings, baseline.Settings(baseline.Config{History: 120, Warmup: 20, Adapt: 360})...)
	settings = append(settings, alarm.Settings(alarm.Config{Hold: 2, Of: 3, Clear: 6, Rest: 6, Update: 30, Gone: 6, Habit: alarm.Habit, Settle: alarm.Settle})...)
	return pipeline.Spec{
		Name: name, Version: version, Settings: settings, Accepts: pipeline.Accepts{Overlapping: true},
		Doc: "Finds log streams with more errors in a window than chance and their own past explain.",
	}
}

// Register adds the detector to the registry.
func Register(r *pipeline.Registry) { r.AddDetector(Spec(), New) }
