package remotewrite_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"

	"github.com/homeostat/homeostat/pipeline"
)

// batchLabels are those of one of 2,000 series, as a node exporter's in a cluster: nine, 220 bytes.
func batchLabels(i int) []pair {
	return []pair{{"__name__", fmt.Sprintf("node_network_receive_metric%02d_total", i%50)}, {"cluster", "eu-central-1-production"}, {"container", "node-exporter"}, {"device", fmt.Sprintf("eth%d", i/50%4)},
		{"endpoint", "metrics"}, {"instance", fmt.Sprintf("10.0.%d.%d:9100", i/200%10, i%200)}, {"job", "node-exporter"}, {"namespace", "monitoring"}, {"pod", fmt.Sprintf("node-exporter-%05d", i/200)}}
}

// batch1 is a request of version 1.0 as Prometheus writes it: 2,000 series with a sample each.
func batch1(t testing.TB) []byte {
	req := &prompb.WriteRequest{}
	for i := range 2000 {
		ts := prompb.TimeSeries{Samples: []prompb.Sample{{Value: float64(i) * 1.5, Timestamp: ms + int64(i)}}}
		for _, l := range batchLabels(i) {
			ts.Labels = append(ts.Labels, prompb.Label{Name: l.name, Value: l.value})
		}
		req.Timeseries = append(req.Timeseries, ts)
	}
	return marshal(t, req)
}

// batch2 is the same as a request of version 2.0.
func batch2(t testing.TB) []byte {
	req := &writev2.Request{}
	table := writev2.NewSymbolTable()
	for i := range 2000 {
		ts := writev2.TimeSeries{Samples: []writev2.Sample{{Value: float64(i) * 1.5, Timestamp: ms + int64(i), StartTimestamp: ms - 1000}},
			Metadata: writev2.Metadata{Type: writev2.Metadata_METRIC_TYPE_COUNTER, HelpRef: table.Symbolize("Network device statistic."), UnitRef: table.Symbolize("bytes")}}
		for _, l := range batchLabels(i) {
			ts.LabelsRefs = append(ts.LabelsRefs, table.Symbolize(l.name), table.Symbolize(l.value))
		}
		req.Timeseries = append(req.Timeseries, ts)
	}
	req.Symbols = table.Symbols()
	return marshal(t, req)
}

func TestDecodingAllocatesNothing(t *testing.T) {
	telegraf := fixtures(t)["telegraf-mem-1.snappy"]
	histograms := two(msg(3, num(1, 1), double(3, 2), num(15, ms)), msg(5, num(1, 3)))
	about := append(batch1(t), about(1, "node_network_receive_metric07", "bytes")...)
	for name, value := range map[string][]byte{"1.0": batch1(t), "1.0, snappy": snappy.Encode(nil, batch1(t)), "1.0, zstd": inZstd(t, batch1(t), true), "1.0, with metadata": about,
		"2.0": batch2(t), "2.0, snappy": snappy.Encode(nil, batch2(t)), "Telegraf": telegraf, "histograms": histograms} {
		codec, out := newCodec(t, nil), pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0))
		rec := &pipeline.Record{Value: value, Headers: []pipeline.Header{{Key: "content-type", Value: []byte("application/x-protobuf")}}}
		decode := func() {
			out.Mark()
			if err := codec.Decode(rec, out); err != nil {
				t.Fatal(err)
			}
			out.Rollback()
		}
		decode()
		// The race detector has pools, as those of zstd, forget what is in them now and then: the least of several runs counts.
		least := math.Inf(1)
		for range 30 {
			least = min(least, testing.AllocsPerRun(1, decode))
		}
		if least != 0 {
			t.Errorf("%s: %v allocations for a request, want none", name, least)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	one, two := batch1(b), batch2(b)
	for _, c := range []struct {
		name  string
		value []byte
	}{
		{"1.0", one}, {"1.0,snappy", snappy.Encode(nil, one)}, {"1.0,zstd", inZstd(b, one, true)},
		{"2.0", two}, {"2.0,snappy", snappy.Encode(nil, two)}, {"2.0,zstd", inZstd(b, two, true)},
		{"telegraf", fixtures(b)["telegraf-mem-1.snappy"]},
	} {
		b.Run(c.name, func(b *testing.B) {
			codec, out := newCodec(b, nil), pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0))
			rec := &pipeline.Record{Value: c.value}
			if err := codec.Decode(rec, out); err != nil {
				b.Fatal(err)
			}
			out.Rollback()
			b.ReportAllocs()
			b.SetBytes(int64(len(c.value)))
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
		})
	}
}

// BenchmarkFirstSight decodes with a codec that knows nothing.
func BenchmarkFirstSight(b *testing.B) {
	rec := &pipeline.Record{Value: batch1(b)}
	points := 0
	for b.Loop() {
		out := pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0))
		if err := newCodec(b, nil).Decode(rec, out); err != nil {
			b.Fatal(err)
		}
		points += len(out.PointSeries)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(points), "ns/point")
}

// BenchmarkPrometheus is what Prometheus' own code takes for the message alone, without labels becoming series.
func BenchmarkPrometheus(b *testing.B) {
	one, two := batch1(b), batch2(b)
	b.Run("1.0", func(b *testing.B) {
		for b.Loop() {
			var req prompb.WriteRequest
			if err := req.Unmarshal(one); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*2000), "ns/point")
	})
	b.Run("2.0", func(b *testing.B) {
		for b.Loop() {
			var req writev2.Request
			if err := req.Unmarshal(two); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*2000), "ns/point")
	})
}
