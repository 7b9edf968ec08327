package protobuf_test

import (
	"bytes"
	"math"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
	"github.com/homeostat/homeostat/schemas/codec/fields"
)

// The wire by hand.

func tag(number, typ int) []byte {
	return protowire.AppendTag(nil, protowire.Number(number), protowire.Type(typ))
}

func num(number int, v uint64) []byte { return protowire.AppendVarint(tag(number, 0), v) }

func double(number int, v float64) []byte {
	return protowire.AppendFixed64(tag(number, 1), math.Float64bits(v))
}

func msg(number int, parts ...[]byte) []byte {
	return protowire.AppendBytes(tag(number, 2), slices.Concat(parts...))
}

func str(number int, s string) []byte { return msg(number, []byte(s)) }

// TestHostile has records of a schema with a bit of everything.
func TestHostile(t *testing.T) {
	const code = "protobuf.wire"
	r := codectest.NewRegistry(t, httptest.NewServer)
	has := func(id int, fields string) { r.Has(id, "PROTOBUF", stats(fields)) }
	has(1, `string host = 1; oneof v { double value = 2; string val = 3; } int64 time = 4; map<string, string> tags = 5; Stats tree = 6; google.protobuf.Timestamp timestamp = 7; map<string, double> fields = 8; google.protobuf.Struct labels = 9; int32 n = 10;`)
	has(2, `message S { double value = 1; } repeated S samples = 1;`)
	r.Has(5, "AVRO", `"long"`)
	r.Has(6, "PROTOBUF", "not a schema")
	r.Has(7, "PROTOBUF", `syntax = "proto3";`)
	r.Has(8, "PROTOBUF", `syntax = "proto3"; message A { A a = 1; A b = 2; double value = 3; }`)
	first := []byte{0}
	good := func(parts ...[]byte) []byte { return framed(1, first, slices.Concat(parts...)) }
	sound := good(str(1, "a"), double(2, 1.5), num(4, 1_700_000_000_000))
	one := double(2, 1.5)
	text := strings.Repeat("x", 1<<20)
	var deepStruct []byte
	for range 200 {
		deepStruct = msg(1, str(1, "k"), msg(2, msg(5, deepStruct)))
	}
	deepTree := num(10, 1)
	for range 10_000 {
		if deepTree = msg(6, deepTree); len(deepTree) > 100_000 {
			break
		}
	}
	lost := func(reason string, n int) map[string]int { return map[string]int{reason: n} }
	settings := r.Settings(nil)
	settings["values"], settings["labels"], settings["max_nesting"] = []any{"fields", "tree.tree.tree.tree.n"}, []any{"*", "labels.k.k.k.k"}, int64(6)
	codectest.RunHostile(t, func() pipeline.Codec { return newCodec(settings) }, sound, []codectest.Hostile{
		{Name: "tombstone", Value: nil, Code: "protobuf.empty"},
		{Name: "a zero", Value: []byte{0}, Code: "registry.frame"},
		{Name: "framing without a path", Value: codectest.Framed(1, nil), Code: "protobuf.frame"},
		{Name: "framing alone", Value: good(), Lost: lost(fields.LostNoValue, 1)},
		{Name: "framing cut", Value: []byte{0, 0, 0, 1}, Code: "registry.frame"},
		{Name: "another magic", Value: append([]byte{1}, sound[1:]...), Code: "registry.frame"},
		{Name: "a message without framing", Value: sound[6:], Code: "registry.frame"},
		{Name: "JSON", Value: []byte(`{"value":1}`), Code: "registry.frame"},
		{Name: "an unknown schema", Value: framed(99, first, one), Code: "registry.schema.unknown"},
		{Name: "the largest schema id", Value: framed(math.MaxUint32, first, one), Code: "registry.schema.unknown"},
		{Name: "a schema of another type", Value: framed(5, first, one), Code: "registry.schema.type"},
		{Name: "a schema that is none", Value: framed(6, first, one), Code: "protobuf.schema.syntax"},
		{Name: "a schema without messages", Value: framed(7, first, one), Code: "protobuf.schema.index"},
		{Name: "a message that is not there", Value: framed(1, []byte{2, 8}, one), Code: "protobuf.schema.index"},
		{Name: "the entry of a map", Value: framed(1, []byte{4, 0, 0}, one), Code: "protobuf.schema.index"},
		{Name: "a path that is cut", Value: framed(1, []byte{4, 0}, nil), Code: "protobuf.frame"},
		{Name: "a path of negative length", Value: framed(1, []byte{1}, one), Code: "protobuf.frame"},
		{Name: "a negative part of a path", Value: framed(1, []byte{2, 1}, one), Code: "protobuf.frame"},
		{Name: "a path of a thousand parts", Value: framed(1, append([]byte{0xd0, 0x0f}, make([]byte, 1000)...), one), Code: "protobuf.frame"},
		{Name: "a path without end", Value: framed(1, bytes.Repeat([]byte{0xff}, 20), nil), Code: "protobuf.frame"},
		{Name: "a part beyond all", Value: framed(1, []byte{2, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, nil), Code: "protobuf.frame"},
		{Name: "cut in a tag", Value: good(one, []byte{0x80}), Code: code},
		{Name: "cut in a text", Value: good(one, []byte{0x0a, 10, 'a'}), Code: code},
		{Name: "cut in a double", Value: good([]byte{0x11, 1, 2, 3}), Code: code},
		{Name: "cut at the last byte", Value: sound[:len(sound)-1], Code: code},
		{Name: "a length beyond all ends", Value: good(one, []byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}), Code: code},
		{Name: "a number of 65 bits", Value: good(one, []byte{0x20, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2}), Code: code},
		{Name: "a field of number 0", Value: good(one, []byte{0, 1}), Code: code},
		{Name: "a wire type that is not in use", Value: good(one, []byte{0x0f}), Code: code},
		{Name: "a group", Value: good(one, tag(20, 3), num(1, 1), tag(20, 4)), Rows: 1},
		{Name: "a group without end", Value: good(one, tag(20, 3), num(1, 1)), Code: code},
		{Name: "a group that ends as another one", Value: good(one, tag(20, 3), tag(21, 4)), Code: code},
		{Name: "groups without end", Value: good(one, bytes.Repeat(tag(1, 3), 100_000)), Code: code},
		{Name: "the end of a group", Value: good(one, tag(20, 4)), Code: code},
		{Name: "a value of another wire type", Value: good(num(2, 7)), Lost: lost(fields.LostNoValue, 1)},
		{Name: "a label of another wire type", Value: good(one, num(1, 7)), Rows: 1},
		{Name: "a message of another wire type", Value: good(one, num(6, 7), num(7, 7), num(8, 7)), Rows: 1},
		{Name: "fields that the schema does not have", Value: good(one, str(536_870_911, "x"), num(1000, 1)), Rows: 1},
		{Name: "a map's entry that is broken", Value: good(one, msg(5, []byte{0x0a, 9, 'k'})), Code: code},
		{Name: "an entry without key and value", Value: good(one, msg(5), msg(8)), Rows: 2},
		{Name: "equal keys", Value: good(msg(8, str(1, "k"), double(2, 1)), msg(8, str(1, "k"), double(2, 2))), Rows: 1},
		{Name: "a thousand equal keys", Value: good(bytes.Repeat(msg(8, str(1, "k"), double(2, 1)), 1000)), Rows: 1},
		{Name: "a map of very many entries", Value: good(bytes.Repeat(msg(8), 1_000_000)), Code: "protobuf.limit.points"},
		{Name: "a value that comes a million times", Value: good(bytes.Repeat(one, 1_000_000)), Rows: 1},
		{Name: "a message that comes a million times", Value: good(one, bytes.Repeat(msg(7), 1_000_000)), Code: "protobuf.limit.points"},
		{Name: "a message in pieces", Value: good(one, msg(7, num(1, 5)), msg(7, num(2, 5))), Rows: 1},
		{Name: "deep nesting of what is not read", Value: good(one, deepTree), Rows: 2},
		{Name: "deep nesting", Value: good(one, msg(6, msg(6, msg(6, msg(6, num(10, 1)))))), Rows: 2},
		{Name: "too deep", Value: good(one, msg(9, deepStruct)), Code: "protobuf.limit.nesting"},
		{Name: "a schema that holds itself", Value: framed(8, first, slices.Concat(double(3, 1), bytes.Repeat(msg(1, msg(2)), 100))), Rows: 1},
		{Name: "NaN", Value: good(double(2, math.NaN())), Lost: lost(fields.LostNotFinite, 1)},
		{Name: "infinity", Value: good(double(2, math.Inf(-1))), Lost: lost(fields.LostNotFinite, 1)},
		{Name: "NaN in a text", Value: good(str(3, "nan")), Lost: lost(fields.LostNotFinite, 1)},
		{Name: "overflow in a text", Value: good(str(3, "1e999")), Lost: lost(fields.LostNotFinite, 1)},
		{Name: "a word for a value", Value: good(str(3, "many")), Lost: lost(fields.LostNotNumeric, 1)},
		{Name: "an empty text for a value", Value: good(str(3, "")), Lost: lost(fields.LostNoValue, 1)},
		{Name: "both of a oneof", Value: good(one, str(3, "2")), Rows: 1},
		{Name: "zero time", Value: good(one, num(4, 0)), Rows: 1},
		{Name: "negative time", Value: good(one, num(4, math.MaxUint64)), Lost: lost(fields.LostTimeRange, 1)},
		{Name: "year 2286", Value: good(one, num(4, 9_999_999_999)), Lost: lost(fields.LostTimeRange, 1)},
		{Name: "the last time", Value: good(one, num(4, math.MaxInt64)), Lost: lost(fields.LostTimeRange, 1)},
		{Name: "a timestamp before all", Value: good(one, msg(7, num(1, 1<<63))), Lost: lost(fields.LostTimeRange, 1)},
		{Name: "a timestamp of 10^9 nanoseconds", Value: good(one, msg(7, num(1, 5), num(2, 1_000_000_000))), Lost: lost(fields.LostTimeRange, 1)},
		{Name: "a timestamp that is broken", Value: good(one, msg(7, []byte{8})), Code: code},
		{Name: "more labels than allowed", Value: good(one, func() []byte {
			var b []byte
			for i := range 129 {
				b = append(b, msg(5, str(1, string(rune('A'+i))), str(2, "v"))...)
			}
			return b
		}()), Code: "fields.limit.attributes"},
		{Name: "a label of 1 MB", Value: good(str(1, text), one), Code: "fields.limit.label_bytes"},
		{Name: "a value of 1 MB", Value: good(str(3, text)), Lost: lost(fields.LostNotNumeric, 1)},
		{Name: "invalid UTF-8", Value: good(str(1, "\xc3\x28\xff"), one), Rows: 1},
		{Name: "many events", Value: framed(2, first, slices.Concat(msg(1, double(1, 1)), msg(1, double(1, math.NaN())), msg(1))), Rows: 2, Lost: lost(fields.LostNotFinite, 1)},
		{Name: "the last event is cut", Value: framed(2, first, slices.Concat(msg(1, double(1, 1)), []byte{0x0a, 9, 1})), Code: code},
		{Name: "no events", Value: framed(2, first, nil)},
		{Name: "events too many", Value: framed(2, first, bytes.Repeat(msg(1), 100_001)), Code: "fields.limit.points"},
		{Name: "a record too large", Value: good(make([]byte, 16<<20)), Code: "protobuf.limit.bytes"},
	})
}
