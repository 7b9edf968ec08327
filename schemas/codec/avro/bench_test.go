package avro_test

import (
	"fmt"
	"testing"

	twmb "github.com/twmb/avro"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
)

// usage is a schema as a service would have it: labels, a time, and four numbers.
var usage = record(field("host", `"string"`), field("dc", `"string"`), field("timestamp", `{"type":"long","logicalType":"timestamp-millis"}`), field("comment", `["null","string"]`),
	field("fields", `{"type":"record","name":"Usage","fields":[{"name":"user","type":"double"},{"name":"system","type":"double"},{"name":"idle","type":["null","double"]},{"name":"used","type":"long"}]}`))

// usages are n records, of 1,000 hosts.
func usages(t testing.TB, n int) [][]byte {
	out := make([][]byte, n)
	schema := twmb.MustParse(usage)
	for i := range out {
		var err error
		if out[i], err = schema.Encode(object{"host": fmt.Sprintf("node-%04d", i%1000), "dc": "eu-1", "timestamp": int64(1_795_408_592_000 + i), "comment": nil,
			"fields": object{"user": float64(i) / 7, "system": float64(i) / 11, "idle": float64(i) / 13, "used": int64(i) << 20}}); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func TestDecodingAllocatesNothing(t *testing.T) {
	codec, records := newCodec(pipeline.Settings{"schema": usage, "labels": []any{"host", "dc"}}), usages(t, 2000)
	if n := codectest.AllocatesNothing(t, codec, codectest.Records(records...)); n != 4000 {
		t.Errorf("%d series, want 4000", n)
	}
}

func BenchmarkDecode(b *testing.B) {
	codectest.Benchmark(b, newCodec(pipeline.Settings{"schema": usage, "labels": []any{"host", "dc"}}), usages(b, 20_000), "ns/value")
}

// BenchmarkOracle is what the library takes to read the same records into maps, without finding their series.
func BenchmarkOracle(b *testing.B) {
	records, schema := usages(b, 20_000), twmb.MustParse(usage)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		var v any
		if _, err := schema.Decode(records[i], &v); err != nil {
			b.Fatal(err)
		}
		if i++; i == len(records) {
			i = 0
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*4), "ns/value")
}
