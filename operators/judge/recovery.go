package judge

import (
	"strings"

	"github.com/homeostat/homeostat/pipeline"
)

const (
	sloMetric      = "slo:"
	incidentMetric = "incident:"
)

func historyKey(system, metric string) string { return system + "\x00" + metric }

// metricName is how a series is called in hypotheses.
func metricName(s *pipeline.Series) string {
	if s.Metric == pipeline.SLIMetric {
		return sloMetric + s.Labels.Get("slo")
	}
	return s.Key()
}

// recovered tells whether all SLOs that the incident touches have burned below 1 over the last hold; measured is
// false if that can't be said. An incident without an SLO has recovered when it is closed.
func (j *Judge) recovered(t *trial, at int64) (recovered, measured bool) {
	e := j.state.Episodes[t.Hypothesis.Incident]
	slos := []string{}
	if e != nil {
		slos = append(slos, e.SLOs...)
	}
	if slo, ok := strings.CutPrefix(t.Hypothesis.Deduction.Metric, sloMetric); ok && !contains(slos, slo) {
		slos = append(slos, slo)
	}
	if len(slos) == 0 {
		return e != nil && e.Closed <= at, e != nil
	}
	recovered, measured = true, true
	span := ceil(j.hold, j.window)
	for _, slo := range slos {
		h := j.state.Histories[historyKey(t.System, sloMetric+slo)]
		if h == nil {
			return false, false
		}
		s := h.totals(at-span, at)
		bad, share, ok := s.mean(at-span, at, j.window)
		if !ok || share < coverage {
			return false, false
		}
		recovered = recovered && bad < j.budget(slo)
	}
	return recovered, measured
}

// budget is the share of bad events at which an SLO burns at 1.
func (j *Judge) budget(slo string) float64 {
	for _, s := range j.env.SLOs {
		if s.Name == slo {
			return 1 - s.Objective
		}
	}
	return 0
}

// contamination lists what else was changed in (from, to].
func (j *Judge) contamination(t *trial, from, to int64) []string {
	var out []string
	for _, tr := range j.state.Treatments[t.System] {
		if tr.Time > from && tr.Time <= to && (tr.Hypothesis == "" || tr.Hypothesis != t.Hypothesis.Hypothesis) {
			out = append(out, tr.What)
		}
	}
	return out
}

// treatedTimes lists when something was changed, in order.
func (j *Judge) treatedTimes(system string) []int64 {
	list := j.state.Treatments[system]
	out := make([]int64, len(list))
	for i, tr := range list {
		out[i] = tr.Time
	}
	return out
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}
