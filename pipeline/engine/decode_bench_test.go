package engine

import (
	"fmt"
	"testing"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/engine/snapshot"
)

// BenchmarkDoor is what a lane's own part of taking a record in costs: size, rows behind time, rows ahead of it, the ledger and
// whose record it is. Its codec does next to nothing and nothing stands behind it.
func BenchmarkDoor(b *testing.B) {
	for _, rows := range []int{1, 100} {
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
			l := newBench(b, "left", func(in *intake) { in.codec, in.skew = steady(rows), 1<<40 })

			if err := l.behind.close(); err != nil {
				b.Fatal(err)
			}
			l.behind = nowhere{}
			if _, err := l.series.table.Intern("m", "", pipeline.Gauge, nil); err != nil {
				b.Fatal(err)
			}
			recs := make([]pipeline.Record, 1000)
			keys, value := make([][]byte, 20), []byte("value")
			for i := range keys {
				keys[i] = fmt.Appendf(nil, "producer-%d", i)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for n := int64(0); n < int64(b.N); n += int64(len(recs)) {
				for i := range recs {
					recs[i] = pipeline.Record{Topic: "left", Offset: n + int64(i), Timestamp: n, Key: keys[i%len(keys)], Value: value}
				}
				in := pipeline.Input{Topic: "left", Records: recs, Next: n + int64(len(recs)), Release: func() {}}
				if err := l.process(in); err != nil {
					b.Fatal(err)
				}
				l.take()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*rows), "ns/row")
		})
	}
}

// steady is a codec whose records have so many rows, all of one series and of the record's time.
type steady int

func (s steady) Decode(rec *pipeline.Record, out *pipeline.Columns) error {
	for range int(s) {
		out.Point(0, rec.Timestamp*1e6, 0, 1)
	}
	return nil
}

// nowhere is a rear that drops all.
type nowhere struct{}

func (nowhere) feed(b pipeline.Batch) error                   { b.Release(); return nil }
func (nowhere) leave(pipeline.Batch) error                    { return nil }
func (nowhere) watermark(int64) error                         { return nil }
func (nowhere) collect(pipeline.Position) []broker.Message    { return nil }
func (nowhere) tell(string, int64) []broker.Message           { return nil }
func (nowhere) hold(func(uint32))                             {}
func (nowhere) follow(*residence, []uint32) error             { return nil }
func (nowhere) freeze(*frozen) error                          { return nil }
func (nowhere) restore(*snapshot.Snapshot, int64, bool) error { return nil }
func (nowhere) randoms() map[string][]byte                    { return nil }
func (nowhere) setRandoms(map[string][]byte) error            { return nil }
func (nowhere) close() error                                  { return nil }
