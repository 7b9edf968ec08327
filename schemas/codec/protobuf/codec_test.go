package protobuf_test

import (
	"context"
	"math"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
	"github.com/homeostat/homeostat/schemas/codec/fields"
	"github.com/homeostat/homeostat/schemas/codec/protobuf"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newCodec(s pipeline.Settings) pipeline.Codec {
	c, err := protobuf.New(s)
	if err != nil {
		panic(err)
	}
	return c
}

const head = `syntax = "proto3"; package shop;
import "google/protobuf/timestamp.proto"; import "google/protobuf/duration.proto"; import "google/protobuf/wrappers.proto"; import "google/protobuf/struct.proto";
`

// stats makes a schema of a message called shop.Stats.
func stats(fields string) string { return head + "message Stats { " + fields + " }" }

// message makes an empty message of a schema: its first, or that of a name.
func message(t testing.TB, schema string, name ...string) *dynamicpb.Message {
	t.Helper()
	c := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{Accessor: protocompile.SourceAccessorFromMap(map[string]string{"s.proto": schema})})}
	files, err := c.Compile(context.Background(), "s.proto")
	if err != nil {
		t.Fatalf("%s: %v", schema, err)
	}
	if len(name) > 0 {
		return dynamicpb.NewMessage(files[0].FindDescriptorByName(protoreflect.FullName(name[0])).(protoreflect.MessageDescriptor))
	}
	return dynamicpb.NewMessage(files[0].Messages().Get(0))
}

func marshal(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := proto.MarshalOptions{Deterministic: true, AllowPartial: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// encode writes a value, given in the text format, as the library does.
func encode(t testing.TB, schema, value string, name ...string) []byte {
	t.Helper()
	m := message(t, schema, name...)
	if err := prototext.Unmarshal([]byte(value), m); err != nil {
		t.Fatalf("%s: %v", value, err)
	}
	return marshal(t, m)
}

func point(series string, at int64, value float64) codectest.Point {
	return codectest.Point{Series: series, Time: at, Value: value}
}

// now is the time of records that have none of their own.
const now = codectest.Timestamp * 1_000_000

func TestMapping(t *testing.T) {
	const at = 1_700_000_000_000_000_000
	list := func(words ...any) []any { return words }
	for _, c := range []struct {
		name          string
		settings      pipeline.Settings
		fields, value string
		want          []codectest.Point
		lost          map[string]int
	}{
		{"the usual names", nil, `string name = 1; string host = 2; double value = 3; int64 timestamp = 4;`, `name: "requests" host: "a" value: 1.5 timestamp: 1700000000000`, []codectest.Point{point(`requests{host="a"}`, at, 1.5)}, nil},
		{"the message's name", nil, `float value = 1;`, `value: 1.5`, []codectest.Point{point("Stats{}", now, 1.5)}, nil},
		{"nothing but defaults", nil, `double value = 1; string host = 2; int64 time = 3; int32 x = 4;`, `x: 1`, []codectest.Point{point("Stats{}", now, 0)}, nil},
		{"metric", pipeline.Settings{"metric": "m"}, `string name = 1; sint32 value = 2;`, `name: "x" value: -3`, []codectest.Point{point(`m{name="x"}`, now, -3)}, nil},
		{"values of a map", nil, `map<string, double> fields = 1; map<string, string> tags = 2;`, `fields { key: "used" value: 1 } fields { key: "free" } tags { key: "host" value: "a" } tags { key: "empty" value: "" }`,
			[]codectest.Point{point(`Stats_free{host="a"}`, now, 0), point(`Stats_used{host="a"}`, now, 1)}, nil},
		{"values of a message", pipeline.Settings{"values": list("cpu")}, `message Cpu { double user = 1; bool ok = 2; optional int64 idle = 3; string state = 4; optional int64 nice = 5; uint32 steal = 6; } Cpu cpu = 1;`,
			`cpu { user: 2 ok: true idle: 5 state: "x" }`, []codectest.Point{point("Stats_user{}", now, 2), point("Stats_idle{}", now, 5), point("Stats_steal{}", now, 0)}, map[string]int{fields.LostNoValue: 1}},
		{"a message that is missing", pipeline.Settings{"values": list("cpu")}, `message Cpu { double user = 1; } Cpu cpu = 1; int32 x = 4;`, `x: 1`, nil, map[string]int{fields.LostNoValue: 1}},
		{"values of paths", pipeline.Settings{"values": list("cpu.user", "cpu.idle", "load")}, `message Cpu { double user = 1; fixed64 idle = 2; int64 other = 3; } float load = 1; Cpu cpu = 2;`,
			`load: 0.5 cpu { user: 2 idle: 5 other: 9 }`, []codectest.Point{point("Stats_load{}", now, .5), point("Stats_cpu.user{}", now, 2), point("Stats_cpu.idle{}", now, 5)}, nil},
		{"a path through a map", pipeline.Settings{"name": list("labels.__name__"), "labels_object": list(), "labels": list("labels.a.b", "labels.pod")}, `double value = 1; map<string, string> labels = 2;`,
			`value: 1 labels { key: "__name__" value: "up" } labels { key: "a.b" value: "x" } labels { key: "pod" value: "p" } labels { key: "other" value: "o" }`, []codectest.Point{point(`up{labels.a.b="x",labels.pod="p"}`, now, 1)}, nil},
		{"a path through a map of messages", pipeline.Settings{"values": list("by.a.n")}, `message M { int32 n = 1; } map<string, M> by = 1;`, `by { key: "a" value { n: 4 } } by { key: "b" value { n: 5 } }`, []codectest.Point{point("Stats_by.a.n{}", now, 4)}, nil},
		{"maps by numbers", pipeline.Settings{"labels_object": list("l"), "values": list("v")}, `map<int32, string> l = 1; map<bool, uint64> v = 2;`, `l { key: -7 value: "x" } v { key: true value: 18446744073709551615 }`, []codectest.Point{point(`Stats_true{-7="x"}`, now, 18446744073709551615)}, nil},
		{"labels of every form", pipeline.Settings{"labels": list("s", "n", "u", "d", "b", "e", "z", "x", "w")}, `enum E { RED = 0; BLUE = 1; } int32 value = 1; string s = 2; sint64 n = 3; uint64 u = 4; double d = 5; bool b = 6; E e = 7; optional string z = 8; E x = 9; google.protobuf.StringValue w = 10; string other = 11;`,
			`value: 1 s: "x" n: -7 u: 18446744073709551615 d: 0.5 b: true e: BLUE x: 99 w { value: "v" } other: "o"`, []codectest.Point{point(`Stats{b="true",d="0.5",e="BLUE",n="-7",s="x",u="18446744073709551615",w="v",x="99"}`, now, 1)}, nil},
		{"all texts", nil, `enum E { RED = 0; } message O { string t = 1; } int32 value = 1; string s = 2; int64 n = 3; E e = 4; string unit = 5; O o = 6; optional string u = 7; bytes y = 8; repeated string r = 9;`,
			`value: 1 s: "x" n: -7 unit: "ms" o { t: "y" } u: "w" y: "b" r: "r"`, []codectest.Point{{Series: `Stats{e="RED",s="x",u="w"}`, Unit: "ms", Time: now, Value: 1}}, nil},
		{"labels that meet", pipeline.Settings{"labels": list("host")}, `int32 value = 1; string host = 2; map<string, string> tags = 3;`, `value: 1 host: "a" tags { key: "host" value: "b" }`, []codectest.Point{point(`Stats{host="a"}`, now, 1)}, nil},
		{"a text that is a number", nil, `string value = 1;`, `value: " 12.5 "`, []codectest.Point{point("Stats{}", now, 12.5)}, nil},
		{"the second value", pipeline.Settings{"value": list("a", "b")}, `optional double a = 1; double b = 2;`, `b: 2`, []codectest.Point{point("Stats{}", now, 2)}, nil},
		{"a oneof", pipeline.Settings{"value": list("a", "b", "c")}, `oneof v { double a = 1; int64 b = 2; string c = 3; google.protobuf.DoubleValue d = 4; }`, `b: 7`, []codectest.Point{point("Stats{}", now, 7)}, nil},
		{"values of a oneof", nil, `message V { oneof v { double a = 1; int64 b = 2; } } V values = 1;`, `values { a: 3 }`, []codectest.Point{point("Stats_a{}", now, 3)}, nil},
		{"wrappers", pipeline.Settings{"values": list("a", "b", "c", "d")}, `google.protobuf.DoubleValue a = 1; google.protobuf.UInt64Value b = 2; google.protobuf.Int32Value c = 3; google.protobuf.FloatValue d = 4;`,
			`a { value: 1.5 } b {} c { value: -4 }`, []codectest.Point{point("Stats_a{}", now, 1.5), point("Stats_b{}", now, 0), point("Stats_c{}", now, -4)}, map[string]int{fields.LostNoValue: 1}},
		{"a map of wrappers", nil, `map<string, google.protobuf.DoubleValue> fields = 1;`, `fields { key: "x" value { value: 2 } } fields { key: "y" value {} }`, []codectest.Point{point("Stats_x{}", now, 2), point("Stats_y{}", now, 0)}, nil},
		{"a struct", pipeline.Settings{"labels": list("attributes.zone.id"), "labels_object": list("attributes")}, `google.protobuf.Struct fields = 1; google.protobuf.Struct attributes = 2;`,
			`fields { fields { key: "a" value { number_value: 1.5 } } fields { key: "b" value { null_value: NULL_VALUE } } fields { key: "c" value { string_value: "x" } } fields { key: "d" value { list_value { values { number_value: 1 } } } } }
			attributes { fields { key: "host" value { string_value: "a" } } fields { key: "on" value { bool_value: true } } fields { key: "zone" value { struct_value { fields { key: "id" value { number_value: 4 } } } } } }`,
			[]codectest.Point{point(`Stats_a{attributes.zone.id="4",host="a",on="true"}`, now, 1.5)}, map[string]int{fields.LostNoValue: 1}},
		{"a value of any form", nil, `google.protobuf.Value value = 1;`, `value { string_value: "2.5" }`, []codectest.Point{point("Stats{}", now, 2.5)}, nil},
		{"a duration", nil, `google.protobuf.Duration value = 1;`, `value { seconds: -1 nanos: -500000000 }`, []codectest.Point{point("Stats{}", now, -1.5)}, nil},
		{"a timestamp", nil, `int32 value = 1; google.protobuf.Timestamp time = 2;`, `value: 1 time { seconds: 5 nanos: 7 }`, []codectest.Point{point("Stats{}", 5_000_000_007, 1)}, nil},
		{"a timestamp that is missing", nil, `int32 value = 1; google.protobuf.Timestamp time = 2;`, `value: 1`, []codectest.Point{point("Stats{}", now, 1)}, nil},
		{"a timestamp of year 9999", nil, `int32 value = 1; google.protobuf.Timestamp time = 2;`, `value: 1 time { seconds: 253402300799 }`, nil, map[string]int{fields.LostTimeRange: 1}},
		{"seconds with a fraction", nil, `int32 value = 1; double time = 2;`, `value: 1 time: 1700000000.25`, []codectest.Point{point("Stats{}", at+250_000_000, 1)}, nil},
		{"a time in words", nil, `int32 value = 1; string time = 2;`, `value: 1 time: "2023-11-14T22:13:20Z"`, []codectest.Point{point("Stats{}", at, 1)}, nil},
		{"time_unit", pipeline.Settings{"time_unit": "s"}, `int32 value = 1; uint32 time = 2;`, `value: 1 time: 7`, []codectest.Point{point("Stats{}", 7_000_000_000, 1)}, nil},
		{"times that can't be", nil, `int32 value = 1; int64 time = 2;`, `value: 1 time: -5`, nil, map[string]int{fields.LostTimeRange: 1}},
		{"a time of 64 bits", nil, `int32 value = 1; uint64 time = 2;`, `value: 1 time: 18446744073709551615`, nil, map[string]int{fields.LostTimeRange: 1}},
		{"not finite", nil, `double value = 1;`, `value: nan`, nil, map[string]int{fields.LostNotFinite: 1}},
		{"no number", nil, `string value = 1;`, `value: "x"`, nil, map[string]int{fields.LostNotNumeric: 1}},
		{"null", nil, `optional double value = 1; int32 x = 4;`, `x: 1`, nil, map[string]int{fields.LostNoValue: 1}},
		{"no value", nil, `double x = 1;`, `x: 1`, nil, map[string]int{fields.LostNoValue: 1}},
		{"types", pipeline.Settings{"type": "cumulative"}, `int64 value = 1;`, `value: 1`, []codectest.Point{point("Stats:cumulative{}", now, 1)}, nil},
		{"a batch", nil, `message S { string host = 1; int32 value = 2; } repeated S samples = 3;`, `samples { host: "a" value: 1 } samples { host: "b" value: 2 } samples {}`, []codectest.Point{point(`S{host="a"}`, now, 1), point(`S{host="b"}`, now, 2), point("S{}", now, 0)}, nil},
		{"large numbers of fields", nil, `int32 value = 536870911; string host = 1024; string zone = 1023;`, `value: 1 host: "a" zone: "z"`, []codectest.Point{point(`Stats{host="a",zone="z"}`, now, 1)}, nil},
	} {
		s := pipeline.Settings{"schema": stats(c.fields)}
		for k, v := range c.settings {
			s[k] = v
		}
		if c.lost == nil {
			c.lost = map[string]int{}
		}
		check := codectest.NewChecker(func() pipeline.Codec { return newCodec(s) })
		if d := cmp.Diff(codectest.Result{Points: c.want, Lost: c.lost}, check.Check(t, codectest.Record(encode(t, s.Text("schema"), c.value)))); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}

// TestProto2 has defaults, groups and what is required.
func TestProto2(t *testing.T) {
	schema := `syntax = "proto2"; message Stats { optional double value = 1 [default = 2.5]; required string host = 2; repeated group Old = 3 { optional int32 x = 1; } optional string zone = 4; enum E { A = 5; } optional E e = 6 [default = A]; }`
	for value, want := range map[string]codectest.Point{
		`host: "a" Old { x: 1 } Old { x: 2 } zone: "z"`: point(`Stats{e="A",host="a",zone="z"}`, now, 2.5),
		`value: 1 e: A`: point(`Stats{e="A"}`, now, 1),
	} {
		m := message(t, schema)
		if err := (prototext.UnmarshalOptions{AllowPartial: true}).Unmarshal([]byte(value), m); err != nil {
			t.Fatal(err)
		}
		got := codectest.Fresh(t, newCodec(pipeline.Settings{"schema": schema}), marshal(t, m))
		if d := cmp.Diff([]codectest.Point{want}, got.Points); d != "" {
			t.Error(d)
		}
	}
}

// TestWhatComesTwice has fields and messages in pieces, as a writer may have appended them: the last scalar counts, messages are merged.
func TestWhatComesTwice(t *testing.T) {
	schema := stats(`message Cpu { double user = 1; optional int64 idle = 2; map<string, string> tags = 3; } string host = 1; Cpu fields = 2; oneof o { int64 a = 3; Cpu b = 4; } map<string, string> labels = 5;`)
	s := pipeline.Settings{"schema": schema, "values": []any{"fields", "a", "b.user", "b.idle"}}
	first := encode(t, schema, `host: "x" fields { user: 1 } a: 4 labels { key: "k" value: "v" }`)
	second := encode(t, schema, `host: "y" fields { idle: 5 } b { user: 7 } labels { key: "k" value: "w" } labels { key: "l" value: "l" }`)
	third := encode(t, schema, `fields { user: 3 } b { idle: 8 }`)
	got := codectest.Fresh(t, newCodec(s), slices.Concat(first, second, third))
	want := []codectest.Point{point(`Stats_user{host="y",k="w",l="l"}`, now, 3), point(`Stats_idle{host="y",k="w",l="l"}`, now, 5), point(`Stats_b.user{host="y",k="w",l="l"}`, now, 7), point(`Stats_b.idle{host="y",k="w",l="l"}`, now, 8)}
	if d := cmp.Diff(want, got.Points); d != "" {
		t.Error(d)
	}
}

// TestManyKeys has a map of more entries than are compared one by one, each twice.
func TestManyKeys(t *testing.T) {
	schema := stats(`map<uint32, int64> fields = 1;`)
	var value strings.Builder
	m := message(t, schema)
	field := m.Descriptor().Fields().Get(0)
	entries := m.Mutable(field).Map()
	var once []byte
	for round := range 2 {
		for i := range uint32(100) {
			entries.Set(protoreflect.ValueOfUint32(i).MapKey(), protoreflect.ValueOfInt64(int64(round*1000)+int64(i)))
		}
		once = append(once, marshal(t, m)...)
	}
	value.Write(once)
	got := codectest.Fresh(t, newCodec(pipeline.Settings{"schema": schema}), []byte(value.String()))
	if len(got.Points) != 100 {
		t.Fatalf("%d points", len(got.Points))
	}
	for _, p := range got.Points {
		if p.Value < 1000 {
			t.Errorf("%+v", p)
		}
	}
}

// framed puts Confluent's framing and a message's path before a message.
func framed(id uint32, path []byte, rest []byte) []byte {
	return codectest.Framed(id, slices.Concat(path, rest))
}

// TestPaths has messages in messages, between them entries of maps, which do not count.
func TestPaths(t *testing.T) {
	r := codectest.NewRegistry(t, httptest.NewServer)
	schema := `syntax = "proto3"; message A { int32 value = 1; } message B { map<string, string> tags = 1; message C { int32 value = 1; } map<string, string> more = 2; message D { int32 value = 1; message E { int32 value = 2; } } }`
	r.Has(1, "PROTOBUF", schema)
	c, table := newCodec(r.Settings(nil)), pipeline.NewSeriesTable(nil, 0)
	for _, p := range []struct {
		path []byte
		name string
	}{{[]byte{0}, "A"}, {[]byte{2, 0}, "A"}, {[]byte{4, 2, 0}, "B.C"}, {[]byte{4, 2, 2}, "B.D"}, {[]byte{6, 2, 2, 0}, "B.D.E"}, {[]byte{0x84, 0, 0x82, 0, 0x80, 0}, "B.C"}} {
		got := codectest.Decode(t, c, table, codectest.Record(framed(1, p.path, encode(t, schema, `value: 7`, p.name))))
		if len(got.Points) != 1 || got.Points[0].Series != p.name[strings.LastIndexByte(p.name, '.')+1:]+"{}" || got.Points[0].Value != 7 {
			t.Errorf("%s: %+v", p.name, got)
		}
	}
	for _, path := range [][]byte{{2, 4}, {4, 2, 4}, {4, 0, 0}} {
		if got := codectest.Decode(t, c, table, codectest.Record(framed(1, path, nil))); got.Code != "protobuf.schema.index" {
			t.Errorf("%v: %+v", path, got)
		}
	}
	if n := r.Asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// TestImports has a schema that imports one of the registry, which imports another one, and those that no registry has.
func TestImports(t *testing.T) {
	r := codectest.NewRegistry(t, httptest.NewServer)
	r.Has(1, "PROTOBUF", `syntax = "proto3"; package shop;
		import "shop/tags.proto"; import "google/protobuf/timestamp.proto"; import "confluent/meta.proto"; import "confluent/type/decimal.proto";
		message Order { confluent.type.Decimal value = 1 [(confluent.field_meta) = {doc: "price", params: [{key: "precision", value: "10"}]}]; Tags tags = 2; google.protobuf.Timestamp time = 3; }`,
		codectest.Reference{Name: "shop/tags.proto", Subject: "tags", Version: 3})
	r.HasVersion("tags", 3, "PROTOBUF", `syntax = "proto3"; package shop; import public "place.proto"; message Tags { string host = 1; Place place = 2; }`, codectest.Reference{Name: "place.proto", Subject: "place", Version: 1})
	r.HasVersion("place", 1, "PROTOBUF", `syntax = "proto3"; package shop; enum Place { NOWHERE = 0; EU = 1; }`)
	same := `syntax = "proto3"; enum Place { NOWHERE = 0; EU = 1; } message Tags { string host = 1; Place place = 2; } message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; } message Time { int64 seconds = 1; int32 nanos = 2; } message Order { Decimal value = 1; Tags tags = 2; Time time = 3; }`
	value := framed(1, []byte{0}, encode(t, same, `value { value: "\xcf\xc7" precision: 10 scale: 2 } tags { host: "a" place: EU } time { seconds: 7 }`, "Order"))
	got := codectest.Fresh(t, newCodec(r.Settings(nil)), value)
	if d := cmp.Diff([]codectest.Point{point(`Order{host="a",place="EU"}`, 7_000_000_000, -123.45)}, got.Points); d != "" {
		t.Error(d, got)
	}
	if n := r.Asked.Load(); n != 3 {
		t.Errorf("asked %d times", n)
	}
}

func TestSchemasThatAreOfNoUse(t *testing.T) {
	r := codectest.NewRegistry(t, httptest.NewServer)
	r.Has(2, "", `"double"`)
	r.Has(3, "PROTOBUF", "message {")
	r.Has(4, "PROTOBUF", `syntax = "proto3"; import "none.proto"; message M { N n = 1; }`)
	r.Has(5, "PROTOBUF", `syntax = "proto3"; message M { N n = 1; }`)
	r.Has(6, "PROTOBUF", `syntax = "proto3"; import "self.proto"; message M { int32 value = 1; }`, codectest.Reference{Name: "self.proto", Subject: "s", Version: 1})
	r.HasVersion("s", 1, "PROTOBUF", `syntax = "proto3"; import "self.proto"; message S {}`, codectest.Reference{Name: "self.proto", Subject: "s", Version: 1})
	r.Has(7, "PROTOBUF", `syntax = "proto3"; enum E { A = 0; }`)
	r.Has(9, "PROTOBUF", `syntax = "proto3"; message M { int32 value = 1; }`)
	for id, code := range map[uint32]string{1: "registry.schema.unknown", 2: "registry.schema.type", 3: "protobuf.schema.syntax", 4: "protobuf.schema.syntax", 5: "protobuf.schema.syntax", 6: "protobuf.schema.syntax", 7: "protobuf.schema.index"} {
		c, table := newCodec(r.Settings(nil)), pipeline.NewSeriesTable(nil, 0)
		for range 2 {
			if got := codectest.Decode(t, c, table, codectest.Record(framed(id, []byte{0}, []byte{8, 1}))); got.Code != code {
				t.Errorf("id %d: %+v, want %s", id, got, code)
			}
		}
		if got := codectest.Decode(t, c, table, codectest.Record(framed(9, []byte{0}, []byte{8, 1}))); len(got.Points) != 1 {
			t.Errorf("after id %d: %+v", id, got)
		}
	}
}

func TestSchemaInFiles(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{"stats.proto": `syntax = "proto3"; package shop; import "sub/tags.proto"; message Other {} message Stats { int32 value = 1; Tags tags = 2; }`, "sub/tags.proto": `syntax = "proto3"; package shop; message Tags { string host = 1; }`} {
		path := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	value := encode(t, `syntax = "proto3"; message Stats { int32 value = 1; message Tags { string host = 1; } Tags tags = 2; }`, `value: 1 tags { host: "a" }`)
	for _, name := range []string{"Stats", "shop.Stats"} {
		got := codectest.Fresh(t, newCodec(pipeline.Settings{"schema": filepath.Join(folder, "stats.proto"), "message": name}), value)
		if len(got.Points) != 1 || got.Points[0].Series != `Stats{host="a"}` {
			t.Errorf("%+v", got)
		}
	}
}

func TestSettingsThatDoNotWork(t *testing.T) {
	good := stats("int32 value = 1;")
	for _, c := range []struct {
		settings pipeline.Settings
		code, at string
	}{
		{nil, "protobuf.schema.origin", ""},
		{pipeline.Settings{"schema": good, "registry": pipeline.Settings{"url": "http://r:8081"}}, "protobuf.schema.origin", ""},
		{pipeline.Settings{"schema": "none.proto"}, "protobuf.schema.file", "schema: "},
		{pipeline.Settings{"schema": "message {"}, "protobuf.schema.syntax", "schema: "},
		{pipeline.Settings{"schema": good, "message": "None"}, "protobuf.schema.message", "schema: "},
		{pipeline.Settings{"schema": `syntax = "proto3";`}, "protobuf.schema.message", "schema: "},
		{pipeline.Settings{"schema": good, "value": []any{"a", ""}}, "fields.path", "value[1]: "},
		{pipeline.Settings{"registry": pipeline.Settings{"url": "registry:8081"}}, "registry.url", "registry.url: "},
		{pipeline.Settings{"registry": pipeline.Settings{"url": "http://registry"}, "message": "M"}, "protobuf.message", "message: "},
	} {
		_, err := protobuf.New(c.settings)
		if pipeline.Code(err) != c.code || !strings.HasPrefix(err.Error(), c.at) {
			t.Errorf("%v: %v", c.settings, err)
		}
	}
}

func TestSeriesLimit(t *testing.T) {
	schema := stats("map<string, int32> fields = 1;")
	c, table := newCodec(pipeline.Settings{"schema": schema}), pipeline.NewSeriesTable(nil, 2)
	value := encode(t, schema, `fields { key: "a" value: 1 } fields { key: "b" value: 2 } fields { key: "c" value: 3 }`)
	for range 2 {
		if got := codectest.Decode(t, c, table, codectest.Record(value)); len(got.Points) != 2 || got.Lost[fields.LostSeriesLimit] != 1 {
			t.Errorf("%+v", got)
		}
	}
}

func TestNoTimeAnywhere(t *testing.T) {
	schema := stats("double value = 1;")
	got := codectest.Decode(t, newCodec(pipeline.Settings{"schema": schema}), pipeline.NewSeriesTable(nil, 0), &pipeline.Record{Value: encode(t, schema, "value: 1")})
	if got.Lost[fields.LostNoTime] != 1 || len(got.Points) != 0 {
		t.Errorf("%+v", got)
	}
	if inf := codectest.Fresh(t, newCodec(pipeline.Settings{"schema": schema}), marshal(t, func() proto.Message {
		m := message(t, schema)
		m.Set(m.Descriptor().Fields().Get(0), protoreflect.ValueOfFloat64(math.Inf(1)))
		return m
	}())); inf.Lost[fields.LostNotFinite] != 1 {
		t.Errorf("%+v", inf)
	}
}
