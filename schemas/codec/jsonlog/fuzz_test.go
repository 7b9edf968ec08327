package jsonlog_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/homeostat/homeostat/pipeline"
)

// FuzzDecode checks that hostile bytes never panic, that an error leaves nothing behind, that a codec that has seen other
// records decodes as a new one, and that what encoding/json takes for lines is so many lines.
func FuzzDecode(f *testing.F) {
	seeds := []string{
		`{"time":"2026-11-23T04:00:01.5+02:00","level":"error","service":"checkout","host":{"name":"web-1"},"message":"payment \"x\" failed\n"}`,
		`[{"ts":1795408204.407,"log":{"level":30},"msg":12},{"ts":"1795408204","msg":"a\u00fc\ud83d\ude00"}]`,
		"{\"msg\":\"a\"}\n{\"msg\":\"b\"}\r\n\"text\"",
		"\uFEFF{\"m\\u0065ssage\":\"\xff\",\"k8s\":{\"pod.name\":true}}",
		`{"severity_number":9,"body":{"a":[1,2,{}]}} [] {"x":nan}`,
	}
	for _, s := range seeds {
		f.Add([]byte(s))
		for n := 1; n < len(s); n += 11 {
			f.Add([]byte(s[:n]))
			f.Add([]byte(s[n:]))
		}
	}
	warm, table := newCodec(f, nil), pipeline.NewSeriesTable(nil, 0)
	f.Fuzz(func(t *testing.T, value []byte) {
		out := pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0))
		out.Mark()
		given := bytes.Clone(value)
		err := newCodec(t, nil).Decode(&pipeline.Record{Topic: "logs", Timestamp: recordTime, Value: value}, out)
		if !bytes.Equal(given, value) {
			t.Fatal("the record was written to")
		}
		first, lost := rows(out), maps.Clone(out.Lost)
		for range 2 {
			got, gotLost, err2 := decodeTo(warm, pipeline.NewColumns(table), string(value))
			if (err == nil) != (err2 == nil) || err == nil && (!cmp.Equal(first, got) || !cmp.Equal(lost, gotLost)) {
				t.Fatalf("a memo changed the result: %v %v %v, then %v %v %v", first, lost, err, got, gotLost, err2)
			}
		}
		if err != nil {
			if pipeline.Code(err) == "" || len(lost) != 0 {
				t.Fatalf("error without code or with losses: %v %v", err, lost)
			}
			out.Rollback()
			if len(out.LogStream)+len(out.LogTime)+len(out.LogSeverity)+len(out.LogBytes) != 0 || len(out.LogOffset) != 1 {
				t.Fatal("rows remain after an error")
			}
		}
		if n, ok := count(value); ok && (err != nil || len(first) != n) {
			t.Fatalf("%d rows and %v of %d lines", len(first), err, n)
		}
	})
}

// count returns how many lines encoding/json finds; ok if it finds nothing else and the limits are far.
func count(value []byte) (n int, ok bool) {
	if bytes.Count(value, []byte{'{'})+bytes.Count(value, []byte{'['}) > 30 || len(value) > 4096 || len(bytes.TrimSpace(value)) == 0 {
		return 0, false
	}
	dec := json.NewDecoder(bytes.NewReader(value))
	for {
		var v any
		switch err := dec.Decode(&v); {
		case err == io.EOF:
			return n, true
		case err != nil:
			return 0, false
		}
		list, isList := v.([]any)
		if !isList {
			list = []any{v}
		}
		for _, v := range list {
			switch v.(type) {
			case map[string]any, string:
				n++
			default:
				return 0, false
			}
		}
	}
}
