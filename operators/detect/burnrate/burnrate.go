package burnrate

import (
	"fmt"
	"time"

	"github.com/homeostat/homeostat/operators/detect/alarm"
	"github.com/homeostat/homeostat/pipeline"
)

const (
	name    = "burnrate"
	version = 3
)

// Spec describes the detector.
func Spec() pipeline.Spec {
	settings := []pipeline.Setting{
		{Name: "min_bad", Type: pipeline.Float, Default: 3.0, Min: pipeline.Bound(0), Doc: "Fewer bad events in a long window are never abnormal."},
	}
	settings = append(settings, alarm.Settings(alarm.Config{Hold: 1, Of: 1, Clear: 6, Rest: 0, Update: 30, Gone: 360, Habit: -1, Settle: -1})...)
	return pipeline.Spec{
		Name: name, Version: version, Settings: settings, Accepts: pipeline.Accepts{Revised: true},
		Doc: "Raises findings when the error budget of an objective burns too fast, over a long and a short window at once.",
	}
}

// Register adds the detector to the registry.
func Register(r *pipeline.Registry) { r.AddDetector(Spec(), New) }

// Detector is the burn-rate detector.
type Detector struct {
	minBad float64
	alarm  *alarm.Table
	slos   []pipeline.SLO
	table  *pipeline.SeriesTable
	// by ordinal; nil for series that are no indicators
	indicator []*indicator
}

// defaultRules are those of the workbook's chapter 5 for paging; a configuration always brings its own.
func defaultRules() []pipeline.BurnRule {
	return []pipeline.BurnRule{
		{Long: int64(time.Hour), Short: int64(5 * time.Minute), Factor: 14.4, Severity: "critical"},
		{Long: int64(6 * time.Hour), Short: int64(30 * time.Minute), Factor: 6, Severity: "warning"},
	}
}

// New makes the detector.
func New(s pipeline.Settings) (pipeline.Detector, error) {
	a, err := alarm.Read(s)
	return &Detector{minBad: s.Float("min_bad"), alarm: alarm.New(a)}, err
}

// Open implements pipeline.Detector.
func (d *Detector) Open(env *pipeline.Env) error {
	d.slos, d.table = env.SLOs, env.Series
	return nil
}

// Describe implements pipeline.Describer.
func (d *Detector) Describe() string {
	return fmt.Sprintf("the burn rates of all objectives, in each system, from %g bad events in a long window", d.minBad)
}

// Detect implements pipeline.Detector.
func (d *Detector) Detect(w *pipeline.Window, found []pipeline.Finding) ([]pipeline.Finding, error) {
	d.grow(w.Table)
	if w.Revision > 0 {
		for i, s := range w.Series {
			if x := d.indicator[s]; x != nil && w.Sum[i]-w.Sum[i] == 0 {
				x.revise(w.Start, w.End, float64(w.Count[i]), w.Sum[i])
			}
		}
		return found, nil
	}
	found = d.alarm.Begin(w.Start, w.End, found)
	for i, s := range w.Series {
		if x := d.indicator[s]; x != nil && w.Sum[i]-w.Sum[i] == 0 {
			x.add(w.Start, w.End, float64(w.Count[i]), w.Sum[i])
			found = d.judge(w, s, x, found)
		}
	}
	return found, nil
}

func (d *Detector) grow(table *pipeline.SeriesTable) {
	d.alarm.Grow(table.Len())
	for i := len(d.indicator); i < table.Len(); i++ {
		d.indicator = append(d.indicator, d.indicatorOf(table.At(uint32(i))))
	}
}

func (d *Detector) indicatorOf(s *pipeline.Series) *indicator {
	if s.Metric != pipeline.SLIMetric {
		return nil
	}
	return d.indicatorNamed(s.Labels.Get("slo"))
}

// indicatorNamed makes the indicator of an objective, nil if there is none of that name.
func (d *Detector) indicatorNamed(slo string) *indicator {
	for i := range d.slos {
		if d.slos[i].Name == slo {
			return newIndicator(&d.slos[i])
		}
	}
	return nil
}

// judge computes the rules after a window was added.
func (d *Detector) judge(w *pipeline.Window, s uint32, x *indicator, found []pipeline.Finding) []pipeline.Finding {
	v := x.verdict(d.minBad)
	change := d.alarm.Step(s, w.Start, w.End, v.score, v.now < 1)
	severity := v.severity
	if d.alarm.Open(s) && change != alarm.Opened {
		said := d.alarm.Said(s).Severity
		if rank(severity) <= rank(said) {
			severity = said
		} else if change == alarm.None {
			change = alarm.Updated
		}
	}
	if change == alarm.None {
		return found
	}
	r := &x.rules[v.rule]
	f := pipeline.Finding{
		Series: s, Start: w.Start, End: w.End, Score: v.score, Direction: "up", Severity: severity,
		Value: r.short.share(), High: r.Factor * x.budget,
		Evidence: []pipeline.Evidence{
			{Name: "burn_long", Value: r.long.share() / x.budget}, {Name: "burn_short", Value: r.short.share() / x.budget},
			{Name: "factor", Value: r.Factor}, {Name: "long_seconds", Value: float64(r.Long) / 1e9}, {Name: "short_seconds", Value: float64(r.Short) / 1e9},
			{Name: "bad", Value: r.long.bad.Value()}, {Name: "total", Value: r.long.total.Value()},
		},
	}
	if v.score > 0 {
		f.Probability = v.score / (1 + v.score)
	}
	if change == alarm.Opened {
		f.Onset = x.onset()
	}
	return d.alarm.Append(found, f, change)
}

func rank(severity string) int {
	switch severity {
	case "info":
		return 1
	case "warning":
		return 2
	case "critical":
		return 3
	}
	return 0
}
