package presence

import (
	"github.com/homeostat/homeostat/operators/detect/alarm"
	"github.com/homeostat/homeostat/pipeline"
)

const (
	name    = "presence"
	version = 2
)

// Spec describes the detector.
func Spec() pipeline.Spec {
	whole := func(name string, v, least int, doc string) pipeline.Setting {
		return pipeline.Setting{Name: name, Type: pipeline.Int, Default: int64(v), Min: pipeline.Bound(float64(least)), Max: pipeline.Bound(1e6), Doc: doc}
	}
	exponent := func(name string, v float64, doc string) pipeline.Setting {
		return pipeline.Setting{Name: name, Type: pipeline.Float, Default: v, Min: pipeline.Bound(1), Max: pipeline.Bound(300), Doc: doc}
	}
	return pipeline.Spec{
		Name: name, Version: version,
		Doc: "Finds kinds of log lines that are new, and kinds that stay away. It needs the operator templates.",
		Settings: []pipeline.Setting{
			exponent("rare", 3, "New templates are told of when as many come by chance in one of 10^rare windows."),
			exponent("sure", 9, "A template has vanished when chance keeps it away with a probability of 10^-sure."),
			whole("warmup", 60, 2, "For so many windows of a system nothing is new, and for as many again it is only learned how often something is. To vanish a template must have been in as many."),
			whole("history", 8640, 10, "Over so many windows it is forgotten how often there was something new, and how often a series was there."),
			whole("most", 5, 1, "At most so many new templates of one system and window are told of."),
			whole("clear", 6, 1, "A finding closes so many windows after the template was new, or after it was there again."),
			whole("gone", 360, 1, "A template that was absent for so many windows is forgotten."),
		},
	}
}

// Register adds the detector to the registry.
func Register(r *pipeline.Registry) { r.AddDetector(Spec(), New) }

// New makes the detector.
func New(s pipeline.Settings) (pipeline.Detector, error) {
	if warmup, history := s.Int("warmup"), s.Int("history"); 2*warmup > history {
		return nil, &pipeline.SettingFault{Path: "warmup", Err: pipeline.Errorf("presence.warmup", "a warmup of %d windows is not within half of the %d of history and may never end: make it shorter, or history longer", warmup, history)}
	}
	return &Detector{
		rare: s.Float("rare"), sure: s.Float("sure"), warmup: float64(s.Int("warmup")), history: float64(s.Int("history")),
		most: int(s.Int("most")), gone: s.Int("gone"),
		alarm:   alarm.New(alarm.Config{Hold: 1, Of: 1, Clear: int(s.Int("clear")), Update: 1 << 20}),
		systems: map[string]*system{}, streams: map[string]uint32{}, seen: map[template]bool{},
	}, nil
}
