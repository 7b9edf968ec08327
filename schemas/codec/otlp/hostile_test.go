package otlp_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
	"github.com/homeostat/homeostat/schemas/codec/otlp"
)

// hostile is what nobody should write, in both encodings.
func hostile() []codectest.Hostile {
	lost := func(reason string, n int) map[string]int { return map[string]int{reason: n} }
	deep := func(open, leaf, end string, n int) string {
		return strings.Repeat(open, n) + leaf + strings.Repeat(end, n)
	}
	valued := func(v string) []byte {
		return []byte(jsonGauge(`{"asInt":1,"attributes":[{"key":"k","value":` + v + `}]}`))
	}
	number := func(field string) []byte { return []byte(jsonGauge(`{` + field + `}`)) }
	long := strings.Repeat("v", 1<<20)
	var manyAttributes [][]byte
	var manyJSON []string
	for i := range 129 {
		manyAttributes = append(manyAttributes, attr(7, fmt.Sprint(i), ""))
		manyJSON = append(manyJSON, fmt.Sprintf(`{"key":"%d"}`, i))
	}
	bomb := msg(8, msg(2, bytes.Repeat([]byte{1}, 1_000_000)))
	sparse := buckets(8, math.MaxInt32-1, 0, 0, 0, 1)
	point := msg(1, double(4, 1), attr(7, "a", "1"))
	point15 := `{"asInt":1}`
	return []codectest.Hostile{
		{Name: "tombstone", Record: codectest.Record(nil), Code: "otlp_metrics.empty"},
		{Name: "a line feed", Value: []byte("\n"), Code: "otlp_metrics.bytes"},
		{Name: "space", Value: []byte(" \t "), Code: "otlp_metrics.bytes"},
		{Name: "zeros", Value: make([]byte, 4096), Code: "otlp_metrics.bytes"},
		{Name: "ones", Value: bytes.Repeat([]byte{0xff}, 4096), Code: "otlp_metrics.bytes"},
		{Name: "gzip", Value: []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3}, Code: "otlp_metrics.bytes"},
		{Name: "too large", Value: append([]byte("{"), make([]byte, 16<<20)...), Code: "otlp_metrics.limit.bytes"},
		// Protobuf.
		{Name: "truncated", Value: gauge(point)[:20], Code: "otlp_metrics.bytes"},
		{Name: "length of 2^63", Value: append([]byte{0x0a}, binary.AppendUvarint(nil, 1<<63)...), Code: "otlp_metrics.bytes"},
		{Name: "endless groups", Value: bytes.Repeat([]byte{0x0b}, 1<<20), Code: "otlp_metrics.bytes"},
		{Name: "logs", Value: msg(1, msg(2, msg(2, fixed(1, 5), num(2, 9)))), Code: "otlp_metrics.bytes"},
		{Name: "other fields only", Value: str(3, "x"), Code: "otlp_metrics.nothing"},
		{Name: "100,001 points", Value: gauge(bytes.Repeat(msg(1, double(4, 1)), 100_001)), Code: "otlp_metrics.limit.points"},
		{Name: "500,000 resources", Value: bytes.Repeat(msg(1), 500_000), Code: "otlp_metrics.limit.points"},
		{Name: "129 attributes", Value: gauge(msg(1, append(manyAttributes, double(4, 1))...)), Code: "otlp_metrics.limit.attributes"},
		{Name: "1 MB label", Value: gauge(msg(1, double(4, 1), attr(7, "k", long))), Code: "otlp_metrics.limit.label_bytes"},
		{Name: "1 MB metric name", Value: msg(1, msg(2, msg(2, str(1, long), msg(5, point)))), Code: "otlp_metrics.limit.label_bytes"},
		{Name: "lists 1,000 deep", Value: nested(1000), Code: "otlp_metrics.limit.nesting"},
		{Name: "NaN", Value: gauge(msg(1, double(4, math.NaN()))), Lost: lost(otlp.LostNotFinite, 1)},
		{Name: "infinite", Value: gauge(msg(1, double(4, math.Inf(-1)))), Lost: lost(otlp.LostNotFinite, 1)},
		{Name: "stale", Value: gauge(msg(1, fixed(4, 0x7ff0000000000002))), Lost: lost(otlp.LostNoValue, 1)},
		{Name: "time 0 of a record without time", Record: &pipeline.Record{Value: gauge(msg(1, double(4, 1)))}, Lost: lost(otlp.LostNoTime, 1)},
		{Name: "year 2286", Value: gauge(msg(1, double(4, 1), fixed(3, 9_999_999_999_000_000_000))), Lost: lost(otlp.LostTimeRange, 1)},
		{Name: "not UTF-8", Value: gauge(msg(1, double(4, 1), attr(7, "\xc0", "\xed\xa0\x80"))), Rows: 1},
		{Name: "an attribute 100 times", Value: gauge(msg(1, double(4, 1), bytes.Repeat(attr(7, "k", "v"), 100))), Rows: 1},
		{Name: "10^6 buckets", Value: exponentialHistogram(fixed(4, 1), bomb), Code: "otlp_metrics.limit.buckets"},
		{Name: "10^6 buckets that stand alone", Value: exponentialHistogram(fixed(4, 1), msg(8, bytes.Repeat([]byte{2 << 3, 1}, 1_000_000))), Code: "otlp_metrics.limit.buckets"},
		{Name: "10^6 explicit buckets", Value: histogram(fixed(4, 1), msg(6, make([]byte, 8_000_000))), Code: "otlp_metrics.limit.buckets"},
		{Name: "10^6 bounds that stand alone", Value: histogram(fixed(4, 1), bytes.Repeat(double(7, 1), 1_000_000)), Code: "otlp_metrics.limit.buckets"},
		{Name: "10^6 cumulative buckets, which are not read", Value: cumulativeHistogram(fixed(4, 1), msg(6, make([]byte, 8_000_000))), Rows: 1},
		{Name: "buckets beyond float64", Value: exponentialHistogram(fixed(4, 1), sparse), Rows: 1, Lost: lost(otlp.LostInconsistent, 3)},
		{Name: "buckets beyond 32 bits", Value: exponentialHistogram(fixed(4, 1), sint(6, -10), buckets(9, math.MinInt32, 1)), Rows: 4},
		{Name: "a scale of -2^31", Value: exponentialHistogram(fixed(4, 1), sint(6, math.MinInt32), buckets(8, 0, 1)), Rows: 1, Lost: lost(otlp.LostInconsistent, 3)},
		{Name: "bucket counts cut in a number", Value: histogram(fixed(4, 1), msg(6, []byte{1, 2, 3})), Code: "otlp_metrics.bytes"},
		{Name: "bucket counts cut in a varint", Value: exponentialHistogram(fixed(4, 1), msg(8, msg(2, []byte{1, 0x80}))), Code: "otlp_metrics.bytes"},
		{Name: "bounds that are a varint", Value: histogram(fixed(4, 1), num(7, 1)), Code: "otlp_metrics.bytes"},
		{Name: "200,000 quantiles", Value: msg(1, msg(2, msg(2, str(1, "m"), msg(11, msg(1, bytes.Repeat(msg(6), 200_000)))))), Code: "otlp_metrics.limit.points"},
		{Name: "a sum that is nothing", Value: msg(1, msg(2, msg(2, str(1, "m"), msg(7, point, num(2, 99))))), Lost: lost(otlp.LostTemporality, 1)},
		// JSON.
		{Name: "JSON cut in a text", Value: []byte(jsonGauge(point15))[:60], Code: "otlp_metrics.syntax"},
		{Name: "JSON cut before the end", Value: []byte(strings.TrimSuffix(jsonGauge(point15), "}")), Code: "otlp_metrics.syntax"},
		{Name: "JSON and more", Value: []byte(jsonGauge(point15) + "x"), Code: "otlp_metrics.syntax"},
		{Name: "JSON and protobuf", Value: append([]byte(jsonGauge(point15)), gauge(point)...), Code: "otlp_metrics.syntax"},
		{Name: "JSON in a list", Value: []byte("[" + jsonGauge(point15) + "]"), Code: "otlp_metrics.bytes"},
		{Name: "braces", Value: bytes.Repeat([]byte("{"), 1<<20), Code: "otlp_metrics.syntax"},
		{Name: "brackets", Value: []byte(`{"x":` + deep("[", "", "]", 1<<20) + "}"), Code: "otlp_metrics.limit.nesting"},
		{Name: "2^20 values", Value: []byte(`{"x":[0` + strings.Repeat(",0", 1<<20) + `]}`), Code: "otlp_metrics.nothing"},
		{Name: "2^18 names", Value: []byte(`{"":0` + strings.Repeat(`,"":0`, 1<<18) + `}`), Code: "otlp_metrics.nothing"},
		{Name: "2^18 messages", Value: bytes.Repeat([]byte("{}"), 1<<18), Code: "otlp_metrics.nothing"},
		{Name: "lists 17 deep", Value: valued(deep(`{"arrayValue":{"values":[`, `{}`, `]}}`, 17)), Code: "otlp_metrics.limit.nesting"},
		{Name: "lists 16 deep", Value: valued(deep(`{"arrayValue":{"values":[`, `{}`, `]}}`, 16)), Rows: 1},
		{Name: "maps 16 deep", Value: valued(deep(`{"kvlistValue":{"values":[{"value":`, `{}`, `}]}}`, 16)), Rows: 1},
		{Name: "lists 1,000 deep, JSON", Value: valued(deep(`{"arrayValue":{"values":[`, `{}`, `]}}`, 1000)), Code: "otlp_metrics.limit.nesting"},
		{Name: "a value twice", Value: number(`"asInt":1,"asInt":2`), Code: "otlp_metrics.value"},
		{Name: "points twice", Value: []byte(jsonOf(`"gauge":{"dataPoints":[],"data_points":[` + point15 + `]}`)), Code: "otlp_metrics.value"},
		{Name: "an attribute's value twice", Value: []byte(jsonGauge(`{"asInt":1,"attributes":[{"key":"a","key":"b"}]}`)), Code: "otlp_metrics.value"},
		{Name: "a text for a value", Value: number(`"asDouble":"much"`), Code: "otlp_metrics.value"},
		{Name: "true for a value", Value: number(`"asDouble":true`), Code: "otlp_metrics.value"},
		{Name: "half an int", Value: number(`"asInt":0.5`), Code: "otlp_metrics.value"},
		{Name: "an int of 65 bits", Value: number(`"asInt":"9223372036854775808"`), Code: "otlp_metrics.value"},
		{Name: "an int of 400 digits", Value: number(`"asInt":` + strings.Repeat("9", 400)), Code: "otlp_metrics.value"},
		{Name: "a time before 1970", Value: number(`"asInt":1,"timeUnixNano":-1`), Code: "otlp_metrics.value"},
		{Name: "a time of 65 bits", Value: number(`"asInt":1,"timeUnixNano":18446744073709551616`), Code: "otlp_metrics.value"},
		{Name: "a time in words", Value: number(`"asInt":1,"timeUnixNano":"2026-11-28T09:00:00Z"`), Code: "otlp_metrics.value"},
		{Name: "year 2286, JSON", Value: number(`"asInt":1,"timeUnixNano":"9999999999000000000"`), Lost: lost(otlp.LostTimeRange, 1)},
		{Name: "NaN bare", Value: number(`"asDouble":NaN`), Code: "otlp_metrics.syntax"},
		{Name: "NaN in a text", Value: number(`"asDouble":"NaN"`), Lost: lost(otlp.LostNotFinite, 1)},
		{Name: "a value beyond float64", Value: number(`"asDouble":-1e999`), Lost: lost(otlp.LostNotFinite, 1)},
		{Name: "an exponent of 400 digits", Value: number(`"asDouble":1e` + strings.Repeat("9", 400)), Lost: lost(otlp.LostNotFinite, 1)},
		{Name: "points that are an object", Value: []byte(jsonOf(`"gauge":{"dataPoints":{}}`)), Code: "otlp_metrics.value"},
		{Name: "a point that is null", Value: []byte(jsonGauge("null")), Code: "otlp_metrics.value"},
		{Name: "a metric that is a list", Value: []byte(`{"resourceMetrics":[{"scopeMetrics":[{"metrics":[[]]}]}]}`), Code: "otlp_metrics.value"},
		{Name: "attributes that are a map", Value: []byte(jsonGauge(`{"asInt":1,"attributes":{"a":"b"}}`)), Code: "otlp_metrics.value"},
		{Name: "attributes of texts", Value: []byte(jsonGauge(`{"asInt":1,"attributes":["a"]}`)), Code: "otlp_metrics.value"},
		{Name: "bytes that are no base64", Value: valued(`{"bytesValue":"*"}`), Code: "otlp_metrics.value"},
		{Name: "control characters", Value: []byte(strings.Replace(jsonGauge(point15), `"m"`, "\"\x00\"", 1)), Code: "otlp_metrics.syntax"},
		{Name: "an unfinished escape", Value: []byte(strings.Replace(jsonGauge(point15), `"m"`, `"\u12"`, 1)), Code: "otlp_metrics.syntax"},
		{Name: "half a surrogate pair", Value: []byte(strings.Replace(jsonGauge(point15), `"m"`, `"\ud800"`, 1)), Rows: 1},
		{Name: "JSON that is not UTF-8", Value: []byte(strings.Replace(jsonGauge(point15), `"m"`, "\"\xff\"", 1)), Rows: 1},
		{Name: "a NUL in a label", Value: valued(`{"stringValue":"\u0000"}`), Rows: 1},
		{Name: "1 MB label, JSON", Value: valued(`{"stringValue":"` + long + `"}`), Code: "otlp_metrics.limit.label_bytes"},
		{Name: "a label of escapes", Value: valued(`{"stringValue":"` + strings.Repeat(`\u0041`, 20_000) + `"}`), Code: "otlp_metrics.limit.label_bytes"},
		{Name: "129 attributes, JSON", Value: []byte(jsonGauge(`{"asInt":1,"attributes":[` + strings.Join(manyJSON, ",") + `]}`)), Code: "otlp_metrics.limit.attributes"},
		{Name: "100,001 points, JSON", Value: []byte(jsonGauge(`{}` + strings.Repeat(`,{}`, 100_000))), Code: "otlp_metrics.limit.points"},
		{Name: "100,001 points in messages", Value: []byte(strings.Repeat(jsonGauge(point15)+"\n", 100_001)), Code: "otlp_metrics.limit.points"},
		{Name: "10^6 buckets, JSON", Value: []byte(jsonOf(`"exponentialHistogram":{"aggregationTemporality":1,"dataPoints":[{"count":1,"positive":{"bucketCounts":[0` + strings.Repeat(",0", 1_000_000) + `]}}]}`)), Code: "otlp_metrics.limit.buckets"},
		{Name: "a bucket count below 0", Value: []byte(jsonOf(`"histogram":{"aggregationTemporality":1,"dataPoints":[{"count":1,"bucketCounts":[-1]}]}`)), Code: "otlp_metrics.value"},
		{Name: "a scale of 33 bits", Value: []byte(jsonOf(`"exponentialHistogram":{"aggregationTemporality":1,"dataPoints":[{"count":1,"scale":4294967296}]}`)), Code: "otlp_metrics.value"},
		{Name: "a temporality of the future", Value: []byte(jsonOf(`"sum":{"aggregationTemporality":7,"dataPoints":[` + point15 + `]}`)), Lost: lost(otlp.LostTemporality, 1)},
		{Name: "logs, JSON", Value: []byte(`{"resourceLogs":[{}]}`), Code: "otlp_metrics.nothing"},
	}
}

func TestHostile(t *testing.T) {
	corpus := hostile()
	if len(corpus) < 80 {
		t.Fatalf("%d records", len(corpus))
	}
	for name, sound := range map[string][]byte{
		"protobuf": gauge(msg(1, double(4, 1), attr(7, "a", "1"))),
		"JSON":     []byte(jsonGauge(`{"asInt":1,"attributes":[{"key":"a","value":{"stringValue":"1"}}]}`)),
	} {
		t.Run(name, func(t *testing.T) {
			codectest.RunHostile(t, func() pipeline.Codec { return otlp.New(nil) }, sound, corpus)
		})
	}
}

// TestLongUnits has a unit beyond max_label_bytes in a metric that is known: what was seen before may not change what becomes of it.
func TestLongUnits(t *testing.T) {
	unit := strings.Repeat("u", 20<<10)
	point := msg(1, double(4, 1), attr(7, "a", "1"))
	proto := func(unit string, data []byte) []byte { return msg(1, msg(2, msg(2, str(1, "m"), str(3, unit), data))) }
	inJSON := func(unit, data string) []byte {
		return []byte(`{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","unit":"` + unit + `",` + data + `}]}]}]}`)
	}
	histogram := msg(9, msg(1, fixed(3, 5), fixed(4, 3), double(5, 9)), num(2, 2))
	for name, values := range map[string][2][]byte{
		"gauge":           {proto("s", msg(5, point)), proto(unit, msg(5, point))},
		"histogram":       {proto("s", histogram), proto(unit, histogram)},
		"gauge, JSON":     {inJSON("s", `"gauge":{"dataPoints":[{"asInt":1}]}`), inJSON(unit, `"gauge":{"dataPoints":[{"asInt":1}]}`)},
		"histogram, JSON": {inJSON("s", `"histogram":{"aggregationTemporality":2,"dataPoints":[{"count":3,"sum":1}]}`), inJSON(unit, `"histogram":{"aggregationTemporality":2,"dataPoints":[{"count":3,"sum":1}]}`)},
	} {
		check := codectest.NewChecker(func() pipeline.Codec { return otlp.New(nil) })
		if got := check.Check(t, codectest.Record(values[0])); len(got.Points) == 0 {
			t.Errorf("%s: %+v", name, got)
		}
		if got := check.Check(t, codectest.Record(values[1])); got.Code != "otlp_metrics.limit.label_bytes" {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
