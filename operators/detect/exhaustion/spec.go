package exhaustion

import (
	"errors"
	"fmt"
	"time"

	"github.com/homeostat/homeostat/operators/choose"
	"github.com/homeostat/homeostat/operators/detect/alarm"
	"github.com/homeostat/homeostat/pipeline"
)

const (
	name    = "exhaustion"
	version = 1
)

// Spec describes the detector.
func Spec() pipeline.Spec {
	settings := choose.Settings("[{metric: disk.used.ratio, limit: 1}, {metric: db.connections, limit_metric: db.connections.max}]", choose.Overriding(judgement())...)
	settings[0].Required, settings[0].Doc = true, "The series that can run out; the first entry that fits counts. The series "+pipeline.BudgetMetric+" is among them if an entry's metric fits it."
	settings = append(settings, judgement()...)
	settings = append(settings, alarm.Release(0.8), pipeline.ScoresSetting())
	settings = append(settings, alarm.Settings(alarm.Config{Hold: 2, Of: 3, Clear: 3, Rest: 0, Update: 180, Gone: 30, Habit: -1, Settle: -1})...)
	return pipeline.Spec{
		Name: name, Version: version, Settings: settings, Accepts: pipeline.Accepts{Overlapping: true, Irregular: true},
		Doc: "Finds what will reach a limit within a horizon if the trend of the last hours goes on: disks, connections, certificates, quotas.",
	}
}

// judgement are the settings that an entry of series may say otherwise.
func judgement() []pipeline.Setting {
	return []pipeline.Setting{
		{Name: "limit", Type: pipeline.Float, Doc: "The limit, in the metric's unit.", Example: "1"},
		{Name: "limit_metric", Type: pipeline.String, Doc: "The metric whose value is the limit, of the series with the same labels.", Example: "db.connections.max"},
		{Name: "direction", Type: pipeline.String, Default: "up", Enum: []string{"up", "down"}, Doc: "Whether values rise to the limit or fall to it."},
		{Name: "horizon", Type: pipeline.Duration, Default: 24 * time.Hour, Min: pipeline.Bound(float64(time.Minute)), Doc: "What is reached within this is told."},
		{Name: "history", Type: pipeline.Duration, Default: 6 * time.Hour, Min: pipeline.Bound(float64(blocks * time.Second)), Doc: "The trend is looked for in this time."},
		{Name: "least", Type: pipeline.Duration, Default: 3 * time.Hour, Min: pipeline.Bound(float64(time.Second)), Doc: "For so long a trend has to have lasted, so that what comes and goes is none; never more than history."},
		{Name: "severity", Type: pipeline.String, Enum: []string{"info", "warning", "critical"}, Doc: "The severity of the findings; warning if nothing is said.", Example: "critical"},
	}
}

// Register adds the detector to the registry.
func Register(r *pipeline.Registry) { r.AddDetector(Spec(), New) }

// rule is how the series of one entry are judged. Times are in nanoseconds.
type rule struct {
	limit       float64
	limitMetric string  // instead of limit, if it is not empty
	sign        float64 // −1 for what falls, so that everything rises
	horizon     float64
	block       int64
	least       int64
	severity    string
}

func newRule(s, entry pipeline.Settings, at int) (rule, error) {
	of := func(name string) pipeline.Settings {
		if entry.Has(name) {
			return entry
		}
		return s
	}
	r := rule{
		limitMetric: of("limit_metric").Text("limit_metric"), sign: 1, horizon: float64(of("horizon").Duration("horizon")),
		block: int64(of("history").Duration("history")) / blocks, severity: of("severity").Text("severity"),
	}
	r.least = min(int64(of("least").Duration("least")), (blocks-1)*r.block)
	if of("direction").Text("direction") == "down" {
		r.sign = -1
	}
	// An entry's limit of one kind is instead of a limit of the other kind for all.
	if entry.Has("limit") && !entry.Has("limit_metric") {
		r.limitMetric = ""
	}
	number := of("limit").Has("limit") && !(entry.Has("limit_metric") && !entry.Has("limit"))
	if number == (r.limitMetric != "") {
		return r, &pipeline.SettingFault{Path: fmt.Sprintf("series[%d]", at), Err: pipeline.Errorf("exhaustion.limit",
			"it has to be known what the limit is, once: give limit, as in limit: 1, or limit_metric, the name of a metric with the same labels")}
	}
	if number {
		r.limit = of("limit").Float("limit")
	}
	return r, nil
}

// New makes the detector.
func New(s pipeline.Settings) (pipeline.Detector, error) {
	a, alarmErr := alarm.Read(s)
	watch, entries, err := choose.ReadRules(s)
	d := newDetector(watch, alarm.New(a), s.Float("release"), s.Bool("scores"))
	err = errors.Join(alarmErr, err)
	for i, e := range entries {
		r, fault := newRule(s, e, i)
		d.rules, err = append(d.rules, r), errors.Join(err, fault)
	}
	return d, err
}
