package collectd_test

import (
	"fmt"
	"testing"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
)

// loads are n records of one value list of three values, of 1,000 hosts.
func loads(n int, format string) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		x := float64(i*7%4096) / 512
		out[i] = fmt.Appendf(nil, format, x, x+1, x/3, i, i%1000)
	}
	return out
}

const (
	asJSON    = `[{"values":[%[1]v,%[2]v,%[3]v],"dstypes":["gauge","gauge","gauge"],"dsnames":["shortterm","midterm","longterm"],"time":17954%05[4]d.507,"interval":2.000,"host":"node-%04[5]d","plugin":"load","plugin_instance":"","type":"load","type_instance":""}]`
	asCommand = "PUTVAL node-%04[5]d/load/load interval=2.000 17954%05[4]d.507:%[1]v:%[2]v:%[3]v"
)

func TestDecodingAllocatesNothing(t *testing.T) {
	codec, out := newCodec(nil), pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0))
	records := append(loads(2000, asJSON), loads(2000, asCommand)...)
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
	if out.Series.Len() != 3000 {
		t.Fatalf("%d series, want 3000", out.Series.Len())
	}
	if n := testing.AllocsPerRun(5, decode); n != 0 {
		t.Fatalf("%v allocations for %d records, want none", n, len(records))
	}
}

func BenchmarkJSON(b *testing.B) { benchmark(b, loads(20_000, asJSON)) }

func BenchmarkCommand(b *testing.B) { benchmark(b, loads(20_000, asCommand)) }

func benchmark(b *testing.B, records [][]byte) {
	codectest.Benchmark(b, newCodec(nil), records, "ns/value")
}
