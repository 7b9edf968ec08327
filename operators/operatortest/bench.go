package operatortest

import (
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/homeostat/homeostat/pipeline"
)

// Bench reports what a value of a quiet series costs a detector, in ns/value, once it is warm: of 10,000 series, in windows one right
// after the other; and of 100,000, where between two windows other work has had the processor's caches, as happens in the ten
// seconds that they are apart. There it also reports the memory of a series, in B/series. They are hosts with four metrics each, or named otherwise.
func Bench(b *testing.B, made func() (pipeline.Detector, error), named ...func(s int) (metric string, labels []pipeline.Label)) {
	b.Helper()
	b.Run("warm", func(b *testing.B) { bench(b, made, newLane(b, 10_000, named...), nil) })
	b.Run("cold", func(b *testing.B) {
		other := make([]byte, 64<<20)
		bench(b, made, newLane(b, 100_000, named...), func() {
			for i := 0; i < len(other); i += 64 {
				other[i]++
			}
		})
	})
}

func bench(b *testing.B, made func() (pipeline.Detector, error), l *lane, between func()) {
	series := len(l.Series)
	rnd := rand.New(rand.NewPCG(1, 1))
	noise := make([]float64, 2*series)
	for i := range noise {
		noise[i] = 100 + rnd.NormFloat64()
	}
	before := heap()
	d, err := made()
	if err != nil {
		b.Fatal(err)
	}
	l.open(b, d)
	var found []pipeline.Finding
	step := func() {
		at := rnd.IntN(series)
		l.Start, l.End = l.End, l.End+int64(10*time.Second)
		copy(l.Sum, noise[at:])
		if between != nil {
			b.StopTimer()
			between()
			b.StartTimer()
		}
		found, _ = detect(d, &l.Window, found[:0])
	}
	for range 300 {
		step()
	}
	kept := heap() - before
	b.ReportAllocs()
	for b.Loop() {
		step()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(series), "ns/value")
	if between != nil {
		b.ReportMetric(float64(kept)/float64(series), "B/series")
	}
	runtime.KeepAlive(d)
}

// heap returns the memory that is in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
