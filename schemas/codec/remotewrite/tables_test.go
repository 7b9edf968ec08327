package remotewrite_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
	"github.com/homeostat/homeostat/schemas/codec/remotewrite"
)

// TestTablesThatComeAgain writes requests with tables of symbols that were there before, and others of the same size, or with the same
// beginning; their series are other ones each time. What a codec knows of tables must change nothing.
func TestTablesThatComeAgain(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 9))
	checker := codectest.NewChecker(func() pipeline.Codec { return newCodec(t, nil) })
	words := []string{"", "up", "__name__", "job", "node", "instance", "10.0.0.1:9100", "10.0.0.2:9100", "le", "+Inf", "x\xc3", "seconds"}
	var all [][]string
	for range 12 {
		r.Shuffle(len(words)-1, func(i, j int) { words[i+1], words[j+1] = words[j+1], words[i+1] })
		all = append(all, slices.Clone(words[:4+r.IntN(len(words)-3)]))
	}
	for range 4000 {
		symbols, behind := all[r.IntN(len(all))], []string(nil)
		table := len(symbols)
		if r.IntN(5) == 0 { // a symbol behind the series counts, too
			behind = []string{pick(r, "behind", "beyond")}
			symbols = slices.Concat(symbols, behind)
		}
		req := &writev2.Request{Symbols: symbols}
		reference := func() uint32 { return uint32(r.IntN(len(symbols))) }
		for range 1 + r.IntN(5) {
			ts := writev2.TimeSeries{}
			name := slices.Index(symbols, "__name__")
			if name >= 0 {
				ts.LabelsRefs = append(ts.LabelsRefs, uint32(name), reference())
			}
			for range r.IntN(3) {
				ts.LabelsRefs = append(ts.LabelsRefs, reference(), reference())
			}
			for range pick(r, 0, 1, 1, 1, 2) {
				ts.Samples = append(ts.Samples, writev2.Sample{Value: randomValue(r), Timestamp: randomMillis(r)})
			}
			if r.IntN(2) == 0 {
				ts.Metadata = writev2.Metadata{Type: writev2.Metadata_MetricType(r.IntN(8)), HelpRef: reference(), UnitRef: reference()}
			}
			req.Timeseries = append(req.Timeseries, ts)
		}
		want := consult2(req)
		req.Symbols = symbols[:table]
		request := marshal(t, req)
		for _, symbol := range behind {
			request = append(request, msg(4, []byte(symbol))...)
		}
		if d := cmp.Diff(want, checker.Check(t, codectest.Record(request)), oneUnit); d != "" {
			t.Fatalf("%q (-prometheus +codec):\n%s", symbols, d)
		}
	}
}

// TestTablesThatNeverComeAgainAreForgotten bounds the memory for tables that were of no use.
func TestTablesThatNeverComeAgainAreForgotten(t *testing.T) {
	codec, out := newCodec(t, nil), pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0))
	for i := range 5000 {
		req := &writev2.Request{Symbols: []string{"", "__name__", "up", string(make([]byte, 1000)), string(rune('a' + i%26)), string(rune(i))}}
		req.Timeseries = []writev2.TimeSeries{{LabelsRefs: []uint32{1, 2}, Samples: []writev2.Sample{{Value: 1, Timestamp: ms}}}}
		if err := codec.Decode(codectest.Record(marshal(t, req)), out); err != nil {
			t.Fatal(err)
		}
	}
	if n := remotewrite.MemoBytes(codec); n > 1<<20 {
		t.Errorf("%d bytes are kept for tables that never come again", n)
	}
	if n := out.Series.Len(); n != 1 {
		t.Errorf("%d series, want 1", n)
	}
}
