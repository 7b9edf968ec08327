package collectd_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
	"github.com/homeostat/homeostat/schemas/codec/collectd"
)

func newCodec(s pipeline.Settings) pipeline.Codec {
	c, err := collectd.New(s)
	if err != nil {
		panic(err)
	}
	return c
}

func fixtures(t testing.TB, pattern string) map[string][]byte {
	t.Helper()
	return codectest.Fixtures(t, "testdata/"+pattern)
}

func point(series string, at int64, value float64) codectest.Point {
	return codectest.Point{Series: series, Time: at, Value: value}
}

// now is the time of records that have none of their own.
const now = codectest.Timestamp * 1_000_000

// TestCollectdOutput has the same values in both formats.
func TestCollectdOutput(t *testing.T) {
	const at = 1_795_406_874_507_000_000
	values := fixtures(t, "collectd-*")
	for name, want := range map[string][]codectest.Point{
		"collectd-0": {point(`collectd_memory{host="node-1",type_instance="used"}`, at, 609026048)},
		"collectd-1": {point(`collectd_memory{host="node-1",type_instance="slab_recl"}`, at, 387104768)},
		"collectd-2": {point(`collectd_load_shortterm{host="node-1"}`, at, 3.55712890625), point(`collectd_load_midterm{host="node-1"}`, at, 1.93310546875), point(`collectd_load_longterm{host="node-1"}`, at, 1.91162109375)},
	} {
		for _, format := range []string{".json", ".command"} {
			if d := cmp.Diff(codectest.Result{Points: want, Lost: map[string]int{}}, codectest.Fresh(t, newCodec(nil), values[name+format])); d != "" {
				t.Errorf("%s%s (-want +got):\n%s", name, format, d)
			}
		}
	}
}

// TestStoreRates has the same counters as rates, which collectd writes unless it is told otherwise, and as they are.
func TestStoreRates(t *testing.T) {
	const at = 1_795_860_497_942_000_000
	const labels = `{host="node-1",plugin_instance="lo"}`
	values := fixtures(t, "collectd-*")
	counters := []codectest.Point{point("collectd_interface_if_octets_rx:cumulative"+labels, at, 32274705695), point("collectd_interface_if_octets_tx:cumulative"+labels, at, 32274705695)}
	for _, c := range []struct {
		name  string
		rates any
		want  []codectest.Point
		lost  map[string]int
	}{
		{"collectd-null.json", true, nil, map[string]int{collectd.LostNoValue: 2}},
		{"collectd-rates.json", true, []codectest.Point{point("collectd_interface_if_octets_rx"+labels, at, 1788118.40538322), point("collectd_interface_if_octets_tx"+labels, at, 1788118.40538322)}, map[string]int{}},
		{"collectd-counters.json", false, counters, map[string]int{}},
		{"collectd-counters.command", true, counters, map[string]int{}},
		{"collectd-counters.command", false, counters, map[string]int{}},
	} {
		got := codectest.Fresh(t, newCodec(pipeline.Settings{"store_rates": c.rates}), values[c.name])
		if d := cmp.Diff(codectest.Result{Points: c.want, Lost: c.lost}, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}

func TestJSON(t *testing.T) {
	const at = 1_700_000_000_250_000_000
	const octets = `{"values":[1,2],"dstypes":["derive","derive"],"dsnames":["rx","tx"],"time":1700000000.250,"interval":10.000,"host":"h","plugin":"interface","plugin_instance":"eth0","type":"if_octets","type_instance":""}`
	rates := []codectest.Point{point(`collectd_interface_if_octets_rx{host="h",plugin_instance="eth0"}`, at, 1), point(`collectd_interface_if_octets_tx{host="h",plugin_instance="eth0"}`, at, 2)}
	raw := []codectest.Point{point(`collectd_interface_if_octets_rx:cumulative{host="h",plugin_instance="eth0"}`, at, 1), point(`collectd_interface_if_octets_tx:cumulative{host="h",plugin_instance="eth0"}`, at, 2)}
	list := func(members string) string { return `[{"host":"h","plugin":"p","type":"t",` + members + `}]` }
	for _, c := range []struct {
		name, value string
		rates       bool
		want        []codectest.Point
		lost        map[string]int
	}{
		{"rates", "[" + octets + "]", true, rates, nil},
		{"counters", "[" + octets + "]", false, raw, nil},
		{"one value list without an array", octets, true, rates, nil},
		{"two value lists", " [" + octets + "," + octets + "]\n", true, append(append([]codectest.Point{}, rates...), rates...), nil},
		{"each type", list(`"values":[1,2,3,4],"dstypes":["gauge","derive","counter","absolute"],"dsnames":["a","b","c","d"],"time":1700000000.25`), false, []codectest.Point{
			point(`collectd_p_t_a{host="h"}`, at, 1), point(`collectd_p_t_b:cumulative{host="h"}`, at, 2), point(`collectd_p_t_c:cumulative{host="h"}`, at, 3), point(`collectd_p_t_d:delta{host="h"}`, at, 4)}, nil},
		{"null", list(`"values":[null,2],"dstypes":["gauge","gauge"],"dsnames":["a","b"],"time":1700000000.25`), true, []codectest.Point{point(`collectd_p_t_b{host="h"}`, at, 2)}, map[string]int{collectd.LostNoValue: 1}},
		{"members that nobody knows", list(`"values":[1],"dstypes":["gauge"],"dsnames":["value"],"time":1700000000.25,"meta":{"x":[1,{"y":null}]}`), true, []codectest.Point{point(`collectd_p_t{host="h"}`, at, 1)}, nil},
		{"no dsnames, one value", list(`"values":[1],"dstypes":["gauge"],"time":1700000000.25`), true, []codectest.Point{point(`collectd_p_t{host="h"}`, at, 1)}, nil},
		{"no dsnames, two values", list(`"values":[1,2],"dstypes":["gauge","gauge"],"time":1700000000.25`), true, []codectest.Point{point(`collectd_p_t_0{host="h"}`, at, 1), point(`collectd_p_t_1{host="h"}`, at, 2)}, nil},
		{"no time", list(`"values":[1],"dstypes":["gauge"]`), true, []codectest.Point{point(`collectd_p_t{host="h"}`, now, 1)}, nil},
		{"time null", list(`"values":[1],"dstypes":["gauge"],"time":null`), true, []codectest.Point{point(`collectd_p_t{host="h"}`, now, 1)}, nil},
		{"time of seconds", list(`"values":[1],"dstypes":["gauge"],"time":1700000000`), true, []codectest.Point{point(`collectd_p_t{host="h"}`, 1_700_000_000_000_000_000, 1)}, nil},
		{"no host", `{"values":[1],"dstypes":["gauge"],"time":1700000000.25,"plugin":"p","type":"t","type_instance":"i"}`, true, []codectest.Point{point(`collectd_p_t{type_instance="i"}`, at, 1)}, nil},
		{"no plugin", `{"values":[1,2],"dstypes":["gauge","gauge"],"time":1700000000.25,"type":"t"}`, true, nil, map[string]int{collectd.LostNoName: 2}},
		{"plugin null", `{"values":[1],"dstypes":["gauge"],"time":1700000000.25,"plugin":null,"type":"t"}`, true, nil, map[string]int{collectd.LostNoName: 1}},
		{"the last of equal members counts", list(`"values":[1],"values":[2],"dstypes":["gauge"],"time":1700000000.25`), true, []codectest.Point{point(`collectd_p_t{host="h"}`, at, 2)}, nil},
		{"escapes", `[{"values":[1],"dstypes":["gauge"],"time":1700000000.25,"host":"h\u00e4\"","plugin":"p","type":"t"}]`, true, []codectest.Point{point(`collectd_p_t{host="hä\""}`, at, 1)}, nil},
		{"not UTF-8", "[{\"values\":[1],\"dstypes\":[\"gauge\"],\"time\":1700000000.25,\"host\":\"\xff\",\"plugin\":\"p\",\"type\":\"t\"}]", true, []codectest.Point{point("collectd_p_t{host=\"\uFFFD\"}", at, 1)}, nil},
		{"times that can't be", "[" + strings.Repeat(`{"plugin":"p","type":"t","values":[1],"dstypes":["gauge"],"time":0},`, 2) + `{"plugin":"p","type":"t","values":[1],"dstypes":["gauge"],"time":-5}]`, true, nil, map[string]int{collectd.LostTimeRange: 3}},
	} {
		got := codectest.Fresh(t, newCodec(pipeline.Settings{"store_rates": c.rates}), []byte(c.value))
		if c.lost == nil {
			c.lost = map[string]int{}
		}
		if d := cmp.Diff(codectest.Result{Points: c.want, Lost: c.lost}, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}

func TestCommand(t *testing.T) {
	const at = 1_700_000_000_250_000_000
	one := []codectest.Point{point(`collectd_p_t{host="h",plugin_instance="i-1",type_instance="j-2/3"}`, at, 1.5)}
	for _, c := range []struct {
		name, value string
		want        []codectest.Point
		lost        map[string]int
	}{
		{"plain", "PUTVAL h/p-i-1/t-j-2/3 interval=10.000 1700000000.250:1.5", one, nil},
		{"quotes", `PUTVAL "h/p-i-1/t-j-2/3" interval=10.000 1700000000.250:1.5`, one, nil},
		{"line end", "PUTVAL h/p-i-1/t-j-2/3 interval=10.000 1700000000.250:1.5\r\n", one, nil},
		{"no options", "putval h/p-i-1/t-j-2/3 1700000000.250:1.5", one, nil},
		{"other options", `PUTVAL h/p-i-1/t-j-2/3 interval=10 meta:a="b c:1" meta:d="e\" f" 1700000000.250:1.5`, one, nil},
		{"blanks", "\n PUTVAL \t h/p-i-1/t-j-2/3  interval=10   1700000000.250:1.5  \n\n", one, nil},
		{"escapes in quotes", `PUTVAL "h \"x\"/p/t-\\" N:2`, []codectest.Point{point(`collectd_p_t{host="h \"x\"",type_instance="\\"}`, now, 2)}, nil},
		{"two lines and two times", "PUTVAL h/p/t 1700000000.25:1 1700000001.25:2\nPUTVAL h/q/t 1700000000.25:3", []codectest.Point{
			point(`collectd_p_t{host="h"}`, at, 1), point(`collectd_p_t{host="h"}`, at+1_000_000_000, 2), point(`collectd_q_t{host="h"}`, at, 3)}, nil},
		{"known types", "PUTVAL h/interface-eth0/if_octets 1700000000.25:1:2\nPUTVAL h/cpu-0/cpu-idle 1700000000.25:3\nPUTVAL h/load/load 1700000000.25:4:5:6", []codectest.Point{
			point(`collectd_interface_if_octets_rx:cumulative{host="h",plugin_instance="eth0"}`, at, 1), point(`collectd_interface_if_octets_tx:cumulative{host="h",plugin_instance="eth0"}`, at, 2),
			point(`collectd_cpu:cumulative{host="h",plugin_instance="0",type_instance="idle"}`, at, 3),
			point(`collectd_load_shortterm{host="h"}`, at, 4), point(`collectd_load_midterm{host="h"}`, at, 5), point(`collectd_load_longterm{host="h"}`, at, 6)}, nil},
		{"a type that is not known", "PUTVAL h/p/t 1700000000.25:1:2", []codectest.Point{point(`collectd_p_t_0{host="h"}`, at, 1), point(`collectd_p_t_1{host="h"}`, at, 2)}, nil},
		{"a type that is given", "PUTVAL h/p/mine 1700000000.25:1:2", []codectest.Point{point(`collectd_p_mine_hits:cumulative{host="h"}`, at, 1), point(`collectd_p_mine_part:delta{host="h"}`, at, 2)}, nil},
		{"a known type that is given anew", "PUTVAL h/p/irq 1700000000.25:1", []codectest.Point{point(`collectd_p_irq_n{host="h"}`, at, 1)}, nil},
		{"none", "PUTVAL h/load/load 1700000000.25:U:5:U", []codectest.Point{point(`collectd_load_midterm{host="h"}`, at, 5)}, map[string]int{collectd.LostNoValue: 2}},
		{"not finite", "PUTVAL h/p/t 1700000000.25:nan:-inf:1e999", nil, map[string]int{collectd.LostNotFinite: 3}},
		{"times that can't be", "PUTVAL h/p/t 0:1\nPUTVAL h/p/t -5:1:2", nil, map[string]int{collectd.LostTimeRange: 3}},
		{"not UTF-8", "PUTVAL \xff/p/t N:1", []codectest.Point{point("collectd_p_t{host=\"\uFFFD\"}", now, 1)}, nil},
	} {
		got := codectest.Fresh(t, newCodec(pipeline.Settings{"types": map[string]any{"mine": "hits:DERIVE part:absolute", "irq": "n:gauge"}}), []byte(c.value))
		if c.lost == nil {
			c.lost = map[string]int{}
		}
		if d := cmp.Diff(codectest.Result{Points: c.want, Lost: c.lost}, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}

func TestSettingsThatDoNotWork(t *testing.T) {
	for _, text := range []string{"", "a", "a:", ":gauge", "a:gauge b:count"} {
		if _, err := collectd.New(pipeline.Settings{"types": map[string]any{"x": text}}); pipeline.Code(err) != "collectd.types.source" || !strings.HasPrefix(err.Error(), "types.x: ") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestNoTimeAnywhere(t *testing.T) {
	for _, timestamp := range []int64{0, -1, 1 << 62} {
		for _, value := range []string{`[{"plugin":"p","type":"t","values":[1,2],"dstypes":["gauge","gauge"]},{"plugin":"p","type":"t","values":[1],"dstypes":["gauge"],"time":5}]`, "PUTVAL h/p/t N:1:2\nPUTVAL h/p/t 5:1"} {
			got := codectest.Decode(t, newCodec(nil), pipeline.NewSeriesTable(nil, 0), &pipeline.Record{Timestamp: timestamp, Value: []byte(value)})
			if len(got.Points) != 1 || got.Lost[collectd.LostNoTime] != 2 {
				t.Errorf("timestamp %d, %s: %+v", timestamp, value, got)
			}
		}
	}
}

func TestSeriesLimit(t *testing.T) {
	c, table := newCodec(nil), pipeline.NewSeriesTable(nil, 2)
	for range 2 {
		got := codectest.Decode(t, c, table, codectest.Record([]byte("PUTVAL h/p/t N:1:2:3:4\nPUTVAL h/p/t N:5:6")))
		if len(got.Points) != 4 || got.Lost[collectd.LostSeriesLimit] != 2 {
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
			got := codectest.Decode(t, c, table, codectest.Record([]byte("PUTVAL h/p/t N:1\nPUTVAL h/q/t N:2")))
			want := []codectest.Point{point(`collectd_p_t{host="h"}`, now, 1), point(`collectd_q_t{host="h"}`, now, 2)}
			if d := cmp.Diff(want, got.Points); d != "" {
				t.Fatal(d)
			}
		}
	}
}

// TestNamesDoNotRunTogether has parts that read the same one after the other.
func TestNamesDoNotRunTogether(t *testing.T) {
	check := codectest.NewChecker(func() pipeline.Codec { return newCodec(nil) })
	for value, want := range map[string]string{
		"PUTVAL ab/c/d N:1": `collectd_c_d{host="ab"}`, "PUTVAL a/bc/d N:1": `collectd_bc_d{host="a"}`,
		"PUTVAL a/b-c/d N:1": `collectd_b_d{host="a",plugin_instance="c"}`, "PUTVAL a/b/c-d N:1": `collectd_b_c{host="a",type_instance="d"}`,
	} {
		if got := check.Check(t, codectest.Record([]byte(value))); len(got.Points) != 1 || got.Points[0].Series != want {
			t.Errorf("%s: %+v", value, got)
		}
	}
}
