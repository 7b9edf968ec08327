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

func newTraces(t testing.TB, s pipeline.Settings) pipeline.Codec {
	t.Helper()
	c, err := otlp.NewTraces(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// spanField is a span of a kind that took 1.5 s, failed or not, with more fields.
func spanField(kind uint64, failed bool, more ...[]byte) []byte {
	status := msg(15)
	if failed {
		status = msg(15, str(2, "boom"), num(3, 2))
	}
	return msg(2, msg(1, make([]byte, 16)), str(5, "POST /pay"), num(6, kind), fixed(7, spanEnd-1_500_000_000), fixed(8, spanEnd), status, join(more...))
}

func spansOf(service string, spans ...[]byte) []byte {
	return msg(1, msg(1, attr(1, "service.name", service)), msg(2, msg(1, str(1, "scope")), join(spans...)))
}

// jsonSpans is a message in JSON of one service and spans that took 1.5 s, given by their other members.
func jsonSpans(service string, spans ...string) []byte {
	for i := range spans {
		spans[i] = fmt.Sprintf(`{"startTimeUnixNano":"%d","endTimeUnixNano":"%d"%s}`, int64(spanEnd)-1_500_000_000, int64(spanEnd), spans[i])
	}
	return fmt.Appendf(nil, `{"resourceSpans":[{"resource":{"attributes":[%s]},"scopeSpans":[{"spans":[%s]}]}]}`, jsonAttr("service.name", service), strings.Join(spans, ","))
}

const spanEnd = 1_795_406_401_500_000_000

// request are the points of a span of a server, or of a caller where the labels say so.
func request(labels string, calls, failed, seconds float64) []codectest.Point {
	names := []string{"traces.span.metrics.calls", "traces.span.metrics.errors", "traces.span.metrics.duration"}
	if strings.Contains(labels, "CLIENT") || strings.Contains(labels, "PRODUCER") {
		names = []string{"traces.service.graph.request", "traces.service.graph.request.failed", "traces.service.graph.request.client"}
	}
	return []codectest.Point{
		{Series: names[0] + ":delta{" + labels + "}", Unit: "{request}", Time: spanEnd, Value: calls},
		{Series: names[1] + ":delta{" + labels + "}", Unit: "{request}", Time: spanEnd, Value: failed},
		{Series: names[2] + "{" + labels + "}", Unit: "s", Time: spanEnd, Value: seconds},
	}
}

func TestTraces(t *testing.T) {
	const server, consumer = `service.name="shop",span.kind="SPAN_KIND_SERVER"`, `service.name="shop",span.kind="SPAN_KIND_CONSUMER"`
	peer := func(name, kind string) []codectest.Point {
		return request(fmt.Sprintf(`peer="%s",peer.type="%s",service.name="shop",span.kind="SPAN_KIND_CLIENT"`, name, kind), 1, 0, 1.5)
	}
	client := func(attributes ...string) []byte {
		var b []byte
		for i := 0; i < len(attributes); i += 2 {
			b = append(b, attr(9, attributes[i], attributes[i+1])...)
		}
		return spansOf("shop", spanField(3, false, b))
	}
	for _, c := range []struct {
		name     string
		settings pipeline.Settings
		value    []byte
		want     []codectest.Point
		lost     map[string]int
	}{
		{"server", nil, spansOf("shop", spanField(2, false, attr(9, "server.address", "me"), attr(9, "peer.service", "caller"))), request(server, 1, 0, 1.5), nil},
		{"server that failed", nil, spansOf("shop", spanField(2, true)), request(server, 1, 1, 1.5), nil},
		{"several", nil, spansOf("shop", spanField(2, true), spanField(2, false)), append(request(server, 1, 1, 1.5), request(server, 1, 0, 1.5)...), nil},
		{"consumer", nil, spansOf("shop", spanField(5, false, attr(9, "messaging.destination.name", "orders"), attr(9, "server.address", "kafka-1"))),
			request(`peer="orders",peer.type="messaging",`+consumer, 1, 0, 1.5), nil},
		{"consumer of it is not known what", nil, spansOf("shop", spanField(5, false, attr(9, "server.address", "kafka-1"))), request(consumer, 1, 0, 1.5), nil},
		{"producer", nil, spansOf("shop", spanField(4, true, attr(9, "messaging.destination", "orders"), attr(9, "net.peer.name", "kafka-1"))),
			request(`peer="orders",peer.type="messaging",service.name="shop",span.kind="SPAN_KIND_PRODUCER"`, 1, 1, 1.5), nil},
		{"client of it is not known what", nil, client("http.url", "x"), request(`service.name="shop",span.kind="SPAN_KIND_CLIENT"`, 1, 0, 1.5), nil},
		{"peer by name", nil, client("rpc.service", "r", "db.system", "d", "server.address", "a", "messaging.destination.name", "m", "peer.service", "old", "service.peer.name", "new"), peer("new", "service"), nil},
		{"peer by its old name", nil, client("server.address", "a", "service.peer.name", "", "peer.service", "old"), peer("old", "service"), nil},
		{"peer by template", nil, client("messaging.destination.name", "a.1", "messaging.destination.template", "a.id"), peer("a.id", "messaging"), nil},
		{"peer that is temporary", nil, spansOf("shop", spanField(3, false, attr(9, "messaging.destination.name", "amq.gen-1"), msg(9, str(1, "messaging.destination.temporary"), msg(2, num(2, 1))))), peer("(temporary)", "messaging"), nil},
		{"peer that is not anonymous", nil, spansOf("shop", spanField(3, false, attr(9, "messaging.destination.name", "m"), msg(9, str(1, "messaging.destination.anonymous"), msg(2, num(2, 0))))), peer("m", "messaging"), nil},
		{"peer by address", nil, client("server.address", "pay.internal", "net.peer.name", "old"), peer("pay.internal", "address"), nil},
		{"peer by its old address", nil, client("net.peer.name", "pay.internal"), peer("pay.internal", "address"), nil},
		{"database by address", nil, client("server.address", "pg-1", "db.system.name", "postgresql", "db.namespace", "orders"), peer("pg-1", "database"), nil},
		{"database by name", nil, client("db.system", "postgresql", "db.name", "orders"), peer("postgresql/orders", "database"), nil},
		{"database by system", nil, client("db.system", "redis"), peer("redis", "database"), nil},
		{"database by name alone", nil, client("db.namespace", "orders"), peer("orders", "database"), nil},
		{"rpc by address", nil, client("server.address", "cart", "rpc.service", "shop.Cart"), peer("cart", "rpc"), nil},
		{"rpc by service", nil, client("rpc.service", "shop.Cart"), peer("shop.Cart", "rpc"), nil},
		{"peer that is a number", nil, spansOf("shop", spanField(3, false, msg(9, str(1, "peer.service"), msg(2, num(3, 7))))), peer("7", "service"), nil},
		{"attributes apart", nil, spansOf("shop", msg(2, attr(9, "x", "y"), fixed(8, spanEnd), attr(9, "peer.service", "p"), num(6, 3), fixed(7, spanEnd-1_500_000_000), attr(9, "z", ""))), peer("p", "service"), nil},
		{"operation", pipeline.Settings{"operation": true}, spansOf("shop", spanField(2, false)), request(`service.name="shop",span.kind="SPAN_KIND_SERVER",span.name="POST /pay"`, 1, 0, 1.5), nil},
		{"status", pipeline.Settings{"status": true}, spansOf("shop", spanField(2, true)), func() []codectest.Point {
			points := request(server+`,status.code="STATUS_CODE_ERROR"`, 1, 1, 1.5)
			points[1].Series = request(server, 1, 1, 1.5)[1].Series
			return points
		}(), nil},
		{"dimensions", pipeline.Settings{"dimensions": []any{"http.route", "tenant"}}, spansOf("shop", spanField(2, false, attr(9, "http.route", "/pay"), attr(9, "tenant", ""))),
			request(`http.route="/pay",`+server, 1, 0, 1.5), nil},
		{"labels", pipeline.Settings{"labels": []any{"host.name", "team"}}, msg(1, msg(1, attr(1, "host.name", "h"), attr(1, "service.name", "shop")), msg(2, spanField(2, false, attr(9, "team", "not of the resource")))),
			request(`host.name="h",span.kind="SPAN_KIND_SERVER"`, 1, 0, 1.5), nil},
		{"internal", nil, spansOf("shop", spanField(1, false), spanField(0, false), spanField(9, false), spanField(2, false)), request(server, 1, 0, 1.5), map[string]int{otlp.LostSpanKind: 9}},
		{"internal that is wanted", pipeline.Settings{"kinds": []any{"internal"}}, spansOf("shop", spanField(1, false), spanField(0, false), spanField(2, false)),
			append(request(`service.name="shop",span.kind="SPAN_KIND_INTERNAL"`, 1, 0, 1.5), request(`service.name="shop",span.kind="SPAN_KIND_INTERNAL"`, 1, 0, 1.5)...), map[string]int{otlp.LostSpanKind: 3}},
		{"sampled", nil, spansOf("shop", spanField(2, true, str(3, "a=b,ot=rv:123;th:c"))), request(server, 4, 4, 1.5), nil},
		{"sampled by nobody", nil, spansOf("shop", spanField(2, true, str(3, "ot=th:0"))), request(server, 1, 1, 1.5), nil},
		{"sampled in a way that can't be read", nil, spansOf("shop", spanField(2, true, str(3, "ot=th:xyz"))), request(server, 1, 1, 1.5), nil},
		{"no start", nil, spansOf("shop", msg(2, num(6, 2), fixed(8, spanEnd))), request(server, 1, 0, 0)[:2], map[string]int{otlp.LostNoDuration: 1}},
		{"start behind the end", nil, spansOf("shop", msg(2, num(6, 2), fixed(8, spanEnd), fixed(7, spanEnd+1))), request(server, 1, 0, 0)[:2], map[string]int{otlp.LostNoDuration: 1}},
		{"no time at all", nil, spansOf("shop", spanField(2, false, fixed(7, spanEnd)), msg(2, num(6, 2), fixed(7, 1))), append(request(server, 1, 0, 0),
			codectest.Point{Series: "traces.span.metrics.calls:delta{" + server + "}", Unit: "{request}", Time: codectest.Timestamp * 1e6, Value: 1},
			codectest.Point{Series: "traces.span.metrics.errors:delta{" + server + "}", Unit: "{request}", Time: codectest.Timestamp * 1e6}), map[string]int{otlp.LostNoDuration: 1}},
		{"end after 2262", nil, spansOf("shop", spanField(2, false, fixed(8, 1<<63))), nil, map[string]int{otlp.LostTimeRange: 3}},
		{"no service", nil, msg(1, msg(2, spanField(2, false))), request(`span.kind="SPAN_KIND_SERVER"`, 1, 0, 1.5), nil},

		{"JSON", nil, jsonSpans("shop", `,"kind":3,"name":"x","status":{"code":2,"message":"boom"},"attributes":[`+jsonAttr("peer.service", "pay")+`,`+jsonAttr("x", "y")+`]`),
			request(`peer="pay",peer.type="service",service.name="shop",span.kind="SPAN_KIND_CLIENT"`, 1, 1, 1.5), nil},
		{"JSON with names of constants", nil, jsonSpans("shop", `,"kind":"SPAN_KIND_SERVER","traceState":"ot=th:8","status":{"code":"STATUS_CODE_ERROR"}`), request(server, 2, 2, 1.5), nil},
		{"JSON with attributes before the kind", nil, jsonSpans("shop", `,"attributes":[`+jsonAttr("peer.service", "p\u0061y")+`],"kind":3,"status":null`),
			request(`peer="pay",peer.type="service",service.name="shop",span.kind="SPAN_KIND_CLIENT"`, 1, 0, 1.5), nil},
		{"JSON in snake case", nil, []byte(fmt.Sprintf(`{"resource_spans":[{"scope_spans":[{"spans":[{"kind":2,"trace_state":null,"start_time_unix_nano":%d,"end_time_unix_nano":%d}]}],"resource":{"attributes":[%s]}}]}`,
			int64(spanEnd)-1_500_000_000, int64(spanEnd), jsonAttr("service.name", "shop"))), request(server, 1, 0, 1.5), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.lost == nil {
				c.lost = map[string]int{}
			}
			got := codectest.Fresh(t, newTraces(t, c.settings), c.value)
			if d := cmp.Diff(codectest.Result{Points: c.want, Lost: c.lost}, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestAdjustedCounts(t *testing.T) {
	for state, want := range map[string]float64{
		"": 1, "x": 1, "ot": 1, "ot=": 1, "ot=th": 1, "ot=th:": 1, "ot=th:0": 1, "ot=th:00000000000000": 1, "ot=th:8": 2, "ot=th:80000000000000": 2, "ot=th:c": 4, "ot=th:e666666666666": 10, "ot=th:fd70a": 1048576.0 / 10486,
		"ot=th:ffffffffffffff": 1 << 56, "ot=th:000000000000001": 1, "ot=th:C": 1, "ot=th:-1": 1, "ot=xth:8": 1, "ot=th:8;th:c": 2, "a=th:8": 1, "a=1, ot=rv:0;th:8;x:y,b=2": 2, "ot=a:b,ot=th:8": 1, ",,\tot=;;th:8": 2,
	} {
		got := codectest.Fresh(t, newTraces(t, nil), spansOf("shop", spanField(2, false, str(3, state)))).Points[0].Value
		if math.Abs(got/want-1) > 1e-9 {
			t.Errorf("%q: %v, want %v", state, got, want)
		}
	}
}

func TestTracesOfTheCollectorInWords(t *testing.T) {
	f := signalFixtures(t, "traces")
	want := codectest.Result{Points: request(`service.name="checkout",span.kind="SPAN_KIND_SERVER"`, 1, 1, 1.5), Lost: map[string]int{}}
	for _, name := range []string{"app.binpb", "app.json"} {
		if d := cmp.Diff(want, codectest.Fresh(t, newTraces(t, nil), f[name])); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	for name, code := range map[string]string{"jaeger.json": "otlp_traces.jaeger_json", "zipkin.json": "otlp_traces.zipkin_json"} {
		if got := codectest.Fresh(t, newTraces(t, nil), f[name]); got.Code != code {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestTracesWithoutTimeAnywhere(t *testing.T) {
	value := spansOf("shop", msg(2, num(6, 2)), spanField(2, false))
	got := codectest.Decode(t, newTraces(t, nil), pipeline.NewSeriesTable(nil, 0), &pipeline.Record{Value: value})
	if d := cmp.Diff(map[string]int{otlp.LostNoTime: 3}, got.Lost); d != "" || len(got.Points) != 3 {
		t.Errorf("%d points, lost (-want +got):\n%s", len(got.Points), d)
	}
}

// Tables that are full lose new series only, and the memo does not forget which.
func TestTracesOfAFullTable(t *testing.T) {
	codec, table := newTraces(t, nil), pipeline.NewSeriesTable(nil, 4)
	for range 3 {
		got := codectest.Decode(t, codec, table, codectest.Record(join(spansOf("a", spanField(2, false)), spansOf("b", spanField(2, false)))))
		if len(got.Points) != 4 || got.Lost[otlp.LostSeriesLimit] != 2 {
			t.Fatalf("%+v", got)
		}
	}
}

// Ever new series are decoded with the smallest memo, and old ones between.
func TestTracesMemoIsBound(t *testing.T) {
	codec, table := newTraces(t, pipeline.Settings{"memo": int64(1 << 20)}), pipeline.NewSeriesTable(nil, 0)
	most := 0
	for i := range 3000 {
		name := fmt.Sprintf("%s-%d", strings.Repeat("h", 500), i%2900)
		got := codectest.Decode(t, codec, table, codectest.Record(spansOf(name, spanField(3, false, attr(9, "peer.service", name)))))
		if d := cmp.Diff(request(fmt.Sprintf(`peer="%s",peer.type="service",service.name="%s",span.kind="SPAN_KIND_CLIENT"`, name, name), 1, 0, 1.5), got.Points); d != "" {
			t.Fatalf("(-want +got):\n%s", d)
		}
		most = max(most, otlp.SignalMemoBytes(codec))
	}
	if most < 1<<20 || most > 5<<20 {
		t.Fatalf("the memos had %d bytes at most", most)
	}
}

// TestTracesCutOff cuts real messages at each byte: what remains is refused, or sound because the cut fell between fields.
func TestTracesCutOff(t *testing.T) {
	for name, value := range signalFixtures(t, "traces") {
		codec := newTraces(t, nil)
		for n := range value {
			got := codectest.Decode(t, codec, pipeline.NewSeriesTable(nil, 0), codectest.Record(value[:n]))
			switch got.Code {
			case "otlp_traces.bytes", "otlp_traces.syntax", "otlp_traces.zipkin_json", "otlp_traces.empty":
			default:
				t.Errorf("%s cut at %d: %+v", name, n, got)
			}
		}
	}
}

func hostileTraces() []codectest.Hostile {
	const broken, syntax = "otlp_traces.bytes", "otlp_traces.syntax"
	ok := spanField(2, false)
	mega := strings.Repeat("x", 1<<20)
	return []codectest.Hostile{
		{Name: "tombstone", Code: "otlp_traces.empty"},
		{Name: "one zero", Value: []byte{0}, Code: broken},
		{Name: "plain text", Value: []byte("GET /pay 200"), Code: broken},
		{Name: "gzip", Value: []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3}, Code: broken},
		{Name: "zipkin", Value: []byte(`[{"traceId":"5b8efff798038103d269b633813fc60c"}]`), Code: "otlp_traces.zipkin_json"},
		{Name: "empty list", Value: []byte(`[]`), Code: "otlp_traces.zipkin_json"},
		{Name: "jaeger", Value: []byte(`{"operationName":"x"}`), Code: "otlp_traces.jaeger_json"},
		{Name: "jaeger in protobuf", Value: join(msg(1, make([]byte, 16)), msg(2, make([]byte, 8)), str(3, "POST /pay")), Code: broken},
		{Name: "only fields of the future", Value: str(3, "x"), Code: "otlp_traces.nothing"},
		{Name: "metrics", Value: msg(1, msg(2, msg(2, str(1, "m"), msg(5, msg(1, double(4, 1)))))), Code: broken},
		{Name: "logs", Value: soundLog(), Code: broken},
		{Name: "group", Value: []byte{0x0b, 0x0c}, Code: broken},
		{Name: "field number 0", Value: join(spansOf("a", ok), []byte{0, 1}), Code: broken},
		{Name: "length beyond all ends", Value: join([]byte{0x0a}, binary.AppendUvarint(nil, math.MaxUint64)), Code: broken},
		{Name: "endless varint", Value: []byte(strings.Repeat("\xff", 30)), Code: broken},
		{Name: "truncated", Value: spansOf("a", ok)[:40], Code: broken},
		{Name: "trace id of 15 bytes", Value: spansOf("a", msg(2, msg(1, make([]byte, 15)))), Code: broken},
		{Name: "trace id that is a number", Value: spansOf("a", msg(2, num(1, 5))), Code: broken},
		{Name: "kind that is a text", Value: spansOf("a", msg(2, str(6, "server"))), Code: broken},
		{Name: "start that is a varint", Value: spansOf("a", msg(2, num(7, 5))), Code: broken},
		{Name: "end that is a varint", Value: spansOf("a", msg(2, num(8, 5))), Code: broken},
		{Name: "name that is a number", Value: spansOf("a", msg(2, num(5, 5))), Code: broken},
		{Name: "state that is a number", Value: spansOf("a", msg(2, num(3, 5))), Code: broken},
		{Name: "attributes that are a number", Value: spansOf("a", msg(2, num(9, 5))), Code: broken},
		{Name: "status that is a number", Value: spansOf("a", msg(2, num(15, 2))), Code: broken},
		{Name: "code that is a text", Value: spansOf("a", msg(2, msg(15, str(3, "ERROR")))), Code: broken},
		{Name: "attribute cut off inside", Value: spansOf("a", spanField(3, false, msg(9, []byte{0x0a, 9, 'k'}))), Code: broken},
		{Name: "peer cut off inside", Value: spansOf("a", spanField(3, false, msg(9, str(1, "peer.service"), msg(2, []byte{0x0a, 9, 'k'})))), Code: broken},
		{Name: "resource cut off inside", Value: msg(1, msg(1, []byte{0x0a, 9, 'k'})), Code: broken},
		{Name: "broken behind sound spans and losses", Value: join(spansOf("a", ok, spanField(1, false)), []byte{0xff}), Code: broken},
		{Name: "end in the year 2286", Value: spansOf("a", spanField(2, false, fixed(8, 9_999_999_999_999_999_999)), ok), Rows: 3, Lost: map[string]int{otlp.LostTimeRange: 3}},
		{Name: "start in the year 2286", Value: spansOf("a", spanField(2, false, fixed(7, math.MaxUint64))), Rows: 2, Lost: map[string]int{otlp.LostNoDuration: 1}},
		{Name: "start in 1970", Value: spansOf("a", spanField(2, false, fixed(7, 1))), Rows: 3},
		{Name: "no time anywhere", Record: &pipeline.Record{Value: spansOf("a", msg(2, num(6, 2)), ok)}, Rows: 3, Lost: map[string]int{otlp.LostNoTime: 3}},
		{Name: "kind of 64 bits", Value: spansOf("a", spanField(math.MaxUint64, false)), Lost: map[string]int{otlp.LostSpanKind: 3}},
		{Name: "status of 64 bits", Value: spansOf("a", spanField(2, false, msg(15, num(3, math.MaxUint64)))), Rows: 3},
		{Name: "sampled to the utmost", Value: spansOf("a", spanField(2, false, str(3, "ot=th:ffffffffffffff"))), Rows: 3},
		{Name: "state of a megabyte", Value: spansOf("a", spanField(2, false, str(3, strings.Repeat(",;=ot", 200_000)))), Rows: 3},
		{Name: "peer not UTF-8", Value: spansOf("\xff", spanField(3, false, attr(9, "peer.service", "\xc3\x28"))), Rows: 3},
		{Name: "peer of a megabyte", Value: spansOf("a", spanField(3, false, attr(9, "peer.service", mega))), Code: "otlp_traces.limit.label_bytes"},
		{Name: "peer a bit too long", Value: spansOf("a", spanField(3, false, attr(9, "peer.service", mega[:16<<10]))), Code: "otlp_traces.limit.label_bytes"},
		{Name: "service of a megabyte", Value: spansOf(mega, ok), Code: "otlp_traces.limit.label_bytes"},
		{Name: "name of a megabyte that is no label", Value: spansOf("a", spanField(2, false, str(5, mega))), Rows: 3},
		{Name: "peer nested far too deep", Value: spansOf("a", spanField(3, false, msg(9, str(1, "peer.service"), msg(2, deepValue(4000))))), Code: "otlp_traces.limit.nesting"},
		{Name: "too many spans", Value: spansOf("a", []byte(strings.Repeat(string(msg(2)), 100_001))), Code: "otlp_traces.limit.spans"},
		{Name: "too many resources", Value: []byte(strings.Repeat(string(msg(1)), 200_001)), Code: "otlp_traces.limit.spans"},
		{Name: "too many bytes", Value: spansOf("a", spanField(2, false, str(5, strings.Repeat("x", 16<<20)))), Code: "otlp_traces.limit.bytes"},
		{Name: "very many attributes", Value: spansOf("a", spanField(3, false, []byte(strings.Repeat(string(attr(9, "peer.service", "p")), 100_000)))), Rows: 3},

		{Name: "empty object", Value: []byte(`{}`), Code: "otlp_traces.nothing"},
		{Name: "logs in JSON", Value: []byte(`{"resourceLogs":[]}`), Code: "otlp_traces.nothing"},
		{Name: "JSON truncated", Value: jsonSpans("a", `,"kind":2`)[:100], Code: syntax},
		{Name: "spans of texts", Value: []byte(`{"resourceSpans":[{"scopeSpans":[{"spans":["a"]}]}]}`), Code: syntax},
		{Name: "kind twice", Value: jsonSpans("a", `,"kind":2,"kind":3`), Code: syntax},
		{Name: "end twice", Value: jsonSpans("a", `,"kind":2,"endTimeUnixNano":"5"`), Code: syntax},
		{Name: "kind that is a word", Value: jsonSpans("a", `,"kind":"server"`), Code: syntax},
		{Name: "kind that is a fraction", Value: jsonSpans("a", `,"kind":2.0`), Code: syntax},
		{Name: "status that is a number in JSON", Value: jsonSpans("a", `,"status":2`), Code: syntax},
		{Name: "attributes that are an object in JSON", Value: jsonSpans("a", `,"kind":2,"attributes":{"a":1}`), Code: syntax},
		{Name: "attribute that is a text", Value: jsonSpans("a", `,"kind":3,"attributes":["a"]`), Code: syntax},
		{Name: "peer of a number that is none", Value: jsonSpans("a", `,"kind":3,"attributes":[{"key":"peer.service","value":{"intValue":{}}}]`), Code: syntax},
		{Name: "peer of NaN", Value: jsonSpans("a", `,"kind":3,"attributes":[{"key":"peer.service","value":{"doubleValue":"NaN"}}]`), Rows: 3},
		{Name: "start of 65 bits", Value: []byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"18446744073709551616"}]}]}]}`), Code: syntax},
		{Name: "a megabyte of brackets", Value: []byte(`{"x":` + strings.Repeat(`{"x":`, 1<<20)), Code: "otlp_traces.limit.nesting"},
		{Name: "too many spans in JSON", Value: []byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[` + strings.Repeat("{},", 100_000) + `{}]}]}]}`), Code: "otlp_traces.limit.spans"},
		{Name: "lone surrogate", Value: jsonSpans("a\\ud800", `,"kind":2`), Rows: 3},
	}
}

func TestHostileTraces(t *testing.T) {
	codectest.RunHostile(t, func() pipeline.Codec { return newTraces(t, nil) }, spansOf("shop", spanField(2, false)), hostileTraces())
}
