package protobuf_test

import (
	"fmt"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
)

// usage is a schema as a service would have it: labels, a time, and four numbers.
var usage = stats(`string host = 1; string dc = 2; google.protobuf.Timestamp timestamp = 3; optional string comment = 4; message Usage { double user = 1; double system = 2; google.protobuf.DoubleValue idle = 3; uint64 used = 4; } Usage fields = 5;
	map<string, string> tags = 6; repeated string notes = 7;`)

// usages are n records, of 1,000 hosts.
func usages(t testing.TB, n int) [][]byte {
	out := make([][]byte, n)
	m := message(t, usage)
	for i := range out {
		m.Reset()
		text := fmt.Sprintf(`host: "node-%04d" dc: "eu-1" timestamp { seconds: %d nanos: 5000000 } fields { user: %v system: %v idle { value: %v } used: %d } tags { key: "zone" value: "a" }`,
			i%1000, 1_795_408_592+i, float64(i+1)/7, float64(i+1)/11, float64(i+1)/13, i<<20)
		if err := prototext.Unmarshal([]byte(text), m); err != nil {
			t.Fatal(err)
		}
		out[i] = marshal(t, m)
	}
	return out
}

func TestDecodingAllocatesNothing(t *testing.T) {
	codec, records := newCodec(pipeline.Settings{"schema": usage}), usages(t, 2000)
	if n := codectest.AllocatesNothing(t, codec, codectest.Records(records...)); n != 4000 {
		t.Errorf("%d series, want 4000", n)
	}
}

func BenchmarkDecode(b *testing.B) {
	codectest.Benchmark(b, newCodec(pipeline.Settings{"schema": usage}), usages(b, 20_000), "ns/value")
}

// BenchmarkOracle is what the library takes to read the same records into messages of a schema that is known at run time, without finding
// their series.
func BenchmarkOracle(b *testing.B) {
	records, m := usages(b, 20_000), message(b, usage)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if err := proto.Unmarshal(records[i], dynamicpb.NewMessage(m.Descriptor())); err != nil {
			b.Fatal(err)
		}
		if i++; i == len(records) {
			i = 0
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*4), "ns/value")
}
