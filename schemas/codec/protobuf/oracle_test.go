package protobuf_test

import (
	order "cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
)

// unwrap returns what a wrapper is, or the value of a field itself; known is false where there is none.
func unwrap(f protoreflect.FieldDescriptor, v protoreflect.Value) (protoreflect.FieldDescriptor, protoreflect.Value) {
	if f.Kind() == protoreflect.MessageKind && strings.HasSuffix(string(f.Message().FullName()), "Value") {
		inner := f.Message().Fields().Get(0)
		return inner, v.Message().Get(inner)
	}
	return f, v
}

// number returns a number by the library.
func number(f protoreflect.FieldDescriptor, v protoreflect.Value) (float64, bool) {
	switch x := v.Interface().(type) {
	case int32:
		return float64(x), true
	case int64:
		return float64(x), true
	case uint32:
		return float64(x), true
	case uint64:
		return float64(x), true
	case float32:
		return float64(x), true
	case float64:
		return x, true
	}
	return 0, false
}

// words returns the text of a value by the library.
func words(f protoreflect.FieldDescriptor, v protoreflect.Value) string {
	switch x := v.Interface().(type) {
	case protoreflect.EnumNumber:
		if d := f.Enum().Values().ByNumber(x); d != nil {
			return string(d.Name())
		}
		return strconv.Itoa(int(x))
	case string:
		return strings.ToValidUTF8(x, "\uFFFD")
	case float32:
		return strconv.FormatFloat(float64(x), 'g', -1, 64)
	case float64:
		return strconv.FormatFloat(x, 'g', -1, 64)
	}
	return fmt.Sprint(v.Interface())
}

// consult maps what the library sees of a message as the documentation of the package says: for schemas with the fields that
// randomSchema makes.
func consult(m protoreflect.Message) codectest.Result {
	r := codectest.Result{Lost: map[string]int{}}
	labels := map[string]string{}
	of := func(name string) (f protoreflect.FieldDescriptor, v protoreflect.Value, there bool) {
		if f = m.Descriptor().Fields().ByName(protoreflect.Name(name)); f == nil {
			return nil, v, false
		}
		v, there = m.Get(f), !f.HasPresence() || m.Has(f)
		if there {
			f, v = unwrap(f, v)
		}
		return f, v, there
	}
	if f, v, ok := of("tags"); ok {
		v.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
			labels[k.String()] = words(f.MapValue(), v)
			return true
		})
	}
	for _, name := range []string{"host", "zone", "comment", "other"} {
		if f, v, ok := of(name); ok && words(f, v) != "" {
			labels[name] = words(f, v)
		}
	}
	for _, name := range []string{"code", "zone"} {
		if f, v, ok := of(name); ok {
			labels[name] = words(f, v)
		}
	}
	var set []pipeline.Label
	for name, value := range labels {
		if value != "" {
			set = append(set, pipeline.Label{Name: name, Value: value})
		}
	}
	canonical := pipeline.NewLabels(set)
	metric := "Stats"
	if f, v, ok := of("name"); ok && words(f, v) != "" {
		metric = words(f, v)
	}
	at, late := int64(now), false
	if f, v, ok := of("time"); ok {
		if f.Kind() == protoreflect.MessageKind {
			s, n := v.Message().Get(f.Message().Fields().Get(0)).Int(), v.Message().Get(f.Message().Fields().Get(1)).Int()
			at = s*1_000_000_000 + n
			late = s < 0 || n < 0 || n > 999_999_999 || s > 9_223_372_035 || at <= 0
		} else if ms, _ := number(f, v); ms != 0 {
			at = int64(ms) * 1_000_000
			late = ms < 0 || ms >= 9_223_372_036_854
		}
	}
	add := func(name string, f protoreflect.FieldDescriptor, v protoreflect.Value) {
		switch x, ok := number(f, v); {
		case !ok:
		case late:
			r.Lost["time_out_of_range"]++
		case math.IsNaN(x) || math.IsInf(x, 0):
			r.Lost["not_finite"]++
		default:
			r.Points = append(r.Points, point(pipeline.SeriesKey(name, pipeline.Gauge, canonical), at, x))
		}
	}
	missing := func() {
		if late {
			r.Lost["time_out_of_range"]++
		} else {
			r.Lost["no_recorded_value"]++
		}
	}
	single := false
	if f, v, ok := of("value"); f != nil && f.ContainingOneof() != nil && !ok && !f.ContainingOneof().IsSynthetic() {
		// another one of the oneof is there, or none
	} else if f != nil && !ok {
		single = true
		missing()
	} else if f != nil {
		single = true
		add(metric, f, v)
	}
	rows := 0
	for _, name := range []string{"fields", "values"} {
		f, v, ok := of(name)
		if !ok {
			continue
		}
		if f.IsMap() {
			v.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
				inner, v := unwrap(f.MapValue(), v)
				rows++
				add(metric+"_"+k.String(), inner, v)
				return true
			})
			continue
		}
		for i := range f.Message().Fields().Len() {
			g := f.Message().Fields().Get(i)
			if g.Kind() == protoreflect.StringKind || g.Kind() == protoreflect.BoolKind || g.Kind() == protoreflect.EnumKind || g.IsList() {
				continue
			}
			switch {
			case g.HasPresence() && !v.Message().Has(g):
				if o := g.ContainingOneof(); o == nil || o.IsSynthetic() {
					rows++
					missing()
				}
			default:
				rows++
				inner, x := unwrap(g, v.Message().Get(g))
				add(metric+"_"+string(g.Name()), inner, x)
			}
		}
	}
	if rows == 0 && !single {
		missing()
	}
	return r
}

var mapped = pipeline.Settings{"labels": []any{"*", "zone", "code"}, "time_unit": "ms"}

// randomSchema makes a schema of fields in any order and of any numbers, with others between them.
func randomSchema(r *rand.Rand) string {
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	var out []string
	used := map[int]bool{}
	add := func(format string, args ...any) {
		if r.IntN(3) == 0 {
			return
		}
		n := 1 + r.IntN(pickOf(r, 20, 300, 3000))
		for used[n] {
			n++
		}
		used[n] = true
		out = append(out, fmt.Sprintf(format, args...)+fmt.Sprintf(" = %d;", n))
	}
	numbers := []string{"int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64", "sfixed32", "sfixed64", "float", "double"}
	maybe := func() string { return pick("", "", "optional ") }
	parts := []func(){
		func() { add("%sstring name", maybe()) },
		func() { add("%sstring host", maybe()) },
		func() { add("%sZone zone", maybe()) },
		func() {
			add("%s%s code", maybe(), pick(append(numbers, "bool", "google.protobuf.BoolValue", "google.protobuf.Int64Value")...))
		},
		func() {
			add("%s%s value", maybe(), pick(append(numbers, "google.protobuf.DoubleValue", "google.protobuf.UInt32Value")...))
		},
		func() { add("%s time", pick("int64", "google.protobuf.Timestamp", "sfixed64")) },
		func() { add("map<%s, string> tags", pick("string", "int32", "bool", "uint64", "sint64")) },
		func() { add("map<string, %s> fields", pick(append(numbers, "google.protobuf.DoubleValue")...)) },
		func() { add("Inner values") },
		func() { add("%sstring comment", maybe()) },
		func() { add("repeated Inner skip") },
		func() { add("bytes fixed") },
		func() { add("Stats deep") },
	}
	r.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	for _, p := range parts {
		p()
	}
	inner := fmt.Sprintf("message Inner { %s a = 1; %s%s b = 2; string c = 3; oneof o { %s d = 4; google.protobuf.FloatValue e = 5; string f = 6; } repeated int32 g = 7; bool h = 8; }", pick(numbers...), maybe(), pick(numbers...), pick(numbers...))
	return stats(strings.Join(out, " ")) + inner + " enum Zone { NOWHERE = 0; EU = 1; US = -2; }"
}

func pickOf(r *rand.Rand, of ...int) int { return of[r.IntN(len(of))] }

// fill gives values to some of a message's fields.
func fill(r *rand.Rand, m protoreflect.Message, depth int) {
	for i := range m.Descriptor().Fields().Len() {
		f := m.Descriptor().Fields().Get(i)
		if r.IntN(4) == 0 {
			continue
		}
		switch {
		case f.IsMap():
			for range r.IntN(4) {
				key := random(r, f.MapKey(), m, depth)
				m.Mutable(f).Map().Set(key.MapKey(), random(r, f.MapValue(), m.Mutable(f).Map(), depth))
			}
		case f.IsList():
			for range r.IntN(3) {
				m.Mutable(f).List().Append(random(r, f, m.Mutable(f).List(), depth))
			}
		case f.Kind() == protoreflect.MessageKind && depth == 0:
		default:
			m.Set(f, random(r, f, m, depth))
		}
	}
}

// random makes a value of a field, by what holds such values.
func random(r *rand.Rand, f protoreflect.FieldDescriptor, holder any, depth int) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(r.IntN(2) == 0)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(pickOf(r, 0, 1, -2, 77)))
	case protoreflect.StringKind:
		return protoreflect.ValueOfString([]string{"", "a", "requests", "ü\u20ac"}[r.IntN(4)])
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte("\x00\xff"))
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(float32(r.NormFloat64()))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64([]float64{r.NormFloat64(), 0, math.NaN(), math.Inf(1)}[min(r.IntN(30), 3)%4])
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(int32(r.Uint64() >> r.IntN(64)))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(uint32(r.Uint64() >> r.IntN(64)))
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(r.Uint64() >> r.IntN(64))
	case protoreflect.MessageKind:
		var v protoreflect.Value
		switch h := holder.(type) {
		case protoreflect.Map:
			v = h.NewValue()
		case protoreflect.List:
			v = h.NewElement()
		case protoreflect.Message:
			v = h.NewField(f)
		}
		if f.Message().FullName() == "google.protobuf.Timestamp" {
			v.Message().Set(f.Message().Fields().Get(0), protoreflect.ValueOfInt64(r.Int64N(1<<34)-5))
			v.Message().Set(f.Message().Fields().Get(1), protoreflect.ValueOfInt32(r.Int32N(1_000_000_001)))
			return v
		}
		fill(r, v.Message(), max(depth-1, 0))
		return v
	}
	if f.Name() == "time" {
		return protoreflect.ValueOfInt64(r.Int64N(1<<42) - 1000)
	}
	return protoreflect.ValueOfInt64(int64(r.Uint64() >> r.IntN(64)))
}

func inOrder(r codectest.Result) codectest.Result {
	slices.SortFunc(r.Points, func(a, b codectest.Point) int {
		return order.Or(strings.Compare(a.Series, b.Series), order.Compare(a.Value, b.Value))
	})
	if len(r.Points) == 0 {
		r.Points = nil
	}
	return r
}

func TestOracleOnRandomSchemas(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		text := randomSchema(r)
		m := message(t, text)
		s := pipeline.Settings{"schema": text, "labels": mapped["labels"], "time_unit": mapped["time_unit"], "values": []any{"fields", "values"}}
		check := codectest.NewChecker(func() pipeline.Codec { return newCodec(s) })
		for range 5 {
			m.Reset()
			fill(r, m, 2)
			value := marshal(t, m)
			if len(value) == 0 {
				continue
			}
			got := check.Check(t, codectest.Record(value))
			if d := cmp.Diff(inOrder(consult(m)), inOrder(got)); d != "" {
				t.Fatalf("seed %d (-oracle +codec):\n%s\n%s\n%v", seed, d, text, m)
			}
		}
	}
}

// wide is a schema with all forms of fields.
var wide = stats(`string name = 1; string host = 2; Zone zone = 3; uint64 code = 4; oneof v { double value = 5; string other = 17; } google.protobuf.Timestamp time = 6; map<int32, string> tags = 7; map<string, google.protobuf.DoubleValue> fields = 8; Inner values = 9;
	optional string comment = 10; repeated Inner skip = 11; bytes fixed = 12; Stats deep = 13;`) +
	` message Inner { sint32 a = 1; optional fixed32 b = 2; string c = 3; oneof o { sfixed64 d = 4; google.protobuf.FloatValue e = 5; string f = 6; } repeated int32 g = 7; bool h = 8; } enum Zone { NOWHERE = 0; EU = 1; US = -2; }`

// FuzzDecode checks what holds for any bytes, and that what the library reads by a schema with all forms of fields is the same here.
func FuzzDecode(f *testing.F) {
	m := message(f, wide)
	for seed := range uint64(30) {
		m.Reset()
		fill(rand.New(rand.NewPCG(seed, 2)), m, 2)
		value := marshal(f, m)
		f.Add(value)
		f.Add(value[:len(value)/2])
		f.Add(slices.Concat(value, value[len(value)/3:]))
	}
	s := pipeline.Settings{"schema": wide, "labels": mapped["labels"], "time_unit": mapped["time_unit"], "values": []any{"fields", "values"}, "max_attributes": int64(100_000), "max_label_bytes": int64(1 << 20)}
	check := codectest.NewChecker(func() pipeline.Codec { return newCodec(s) })
	f.Fuzz(func(t *testing.T, value []byte) {
		got := check.Check(t, codectest.Record(value))
		m := dynamicpb.NewMessage(m.Descriptor())
		if len(value) == 0 || !readable(value, m) {
			return
		}
		if d := cmp.Diff(inOrder(consult(m)), inOrder(got)); d != "" {
			t.Fatalf("(-oracle +codec):\n%s\n%v", d, m)
		}
	})
}

// readable tells whether the library reads a message; it panics at keys of maps in another wire type (protobuf-go 1.36.12).
func readable(b []byte, m proto.Message) (ok bool) {
	defer func() { ok = recover() == nil && ok }()
	return proto.Unmarshal(b, m) == nil
}
