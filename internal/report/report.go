// Package report makes one HTML page of a backtest: what was measured, what was expected, what was found. The page holds all that it shows,
// so it opens without a network, and it has no script: it is text and drawings (SVG).
package report

import (
	"cmp"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// Report gathers what a backtest makes. One goroutine uses it.
type Report struct {
	// Title is the heading, Series the most series that are drawn: first those with findings, then by name.
	Title  string
	Series int
	// Labels are what is known to have happened.
	Labels []Label

	series   map[string]*series
	findings map[string]*finding
	order    []string // of the findings, as they opened
}

// Label is a time in which something is known to have been abnormal, in nanoseconds since 1970.
type Label struct {
	From, To int64
	Text     string
}

// series is one panel.
type series struct {
	key, title, entity, unit string
	values                   []value
	bands                    map[string][]band  // by detector
	scores                   map[string][]value // by detector
	findings                 []*finding
}

type value struct {
	start, end int64
	v          float64
}

type band struct {
	start, end          int64
	low, expected, high float64
}

type finding struct {
	schemas.Finding
	onset, end int64
	closed     bool
	peak       float64 // the highest score
}

// New makes an empty report.
func New(title string, most int, labels []Label) *Report {
	return &Report{Title: title, Series: most, Labels: labels, findings: map[string]*finding{}, series: map[string]*series{}}
}

// Operator returns the operator that looks at the windows of a lane, to be put at the end of its chain. Lanes of one goroutine
// may share the report.
func (r *Report) Operator() pipeline.Operator { return &watcher{r} }

type watcher struct{ report *Report }

// Open implements pipeline.Operator.
func (w *watcher) Open(*pipeline.Env) error { return nil }

// Close implements pipeline.Operator.
func (w *watcher) Close() error { return nil }

// Process implements pipeline.Operator.
func (w *watcher) Process(b pipeline.Batch, _ pipeline.Emitter) error {
	if b.Kind != pipeline.Windows || b.Rows() == 0 {
		return nil
	}
	i64 := func(c int) []int64 { return b.Record.Column(c).(*array.Int64).Int64Values() }
	f64 := func(c int) []float64 { return b.Record.Column(c).(*array.Float64).Float64Values() }
	of := pipeline.Window{Start: i64(pipeline.WindowStart)[0], End: i64(pipeline.WindowEnd)[0], Table: b.Series,
		Series: b.Record.Column(pipeline.WindowSeries).(*array.Uint32).Uint32Values(), Count: i64(pipeline.WindowCount),
		Sum: f64(pipeline.WindowSum), Min: f64(pipeline.WindowMin), Max: f64(pipeline.WindowMax), Last: f64(pipeline.WindowLast)}
	for i, s := range of.Series {
		w.report.row(&of, i, b.Series.At(s))
	}
	return nil
}

// row takes one row of a window: of a series, or of what a detector says of one.
func (r *Report) row(w *pipeline.Window, i int, s *pipeline.Series) {
	v := value{w.Start, w.End, w.Value(i)}
	if !s.IsDerived() || s.Metric == pipeline.SLIMetric || s.Metric == pipeline.BudgetMetric {
		p := r.panel(s.Metric, s.Type, s.Labels.List(), s.Entity)
		p.unit, p.values = s.Unit, append(p.values, v)
		return
	}
	metric, detector := s.Labels.Get(pipeline.MetricLabel), s.Labels.Get(pipeline.DetectorLabel)
	labels := slices.DeleteFunc(s.Labels.List(), func(l pipeline.Label) bool { return l.Name == pipeline.MetricLabel || l.Name == pipeline.DetectorLabel })
	p := r.judged(metric, labels, s.Entity)
	if s.Metric == pipeline.ScoreMetric {
		p.scores[detector] = append(p.scores[detector], v)
		return
	}
	p.bands[detector] = append(p.bands[detector], band{w.Start, w.End, w.Min[i], v.v, w.Max[i]})
}

// judged returns the panel of a series that a detector speaks of, whose type it does not say.
func (r *Report) judged(metric string, labels []pipeline.Label, entity string) *series {
	for _, t := range []pipeline.SeriesType{pipeline.Gauge, pipeline.Delta, pipeline.Cumulative, pipeline.Stream} {
		if p := r.series[pipeline.SeriesKey(metric, t, labels)]; p != nil {
			return p
		}
	}
	return r.panel(metric, pipeline.Gauge, labels, entity)
}

func (r *Report) panel(metric string, t pipeline.SeriesType, labels []pipeline.Label, entity string) *series {
	key := pipeline.SeriesKey(metric, t, labels)
	p := r.series[key]
	if p == nil {
		var names []string
		for _, l := range labels {
			names = append(names, l.Name+"="+l.Value)
		}
		p = &series{key: key, title: strings.TrimSpace(metric + "  " + strings.Join(names, " ")), entity: entity, bands: map[string][]band{}, scores: map[string][]value{}}
		r.series[key] = p
	}
	return p
}

// Finding takes an event of a finding.
func (r *Report) Finding(e *schemas.Event) error {
	var f schemas.Finding
	if err := e.Into(&f); err != nil {
		return err
	}
	known := r.findings[f.Finding]
	if known == nil {
		onset, err := schemas.ParseTime(f.Onset)
		if err != nil {
			return err
		}
		known = &finding{onset: onset}
		r.findings[f.Finding] = known
		r.order = append(r.order, f.Finding)
	}
	end, err := schemas.ParseTime(f.End)
	if err != nil {
		return err
	}
	peak := max(known.peak, f.Score)
	if f.State == schemas.Closed {
		f.Evidence, f.Value, f.Expected = known.Evidence, known.Value, known.Expected // those of its worst window are what a person asks for
	}
	known.Finding, known.end, known.closed, known.peak = f, end, f.State == schemas.Closed, peak
	return nil
}

// drawn returns the panels that are drawn, in order, and how many are not.
func (r *Report) drawn() (panels []*series, left int) {
	for _, id := range r.order {
		f := r.findings[id]
		p := r.judged(f.Series.Metric, labelsOf(f.Series.Labels), f.Series.Entity)
		p.findings = append(p.findings, f)
	}
	for _, p := range r.series {
		panels = append(panels, p)
	}
	slices.SortFunc(panels, func(a, b *series) int {
		if c := cmp.Compare(min(1, len(b.findings)), min(1, len(a.findings))); c != 0 {
			return c
		}
		return cmp.Compare(a.key, b.key)
	})
	if left = len(panels) - r.Series; left > 0 {
		return panels[:r.Series], left
	}
	return panels, 0
}

func labelsOf(m map[string]string) []pipeline.Label {
	var list []pipeline.Label
	for name, v := range m {
		list = append(list, pipeline.Label{Name: name, Value: v})
	}
	return pipeline.NewLabels(list)
}
