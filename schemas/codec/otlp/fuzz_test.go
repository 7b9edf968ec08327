package otlp_test

import (
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/otlp"
)

// FuzzDecode checks that hostile bytes never panic, that an error leaves nothing behind, that a codec with memos decodes
// as one without, and that what pdata understands of the bytes, written by pdata, is decoded as the oracle says.
func FuzzDecode(f *testing.F) {
	for _, value := range fixtures(f) {
		f.Add(value)
		for n := 1; n < len(value); n += 29 {
			f.Add(value[:n])
			f.Add(value[n:])
		}
	}
	for seed := range uint64(20) {
		value, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(randomMetrics(rand.New(rand.NewPCG(seed, 3))))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(value)
	}
	f.Add(nested(40))
	f.Add(gauge(msg(1, attr(7, "a", "x"), fixed(3, 1), attr(7, "b", "2"), double(4, 1.5), attr(7, "a", "1"))))
	warm := otlp.New(pipeline.Settings{"memo": int64(1 << 20)})
	f.Fuzz(func(t *testing.T, value []byte) {
		out := pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0))
		out.Mark()
		rec := &pipeline.Record{Topic: "t", Timestamp: recordTime, Value: value}
		err := otlp.New(nil).Decode(rec, out)
		first, lost := rows(out), maps.Clone(out.Lost)
		for range 2 {
			got, gotLost, err2 := decode(t, warm, value)
			if (err == nil) != (err2 == nil) || err == nil && (!cmp.Equal(first, got) || !cmp.Equal(lost, gotLost)) {
				t.Fatalf("a memo changed the result: %v %v %v, then %v %v %v", first, lost, err, got, gotLost, err2)
			}
		}
		if err != nil {
			if pipeline.Code(err) == "" || len(lost) != 0 {
				t.Fatalf("error without code or with losses: %v %v", err, lost)
			}
			out.Rollback()
			if len(out.PointSeries)+len(out.PointTime)+len(out.PointStart)+len(out.PointValue) != 0 {
				t.Fatal("rows remain after an error")
			}
		}
		md, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(value)
		if err != nil || md.ResourceMetrics().Len() == 0 {
			return
		}
		clean, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(md)
		if err != nil {
			t.Fatal(err)
		}
		got, gotLost, err := decode(t, warm, clean)
		if err != nil {
			if !strings.HasPrefix(pipeline.Code(err), "otlp_metrics.limit.") {
				t.Fatalf("pdata's bytes are refused: %v", err)
			}
			return
		}
		want := consult(md)
		if d := cmp.Diff(want.rows, got, oneUnit, nearly); d != "" {
			t.Fatalf("rows differ (-pdata +codec):\n%s", d)
		}
		if d := cmp.Diff(want.lost, gotLost); d != "" {
			t.Fatalf("losses differ (-pdata +codec):\n%s", d)
		}
	})
}

// oneUnit leaves units out: a series has that of its first sight.
var oneUnit = cmpopts.IgnoreFields(row{}, "Unit")
