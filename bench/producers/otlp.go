package main

import (
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// addOTLP adds what is in a message of metrics.
func addOTLP(a *account, message []byte) error {
	md, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(message)
	if err != nil {
		return err
	}
	addMetrics(a, md)
	return nil
}

// addMetrics adds points as Homeostat counts them: a gauge or sum is a row, a histogram one of its count and one of its sum, a
// summary besides these one for each quantile.
func addMetrics(a *account, md pmetric.Metrics) {
	for _, rm := range md.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				addMetric(a, m)
			}
		}
	}
}

func addMetric(a *account, m pmetric.Metric) {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		addNumbers(a, gauge, m.Gauge().DataPoints())
	case pmetric.MetricTypeSum:
		series := gauge
		switch {
		case m.Sum().AggregationTemporality() == pmetric.AggregationTemporalityDelta:
			series = delta
		case m.Sum().IsMonotonic():
			series = cumulative
		}
		addNumbers(a, series, m.Sum().DataPoints())
	case pmetric.MetricTypeHistogram:
		for _, p := range m.Histogram().DataPoints().All() {
			a.add(cumulative, float64(p.Count()), p.Sum())
		}
	case pmetric.MetricTypeExponentialHistogram:
		for _, p := range m.ExponentialHistogram().DataPoints().All() {
			a.add(cumulative, float64(p.Count()), p.Sum())
		}
	case pmetric.MetricTypeSummary:
		for _, p := range m.Summary().DataPoints().All() {
			a.add(cumulative, float64(p.Count()), p.Sum())
			for _, q := range p.QuantileValues().All() {
				a.add(gauge, q.Value())
			}
		}
	}
}

func addNumbers(a *account, series string, points pmetric.NumberDataPointSlice) {
	for _, p := range points.All() {
		switch {
		case p.Flags().NoRecordedValue():
			a.lost[noValue]++
		case p.ValueType() == pmetric.NumberDataPointValueTypeInt:
			a.add(series, float64(p.IntValue()))
		default:
			a.add(series, p.DoubleValue())
		}
	}
}
