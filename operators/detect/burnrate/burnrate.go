package burnrate

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/homeostat/homeostat/operators/detect/alarm"
	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

const (
	name    = "burnrate"
	version = 1
)

// Spec describes the detector.
func Spec() pipeline.Spec {
	settings := []pipeline.Setting{
		{Name: "min_bad", Type: pipeline.Float, Default: 3.0, Min: pipeline.Bound(0), Doc: "Fewer bad events in a long window are never abnormal."},
	}
	settings = append(settings, alarm.Settings(alarm.Config{Hold: 1, Of: 1, Clear: 6, Rest: 0, Update: 30, Gone: 360})...)
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
	d.slos = env.SLOs
	return nil
}

// Describe implements pipeline.Describer.
func (d *Detector) Describe() string {
	return fmt.Sprintf("the burn rates of all objectives, from %g bad events in a long window", d.minBad)
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
			{Name: "bad", Value: float64(r.long.bad) / millionths}, {Name: "total", Value: float64(r.long.total) / millionths},
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

// The tables of a snapshot, besides those of package alarm: of the lane, of the objectives' series, and of their past.
var (
	laneTable      = state.Table{Name: "lane", Version: 1, Fields: []state.Field{{Name: "series", Type: state.Int64, Role: state.Count}}}
	indicatorTable = state.Table{Name: "indicators", Version: 1, Fields: []state.Field{
		{Name: "series", Type: state.Uint32, Role: state.Ordinal}, {Name: "slo", Type: state.Text}, {Name: "begun", Type: state.Int64},
		{Name: "start", Type: state.Ints}, {Name: "end", Type: state.Ints}, {Name: "total", Type: state.Ints}, {Name: "bad", Type: state.Ints},
	}}
)

// Hold implements pipeline.Holder: rules look back for longer than a series may be silent.
func (d *Detector) Hold(hold func(uint32)) {
	for i, x := range d.indicator {
		if x != nil && len(x.past) > x.first {
			hold(uint32(i))
		}
	}
	d.alarm.Hold(hold)
}

// Snapshot implements pipeline.Snapshotter. Indicators are few and are written into memory, the rest is frozen.
func (d *Detector) Snapshot() (pipeline.Frozen, error) {
	kept := make([]keptIndicator, 0, len(d.slos))
	for i, x := range d.indicator {
		if x != nil {
			kept = append(kept, keptIndicator{uint32(i), x.slo.Name, x.begun, slices.Clone(x.past[x.first:])})
		}
	}
	series, alarms := len(d.indicator), d.alarm.Freeze()
	return state.Frozen(name, func(w *state.Writer) {
		w.Table(laneTable).Int64(int64(series))
		t := w.Table(indicatorTable)
		for i := range kept {
			kept[i].write(t)
		}
		alarms.Write(w)
	}, alarms.Release), nil
}

// Restore implements pipeline.Snapshotter. Sums are taken anew, so that rules may have changed; an objective that
// went is forgotten.
func (d *Detector) Restore(r io.Reader) error {
	s := state.NewReader(r, name)
	n := int64(-1)
	for t := s.Table(laneTable); t.Next(); {
		n = t.Int64("series")
	}
	restored := map[uint32]*indicator{}
	for t := s.Table(indicatorTable); t.Next(); {
		series := t.Uint32("series")
		if int64(series) >= n || restored[series] != nil {
			s.Fail("has an unknown series")
			break
		}
		if x := d.indicatorNamed(t.Text("slo")); x != nil {
			if !x.read(t) {
				s.Fail("has times out of order")
				break
			}
			restored[series] = x
		}
	}
	if got := d.alarm.Load(s); int64(got) != n {
		s.Fail("has columns of different length")
	}
	if err := s.Close(); err != nil {
		return err
	}
	d.indicator = make([]*indicator, n)
	for series, x := range restored {
		d.indicator[series] = x
	}
	return nil
}
