package threshold

import (
	"errors"
	"fmt"

	"github.com/homeostat/homeostat/operators/choose"
	"github.com/homeostat/homeostat/operators/detect/alarm"
	"github.com/homeostat/homeostat/operators/expr/kernel"
	"github.com/homeostat/homeostat/pipeline"
)

const (
	name    = "threshold"
	version = 1
)

// The variables of the expressions, in the order of the columns.
const (
	value = iota
	count
	sum
	least
	greatest
	last
	previous
	change
	rate
	usual
	ratio
)

var variables = [...]string{"value", "count", "sum", "min", "max", "last", "previous", "change", "rate", "usual", "ratio"}

// Spec describes the detector.
func Spec() pipeline.Spec {
	settings := choose.Settings("[{metric: disk.used.ratio, when: value > 0.9, severity: critical}]", judgement()...)
	settings = append(settings, judgement()...)
	settings = append(settings, pipeline.Setting{Name: "history", Type: pipeline.Int, Default: int64(360), Min: pipeline.Bound(1), Max: pipeline.Bound(1_000_000), Doc: "The span of the moving average usual, in windows."})
	settings = append(settings, alarm.Settings(alarm.Config{Hold: 1, Of: 1, Clear: 3, Rest: 0, Update: 30, Gone: 30, Habit: -1, Settle: -1})...)
	return pipeline.Spec{
		Name: name, Version: version, Settings: settings, Accepts: pipeline.Accepts{Overlapping: true},
		Doc: "Finds windows of which an expression is true: limits, changes, rates.",
	}
}

func judgement() []pipeline.Setting {
	return []pipeline.Setting{
		{Name: "when", Type: pipeline.String, Doc: "The expression that is true of an abnormal window.", Example: "value > 0.9"},
		{Name: "severity", Type: pipeline.String, Enum: []string{"info", "warning", "critical"}, Doc: "The severity of the findings; warning if nothing is said.", Example: "critical"},
	}
}

// Register adds the detector to the registry.
func Register(r *pipeline.Registry) { r.AddDetector(Spec(), New) }

// rule is how the series of one entry are judged.
type rule struct {
	when     *kernel.Truth
	names    [len(variables)]bool // whether the expression names a variable
	severity string
	rows     rows
}

// New makes the detector.
func New(s pipeline.Settings) (pipeline.Detector, error) {
	a, err := alarm.Read(s)
	watch, entries, watchErr := choose.ReadWatch(s)
	d := &Detector{watch: watch, alarm: alarm.New(a), alpha: 2 / (float64(s.Int("history")) + 1)}
	err = errors.Join(err, watchErr)
	at := func(i int) string { return fmt.Sprintf("series[%d].when", i) }
	if len(entries) == 0 {
		entries, at = []pipeline.Settings{{}}, func(int) string { return "when" }
	}
	for i, e := range entries {
		r, fault := newRule(s, e, at(i))
		d.rules, err = append(d.rules, r), errors.Join(err, fault)
	}
	return d, err
}

func newRule(s, entry pipeline.Settings, at string) (rule, error) {
	text := func(name string) string {
		if entry.Has(name) {
			return entry.Text(name)
		}
		return s.Text(name)
	}
	r := rule{severity: text("severity")}
	r.rows.Columns = make([][]float64, len(variables))
	when := text("when")
	if when == "" {
		return r, &pipeline.SettingFault{Path: at, Err: pipeline.Errorf("threshold.when", "there is no expression that tells what is abnormal: give one, as when: value > 0.9")}
	}
	var err error
	if r.when, err = kernel.CompileTruth(when, variables[:]); err != nil {
		return r, &pipeline.SettingFault{Path: at, Err: err}
	}
	for v, name := range variables {
		r.names[v] = v == value || r.when.Names(name)
	}
	return r, nil
}
