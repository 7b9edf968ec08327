package graphite_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
	"github.com/homeostat/homeostat/schemas/codec/graphite"
)

func newCodec(s pipeline.Settings) pipeline.Codec {
	c, err := graphite.New(s)
	if err != nil {
		panic(err)
	}
	return c
}

func fixtures(t testing.TB) map[string][]byte {
	t.Helper()
	return codectest.Fixtures(t, "testdata/*.graphite")
}

func point(series string, at int64, value float64) codectest.Point {
	return codectest.Point{Series: series, Time: at, Value: value}
}

// now is the time of records that have none of their own.
const now = codectest.Timestamp * 1_000_000

func TestCollectdOutput(t *testing.T) {
	const at = 1_795_406_875_000_000_000
	for name, c := range map[string]struct{ whole, parts []codectest.Point }{
		"collectd-0.graphite": {
			[]codectest.Point{point("node-1.memory.memory-used{}", at, 609026048)},
			[]codectest.Point{point(`memory-used{host="node-1",plugin="memory"}`, at, 609026048)},
		},
		"collectd-1.graphite": {
			[]codectest.Point{point("node-1.memory.memory-slab_recl{}", at, 387104768)},
			[]codectest.Point{point(`memory-slab_recl{host="node-1",plugin="memory"}`, at, 387104768)},
		},
		"collectd-2.graphite": {
			[]codectest.Point{point("node-1.load.load.shortterm{}", at, 3.55712890625), point("node-1.load.load.midterm{}", at, 1.93310546875), point("node-1.load.load.longterm{}", at, 1.91162109375)},
			[]codectest.Point{point(`load.shortterm{host="node-1",plugin="load"}`, at, 3.55712890625), point(`load.midterm{host="node-1",plugin="load"}`, at, 1.93310546875), point(`load.longterm{host="node-1",plugin="load"}`, at, 1.91162109375)},
		},
		"collectd-counters.graphite": {
			[]codectest.Point{point("node-1.interface-lo.if_octets.rx{}", at+453_623_000_000_000, 32274705695), point("node-1.interface-lo.if_octets.tx{}", at+453_623_000_000_000, 32274705695)},
			[]codectest.Point{point(`if_octets.rx{host="node-1",plugin="interface-lo"}`, at+453_623_000_000_000, 32274705695), point(`if_octets.tx{host="node-1",plugin="interface-lo"}`, at+453_623_000_000_000, 32274705695)},
		},
	} {
		value := fixtures(t)[name]
		if d := cmp.Diff(codectest.Result{Points: c.whole, Lost: map[string]int{}}, codectest.Fresh(t, newCodec(nil), value)); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
		by := pipeline.Settings{"path_labels": []any{"host.plugin.*"}}
		if d := cmp.Diff(codectest.Result{Points: c.parts, Lost: map[string]int{}}, codectest.Fresh(t, newCodec(by), value)); d != "" {
			t.Errorf("%s with labels (-want +got):\n%s", name, d)
		}
	}
}

func TestTelegrafOutput(t *testing.T) {
	const at = 1_795_868_676_000_000_000
	values := map[string]float64{"open": 1, "up": 1, "latency": 0.125, "orders": 1000003}
	for name, c := range map[string]struct {
		settings pipeline.Settings
		series   string
		order    []string
	}{
		"telegraf-tags.graphite":     {nil, `shop.%s{host="host-1",region="eu_west"}`, []string{"latency", "orders", "open", "up"}},
		"telegraf-template.graphite": {pipeline.Settings{"path_labels": []any{"host.region.*"}}, `shop.%s{host="host-1",region="eu_west"}`, []string{"open", "up", "latency", "orders"}},
	} {
		want := codectest.Result{Lost: map[string]int{}}
		for _, field := range c.order {
			want.Points = append(want.Points, point(fmt.Sprintf(c.series, field), at, values[field]))
		}
		if d := cmp.Diff(want, codectest.Fresh(t, newCodec(c.settings), fixtures(t)[name])); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestShapes(t *testing.T) {
	const at = 1_700_000_000_000_000_000
	one := []codectest.Point{point("a.b{}", at, 1.5)}
	for _, c := range []struct {
		name, value string
		want        []codectest.Point
		lost        map[string]int
	}{
		{"plain", "a.b 1.5 1700000000\n", one, nil},
		{"no line end", "a.b 1.5 1700000000", one, nil},
		{"carriage return", "a.b 1.5 1700000000\r\n", one, nil},
		{"blanks", " \ta.b\t1.5 \t 1700000000 \r\n\r\n \n", one, nil},
		{"time with decimals", "a.b 1.5 1700000000.25", []codectest.Point{point("a.b{}", at+250_000_000, 1.5)}, nil},
		{"time in milliseconds", "a.b 1.5 1700000000000", one, nil},
		{"no time", "a.b 1.5", []codectest.Point{point("a.b{}", now, 1.5)}, nil},
		{"now", "a.b 1.5 -1", []codectest.Point{point("a.b{}", now, 1.5)}, nil},
		{"tags", "a.b;k=v;host=h.x 1.5 1700000000", []codectest.Point{point(`a.b{host="h.x",k="v"}`, at, 1.5)}, nil},
		{"tags in another order", "a.b;host=h.x;k=v 1.5 1700000000", []codectest.Point{point(`a.b{host="h.x",k="v"}`, at, 1.5)}, nil},
		{"the last of equal tags counts", "a.b;k=u;k=v 1.5 1700000000", []codectest.Point{point(`a.b{k="v"}`, at, 1.5)}, nil},
		{"an equals sign in a value", "a.b;k=u=v 1.5 1700000000", []codectest.Point{point(`a.b{k="u\=v"}`, at, 1.5)}, nil},
		{"several lines", "a 1 1700000000\nb 2 1700000000\na 3 1700000000", []codectest.Point{point("a{}", at, 1), point("b{}", at, 2), point("a{}", at, 3)}, nil},
		{"not UTF-8", "a\xff;\xfe=\xfd 1 1700000000", []codectest.Point{point("a\uFFFD{\uFFFD=\"\uFFFD\"}", at, 1)}, nil},
		{"not finite", "a nan 1700000000\na inf 1700000000\na 1e999 1700000000\na 1 1700000000", []codectest.Point{point("a{}", at, 1)}, map[string]int{graphite.LostNotFinite: 3}},
		{"numbers", "a -1e3 1700000000\na +5 1700000000\na .5 1700000000", []codectest.Point{point("a{}", at, -1000), point("a{}", at, 5), point("a{}", at, .5)}, nil},
		{"times that can't be", "a 1 0\na 1 -5\na 1 12345\na 1 99999999999999999999999", nil, map[string]int{graphite.LostTimeRange: 4}},
	} {
		got := codectest.Fresh(t, newCodec(nil), []byte(c.value))
		if c.lost == nil {
			c.lost = map[string]int{}
		}
		if d := cmp.Diff(codectest.Result{Points: c.want, Lost: c.lost}, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}

func TestPathLabels(t *testing.T) {
	for _, c := range []struct{ patterns, path, want string }{
		{"host.plugin.*", "h.p.m", `m{host="h",plugin="p"}`},
		{"host.plugin.*", "h.p.m.n.o", `m.n.o{host="h",plugin="p"}`},
		{"host.plugin.*", "h.p", "h.p{}"},
		{"_.host.*", "servers.h.m.n", `m.n{host="h"}`},
		{"*.host.*", "servers.h.m.n", `servers.m.n{host="h"}`},
		{"host.*.*.core", "h.cpu.idle.0", `cpu.idle{core="0",host="h"}`},
		{"host.*.*.core", "h.cpu.idle.0.x", "h.cpu.idle.0.x{}"},
		{"a.b.c.*,a.*", "1.2.3", `2.3{a="1"}`},
		{"a.b.c.*,a.*", "1.2.3.4", `4{a="1",b="2",c="3"}`},
		{"host.*", "h..m", "h..m{}"},
		{"host.*", "h.m;host=tag;k=v", `m{host="tag",k="v"}`},
		{"*.a.a", "m.1.2", `m{a="2"}`},
	} {
		var patterns []any
		for p := range strings.SplitSeq(c.patterns, ",") {
			patterns = append(patterns, p)
		}
		got := codectest.Fresh(t, newCodec(pipeline.Settings{"path_labels": patterns}), []byte(c.path+" 1"))
		if len(got.Points) != 1 || got.Points[0].Series != c.want {
			t.Errorf("%s of %s: %+v, want %s", c.patterns, c.path, got, c.want)
		}
	}
}

func TestCumulative(t *testing.T) {
	by := pipeline.Settings{"path_labels": []any{"host.*"}, "cumulative": []any{"if_octets.*", "exactly"}}
	var got []string
	for _, p := range codectest.Fresh(t, newCodec(by), []byte("h.if_octets.rx 1\nh.exactly 1\nh.other 1")).Points {
		got = append(got, p.Series)
	}
	if d := cmp.Diff([]string{`if_octets.rx:cumulative{host="h"}`, `exactly:cumulative{host="h"}`, `other{host="h"}`}, got); d != "" {
		t.Error(d)
	}
}

func TestPrecision(t *testing.T) {
	for _, c := range []struct {
		precision, time string
		want            int64
	}{
		{"s", "1", 1_000_000_000}, {"s", "1700000000.5", 1_700_000_000_500_000_000}, {"ms", "1700000000000", 1_700_000_000_000_000_000}, {"us", "1700000000000000", 1_700_000_000_000_000_000}, {"ns", "7", 7}, {"auto", "1700000000000000000", 1_700_000_000_000_000_000},
	} {
		got := codectest.Fresh(t, newCodec(pipeline.Settings{"precision": c.precision}), []byte("m 1 "+c.time))
		if len(got.Points) != 1 || got.Points[0].Time != c.want {
			t.Errorf("%s %s: %+v", c.precision, c.time, got)
		}
	}
}

func TestSettingsThatDoNotWork(t *testing.T) {
	for _, c := range []struct{ setting, value, code string }{
		{"cumulative", "[", "graphite.cumulative.pattern"},
		{"cumulative", "", "graphite.cumulative.pattern"},
		{"path_labels", "", "graphite.path_labels.pattern"},
		{"path_labels", "a..*", "graphite.path_labels.pattern"},
		{"path_labels", "a.b", "graphite.path_labels.name"},
	} {
		if _, err := graphite.New(pipeline.Settings{c.setting: []any{"*", c.value}}); pipeline.Code(err) != c.code || !strings.HasPrefix(err.Error(), c.setting+"[1]: ") {
			t.Errorf("%s %q: %v", c.setting, c.value, err)
		}
	}
}

func TestNoTimeAnywhere(t *testing.T) {
	for _, timestamp := range []int64{0, -1, 1 << 62} {
		got := codectest.Decode(t, newCodec(nil), pipeline.NewSeriesTable(nil, 0), &pipeline.Record{Timestamp: timestamp, Value: []byte("a 1\na 2 -1\na 1 1700000000")})
		if len(got.Points) != 1 || got.Lost[graphite.LostNoTime] != 2 {
			t.Errorf("timestamp %d: %+v", timestamp, got)
		}
	}
}

func TestSeriesLimit(t *testing.T) {
	c, table := newCodec(nil), pipeline.NewSeriesTable(nil, 2)
	for range 2 {
		got := codectest.Decode(t, c, table, codectest.Record([]byte("a 1\nb 2\nc 3\nd 4\na 5")))
		if len(got.Points) != 3 || got.Lost[graphite.LostSeriesLimit] != 2 {
			t.Errorf("%+v", got)
		}
	}
}

// TestTheMemoForgets has a memo that is full at once, and tables that change.
func TestTheMemoForgets(t *testing.T) {
	c := newCodec(pipeline.Settings{"memo": int64(1)})
	for range 3 {
		table := pipeline.NewSeriesTable(nil, 0)
		for range 3 {
			got := codectest.Decode(t, c, table, codectest.Record([]byte("a 1 1700000000\nb 2 1700000000")))
			want := []codectest.Point{point("a{}", 1_700_000_000_000_000_000, 1), point("b{}", 1_700_000_000_000_000_000, 2)}
			if d := cmp.Diff(want, got.Points); d != "" {
				t.Fatal(d)
			}
		}
	}
}
