package novelty

import (
	"github.com/homeostat/homeostat/operators/choose"
	"github.com/homeostat/homeostat/operators/detect/alarm"
	"github.com/homeostat/homeostat/pipeline"
)

const (
	name    = "novelty"
	version = 1
)

// Spec describes the detector.
func Spec() pipeline.Spec {
	settings := append(choose.Settings("[{metric: http.*}, {metric: queue.length}]"), []pipeline.Setting{
		{Name: "threshold", Type: pipeline.Float, Default: 1.4, Min: pipeline.Bound(0.1), Max: pipeline.Bound(1000), Doc: "The novelty that is told."},
		{Name: "vigilance", Type: pipeline.Float, Default: 0.4, Min: pipeline.Bound(0.01), Max: pipeline.Bound(10), Doc: "What is farther than this from all known patterns is one more pattern."},
		{Name: "memory", Type: pipeline.Int, Default: int64(4800), Min: pipeline.Bound(480), Max: pipeline.Bound(100_000), Doc: "For how many values patterns and scale are remembered. It takes two bytes a value and 11 KB for each series."},
		{Name: "warmup", Type: pipeline.Int, Default: int64(150), Min: pipeline.Bound(60), Max: pipeline.Bound(100_000), Doc: "The number of values of a series before anything is said about it."},
		choose.Most(),
		pipeline.ScoresSetting(),
	}...)
	settings = append(settings, alarm.Settings(alarm.Config{Hold: 1, Of: 1, Clear: 60, Rest: 0, Update: 600, Gone: 120, Settle: alarm.Settle})...)
	return pipeline.Spec{
		Name: name, Version: version, Settings: settings, Accepts: pipeline.Accepts{Overlapping: true, Irregular: true},
		Doc: "Finds what a series has not done before, on several time scales.",
	}
}

// Register adds the detector to the registry.
func Register(r *pipeline.Registry) { r.AddDetector(Spec(), New) }
