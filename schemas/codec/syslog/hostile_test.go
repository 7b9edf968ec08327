package syslog_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
	"github.com/homeostat/homeostat/schemas/codec/syslog"
)

func TestHostile(t *testing.T) {
	const sound = "<34>Nov 23 04:00:01 h a[1]: x\n<34>1 2026-11-23T04:00:01Z h a - - [b c=\"d\"] y\n"
	text := func(name, value string, rows int) codectest.Hostile {
		return codectest.Hostile{Name: name, Value: []byte(value), Rows: rows}
	}
	refused := func(name, value, code string) codectest.Hostile {
		return codectest.Hostile{Name: name, Value: []byte(value), Code: "syslog." + code}
	}
	timeless := codectest.Record([]byte("<13>x\n<13>1 - h a - - - y\nNov 23 04:00:01 h a: z\n<13>1 2286-11-20T17:46:40Z h a - - - y\n<13>1 2026-11-23T04:00:01Z h a - - - y"))
	timeless.Timestamp = -1
	corpus := []codectest.Hostile{
		refused("nothing", "", "empty"),
		refused("space", " \r\n\t\x00\n", "empty"),
		refused("a byte order mark alone", "\uFEFF", "empty"),
		{Name: "a tombstone", Record: &pipeline.Record{Topic: "t", Timestamp: 1}, Code: "syslog.empty"},
		{Name: "no times at all", Record: timeless, Rows: 1, Lost: map[string]int{syslog.LostNoTime: 4}},
		text("bytes of another format", "\x0a\x71\x12\x51\xff\x00\x01", 1),
		text("gzip", "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", 1),
		text("JSON", `{"message":"a"}`, 1),
		text("a priority alone", "<34>", 1),
		text("half a priority", "<34", 1),
		text("a priority beyond 191", "<999>Nov 23 04:00:01 h a: x", 1),
		text("a priority that overflows", "<99999999999999999999>x", 1),
		text("a negative priority", "<-1>x", 1),
		text("many priorities", strings.Repeat("<34>", 1000), 1),
		text("a version that overflows", "<34>999999999999 - h a - - - x", 1),
		text("header cut off", "<34>1 2026-11-23T04:00:01Z h a -", 1),
		text("header of spaces", "<34>1       x", 1),
		text("year 2286", "<34>1 2286-11-20T17:46:40Z h a - - - x", 1),
		text("year 0000", "<34>1 0000-00-00T00:00:00Z h a - - - x", 1),
		text("zero time", "<34>1 1970-01-01T00:00:00Z h a - - - x", 1),
		text("February 30", "<34>Feb 30 04:00:01 h a: x", 1),
		text("hour 99", "<34>Nov 23 99:99:99 h a: x", 1),
		text("fraction of 10,000 digits", "<34>1 2026-11-23T04:00:01."+strings.Repeat("1", 10_000)+"Z h a - - - x", 1),
		text("stamps one behind the other", "<34>"+strings.Repeat("Nov 23 04:00:01 ", 50), 1),
		text("devices one behind the other", strings.Repeat("*Nov 23 04:00:01: ", 10_000), 1),
		text("sequence numbers one behind the other", "<34>"+strings.Repeat("1: ", 50_000), 1),
		text("structured data without end", `<34>1 - h a - - [a b="`+strings.Repeat("c", 10_000), 1),
		text("structured data that ends in a backslash", `<34>1 - h a - - [a b="\`, 1),
		text("structured data that is opened 100,000 times", `<34>1 - h a - - `+strings.Repeat("[", 100_000), 1),
		text("structured data of 20,000 elements", `<34>1 - h a - - `+strings.Repeat(`[a b="c"]`, 20_000), 1),
		text("structured data with one name 10,000 times", `<34>1 - h a - - [a`+strings.Repeat(` b="c"`, 10_000)+"]", 1),
		text("invalid UTF-8 everywhere", "<34>1 - h\xff a\xfe - m\xfd [\xfc \xfb=\"\xfa\"] \xf9", 1),
		text("NUL everywhere", "<34>1 - h\x00 a\x00 - - - x\x00y\x00", 1),
		text("a host of 1 MB", "Nov 23 04:00:01 "+strings.Repeat("h", 200_000)+" a: x", 1),
		text("a tag of 200 kB", "Nov 23 04:00:01 h "+strings.Repeat("a", 200_000)+": x", 1),
		text("a pid of 200 kB", "Nov 23 04:00:01 h a["+strings.Repeat("1", 200_000)+"]: x", 1),
		refused("an application of 1 MB", "<34>1 - h "+strings.Repeat("a", 1<<20)+" - - - x", "limit.label_bytes"),
		refused("a host beyond the limit of labels", "<34>1 - "+strings.Repeat("h", 4090)+" a - - - x", "limit.label_bytes"),
		refused("a body of 1 MB", "Nov 23 04:00:01 h a: "+strings.Repeat("x", 1<<20), "limit.body_bytes"),
		refused("a body that is joined to 1 MB", "Nov 23 04:00:01 h a: x"+strings.Repeat("\n\tat y", 1<<18), "limit.body_bytes"),
		refused("more lines than the limit", strings.Repeat("a\n", 100_001), "limit.lines"),
		refused("a record of 17 MB", strings.Repeat("a", 17<<20), "limit.bytes"),
		text("20,000 lines", strings.Repeat("a\n", 20_000), 20_000),
		text("100,000 blank lines and one more", strings.Repeat("\n", 100_000)+"x", 1),
		refused("a frame that is cut off", "30 <34>Nov 23 04:00:01 h a: x", "frame"),
		refused("a frame without length", "26 <34>Nov 23 04:00:01 h a: xx<34>Nov 23", "frame"),
		refused("a frame whose length overflows", "9999999999 <34>Nov 23 04:00:01 h a: x", "frame"),
		refused("a frame that is too long by one", "5 <34>", "frame"),
		text("a length of too many digits", "99999999999999999999 <34>Nov 23 04:00:01 h a: x", 1),
		text("a length that begins with 0", "026 <34>Nov 23 04:00:01 h a: x", 1),
		text("a frame of a priority", "4 <34>", 1),
		text("frames of one byte", "4 <34>"+strings.Repeat("1 x", 10), 11),
		text("UTF-16", string([]byte{0xff, 0xfe, '<', 0, '3', 0, '4', 0, '>', 0}), 1),
	}
	var many bytes.Buffer
	for i := range 20_000 {
		fmt.Fprintf(&many, "Nov 23 04:00:01 host%d app%d: x\n", i, i)
	}
	corpus = append(corpus, codectest.Hostile{Name: "20,000 streams", Value: many.Bytes(), Rows: 20_000})
	codectest.RunHostile(t, func() pipeline.Codec { return newCodec(t, nil) }, []byte(sound), corpus)
	strict := func() pipeline.Codec { return newCodec(t, pipeline.Settings{"dialect": "rfc5424"}) }
	codectest.RunHostile(t, strict, []byte("<34>1 2026-11-23T04:00:01Z h a - - - y"), []codectest.Hostile{
		refused("RFC 3164", "<34>Nov 23 04:00:01 h a: x", "syntax"),
		refused("a line before", "x\n<34>1 2026-11-23T04:00:01Z h a - - - y", "syntax"),
		refused("a priority in what continues", "<34>1 2026-11-23T04:00:01Z h a - - - y\n<34>x", "syntax"),
		refused("structured data without end", `<34>1 - h a - - [a b="c`, "syntax"),
		refused("in a frame", "5 <34>x", "syntax"),
		refused("invalid UTF-8", "\xff\xfe", "syntax"),
		text("what continues", "<34>1 2026-11-23T04:00:01Z h a - - - y\nx\n<x>", 1),
	})
}
