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
	if n := codectest.AllocatesNothing(t, codec, codectest.Records(records...)); n != 4000 {
		t.Errorf("%d series, want 4000", n)
	}
}

func BenchmarkDecode(b *testing.B) {
	codec, records := usages(b, 20_000)
	codectest.Benchmark(b, codec, records, "ns/value")
}
