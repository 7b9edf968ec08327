package graphite_test

import (
	"strings"
	"testing"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
	"github.com/homeostat/homeostat/schemas/codec/graphite"
)

func TestHostile(t *testing.T) {
	const syntax = "graphite.syntax"
	long := strings.Repeat("x", 1<<20)
	lost := func(reason string, n int) map[string]int { return map[string]int{reason: n} }
	by := pipeline.Settings{"path_labels": []any{"host.plugin.*"}}
	codectest.RunHostile(t, func() pipeline.Codec { return newCodec(by) }, []byte("h.p.m;k=v 1.5 1700000000\r\n"), []codectest.Hostile{
		{Name: "tombstone", Value: nil, Code: "graphite.empty"},
		{Name: "white space", Value: []byte(" \r\n\t\n  "), Code: "graphite.empty"},
		{Name: "NUL bytes", Value: make([]byte, 100), Code: syntax},
		{Name: "JSON", Value: []byte(`{"fields":{"used":1},"name":"mem","tags":{},"timestamp":1}`), Code: syntax},
		{Name: "pickle", Value: []byte("\x80\x02]q\x00(X\x05\x00\x00\x00a.b.cq\x01J"), Code: syntax},
		{Name: "gzip", Value: []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3}, Code: syntax},
		{Name: "line protocol", Value: []byte("m,a=1 f=1 1700000000000000000"), Code: syntax},
		{Name: "a line of a log", Value: []byte("2026-11-23 04:00:01 ERROR failed"), Code: syntax},
		{Name: "path alone", Value: []byte("a.b"), Code: syntax},
		{Name: "path alone, then a line", Value: []byte("a.b\na 1"), Code: syntax},
		{Name: "a word for a value", Value: []byte("a.b x 1700000000"), Code: syntax},
		{Name: "a value with a word behind it", Value: []byte("a.b 1x 1700000000"), Code: syntax},
		{Name: "two points", Value: []byte("a.b 1.2.3 1700000000"), Code: syntax},
		{Name: "hexadecimal", Value: []byte("a.b 0x10 1700000000"), Code: syntax},
		{Name: "a comma for a point", Value: []byte("a.b 1,5 1700000000"), Code: syntax},
		{Name: "a word for a time", Value: []byte("a.b 1 now"), Code: syntax},
		{Name: "a date for a time", Value: []byte("a.b 1 2026-11-23"), Code: syntax},
		{Name: "four words", Value: []byte("a.b 1 1700000000 x"), Code: syntax},
		{Name: "a path with a space", Value: []byte("a b 1 1700000000"), Code: syntax},
		{Name: "no path but tags", Value: []byte(";k=v 1 1700000000"), Code: syntax},
		{Name: "a tag without a sign", Value: []byte("a;k 1 1700000000"), Code: syntax},
		{Name: "a tag without a name", Value: []byte("a;=v 1 1700000000"), Code: syntax},
		{Name: "a tag without a value", Value: []byte("a;k= 1 1700000000"), Code: syntax},
		{Name: "an empty tag", Value: []byte("a;k=v; 1 1700000000"), Code: syntax},
		{Name: "carriage return inside", Value: []byte("a 1\ra 2"), Code: syntax},
		{Name: "the last line is cut", Value: []byte("a 1 1700000000\nb 2 1700000000\nc"), Code: syntax},
		{Name: "lost rows, then a broken line", Value: []byte("a nan\na 1 0\nb"), Code: syntax},
		{Name: "dots alone", Value: []byte("... 1 1700000000"), Rows: 1},
		{Name: "semicolons alone", Value: []byte(";;; 1 1700000000"), Code: syntax},
		{Name: "NaN and infinities", Value: []byte("a NaN 1700000000\na -inf 1700000000\na +Infinity 1700000000"), Lost: lost(graphite.LostNotFinite, 3)},
		{Name: "overflow", Value: []byte("a 1e999 1700000000"), Lost: lost(graphite.LostNotFinite, 1)},
		{Name: "endless number", Value: []byte("a " + strings.Repeat("9", 100_000) + " 1700000000"), Lost: lost(graphite.LostNotFinite, 1)},
		{Name: "endless fraction", Value: []byte("a 0." + strings.Repeat("0", 100_000) + "1 1700000000"), Rows: 1},
		{Name: "zero time", Value: []byte("a 1 0"), Lost: lost(graphite.LostTimeRange, 1)},
		{Name: "negative time", Value: []byte("a 1 -1700000000"), Lost: lost(graphite.LostTimeRange, 1)},
		{Name: "year 2286", Value: []byte("a 1 9999999999"), Lost: lost(graphite.LostTimeRange, 1)},
		{Name: "endless time", Value: []byte("a 1 " + strings.Repeat("9", 100_000)), Lost: lost(graphite.LostTimeRange, 1)},
		{Name: "time that is not finite", Value: []byte("a 1 nan\na 1 inf\na 1 1e999"), Lost: lost(graphite.LostTimeRange, 3)},
		{Name: "time with an exponent", Value: []byte("a 1 1.7e9"), Rows: 1},
		{Name: "equal tags", Value: []byte("a" + strings.Repeat(";k=v", 100) + " 1 1700000000"), Rows: 1},
		{Name: "more tags than allowed", Value: []byte("a" + strings.Repeat(";k=v", 129) + " 1 1700000000"), Code: "graphite.limit.attributes"},
		{Name: "a label of 1 MB", Value: []byte("a;k=" + long + " 1 1700000000"), Code: "graphite.limit.label_bytes"},
		{Name: "a label of 16 kB", Value: []byte("a;k=" + long[:16<<10] + " 1 1700000000"), Code: "graphite.limit.label_bytes"},
		{Name: "a path of 1 MB", Value: []byte(long + " 1 1700000000"), Code: "graphite.limit.label_bytes"},
		{Name: "a path of many parts", Value: []byte(strings.Repeat("x.", 5000) + "x 1 1700000000"), Rows: 1},
		{Name: "invalid UTF-8", Value: []byte("\xc3\x28.\xff;\xfe=\xf0 1 1700000000"), Rows: 1},
		{Name: "a record too large", Value: []byte(strings.Repeat("a 1\n", 5<<20)), Code: "graphite.limit.bytes"},
		{Name: "a line too many", Value: []byte(strings.Repeat("a 1\n", 100_001)), Code: "graphite.limit.points"},
	})
}
