package otlp_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/otlp"
)

// The wire by hand, for what pdata does not write.

func tag(number, wire int) []byte { return binary.AppendUvarint(nil, uint64(number<<3|wire)) }

// msg is a field of wire type bytes with the parts as content.
func msg(number int, parts ...[]byte) []byte {
	content := join(parts...)
	return join(tag(number, 2), binary.AppendUvarint(nil, uint64(len(content))), content)
}

func join(parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

func str(number int, s string) []byte   { return msg(number, []byte(s)) }
func num(number int, v uint64) []byte   { return binary.AppendUvarint(tag(number, 0), v) }
func fixed(number int, v uint64) []byte { return binary.LittleEndian.AppendUint64(tag(number, 1), v) }
func double(number int, v float64) []byte {
	return fixed(number, math.Float64bits(v))
}

func attr(number int, name, value string) []byte {
	return msg(number, str(1, name), msg(2, str(1, value)))
}

// gauge is a whole message of one resource, one metric m and the given points.
func gauge(points ...[]byte) []byte {
	return msg(1, msg(2, msg(2, str(1, "m"), msg(5, points...))))
}

func TestShapes(t *testing.T) {
	const at = 5_000_000_000
	point := msg(1, fixed(3, at), double(4, 1.5), attr(7, "b", "2"), attr(7, "a", "1"))
	one := []row{{`m{a="1",b="2"}`, "", at, 0, 1.5}}
	withHost := []row{{`m{a="1",b="2",host="h"}`, "", at, 0, 1.5}}
	for _, c := range []struct {
		name  string
		value []byte
		want  []row
		lost  map[string]int
	}{
		{"plain", gauge(point), one, nil},
		{"attributes in another order", gauge(msg(1, attr(7, "a", "1"), attr(7, "b", "2"), double(4, 1.5), fixed(3, at))), one, nil},
		{"attributes apart", gauge(msg(1, attr(7, "a", "1"), fixed(3, at), attr(7, "b", "2"), double(4, 1.5))), one, nil},
		{"three attributes apart", gauge(msg(1, attr(7, "a", "x"), fixed(3, at), attr(7, "b", "2"), double(4, 1.5), attr(7, "a", "1"))), one, nil},
		{"the last of equal names counts", gauge(msg(1, attr(7, "a", "0"), attr(7, "b", "2"), attr(7, "a", "1"), double(4, 1.5), fixed(3, at))), one, nil},
		{"resource first", msg(1, msg(1, attr(1, "host", "h")), msg(2, msg(2, str(1, "m"), msg(5, point)))), withHost, nil},
		{"resource last", msg(1, msg(2, msg(2, msg(5, point), str(1, "m"))), msg(1, attr(1, "host", "h"))), withHost, nil},
		{"resource in parts", msg(1, msg(1, attr(1, "host", "h")), msg(2, msg(2, msg(5, point), str(1, "m"))), msg(1, attr(1, "a", "0"))), withHost, nil},
		{"point's attribute over the resource's", msg(1, msg(1, attr(1, "a", "0"), attr(1, "host", "h")), msg(2, msg(2, str(1, "m"), msg(5, point)))), withHost, nil},
		{"scope is no label", msg(1, msg(2, msg(1, str(1, "scope"), attr(3, "x", "y")), msg(2, str(1, "m"), msg(5, point)))), one, nil},
		{"unknown fields", join(num(900, 7), msg(1, str(1000, "?"), msg(2, msg(2, str(1, "m"), num(77, 1), msg(5, msg(1, fixed(3, at), double(4, 1.5), msg(99, str(1, "?")), attr(7, "b", "2"), attr(7, "a", "1")))))),
			join(tag(12, 5), []byte{1, 2, 3, 4})), one, nil},
		{"no attributes, no resource, int", gauge(msg(1, fixed(6, uint64(math.MaxUint64)), fixed(3, at), fixed(2, 9))), []row{{"m{}", "", at, 9, -1}}, nil},
		{"no time", gauge(msg(1, double(4, 1))), []row{{"m{}", "", recordTime * 1e6, 0, 1}}, nil},
		{"time after 2262", gauge(msg(1, double(4, 1), fixed(3, 1<<63))), nil, map[string]int{otlp.LostTimeRange: 1}},
		{"start after 2262", gauge(msg(1, double(4, 1), fixed(3, at), fixed(2, 1<<63))), []row{{"m{}", "", at, 0, 1}}, nil},
		{"empty point", gauge(msg(1)), nil, map[string]int{otlp.LostNoValue: 1}},
		{"stale point", gauge(msg(1, double(4, 1), num(8, 1))), nil, map[string]int{otlp.LostNoValue: 1}},
		{"other flags", gauge(msg(1, double(4, 1), num(8, 6), fixed(3, at))), []row{{"m{}", "", at, 0, 1}}, nil},
		{"no name", msg(1, msg(2, msg(2, msg(5, point, point)))), nil, map[string]int{otlp.LostNoName: 2}},
		{"sum that says nothing of time", msg(1, msg(2, msg(2, str(1, "m"), msg(7, point, point)))), nil, map[string]int{otlp.LostTemporality: 2}},
		{"sum with a temporality of the future", msg(1, msg(2, msg(2, str(1, "m"), msg(7, point, num(2, 3))))), nil, map[string]int{otlp.LostTemporality: 1}},
		{"histogram that says nothing of time", msg(1, msg(2, msg(2, str(1, "m"), msg(9, msg(1, fixed(4, 1), double(5, 1)))))), nil, map[string]int{otlp.LostTemporality: 2}},
		{"delta", msg(1, msg(2, msg(2, str(1, "m"), str(3, "s"), msg(7, num(3, 1), point, num(2, 1))))), []row{{`m:delta{a="1",b="2"}`, "s", at, 0, 1.5}}, nil},
		{"cumulative", msg(1, msg(2, msg(2, str(1, "m"), msg(7, num(3, 1), point, num(2, 2))))), []row{{`m:cumulative{a="1",b="2"}`, "", at, 0, 1.5}}, nil},
		{"cumulative, not monotonic", msg(1, msg(2, msg(2, str(1, "m"), msg(7, num(3, 0), point, num(2, 2))))), one, nil},
		{"histogram with an infinite sum", msg(1, msg(2, msg(2, str(1, "m"), str(3, "s"), msg(9, num(2, 1), msg(1, fixed(4, 3), double(5, math.Inf(1)), fixed(3, at)))))),
			[]row{{"m.count:delta{}", "1", at, 0, 3}}, map[string]int{otlp.LostNotFinite: 1}},
		{"not UTF-8", gauge(msg(1, double(4, 1), fixed(3, at), attr(7, "\xff", "a\xffb"))), []row{{"m{\uFFFD=\"a\uFFFDb\"}", "", at, 0, 1}}, nil},
		{"long attribute", gauge(msg(1, double(4, 1), attr(7, "k", strings.Repeat("v", 5000)), fixed(3, at))), []row{{`m{k="` + strings.Repeat("v", 5000) + `"}`, "", at, 0, 1}}, nil},
		{"tag in a longer form", gauge(msg(1, []byte{0x80 | 4<<3 | 1, 0}, binary.LittleEndian.AppendUint64(nil, math.Float64bits(2)), fixed(3, at))), []row{{"m{}", "", at, 0, 2}}, nil},
		{"no metrics", msg(1), nil, nil},
	} {
		got, lost, err := decode(t, otlp.New(nil), c.value)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if c.lost == nil {
			c.lost = map[string]int{}
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
		if d := cmp.Diff(c.lost, lost); d != "" {
			t.Errorf("%s: lost (-want +got):\n%s", c.name, d)
		}
	}
}

func TestNoTimeAnywhere(t *testing.T) {
	for _, timestamp := range []int64{0, -1} {
		out := pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0))
		if err := otlp.New(nil).Decode(&pipeline.Record{Timestamp: timestamp, Value: gauge(msg(1, double(4, 1)))}, out); err != nil {
			t.Fatal(err)
		}
		if len(out.PointSeries) != 0 || out.Lost[otlp.LostNoTime] != 1 {
			t.Fatalf("timestamp %d: rows %v, lost %v", timestamp, rows(out), out.Lost)
		}
	}
}

func nested(depth int) []byte {
	v := str(1, "x")
	for range depth {
		v = msg(5, msg(1, v))
	}
	return gauge(msg(1, double(4, 1), msg(7, str(1, "k"), msg(2, v))))
}

func TestRefused(t *testing.T) {
	good := msg(1, double(4, 1), attr(7, "a", "1"))
	for _, c := range []struct {
		name     string
		settings pipeline.Settings
		value    []byte
		code     string
		says     string
	}{
		{"tombstone", nil, nil, "otlp_metrics.empty", "no bytes"},
		{"nothing of metrics", nil, str(3, "x"), "otlp_metrics.nothing", ""},
		{"text", nil, []byte("cpu,host=a value=1 1700000000000000000\n"), "otlp_metrics.bytes", ""},
		{"gzip", nil, []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3}, "otlp_metrics.bytes", ""},
		{"field number 0", nil, join(msg(1), []byte{0}, []byte{1}), "otlp_metrics.bytes", "at byte 2:"},
		{"length beyond the end", nil, []byte{0x0a, 5, 0}, "otlp_metrics.bytes", "of 3 bytes is broken at byte 1:"},
		{"length beyond all ends", nil, join([]byte{0x0a}, binary.AppendUvarint(nil, math.MaxUint64)), "otlp_metrics.bytes", "at byte 1:"},
		{"length beyond 64 bits", nil, join([]byte{0x0a}, []byte(strings.Repeat("\xff", 9)), []byte{2}), "otlp_metrics.bytes", "64 bits"},
		{"endless varint", nil, []byte(strings.Repeat("\xff", 30)), "otlp_metrics.bytes", "64 bits"},
		{"group", nil, []byte{0x0b, 0x0c}, "otlp_metrics.bytes", "wire type"},
		{"name that is a number", nil, msg(1, msg(2, msg(2, num(1, 5)))), "otlp_metrics.bytes", "another wire type"},
		{"data that is a number", nil, msg(1, msg(2, msg(2, str(1, "m"), num(5, 5)))), "otlp_metrics.bytes", "another wire type"},
		{"value that is a varint", nil, gauge(msg(1, num(4, 5))), "otlp_metrics.bytes", "another wire type"},
		{"attribute that is a number", nil, gauge(msg(1, num(7, 5))), "otlp_metrics.bytes", "another wire type"},
		{"attribute cut off inside", nil, gauge(msg(1, double(4, 1), msg(7, []byte{0x0a, 9, 'k'}))), "otlp_metrics.bytes", "in the attributes at byte"},
		{"attribute beyond its point", nil, gauge(msg(1, join(tag(7, 2), []byte{20}, []byte("12345678"))), msg(1, double(4, 1), attr(7, "a", "1"))), "otlp_metrics.bytes", "behind its message"},
		{"attribute beyond the message", nil, gauge(msg(1, join(tag(7, 2), []byte{20}, []byte("12345678")))), "otlp_metrics.bytes", "behind its message"},
		{"resource cut off inside", nil, msg(1, msg(1, []byte{0x0a, 9, 'k'})), "otlp_metrics.bytes", "in the attributes at byte"},
		{"logs", nil, msg(1, msg(2, msg(2, fixed(1, 5), num(2, 9)))), "otlp_metrics.bytes", "another wire type"},
		{"too many bytes", pipeline.Settings{"max_bytes": int64(10)}, gauge(good), "otlp_metrics.limit.bytes", "max_bytes 10"},
		{"too many points", pipeline.Settings{"max_points": int64(2)}, gauge(good, good, good), "otlp_metrics.limit.points", "max_points 2"},
		{"lost points count", pipeline.Settings{"max_points": int64(2)}, gauge(msg(1), msg(1), msg(1)), "otlp_metrics.limit.points", ""},
		{"a histogram's point makes two rows", pipeline.Settings{"max_points": int64(1)}, msg(1, msg(2, msg(2, str(1, "m"), msg(9, num(2, 1), msg(1, double(5, 1)))))), "otlp_metrics.limit.points", ""},
		{"many metrics without points", pipeline.Settings{"max_points": int64(1)}, msg(1, msg(2, msg(2), msg(2), msg(2))), "otlp_metrics.limit.points", ""},
		{"many resources", pipeline.Settings{"max_points": int64(1)}, join(msg(1), msg(1), msg(1)), "otlp_metrics.limit.points", ""},
		{"too many attributes", pipeline.Settings{"max_attributes": int64(1)}, gauge(msg(1, double(4, 1), attr(7, "a", "1"), attr(7, "b", "1"))), "otlp_metrics.limit.attributes", "max_attributes 1"},
		{"too many attributes with the resource's", pipeline.Settings{"max_attributes": int64(1)},
			msg(1, msg(1, attr(1, "r", "1")), msg(2, msg(2, str(1, "m"), msg(5, good)))), "otlp_metrics.limit.attributes", ""},
		{"too much text in a value", pipeline.Settings{"max_label_bytes": int64(9)}, gauge(msg(1, double(4, 1), attr(7, "a", "12345678"))), "otlp_metrics.limit.label_bytes", "max_label_bytes 9"},
		{"far too much text in a value", pipeline.Settings{"max_label_bytes": int64(9)}, gauge(msg(1, double(4, 1), attr(7, "a", strings.Repeat("x", 100)))), "otlp_metrics.limit.label_bytes", ""},
		{"too much text in the name", pipeline.Settings{"max_label_bytes": int64(9)}, msg(1, msg(2, msg(2, str(1, strings.Repeat("m", 10)), msg(5, good)))), "otlp_metrics.limit.label_bytes", ""},
		{"too much text with the resource's", pipeline.Settings{"max_label_bytes": int64(9)},
			msg(1, msg(1, attr(1, "rrrr", "1111")), msg(2, msg(2, str(1, "m"), msg(5, good)))), "otlp_metrics.limit.label_bytes", ""},
		{"nested too deep", pipeline.Settings{"max_nesting": int64(3)}, nested(4), "otlp_metrics.limit.nesting", "max_nesting 3"},
		{"nested far too deep", nil, nested(4000), "otlp_metrics.limit.nesting", ""},
	} {
		out := pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0))
		codec := otlp.New(c.settings)
		for range 2 { // a memo must not turn a refusal into a pass
			err := codec.Decode(&pipeline.Record{Value: c.value, Timestamp: 1}, out)
			if pipeline.Code(err) != c.code || !strings.Contains(fmt.Sprint(err), c.says) {
				t.Errorf("%s: %v, want %s with %q", c.name, err, c.code, c.says)
			}
		}
		if len(out.Lost) != 0 {
			t.Errorf("%s: a refused message counted losses: %v", c.name, out.Lost)
		}
	}
	for _, at := range []struct {
		settings pipeline.Settings
		value    []byte
	}{
		{pipeline.Settings{"max_points": int64(3)}, gauge(good, good, good)},
		{pipeline.Settings{"max_bytes": int64(len(gauge(good)))}, gauge(good)},
		{pipeline.Settings{"max_attributes": int64(1), "max_label_bytes": int64(3)}, gauge(good)},
		{pipeline.Settings{"max_nesting": int64(3)}, nested(3)},
		{pipeline.Settings{"max_points": int64(1)}, gauge(good)},
	} {
		if _, _, err := decode(t, otlp.New(at.settings), at.value); err != nil {
			t.Errorf("at the limit %v: %v", at.settings, err)
		}
	}
}

// TestCutOff cuts real messages at each byte: what remains is refused, or sound because the cut fell between fields.
func TestCutOff(t *testing.T) {
	for name, value := range fixtures(t) {
		codec := otlp.New(nil)
		for n := range value {
			out := pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0))
			out.Mark()
			err := codec.Decode(&pipeline.Record{Value: value[:n], Timestamp: 1}, out)
			whole := len(out.PointSeries) > 0 && err == nil
			if code := pipeline.Code(err); !whole && code != "otlp_metrics.bytes" && code != "otlp_metrics.empty" {
				t.Errorf("%s cut at %d: %v", name, n, err)
			}
			out.Rollback()
			if len(out.PointSeries)+len(out.PointTime)+len(out.PointStart)+len(out.PointValue)+len(out.Lost) != 0 {
				t.Fatalf("%s cut at %d: rows or losses remain", name, n)
			}
		}
	}
}

func TestErrorLeavesTheCodecAndEarlierRowsAsTheyWere(t *testing.T) {
	codec, out := otlp.New(nil), pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0))
	good := gauge(msg(1, double(4, 1), fixed(3, 7), attr(7, "a", "1")), msg(1, double(4, math.NaN())))
	bad := join(gauge(msg(1, double(4, 2), fixed(3, 7), attr(7, "a", "2")), msg(1, double(4, math.NaN()))), []byte{0xff})
	for i, value := range [][]byte{good, bad, good} {
		out.Mark()
		if err := codec.Decode(&pipeline.Record{Value: value, Timestamp: 1}, out); (err != nil) != (i == 1) {
			t.Fatal(i, err)
		} else if err != nil {
			out.Rollback()
		}
	}
	want := []row{{`m{a="1"}`, "", 7, 0, 1}, {`m{a="1"}`, "", 7, 0, 1}}
	if d := cmp.Diff(want, rows(out)); d != "" || out.Lost[otlp.LostNotFinite] != 2 {
		t.Fatalf("lost %v (-want +got):\n%s", out.Lost, d)
	}
}

func TestFullTableLosesNewSeriesOnly(t *testing.T) {
	codec, out := otlp.New(nil), pipeline.NewColumns(pipeline.NewSeriesTable(nil, 1))
	p := func(v string) []byte { return msg(1, double(4, 1), attr(7, "a", v), fixed(3, 7)) }
	for range 3 {
		if err := codec.Decode(&pipeline.Record{Value: gauge(p("1"), p("2"), p("1"), p("3")), Timestamp: 1}, out); err != nil {
			t.Fatal(err)
		}
	}
	if len(out.PointSeries) != 6 || out.Lost[otlp.LostSeriesLimit] != 6 {
		t.Fatalf("%d rows, lost %v", len(out.PointSeries), out.Lost)
	}
}

// TestMemoIsBoundAndForgetsWithoutHarm decodes ever new series with the smallest memo, and old ones between.
func TestMemoIsBoundAndForgetsWithoutHarm(t *testing.T) {
	codec := otlp.New(pipeline.Settings{"memo": int64(1 << 20)})
	out := pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0))
	enc := otlp.NewEncoder([]pipeline.Label{{Name: "host", Value: "h"}})
	for round := range 40 {
		enc.Reset()
		enc.Gauge("always", "", nil, 7, float64(round))
		for i := range 1000 {
			enc.Gauge("m", "", []pipeline.Label{{Name: "id", Value: fmt.Sprintf("%d-%d", round, i)}}, 7, 1)
		}
		if err := codec.Decode(&pipeline.Record{Value: enc.AppendTo(nil)}, out); err != nil {
			t.Fatal(err)
		}
	}
	if out.Series.Len() != 40_001 || len(out.PointSeries) != 40_040 {
		t.Fatalf("%d series, %d rows", out.Series.Len(), len(out.PointSeries))
	}
	for i, s := range out.PointSeries {
		want := fmt.Sprintf(`m{host="h",id="%d-%d"}`, i/1001, i%1001-1)
		if i%1001 == 0 {
			want = `always{host="h"}`
		}
		if got := out.Series.At(s).Key(); got != want {
			t.Fatalf("row %d: %s, want %s", i, got, want)
		}
	}
	if size := otlp.MemoBytes(codec); size > 2<<20 {
		t.Fatalf("memo holds %d bytes", size)
	}
}

// What is known when the memos are full stays known, though there are more series than they have room for; and where all series are
// others by now, these are.
func TestFullMemoKeepsWhatItKnows(t *testing.T) {
	codec := otlp.New(pipeline.Settings{"memo": int64(1 << 20)})
	out := pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0))
	enc := otlp.NewEncoder([]pipeline.Label{{Name: "host", Value: "h"}})
	const many = 16_000
	pass := func(generation string) (sought int) {
		before := otlp.Sought(codec)
		for i := range many {
			enc.Gauge("m", "", []pipeline.Label{{Name: "id", Value: fmt.Sprint("instance-", generation, "-", i)}}, 7, 1)
			if i%1000 < 999 {
				continue
			}
			if err := codec.Decode(&pipeline.Record{Value: enc.AppendTo(nil)}, out); err != nil {
				t.Fatal(err)
			}
			enc.Reset()
		}
		return otlp.Sought(codec) - before
	}
	pass("first")
	for range 6 {
		if n := pass("first"); n == 0 || n > many/2 {
			t.Fatalf("%d of %d series were sought: the memo is not full, or knows too few", n, many)
		}
	}
	if n := pass("second"); n < many/2 {
		t.Fatalf("%d of %d new series were sought", n, many)
	}
	for range 5 {
		pass("second")
	}
	if n := pass("second"); n <= 0 || n > many/2 {
		t.Fatalf("%d of %d series were sought after all were others", n, many)
	}
	if got := out.Series.Len(); got != 2*many || len(out.PointSeries) != 14*many {
		t.Fatalf("%d series, %d rows", got, len(out.PointSeries))
	}
	for i, s := range out.PointSeries {
		if want := uint32(i%many + i/many/7*many); s != want {
			t.Fatalf("row %d is of series %d, not %d", i, s, want)
		}
	}
}

func TestAnotherTableGetsItsOwnNumbers(t *testing.T) {
	codec := otlp.New(nil)
	a, b := gauge(msg(1, double(4, 1), attr(7, "a", "1"))), gauge(msg(1, double(4, 1), attr(7, "b", "1")))
	for _, order := range [][][]byte{{a, b}, {b, a}} {
		got, _, err := decode(t, codec, order[0])
		again, _, err2 := decode(t, codec, order[0])
		if err != nil || err2 != nil || !cmp.Equal(got, again) {
			t.Fatal(got, again, err, err2)
		}
	}
}

func TestRegistered(t *testing.T) {
	reg := pipeline.NewRegistry()
	otlp.Register(reg)
	entry, ok := reg.Codec("otlp_metrics")
	if !ok {
		t.Fatal("not registered")
	}
	codec, err := entry.New(pipeline.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := decode(t, codec, gauge(msg(1, double(4, 1)))); err != nil || len(got) != 1 {
		t.Fatal(got, err)
	}
	for _, s := range entry.Spec.Settings {
		if s.Doc == "" || s.Default == nil || s.Example == "" {
			t.Errorf("setting %s lacks doc, default or example", s.Name)
		}
	}
}
