package otlp_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
	"github.com/homeostat/homeostat/schemas/codec/otlp"
)

// histogram is a message of one explicit histogram m in seconds, of deltas unless the fields say otherwise.
func histogram(point ...[]byte) []byte {
	return msg(1, msg(2, msg(2, str(1, "m"), str(3, "s"), msg(9, num(2, 1), msg(1, append(point, fixed(3, 5))...)))))
}

// cumulativeHistogram is the same since a start.
func cumulativeHistogram(point ...[]byte) []byte {
	return msg(1, msg(2, msg(2, str(1, "m"), str(3, "s"), msg(9, num(2, 2), msg(1, append(point, fixed(3, 5), fixed(2, 1))...)))))
}

func exponentialHistogram(point ...[]byte) []byte {
	return msg(1, msg(2, msg(2, str(1, "m"), msg(10, num(2, 1), msg(1, append(point, fixed(3, 5))...)))))
}

func counts(n ...uint64) []byte {
	var b []byte
	for _, n := range n {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	return msg(6, b)
}

func bounds(v ...float64) []byte {
	var b []byte
	for _, v := range v {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	return msg(7, b)
}

// buckets are those of an exponential histogram: field 8 is positive, 9 negative.
func buckets(field, offset int, n ...uint64) []byte {
	var b []byte
	for _, n := range n {
		b = binary.AppendUvarint(b, n)
	}
	return msg(field, sint(1, offset), msg(2, b))
}

func sint(field, v int) []byte { return num(field, uint64(uint32(v)<<1^uint32(v>>31))) }

// estimates returns the quantiles of a message's only point, by their label.
func estimates(t *testing.T, value []byte, quantiles ...any) (got map[string]float64, lost map[string]int) {
	t.Helper()
	r := codectest.Fresh(t, otlp.New(pipeline.Settings{"quantiles": quantiles}), value)
	if r.Code != "" {
		t.Fatal(r.Code)
	}
	got = map[string]float64{}
	for _, p := range r.Points {
		if q, ok := strings.CutPrefix(p.Series, `m{quantile="`); ok {
			got[strings.TrimSuffix(q, `"}`)] = math.Round(p.Value*1e9) / 1e9
			if p.Time != 5 {
				t.Fatalf("time %d", p.Time)
			}
		}
	}
	return got, r.Lost
}

func TestQuantiles(t *testing.T) {
	contradiction := map[string]int{otlp.LostInconsistent: 1}
	least, greatest := func(v float64) []byte { return double(11, v) }, func(v float64) []byte { return double(12, v) }
	leastOf, greatestOf := func(v float64) []byte { return double(12, v) }, func(v float64) []byte { return double(13, v) }
	count := func(n uint64) []byte { return fixed(4, n) }
	for _, c := range []struct {
		name  string
		value []byte
		q     float64
		want  float64 // NaN: none
		lost  map[string]int
	}{
		// As histogram_quantile of Prometheus.
		{"middle of a bucket", histogram(count(10), counts(0, 10, 0), bounds(10, 20)), 0.5, 15, nil},
		{"two buckets", histogram(count(10), counts(4, 4, 2), bounds(10, 20)), 0.5, 12.5, nil},
		{"rank at a bound", histogram(count(10), counts(5, 5, 0), bounds(10, 20)), 0.5, 10, nil},
		{"rank at a bound before an empty bucket", histogram(count(10), counts(5, 0, 5), bounds(10, 20)), 0.5, 10, nil},
		{"first bucket begins at 0", histogram(count(10), counts(10, 0), bounds(10)), 0.5, 5, nil},
		{"first bucket below 0", histogram(count(10), counts(10, 0), bounds(-10)), 0.5, -10, nil},
		{"first bucket up to 0", histogram(count(10), counts(10, 0), bounds(0)), 0.5, 0, nil},
		{"last bucket", histogram(count(10), counts(0, 0, 10), bounds(10, 20)), 0.5, 20, nil},
		{"a bound of infinity", histogram(count(10), counts(0, 0, 10, 0), bounds(10, 20, math.Inf(1))), 0.5, 20, nil},
		{"the least of all", histogram(count(10), counts(0, 10, 0), bounds(10, 20)), 0, 10, nil},
		{"the greatest of all", histogram(count(10), counts(0, 10, 0), bounds(10, 20)), 1, 20, nil},
		// Least and greatest value.
		{"least in the first bucket", histogram(count(10), counts(10, 0), bounds(10), least(8)), 0.5, 9, nil},
		{"least below 0", histogram(count(10), counts(10, 0), bounds(10), least(-10)), 0.5, 0, nil},
		{"greatest in the last bucket", histogram(count(10), counts(0, 0, 10), bounds(10, 20), greatest(40)), 0.5, 30, nil},
		{"both in one bucket", histogram(count(10), counts(0, 10, 0), bounds(10, 20), least(12), greatest(14)), 0.5, 13, nil},
		{"both contradict the bucket", histogram(count(10), counts(0, 10, 0), bounds(10, 20), least(30), greatest(40)), 0.5, 15, nil},
		{"least above greatest", histogram(count(10), counts(0, 10, 0), bounds(10, 20), least(18), greatest(12)), 0.5, 15, nil},
		// What says nothing.
		{"no observations", histogram(count(0), counts(0, 0, 0), bounds(10, 20)), 0.5, math.NaN(), nil},
		{"no buckets", histogram(count(3)), 0.5, math.NaN(), nil},
		{"one bucket for all", histogram(count(3), counts(3)), 0.5, math.NaN(), nil},
		{"cumulative", cumulativeHistogram(count(10), counts(0, 10, 0), bounds(10, 20)), 0.5, math.NaN(), nil},
		// Contradictions.
		{"as many bounds as buckets", histogram(count(3), counts(1, 2), bounds(10, 20)), 0.5, math.NaN(), contradiction},
		{"bounds without buckets", histogram(count(3), bounds(10, 20)), 0.5, math.NaN(), contradiction},
		{"bounds that fall", histogram(count(3), counts(1, 1, 1), bounds(20, 10)), 0.5, math.NaN(), contradiction},
		{"bounds that stay", histogram(count(3), counts(1, 1, 1), bounds(10, 10)), 0.5, math.NaN(), contradiction},
		{"a bound that is no number", histogram(count(3), counts(1, 2), bounds(math.NaN())), 0.5, math.NaN(), contradiction},
		{"a count without observations", histogram(count(3), counts(0, 0), bounds(1)), 0.5, math.NaN(), contradiction},
		{"observations without count", histogram(counts(1, 0), bounds(1)), 0.5, math.NaN(), contradiction},
		{"a count that is not the sum", histogram(count(3), counts(0, 10, 0), bounds(10, 20)), 0.5, 15, nil},
		// Lists in other forms.
		{"not packed", histogram(count(10), fixed(6, 0), fixed(6, 10), fixed(6, 0), double(7, 10), double(7, 20)), 0.5, 15, nil},
		{"in pieces", histogram(count(10), counts(0), counts(10, 0), bounds(10), bounds(), bounds(20)), 0.5, 15, nil},
		// Exponential: buckets (1, 2], (2, 4], … at scale 0.
		{"exponential", exponentialHistogram(count(10), buckets(8, 1, 10)), 0.5, math.Sqrt(8), nil},
		{"offset", exponentialHistogram(count(10), buckets(8, -1, 10)), 0.5, math.Sqrt(0.5), nil},
		{"second bucket", exponentialHistogram(count(10), buckets(8, 0, 5, 5)), 0.75, math.Sqrt(8), nil},
		{"scale 3", exponentialHistogram(count(10), sint(6, 3), buckets(8, 8, 10)), 0.5, math.Exp2(8.5 / 8), nil},
		{"scale 20", exponentialHistogram(count(10), sint(6, 20), buckets(8, 1<<20, 10)), 1, math.Exp2(1 + 1.0/(1<<20)), nil},
		{"scale -1", exponentialHistogram(count(10), sint(6, -1), buckets(8, 0, 10)), 0.5, 2, nil},
		{"scale -10, above 1", exponentialHistogram(count(10), sint(6, -10), buckets(8, 0, 10), leastOf(1), greatestOf(256)), 0.5, 16, nil},
		{"scale -10, up to 1", exponentialHistogram(count(10), sint(6, -10), buckets(8, -1, 10)), 1, 1, nil},
		{"negative", exponentialHistogram(count(10), buckets(9, 1, 10)), 0.5, -math.Sqrt(8), nil},
		{"negative, the least", exponentialHistogram(count(10), buckets(9, 0, 5, 5)), 0.25, -math.Sqrt(8), nil},
		{"negative and positive", exponentialHistogram(count(10), buckets(9, 0, 5), buckets(8, 0, 5)), 0.5, -1, nil},
		{"zeros", exponentialHistogram(count(10), fixed(7, 10)), 0.5, 0, nil},
		{"zeros up to a threshold, with positive", exponentialHistogram(count(10), fixed(7, 8), double(14, 0.4), buckets(8, 0, 2)), 0.4, 0.2, nil},
		{"zeros up to a threshold, with negative", exponentialHistogram(count(10), fixed(7, 8), double(14, 0.4), buckets(9, 0, 2)), 0.6, -0.2, nil},
		{"zeros on both sides", exponentialHistogram(count(12), fixed(7, 8), double(14, 0.4), buckets(8, 0, 2), buckets(9, 0, 2)), 0.5, 0, nil},
		{"least and greatest", exponentialHistogram(count(10), buckets(8, 1, 10), leastOf(2.25), greatestOf(4)), 0.5, 3, nil},
		{"empty buckets", exponentialHistogram(count(10), buckets(8, -5, 0, 0, 0, 0, 0, 0, 10, 0), buckets(9, 7, 0, 0)), 0.5, math.Sqrt(8), nil},
		{"exponential without observations", exponentialHistogram(buckets(8, 0, 0, 0)), 0.5, math.NaN(), nil},
		{"below what there is", exponentialHistogram(count(10), buckets(8, math.MinInt32, 10)), 0.5, 0, nil},
		{"counts that don't fit into 64 bits together", exponentialHistogram(count(10), buckets(8, 0, math.MaxUint64, math.MaxUint64)), 0.25, math.Sqrt(2), nil},
		{"exponential counts, not packed", exponentialHistogram(count(10), msg(8, sint(1, 1), num(2, 10), num(2, 0))), 0.5, math.Sqrt(8), nil},
		{"count without buckets", exponentialHistogram(count(10)), 0.5, math.NaN(), contradiction},
		{"beyond what there is", exponentialHistogram(count(10), buckets(8, math.MaxInt32, 10)), 0.5, math.NaN(), contradiction},
		{"up to the greatest number", exponentialHistogram(count(10), buckets(8, 1022, 0, 10)), 1, math.MaxFloat64, nil},
		{"a scale of -11", exponentialHistogram(count(10), sint(6, -11), buckets(8, 0, 10)), 0.5, math.NaN(), contradiction},
		{"a scale of 21", exponentialHistogram(count(10), sint(6, 21), buckets(8, 0, 10)), 0.5, math.NaN(), contradiction},
		{"a threshold below 0", exponentialHistogram(count(10), double(14, -1), buckets(8, 0, 10)), 0.5, math.NaN(), contradiction},
	} {
		got, lost := estimates(t, c.value, c.q)
		want := map[string]float64{}
		if c.want == c.want {
			want[fmt.Sprint(c.q)] = math.Round(c.want*1e9) / 1e9
		}
		if c.lost == nil {
			c.lost = map[string]int{}
		}
		if d := cmp.Diff(want, got) + cmp.Diff(c.lost, lost); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}

// TestRowsOfDistributions says which series there are, their units and times.
func TestRowsOfDistributions(t *testing.T) {
	point := [][]byte{fixed(4, 10), double(5, 40), double(11, 1), double(12, 8), counts(4, 4, 2), bounds(2, 5.5), msg(9, str(1, "le"), msg(2, str(1, "x"))), msg(9, str(1, "quantile"), msg(2, str(1, "y")))}
	const labels = `le="x",quantile="y"`
	for _, c := range []struct {
		name     string
		settings pipeline.Settings
		value    []byte
		want     []codectest.Point
		lost     map[string]int
	}{
		{"delta", nil, histogram(point...), []codectest.Point{
			{Series: `m.count:delta{` + labels + `}`, Unit: "1", Time: 5, Value: 10},
			{Series: `m.sum:delta{` + labels + `}`, Unit: "s", Time: 5, Value: 40},
			{Series: `m.min{` + labels + `}`, Unit: "s", Time: 5, Value: 1},
			{Series: `m.max{` + labels + `}`, Unit: "s", Time: 5, Value: 8},
			{Series: `m{le="x",quantile="0.5"}`, Unit: "s", Time: 5, Value: 2.875},
			{Series: `m{le="x",quantile="0.95"}`, Unit: "s", Time: 5, Value: 7.375},
			{Series: `m{le="x",quantile="0.99"}`, Unit: "s", Time: 5, Value: 7.875},
		}, nil},
		{"cumulative, buckets", pipeline.Settings{"buckets": true}, cumulativeHistogram(point...), []codectest.Point{
			{Series: `m.count:cumulative{` + labels + `}`, Unit: "1", Time: 5, Start: 1, Value: 10},
			{Series: `m.sum:cumulative{` + labels + `}`, Unit: "s", Time: 5, Start: 1, Value: 40},
			{Series: `m.bucket:cumulative{le="2",quantile="y"}`, Unit: "1", Time: 5, Start: 1, Value: 4},
			{Series: `m.bucket:cumulative{le="5.5",quantile="y"}`, Unit: "1", Time: 5, Start: 1, Value: 8},
			{Series: `m.bucket:cumulative{le="+Inf",quantile="y"}`, Unit: "1", Time: 5, Start: 1, Value: 10},
		}, nil},
		{"delta, buckets, no quantiles", pipeline.Settings{"buckets": true, "quantiles": []any{}}, histogram(fixed(4, 3), counts(1, 2), bounds(1e6)), []codectest.Point{
			{Series: `m.count:delta{}`, Unit: "1", Time: 5, Value: 3},
			{Series: `m.bucket:delta{le="1000000"}`, Unit: "1", Time: 5, Value: 1},
			{Series: `m.bucket:delta{le="+Inf"}`, Unit: "1", Time: 5, Value: 3},
		}, nil},
		{"buckets that are none", pipeline.Settings{"buckets": true}, histogram(fixed(4, 3), counts(1), bounds(1e6)), []codectest.Point{
			{Series: `m.count:delta{}`, Unit: "1", Time: 5, Value: 3},
		}, map[string]int{otlp.LostInconsistent: 4}},
		{"no observations", nil, histogram(fixed(4, 0), double(5, 0), double(11, 0), double(12, 0), counts(0, 0), bounds(1)), []codectest.Point{
			{Series: `m.count:delta{}`, Unit: "1", Time: 5},
			{Series: `m.sum:delta{}`, Unit: "s", Time: 5},
		}, nil},
		{"no recorded value", nil, histogram(append(point, num(10, 1))...), nil, map[string]int{otlp.LostNoValue: 2}},
		{"a least value that is none", pipeline.Settings{"quantiles": []any{0.5}}, histogram(fixed(4, 10), double(11, math.NaN()), counts(10, 0), bounds(10)), []codectest.Point{
			{Series: `m.count:delta{}`, Unit: "1", Time: 5, Value: 10},
			{Series: `m{quantile="0.5"}`, Unit: "s", Time: 5, Value: 5},
		}, map[string]int{otlp.LostNotFinite: 1}},
		{"summary", nil, msg(1, msg(2, msg(2, str(1, "m"), str(3, "s"), msg(11, msg(1, fixed(3, 5), fixed(2, 1), fixed(4, 3), double(5, 6),
			msg(6, double(1, 0.5), double(2, 2)), msg(6, double(1, 0.99), double(2, math.NaN())), msg(6, double(1, 2), double(2, 2)), msg(6, double(1, math.NaN())), msg(6)))))), []codectest.Point{
			{Series: `m.count:cumulative{}`, Unit: "1", Time: 5, Start: 1, Value: 3},
			{Series: `m.sum:cumulative{}`, Unit: "s", Time: 5, Start: 1, Value: 6},
			{Series: `m{quantile="0.5"}`, Unit: "s", Time: 5, Start: 1, Value: 2},
			{Series: `m{quantile="0"}`, Unit: "s", Time: 5, Start: 1},
		}, map[string]int{otlp.LostNotFinite: 1, otlp.LostInconsistent: 2}},
	} {
		got := codectest.Fresh(t, otlp.New(c.settings), c.value)
		if c.lost == nil {
			c.lost = map[string]int{}
		}
		if d := cmp.Diff(codectest.Result{Points: c.want, Lost: c.lost}, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}

func TestStaleMarkers(t *testing.T) {
	stale := fixed(4, 0x7ff0000000000002)
	got := codectest.Fresh(t, otlp.New(nil), gauge(msg(1, stale), msg(1, double(4, math.NaN()))))
	if d := cmp.Diff(codectest.Result{Lost: map[string]int{otlp.LostNoValue: 1, otlp.LostNotFinite: 1}}, got); d != "" {
		t.Fatalf("(-want +got):\n%s", d)
	}
}

func TestScope(t *testing.T) {
	metric := msg(2, str(1, "m"), msg(5, msg(1, double(4, 1), fixed(3, 5))))
	proto := func(scope ...[]byte) string {
		return string(msg(1, msg(1, attr(1, "host", "h")), msg(2, append(scope, metric)...)))
	}
	text := func(scope string) string {
		return `{"resourceMetrics":[{"resource":{"attributes":[{"key":"host","value":{"stringValue":"h"}}]},"scopeMetrics":[{` + scope + `"metrics":[{"name":"m","gauge":{"dataPoints":[{"asInt":1,"timeUnixNano":5}]}}]}]}]}`
	}
	for _, c := range []struct{ name, value, want string }{
		{"full", proto(msg(1, str(1, "lib"), str(2, "1.0"), attr(3, "a", "b"))), `m{host="h",otel.scope.a="b",otel.scope.name="lib",otel.scope.version="1.0"}`},
		{"full, in JSON", text(`"scope":{"attributes":[{"key":"a","value":{"stringValue":"b"}}],"name":"lib","version":"1.0"},`), `m{host="h",otel.scope.a="b",otel.scope.name="lib",otel.scope.version="1.0"}`},
		{"no version", proto(msg(1, str(1, "lib"))), `m{host="h",otel.scope.name="lib"}`},
		{"in parts", proto(msg(1, str(1, "lib")), msg(1, str(2, "2"))), `m{host="h",otel.scope.name="lib",otel.scope.version="2"}`},
		{"an attribute called name", proto(msg(1, attr(3, "name", "b"), str(1, "lib"))), `m{host="h",otel.scope.name="lib"}`},
		{"empty", proto(msg(1)), `m{host="h"}`},
		{"empty, in JSON", text(`"scope":{},`), `m{host="h"}`},
		{"none", proto(), `m{host="h"}`},
		{"none, in JSON", text(""), `m{host="h"}`},
	} {
		for _, scope := range []bool{true, false} {
			want := c.want
			if !scope {
				want = `m{host="h"}`
			}
			got := codectest.Fresh(t, otlp.New(pipeline.Settings{"scope": scope}), []byte(c.value))
			if len(got.Points) != 1 || got.Points[0].Series != want {
				t.Errorf("%s, scope %v: %+v, want %s", c.name, scope, got, want)
			}
		}
	}
}

// TestScopesShareNothing decodes the same metric of several scopes and resources by one codec.
func TestScopesShareNothing(t *testing.T) {
	codec, table := otlp.New(pipeline.Settings{"scope": true}), pipeline.NewSeriesTable(nil, 0)
	metric := msg(2, str(1, "m"), msg(5, msg(1, double(4, 1), fixed(3, 5))))
	for range 2 {
		var value []byte
		for i := range 3 {
			value = append(value, msg(1, msg(1, attr(1, "r", fmt.Sprint(i))), msg(2, msg(1, str(1, "a")), metric), msg(2, msg(1, str(1, "b")), metric), msg(2, metric))...)
		}
		if got := codectest.Decode(t, codec, table, codectest.Record(value)); len(got.Points) != 9 || table.Len() != 9 {
			t.Fatalf("%d series of %d points", table.Len(), len(got.Points))
		}
	}
}
