package syslog_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
)

// shapes are messages of about 130 bytes of 20 hosts with 3 applications each, as printf formats of minute, second, host, application and a number.
var shapes = []struct{ name, format string }{
	{"rsyslog", "2026-11-23T04:%02d:%02d.123456+02:00 web-%d app-%d[812]: payment for order %d failed: card declined by the issuing bank"},
	{"3164", "<131>Nov 23 04:%02d:%02d web-%d app-%d[812]: payment for order %d failed: card declined by the issuing bank, not retried"},
	{"5424", "<131>1 2026-11-23T04:%02d:%02d.123456Z web-%d app-%d 812 ID47 - payment for order %d failed: card declined by the issuing bank"},
	{"5424data", "<131>1 2026-11-23T04:%02d:%02d.123456Z web-%d app-%d 812 ID47 [origin ip=\"10.0.0.1\" env=\"prod\"] payment for order %d failed: card declined"},
}

func messages(format string) [][]byte {
	var out [][]byte
	for i := range 1000 {
		out = append(out, fmt.Appendf(nil, format, i/60%60, i%60, i%20, i%3, i))
	}
	return out
}

func TestDecodingAllocatesNothing(t *testing.T) {
	codec := newCodec(t, pipeline.Settings{"zone": "Europe/Berlin", "labels": []any{"host", "app", "facility", "msgid"}})
	var recs []*pipeline.Record
	for _, s := range shapes {
		recs = append(recs, codectest.Records(messages(s.format)...)...)
	}
	recs = append(recs, codectest.Records([]byte("<13>1 - h a - - [x] \uFEFFy\n<189>45: sw1: *Nov 23 04:00:01.1: %SYS-5-X: y\nno head"), []byte("5 <13>x5 <13>y"))...)
	codectest.AllocatesNothing(t, codec, recs)
}

// BenchmarkDecode decodes records of one message, and records of 1,000 lines.
func BenchmarkDecode(b *testing.B) {
	for _, s := range shapes {
		for name, recs := range map[string][]*pipeline.Record{"": codectest.Records(messages(s.format)...), "-lines": codectest.Records(bytes.Join(messages(s.format), []byte("\n")))} {
			b.Run(s.name+name, func(b *testing.B) {
				codectest.BenchmarkLines(b, newCodec(b, nil), recs, 1000)
			})
		}
	}
}
