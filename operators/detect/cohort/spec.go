package cohort

import (
	"errors"
	"fmt"
	"strings"

	"github.com/homeostat/homeostat/operators/choose"
	"github.com/homeostat/homeostat/operators/detect/alarm"
	"github.com/homeostat/homeostat/operators/detect/ewma"
	"github.com/homeostat/homeostat/operators/detect/members"
	"github.com/homeostat/homeostat/pipeline"
)

const (
	name    = "cohort"
	version = 1
)

// judgement are the settings that an entry of series may say otherwise.
func judgement() []pipeline.Setting {
	return []pipeline.Setting{
		{Name: "threshold", Type: pipeline.Float, Default: 8.0, Min: pipeline.Bound(1), Max: pipeline.Bound(1e6), Doc: "The z beyond which a window is abnormal."},
		{Name: "direction", Type: pipeline.String, Default: "both", Enum: []string{"both", "up", "down"}, Doc: "Where values are abnormal."},
	}
}

// Spec describes the detector.
func Spec() pipeline.Spec {
	text := []pipeline.Setting{{Type: pipeline.String}}
	settings := choose.Settings("[{metric: http.latency, direction: up}, {metric: cpu.*}]", choose.Overriding(judgement())...)
	settings = append(settings, judgement()...)
	settings = append(settings,
		choose.Across("series whose other labels are equal are a cohort. Series without any of them are in none."),
		pipeline.Setting{Name: "by", Type: pipeline.List, Fields: text, Example: "[service, zone]",
			Doc: "In place of across: series of which these labels are equal are a cohort, whatever the others. Series without any of them are in none."},
		pipeline.Whole("peers", 4, 2, 100_000, "A series needs so many others to be compared with."),
		pipeline.Whole("average", 11, 1, 1000, "The span of the moving average in which a member is seen to drift from its usual place."),
		pipeline.Whole("history", 1440, 4, 1_000_000, "Over how many windows a member's usual place among its peers is learned."),
		pipeline.Whole("warmup", 240, 4, 1_000_000, "The number of windows of a member before anything is said about it."),
		pipeline.Whole("adapt", 720, 8, 1_000_000, "After so many abnormal windows of one finding the new place is taken for usual."),
		pipeline.Setting{Name: "relative", Type: pipeline.Float, Default: 0.02, Min: pipeline.Bound(0), Max: pipeline.Bound(1e3), Doc: "The scale is at least this share of what is expected."},
		pipeline.Setting{Name: "absolute", Type: pipeline.Float, Default: 1e-9, Min: pipeline.Bound(1e-300), Doc: "The scale is at least this, in the metric's unit."},
		alarm.Release(0.5),
		pipeline.ScoresSetting(),
	)
	settings = append(settings, alarm.Settings(alarm.Config{Hold: 2, Of: 3, Clear: 3, Rest: 6, Update: 30, Gone: 30, Habit: alarm.Habit, Settle: alarm.Settle})...)
	return pipeline.Spec{
		Name: name, Version: version, Settings: settings, Accepts: pipeline.Accepts{Overlapping: true}, Across: true,
		Doc: "Finds the one instance that is unlike its peers.",
	}
}

// Register adds the detector to the registry.
func Register(r *pipeline.Registry) { r.AddDetector(Spec(), New) }

// New makes the detector.
func New(s pipeline.Settings) (pipeline.Detector, error) {
	d := &Detector{
		scale: ewma.ReadScale(s), alpha: 2 / (float64(s.Int("average")) + 1), relative: s.Float("relative"), absolute: s.Float("absolute"), peers: int(s.Int("peers")),
	}
	var fault error
	by := s.Texts("by")
	if len(by) > 0 && s.Has("across") {
		fault = &pipeline.SettingFault{Path: "by", Err: pipeline.Errorf("cohort.by", "across and by both say what a cohort is: name either the labels that tell instances apart, or those that a cohort has in common")}
	}
	key := func(b []byte, s *pipeline.Series) ([]byte, bool) { return members.Alike(members.Metric(b, s), s, by) }
	d.kind = fmt.Sprintf("by %s", strings.Join(by, ", "))
	if len(by) == 0 {
		across := choose.ReadAcross(s)
		d.kind = "across " + strings.Join(across, ", ")
		key = func(b []byte, s *pipeline.Series) ([]byte, bool) { return choose.Alike(b, s, across) }
	}
	part, entries, err := members.NewPart(s, d, key)
	d.Part = part
	for _, r := range choose.Over(s, entries, judgement()) {
		d.rules = append(d.rules, readRule(r))
	}
	return d, errors.Join(err, fault)
}

// rule is how a member is judged.
type rule struct {
	threshold float64
	up, down  bool
}

func readRule(s pipeline.Settings) rule {
	direction := s.Text("direction")
	return rule{s.Float("threshold"), direction != "down", direction != "up"}
}
