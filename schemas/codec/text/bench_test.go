package text_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
)

// shapes are lines of about 110 bytes, as printf formats of minute, second and two numbers.
var shapes = []struct{ name, format string }{
	{"log4j", "2026-11-23 04:%02d:%02d,123 INFO  [http-nio-8080-exec-%d] com.shop.Pay - payment for order %d failed: card declined"},
	{"plain", "connection %02d:%02d of client %d was closed by the other side while it waited for an answer of backend %d for too long"},
	{"logfmt", "time=\"2026-11-23T04:%02d:%02dZ\" level=warning msg=\"payment failed\" order=%d amount=%d reason=\"card declined by the bank\""},
	{"glog", "E1123 04:%02d:%02d.123456   %d pay.go:112] payment for order %d failed: card declined by the issuing bank, not retried"},
	{"access", "10.1.2.3 - - [23/Nov/2026:04:%02d:%02d +0000] \"GET /api/v1/orders/%d HTTP/1.1\" 200 %d \"-\" \"Mozilla/5.0 (X11; Linux)\""},
	{"cri", "2026-11-23T04:%02d:%02d.123456789Z stdout F [error] worker %d: payment for order %d failed: card declined by the bank"},
	{"ansi", "\x1b[2m2026-11-23T04:%02d:%02dZ\x1b[0m \x1b[32m INFO\x1b[0m \x1b[2mshop::pay\x1b[0m: payment %d for order %d failed"},
}

func lines(format string) [][]byte {
	var out [][]byte
	for i := range 1000 {
		out = append(out, fmt.Appendf(nil, format, i/60%60, i%60, i%200, i))
	}
	return out
}

func records(values ...[]byte) []*pipeline.Record {
	var out []*pipeline.Record
	for i, v := range values {
		rec := codectest.Record(v)
		rec.Key = fmt.Appendf(nil, "web-%d", i%20)
		rec.Headers = []pipeline.Header{{Key: "service", Value: []byte("shop")}}
		out = append(out, rec)
	}
	return out
}

var labelled = pipeline.Settings{"key_label": "host", "labels_from_headers": []any{"service"}}

func TestDecodingAllocatesNothing(t *testing.T) {
	for _, settings := range []pipeline.Settings{labelled, {"ansi": "keep", "zone": "Europe/Berlin"}} {
		codec := newCodec(t, settings)
		var recs []*pipeline.Record
		for _, s := range shapes {
			recs = append(recs, records(lines(s.format)...)...)
		}
		recs = append(recs, records([]byte("2026-11-23T04:00:01Z ERROR a\n"+java+"\n"+golang+"\n"+python+"\n"+php+"\n"+net), []byte("2026-11-23T04:00:01Z stdout P a\n2026-11-23T04:00:02Z stdout F b"))...)
		codectest.AllocatesNothing(t, codec, recs)
	}
}

// BenchmarkDecode decodes records of one line, and records of 1,000 lines.
func BenchmarkDecode(b *testing.B) {
	for _, s := range shapes {
		for name, recs := range map[string][]*pipeline.Record{"": records(lines(s.format)...), "-lines": records(bytes.Join(lines(s.format), []byte("\n")))} {
			b.Run(s.name+name, func(b *testing.B) {
				codectest.BenchmarkLines(b, newCodec(b, labelled), recs, 1000)
			})
		}
	}
}
