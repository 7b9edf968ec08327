package group

import (
	"maps"

	"github.com/homeostat/homeostat/operators/choose"
	"github.com/homeostat/homeostat/operators/detect/alarm"
	"github.com/homeostat/homeostat/operators/detect/ewma"
	"github.com/homeostat/homeostat/operators/detect/members"
	"github.com/homeostat/homeostat/pipeline"
)

const (
	name    = "group"
	version = 1
)

// Spec describes the detector.
func Spec() pipeline.Spec {
	settings := choose.Settings("[{metric: cpu.*}, {metric: latency.*}, {metric: queue.*}]")
	settings = append(settings,
		pipeline.Setting{Name: "by", Type: pipeline.List, Fields: []pipeline.Setting{{Type: pipeline.String}}, Example: "[pod]",
			Doc: "Series of which these labels are equal are looked at together, in each system. Without it those of one entity."},
		pipeline.Setting{Name: "threshold", Type: pipeline.Float, Default: 5.0, Min: pipeline.Bound(1), Max: pipeline.Bound(1e6), Doc: "So many standard deviations above what the distance usually is are abnormal."},
		pipeline.Whole("average", 11, 1, 1000, "The span of the moving averages over which distances are seen."),
		pipeline.Whole("history", 200, 16, 1_000_000, "Over how many windows the usual value of a series is learned."),
		pipeline.Whole("memory", 1440, 16, 1_000_000, "Over how many windows it is learned how the series of an entity go together, and how far they are from it."),
		pipeline.Whole("warmup", 240, 12, 1_000_000, "The number of windows before anything is said: a third for values, a third for how they go together, a third for distances."),
		pipeline.Whole("adapt", 720, 8, 1_000_000, "After so many abnormal windows of one finding the entity is learned anew."),
		pipeline.Setting{Name: "relative", Type: pipeline.Float, Default: 0.01, Min: pipeline.Bound(0), Max: pipeline.Bound(1e3), Doc: "The scale of a series is at least this share of its average."},
		pipeline.Setting{Name: "absolute", Type: pipeline.Float, Default: 1e-9, Min: pipeline.Bound(1e-300), Doc: "The scale of a series is at least this, in the metric's unit."},
		alarm.Release(0.5),
		pipeline.ScoresSetting(),
	)
	settings = append(settings, alarm.Settings(alarm.Config{Hold: 2, Of: 3, Clear: 3, Rest: 6, Update: 30, Gone: 30, Habit: alarm.Habit, Settle: alarm.Settle})...)
	return pipeline.Spec{
		Name: name, Version: version, Settings: settings, Accepts: pipeline.Accepts{Overlapping: true},
		Doc: "Finds entities whose series are abnormal together, though none may be by itself.",
	}
}

// Register adds the detector to the registry.
func Register(r *pipeline.Registry) { r.AddDetector(Spec(), New) }

// New makes the detector.
func New(s pipeline.Settings) (pipeline.Detector, error) {
	memory := float64(s.Int("memory"))
	usual := maps.Clone(s)
	usual["history"] = s["memory"]
	d := &Detector{
		scale: ewma.ReadScale(s), usual: ewma.ReadScale(usual), threshold: s.Float("threshold"), gone: s.Int("gone"),
		alpha: 2 / (float64(s.Int("average")) + 1), slow: 2 / (memory + 1), phase: uint32(s.Int("warmup") / 3), adapt: uint32(s.Int("adapt")),
	}
	d.enough = min(d.phase, uint32(memory/2)) // no more are counted
	key := members.Entity
	if by := s.Texts("by"); len(by) > 0 {
		d.kind = by
		key = func(b []byte, s *pipeline.Series) ([]byte, bool) {
			return members.Alike(members.Text(b, s.System), s, by)
		}
	}
	part, _, err := members.NewPart(s, d, key)
	d.Part = part
	return d, err
}
