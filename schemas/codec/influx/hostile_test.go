package influx_test

import (
	"strings"
	"testing"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
	"github.com/homeostat/homeostat/schemas/codec/influx"
)

func TestHostile(t *testing.T) {
	const syntax = "influx.syntax"
	long := strings.Repeat("x", 1<<20)
	lost := func(reason string, n int) map[string]int { return map[string]int{reason: n} }
	codectest.RunHostile(t, func() pipeline.Codec { return newCodec(nil) }, []byte("m,a=1 f=1,g=2i 1700000000000000000\n"), []codectest.Hostile{
		{Name: "tombstone", Value: nil, Code: "influx.empty"},
		{Name: "white space", Value: []byte(" \r\n\n  "), Code: "influx.empty"},
		{Name: "comments alone", Value: []byte("# m f=1\n#")},
		{Name: "NUL bytes", Value: make([]byte, 100), Code: syntax},
		{Name: "JSON", Value: []byte(`{"fields":{"used":1},"name":"mem","tags":{},"timestamp":1}`), Code: syntax},
		{Name: "protobuf", Value: []byte("\x0a\x10\x0a\x0eservice.name\x12"), Code: syntax},
		{Name: "gzip", Value: []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3}, Code: syntax},
		{Name: "a line of a log", Value: []byte("2026-11-23 04:00:01 ERROR failed"), Code: syntax},
		{Name: "measurement alone", Value: []byte("m"), Code: syntax},
		{Name: "tags alone", Value: []byte("m,a=1\n"), Code: syntax},
		{Name: "tags alone, then a line", Value: []byte("m,a=1\nm f=1\n"), Code: syntax},
		{Name: "no fields", Value: []byte("m,a=1 \n"), Code: syntax},
		{Name: "cut in a tag", Value: []byte("m,a"), Code: syntax},
		{Name: "cut in a field's name", Value: []byte("m,a=1 f"), Code: syntax},
		{Name: "cut before a value", Value: []byte("m,a=1 f="), Code: syntax},
		{Name: "cut behind a comma", Value: []byte("m,a=1 f=1,"), Code: syntax},
		{Name: "cut in a text", Value: []byte(`m,a=1 f="abc`), Code: syntax},
		{Name: "cut in an escape", Value: []byte(`m,a=1 f="abc\`), Code: syntax},
		{Name: "no measurement", Value: []byte(",a=1 f=1"), Code: syntax},
		{Name: "no tag's name", Value: []byte("m,=1 f=1"), Code: syntax},
		{Name: "no tag's value", Value: []byte("m,a= f=1"), Code: syntax},
		{Name: "comma before the fields", Value: []byte("m,a=1, f=1"), Code: syntax},
		{Name: "tag without a sign", Value: []byte("m,a f=1"), Code: syntax},
		{Name: "tag with two signs", Value: []byte("m,a=b=c f=1"), Code: syntax},
		{Name: "no field's name", Value: []byte("m =1"), Code: syntax},
		{Name: "space behind a comma", Value: []byte("m f=1, g=2"), Code: syntax},
		{Name: "a word for a value", Value: []byte("m f=abc"), Code: syntax},
		{Name: "two points", Value: []byte("m f=1.2.3"), Code: syntax},
		{Name: "hexadecimal", Value: []byte("m f=0x10"), Code: syntax},
		{Name: "trui", Value: []byte("m f=trui"), Code: syntax},
		{Name: "whole number with a fraction", Value: []byte("m f=1.5i"), Code: syntax},
		{Name: "whole number beyond 64 bits", Value: []byte("m f=9223372036854775808i"), Code: syntax},
		{Name: "unsigned number beyond 64 bits", Value: []byte("m f=18446744073709551616u"), Code: syntax},
		{Name: "negative unsigned number", Value: []byte("m f=-1u"), Code: syntax},
		{Name: "endless number", Value: []byte("m f=" + strings.Repeat("9", 100_000)), Lost: lost(influx.LostNotFinite, 1)},
		{Name: "endless whole number", Value: []byte("m f=" + strings.Repeat("9", 100_000) + "i"), Code: syntax},
		{Name: "overflow", Value: []byte("m f=1e999,g=-1e999"), Lost: lost(influx.LostNotFinite, 2)},
		{Name: "NaN and infinities", Value: []byte("m f=NaN,g=+Inf,h=-Infinity,i=1"), Rows: 1, Lost: lost(influx.LostNotFinite, 3)},
		{Name: "zero time", Value: []byte("m f=1,g=2 0"), Lost: lost(influx.LostTimeRange, 2)},
		{Name: "negative time", Value: []byte("m f=1 -1700000000000000000"), Lost: lost(influx.LostTimeRange, 1)},
		{Name: "year 2286, in ns", Value: []byte("m f=1 9999999999000000000"), Lost: lost(influx.LostTimeRange, 1)},
		{Name: "year 2286, in s", Value: []byte("m f=1 9999999999"), Lost: lost(influx.LostTimeRange, 1)},
		{Name: "endless time", Value: []byte("m f=1 " + strings.Repeat("9", 100_000)), Lost: lost(influx.LostTimeRange, 1)},
		{Name: "time with a fraction", Value: []byte("m f=1 1700000000.5"), Code: syntax},
		{Name: "time of a word", Value: []byte("m f=1 now"), Code: syntax},
		{Name: "two times", Value: []byte("m f=1 1700000000 1700000000"), Code: syntax},
		{Name: "sign for a time", Value: []byte("m f=1 -"), Code: syntax},
		{Name: "carriage return inside", Value: []byte("m f=1\rm f=2"), Code: syntax},
		{Name: "the last line is broken", Value: []byte("m f=1 1700000000\nm f=2 1700000000\nm f="), Code: syntax},
		{Name: "lost rows, then a broken line", Value: []byte("m f=NaN 1700000000\nm f=1 0\nm f="), Code: syntax},
		{Name: "equal tags", Value: []byte("m" + strings.Repeat(",a=1", 128) + " f=1"), Rows: 1},
		{Name: "equal fields", Value: []byte("m f=1,f=2,f=3"), Rows: 3},
		{Name: "more tags than allowed", Value: []byte("m" + strings.Repeat(",a=1", 129) + " f=1"), Code: "influx.limit.attributes"},
		{Name: "a label of 1 MB", Value: []byte("m,a=" + long + " f=1"), Code: "influx.limit.label_bytes"},
		{Name: "a label of 20 kB", Value: []byte("m,a=" + long[:20_000] + " f=1"), Code: "influx.limit.label_bytes"},
		{Name: "a measurement of 1 MB", Value: []byte(long + " f=1"), Code: "influx.limit.label_bytes"},
		{Name: "a field's name of 1 MB", Value: []byte("m " + long + "=1"), Code: "influx.limit.label_bytes"},
		{Name: "a text of 1 MB", Value: []byte(`m f="` + long + `",g=1`), Rows: 1},
		{Name: "1 MB of backslashes", Value: []byte("m,a=" + strings.Repeat(`\`, 1<<20) + " f=1"), Code: syntax},
		{Name: "invalid UTF-8", Value: []byte("\xc3\x28,\xff=\xfe \xf0\x28=1"), Rows: 1},
		{Name: "a record too large", Value: []byte(strings.Repeat("m f=1\n", 3<<20)), Code: "influx.limit.bytes"},
		{Name: "a line too many", Value: []byte(strings.Repeat("m f=1\n", 100_001)), Code: "influx.limit.points"},
		{Name: "a field too many", Value: []byte("m " + strings.Repeat("f=NaN,", 100_000) + "f=1"), Code: "influx.limit.points"},
		{Name: "a line of 1,000 new fields", Value: []byte(newFields(1000)), Rows: 1000},
	})
}

func newFields(n int) string {
	var b strings.Builder
	b.WriteString("wide ")
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("f" + strings.Repeat("y", i%50) + string(rune('a'+i%26)) + strings.Repeat("z", i/50) + "=1")
	}
	return b.String()
}
