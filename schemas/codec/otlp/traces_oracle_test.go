package otlp_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
	"github.com/homeostat/homeostat/schemas/codec/otlp"
)

// consultTraces says by pdata what rows and losses a message of spans makes, by other means than the codec's.
func consultTraces(td ptrace.Traces) codectest.Result {
	r := codectest.Result{Lost: map[string]int{}}
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				spanByPdata(&r, rs.Resource().Attributes(), s)
			}
		}
	}
	return r
}

func spanByPdata(r *codectest.Result, res pcommon.Map, s ptrace.Span) {
	names := map[ptrace.SpanKind][]string{
		ptrace.SpanKindServer: {"traces.span.metrics.calls", "traces.span.metrics.errors", "traces.span.metrics.duration"},
		ptrace.SpanKindClient: {"traces.service.graph.request", "traces.service.graph.request.failed", "traces.service.graph.request.client"},
	}
	names[ptrace.SpanKindConsumer], names[ptrace.SpanKindProducer] = names[ptrace.SpanKindServer], names[ptrace.SpanKindClient]
	at := s.EndTimestamp()
	switch {
	case names[s.Kind()] == nil:
		r.Lost[otlp.LostSpanKind] += 3
		return
	case at > math.MaxInt64:
		r.Lost[otlp.LostTimeRange] += 3
		return
	case at == 0:
		at = codectest.Timestamp * 1e6
	}
	labels := chosenLabels(otlp.TracesSpec(), "labels", res)
	labels = append(labels, pipeline.Label{Name: "span.kind", Value: "SPAN_KIND_" + strings.ToUpper(s.Kind().String())})
	if name, kind := peerByPdata(s); name != "" {
		labels = append(labels, pipeline.Label{Name: "peer", Value: name}, pipeline.Label{Name: "peer.type", Value: kind})
	}
	labels = pipeline.NewLabels(labels)
	count, failed := 1.0, 0.0
	if strings.Contains(s.TraceState().AsRaw(), "ot=th:8") {
		count = 2
	}
	if s.Status().Code() == ptrace.StatusCodeError {
		failed = count
	}
	add := func(i int, typ pipeline.SeriesType, unit string, v float64) {
		r.Points = append(r.Points, codectest.Point{Series: pipeline.SeriesKey(names[s.Kind()][i], typ, labels), Unit: unit, Time: int64(at), Value: v})
	}
	add(0, pipeline.Delta, "{request}", count)
	add(1, pipeline.Delta, "{request}", failed)
	if s.StartTimestamp() == 0 || s.EndTimestamp() < s.StartTimestamp() {
		r.Lost[otlp.LostNoDuration]++
		return
	}
	add(2, pipeline.Gauge, "s", float64(s.EndTimestamp()-s.StartTimestamp())/1e9)
}

func peerByPdata(s ptrace.Span) (name, kind string) {
	get := func(names ...string) string {
		for _, n := range names {
			if v, ok := s.Attributes().Get(n); ok && canonical(v) != "" {
				return canonical(v)
			}
		}
		return ""
	}
	for _, c := range []struct{ name, kind string }{
		{get("service.peer.name", "peer.service"), "service"},
		{get("messaging.destination.template", "messaging.destination.name", "messaging.destination"), "messaging"},
		{get("server.address", "net.peer.name"), "address"},
		{strings.Trim(get("db.system.name", "db.system")+"/"+get("db.namespace", "db.name"), "/"), "database"},
		{get("rpc.service"), "rpc"},
	} {
		if c.name == "" || s.Kind() == ptrace.SpanKindServer || s.Kind() == ptrace.SpanKindConsumer && c.kind != "messaging" {
			continue
		}
		if c.kind == "address" && get("db.system.name", "db.system") != "" {
			c.kind = "database"
		} else if c.kind == "address" && get("rpc.service") != "" {
			c.kind = "rpc"
		}
		return c.name, c.kind
	}
	return "", ""
}

// randomTraces makes a message of every shape.
func randomTraces(r *rand.Rand) ptrace.Traces {
	td := ptrace.NewTraces()
	for range 1 + r.IntN(3) {
		rs := td.ResourceSpans().AppendEmpty()
		randomAttributes(r, rs.Resource().Attributes())
		randomLabels(r, rs.Resource().Attributes())
		for range r.IntN(3) {
			ss := rs.ScopeSpans().AppendEmpty()
			ss.Scope().SetName("scope")
			for range r.IntN(6) {
				s := ss.Spans().AppendEmpty()
				s.SetTraceID(pcommon.TraceID{1, 2})
				s.SetSpanID(pcommon.SpanID{3})
				s.SetName("GET /")
				s.SetKind(ptrace.SpanKind(r.IntN(7)))
				s.SetStartTimestamp(randomTime(r))
				s.SetEndTimestamp(randomTime(r) * 2)
				s.Status().SetCode(ptrace.StatusCode(r.IntN(3)))
				s.TraceState().FromRaw([]string{"", "ot=th:8", "a=b"}[r.IntN(3)])
				s.Events().AppendEmpty().SetName("event")
				s.Links().AppendEmpty().SetTraceID(pcommon.TraceID{7})
				randomAttributes(r, s.Attributes())
				for _, name := range []string{"peer.service", "service.peer.name", "messaging.destination.name", "server.address", "net.peer.name", "db.system", "db.system.name", "db.name", "rpc.service"} {
					if r.IntN(6) == 0 {
						randomAttribute(r, s.Attributes().PutEmpty(name), 2)
					}
				}
			}
		}
	}
	return td
}

func TestTracesDecodesWhatPdataEncodes(t *testing.T) {
	proto, text := codectest.NewChecker(func() pipeline.Codec { return newTraces(t, nil) }), codectest.NewChecker(func() pipeline.Codec { return newTraces(t, nil) })
	for seed := range uint64(500) {
		td := randomTraces(rand.New(rand.NewPCG(seed, 8)))
		value, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(consultTraces(td), proto.Check(t, codectest.Record(value))); d != "" {
			t.Fatalf("seed %d (-pdata +codec):\n%s", seed, d)
		}
		if value, err = (&ptrace.JSONMarshaler{}).MarshalTraces(td); err != nil {
			t.Fatal(err)
		}
		back, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(value)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(consultTraces(back), text.Check(t, codectest.Record(value))); d != "" {
			t.Fatalf("seed %d in JSON (-pdata +codec):\n%s\n%s", seed, d, value)
		}
	}
}

// FuzzDecodeTraces checks what holds for any bytes, that each span makes three rows or losses, and that what pdata understands of
// them, written by pdata in both encodings, makes as many rows and losses as it says.
func FuzzDecodeTraces(f *testing.F) {
	for _, value := range signalFixtures(f, "traces") {
		f.Add(value)
		for n := 1; n < len(value); n += 37 {
			f.Add(value[:n])
			f.Add(value[n:])
		}
	}
	for _, h := range hostileTraces() {
		if len(h.Value) < 4096 {
			f.Add(h.Value)
		}
	}
	for seed := range uint64(20) {
		td := randomTraces(rand.New(rand.NewPCG(seed, 9)))
		value, _ := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
		f.Add(value)
		value, _ = (&ptrace.JSONMarshaler{}).MarshalTraces(td)
		f.Add(value)
	}
	checker := codectest.NewChecker(func() pipeline.Codec {
		return made(otlp.NewTraces(pipeline.Settings{"memo": int64(1 << 20), "operation": true, "status": true, "dimensions": []any{"http.route", "x"}}))
	})
	f.Fuzz(func(t *testing.T, value []byte) {
		threes(t, checker.Check(t, codectest.Record(value)))
		td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(value)
		if err != nil {
			td, err = (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(value)
		}
		if err != nil || td.ResourceSpans().Len() == 0 {
			return
		}
		clean, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
		if err != nil {
			t.Fatal(err)
		}
		if got := threes(t, checker.Check(t, codectest.Record(clean))); got >= 0 && got != td.SpanCount() {
			t.Fatalf("%d spans of %d", got, td.SpanCount())
		}
		if clean, err = (&ptrace.JSONMarshaler{}).MarshalTraces(td); err != nil {
			t.Fatal(err)
		}
		if td, err = (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(clean); err != nil {
			return
		}
		if got := threes(t, checker.Check(t, codectest.Record(clean))); got >= 0 && got != td.SpanCount() {
			t.Fatalf("%d spans of %d in JSON", got, td.SpanCount())
		}
	})
}

// threes returns the number of spans that made rows and losses, -1 for an error.
func threes(t *testing.T, r codectest.Result) int {
	t.Helper()
	if r.Code != "" {
		return -1
	}
	n := len(r.Points)
	for _, lost := range r.Lost {
		n += lost
	}
	if n%3 != 0 {
		t.Fatalf("%d rows and losses are no multiple of three: %+v", n, r)
	}
	return n / 3
}
