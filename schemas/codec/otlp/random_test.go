package otlp_test

import (
	"fmt"
	"math"
	"math/rand/v2"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// randomMetrics makes a message of every shape, in pdata's own words.
func randomMetrics(r *rand.Rand) pmetric.Metrics {
	md := pmetric.NewMetrics()
	for range r.IntN(4) {
		rm := md.ResourceMetrics().AppendEmpty()
		randomAttributes(r, rm.Resource().Attributes())
		rm.SetSchemaUrl("https://example.org/schema")
		for range r.IntN(3) {
			sm := rm.ScopeMetrics().AppendEmpty()
			sm.Scope().SetName("scope")
			sm.Scope().Attributes().PutStr("not", "a label")
			for range r.IntN(5) {
				randomMetric(r, sm.Metrics().AppendEmpty())
			}
		}
	}
	if md.ResourceMetrics().Len() == 0 {
		md.ResourceMetrics().AppendEmpty()
	}
	return md
}

func randomMetric(r *rand.Rand, m pmetric.Metric) {
	m.SetName(fmt.Sprintf("metric.%d", r.IntN(5)))
	m.SetUnit("ms")
	m.SetDescription("what it is")
	temporality := pmetric.AggregationTemporality(r.IntN(3))
	switch r.IntN(6) {
	case 0:
		randomNumbers(r, m.SetEmptyGauge().DataPoints())
	case 1:
		sum := m.SetEmptySum()
		sum.SetAggregationTemporality(temporality)
		sum.SetIsMonotonic(r.IntN(2) == 0)
		randomNumbers(r, sum.DataPoints())
	case 2:
		h := m.SetEmptyHistogram()
		h.SetAggregationTemporality(temporality)
		for range r.IntN(4) {
			p := h.DataPoints().AppendEmpty()
			p.SetStartTimestamp(pcommon.Timestamp(r.IntN(2) * 5))
			p.SetTimestamp(randomTime(r))
			p.SetCount(r.Uint64N(1000))
			if r.IntN(3) > 0 {
				p.SetSum(randomValue(r))
			}
			randomBuckets(r, p)
			p.SetFlags(randomFlags(r))
			randomAttributes(r, p.Attributes())
		}
	case 3:
		h := m.SetEmptyExponentialHistogram()
		h.SetAggregationTemporality(temporality)
		for range r.IntN(4) {
			p := h.DataPoints().AppendEmpty()
			p.SetTimestamp(randomTime(r))
			p.SetCount(r.Uint64N(1000))
			if r.IntN(3) > 0 {
				p.SetSum(randomValue(r))
			}
			randomExponential(r, p)
			p.SetFlags(randomFlags(r))
			randomAttributes(r, p.Attributes())
		}
	case 4:
		for range r.IntN(4) {
			p := m.SetEmptySummary().DataPoints().AppendEmpty()
			p.SetTimestamp(randomTime(r))
			p.SetCount(r.Uint64N(1000))
			p.SetSum(float64(r.IntN(3)))
			for range r.IntN(3) {
				q := p.QuantileValues().AppendEmpty()
				q.SetQuantile(r.Float64())
				q.SetValue(randomValue(r))
			}
			p.SetFlags(randomFlags(r))
			randomAttributes(r, p.Attributes())
		}
	}
}

func randomBuckets(r *rand.Rand, p pmetric.HistogramDataPoint) {
	bounds := [][]float64{nil, {1}, {-5, 0, 5}, {0.005, 0.01, 0.025, 0.05, 0.1, 0.25}, {2, 1}, {math.NaN()}, {-3, -1}, {1, math.Inf(1)}}[r.IntN(8)]
	total := uint64(0)
	for range len(bounds) + 1 - r.IntN(8)/7 {
		n := r.Uint64N(4) * r.Uint64N(50)
		p.BucketCounts().Append(n)
		total += n
	}
	if p.ExplicitBounds().FromRaw(bounds); r.IntN(4) > 0 {
		p.SetCount(total)
	}
	if r.IntN(3) == 0 {
		p.SetMin(r.NormFloat64() * 3)
	}
	if r.IntN(3) == 0 {
		p.SetMax([]float64{0.07, 4, math.NaN(), -2, math.Inf(1)}[r.IntN(5)])
	}
}

func randomExponential(r *rand.Rand, p pmetric.ExponentialHistogramDataPoint) {
	scale := []int32{-11, -10, -3, -1, 0, 1, 3, 5, 8, 20, 21}[r.IntN(11)]
	p.SetScale(scale)
	p.SetZeroCount(r.Uint64N(4) * r.Uint64N(10))
	p.SetZeroThreshold([]float64{0, 0, 1e-6, 0.5, -1, math.NaN()}[r.IntN(6)])
	total := p.ZeroCount()
	for _, b := range []pmetric.ExponentialHistogramDataPointBuckets{p.Positive(), p.Negative()} {
		if r.IntN(3) == 0 {
			continue
		}
		b.SetOffset([]int32{0, -7, 3, 1, math.MaxInt32, math.MinInt32, 1020}[r.IntN(7)])
		for range r.IntN(8) {
			n := r.Uint64N(3) * r.Uint64N(50)
			b.BucketCounts().Append(n)
			total += n
		}
	}
	if r.IntN(4) > 0 {
		p.SetCount(total)
	}
	if r.IntN(3) == 0 {
		p.SetMin(r.NormFloat64())
	}
	if r.IntN(3) == 0 {
		p.SetMax(r.NormFloat64() * 100)
	}
}

func randomNumbers(r *rand.Rand, points pmetric.NumberDataPointSlice) {
	for range r.IntN(8) {
		p := points.AppendEmpty()
		p.SetStartTimestamp(pcommon.Timestamp(r.IntN(2) * 7))
		p.SetTimestamp(randomTime(r))
		switch r.IntN(5) {
		case 0, 1:
			p.SetIntValue(r.Int64N(2000) - 1000)
		case 2, 3:
			p.SetDoubleValue(randomValue(r))
		}
		p.SetFlags(randomFlags(r))
		if r.IntN(3) == 0 {
			p.Exemplars().AppendEmpty().SetDoubleValue(1)
		}
		randomAttributes(r, p.Attributes())
	}
}

func randomTime(r *rand.Rand) pcommon.Timestamp {
	return pcommon.Timestamp(r.IntN(4)) * 1_700_000_000_000_000_000 / 3
}

func randomFlags(r *rand.Rand) pmetric.DataPointFlags {
	return pmetric.DefaultDataPointFlags.WithNoRecordedValue(r.IntN(8) == 0)
}

func randomValue(r *rand.Rand) float64 {
	return []float64{0, -1.5, 1e-9, 1e300, math.MaxFloat64, math.NaN(), math.Inf(1), math.Inf(-1), 3, math.Float64frombits(0x7ff0000000000002)}[r.IntN(10)]
}

func randomAttributes(r *rand.Rand, m pcommon.Map) {
	for _, k := range r.Perm(5)[:r.IntN(5)] {
		randomAttribute(r, m.PutEmpty(fmt.Sprintf("key%d", k)), 3)
	}
}

func randomAttribute(r *rand.Rand, v pcommon.Value, depth int) {
	n := 10
	if depth == 0 {
		n = 8
	}
	switch r.IntN(n) {
	case 0, 1:
		v.SetStr([]string{"a", "", "ü€", `<q"&>`, "\xff\xfe"}[r.IntN(5)])
	case 2:
		v.SetBool(r.IntN(2) == 0)
	case 3:
		v.SetInt(r.Int64() - math.MaxInt64/2)
	case 4:
		v.SetDouble([]float64{0, 1, -2.5, 1e21, 1e-7, 1e20, math.NaN(), math.Inf(-1)}[r.IntN(8)])
	case 5:
		v.SetEmptyBytes().FromRaw([]byte{0, 255, 7})
	case 6, 7:
	case 8:
		for range r.IntN(3) {
			randomAttribute(r, v.SetEmptySlice().AppendEmpty(), depth-1)
		}
	case 9:
		m := v.SetEmptyMap()
		for _, k := range r.Perm(3)[:r.IntN(3)] {
			randomAttribute(r, m.PutEmpty(fmt.Sprintf("<k%d>", k)), depth-1)
		}
	}
}
