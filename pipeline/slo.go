package pipeline

import (
	"maps"
	"slices"
)

// SLO is a service-level objective. It holds in each system by itself: its indicator adds up the series of one system, and there
// are as many indicators as systems that have any. An indicator is either a ratio of good (or bad) events to all, or the share
// of windows in which a value keeps a threshold.
type SLO struct {
	Name string
	// Entity is the one whose users suffer, in each system; "" takes that of the series with the least key among those that make
	// up the first window with events.
	Entity string
	// Total with Good or Bad make a ratio; Threshold stands alone. Unused selectors are empty.
	Good, Bad, Total Selector
	Threshold        *Threshold
	// Objective is the share of good events promised, 0..1, over Window (nanoseconds).
	Objective float64
	Window    int64
	Burn      []BurnRule
}

// Threshold makes a window good when its value is within bounds.
type Threshold struct {
	Selector Selector
	// Below and Above bound the value; nil bounds nothing.
	Below, Above *float64
}

// BurnRule alerts when the error budget burns faster than Factor over both the long and the short window
// (Beyer et al., The Site Reliability Workbook, O'Reilly 2018, chapter 5). Durations in nanoseconds.
type BurnRule struct {
	Long, Short int64
	Factor      float64
	Severity    string
}

// SLIMetric is the name of the series that is derived for each SLO and system: per window, count is the number of events (or
// windows), sum the number of bad ones. Its labels are those of SLO.IndicatorLabels.
const SLIMetric = "slo.bad"

// BudgetMetric is the name of the series of what is left of the error budget of each SLO and system, as a share of that of the SLO's
// window: 1 is untouched, below 0 is overspent. It has the labels of SLIMetric.
const BudgetMetric = "slo.budget"

// IndicatorLabels returns the labels of the SLO's series SLIMetric and BudgetMetric in a system: "slo" names the SLO, "system" the system, so that
// two systems never have one series. Without systems the second is absent.
func (o *SLO) IndicatorLabels(system string) []Label {
	labels := []Label{{Name: "slo", Value: o.Name}}
	if system != "" {
		labels = append(labels, Label{Name: "system", Value: system})
	}
	return labels
}

// Counts tells whether the SLO's indicator is made of the series, among others.
func (o *SLO) Counts(s *Series) bool {
	if s.Metric == SLIMetric || s.Metric == BudgetMetric {
		return false
	}
	return o.Total.Chooses(s) || o.Good.Chooses(s) || o.Bad.Chooses(s) || o.Threshold != nil && o.Threshold.Selector.Chooses(s)
}

// Systems lists the systems of those series of a table that the SLO counts, in order of name.
func (o *SLO) Systems(t *SeriesTable) []string {
	found := map[string]bool{}
	for s := range t.All().Values() {
		if o.Counts(s) {
			found[s.System] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// Chooses is Match for a selector that may be unused.
func (s Selector) Chooses(series *Series) bool { return !s.Empty() && s.Match(series) }
