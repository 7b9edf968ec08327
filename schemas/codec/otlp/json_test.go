package otlp_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
	"github.com/homeostat/homeostat/schemas/codec/otlp"
)

// jsonOf wraps the members of the one metric m.
func jsonOf(members string) string {
	return `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m",` + members + `}]}]}]}`
}

// jsonGauge is a message of one gauge m with points.
func jsonGauge(points ...string) string {
	return jsonOf(`"gauge":{"dataPoints":[` + strings.Join(points, ",") + `]}`)
}

func TestJSON(t *testing.T) {
	const at = 5_000_000_000
	point := `{"timeUnixNano":"5000000000","asDouble":1.5,"attributes":[{"key":"a","value":{"stringValue":"1"}}]}`
	one := []row{{`m{a="1"}`, "", at, 0, 1.5}}
	value := func(s string) string { return jsonGauge(`{"timeUnixNano":5000000000,` + s + `}`) }
	labelled := func(s string) string {
		return value(`"asInt":1,"attributes":[{"key":"k","value":` + s + `}]`)
	}
	label := func(text string) []row { return []row{{`m{k="` + text + `"}`, "", at, 0, 1}} }
	bare := func(v float64) []row { return []row{{"m{}", "", at, 0, v}} }
	for _, c := range []struct {
		name, value string
		want        []row
		lost        map[string]int
	}{
		{"plain", jsonGauge(point), one, nil},
		{"space around", " \t\r\n" + strings.NewReplacer(":", " : ", ",", " ,\n", "[", "[ ", "]", " ]").Replace(jsonGauge(point)) + "\n", one, nil},
		{"line feed before", "\n" + jsonGauge(point), one, nil},
		{"lines", jsonGauge(point) + "\n" + jsonGauge(point) + "\r\n", append(one, one...), nil},
		{"one behind the other", jsonGauge(point) + jsonGauge(point), append(one, one...), nil},
		{"snake case", `{"resource_metrics":[{"resource":{"attributes":[]},"scope_metrics":[{"metrics":[{"name":"m","sum":{"data_points":[{"start_time_unix_nano":1,"time_unix_nano":5000000000,"as_double":2,"attributes":[{"key":"k","value":{"string_value":"v"}}]}],"aggregation_temporality":2,"is_monotonic":true}}]}]}]}`,
			[]row{{`m:cumulative{k="v"}`, "", at, 1, 2}}, nil},
		{"snake case of histograms", jsonOf(`"exponential_histogram":{"aggregation_temporality":1,"data_points":[{"time_unix_nano":5000000000,"count":2,"zero_count":2,"zero_threshold":0,"positive":{"bucket_counts":[]}}]}`),
			[]row{{"m.count:delta{}", "1", at, 0, 2}, {`m{quantile="0.5"}`, "", at, 0, 0}, {`m{quantile="0.95"}`, "", at, 0, 0}, {`m{quantile="0.99"}`, "", at, 0, 0}}, nil},
		{"escaped names", strings.NewReplacer("gauge", `g\u0061uge`, "asDouble", `\u0061sDouble`).Replace(jsonGauge(point)), one, nil},
		{"metric first, resource last", `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"dataPoints":[` + point + `]},"unit":"ms","name":"m"}],"scope":{"name":"s"}}],"resource":{"attributes":[{"value":{"stringValue":"h"},"key":"host"}]}}]}`,
			[]row{{`m{a="1",host="h"}`, "ms", at, 0, 1.5}}, nil},
		{"unknown fields", `{"x":{"resourceMetrics":[[[1]]]},"resourceMetrics":[{"y":null,"scopeMetrics":[{"z":"}]","metrics":[{"name":"m","metadata":[],"gauge":{"dataPoints":[{"exemplars":[{"traceId":"00ff","asInt":"7"}],"new":1e5,` + point[1:] + `]}}]}]}]}`, one, nil},
		{"null is absent", strings.Replace(jsonGauge(point), `{"time`, `{"flags":null,"startTimeUnixNano":null,"asInt":null,"time`, 1), one, nil},
		{"whole numbers", jsonGauge(`{"timeUnixNano":5e9,"startTimeUnixNano":"7.0","asInt":-2.0}`), []row{{"m{}", "", at, 7, -2}}, nil},
		{"the largest", jsonGauge(`{"timeUnixNano":"9223372036854775807","startTimeUnixNano":"18446744073709551615","asInt":"-9223372036854775808"}`), []row{{"m{}", "", 9223372036854775807, 0, -9223372036854775808}}, nil},
		{"after 2262", jsonGauge(`{"timeUnixNano":9223372036854775808,"asInt":1}`), nil, map[string]int{otlp.LostTimeRange: 1}},
		{"number as text", value(`"asDouble":"1.5"`), bare(1.5), nil},
		{"NaN", value(`"asDouble":"NaN"`), nil, map[string]int{otlp.LostNotFinite: 1}},
		{"Infinity", value(`"asDouble":"Infinity"`), nil, map[string]int{otlp.LostNotFinite: 1}},
		{"-Infinity", value(`"asDouble":"-Infinity"`), nil, map[string]int{otlp.LostNotFinite: 1}},
		{"beyond float64", value(`"asDouble":1e400`), nil, map[string]int{otlp.LostNotFinite: 1}},
		{"no value", value(`"flags":0`), nil, map[string]int{otlp.LostNoValue: 1}},
		{"flag", value(`"flags":"1","asInt":1`), nil, map[string]int{otlp.LostNoValue: 1}},
		{"no time", jsonGauge(`{"asInt":1}`), []row{{"m{}", "", recordTime * 1e6, 0, 1}}, nil},
		{"no name", `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"dataPoints":[` + point + `]}}]}]}]}`, nil, map[string]int{otlp.LostNoName: 1}},
		{"temporality by name", jsonOf(`"sum":{"dataPoints":[` + point + `],"aggregationTemporality":"AGGREGATION_TEMPORALITY_DELTA"}`), []row{{`m:delta{a="1"}`, "", at, 0, 1.5}}, nil},
		{"temporality by another name", jsonOf(`"sum":{"dataPoints":[` + point + `],"aggregationTemporality":"SOON"}`), nil, map[string]int{otlp.LostTemporality: 1}},
		{"no temporality", jsonOf(`"sum":{"dataPoints":[` + point + `]}`), nil, map[string]int{otlp.LostTemporality: 1}},
		{"text", labelled(`{"stringValue":"a\"\\\/\b\f\n\r\t\u00fc\ud83d\ude00\ud83dx\udE00"}`), label("a\\\"\\\\/\b\f\n\r\tü😀\uFFFDx\uFFFD"), nil},
		{"true", labelled(`{"boolValue":true}`), label("true"), nil},
		{"int", labelled(`{"intValue":"-5"}`), label("-5"), nil},
		{"int as number", labelled(`{"intValue":-5}`), label("-5"), nil},
		{"double", labelled(`{"doubleValue":2.50}`), label("2.5"), nil},
		{"double not finite", labelled(`{"doubleValue":"NaN"}`), label("NaN"), nil},
		{"bytes", labelled(`{"bytesValue":"AP8H"}`), label("AP8H"), nil},
		{"bytes for URLs, no padding", labelled(`{"bytesValue":"AP-_Bw"}`), label(`AP+/Bw\=\=`), nil},
		{"list", labelled(`{"arrayValue":{"values":[{"intValue":1},{},{"stringValue":"x"},{"arrayValue":{}}]}}`), label(`[1\,null\,\"x\"\,[]]`), nil},
		{"map", labelled(`{"kvlistValue":{"values":[{"key":"b","value":{"doubleValue":1}},{"key":"a"}]}}`), label(`\{\"a\"\:null\,\"b\"\:1\}`), nil},
		{"empty", labelled(`{}`), label(""), nil},
		{"null", labelled(`null`), label(""), nil},
		{"not UTF-8", labelled("{\"stringValue\":\"a\xff\xfeb\\n\"}"), label("a\uFFFDb\n"), nil},
		{"the last of equal attributes counts", value(`"asInt":1,"attributes":[{"key":"k","value":{"intValue":1}},{"key":"k","value":{"intValue":2}}]`), label("2"), nil},
		{"escaped metric", strings.Replace(value(`"asInt":1`), `"m"`, `"\u006d"`, 1), bare(1), nil},
		{"nothing in it", `{"resourceMetrics":[]}`, nil, nil},
		{"nothing in its parts", `{"resourceMetrics":[{},{"scopeMetrics":[{},{"metrics":[{},{"name":"m","gauge":{}}]}]}]}`, nil, nil},
		{"summary", jsonOf(`"summary":{"dataPoints":[{"timeUnixNano":5000000000,"count":"3","sum":6,"quantileValues":[{"quantile":0.5,"value":2},{"value":1}]}]}`),
			[]row{{"m.count:cumulative{}", "1", at, 0, 3}, {"m.sum:cumulative{}", "", at, 0, 6}, {`m{quantile="0.5"}`, "", at, 0, 2}, {`m{quantile="0"}`, "", at, 0, 1}}, nil},
	} {
		got, lost, err := decode(t, otlp.New(nil), []byte(c.value))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if c.lost == nil {
			c.lost = map[string]int{}
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
		if d := cmp.Diff(c.lost, lost); d != "" {
			t.Errorf("%s: lost (-want +got):\n%s", c.name, d)
		}
	}
}

// TestJSONSaysWhere checks that errors name the byte.
func TestJSONSaysWhere(t *testing.T) {
	for _, c := range []struct{ value, at, says string }{
		{`{"resourceMetrics":[1}`, `}`, "a comma or the end"},
		{`{"resourceMetrics":[{}]} {"x":1}`, `{"x"`, ""},
		{`{"resourceMetrics":{}}`, `{}`, "an object stands for a list"},
		{jsonGauge(`{"timeUnixNano":"yesterday","asInt":1}`), `"yesterday`, "a text stands for a whole number"},
		{jsonGauge(`{"asInt":1,"attributes":[{"key":5}]}`), "5}", "a number stands for a text"},
		{jsonGauge(`{"asInt":1,"asInt":2}`), `"asInt":2`, "a field stands twice"},
		{`{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"`, `"`, "the text that begins here"},
	} {
		_, _, err := decode(t, otlp.New(nil), []byte(c.value))
		want := fmt.Sprintf("at byte %d: %s", strings.LastIndex(c.value, c.at), c.says)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q in it", c.value, err, want)
		}
	}
}

// marshal writes a message in both encodings.
func marshal(t testing.TB, md pmetric.Metrics) (proto, text []byte) {
	t.Helper()
	proto, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(md)
	if err != nil {
		t.Fatal(err)
	}
	if text, err = (&pmetric.JSONMarshaler{}).MarshalMetrics(md); err != nil {
		t.Fatal(err)
	}
	return proto, text
}

func TestDecodesTheJSONThatPdataEncodes(t *testing.T) {
	codec := otlp.New(nil) // one for all, and for both encodings
	for seed := range uint64(400) {
		_, text := marshal(t, randomMetrics(rand.New(rand.NewPCG(seed, 4))))
		// What is not UTF-8 does not survive JSON.
		md, err := (&pmetric.JSONUnmarshaler{}).UnmarshalMetrics(text)
		if err != nil {
			t.Fatal(err)
		}
		proto, _ := marshal(t, md)
		want := consult(md)
		for i, value := range [][]byte{text, proto, text} {
			for _, c := range []pipeline.Codec{codec, otlp.New(nil)} {
				got, lost, err := decode(t, c, value)
				if err != nil {
					t.Fatalf("seed %d, %d: %v", seed, i, err)
				}
				if d := cmp.Diff(want.rows, got, nearly) + cmp.Diff(want.lost, lost); d != "" {
					t.Fatalf("seed %d, %d (-pdata +codec):\n%s", seed, i, d)
				}
			}
		}
	}
}

// TestAllSettingsInBothEncodings holds both encodings to the same rows where more is asked for than pdata's words tell.
func TestAllSettingsInBothEncodings(t *testing.T) {
	settings := pipeline.Settings{"buckets": true, "scope": true, "quantiles": []any{1.0, 0.0, 0.5, 0.5}}
	codec := otlp.New(settings)
	some := 0
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 5))
		md := randomMetrics(r)
		_, text := marshal(t, md)
		md, err := (&pmetric.JSONUnmarshaler{}).UnmarshalMetrics(text)
		if err != nil {
			t.Fatal(err)
		}
		proto, _ := marshal(t, md)
		want, wantLost, err := decode(t, otlp.New(settings), proto)
		got, lost, err2 := decode(t, codec, text)
		if d := cmp.Diff(want, got) + cmp.Diff(wantLost, lost); d != "" || err != nil || err2 != nil {
			t.Fatalf("seed %d: %v, %v (-protobuf +JSON):\n%s", seed, err, err2, d)
		}
		for _, r := range got {
			if strings.Contains(r.Series, "m.bucket") || strings.Contains(r.Series, ".bucket") {
				some++
			}
			if !strings.Contains(r.Series, `otel.scope.name="scope"`) {
				t.Fatalf("%s has no scope", r.Series)
			}
		}
	}
	if some < 100 {
		t.Fatalf("only %d rows of buckets", some)
	}
}

// A message whose first part is 123 bytes long begins with a line feed and a brace, as JSON may.
func TestProtobufThatBeginsLikeJSON(t *testing.T) {
	for _, first := range [][]byte{str(3, ""), msg(1), msg(7, msg(1))} {
		found := false
		for n := range 200 {
			value := msg(1, first, msg(2, msg(2, str(1, strings.Repeat("n", n)), msg(5, msg(1, double(4, 1))))))
			got, _, err := decode(t, otlp.New(nil), value)
			if err != nil || n > 0 && len(got) != 1 {
				t.Fatalf("%x: %d rows, %v", value, len(got), err)
			}
			found = found || bytes.HasPrefix(value, []byte("\n{"))
		}
		if !found {
			t.Fatal("none began with a line feed and a brace")
		}
	}
}

// FuzzJSON checks that any JSON ends in rows that do not depend on what was seen before or in an error with a code, that what is not JSON is
// refused, and that what pdata understands is decoded as the oracle says, in both encodings.
func FuzzJSON(f *testing.F) {
	for _, value := range jsonFixtures(f) {
		f.Add(value)
		for n := 1; n < len(value); n += 97 {
			f.Add(value[:n])
		}
	}
	for seed := range uint64(20) {
		_, text := marshal(f, randomMetrics(rand.New(rand.NewPCG(seed, 6))))
		f.Add(text)
	}
	for _, h := range hostile() {
		if len(h.Value) < 2000 {
			f.Add(h.Value)
		}
	}
	checker := codectest.NewChecker(func() pipeline.Codec {
		return otlp.New(pipeline.Settings{"memo": int64(1 << 20), "buckets": true, "scope": true})
	})
	plain := otlp.New(nil)
	f.Fuzz(func(t *testing.T, value []byte) {
		got := checker.Check(t, codectest.Record(value))
		if len(value) == 0 || value[0] != '{' {
			return
		}
		if sound := isJSON(value); !sound && got.Code == "" || sound && got.Code == "otlp_metrics.syntax" {
			t.Fatalf("JSON %v became %+v", sound, got)
		}
		md, err := (&pmetric.JSONUnmarshaler{}).UnmarshalMetrics(value)
		if err != nil || md.ResourceMetrics().Len() == 0 {
			return
		}
		_, text := marshal(t, md)
		if md, err = (&pmetric.JSONUnmarshaler{}).UnmarshalMetrics(text); err != nil {
			return
		}
		proto, _ := marshal(t, md)
		want := consult(md)
		for _, clean := range [][]byte{text, proto} {
			rows, lost, err := decode(t, plain, clean)
			if err != nil {
				if !strings.HasPrefix(pipeline.Code(err), "otlp_metrics.limit.") {
					t.Fatalf("pdata's bytes are refused: %v\n%s", err, text)
				}
				return
			}
			if d := cmp.Diff(want.rows, rows, oneUnit, nearly) + cmp.Diff(want.lost, lost); d != "" {
				t.Fatalf("(-pdata +codec):\n%s\n%s", d, text)
			}
		}
	})
}

// isJSON tells by the standard library whether bytes are objects of JSON one after the other.
func isJSON(value []byte) bool {
	dec := json.NewDecoder(bytes.NewReader(value))
	for {
		var v json.RawMessage
		if err := dec.Decode(&v); err != nil {
			return err.Error() == "EOF"
		}
	}
}

// The grammar is held against the standard library's on mutations of a message.
func TestJSONGrammar(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	base := []byte(`{"resourceMetrics":[{"x":[1,-0.5e+3,true,false,null,"a\n\u00fc"],"y":{}}], "z" : [[],{"a":""}]}`)
	const alphabet = "{}[]\",:\\ tfnu0123-+.eE\n\x01\xff"
	codec, table, sound := otlp.New(nil), pipeline.NewSeriesTable(nil, 0), 0
	for i := range 10_000 {
		value := bytes.Clone(base)
		for range 1 + r.IntN(3) {
			at := 1 + r.IntN(len(value)-1)
			switch ch := alphabet[r.IntN(len(alphabet))]; r.IntN(3) {
			case 0:
				value[at] = ch
			case 1:
				value = append(value[:at], value[at+1:]...)
			case 2:
				value = append(value[:at], append([]byte{ch}, value[at:]...)...)
			}
		}
		got := codectest.Decode(t, codec, table, codectest.Record(value))
		want := isJSON(value)
		if want && got.Code == "otlp_metrics.syntax" || !want && got.Code == "" {
			t.Fatalf("mutation %d: %q: JSON %v, code %q", i, value, want, got.Code)
		}
		if want {
			sound++
		}
	}
	if sound < 200 {
		t.Fatalf("only %d mutations were JSON", sound)
	}
}

func TestDecodingJSONAllocatesNothing(t *testing.T) {
	codec, out := otlp.New(pipeline.Settings{"buckets": true, "scope": true}), pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0))
	rec := &pipeline.Record{Value: []byte(jsonBatch(t))}
	decode := func() {
		out.Mark()
		if err := codec.Decode(rec, out); err != nil {
			t.Fatal(err)
		}
		out.Rollback()
	}
	decode()
	if n := testing.AllocsPerRun(20, decode); n != 0 {
		t.Fatalf("%v allocations, want none", n)
	}
}

// jsonBatch is the batch of the benchmarks in JSON, and a histogram.
func jsonBatch(t testing.TB) string {
	t.Helper()
	md, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(batch(t))
	if err != nil {
		t.Fatal(err)
	}
	_, text := marshal(t, md)
	return string(text) + "\n" + jsonOf(`"histogram":{"aggregationTemporality":1,"dataPoints":[{"timeUnixNano":"5000000000","count":"6","sum":12.5,"min":0.123456789012345,"max":7,"bucketCounts":["1","2","3"],"explicitBounds":[0.5,5]}]}`)
}

func BenchmarkDecodeJSON(b *testing.B) {
	codec, out := otlp.New(nil), pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0))
	rec := &pipeline.Record{Value: []byte(jsonBatch(b))}
	b.ReportAllocs()
	b.SetBytes(int64(len(rec.Value)))
	points := 0
	for b.Loop() {
		out.Mark()
		if err := codec.Decode(rec, out); err != nil {
			b.Fatal(err)
		}
		points += len(out.PointSeries)
		out.Rollback()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(points), "ns/point")
}

// BenchmarkPdataJSON is what pdata takes to parse the same.
func BenchmarkPdataJSON(b *testing.B) {
	text := []byte(jsonBatch(b))
	text = text[:bytes.IndexByte(text, '\n')]
	points := 0
	for b.Loop() {
		md, err := (&pmetric.JSONUnmarshaler{}).UnmarshalMetrics(text)
		if err != nil {
			b.Fatal(err)
		}
		points += md.DataPointCount()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(points), "ns/point")
}

// BenchmarkDecodeHistograms decodes deltas with 15 bounds, as SDKs have them, to count, sum, least, greatest and three quantiles.
func BenchmarkDecodeHistograms(b *testing.B) {
	for _, exponential := range []bool{false, true} {
		b.Run(map[bool]string{false: "explicit", true: "exponential"}[exponential], func(b *testing.B) {
			md := pmetric.NewMetrics()
			m := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
			m.SetName("http.server.duration")
			for i := range 500 {
				route, counts := fmt.Sprintf("/api/v1/thing%03d", i), make([]uint64, 160)
				if !exponential {
					counts = counts[:16]
				}
				total := uint64(0)
				for k := range counts {
					counts[k] = uint64(i*k) % 7
					total += counts[k]
				}
				if exponential {
					if i == 0 {
						m.SetEmptyExponentialHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
					}
					p := m.ExponentialHistogram().DataPoints().AppendEmpty()
					p.Attributes().PutStr("http.route", route)
					p.SetTimestamp(1)
					p.SetScale(4)
					p.Positive().SetOffset(-20)
					p.Positive().BucketCounts().FromRaw(counts)
					p.SetCount(total)
					p.SetSum(1)
					continue
				}
				if i == 0 {
					m.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
				}
				p := m.Histogram().DataPoints().AppendEmpty()
				p.Attributes().PutStr("http.route", route)
				p.SetTimestamp(1)
				p.BucketCounts().FromRaw(counts)
				p.ExplicitBounds().FromRaw([]float64{0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000})
				p.SetCount(total)
				p.SetSum(1)
				p.SetMin(1)
				p.SetMax(9000)
			}
			value, _ := marshal(b, md)
			codec, out := otlp.New(nil), pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0))
			b.ReportAllocs()
			rows := 0
			for b.Loop() {
				out.Mark()
				if err := codec.Decode(&pipeline.Record{Value: value}, out); err != nil {
					b.Fatal(err)
				}
				rows += len(out.PointSeries)
				out.Rollback()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rows), "ns/row")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*500), "ns/point")
		})
	}
}
