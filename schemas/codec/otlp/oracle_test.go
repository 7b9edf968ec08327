package otlp_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/otlp"
)

const recordTime = 1_795_408_204_407

// row is a decoded point in words.
type row struct {
	Series      string
	Unit        string
	Time, Start int64
	Value       float64
}

func decode(t testing.TB, codec pipeline.Codec, value []byte) ([]row, map[string]int, error) {
	t.Helper()
	out := pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0))
	err := codec.Decode(&pipeline.Record{Topic: "t", Timestamp: recordTime, Value: value}, out)
	return rows(out), out.Lost, err
}

func rows(out *pipeline.Columns) []row {
	var got []row
	for i, s := range out.PointSeries {
		series := out.Series.At(s)
		got = append(got, row{series.Key, series.Unit, out.PointTime[i], out.PointStart[i], out.PointValue[i]})
	}
	return got
}

// oracle says by pdata what rows and losses a message makes. It shares no code with the codec.
type oracle struct {
	rows []row
	lost map[string]int
}

func consult(md pmetric.Metrics) oracle {
	o := oracle{lost: map[string]int{}}
	for _, rm := range md.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				o.metric(rm.Resource().Attributes(), m)
			}
		}
	}
	return o
}

func (o *oracle) metric(res pcommon.Map, m pmetric.Metric) {
	numbers := func(points pmetric.NumberDataPointSlice, typ pipeline.SeriesType, refused bool) {
		for _, p := range points.All() {
			v := p.DoubleValue()
			if p.ValueType() == pmetric.NumberDataPointValueTypeInt {
				v = float64(p.IntValue())
			}
			none := p.Flags().NoRecordedValue() || p.ValueType() == pmetric.NumberDataPointValueTypeEmpty
			o.add(m.Name(), m.Unit(), typ, res, p.Attributes(), p.StartTimestamp(), p.Timestamp(), v, refused, none)
		}
	}
	both := func(typ pipeline.SeriesType, attrs pcommon.Map, start, time pcommon.Timestamp, count uint64, sum float64, hasSum, refused, none bool) {
		o.add(m.Name()+".count", "1", typ, res, attrs, start, time, float64(count), refused, none)
		if hasSum {
			o.add(m.Name()+".sum", m.Unit(), typ, res, attrs, start, time, sum, refused, none)
		}
	}
	monotone := func(a pmetric.AggregationTemporality) (pipeline.SeriesType, bool) {
		switch a {
		case pmetric.AggregationTemporalityDelta:
			return pipeline.Delta, false
		case pmetric.AggregationTemporalityCumulative:
			return pipeline.Cumulative, false
		}
		return 0, true
	}
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		numbers(m.Gauge().DataPoints(), pipeline.Gauge, false)
	case pmetric.MetricTypeSum:
		typ, refused := monotone(m.Sum().AggregationTemporality())
		if typ == pipeline.Cumulative && !m.Sum().IsMonotonic() {
			typ = pipeline.Gauge
		}
		numbers(m.Sum().DataPoints(), typ, refused)
	case pmetric.MetricTypeHistogram:
		typ, refused := monotone(m.Histogram().AggregationTemporality())
		for _, p := range m.Histogram().DataPoints().All() {
			both(typ, p.Attributes(), p.StartTimestamp(), p.Timestamp(), p.Count(), p.Sum(), p.HasSum(), refused, p.Flags().NoRecordedValue())
		}
	case pmetric.MetricTypeExponentialHistogram:
		typ, refused := monotone(m.ExponentialHistogram().AggregationTemporality())
		for _, p := range m.ExponentialHistogram().DataPoints().All() {
			both(typ, p.Attributes(), p.StartTimestamp(), p.Timestamp(), p.Count(), p.Sum(), p.HasSum(), refused, p.Flags().NoRecordedValue())
		}
	case pmetric.MetricTypeSummary:
		for _, p := range m.Summary().DataPoints().All() {
			both(pipeline.Cumulative, p.Attributes(), p.StartTimestamp(), p.Timestamp(), p.Count(), p.Sum(), true, false, p.Flags().NoRecordedValue())
		}
	}
}

func (o *oracle) add(name, unit string, typ pipeline.SeriesType, res, attrs pcommon.Map, start, time pcommon.Timestamp, v float64, refused, none bool) {
	lose := ""
	switch {
	case refused:
		lose = otlp.LostTemporality
	case name == "" || name == ".count" || name == ".sum":
		lose = otlp.LostNoName
	case none:
		lose = otlp.LostNoValue
	case math.IsNaN(v) || math.IsInf(v, 0):
		lose = otlp.LostNotFinite
	case time > math.MaxInt64:
		lose = otlp.LostTimeRange
	}
	if lose != "" {
		o.lost[lose]++
		return
	}
	if time == 0 {
		time = recordTime * 1e6
	}
	if start > math.MaxInt64 {
		start = 0
	}
	merged := map[string]string{}
	for _, m := range []pcommon.Map{res, attrs} {
		for k, v := range m.All() {
			merged[valid(k)] = canonical(v)
		}
	}
	var labels []pipeline.Label
	for k, v := range merged {
		labels = append(labels, pipeline.Label{Name: k, Value: v})
	}
	sort.Slice(labels, func(i, j int) bool { return labels[i].Name < labels[j].Name })
	o.rows = append(o.rows, row{pipeline.SeriesKey(valid(name), typ, labels), valid(unit), int64(time), int64(start), v})
}

func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// canonical is pdata's text of a value, but valid UTF-8, and lists and maps not escaped for HTML and with text for NaN.
func canonical(v pcommon.Value) string {
	switch v.Type() {
	case pcommon.ValueTypeSlice, pcommon.ValueTypeMap:
		var b strings.Builder
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(sane(v.AsRaw())); err != nil {
			panic(err)
		}
		return strings.TrimSuffix(b.String(), "\n")
	}
	return valid(v.AsString())
}

func sane(raw any) any {
	switch raw := raw.(type) {
	case string:
		return valid(raw)
	case float64:
		if math.IsNaN(raw) || math.IsInf(raw, 0) {
			return pcommon.NewValueDouble(raw).AsString()
		}
	case []any:
		for i := range raw {
			raw[i] = sane(raw[i])
		}
	case map[string]any:
		out := map[string]any{}
		for k, v := range raw {
			out[valid(k)] = sane(v)
		}
		return out
	}
	return raw
}

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
			p.BucketCounts().FromRaw([]uint64{1, 2, 3})
			p.ExplicitBounds().FromRaw([]float64{1, 2})
			p.SetMin(1)
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
			p.SetScale(-3)
			p.SetZeroCount(4)
			p.Positive().BucketCounts().FromRaw([]uint64{1, 2})
			p.SetFlags(randomFlags(r))
			randomAttributes(r, p.Attributes())
		}
	case 4:
		for range r.IntN(4) {
			p := m.SetEmptySummary().DataPoints().AppendEmpty()
			p.SetTimestamp(randomTime(r))
			p.SetCount(r.Uint64N(1000))
			p.SetSum(float64(r.IntN(3)))
			p.QuantileValues().AppendEmpty().SetQuantile(0.5)
			p.SetFlags(randomFlags(r))
			randomAttributes(r, p.Attributes())
		}
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
	return []float64{0, -1.5, 1e-9, 1e300, math.MaxFloat64, math.NaN(), math.Inf(1), math.Inf(-1), 3, 4}[r.IntN(10)]
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

func TestDecodesWhatPdataEncodes(t *testing.T) {
	codec := otlp.New(nil) // one for all: its memos must never change a result
	for seed := range uint64(1000) {
		md := randomMetrics(rand.New(rand.NewPCG(seed, 1)))
		value, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(md)
		if err != nil {
			t.Fatal(err)
		}
		want := consult(md)
		for _, c := range []pipeline.Codec{codec, otlp.New(nil)} {
			got, lost, err := decode(t, c, value)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if d := cmp.Diff(want.rows, got); d != "" {
				t.Fatalf("seed %d: rows differ (-pdata +codec):\n%s", seed, d)
			}
			if d := cmp.Diff(want.lost, lost); d != "" {
				t.Fatalf("seed %d: losses differ (-pdata +codec):\n%s", seed, d)
			}
		}
	}
}

func TestPdataDecodesWhatTheEncoderMakes(t *testing.T) {
	enc := otlp.NewEncoder([]pipeline.Label{{Name: "service.name", Value: "shop"}})
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 2))
		enc.Reset()
		var want []row
		resource := []pipeline.Label{{Name: "service.name", Value: "shop"}}
		for range 1 + r.IntN(300) {
			if r.IntN(20) == 0 {
				resource = []pipeline.Label{{Name: "host", Value: strings.Repeat("h", r.IntN(200))}, {Name: "", Value: "x"}}[:r.IntN(3)]
				enc.Resource(resource)
			}
			name, unit := fmt.Sprintf("m%d", r.IntN(3)), []string{"", "ms"}[r.IntN(2)]
			attrs := []pipeline.Label{{Name: "a", Value: strings.Repeat("v", r.IntN(300))}, {Name: "b", Value: ""}}[:r.IntN(3)]
			start, time, value := r.Int64N(2), r.Int64N(1<<62), r.NormFloat64()
			typ := pipeline.SeriesType(r.IntN(3))
			switch typ {
			case pipeline.Gauge:
				start = 0
				enc.Gauge(name, unit, attrs, time, value)
			default:
				enc.Sum(name, unit, attrs, start, time, value, typ == pipeline.Delta)
			}
			labels := pipeline.NewLabels(append(append([]pipeline.Label{}, resource...), attrs...))
			want = append(want, row{pipeline.SeriesKey(name, typ, labels), unit, time, start, value})
		}
		message := enc.AppendTo([]byte("before"))
		if !strings.HasPrefix(string(message), "before") || enc.Len() != len(want) {
			t.Fatalf("seed %d: %d points, want %d, after what stood in the buffer", seed, enc.Len(), len(want))
		}
		message = message[len("before"):]
		md, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(message)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if d := cmp.Diff(sorted(want, true), sorted(consult(md).rows, true)); d != "" {
			t.Fatalf("seed %d (-put in +by pdata):\n%s", seed, d)
		}
		got, _, err := decode(t, otlp.New(nil), message)
		// A series has the unit of its first sight.
		if d := cmp.Diff(sorted(want, false), sorted(got, false)); err != nil || d != "" {
			t.Fatalf("seed %d: %v (-put in +by the codec):\n%s", seed, err, d)
		}
		again := enc.AppendTo(nil)
		if string(again) != string(message) {
			t.Fatalf("seed %d: the same points gave other bytes", seed)
		}
	}
}

func sorted(rows []row, units bool) []string {
	var out []string
	for _, r := range rows {
		if !units {
			r.Unit = ""
		}
		out = append(out, fmt.Sprintf("%+v", r))
	}
	sort.Strings(out)
	return out
}
