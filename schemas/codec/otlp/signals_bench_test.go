package otlp_test

import (
	"fmt"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/homeostat/homeostat/pipeline"
)

func benchResource(m pcommon.Map, i int) {
	m.PutStr("service.name", fmt.Sprintf("service-%d", i%5))
	m.PutStr("host.name", fmt.Sprintf("host-%d.example.org", i))
	m.PutStr("deployment.environment.name", "production")
	m.PutStr("telemetry.sdk.language", "java")
	m.PutStr("os.description", "Linux 6.1")
}

// logBatch is a message of 1,000 log records of 20 streams, 200 bytes each in protobuf, as the Collector writes it.
func logBatch(t testing.TB, asJSON, maps bool) []byte {
	t.Helper()
	ld := plog.NewLogs()
	for i := range 20 {
		rl := ld.ResourceLogs().AppendEmpty()
		benchResource(rl.Resource().Attributes(), i)
		sl := rl.ScopeLogs().AppendEmpty()
		sl.Scope().SetName("com.example.Checkout")
		for j := range 50 {
			lr := sl.LogRecords().AppendEmpty()
			lr.SetTimestamp(pcommon.Timestamp(lineAt + j))
			lr.SetObservedTimestamp(pcommon.Timestamp(lineAt + j + 1000))
			lr.SetSeverityNumber(plog.SeverityNumberInfo)
			lr.SetSeverityText("INFO")
			lr.SetTraceID(pcommon.TraceID{1, 2, byte(j)})
			lr.SetSpanID(pcommon.SpanID{1, byte(j)})
			lr.Attributes().PutStr("thread.name", "http-nio-8080-exec-7")
			lr.Attributes().PutInt("order", int64(j))
			if maps {
				m := lr.Body().SetEmptyMap()
				m.PutStr("message", "payment failed")
				m.PutInt("order", int64(j))
				m.PutStr("card", "declined")
				m.PutBool("retry", true)
				continue
			}
			lr.Body().SetStr(fmt.Sprintf("payment for order %d failed: card declined by issuer, retry in 30 s", j))
		}
	}
	return marshalLogs(t, ld, asJSON)
}

func marshalLogs(t testing.TB, ld plog.Logs, asJSON bool) []byte {
	t.Helper()
	value, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
	if asJSON {
		value, err = (&plog.JSONMarshaler{}).MarshalLogs(ld)
	}
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// spanBatch is a message of 1,000 spans of 20 instances, half of them of servers, half of clients, with 8 attributes each.
func spanBatch(t testing.TB, asJSON bool) []byte {
	t.Helper()
	td := ptrace.NewTraces()
	for i := range 20 {
		rs := td.ResourceSpans().AppendEmpty()
		benchResource(rs.Resource().Attributes(), i)
		ss := rs.ScopeSpans().AppendEmpty()
		ss.Scope().SetName("io.opentelemetry.http")
		for j := range 50 {
			s := ss.Spans().AppendEmpty()
			s.SetTraceID(pcommon.TraceID{1, 2, byte(j)})
			s.SetSpanID(pcommon.SpanID{1, byte(j)})
			s.SetParentSpanID(pcommon.SpanID{2, byte(j)})
			s.SetName("GET /cart/{id}")
			s.SetStartTimestamp(pcommon.Timestamp(lineAt))
			s.SetEndTimestamp(pcommon.Timestamp(lineAt + 1000*j))
			a := s.Attributes()
			a.PutStr("http.request.method", "GET")
			a.PutStr("url.path", fmt.Sprintf("/cart/%d", j))
			a.PutInt("http.response.status_code", 200)
			a.PutStr("network.protocol.version", "1.1")
			a.PutStr("url.scheme", "http")
			a.PutStr("thread.name", "exec-7")
			if s.SetKind(ptrace.SpanKindServer); j%2 == 0 {
				s.SetKind(ptrace.SpanKindClient)
				a.PutStr("server.address", fmt.Sprintf("cart-%d", j%6))
				a.PutInt("server.port", 8080)
				continue
			}
			a.PutStr("http.route", "/cart/{id}")
			a.PutStr("client.address", "10.1.2.3")
		}
	}
	value, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	if asJSON {
		value, err = (&ptrace.JSONMarshaler{}).MarshalTraces(td)
	}
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// again decodes a message over and over.
func again(t testing.TB, codec pipeline.Codec, value []byte, rows int) (decode func()) {
	t.Helper()
	out, rec := pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0)), &pipeline.Record{Value: value}
	decode = func() {
		out.Mark()
		if err := codec.Decode(rec, out); err != nil {
			t.Fatal(err)
		}
		if n := len(out.PointSeries) + len(out.LogStream); n != rows || len(out.Lost) > 0 {
			t.Fatalf("%d rows, not %d, lost %v", n, rows, out.Lost)
		}
		out.Rollback()
	}
	decode()
	return decode
}

func TestDecodingSignalsAllocatesNothing(t *testing.T) {
	exceptions := plog.NewLogs()
	lr := exceptions.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	lr.SetTimestamp(lineAt)
	lr.Body().SetStr("failed")
	lr.Attributes().PutStr("exception.type", "E\n")
	lr.Attributes().PutStr("exception.stacktrace", "at\nf")
	lr.Attributes().PutStr("log.file.name", "a\tb")
	for name, c := range map[string]struct {
		codec pipeline.Codec
		value []byte
		rows  int
	}{
		"logs":                       {newLogs(t, nil), logBatch(t, false, false), 1000},
		"logs in JSON":               {newLogs(t, nil), logBatch(t, true, false), 1000},
		"bodies that are maps":       {newLogs(t, nil), logBatch(t, false, true), 1000},
		"such bodies in JSON":        {newLogs(t, nil), logBatch(t, true, true), 1000},
		"exceptions":                 {newLogs(t, nil), marshalLogs(t, exceptions, false), 1},
		"exceptions in JSON":         {newLogs(t, nil), marshalLogs(t, exceptions, true), 1},
		"spans":                      {newTraces(t, nil), spanBatch(t, false), 3000},
		"spans in JSON":              {newTraces(t, nil), spanBatch(t, true), 3000},
		"spans with all labels":      {newTraces(t, allLabels), spanBatch(t, false), 3000},
		"spans in JSON, with labels": {newTraces(t, allLabels), spanBatch(t, true), 3000},
	} {
		decode := again(t, c.codec, c.value, c.rows)
		if n := testing.AllocsPerRun(20, decode); n != 0 {
			t.Errorf("%s: %v allocations, want none", name, n)
		}
	}
}

var allLabels = pipeline.Settings{"operation": true, "status": true, "dimensions": []any{"http.route"}}

func benchSignal(b *testing.B, codec pipeline.Codec, value []byte, rows, each int, unit string) {
	decode := again(b, codec, value, rows)
	b.ReportAllocs()
	b.SetBytes(int64(len(value)))
	for b.Loop() {
		decode()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*rows/each), unit)
}

func BenchmarkDecodeLogs(b *testing.B) {
	b.Run("proto", func(b *testing.B) { benchSignal(b, newLogs(b, nil), logBatch(b, false, false), 1000, 1, "ns/line") })
	b.Run("json", func(b *testing.B) { benchSignal(b, newLogs(b, nil), logBatch(b, true, false), 1000, 1, "ns/line") })
	b.Run("proto-maps", func(b *testing.B) { benchSignal(b, newLogs(b, nil), logBatch(b, false, true), 1000, 1, "ns/line") })
	b.Run("json-maps", func(b *testing.B) { benchSignal(b, newLogs(b, nil), logBatch(b, true, true), 1000, 1, "ns/line") })
	b.Run("pdata", func(b *testing.B) {
		value := logBatch(b, false, false)
		for b.Loop() {
			if _, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(value); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*1000), "ns/line")
	})
	b.Run("pdata-json", func(b *testing.B) {
		value := logBatch(b, true, false)
		for b.Loop() {
			if _, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(value); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*1000), "ns/line")
	})
}

func BenchmarkDecodeTraces(b *testing.B) {
	b.Run("proto", func(b *testing.B) { benchSignal(b, newTraces(b, nil), spanBatch(b, false), 3000, 3, "ns/span") })
	b.Run("json", func(b *testing.B) { benchSignal(b, newTraces(b, nil), spanBatch(b, true), 3000, 3, "ns/span") })
	b.Run("proto-labels", func(b *testing.B) { benchSignal(b, newTraces(b, allLabels), spanBatch(b, false), 3000, 3, "ns/span") })
	b.Run("pdata", func(b *testing.B) {
		value := spanBatch(b, false)
		for b.Loop() {
			if _, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(value); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*1000), "ns/span")
	})
}
