package bench

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/operators/window"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/config"
	"github.com/homeostat/homeostat/pipeline/engine"
	"github.com/homeostat/homeostat/pipeline/plan"
	"github.com/homeostat/homeostat/schemas/codec/otlp"
	"github.com/homeostat/homeostat/sinks/kafka"
)

const (
	points   = 1250 // a message, as the Collector batches them
	messages = 64   // a fetched record batch
	series   = 1000 // a message's points belong to so many of the population
)

const job = `
version: 1
name: bench
sources:
  - {name: metrics, topic: metrics, codec: otlp_metrics, disorder: 1s, late: drop, max_future_skew: 0s}
detect:
  - window: {size: 10s}
`

// record is a record batch's worth of OTLP messages, each the samples of one moment of a service with 1,000 series.
func record(b *testing.B, at time.Time, step time.Duration, compression broker.Compression) *broker.Stored {
	b.Helper()
	r := rand.New(rand.NewPCG(1, uint64(at.UnixNano())))
	enc := otlp.NewEncoder(nil)
	var list []broker.Message
	for m := 0; m < messages; m++ {
		enc.Reset()
		enc.Resource([]pipeline.Label{{Name: "service.name", Value: "checkout"}, {Name: "service.namespace", Value: "shop"}, {Name: "host.name", Value: fmt.Sprint("host-", m%8)}})
		t := at.Add(time.Duration(m) * step).UnixNano()
		for i := 0; i < points; i++ {
			attrs := []pipeline.Label{
				{Name: "http.route", Value: fmt.Sprint("/api/v1/resource/", i%series/10)}, {Name: "http.method", Value: "GET"},
				{Name: "http.status_code", Value: fmt.Sprint(200 + i%10)},
			}
			if i%2 == 0 {
				enc.Gauge("http.server.duration", "s", attrs, t, r.Float64())
			} else {
				enc.Sum("http.server.requests", "1", attrs, t-int64(step), t, float64(r.IntN(100)), true)
			}
		}
		list = append(list, broker.Message{Topic: "metrics", Value: enc.AppendTo(nil)})
	}
	s, err := broker.Store(broker.TopicPartition{Topic: "metrics"}, list, compression)
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// closed counts the rows of closed windows as the last operator of the chain.
type closed struct{ rows int }

func (c *closed) Open(*pipeline.Env) error { return nil }
func (c *closed) Close() error             { return nil }
func (c *closed) Process(b pipeline.Batch, _ pipeline.Emitter) error {
	c.rows += b.Rows()
	return nil
}

func newLocal(b *testing.B, count *closed) *engine.Local {
	return localOf(b, job, count, otlp.Register)
}

// localOf runs a job with closed at the end of its chain.
func localOf(b *testing.B, job string, count *closed, register ...func(*pipeline.Registry)) *engine.Local {
	b.Helper()
	reg := pipeline.NewRegistry()
	window.Register(reg)
	for _, r := range register {
		r(reg)
	}
	reg.AddOperator(pipeline.Spec{Name: "closed", Stage: pipeline.Detect, Consumes: []pipeline.Kind{pipeline.Windows}},
		func(pipeline.Settings) (pipeline.Operator, error) { return count, nil })
	cfg, err := config.Parse("bench.yaml", []byte(job+"  - closed\n"), reg, os.LookupEnv, os.ReadFile)
	if err != nil {
		b.Fatal(err)
	}
	p, err := plan.New(cfg, reg)
	if err != nil {
		b.Fatal(err)
	}
	routes := kafka.Config{Routes: kafka.Routes(p.Topics.Events.Name, p.Topics.Incidents.Name, p.Topics.Remediations.Name)}
	l, err := engine.NewLocal(context.Background(), p, false, engine.Options{
		NewOutput: func() engine.Output { return kafka.NewSink(routes) }, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		b.Fatal(err)
	}
	return l
}

// BenchmarkOTLPToClosedWindows takes record batches as Kafka sends them (checksum, decompression) through decoding,
// interning, event time, lateness and ledger to closed windows of 10 s, on one core. One iteration is one point.
func BenchmarkOTLPToClosedWindows(b *testing.B) {
	for _, c := range []struct {
		name        string
		compression broker.Compression
	}{{"none", broker.None}, {"lz4", broker.LZ4}, {"zstd", broker.Zstd}} {
		b.Run(c.name, func(b *testing.B) { benchmarkOTLP(b, c.compression) })
	}
}

func benchmarkOTLP(b *testing.B, compression broker.Compression) {
	var count closed
	l := newLocal(b, &count)
	defer l.Close()
	// Time goes on by a window every ten batches.
	const step = time.Second / messages
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var logs []*broker.Stored
	bytes := 0
	for i := 0; i < 40; i++ {
		s := record(b, start.Add(time.Duration(i)*time.Second), step, compression)
		logs = append(logs, s)
		bytes += s.Bytes()
	}
	feed := func(s *broker.Stored) {
		chunk := s.Fetch()
		in := pipeline.Input{Topic: "metrics", Records: chunk.Records, Next: chunk.Next, Bytes: chunk.Bytes, Release: chunk.Release}
		if chunk.Err != nil {
			b.Fatal(chunk.Err)
		}
		if err := l.Process(in); err != nil {
			b.Fatal(err)
		}
	}
	for _, s := range logs[:20] { // series are interned, tables have grown
		feed(s)
	}
	const perBatch = points * messages
	b.SetBytes(int64(bytes / len(logs) / perBatch))
	b.ResetTimer()
	done, next := 0, 20
	for ; done < b.N; done += perBatch {
		if next == len(logs) {
			// Event time can't go back: what was read once is read again as later batches of another run of the pipeline.
			b.StopTimer()
			if err := l.Close(); err != nil {
				b.Fatal(err)
			}
			l = newLocal(b, &count)
			for _, s := range logs[:20] {
				feed(s)
			}
			next = 20
			b.StartTimer()
		}
		feed(logs[next])
		next++
	}
	b.StopTimer()
	if count.rows == 0 {
		b.Fatal("no window closed")
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(done), "ns/point")
	b.ReportMetric(float64(bytes)/float64(len(logs)*perBatch), "B/point")
}
