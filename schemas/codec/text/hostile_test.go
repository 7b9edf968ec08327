package text_test

import (
	"strings"
	"testing"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
	"github.com/homeostat/homeostat/schemas/codec/text"
)

func TestHostile(t *testing.T) {
	const sound = "2026-11-23T04:00:01Z ERROR a\n\tat b\nplain\n"
	rows := func(name, value string, n int) codectest.Hostile {
		return codectest.Hostile{Name: name, Value: []byte(value), Rows: n}
	}
	refused := func(name, value, code string) codectest.Hostile {
		return codectest.Hostile{Name: name, Value: []byte(value), Code: "text." + code}
	}
	timeless := codectest.Record([]byte("a\n2026-02-30T04:00:01Z b\nNov 23 04:00:01 c\n2026-11-23T04:00:01Z d"))
	timeless.Timestamp = -1
	long := codectest.Record([]byte("x"))
	long.Topic = strings.Repeat("t", 5000)
	const wrap = "2026-11-23T04:00:01Z stdout "
	codectest.RunHostile(t, func() pipeline.Codec { return newCodec(t, nil) }, []byte(sound), []codectest.Hostile{
		refused("nothing", "", "empty"),
		refused("space", " \r\n\t\n", "empty"),
		refused("a byte order mark alone", "\uFEFF\n", "empty"),
		refused("colours alone", "\x1b[31m\x1b[0m\n", "empty"),
		{Name: "a tombstone", Record: &pipeline.Record{Topic: "t", Timestamp: 1}, Code: "text.empty"},
		{Name: "no times at all", Record: timeless, Rows: 1, Lost: map[string]int{text.LostNoTime: 3}},
		{Name: "a topic of 5 kB", Record: long, Code: "text.limit.label_bytes"},
		rows("bytes of another format", "\x0a\x71\x12\x51\xff\x00\x01", 1),
		rows("gzip", "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", 1),
		rows("JSON", `{"message":"a"}`, 1),
		rows("NUL", "\x00\x00\x00", 1),
		rows("NUL before a line", "\x00\x00\x002026-11-23T04:00:01Z x", 1),
		rows("UTF-16", string([]byte{0xff, 0xfe, 'a', 0, '\n', 0, 'b', 0}), 2),
		rows("invalid UTF-8", "\xff\xfe\xfd ERROR \xfc", 1),
		rows("two byte order marks", "\uFEFF\uFEFFx", 1),
		rows("year 2286", "2286-11-20T17:46:40Z x", 1),
		rows("year 0000", "0000-00-00T00:00:00Z x", 1),
		rows("zero time", "1970-01-01T00:00:00Z x", 1),
		rows("February 30", "Feb 30 04:00:01 x", 1),
		rows("hour 99", "2026-11-23 99:99:99 x", 1),
		rows("a number that is no time", "9999999999 x", 1),
		rows("a number that overflows", "99999999999999999999999999 x", 1),
		rows("the largest number of nanoseconds", "9223372036854775807 x", 1),
		rows("fraction of 100,000 digits", "2026-11-23T04:00:01."+strings.Repeat("1", 100_000)+"Z x", 1),
		rows("stamps one behind the other", strings.Repeat("2026-11-23T04:00:01Z ", 5000), 1),
		rows("brackets that are opened 100,000 times", strings.Repeat("[", 100_000), 1),
		rows("brackets that are closed 100,000 times", strings.Repeat("]", 100_000), 1),
		rows("separators alone", strings.Repeat("- ", 10_000), 1),
		rows("a line that ends within brackets", "2026-11-23T04:00:01Z [ERR", 1),
		rows("a line that ends within a stamp", "2026-11-23T04:00:0", 1),
		rows("a line that ends at a quote", `level="`, 1),
		rows("pairs without names", "= = ==", 1),
		rows("escapes without end", strings.Repeat("\x1b[", 50_000), 1),
		rows("strings of escapes without end", strings.Repeat("\x1b]", 50_000), 1),
		rows("a title of 200 kB without end", "\x1b]0;"+strings.Repeat("a", 200_000), 1),
		rows("a colour of 200 kB", "\x1b["+strings.Repeat("1;", 100_000)+"mx", 1),
		rows("escapes within escapes", "\x1b\x1b\x1b[31m[31m[31mx", 1),
		refused("a line of 1 MB", strings.Repeat("x", 1<<20), "limit.body_bytes"),
		refused("a trace of 1 MB", "x\n"+strings.Repeat("\tat y\n", 1<<18), "limit.body_bytes"),
		refused("parts of 1 MB", strings.Repeat(wrap+"P "+strings.Repeat("x", 1000)+"\n", 1000), "limit.body_bytes"),
		refused("more lines than the limit", strings.Repeat("a\n", 100_001), "limit.lines"),
		refused("a record of 17 MB", strings.Repeat("a", 17<<20), "limit.bytes"),
		rows("20,000 lines", strings.Repeat("line\n", 20_000), 20_000),
		rows("100,000 blank lines and one more", strings.Repeat("\n", 100_000)+"x", 1),
		rows("a trace after 100,000 blank lines", "x"+strings.Repeat("\n", 100_000)+"\tat y", 1),
		rows("blank parts", strings.Repeat(wrap+"P \n", 1000), 0),
		rows("blank lines of a container", strings.Repeat(wrap+"F \n", 1000), 0),
		rows("half of what a container runtime writes", wrap, 1),
		rows("tags of a container runtime without end", wrap+"F:"+strings.Repeat("a:", 10_000), 0),
		rows("tracebacks without frames", strings.Repeat("Traceback (most recent call last):\n", 1000), 1000),
		rows("goroutines without frames", strings.Repeat("goroutine 1 [running]:\n", 1000), 1),
		rows("exceptions without frames", strings.Repeat("a.Error: x\n", 1000), 1000),
		rows("a trace alone", "\tat x\n\tat y", 1),
		rows("carriage returns alone", "a\rb\r\rc", 1),
	})
}
