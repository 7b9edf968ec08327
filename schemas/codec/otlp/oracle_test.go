package otlp_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"strconv"
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
		got = append(got, row{series.Key(), series.Unit, out.PointTime[i], out.PointStart[i], out.PointValue[i]})
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
			o.add(m.Name(), m.Unit(), typ, res, p.Attributes(), p.StartTimestamp(), p.Timestamp(), v, refused, none, nil)
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
			h := o.histogram(m, typ, res, p, refused)
			if typ != pipeline.Delta || h.lost {
				continue
			}
			h.extremes(p.HasMin(), p.Min(), p.HasMax(), p.Max())
			h.quantiles(explicitBuckets(p))
		}
	case pmetric.MetricTypeExponentialHistogram:
		typ, refused := monotone(m.ExponentialHistogram().AggregationTemporality())
		for _, p := range m.ExponentialHistogram().DataPoints().All() {
			h := o.histogram(m, typ, res, p, refused)
			if typ != pipeline.Delta || h.lost {
				continue
			}
			h.extremes(p.HasMin(), p.Min(), p.HasMax(), p.Max())
			h.quantiles(exponentialBuckets(p))
		}
	case pmetric.MetricTypeSummary:
		for _, p := range m.Summary().DataPoints().All() {
			h := o.histogram(m, pipeline.Cumulative, res, summaryPoint{p}, false)
			for _, q := range p.QuantileValues().All() {
				if !h.lost {
					h.add("", m.Unit(), pipeline.Gauge, q.Value(), &pipeline.Label{Name: "quantile", Value: decimal(q.Quantile())})
				}
			}
		}
	}
}

// histogramPoint is what the points of all kinds of distributions have in common.
type histogramPoint interface {
	Attributes() pcommon.Map
	StartTimestamp() pcommon.Timestamp
	Timestamp() pcommon.Timestamp
	Count() uint64
	Sum() float64
	HasSum() bool
	Flags() pmetric.DataPointFlags
}

// A summary always has a sum.
type summaryPoint struct{ pmetric.SummaryDataPoint }

func (summaryPoint) HasSum() bool { return true }

// distributed adds the rows of one point.
type distributed struct {
	*oracle
	m    pmetric.Metric
	res  pcommon.Map
	p    histogramPoint
	lost bool // as a whole
	// Of estimates.
	min, max float64
}

func (o *oracle) histogram(m pmetric.Metric, typ pipeline.SeriesType, res pcommon.Map, p histogramPoint, refused bool) *distributed {
	h := &distributed{oracle: o, m: m, res: res, p: p, min: math.NaN(), max: math.NaN()}
	none := p.Flags().NoRecordedValue()
	h.lost = refused || none || m.Name() == ""
	name := func(suffix string) string {
		if m.Name() == "" {
			return ""
		}
		return m.Name() + suffix
	}
	o.add(name(".count"), "1", typ, res, p.Attributes(), p.StartTimestamp(), p.Timestamp(), float64(p.Count()), refused, none, nil)
	if p.HasSum() {
		o.add(name(".sum"), m.Unit(), typ, res, p.Attributes(), p.StartTimestamp(), p.Timestamp(), p.Sum(), refused, none, nil)
	}
	return h
}

func (h *distributed) add(suffix, unit string, typ pipeline.SeriesType, v float64, extra *pipeline.Label) {
	h.oracle.add(h.m.Name()+suffix, unit, typ, h.res, h.p.Attributes(), h.p.StartTimestamp(), h.p.Timestamp(), v, false, false, extra)
}

func (h *distributed) extremes(hasMin bool, least float64, hasMax bool, greatest float64) {
	if hasMin {
		h.min = least
		if h.p.Count() > 0 {
			h.add(".min", h.m.Unit(), pipeline.Gauge, least, nil)
		}
	}
	if hasMax {
		h.max = greatest
		if h.p.Count() > 0 {
			h.add(".max", h.m.Unit(), pipeline.Gauge, greatest, nil)
		}
	}
}

// bucket is where a number of observations lie, evenly or, if curved, evenly in the logarithm.
type bucket struct {
	low, high, n float64
	curved       bool
}

func decimal(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// quantiles are looked up one by one in the buckets added up.
func (h *distributed) quantiles(buckets []bucket, told, sound bool) {
	total := 0.0
	for _, b := range buckets {
		total += b.n
	}
	if !sound || told && (total == 0) != (h.p.Count() == 0) {
		h.oracle.lost[otlp.LostInconsistent] += 3
		return
	}
	if total == 0 || !told {
		return
	}
	for _, q := range []float64{0.5, 0.95, 0.99} {
		up := make([]float64, len(buckets))
		sum := 0.0
		for i, b := range buckets {
			sum += b.n
			up[i] = sum
		}
		at := slices.IndexFunc(buckets, func(b bucket) bool { return b.n > 0 })
		for at < len(buckets)-1 && (up[at] < q*total || buckets[at].n == 0) {
			at++
		}
		b := buckets[at]
		low, high := b.low, b.high
		if h.min > low {
			low = h.min
		}
		if h.max < high {
			high = h.max
		}
		if low > high {
			low, high = b.low, b.high
		}
		if math.IsInf(low, -1) {
			if low = 0; high < 0 {
				low = high
			}
		}
		if math.IsInf(high, 1) {
			high = low
		}
		share := (q*total - (up[at] - b.n)) / b.n
		v := low + (high-low)*share
		switch {
		case b.curved && low > 0:
			v = math.Exp(math.Log(low)*(1-share) + math.Log(high)*share)
		case b.curved && high < 0:
			v = -math.Exp(math.Log(-low)*(1-share) + math.Log(-high)*share)
		case math.IsInf(high-low, 1):
			v = low*(1-share) + high*share
		}
		h.add("", h.m.Unit(), pipeline.Gauge, v, &pipeline.Label{Name: "quantile", Value: decimal(q)})
	}
}

func explicitBuckets(p pmetric.HistogramDataPoint) (buckets []bucket, told, sound bool) {
	counts, bounds := p.BucketCounts().AsRaw(), p.ExplicitBounds().AsRaw()
	if len(counts) == 0 && len(bounds) == 0 {
		return nil, false, true
	}
	if len(counts) != len(bounds)+1 || !sort.Float64sAreSorted(bounds) || len(slices.Compact(slices.Clone(bounds))) != len(bounds) || slices.ContainsFunc(bounds, math.IsNaN) {
		return nil, true, false
	}
	if len(counts) == 1 {
		return nil, false, (counts[0] == 0) == (p.Count() == 0)
	}
	bounds = append(append([]float64{math.Inf(-1)}, bounds...), math.Inf(1))
	for i, n := range counts {
		buckets = append(buckets, bucket{low: bounds[i], high: bounds[i+1], n: float64(n)})
	}
	return buckets, true, true
}

func exponentialBuckets(p pmetric.ExponentialHistogramDataPoint) (buckets []bucket, told, sound bool) {
	base := math.Pow(2, math.Pow(2, -float64(p.Scale())))
	sides := [2]float64{}
	end := func(i int) float64 {
		if p.Scale() < 0 { // exactly: base may be beyond what there is
			return math.Ldexp(1, max(min(i, 1<<12), -1<<12)<<-p.Scale())
		}
		return math.Pow(base, float64(i))
	}
	side := func(b pmetric.ExponentialHistogramDataPointBuckets, sum *float64, sign float64) (list []bucket) {
		for i, n := range b.BucketCounts().AsRaw() {
			if n == 0 {
				continue
			}
			low, high := end(int(b.Offset())+i), min(end(int(b.Offset())+i+1), math.MaxFloat64)
			sound = sound && !math.IsInf(low, 1)
			*sum += float64(n)
			if sign < 0 {
				low, high = -high, -low
			}
			list = append(list, bucket{low, high, float64(n), true})
		}
		if sign < 0 {
			slices.Reverse(list)
		}
		return list
	}
	sound = p.Scale() >= -10 && p.Scale() <= 20 && p.ZeroThreshold() >= 0 && !math.IsInf(p.ZeroThreshold(), 1)
	if !sound {
		return nil, true, false
	}
	negative, positive := side(p.Negative(), &sides[0], -1), side(p.Positive(), &sides[1], 1)
	zero := bucket{-p.ZeroThreshold(), p.ZeroThreshold(), float64(p.ZeroCount()), false}
	if sides[0] == 0 && sides[1] > 0 {
		zero.low = 0
	}
	if sides[1] == 0 && sides[0] > 0 {
		zero.high = 0
	}
	return append(append(negative, zero), positive...), true, sound
}

func (o *oracle) add(name, unit string, typ pipeline.SeriesType, res, attrs pcommon.Map, start, time pcommon.Timestamp, v float64, refused, none bool, extra *pipeline.Label) {
	lose := ""
	switch {
	case refused:
		lose = otlp.LostTemporality
	case name == "":
		lose = otlp.LostNoName
	case none:
		lose = otlp.LostNoValue
	case math.Float64bits(v) == 0x7ff0000000000002:
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
	if extra != nil {
		merged[extra.Name] = extra.Value
	}
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
			if d := cmp.Diff(want.rows, got, nearly); d != "" {
				t.Fatalf("seed %d: rows differ (-pdata +codec):\n%s", seed, d)
			}
			if d := cmp.Diff(want.lost, lost); d != "" {
				t.Fatalf("seed %d: losses differ (-pdata +codec):\n%s", seed, d)
			}
		}
	}
}

// nearly is what estimates by another formula may differ by.
var nearly = cmp.Comparer(func(a, b float64) bool {
	return a == b || math.Abs(a-b) <= 1e-9*max(math.Abs(a), math.Abs(b)) || math.Abs(a-b) < 1e-300
})

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
