package sniff

import (
	"fmt"
	"testing"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
)

// BenchmarkSniff is what a start with codec: auto, or init, spends on a sample of 2,000 records.
func BenchmarkSniff(b *testing.B) {
	var lines, requests []pipeline.Record
	for i := range 2000 {
		lines = append(lines, *codectest.Record(fmt.Appendf(nil, `{"time":"2026-11-23T04:00:00Z","level":"info","host":"web-%d","message":"request %d took %d ms"}`, i%10, i, i%300)))
		requests = append(requests, *codectest.Record(fixtureOf(b, "otlp/testdata/otelcol-hostmetrics.binpb")))
	}
	for name, records := range map[string][]pipeline.Record{"json_logs": lines, "otlp_metrics": requests} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if a := Sniff(registry(), records); said(a) != name {
					b.Fatal(said(a))
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(len(records)), "µs/record")
		})
	}
}
