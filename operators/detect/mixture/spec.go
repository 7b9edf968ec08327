package mixture

import (
	"errors"

	"github.com/homeostat/homeostat/operators/detect/alarm"
	"github.com/homeostat/homeostat/operators/detect/baseline"
	"github.com/homeostat/homeostat/pipeline"
)

const (
	name    = "mixture"
	version = 2
)

// Spec describes the detector.
func Spec() pipeline.Spec {
	settings := []pipeline.Setting{
		{Name: "threshold", Type: pipeline.Float, Default: 8.0, Min: pipeline.Bound(1), Max: pipeline.Bound(1e6), Doc: "So many standard deviations above what is usual are abnormal."},
		alarm.Release(0.5),
		{Name: "min_records", Type: pipeline.Int, Default: int64(50), Min: pipeline.Bound(10), Doc: "A window with fewer records of a stream says nothing about it."},
		{Name: "memory", Type: pipeline.Int, Default: int64(360), Min: pipeline.Bound(8), Max: pipeline.Bound(1e6), Doc: "Over so many windows of a stream the shares of its templates are forgotten."},
	}
	settings = append(settings, baseline.Settings(baseline.Config{History: 120, Warmup: 30, Adapt: 180})...)
	settings = append(settings, alarm.Settings(alarm.Config{Hold: 2, Of: 3, Clear: 3, Rest: 6, Update: 30, Gone: 30, Habit: alarm.Habit, Settle: alarm.Settle})...)
	return pipeline.Spec{
		Name: name, Version: version, Settings: settings,
		Doc: "Finds log streams whose lines are of other kinds than usual. It needs the operator templates.",
	}
}

// Register adds the detector to the registry.
func Register(r *pipeline.Registry) { r.AddDetector(Spec(), New) }

// New makes the detector.
func New(s pipeline.Settings) (pipeline.Detector, error) {
	a, alarmErr := alarm.Read(s)
	b, baselineErr := baseline.Read(s)
	return &Detector{
		threshold: s.Float("threshold"), release: s.Float("release"), least: float64(s.Int("min_records")), memory: float64(s.Int("memory")),
		alarm: alarm.New(a), past: baseline.New(b), streams: map[string]*stream{},
	}, errors.Join(alarmErr, baselineErr)
}
