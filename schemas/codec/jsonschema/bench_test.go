package jsonschema_test

import (
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
)

// usages are n records of a service, of 1,000 hosts, each with a time, two labels and four numbers; and a codec for them.
func usages(t testing.TB, n int) (pipeline.Codec, [][]byte) {
	r := codectest.NewRegistry(t, httptest.NewServer)
	r.Has(1, "JSON", stats(`"host":{"type":"string"},"dc":{"type":"string"},"timestamp":{"type":"integer"},"comment":{"type":["string","null"]},"fields":{"type":"object","properties":{"user":{"type":"number"},"system":{"type":"number"},"idle":{"type":["number","null"]},"used":{"type":"integer"}}}`))
	out := make([][]byte, n)
	for i := range out {
		out[i] = codectest.Framed(1, []byte(fmt.Sprintf(`{"host":"node-%04d","dc":"eu-1","timestamp":%d,"comment":null,"fields":{"user":%.6g,"system":%.6g,"idle":%.6g,"used":%d}}`,
			i%1000, 1_795_408_592_000+i, float64(i)/7, float64(i)/11, float64(i)/13, i<<20)))
	}
	return newCodec(settings(r, nil)), out
}

func TestDecodingAllocatesNothing(t *testing.T) {
	codec, records := usages(t, 2000)
	out, rec := pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0)), codectest.Record(nil)
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
	if out.Series.Len() != 4000 {
		t.Fatalf("%d series, want 4000", out.Series.Len())
	}
	if n := testing.AllocsPerRun(5, decode); n != 0 {
		t.Fatalf("%v allocations for %d records, want none", n, len(records))
	}
}

func BenchmarkDecode(b *testing.B) {
	codec, records := usages(b, 20_000)
	codectest.Benchmark(b, codec, records, "ns/value")
}
