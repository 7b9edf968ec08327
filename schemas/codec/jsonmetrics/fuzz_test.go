package jsonmetrics_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
	"github.com/homeostat/homeostat/schemas/codec/jsonmetrics"
)

// FuzzDecode checks that hostile bytes never panic, that an error leaves nothing behind, that a codec that has seen other records
// decodes as a new one does, and that layouts change nothing: one message is learned from, the other one is decoded by a codec
// that has, by one that keeps no layouts, and by one that is new. What is read of an object is what a parser finds in it.
func FuzzDecode(f *testing.F) {
	seeds := []string{
		`{"timestamp":1790000000123,"name":"http.server.duration","service":"svc-017","host":"host-0423","status":"200","unit":"ms","value":123.456}`,
		`{"timestamp":1790000001123,"name":"http.client.duration","service":"svc-1","host":"","status":"500","unit":"ms","value":-0.5e3}`,
		`{"labels":{"__name__":"up","job":"p"},"name":"up","timestamp":"2026-11-23T04:36:32Z","value":"1"}`,
		"[{\"fields\":{\"a\":1,\"b\":NaN,\"a\":2},\"name\":\"m\",\"tags\":{\"x\":\"y\"}},\n{\"fields\":{\"a\":+1}}]",
		`{"name":"m\u0041","value":"1.5","x":[1,{"y":"z"},null,true],"val":-inf} {"name":"m"}`,
	}
	seeds = append(seeds, "{\"metrics\":[{\"name\":\"m\",\"fields\":{\"a\":true,\"b\":\"x\"}},{\"metrics\":[]}]}\n{\"metrics\":[],\"value\":1}")
	for _, value := range codectest.Fixtures(f, "testdata/*.json") {
		seeds = append(seeds, string(value))
	}
	for i, s := range seeds {
		for n := range manySettings() {
			f.Add([]byte(s), []byte(seeds[(i+1)%len(seeds)]), uint8(n))
			f.Add([]byte(s), []byte(s), uint8(n))
		}
		for n := 1; n < len(s); n += 17 {
			f.Add([]byte(s), []byte(s[:n]), uint8(0))
			f.Add([]byte(s[:n]+s[n+1:]), []byte(s), uint8(0))
		}
	}
	var checkers []*codectest.Checker
	for _, s := range manySettings() {
		checkers = append(checkers, codectest.NewChecker(func() pipeline.Codec { return newCodec(f, s) }))
	}
	f.Fuzz(func(t *testing.T, first, second []byte, which uint8) {
		n := int(which) % len(checkers)
		checkers[n].Check(t, codectest.Record(first))
		checkers[n].Check(t, codectest.Record(second))
		settings := manySettings()[n]
		quick, even := newCodec(t, settings), jsonmetrics.Reading(newCodec(t, settings))
		quickTable, evenTable, slowTable := pipeline.NewSeriesTable(nil, 3), pipeline.NewSeriesTable(nil, 3), pipeline.NewSeriesTable(nil, 3)
		for _, value := range [][]byte{first, second, first} {
			if trimmed := bytes.TrimRight(value, " \t\r\n"); bytes.HasPrefix(trimmed, []byte{'{'}) && bytes.Count(trimmed, []byte{'{'})+bytes.Count(trimmed, []byte{'['}) <= 3 {
				read, brief, parsed := jsonmetrics.Events(even, trimmed)
				if read != parsed || brief != "" {
					t.Fatalf("%q:\n%s is read, %s\n%s is parsed", value, read, brief, parsed)
				}
			}
			rec := codectest.Record(value)
			want := codectest.Decode(t, newCodec(t, settings), slowTable, rec)
			if d := cmp.Diff(want, codectest.Decode(t, quick, quickTable, rec)); d != "" {
				t.Fatalf("%q after %q (-by a new codec +by layout):\n%s", value, first, d)
			}
			if d := cmp.Diff(want, codectest.Decode(t, even, evenTable, rec)); d != "" {
				t.Fatalf("%q after %q (-by a new codec +read):\n%s", value, first, d)
			}
		}
	})
}
