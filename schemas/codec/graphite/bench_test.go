package graphite_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
)

// lines are n records of three lines, of 1,000 hosts, as collectd writes a load.
func lines(n int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		for j, term := range []string{"shortterm", "midterm", "longterm"} {
			out[i] = fmt.Appendf(out[i], "node-%04d.load.load.%s %v %d\r\n", i%1000, term, float64(i*7%4096)/512+float64(j), 1_795_406_875+i)
		}
	}
	return out
}

func TestDecodingAllocatesNothing(t *testing.T) {
	codec, out := newCodec(pipeline.Settings{"path_labels": []any{"host.plugin.*"}}), pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0))
	records := append(lines(2000), []byte("a.b;dc=eu-1;rack=7 93.96984924615009 1700000000.25\n"))
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
	if out.Series.Len() != 3001 {
		t.Fatalf("%d series, want 3001", out.Series.Len())
	}
	if n := testing.AllocsPerRun(5, decode); n != 0 {
		t.Fatalf("%v allocations for %d records, want none", n, len(records))
	}
}

func BenchmarkDecode(b *testing.B) { benchmark(b, lines(20_000)) }

// BenchmarkBatch has three thousand lines a record.
func BenchmarkBatch(b *testing.B) { benchmark(b, [][]byte{bytes.Join(lines(1000), nil)}) }

func benchmark(b *testing.B, records [][]byte) {
	codectest.Benchmark(b, newCodec(pipeline.Settings{"path_labels": []any{"host.plugin.*"}}), records, "ns/line")
}
