package jsonmetrics_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/valyala/fastjson"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
	"github.com/homeostat/homeostat/schemas/codec/jsonmetrics"
)

// messages makes a record of each of 10,000 series, of about 195 bytes.
func messages() []*pipeline.Record {
	var out []*pipeline.Record
	for i := range 10_000 {
		i = (i*7919 + 13) % 10_000
		out = append(out, codectest.Record(fmt.Appendf(nil, `{"timestamp":%d,"name":"http.%s.duration","service":"svc-%03d","host":"host-%04d","region":"eu-1","status":"%d","env":"production","unit":"ms","version":"1.42.0","value":%d.%03d}`,
			1_790_000_000_000+i, []string{"server", "client"}[i/4%2], i/8%50, i/8, []int{200, 304, 404, 500}[i%4], 40+i%1000, i%1000)))
	}
	return out
}

func decodeAll(t testing.TB, codec pipeline.Codec, recs []*pipeline.Record, out *pipeline.Columns) {
	for _, rec := range recs {
		if err := codec.Decode(rec, out); err != nil {
			t.Fatal(err)
		}
	}
	out.Rollback()
}

func TestDecodingAllocatesNothing(t *testing.T) {
	others := codectest.Record([]byte(`[{"name":"m","value":"1.5","a":"q\"","tags":{"x":7}},{"ts":"2026-11-23T04:36:32Z","fields":{"a":1,"b":2.5e3},"metric":"x"}] {"name":"m","value":NaN}`))
	for name, codec := range map[string]pipeline.Codec{"by layouts": newCodec(t, nil), "read": jsonmetrics.Reading(newCodec(t, nil))} {
		out, recs := pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0)), append(messages()[:1000], others)
		for range 20 {
			decodeAll(t, codec, recs, out)
		}
		// What other tests do beside this one is counted too: the least of several runs counts.
		least := math.Inf(1)
		for range 10 {
			least = min(least, testing.AllocsPerRun(5, func() { decodeAll(t, codec, recs, out) }))
		}
		if least != 0 {
			t.Errorf("%s: %v allocations for 1,003 objects, want none", name, least)
		}
	}
}

// BenchmarkDecode is the decoding of messages of one layout; of the same ones without layouts (read); with the members in any order, so that no
// two have the same layout (shuffled); with some left out at random (optional), of two producers by turns that write them differently (two), and
// with an escape in each (escaped). BenchmarkFastjson is what parsing them and reading their fields by hand costs.
func BenchmarkDecode(b *testing.B) {
	for _, c := range []struct {
		name     string
		settings pipeline.Settings
		of       func(pipeline.Codec) pipeline.Codec
		rewrite  func(r *rand.Rand, members []string) []string
	}{
		{name: "layout"}, {name: "layout,labels", settings: pipeline.Settings{"labels": list("service", "host", "status")}}, {name: "read", of: jsonmetrics.Reading},
		{name: "shuffled", rewrite: shuffled},
		{name: "optional", rewrite: func(r *rand.Rand, members []string) []string {
			return slices.DeleteFunc(members, func(m string) bool { return m[1] != 'n' && m[1] != 'v' && r.IntN(4) == 0 })
		}},
		{name: "two", of: jsonmetrics.Reading, rewrite: func(r *rand.Rand, members []string) []string {
			if r.IntN(2) == 0 {
				slices.Reverse(members)
			}
			return members
		}},
		{name: "escaped", rewrite: func(r *rand.Rand, members []string) []string {
			members[4] = `"region":"eu\"1"`
			return members
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			codec, out, recs := newCodec(b, c.settings), pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0)), messages()
			if c.of != nil {
				codec = c.of(codec)
			}
			if c.rewrite != nil {
				rewritten(recs, c.rewrite)
			}
			for range 3 { // what is seen once is not learned yet
				decodeAll(b, codec, recs, out)
			}
			b.ReportAllocs()
			for b.Loop() {
				decodeAll(b, codec, recs, out)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(recs)), "ns/point")
		})
	}
}

func shuffled(r *rand.Rand, members []string) []string {
	r.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	return members
}

// rewritten changes the members of messages.
func rewritten(recs []*pipeline.Record, rewrite func(r *rand.Rand, members []string) []string) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, rec := range recs {
		members := rewrite(r, strings.Split(strings.Trim(string(rec.Value), "{}"), ","))
		rec.Value = []byte("{" + strings.Join(members, ",") + "}")
	}
}

func BenchmarkFastjson(b *testing.B) {
	recs, ids := messages(), map[string]int32{}
	var parser fastjson.Parser
	var key []byte
	sum := 0.0
	b.ReportAllocs()
	for b.Loop() {
		for _, rec := range recs {
			v, err := parser.ParseBytes(rec.Value)
			if err != nil {
				b.Fatal(err)
			}
			key = key[:0]
			for _, name := range [...]string{"service", "host", "name", "status"} {
				key = append(append(key, v.GetStringBytes(name)...), '|')
			}
			id, ok := ids[string(key)]
			if !ok {
				id = int32(len(ids))
				ids[string(key)] = id
			}
			sum += v.GetFloat64("value") + float64(v.GetInt64("timestamp")) + float64(id)
		}
	}
	if sum == 0 {
		b.Fatal("nothing was read")
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(recs)), "ns/point")
}

// BenchmarkTelegraf decodes records of two fields each, of four layouts by turns.
func BenchmarkTelegraf(b *testing.B) {
	var recs []*pipeline.Record
	for i := range 4000 {
		kind := []string{"mem", "cpu", "disk", "net"}[i%4]
		recs = append(recs, codectest.Record(fmt.Appendf(nil, `{"fields":{"%s_in":%d,"%s_percent":%d.%015d},"name":"%s","tags":{"dc":"eu-1","host":"node-%d"},"timestamp":%d}`+"\n", kind, 1295499264+i, kind, i%100, i*7919, kind, i/4%100, 1_795_408_592_000+i)))
	}
	codec, out := newCodec(b, pipeline.Settings{"preset": "telegraf"}), pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0))
	decodeAll(b, codec, recs, out)
	b.ReportAllocs()
	for b.Loop() {
		decodeAll(b, codec, recs, out)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(2*b.N*len(recs)), "ns/point")
}
