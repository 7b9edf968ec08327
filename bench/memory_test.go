package bench

import (
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/otlp"
)

// crowd writes OTLP messages of one point of each of n series, with the peers' labels, 1,000 points a message.
func crowd(b *testing.B, n int, at time.Time) []*broker.Stored {
	b.Helper()
	var all []*broker.Stored
	var list []broker.Message
	enc := otlp.NewEncoder(nil)
	for host := 0; host*20 < n; host++ {
		enc.Resource([]pipeline.Label{
			{Name: "service.name", Value: fmt.Sprintf("svc-%03d", host%200)}, {Name: "host.name", Value: fmt.Sprintf("host-%06d", host)},
			{Name: "cloud.region", Value: "eu-1"}, {Name: "deployment.environment", Value: "production"}, {Name: "service.version", Value: "1.42.0"},
		})
		for s := range 20 {
			enc.Gauge([]string{"http.server.duration", "http.server.active_requests", "process.cpu.utilization", "process.memory.usage", "db.client.wait"}[s/4], "ms",
				[]pipeline.Label{{Name: "http.response.status_code", Value: []string{"200", "304", "404", "500"}[s%4]}}, at.UnixNano(), float64(s))
		}
		if enc.Len() < 1000 && (host+1)*20 < n {
			continue
		}
		list = append(list, broker.Message{Topic: "metrics", Value: enc.AppendTo(nil)})
		enc.Reset()
		if len(list) == 50 || (host+1)*20 >= n {
			s, err := broker.Store(broker.TopicPartition{Topic: "metrics"}, list, broker.LZ4)
			if err != nil {
				b.Fatal(err)
			}
			all, list = append(all, s), nil
		}
	}
	return all
}

// turn is how many points are made before the clock runs, at least: what making them leaves to the garbage collector is no part of
// what they cost.
const turn = 1_000_000

// BenchmarkSeries feeds a lane n series and says what each costs: bytes that it keeps once its windows have closed and the next are
// open, and CPU time of a point of a warm series. One iteration is a point.
func BenchmarkSeries(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var count closed
			start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			before := kept()
			l := newLocal(b, &count)
			defer l.Close()
			second, cpu := 0, time.Duration(0)
			round := func() (points int) {
				var logs []*broker.Stored
				for ; points < turn; points += n {
					logs = append(logs, crowd(b, n, start.Add(time.Duration(second)*time.Second))...)
					second++
				}
				runtime.GC()
				b.StartTimer()
				from := processorTime(b)
				for _, s := range logs {
					feed(b, l, s)
				}
				cpu += processorTime(b) - from
				b.StopTimer()
				return points
			}
			b.StopTimer()
			for second < 15 { // windows have closed
				round()
			}
			b.ResetTimer()
			cpu = 0
			done := 0
			for done < b.N {
				done += round()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(done), "ns/point")
			b.ReportMetric(float64(cpu.Nanoseconds())/float64(done), "CPU-ns/point")
			b.ReportMetric((kept()-before)/float64(n), "B/series")
		})
	}
}

// processorTime returns the CPU time of the process so far, of its garbage collector, too.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// kept returns the bytes that the process keeps: its heap after a collection, and what it has mapped beside it.
func kept() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

func feed(b *testing.B, l interface{ Process(pipeline.Input) error }, s *broker.Stored) {
	b.Helper()
	chunk := s.Fetch()
	if chunk.Err != nil {
		b.Fatal(chunk.Err)
	}
	in := pipeline.Input{Topic: "metrics", Records: chunk.Records, Next: chunk.Next, Bytes: chunk.Bytes, Release: chunk.Release}
	if err := l.Process(in); err != nil {
		b.Fatal(err)
	}
}
