package remotewrite_test

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/golang/snappy"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
	"github.com/homeostat/homeostat/schemas/codec/remotewrite"
)

// FuzzDecode checks that hostile bytes never panic, that an error leaves nothing behind, that a codec with memos decodes as one without, and
// that what Prometheus' own code understands of a request, written by it, is decoded as the oracle says.
func FuzzDecode(f *testing.F) {
	for _, value := range fixtures(f) {
		request, err := snappy.Decode(nil, value)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(value)
		f.Add(request)
		for n := 1; n < len(value); n += 29 {
			f.Add(value[:n])
			f.Add(value[n:])
		}
	}
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 2))
		one, two := marshal(f, random1(r)), marshal(f, random2(r))
		f.Add(one)
		f.Add(two)
		f.Add(snappy.Encode(nil, two))
		f.Add(inZstd(f, one, seed%2 == 0))
	}
	for _, h := range hostile(f) {
		if h.Record == nil && len(h.Value) < 1<<16 {
			f.Add(h.Value)
		}
	}
	make := func() pipeline.Codec {
		codec, err := remotewrite.New(pipeline.Settings{"max_bytes": int64(1 << 20), "memo": int64(1 << 20)})
		if err != nil {
			panic(err)
		}
		return codec
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		checker := codectest.NewChecker(make)
		checker.Check(t, codectest.Record(value))
		check := func(m marshaler, want codectest.Result) {
			request := marshal(t, m)
			if len(request) == 0 {
				return
			}
			got := checker.Check(t, codectest.Record(request))
			if strings.HasPrefix(got.Code, "remote_write.limit.") {
				return
			}
			if d := cmp.Diff(want, got, oneUnit); d != "" {
				t.Fatalf("(-prometheus +codec):\n%s", d)
			}
		}
		var one prompb.WriteRequest
		if one.Unmarshal(value) == nil {
			forget(reflect.ValueOf(&one))
			check(&one, consult1(&one))
		}
		var two writev2.Request
		if two.Unmarshal(value) == nil && sound(&two) {
			forget(reflect.ValueOf(&two))
			check(&two, consult2(&two))
		}
	})
}

// forget drops the fields that Prometheus' code does not know, at all levels: they may be groups, or fields of older drafts.
func forget(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			forget(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			forget(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Name == "XXX_unrecognized" {
				v.Field(i).SetZero()
			} else {
				forget(v.Field(i))
			}
		}
	}
}

// sound says whether what a request refers to is there.
func sound(req *writev2.Request) bool {
	for _, ts := range req.Timeseries {
		if len(ts.LabelsRefs)%2 != 0 || int(ts.Metadata.UnitRef) >= max(1, len(req.Symbols)) {
			return false
		}
		for _, ref := range ts.LabelsRefs {
			if int(ref) >= len(req.Symbols) {
				return false
			}
		}
	}
	return true
}
