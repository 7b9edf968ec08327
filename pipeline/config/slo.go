package config

import (
	"strconv"
	"strings"
	"time"

	"github.com/homeostat/homeostat/pipeline"
)

func sloSettings() []pipeline.Setting {
	duration := func(name, example, doc string, required bool) pipeline.Setting {
		return pipeline.Setting{Name: name, Type: pipeline.Duration, Required: required, Example: example, Doc: doc,
			Min: pipeline.Bound(float64(time.Second)), Max: pipeline.Bound(float64(366 * day))}
	}
	window := duration("window", "30d", "The time over which the objective holds.", false)
	window.Default = 30 * day
	threshold := append(selectorSettings(),
		pipeline.Setting{Name: "below", Type: pipeline.Float, Example: "1.5", Doc: "A window is good when its value is below."},
		pipeline.Setting{Name: "above", Type: pipeline.Float, Example: "0.1", Doc: "A window is good when its value is above."})
	return []pipeline.Setting{
		{Name: "name", Type: pipeline.String, Required: true, Example: "checkout"},
		{Name: "entity", Type: pipeline.String, Example: "web", Doc: "The one whose users suffer, in each system; by default that of the first of its series, by name."},
		{Name: "total", Type: pipeline.Object, Fields: selectorSettings(), Example: "{metric: http.requests}", Doc: "All events."},
		{Name: "good", Type: pipeline.Object, Fields: selectorSettings(), Example: "{metric: http.requests, labels: {outcome: ok}}", Doc: "The good ones of them."},
		{Name: "bad", Type: pipeline.Object, Fields: selectorSettings(), Example: "{metric: http.errors}", Doc: "The bad ones of them."},
		{Name: "threshold", Type: pipeline.Object, Fields: threshold, Example: "{metric: latency_p95, below: 1.5}", Doc: "Windows whose value is within bounds are good."},
		{Name: "objective", Type: pipeline.String, Required: true, Example: "99.5%", Doc: "The share of good events that is promised."},
		window,
		{Name: "burn", Type: pipeline.List, Example: "[{long: 1h, short: 5m, factor: 14.4, severity: critical}]", Fields: []pipeline.Setting{{
			Type: pipeline.Object, Example: "{long: 1h, short: 5m, factor: 14.4, severity: critical}", Fields: []pipeline.Setting{
				duration("long", "1h", "The long window.", true),
				duration("short", "5m", "The short window.", true),
				{Name: "factor", Type: pipeline.Float, Required: true, Example: "14.4", Doc: "How many times faster than the objective allows the budget burns."},
				{Name: "severity", Type: pipeline.String, Default: "warning", Enum: []string{"info", "warning", "critical"}, Doc: "The severity of the finding."},
			}}}, Doc: "The rules that raise findings."},
	}
}

// defaultBurn is the pair of rules that The Site Reliability Workbook (Beyer et al., O'Reilly 2018, chapter 5) recommends for
// paging.
func defaultBurn() []pipeline.BurnRule {
	return []pipeline.BurnRule{
		{Long: int64(time.Hour), Short: int64(5 * time.Minute), Factor: 14.4, Severity: "critical"},
		{Long: int64(6 * time.Hour), Short: int64(30 * time.Minute), Factor: 6, Severity: "warning"},
	}
}

// slos reads the section slos. The result has one element for each of the file's.
func (r *reader) slos(root *node) []pipeline.SLO {
	var out []pipeline.SLO
	taken := map[string]string{}
	for i, s := range r.objects(root, "slos", sloSettings()) {
		path := index("slos", i)
		slo := pipeline.SLO{Name: s.Text("name"), Entity: s.Text("entity"), Window: int64(s.Duration("window"))}
		if s.Has("name") {
			r.sourceName(find(root, path), path, s, taken)
		}
		r.indicator(root, path, s, &slo)
		r.objective(root, path, s, &slo)
		r.burn(root, path, s, &slo)
		out = append(out, slo)
	}
	return out
}

// indicator reads what counts as good: total with good or bad, or a threshold.
func (r *reader) indicator(root *node, path string, s pipeline.Settings, slo *pipeline.SLO) {
	n := find(root, path)
	has := func(name string) bool { return !absent(n.member(name)) }
	ratio, threshold := has("total") || has("good") || has("bad"), has("threshold")
	switch {
	case n.shape != mapping:
		return
	case ratio && threshold:
		r.at(root, join(path, "threshold"), "config.slo.indicator", "an objective is either a ratio or a threshold: remove threshold, or total, good and bad")
	case !ratio && !threshold:
		r.at(root, path, "config.slo.indicator", "nothing says what is good: write total: and good: or bad:, or threshold:")
	case ratio && !has("total"):
		r.at(root, path, "config.slo.indicator", "good and bad events need their total: write total:")
	case ratio && has("good") == has("bad"):
		r.at(root, path, "config.slo.indicator", "a total needs one of good and bad events: write either good: or bad:")
	}
	selector := func(name string) (out pipeline.Selector) {
		if o := s.Object(name); o != nil && o.Has("metric") {
			out = r.selector(root, join(path, name), o)
			r.needsMetric(root, join(path, name), out)
		}
		return out
	}
	slo.Total, slo.Good, slo.Bad = selector("total"), selector("good"), selector("bad")
	if !threshold {
		return
	}
	t, at := s.Object("threshold"), join(path, "threshold")
	if t == nil {
		return
	}
	slo.Threshold = &pipeline.Threshold{Selector: selector("threshold"), Below: bound(t, "below"), Above: bound(t, "above")}
	b, a := slo.Threshold.Below, slo.Threshold.Above
	switch {
	case b == nil && a == nil && absent(find(root, at).member("below")) && absent(find(root, at).member("above")):
		r.at(root, at, "config.slo.threshold", "a threshold needs a bound: write below:, above: or both")
	case b != nil && a != nil && *a >= *b:
		r.at(root, join(at, "above"), "config.slo.threshold", "no value is above %v and below %v: exchange the two", *a, *b)
	}
}

// needsMetric refuses a selector that no series with a metric can match.
func (r *reader) needsMetric(root *node, path string, s pipeline.Selector) {
	if s.Metric == "" {
		r.at(root, join(path, "metric"), "config.slo.metric", "an objective is about a metric: write its name")
	}
}

func bound(s pipeline.Settings, name string) *float64 {
	if !s.Has(name) {
		return nil
	}
	v := s.Float(name)
	return &v
}

// objective reads 99.5% or 0.995.
func (r *reader) objective(root *node, path string, s pipeline.Settings, slo *pipeline.SLO) {
	if !s.Has("objective") {
		return
	}
	at := join(path, "objective")
	text, percent := strings.CutSuffix(s.Text("objective"), "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if percent {
		v /= 100
	}
	switch {
	case err != nil || v != v:
		r.at(root, at, "config.slo.objective", "%s is no share: write 99.5%% or 0.995", find(root, at).shown())
	case v > 1 && v < 100 && !percent:
		r.at(root, at, "config.slo.objective", "%s is more than everything: write %s%%", find(root, at).shown(), text)
	case v <= 0 || v >= 1:
		r.at(root, at, "config.slo.objective", "%s leaves no room: an objective lies between 0%% and 100%%, both excluded", find(root, at).shown())
	default:
		slo.Objective = v
	}
}

// burn reads the rules, or takes the default ones, and refuses those that could never fire.
func (r *reader) burn(root *node, path string, s pipeline.Settings, slo *pipeline.SLO) {
	at := join(path, "burn")
	if absent(find(root, path).member("burn")) {
		slo.Burn = defaultBurn()
		if highest := 1 / (1 - slo.Objective); slo.Objective > 0 && slo.Burn[0].Factor >= highest {
			r.at(root, join(path, "objective"), "config.slo.burn", "the default rule for a budget that burns %v times too fast can never fire, since with this objective it burns %.3g times too fast at most: write burn: with rules of your own",
				slo.Burn[0].Factor, highest)
		}
		return
	}
	for i, b := range s.Objects("burn") {
		rule := pipeline.BurnRule{Long: int64(b.Duration("long")), Short: int64(b.Duration("short")), Factor: b.Float("factor"), Severity: b.Text("severity")}
		here := index(at, i)
		if b.Has("long") && b.Has("short") && rule.Short >= rule.Long {
			r.at(root, join(here, "short"), "config.slo.burn", "the short window of %s is not shorter than the long one of %s: make it a twelfth of it", FormatDuration(b.Duration("short")), FormatDuration(b.Duration("long")))
		}
		if b.Has("long") && s.Has("window") && rule.Long > slo.Window {
			r.at(root, join(here, "long"), "config.slo.burn", "a window of %s is longer than that of the objective, %s: make it shorter", FormatDuration(b.Duration("long")), FormatDuration(s.Duration("window")))
		}
		if highest := 1 / (1 - slo.Objective); b.Has("factor") && (rule.Factor <= 0 || slo.Objective > 0 && rule.Factor >= highest) {
			r.at(root, join(here, "factor"), "config.slo.burn", "a factor of %v can never fire or always does: choose one between 0 and %.4g, the highest that this objective allows", rule.Factor, highest)
		}
		slo.Burn = append(slo.Burn, rule)
	}
}

// sumsMeet refuses to share the rows of one system out over several lanes where there are objectives: each lane would have a part
// of the sum and tell it under the same name.
func (r *reader) sumsMeet(root *node, c *Config) {
	if len(c.SLOs) > 0 && c.Columns.By == ByEntity {
		r.at(root, "columns.by", "config.columns.by", "an objective is added up over all entities of a system, and by: entity would spread them over lanes: write by: system, or leave it out")
	}
}

// burnFitsWindow refuses burn rules that are shorter than the windows they are computed on.
func (r *reader) burnFitsWindow(root *node, c *Config) {
	size := c.Window(r.registry)
	for i, slo := range c.SLOs {
		for j, rule := range slo.Burn {
			if size == 0 || rule.Short == 0 || rule.Short >= int64(size) {
				continue
			}
			path := join(index(join(index("slos", i), "burn"), j), "short")
			r.at(root, path, "config.slo.burn.short", "a short window of %s is shorter than the windows of detect, %s: make it at least as long", FormatDuration(time.Duration(rule.Short)), FormatDuration(size))
		}
	}
}
