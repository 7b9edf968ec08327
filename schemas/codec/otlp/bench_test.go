package otlp_test

import (
	"fmt"
	"testing"

	"github.com/VictoriaMetrics/fastcache"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/otlp"
)

// batch makes a message of 1,250 points of 1,000 series as pdata writes it: 5 resources with 5 metrics each, 40 attribute
// sets, the first 10 of each with a second point.
func batch(t testing.TB) []byte {
	t.Helper()
	md := pmetric.NewMetrics()
	for host := range 5 {
		rm := md.ResourceMetrics().AppendEmpty()
		rm.Resource().Attributes().PutStr("service.name", "checkout")
		rm.Resource().Attributes().PutStr("host.name", fmt.Sprintf("host-%d.example.org", host))
		rm.Resource().Attributes().PutStr("deployment.environment", "production")
		sm := rm.ScopeMetrics().AppendEmpty()
		for metric := range 5 {
			m := sm.Metrics().AppendEmpty()
			m.SetName(fmt.Sprintf("http.server.metric%d", metric))
			m.SetUnit("ms")
			points := m.SetEmptySum()
			points.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
			points.SetIsMonotonic(true)
			for i := range 50 {
				p := points.DataPoints().AppendEmpty()
				p.SetStartTimestamp(1_700_000_000_000_000_000)
				p.SetTimestamp(pcommon.Timestamp(1_700_000_010_000_000_000 + i))
				p.SetDoubleValue(float64(i) * 1.5)
				p.Attributes().PutStr("http.route", fmt.Sprintf("/api/v1/thing%02d", i%40))
				p.Attributes().PutStr("http.method", "GET")
				p.Attributes().PutInt("http.status_code", 200)
			}
		}
	}
	value, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(md)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestDecodingAllocatesNothing(t *testing.T) {
	codec, out := otlp.New(nil), pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0))
	rec := &pipeline.Record{Value: batch(t)}
	decode := func() {
		out.Mark()
		if err := codec.Decode(rec, out); err != nil {
			t.Fatal(err)
		}
		out.Rollback()
	}
	decode()
	if out.Series.Len() != 1000 {
		t.Fatalf("%d series, want 1000", out.Series.Len())
	}
	if n := testing.AllocsPerRun(20, decode); n != 0 {
		t.Fatalf("%v allocations for 1,250 points, want none", n)
	}
}

func TestEncodingAllocatesNothing(t *testing.T) {
	enc := otlp.NewEncoder([]pipeline.Label{{Name: "service.name", Value: "shop"}})
	attrs := []pipeline.Label{{Name: "route", Value: "/"}}
	var buf []byte
	encode := func() {
		enc.Reset()
		for i := range int64(100) {
			enc.Gauge("queue.length", "1", attrs, i, 1)
			enc.Sum("requests", "1", attrs, 1, i, 1, true)
		}
		enc.Resource(attrs)
		enc.Gauge("queue.length", "1", nil, 1, 1)
		buf = enc.AppendTo(buf[:0])
	}
	encode()
	if n := testing.AllocsPerRun(20, encode); n != 0 {
		t.Fatalf("%v allocations for 201 points, want none", n)
	}
}

func BenchmarkDecode(b *testing.B) {
	codec, out := otlp.New(nil), pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0))
	rec := &pipeline.Record{Value: batch(b)}
	if err := codec.Decode(rec, out); err != nil {
		b.Fatal(err)
	}
	out.Rollback()
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

// BenchmarkFirstSight decodes with a codec that knows nothing.
func BenchmarkFirstSight(b *testing.B) {
	rec := &pipeline.Record{Value: batch(b)}
	points := 0
	for b.Loop() {
		out := pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0))
		if err := otlp.New(nil).Decode(rec, out); err != nil {
			b.Fatal(err)
		}
		points += len(out.PointSeries)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(points), "ns/point")
}

func BenchmarkEncode(b *testing.B) {
	enc := otlp.NewEncoder([]pipeline.Label{{Name: "service.name", Value: "shop"}})
	attrs := []pipeline.Label{{Name: "http.route", Value: "/api/v1/thing"}, {Name: "http.method", Value: "GET"}}
	var buf []byte
	points := 0
	b.ReportAllocs()
	for b.Loop() {
		enc.Reset()
		for i := range int64(1250) {
			enc.Sum("requests", "1", attrs, 1, i, 1, true)
		}
		buf = enc.AppendTo(buf[:0])
		points += enc.Len()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(points), "ns/point")
}

// BenchmarkFastcache is what one look-up of a series' raw bytes in fastcache costs: why the memo is a table of our own.
func BenchmarkFastcache(b *testing.B) {
	cache := fastcache.New(64 << 20)
	defer cache.Reset()
	var keys [][]byte
	for i := range 1000 {
		keys = append(keys, fmt.Appendf(nil, "%04d:\n\x1b\n\nhttp.route\x12\r\n\v/api/v1/%03d:\n\x14\n\vhttp.method\x12\x05\n\x03GET:\n\x15\n\x10http.status_code\x12\x03\x18\xc8\x01", i, i))
	}
	for _, k := range keys {
		cache.Set(k, []byte{1, 2, 3, 4})
	}
	var dst []byte
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		if dst = cache.Get(dst[:0], keys[i]); len(dst) != 4 {
			b.Fatal("lost")
		}
		if i++; i == len(keys) {
			i = 0
		}
	}
}
