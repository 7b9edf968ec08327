package remotewrite_test

import (
	"math"
	"math/rand/v2"
	"sort"
	"strings"
	"testing"

	"github.com/golang/snappy"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
	"github.com/homeostat/homeostat/schemas/codec/remotewrite"
)

// oneUnit leaves units out: a series has that of its first sight.
var oneUnit = cmpopts.IgnoreFields(codectest.Point{}, "Unit")

func fixtures(t testing.TB) map[string][]byte {
	t.Helper()
	return codectest.Fixtures(t, "testdata/*.snappy")
}

// oracle says what rows and losses requests make that Prometheus' own code has read. It shares no code with the codec.
type oracle struct {
	suffixes []string
	points   []codectest.Point
	lost     map[string]int
}

// pair is a label.
type pair struct{ name, value string }

// one reads a request of version 1.0.
func (o *oracle) one(req *prompb.WriteRequest) {
	kinds := map[string]prompb.MetricMetadata{}
	for _, m := range req.Metadata {
		kinds[m.MetricFamilyName] = m
	}
	for _, ts := range req.Timeseries {
		var labels []pair
		name := ""
		for _, l := range ts.Labels {
			if labels = append(labels, pair{l.Name, l.Value}); l.Name == "__name__" {
				name = l.Value
			}
		}
		kind := kinds[o.family(kinds, name)].Type.String()
		for _, s := range ts.Samples {
			o.sample(labels, kind, s.Value, s.Timestamp, 0)
		}
		for _, h := range ts.Histograms {
			count := float64(h.GetCountInt())
			if _, ok := h.Count.(*prompb.Histogram_CountFloat); ok {
				count = h.GetCountFloat()
			}
			o.histogram(labels, kind, count, h.Sum, h.Timestamp, 0, h.ResetHint == prompb.Histogram_GAUGE)
		}
	}
}

// family returns the name under which the metadata of a series is.
func (o *oracle) family(kinds map[string]prompb.MetricMetadata, name string) string {
	if _, ok := kinds[name]; ok {
		return name
	}
	for suffix, of := range map[string]string{"_total": "COUNTER", "_bucket": "HISTOGRAM GAUGEHISTOGRAM", "_count": "HISTOGRAM SUMMARY", "_sum": "HISTOGRAM SUMMARY",
		"_gcount": "GAUGEHISTOGRAM", "_gsum": "GAUGEHISTOGRAM", "_info": "INFO"} {
		stem, found := strings.CutSuffix(name, suffix)
		if m, ok := kinds[stem]; found && ok {
			for _, k := range strings.Fields(of) {
				if k == m.Type.String() {
					return stem
				}
			}
		}
	}
	return "\x00none"
}

// two reads a request of version 2.0.
func (o *oracle) two(req *writev2.Request) {
	for _, ts := range req.Timeseries {
		var labels []pair
		for i := 0; i < len(ts.LabelsRefs); i += 2 {
			labels = append(labels, pair{req.Symbols[ts.LabelsRefs[i]], req.Symbols[ts.LabelsRefs[i+1]]})
		}
		kind := strings.TrimPrefix(ts.Metadata.Type.String(), "METRIC_TYPE_")
		for _, s := range ts.Samples {
			o.sample(labels, kind, s.Value, s.Timestamp, s.StartTimestamp)
		}
		for _, h := range ts.Histograms {
			count := float64(h.GetCountInt())
			if _, ok := h.Count.(*writev2.Histogram_CountFloat); ok {
				count = h.GetCountFloat()
			}
			o.histogram(labels, kind, count, h.Sum, h.Timestamp, h.StartTimestamp, h.ResetHint == writev2.Histogram_RESET_HINT_GAUGE)
		}
	}
}

func (o *oracle) sample(labels []pair, kind string, value float64, ms, start int64) {
	name, _ := o.labels(labels)
	ends := func(suffixes ...string) bool {
		for _, s := range suffixes {
			if strings.HasSuffix(name, s) {
				return true
			}
		}
		return false
	}
	typ := pipeline.Gauge
	switch {
	case kind == "COUNTER", kind == "HISTOGRAM", kind == "SUMMARY" && ends("_count", "_sum"):
		typ = pipeline.Cumulative
	case kind != "GAUGE" && kind != "GAUGEHISTOGRAM" && kind != "SUMMARY" && kind != "INFO" && kind != "STATESET" && ends(o.suffixes...):
		typ = pipeline.Cumulative
	}
	o.add(labels, "", typ, value, ms, start, false)
}

func (o *oracle) histogram(labels []pair, kind string, count, sum float64, ms, start int64, gauge bool) {
	typ := pipeline.Cumulative
	if gauge || kind == "GAUGEHISTOGRAM" {
		typ = pipeline.Gauge
	}
	stale := math.Float64bits(sum) == staleBits
	o.add(labels, ".count", typ, count, ms, start, stale)
	o.add(labels, ".sum", typ, sum, ms, start, stale)
}

func (o *oracle) labels(labels []pair) (string, []pipeline.Label) {
	last := map[string]string{}
	for _, l := range labels {
		last[strings.ToValidUTF8(l.name, "\uFFFD")] = strings.ToValidUTF8(l.value, "\uFFFD")
	}
	var out []pipeline.Label
	for name, value := range last {
		if name != "__name__" && value != "" {
			out = append(out, pipeline.Label{Name: name, Value: value})
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return last["__name__"], out
}

func (o *oracle) add(labels []pair, part string, typ pipeline.SeriesType, value float64, ms, start int64, stale bool) {
	name, list := o.labels(labels)
	when := ms * 1e6
	if ms == 0 {
		when = codectest.Timestamp * 1e6
	}
	switch {
	case stale, math.Float64bits(value) == staleBits:
		o.lost[remotewrite.LostNoValue]++
	case math.IsNaN(value), math.IsInf(value, 0):
		o.lost[remotewrite.LostNotFinite]++
	case ms < 0, ms > math.MaxInt64/1_000_000:
		o.lost[remotewrite.LostTimeRange]++
	case name == "":
		o.lost[remotewrite.LostNoName]++
	default:
		if start < 0 || start > math.MaxInt64/1_000_000 {
			start = 0
		}
		o.points = append(o.points, codectest.Point{Series: pipeline.SeriesKey(name+part, typ, list), Time: when, Start: start * 1e6, Value: value})
	}
}

func consult1(req *prompb.WriteRequest, suffixes ...string) codectest.Result {
	o := oracle{suffixes: suffixes, lost: map[string]int{}}
	o.one(req)
	return codectest.Result{Points: o.points, Lost: o.lost}
}

func consult2(req *writev2.Request, suffixes ...string) codectest.Result {
	o := oracle{suffixes: suffixes, lost: map[string]int{}}
	o.two(req)
	return codectest.Result{Points: o.points, Lost: o.lost}
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func randomLabels(r *rand.Rand) []pair {
	var labels []pair
	if r.IntN(10) > 0 {
		labels = append(labels, pair{"__name__", pick(r, "up", "http_requests_total", "rpc_seconds", "rpc_seconds_count", "rpc_seconds_sum", "rpc_seconds_bucket", "temp_gcount", "build_info", "job:rate5m", "größe", "")})
	}
	for range r.IntN(6) {
		labels = append(labels, pair{pick(r, "job", "instance", "le", "quantile", "a", "b", "\xff", ""), pick(r, "node", "10.0.0.1:9100", "+Inf", "0.99", "", "x\xc3", strings.Repeat("long", r.IntN(60)))})
	}
	return labels
}

func randomValue(r *rand.Rand) float64 {
	return pick(r, 0, 1, -1.5, math.Copysign(0, -1), r.NormFloat64(), math.MaxFloat64, 5e-324, math.NaN(), math.Inf(1), math.Float64frombits(staleBits))
}

func randomMillis(r *rand.Rand) int64 {
	return pick(r, ms, ms+r.Int64N(1e6), 0, 1, -1, 127, 1<<35, 1<<42-1, 1<<42, 9_223_372_036_854, 9_223_372_036_855, math.MaxInt64, math.MinInt64)
}

// random1 makes a request of version 1.0 of random shape.
func random1(r *rand.Rand) *prompb.WriteRequest {
	req := &prompb.WriteRequest{}
	for range r.IntN(8) {
		ts := prompb.TimeSeries{}
		for _, l := range randomLabels(r) {
			ts.Labels = append(ts.Labels, prompb.Label{Name: l.name, Value: l.value})
		}
		for range pick(r, 0, 1, 1, 1, 1, 3) {
			ts.Samples = append(ts.Samples, prompb.Sample{Value: randomValue(r), Timestamp: randomMillis(r)})
		}
		for range pick(r, 0, 0, 1, 2) {
			h := prompb.Histogram{Sum: randomValue(r), Schema: pick[int32](r, 0, 8, -4, -53), ZeroThreshold: 1e-128, ResetHint: prompb.Histogram_ResetHint(r.IntN(4)), Timestamp: randomMillis(r),
				PositiveSpans: []prompb.BucketSpan{{Offset: -2, Length: 2}}, CustomValues: []float64{0.5, 1}}
			if r.IntN(2) == 0 {
				h.Count, h.PositiveDeltas = &prompb.Histogram_CountInt{CountInt: r.Uint64() >> r.IntN(64)}, []int64{3, -1}
			} else if r.IntN(8) > 0 {
				h.Count, h.PositiveCounts = &prompb.Histogram_CountFloat{CountFloat: randomValue(r)}, []float64{3, 1.5}
			}
			ts.Histograms = append(ts.Histograms, h)
		}
		for range r.IntN(2) {
			ts.Exemplars = append(ts.Exemplars, prompb.Exemplar{Labels: []prompb.Label{{Name: "trace_id", Value: "1"}}, Value: 1, Timestamp: ms})
		}
		req.Timeseries = append(req.Timeseries, ts)
	}
	for range r.IntN(4) {
		req.Metadata = append(req.Metadata, prompb.MetricMetadata{Type: prompb.MetricMetadata_MetricType(r.IntN(8)), MetricFamilyName: pick(r, "up", "http_requests", "http_requests_total", "rpc_seconds", "temp", "build", ""), Help: "helpful", Unit: pick(r, "", "seconds")})
	}
	return req
}

// random2 makes a request of version 2.0 of random shape.
func random2(r *rand.Rand) *writev2.Request {
	req := &writev2.Request{}
	table := writev2.NewSymbolTable()
	for range r.IntN(8) {
		ts := writev2.TimeSeries{Metadata: writev2.Metadata{Type: writev2.Metadata_MetricType(r.IntN(8)), HelpRef: table.Symbolize("helpful"), UnitRef: table.Symbolize(pick(r, "", "seconds"))}}
		for _, l := range randomLabels(r) {
			ts.LabelsRefs = append(ts.LabelsRefs, table.Symbolize(l.name), table.Symbolize(l.value))
		}
		for range pick(r, 0, 1, 1, 1, 1, 3) {
			ts.Samples = append(ts.Samples, writev2.Sample{Value: randomValue(r), Timestamp: randomMillis(r), StartTimestamp: pick(r, 0, randomMillis(r))})
		}
		for range pick(r, 0, 0, 1, 2) {
			h := writev2.Histogram{Sum: randomValue(r), Schema: pick[int32](r, 0, 8, -4, -53), ZeroThreshold: 1e-128, ResetHint: writev2.Histogram_ResetHint(r.IntN(4)), Timestamp: randomMillis(r), StartTimestamp: pick(r, 0, randomMillis(r)),
				NegativeSpans: []writev2.BucketSpan{{Offset: -2, Length: 2}}, CustomValues: []float64{0.5, 1}}
			if r.IntN(2) == 0 {
				h.Count, h.NegativeDeltas = &writev2.Histogram_CountInt{CountInt: r.Uint64() >> r.IntN(64)}, []int64{3, -1}
			} else if r.IntN(8) > 0 {
				h.Count, h.NegativeCounts = &writev2.Histogram_CountFloat{CountFloat: randomValue(r)}, []float64{3, 1.5}
			}
			ts.Histograms = append(ts.Histograms, h)
		}
		for range r.IntN(2) {
			ts.Exemplars = append(ts.Exemplars, writev2.Exemplar{LabelsRefs: []uint32{table.Symbolize("trace_id"), table.Symbolize("1")}, Value: 1, Timestamp: ms})
		}
		req.Timeseries = append(req.Timeseries, ts)
	}
	req.Symbols = table.Symbols()
	return req
}

type marshaler interface{ Marshal() ([]byte, error) }

func marshal(t testing.TB, m marshaler) []byte {
	t.Helper()
	b, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What Prometheus' own code writes is read as it reads it, whatever the shape and the compression, with memos and without.
func TestRandomRequestsAsPrometheusReadsThem(t *testing.T) {
	suffixes := []any{"_total", "_count", "_sum", "_bucket"}
	checker := codectest.NewChecker(func() pipeline.Codec { return newCodec(t, pipeline.Settings{"cumulative_suffixes": suffixes}) })
	rows := 0
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 1))
		var request []byte
		var want codectest.Result
		if seed%2 == 0 {
			req := random1(r)
			request, want = marshal(t, req), consult1(req, "_total", "_count", "_sum", "_bucket")
		} else {
			req := random2(r)
			request, want = marshal(t, req), consult2(req, "_total", "_count", "_sum", "_bucket")
		}
		if len(request) == 0 {
			continue
		}
		value := request
		switch seed % 3 {
		case 1:
			value = snappy.Encode(nil, request)
		case 2:
			value = inZstd(t, request, seed%4 == 0)
		}
		if d := cmp.Diff(want, checker.Check(t, codectest.Record(value)), oneUnit); d != "" {
			t.Fatalf("seed %d (-prometheus +codec):\n%s", seed, d)
		}
		rows += len(want.Points)
	}
	if rows < 5000 {
		t.Fatalf("only %d rows: the shapes are too poor", rows)
	}
}

func TestFixturesAsPrometheusReadsThem(t *testing.T) {
	for name, value := range fixtures(t) {
		request, err := snappy.Decode(nil, value)
		if err != nil {
			t.Fatal(err)
		}
		var want codectest.Result
		if strings.HasPrefix(name, "prometheus-v2-") {
			var req writev2.Request
			if err := req.Unmarshal(request); err != nil {
				t.Fatal(err)
			}
			want = consult2(&req)
		} else {
			var req prompb.WriteRequest
			if err := req.Unmarshal(request); err != nil {
				t.Fatal(err)
			}
			want = consult1(&req)
		}
		if d := cmp.Diff(want, codectest.Fresh(t, newCodec(t, nil), value), oneUnit); d != "" {
			t.Errorf("%s (-prometheus +codec):\n%s", name, d)
		}
	}
}
