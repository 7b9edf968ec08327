package collectd_test

import (
	"strings"
	"testing"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
	"github.com/homeostat/homeostat/schemas/codec/collectd"
)

func TestHostile(t *testing.T) {
	const syntax, list = "collectd.syntax", "collectd.value_list"
	long := strings.Repeat("x", 255<<10)
	lost := func(reason string, n int) map[string]int { return map[string]int{reason: n} }
	object := func(members string) []byte {
		return []byte(`[{"host":"h","plugin":"p","type":"t","dstypes":["gauge"],"time":1700000000,` + members + `}]`)
	}
	at := func(time string) []byte {
		return []byte(`[{"host":"h","plugin":"p","type":"t","dstypes":["gauge"],"values":[1],"time":` + time + `}]`)
	}
	codectest.RunHostile(t, func() pipeline.Codec { return newCodec(nil) }, fixtures(t, "collectd-2.json")["collectd-2.json"], []codectest.Hostile{
		{Name: "tombstone", Value: nil, Code: "collectd.empty"},
		{Name: "white space", Value: []byte(" \r\n\t "), Code: "collectd.empty"},
		{Name: "NUL bytes", Value: make([]byte, 100), Code: syntax},
		{Name: "gzip", Value: []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3}, Code: syntax},
		{Name: "graphite", Value: []byte("node-1.memory.memory-used 609026048 1795406875\r\n"), Code: syntax},
		{Name: "another command", Value: []byte(`PUTNOTIF severity=okay time=1 message="x"`), Code: syntax},
		{Name: "the command alone", Value: []byte("PUTVAL"), Code: syntax},
		{Name: "empty array", Value: []byte("[]"), Code: syntax},
		{Name: "empty object", Value: []byte("{}"), Code: list},
		{Name: "null in the array", Value: []byte("[null]"), Code: list},
		{Name: "array in the array", Value: []byte("[[]]"), Code: list},
		{Name: "cut", Value: []byte(`[{"values":[1],"dstypes":["gau`), Code: syntax},
		{Name: "two arrays", Value: []byte(`[{"plugin":"p","type":"t","values":[1],"dstypes":["gauge"]}] []`), Code: syntax},
		{Name: "collectd 6", Value: []byte(`[{"name":"x","type":"COUNTER","metrics":[{"value":"1063110"}]}]`), Code: list},
		{Name: "an alert", Value: []byte(`[{"labels":{"alertname":"collectd_cpu"},"annotations":{},"startsAt":"2026-11-23T04:00:00Z"}]`), Code: list},
		{Name: "no values", Value: object(`"values":[]`), Code: list},
		{Name: "values of no array", Value: object(`"values":1`), Code: list},
		{Name: "more values than types", Value: object(`"values":[1,2]`), Code: list},
		{Name: "more names than values", Value: object(`"values":[1],"dsnames":["a","b"]`), Code: list},
		{Name: "no names", Value: object(`"values":[1],"dsnames":[]`), Code: list},
		{Name: "a name that is empty", Value: object(`"values":[1],"dsnames":[""]`), Code: list},
		{Name: "a name that is a number", Value: object(`"values":[1],"dsnames":[7]`), Code: list},
		{Name: "a type of the future", Value: []byte(`[{"plugin":"p","type":"t","values":[1],"dstypes":["histogram"]}]`), Code: list},
		{Name: "a type that is a number", Value: []byte(`[{"plugin":"p","type":"t","values":[1],"dstypes":[1]}]`), Code: list},
		{Name: "a host that is a number", Value: []byte(`[{"host":7,"plugin":"p","type":"t","values":[1],"dstypes":["gauge"]}]`), Code: list},
		{Name: "a value that is a text", Value: object(`"values":["1"]`), Code: list},
		{Name: "a value that is true", Value: object(`"values":[true]`), Code: list},
		{Name: "a value that is an array", Value: object(`"values":[[1]]`), Code: list},
		{Name: "a value of odd digits", Value: object(`"values":[1e5.5]`), Code: list},
		{Name: "null", Value: object(`"values":[null]`), Lost: lost(collectd.LostNoValue, 1)},
		{Name: "NaN and infinities", Value: []byte(`[{"plugin":"p","type":"t","values":[nan,inf,-inf],"dstypes":["gauge","gauge","gauge"]}]`), Lost: lost(collectd.LostNotFinite, 3)},
		{Name: "overflow", Value: object(`"values":[1e999]`), Lost: lost(collectd.LostNotFinite, 1)},
		{Name: "endless number", Value: object(`"values":[` + strings.Repeat("9", 100_000) + `]`), Lost: lost(collectd.LostNotFinite, 1)},
		{Name: "zero time", Value: at("0"), Lost: lost(collectd.LostTimeRange, 1)},
		{Name: "negative time", Value: at("-1.5"), Lost: lost(collectd.LostTimeRange, 1)},
		{Name: "year 2286", Value: at("9999999999.999"), Lost: lost(collectd.LostTimeRange, 1)},
		{Name: "overflowing time", Value: at("1e400"), Lost: lost(collectd.LostTimeRange, 1)},
		{Name: "time that is a text", Value: at(`"1700000000"`), Code: list},
		{Name: "time that is an object", Value: at(`{}`), Code: list},
		{Name: "no plugin", Value: []byte(`[{"type":"t","values":[1],"dstypes":["gauge"]}]`), Lost: lost(collectd.LostNoName, 1)},
		{Name: "equal members", Value: object(`"values":[1],"values":[2],"host":"i","host":"j"`), Rows: 1},
		{Name: "a value list that is good, then one that is not", Value: []byte(`[{"plugin":"p","type":"t","values":[1,null],"dstypes":["gauge","gauge"]},{}]`), Code: list},
		{Name: "deep nesting", Value: object(`"values":[1],"meta":` + strings.Repeat("[", 100) + strings.Repeat("]", 100)), Code: "collectd.limit.nesting"},
		{Name: "very deep nesting", Value: []byte(strings.Repeat("[", 200<<10)), Code: "collectd.limit.nesting"},
		{Name: "brackets in a text", Value: object(`"values":[1],"meta":"` + strings.Repeat(`[\"`, 100) + `"`), Rows: 1},
		{Name: "many numbers of three digits", Value: []byte("[" + strings.Repeat("123,", 60<<10) + "1]"), Code: list},
		{Name: "many numbers", Value: []byte("[" + strings.Repeat("1,", 127<<10) + "1]"), Code: syntax},
		{Name: "a label of 255 kB", Value: object(`"values":[1],"host":"` + long + `"`), Code: "collectd.limit.label_bytes"},
		{Name: "a label of 16 kB", Value: object(`"values":[1],"type_instance":"` + long[:16<<10] + `"`), Code: "collectd.limit.label_bytes"},
		{Name: "a label of 1 MB", Value: object(`"values":[1],"host":"` + strings.Repeat(long, 4) + `"`), Code: "collectd.limit.bytes"},
		{Name: "a member's name of 255 kB", Value: object(`"values":[1],"` + long + `":0`), Rows: 1},
		{Name: "invalid UTF-8", Value: object("\"values\":[1],\"host\":\"\xc3\x28\xff\""), Rows: 1},
		{Name: "a record too large", Value: []byte("[" + strings.Repeat(" ", 256<<10) + "]"), Code: "collectd.limit.bytes"},
		{Name: "more values than a type has", Value: []byte("PUTVAL h/p/t N" + strings.Repeat(":1", 100_001)), Code: syntax},
		{Name: "more values than a type has, in JSON", Value: object(`"values":[` + strings.Repeat("1,", 256) + `1],"dstypes":[` + strings.Repeat(`"gauge",`, 256) + `"gauge"]`), Code: list},
		{Name: "a row too many", Value: []byte("PUTVAL h/p/t" + strings.Repeat(" 5"+strings.Repeat(":1", 256), 391)), Code: "collectd.limit.points"},
		{Name: "command without values", Value: []byte("PUTVAL h/p/t interval=10"), Code: syntax},
		{Name: "command without an identifier", Value: []byte("PUTVAL "), Code: syntax},
		{Name: "identifier of two parts", Value: []byte("PUTVAL h/p N:1"), Code: syntax},
		{Name: "identifier of empty parts", Value: []byte("PUTVAL // N:1"), Code: syntax},
		{Name: "identifier without an end", Value: []byte(`PUTVAL "h/p/t N:1`), Code: syntax},
		{Name: "value without a time", Value: []byte("PUTVAL h/p/t :1"), Code: syntax},
		{Name: "time without a value", Value: []byte("PUTVAL h/p/t N:"), Code: syntax},
		{Name: "a word for a time", Value: []byte("PUTVAL h/p/t now:1"), Code: syntax},
		{Name: "a word for a value", Value: []byte("PUTVAL h/p/t N:x"), Code: syntax},
		{Name: "a word alone", Value: []byte("PUTVAL h/p/t x"), Code: syntax},
		{Name: "too few values for the type", Value: []byte("PUTVAL h/load/load N:1:2"), Code: "collectd.values"},
		{Name: "command, then another line", Value: []byte("PUTVAL h/p/t N:1\nx"), Code: syntax},
		{Name: "command with a label of 255 kB", Value: []byte("PUTVAL " + long + "/p/t N:1"), Code: "collectd.limit.label_bytes"},
		{Name: "command at year 2286", Value: []byte("PUTVAL h/p/t 9999999999:1"), Lost: lost(collectd.LostTimeRange, 1)},
		{Name: "command with an endless time", Value: []byte("PUTVAL h/p/t " + strings.Repeat("9", 100_000) + ":1"), Lost: lost(collectd.LostTimeRange, 1)},
		{Name: "command with quotes alone", Value: []byte(`PUTVAL "" "" ""`), Code: syntax},
	})
}
