package avro_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
	"github.com/homeostat/homeostat/schemas/codec/fields"
)

func long(v int64) []byte { return binary.AppendVarint(nil, v) }

func str(s string) []byte { return append(long(int64(len(s))), s...) }

func double(v float64) []byte { return binary.LittleEndian.AppendUint64(nil, math.Float64bits(v)) }

func join(parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// TestHostile has records of a schema with a bit of everything: host, value, time, tags, tree, and an array.
func TestHostile(t *testing.T) {
	const wire = "avro.wire"
	r := codectest.NewRegistry(t, httptest.NewServer)
	r.Has(1, "", record(field("host", `"string"`), field("value", `["null","double","string"]`), field("time", `"long"`), field("tags", `{"type":"map","values":"string"}`),
		field("tree", `["null",{"type":"record","name":"Tree","fields":[{"name":"left","type":["null","Tree"]},{"name":"right","type":["null","Tree"]}]}]`), field("nothing", `{"type":"array","items":"null"}`),
		field("e", `{"type":"enum","name":"E","symbols":["A"]}`), field("ok", `"boolean"`), field("n", `"int"`)))
	r.Has(2, "", `{"type":"array","items":`+record(field("value", `"double"`))+`}`)
	r.Has(3, "", record(field("value", `"double"`), field("fields", `{"type":"map","values":"long"}`)))
	// A schema whose values take no bytes, and are very many.
	bomb := `{"type":"record","name":"B0","fields":[]}`
	for i := range 25 {
		bomb = fmt.Sprintf(`{"type":"record","name":"B%d","fields":[{"name":"a","type":%s},{"name":"b","type":"B%d"}]}`, i+1, bomb, i)
	}
	r.Has(4, "", bomb)
	r.Has(5, "PROTOBUF", "message M {}")
	r.Has(6, "", "not a schema")
	r.Has(7, "", `"long"`)
	r.Has(8, "", record(field("x", `{"type":"record","name":"X","fields":[{"name":"y","type":["null","X"]}]}`), field("value", `"double"`)))

	rest := func(parts ...[]byte) []byte { // all behind host, value and time
		return join(join(parts...), long(0), []byte{0}, long(1))
	}
	good := func(host string, value []byte, time int64) []byte {
		return codectest.Framed(1, join(str(host), value, long(time), rest(long(0), long(0), long(0))))
	}
	one := join(long(1), double(1.5))
	text := strings.Repeat("x", 1<<20)
	tree := func(depth int) []byte {
		return join(join([]byte(strings.Repeat("\x02", depth))), []byte{0}, []byte(strings.Repeat("\x00", depth)))
	}
	withTree := func(b []byte) []byte {
		return codectest.Framed(1, join(str("a"), one, long(0), long(0), b, long(0), long(0), []byte{0}, long(1)))
	}
	lost := func(reason string, n int) map[string]int { return map[string]int{reason: n} }
	codectest.RunHostile(t, func() pipeline.Codec { return newCodec(r.Settings(nil)) }, good("a", one, 1_700_000_000_000), []codectest.Hostile{
		{Name: "tombstone", Value: nil, Code: "avro.empty"},
		{Name: "a zero", Value: []byte{0}, Code: "registry.frame"},
		{Name: "framing alone", Value: codectest.Framed(1, nil), Code: wire},
		{Name: "framing cut", Value: []byte{0, 0, 0, 1}, Code: "registry.frame"},
		{Name: "another magic", Value: append([]byte{1}, good("a", one, 1)[1:]...), Code: "registry.frame"},
		{Name: "JSON", Value: []byte(`{"value":1}`), Code: "registry.frame"},
		{Name: "an object container file", Value: []byte("Obj\x01\x04\x14avro.codec\x08null"), Code: "registry.frame"},
		{Name: "single object encoding", Value: []byte("\xc3\x01\x00\x00\x00\x00\x00\x00\x00\x00\x02a"), Code: "registry.frame"},
		{Name: "an unknown schema", Value: codectest.Framed(99, []byte{1}), Code: "registry.schema.unknown"},
		{Name: "the largest schema id", Value: codectest.Framed(math.MaxUint32, []byte{1}), Code: "registry.schema.unknown"},
		{Name: "a schema of another type", Value: codectest.Framed(5, []byte{1}), Code: "registry.schema.type"},
		{Name: "a schema that is none", Value: codectest.Framed(6, []byte{1}), Code: "avro.schema.syntax"},
		{Name: "a schema without fields", Value: codectest.Framed(7, []byte{1}), Code: "avro.schema.record"},
		{Name: "cut in a text's length", Value: codectest.Framed(1, []byte{0x80}), Code: wire},
		{Name: "cut in a text", Value: codectest.Framed(1, []byte{10, 'a'}), Code: wire},
		{Name: "cut in a double", Value: codectest.Framed(1, join(str("a"), long(1), []byte{1, 2, 3})), Code: wire},
		{Name: "cut at the last byte", Value: good("a", one, 1)[:len(good("a", one, 1))-1], Code: wire},
		{Name: "a byte too many", Value: append(good("a", one, 1), 0), Code: wire},
		{Name: "another schema's record", Value: codectest.Framed(2, good("a", one, 1)[5:]), Code: wire},
		{Name: "a text of negative length", Value: codectest.Framed(1, join(long(-1), one)), Code: wire},
		{Name: "a text beyond all ends", Value: codectest.Framed(1, long(math.MaxInt64)), Code: wire},
		{Name: "an endless number", Value: codectest.Framed(1, []byte(strings.Repeat("\xff", 100))), Code: wire},
		{Name: "a number of 65 bits", Value: codectest.Framed(1, join(str("a"), one, []byte(strings.Repeat("\xff", 9)), []byte{2})), Code: wire},
		{Name: "a branch that is not there", Value: good("a", long(3), 1), Code: wire},
		{Name: "a negative branch", Value: good("a", long(-1), 1), Code: wire},
		{Name: "a symbol that is not there", Value: codectest.Framed(1, join(str("a"), one, long(0), long(0), long(0), long(0), long(1), []byte{0}, long(1))), Code: wire},
		{Name: "a boolean of 2", Value: codectest.Framed(1, join(str("a"), one, long(0), long(0), long(0), long(0), long(0), []byte{2}, long(1))), Code: wire},
		{Name: "an int of 33 bits", Value: codectest.Framed(1, join(str("a"), one, long(0), long(0), long(0), long(0), long(0), []byte{0}, long(1<<32))), Code: wire},
		{Name: "a map without end", Value: codectest.Framed(1, join(str("a"), one, long(0), long(math.MaxInt64))), Code: wire},
		{Name: "a map of the least size", Value: codectest.Framed(1, join(str("a"), one, long(0), long(math.MinInt64), long(0))), Code: wire},
		{Name: "a map in blocks with sizes", Value: codectest.Framed(1, join(str("a"), one, long(0), long(-1), long(4), str("k"), str("v"), long(1), str("l"), str("w"), rest(long(0), long(0), long(0)))), Rows: 1},
		{Name: "endless nulls", Value: codectest.Framed(1, join(str("a"), one, long(0), long(0), long(0), long(1<<40), long(0))), Code: wire},
		{Name: "many nulls", Value: codectest.Framed(1, join(str("a"), one, long(0), long(0), long(0), long(10), long(0), long(0), []byte{0}, long(1))), Rows: 1},
		{Name: "deep nesting", Value: withTree(tree(10)), Rows: 1},
		{Name: "too deep", Value: withTree(tree(20)), Code: "avro.limit.nesting"},
		{Name: "very deep", Value: withTree(tree(100_000)), Code: "avro.limit.nesting"},
		{Name: "a tree without end", Value: withTree([]byte(strings.Repeat("\x02", 10))), Code: wire},
		{Name: "a schema that unfolds", Value: codectest.Framed(4, nil), Code: wire},
		{Name: "a schema that holds itself", Value: codectest.Framed(8, join([]byte(strings.Repeat("\x02", 40)), []byte{0}, double(1))), Code: "avro.limit.nesting"},
		{Name: "NaN", Value: good("a", join(long(1), double(math.NaN())), 1_700_000_000), Lost: lost(fields.LostNotFinite, 1)},
		{Name: "infinity", Value: good("a", join(long(1), double(math.Inf(-1))), 1_700_000_000), Lost: lost(fields.LostNotFinite, 1)},
		{Name: "NaN in a text", Value: good("a", join(long(2), str("nan")), 1_700_000_000), Lost: lost(fields.LostNotFinite, 1)},
		{Name: "overflow in a text", Value: good("a", join(long(2), str("1e999")), 1_700_000_000), Lost: lost(fields.LostNotFinite, 1)},
		{Name: "an endless number in a text", Value: good("a", join(long(2), str(strings.Repeat("9", 100_000))), 1_700_000_000), Lost: lost(fields.LostNotFinite, 1)},
		{Name: "a word for a value", Value: good("a", join(long(2), str("many")), 1_700_000_000), Lost: lost(fields.LostNotNumeric, 1)},
		{Name: "an empty text for a value", Value: good("a", join(long(2), str("")), 1_700_000_000), Lost: lost(fields.LostNoValue, 1)},
		{Name: "null for a value", Value: good("a", long(0), 1_700_000_000), Lost: lost(fields.LostNoValue, 1)},
		{Name: "zero time", Value: good("a", one, 0), Rows: 1},
		{Name: "negative time", Value: good("a", one, -1_700_000_000), Lost: lost(fields.LostTimeRange, 1)},
		{Name: "the least time", Value: good("a", one, math.MinInt64), Lost: lost(fields.LostTimeRange, 1)},
		{Name: "year 2286", Value: good("a", one, 9_999_999_999), Lost: lost(fields.LostTimeRange, 1)},
		{Name: "the last time", Value: good("a", one, math.MaxInt64), Lost: lost(fields.LostTimeRange, 1)},
		{Name: "equal keys", Value: codectest.Framed(1, join(str("a"), one, long(0), long(2), str("k"), str("v"), str("k"), str("w"), rest(long(0), long(0), long(0)))), Rows: 1},
		{Name: "keys without text", Value: codectest.Framed(1, join(str("a"), one, long(0), long(1), str(""), str("v"), rest(long(0), long(0), long(0)))), Rows: 1},
		{Name: "more labels than allowed", Value: codectest.Framed(1, join(str("a"), one, long(0), long(129), []byte(strings.Repeat("\x02k\x02v", 129)), rest(long(0), long(0), long(0)))), Code: "fields.limit.attributes"},
		{Name: "a label of 1 MB", Value: good(text, one, 1_700_000_000), Code: "fields.limit.label_bytes"},
		{Name: "a label of 16 kB", Value: good(text[:16<<10], one, 1_700_000_000), Code: "fields.limit.label_bytes"},
		{Name: "a value of 1 MB", Value: good("a", join(long(2), str(text)), 1_700_000_000), Lost: lost(fields.LostNotNumeric, 1)},
		{Name: "invalid UTF-8", Value: good("\xc3\x28\xff", one, 1_700_000_000), Rows: 1},
		{Name: "many events", Value: codectest.Framed(2, join(long(3), double(1), double(math.NaN()), double(3), long(0))), Rows: 2, Lost: lost(fields.LostNotFinite, 1)},
		{Name: "the last event is cut", Value: codectest.Framed(2, join(long(3), double(1), double(math.NaN()), []byte{1})), Code: wire},
		{Name: "no events", Value: codectest.Framed(2, long(0))},
		{Name: "events too many", Value: codectest.Framed(2, join(long(100_001), make([]byte, 8*100_001), long(0))), Code: "fields.limit.points"},
		{Name: "values too many", Value: codectest.Framed(3, join(double(1), long(100_001), []byte(strings.Repeat("\x00\x02", 100_001)), long(0))), Code: "fields.limit.points"},
		{Name: "a record too large", Value: codectest.Framed(1, make([]byte, 16<<20)), Code: "avro.limit.bytes"},
	})
}
