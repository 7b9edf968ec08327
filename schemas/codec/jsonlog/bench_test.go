package jsonlog_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/jsonlog"
)

// lines makes records of one line of about 200 bytes of 20 streams.
func lines() []*pipeline.Record {
	var out []*pipeline.Record
	for i := range 1000 {
		out = append(out, &pipeline.Record{Timestamp: 1, Value: fmt.Appendf(nil,
			`{"time":"2026-11-23T04:%02d:%02d.123456+02:00","level":"%s","service":"checkout","host":"web-%d","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","duration_ms":%d.5,"message":"payment for order %d failed: card declined"}`,
			i/60%60, i%60, []string{"info", "warn", "error"}[i%3], i%20, i, i)})
	}
	return out
}

func newCodec(t testing.TB, settings pipeline.Settings) pipeline.Codec {
	t.Helper()
	codec, err := jsonlog.New(settings)
	if err != nil {
		t.Fatal(err)
	}
	return codec
}

func decodeAll(t testing.TB, codec pipeline.Codec, recs []*pipeline.Record, out *pipeline.Columns) {
	for _, rec := range recs {
		if err := codec.Decode(rec, out); err != nil {
			t.Fatal(err)
		}
	}
	out.Rollback()
}

func TestDecodingAllocatesNothing(t *testing.T) {
	codec, out, recs := newCodec(t, nil), pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0)), lines()
	recs = append(recs, &pipeline.Record{Value: []byte(`[{"ts":1795408204.407,"log":{"level":30},"msg":12,"host":7,"app":true},{"ts":"1795408204","msg":"a\nb"}] {"x":1,"time":1795408204407}`)})
	decodeAll(t, codec, recs, out)
	// Cleanups of other tests' codecs, which run beside this one, are counted too: the least of several runs counts.
	least := math.Inf(1)
	for range 10 {
		least = min(least, testing.AllocsPerRun(5, func() { decodeAll(t, codec, recs, out) }))
	}
	if least != 0 {
		t.Fatalf("%v allocations for 1,003 lines, want none", least)
	}
}

func BenchmarkDecode(b *testing.B) {
	codec, out, recs := newCodec(b, nil), pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0)), lines()
	decodeAll(b, codec, recs, out)
	b.ReportAllocs()
	for b.Loop() {
		decodeAll(b, codec, recs, out)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(recs)), "ns/line")
}
