package influx_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/influxdata/line-protocol/v2/lineprotocol"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
)

// lines are n records of one line of five fields, of 1,000 hosts, with the fields in any order.
func lines(n int) [][]byte {
	r := rand.New(rand.NewPCG(7, 7))
	out := make([][]byte, n)
	for i := range out {
		fields := [][]byte{
			fmt.Appendf(nil, "usage_user=%v", r.Float64()*100), fmt.Appendf(nil, "usage_idle=%v", r.Float64()*100), fmt.Appendf(nil, "usage_system=%v", r.Float64()*100),
			fmt.Appendf(nil, "used=%di", r.IntN(1<<40)), fmt.Appendf(nil, "ok=%v", r.IntN(2) == 0),
		}
		r.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
		out[i] = fmt.Appendf(nil, "cpu,cpu=cpu-total,dc=eu-1,host=node-%04d %s %d\n", i%1000, bytes.Join(fields, []byte{','}), 1_795_408_592_000_000_000+i)
	}
	return out
}

func TestDecodingAllocatesNothing(t *testing.T) {
	codec, out := newCodec(nil), pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0))
	records := lines(2000)
	records = append(records, bytes.Join(records[:50], nil), []byte("disk,host=a value=1,ok=t,text=\"x y\" 1700000000000000000"))
	rec := codectest.Record(nil)
	decode := func() {
		for _, value := range records {
			out.Mark()
			rec.Value = value
			if err := codec.Decode(rec, out); err != nil {
				t.Fatal(err)
			}
			out.Rollback()
		}
	}
	decode()
	if out.Series.Len() != 5002 {
		t.Fatalf("%d series, want 5002", out.Series.Len())
	}
	if n := testing.AllocsPerRun(5, decode); n != 0 {
		t.Fatalf("%v allocations for %d records, want none", n, len(records))
	}
}

func BenchmarkDecode(b *testing.B) {
	benchmark(b, lines(20_000))
}

// BenchmarkBatch has a thousand lines a record.
func BenchmarkBatch(b *testing.B) {
	benchmark(b, [][]byte{bytes.Join(lines(1000), nil)})
}

func benchmark(b *testing.B, records [][]byte) {
	codectest.Benchmark(b, newCodec(nil), records, "ns/field")
}

// BenchmarkOracle is what InfluxData's parser takes to read the same fields, without finding their series.
func BenchmarkOracle(b *testing.B) {
	records := lines(20_000)
	b.ReportAllocs()
	fields, i := 0, 0
	for b.Loop() {
		dec := lineprotocol.NewDecoderWithBytes(records[i])
		for dec.Next() {
			for {
				k, _, err := dec.NextField()
				if err != nil {
					b.Fatal(err)
				}
				if k == nil {
					break
				}
				fields++
			}
			if _, err := dec.TimeBytes(); err != nil {
				b.Fatal(err)
			}
		}
		if i++; i == len(records) {
			i = 0
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(fields), "ns/field")
}
