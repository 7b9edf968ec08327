package jsonmetrics_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
	"github.com/homeostat/homeostat/schemas/codec/jsonmetrics"
)

func newCodec(t testing.TB, settings pipeline.Settings) pipeline.Codec {
	codec, err := jsonmetrics.New(settings)
	if err != nil {
		t.Fatal(err)
	}
	return codec
}

func decode(t testing.TB, settings pipeline.Settings, value string) codectest.Result {
	t.Helper()
	checker := codectest.NewChecker(func() pipeline.Codec { return newCodec(t, settings) })
	return checker.Check(t, codectest.Record([]byte(value)))
}

const (
	now  = codectest.Timestamp * 1_000_000
	then = int64(1_790_000_000_123_000_000)
)

func list(names ...any) []any { return names }

func points(ps ...codectest.Point) []codectest.Point { return ps }

func gauge(series string, time int64, value float64) codectest.Point {
	return codectest.Point{Series: series, Time: time, Value: value}
}

func TestRecords(t *testing.T) {
	type lost = map[string]int
	for _, c := range []struct {
		settings pipeline.Settings
		value    string
		want     []codectest.Point
		lost     lost
	}{
		// What the presets are for.
		{nil, `{"timestamp":1790000000123,"name":"http.server.duration","service":"svc-017","host":"host-0423","region":"eu-1","status":"200","env":"production","unit":"ms","version":"1.42.0","value":123.456}`,
			[]codectest.Point{{Series: `http.server.duration{env="production",host="host-0423",region="eu-1",service="svc-017",status="200",version="1.42.0"}`, Unit: "ms", Time: then, Value: 123.456}}, nil},
		{pipeline.Settings{"preset": "telegraf"}, "{\"fields\":{\"used\":1295499264,\"used_percent\":5.125308214649627},\"name\":\"mem\",\"tags\":{\"dc\":\"eu-1\",\"host\":\"node-1\"},\"timestamp\":1795408592}\n",
			points(gauge(`mem_used{dc="eu-1",host="node-1"}`, 1_795_408_592e9, 1295499264), gauge(`mem_used_percent{dc="eu-1",host="node-1"}`, 1_795_408_592e9, 5.125308214649627)), nil},
		{pipeline.Settings{"preset": "prometheus_adapter"}, `{"labels":{"__name__":"up","instance":"a:9090","job":"p"},"name":"up","timestamp":"2026-11-23T04:36:32Z","value":"1"}`,
			points(gauge(`up{instance="a\:9090",job="p"}`, 1_795_408_592e9, 1)), nil},
		{pipeline.Settings{"preset": "prometheus_adapter"}, `{"labels":{"__name__":"up"},"timestamp":"2026-11-23T04:36:32Z","value":"NaN"}`, nil, lost{"not_finite": 1}},
		{nil, `{"labels":{"__name__":"up","job":"p"},"timestamp":"2026-11-23T04:36:32Z","value":"-1.5e3"}`, points(gauge(`up{job="p"}`, 1_795_408_592e9, -1500)), nil},
		{nil, `{"metric":"m","tags":{"a":"b","n":7,"yes":true,"no":null,"deep":{"x":"y"},"list":["z"],"empty":""},"value":2}`, points(gauge(`m{a="b",n="7",yes="true"}`, now, 2)), nil},

		// Records.
		{nil, "{\"name\":\"a\",\"value\":1}\n{\"name\":\"b\",\"value\":2}\r\n", points(gauge("a{}", now, 1), gauge("b{}", now, 2)), nil},
		{nil, ` [ {"name":"a","value":1} , {"name":"b","value":2} ] [] {"name":"c","value":3}`, points(gauge("a{}", now, 1), gauge("b{}", now, 2), gauge("c{}", now, 3)), nil},
		{nil, "\uFEFF{\"name\":\"a\",\"value\":1}", points(gauge("a{}", now, 1)), nil},
		{nil, `[]`, nil, nil},
		{nil, "{\"metrics\":[{\"name\":\"a\",\"fields\":{\"x\":1}},{\"name\":\"b\",\"fields\":{\"x\":2}}]}\n{ \"metrics\" : [ ] }\n{\"name\":\"c\",\"value\":3}",
			points(gauge("a_x{}", now, 1), gauge("b_x{}", now, 2), gauge("c{}", now, 3)), nil},
		{nil, `{"metrics":{"name":"a"},"name":"m","value":3}`, points(gauge("m{}", now, 3)), nil},

		// Names.
		{nil, `{"value":1}`, nil, lost{"no_metric_name": 1}},
		{nil, `{"name":"","metric":null,"value":1}`, nil, lost{"no_metric_name": 1}},
		{nil, `{"name":"","metric":"m","value":1}`, points(gauge("m{}", now, 1)), nil},
		{nil, `{"name":7,"value":1}`, points(gauge("7{}", now, 1)), nil},
		{nil, `{"name":"first","name":"last","value":1}`, points(gauge("last{}", now, 1)), nil},
		{pipeline.Settings{"metric": "fixed"}, `{"name":"x","value":1}`, points(gauge(`fixed{name="x"}`, now, 1)), nil},
		{pipeline.Settings{"metric": "fixed", "name": list("metric")}, `[{"metric":"x","value":1},{"value":2}]`, points(gauge("x{}", now, 1), gauge("fixed{}", now, 2)), nil},
		{nil, `{"fields":{"a":1,"b":2}}`, nil, lost{"no_metric_name": 2}},
		{pipeline.Settings{"name": list()}, `{"fields":{"a":1,"":2},"value":3}`, points(gauge("a{}", now, 1)), lost{"no_metric_name": 2}},

		// Values.
		{nil, `{"name":"m"}`, nil, lost{"no_recorded_value": 1}},
		{nil, `{"name":"m","value":null}`, nil, lost{"no_recorded_value": 1}},
		{nil, `{"name":"m","value":""}`, nil, lost{"no_recorded_value": 1}},
		{nil, `{"name":"m","value":"many"}`, nil, lost{"not_numeric": 1}},
		{nil, `{"name":"m","value":true}`, nil, lost{"not_numeric": 1}},
		{nil, `{"name":"m","value":{"x":1}}`, nil, lost{"not_numeric": 1}},
		{nil, `{"name":"m","value":"1_000"}`, nil, lost{"not_numeric": 1}},
		{nil, `{"name":"m","value":"0x10"}`, nil, lost{"not_numeric": 1}},
		{nil, `{"name":"m","value":1e999}`, nil, lost{"not_finite": 1}},
		{nil, `{"name":"m","value":NaN}`, nil, lost{"not_finite": 1}},
		{nil, `{"name":"m","value":"+Infinity"}`, nil, lost{"not_finite": 1}},
		{nil, `{"name":"m","value":"  12.5 "}`, points(gauge("m{}", now, 12.5)), nil},
		{nil, `{"name":"m","value":"x","val":3}`, points(gauge("m{}", now, 3)), nil},
		{nil, `{"name":"m","value":1,"value":2}`, points(gauge("m{}", now, 2)), nil},
		{nil, `{"name":"m","value":1,"value":null}`, nil, lost{"no_recorded_value": 1}},
		{nil, `{"name":"m","fields":{"a":1,"b":"2","c":null,"d":true,"e":[1],"a":4,"f":-0.0}}`,
			points(gauge("m_d{}", now, 1), gauge("m_a{}", now, 4), gauge("m_f{}", now, 0)), lost{"not_numeric": 1, "no_recorded_value": 1}},
		{nil, `{"name":"m","fields":{"a":1,"up":false,"a":"x"}}`, points(gauge("m_up{}", now, 0)), nil},
		{nil, `{"name":"m","fields":{"state":"down"}}`, nil, lost{"no_recorded_value": 1}},
		{pipeline.Settings{"values": list("used", "up")}, `{"name":"m","used":"much","up":true}`, nil, lost{"not_numeric": 2}},
		{nil, `{"name":"m","fields":{},"values":[1]}`, nil, lost{"no_recorded_value": 1}},
		{pipeline.Settings{"values": list("used", "mem.free"), "value": list()}, `{"name":"m","used":1,"mem":{"free":2,"total":3}}`, points(gauge("m_used{}", now, 1), gauge("m_mem.free{}", now, 2)), nil},

		// Times.
		{nil, `{"name":"m","value":1,"timestamp":0}`, points(gauge("m{}", now, 1)), nil},
		{nil, `{"name":"m","value":1,"timestamp":null,"time":"","ts":1790000000.123}`, points(gauge("m{}", then, 1)), nil},
		{nil, `{"name":"m","value":1,"timestamp":1790000000123000}`, points(gauge("m{}", then, 1)), nil},
		{nil, `{"name":"m","value":1,"timestamp":1790000000123000000}`, points(gauge("m{}", then, 1)), nil},
		{nil, `{"name":"m","value":1,"timestamp":"1790000000123"}`, points(gauge("m{}", then, 1)), nil},
		{nil, `{"name":"m","value":1,"timestamp":"yesterday","ts":1790000000123}`, points(gauge("m{}", then, 1)), nil},
		{nil, `{"name":"m","value":1,"timestamp":"yesterday"}`, nil, lost{"time_out_of_range": 1}},
		{nil, `{"name":"m","value":1,"timestamp":-5}`, nil, lost{"time_out_of_range": 1}},
		{nil, `{"name":"m","value":1,"timestamp":true}`, nil, lost{"time_out_of_range": 1}},
		{nil, `{"name":"m","value":1,"timestamp":{"s":1}}`, nil, lost{"time_out_of_range": 1}},
		{nil, `{"name":"m","value":1,"timestamp":"2286-01-01T00:00:00Z"}`, nil, lost{"time_out_of_range": 1}},
		{nil, `{"name":"m","value":1,"timestamp":9972000000000000000}`, nil, lost{"time_out_of_range": 1}},
		{pipeline.Settings{"time_unit": "s"}, `[{"name":"m","value":1,"timestamp":7},{"name":"m","value":1,"timestamp":7.5},{"name":"m","value":1,"timestamp":0}]`,
			points(gauge("m{}", 7e9, 1), gauge("m{}", 7.5e9, 1), gauge("m{}", now, 1)), nil},
		{pipeline.Settings{"time": list("meta.at")}, `{"name":"m","value":1,"meta":{"at":1790000000123}}`, points(gauge("m{}", then, 1)), nil},
		{pipeline.Settings{"time": list("meta.at")}, `{"name":"m","value":1,"meta.at":1790000000123}`, points(gauge("m{}", then, 1)), nil},

		// Labels, types and units.
		{nil, `{"name":"m","value":1,"a":"x","b":7,"c":true,"d":null,"e":{"f":"g"},"g":""}`, points(gauge(`m{a="x"}`, now, 1)), nil},
		{nil, `{"name":"m","value":1,"a":"x","labels":{"a":"y","b":"z"}}`, points(gauge(`m{a="y",b="z"}`, now, 1)), nil},
		{nil, `{"name":"m","value":1,"labels":{"a":"y"},"a":"x"}`, points(gauge(`m{a="x"}`, now, 1)), nil},
		{pipeline.Settings{"labels": list("*", "b")}, `{"name":"m","value":1,"b":7,"a":"x","labels":{"b":"z"}}`, points(gauge(`m{a="x",b="7"}`, now, 1)), nil},
		{pipeline.Settings{"labels": list("host.name")}, `{"name":"m","value":1,"host":{"name":"h"},"other":"o"}`, points(gauge(`m{host.name="h"}`, now, 1)), nil},
		{nil, `{"name":"m","value":1,"a":"x","a":""}`, points(gauge(`m{}`, now, 1)), nil},
		{nil, "{\"name\":\"m\",\"value\":1,\"a\":\"\xff\"}", points(gauge("m{a=\"\uFFFD\"}", now, 1)), nil},
		{nil, `{"na\u006de":"\u006d","value":1,"a":"q\"\\\n"}`, points(gauge("m{a=\"q\\\"\\\\\n\"}", now, 1)), nil},
		{pipeline.Settings{"type": "cumulative"}, `{"name":"m","value":1}`, points(gauge(`m:cumulative{}`, now, 1)), nil},
		{pipeline.Settings{"type": "delta", "type_field": list("kind")}, `[{"name":"m","value":1,"kind":"counter"},{"name":"m","value":1,"kind":"gauge"},{"name":"m","value":1,"kind":"odd"}]`,
			points(gauge(`m:cumulative{}`, now, 1), gauge(`m{}`, now, 1), gauge(`m:delta{}`, now, 1)), nil},
	} {
		got := decode(t, c.settings, c.value)
		if c.lost == nil {
			c.lost = lost{}
		}
		want := codectest.Result{Points: c.want, Lost: c.lost}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%v %s (-want +got):\n%s", c.settings, c.value, d)
		}
	}
}

func TestRecordWithoutTime(t *testing.T) {
	rec := &pipeline.Record{Value: []byte(`{"name":"m","value":1}`)}
	got := codectest.Decode(t, newCodec(t, nil), pipeline.NewSeriesTable(nil, 0), rec)
	if got.Lost[jsonmetrics.LostNoTime] != 1 || len(got.Points) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestTelegrafsOutput(t *testing.T) {
	want := map[string][]codectest.Point{
		"telegraf-1.json": points(gauge(`mem_used{dc="eu-1",host="node-1"}`, 1_795_408_592e9, 1295499264), gauge(`mem_used_percent{dc="eu-1",host="node-1"}`, 1_795_408_592e9, 5.125308214649627)),
		"telegraf-2.json": points(gauge(`mem_used{dc="eu-1",host="node-1"}`, 1_795_408_594e9, 1314164736), gauge(`mem_used_percent{dc="eu-1",host="node-1"}`, 1_795_408_594e9, 5.199153333385189)),
		"telegraf-3.json": points(gauge(`cpu_usage_idle{cpu="cpu-total",dc="eu-1",host="node-1"}`, 1_795_408_594e9, 93.96984924615009), gauge(`cpu_usage_user{cpu="cpu-total",dc="eu-1",host="node-1"}`, 1_795_408_594e9, 2.261306532665154)),
	}
	shop := func(i int) []codectest.Point {
		at, up := 1_795_868_675e9+int64(i)*1e9, []float64{0, 1, 1}[i%3]
		series := func(field string) string { return fmt.Sprintf(`shop_%s{host="host-%d",region="eu west"}`, field, i%5) }
		return points(gauge(series("latency"), at, float64(i)/8), gauge(series("open"), at, float64(i)), gauge(series("orders"), at, float64(i)*1_000_003), gauge(series("up"), at, up))
	}
	want["telegraf-fields.json"] = shop(1)
	for i := range 10 {
		want["telegraf-batch.json"] = append(want["telegraf-batch.json"], shop(i)...)
	}
	want["batch.json"] = slices.Concat(want["telegraf-1.json"], want["telegraf-2.json"], want["telegraf-3.json"])
	got := map[string][]codectest.Point{}
	for _, preset := range []string{"telegraf", "generic"} {
		for name, value := range codectest.Fixtures(t, "testdata/*.json") {
			r := decode(t, pipeline.Settings{"preset": preset}, string(value))
			if r.Code != "" || len(r.Lost) != 0 {
				t.Errorf("%s: %+v", name, r)
			}
			got[name] = r.Points
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("preset %s (-want +got):\n%s", preset, d)
		}
	}
}

func TestBatches(t *testing.T) {
	one, two := `{"name":"a","fields":{"x":1}}`, `{"name":"b","fields":{"x":2}}`
	a, b := gauge("a_x{}", codectest.Timestamp*1e6, 1), gauge("b_x{}", codectest.Timestamp*1e6, 2)
	for _, c := range []struct {
		preset, value string
		want          []codectest.Point
		lost          map[string]int
		code          string
	}{
		{"telegraf", `{"metrics":[` + one + "," + two + "]}", points(a, b), nil, ""},
		{"telegraf", " {\n \"metrics\" : [ " + one + " ,\t" + two + " ] } \n", points(a, b), nil, ""},
		{"telegraf", "\uFEFF{\"metrics\":[" + one + "]}", points(a), nil, ""},
		{"telegraf", `{"metrics":[]}`, nil, nil, ""},
		{"telegraf", `{"metrics":[` + one + "]}\n" + two + `[{"metrics":[` + two + `]}]`, points(a, b, b), nil, ""},
		{"telegraf", `{"metrics":[{"metrics":[` + one + `]}]}`, nil, map[string]int{jsonmetrics.LostNoValue: 1}, ""},
		{"telegraf", `{"name":"a","metrics":[` + one + `]}`, nil, map[string]int{jsonmetrics.LostNoValue: 1}, ""},
		{"telegraf", `{"metrics":{"a":1}}`, nil, map[string]int{jsonmetrics.LostNoValue: 1}, ""},
		{"telegraf", `{"metrics":[` + one + `],"name":"a"}`, nil, nil, "json_metrics.syntax"},
		{"telegraf", `{"metrics":[` + one + `][` + two + `]}`, nil, nil, "json_metrics.syntax"},
		{"telegraf", `{"metrics":[` + one + two + `]}`, nil, nil, "json_metrics.syntax"},
		{"telegraf", `{"metrics":[` + one + `]`, nil, nil, "json_metrics.syntax"},
		{"telegraf", `{"metrics":[` + one, nil, nil, "json_metrics.syntax"},
		{"telegraf", `{"metrics":[1]}`, nil, nil, "json_metrics.not_object"},
		{"generic", `{"metrics":[{"name":"a_x","value":1},{"name":"b_x","value":2}]}`, points(a, b), nil, ""},
		{"prometheus_adapter", `{"metrics":[{"name":"a_x","value":1}]}`, nil, map[string]int{jsonmetrics.LostNoValue: 1}, ""},
	} {
		if c.lost == nil {
			c.lost = map[string]int{}
		}
		want := codectest.Result{Points: c.want, Lost: c.lost, Code: c.code}
		if d := cmp.Diff(want, decode(t, pipeline.Settings{"preset": c.preset}, c.value)); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.value, d)
		}
	}
	if got := decode(t, pipeline.Settings{"batch": []any{"records", "samples"}}, `{"samples":[{"name":"a_x","value":1}]}`); len(got.Points) != 1 {
		t.Errorf("%+v", got)
	}
}

func TestSettingsThatDoNotFit(t *testing.T) {
	for _, c := range []struct {
		settings   pipeline.Settings
		path, code string
	}{
		{pipeline.Settings{"value": list(), "values": list()}, "value", "json_metrics.field.value"},
		{pipeline.Settings{"preset": "telegraf", "values": list()}, "value", "json_metrics.field.value"},
		{pipeline.Settings{"time": list("a", "")}, "time[1]", "json_metrics.field.path"},
		{pipeline.Settings{"labels": list(strings.Repeat("a.", 8) + "a")}, "labels[0]", "json_metrics.field.path"},
	} {
		_, err := jsonmetrics.New(c.settings)
		var f *pipeline.SettingFault
		if !errors.As(err, &f) || f.Path != c.path || pipeline.Code(err) != c.code {
			t.Errorf("%v: %v", c.settings, err)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		settings pipeline.Settings
		value    string
		code     string
		says     string
	}{
		{nil, "", "json_metrics.empty", "topic t"},
		{nil, " \n", "json_metrics.empty", ""},
		{nil, `12`, "json_metrics.not_object", "number at byte 0"},
		{nil, `{"name":"m","value":1} "x"`, "json_metrics.not_object", "string at byte 23"},
		{nil, `{"name":"m","value":1`, "json_metrics.syntax", "at byte 0"},
		{nil, `{"name":"m","value":1}}`, "json_metrics.syntax", "at byte 22"},
		{nil, `{"name":"m","value":}`, "json_metrics.syntax", "at byte 20"},
		{nil, `[{"name":"m","value":1}`, "json_metrics.syntax", "no end"},
		{nil, `[{"name":"m","value":1},]`, "json_metrics.syntax", ""},
		{nil, `[{"name":"m","value":1} {}]`, "json_metrics.syntax", "comma"},
		{pipeline.Settings{"max_bytes": int64(10)}, `{"name":"m","value":1}`, "json_metrics.limit.bytes", "max_bytes 10"},
		{pipeline.Settings{"max_object_bytes": int64(21)}, `[{"name":"m","value":1}]`, "json_metrics.limit.object_bytes", "at byte 1 has 22 bytes"},
		{pipeline.Settings{"max_points": int64(2)}, `{"name":"m","value":1}{"name":"m"}{"name":"m"}`, "json_metrics.limit.points", "at byte 34"},
		{pipeline.Settings{"max_points": int64(2)}, `{"name":"m","fields":{"a":1,"b":2,"c":3}}`, "json_metrics.limit.points", ""},
		{pipeline.Settings{"max_attributes": int64(1)}, `{"name":"m","value":1,"a":"x","b":"y"}`, "json_metrics.limit.attributes", "has 2 labels"},
		{pipeline.Settings{"max_label_bytes": int64(4)}, `{"name":"m","value":1,"a":"xyz"}`, "json_metrics.limit.label_bytes", "max_label_bytes 4"},
		{pipeline.Settings{"max_nesting": int64(2)}, `{"name":"m","value":1,"a":{"b":[]}}`, "json_metrics.limit.nesting", "max_nesting 2"},
		{nil, strings.Repeat(`{"a":`, 5000), "json_metrics.limit.nesting", ""},
	} {
		codec, table := newCodec(t, c.settings), pipeline.NewSeriesTable(nil, 0)
		for range 3 { // neither a memo nor a layout must turn a refusal into a pass
			out := pipeline.NewColumns(table)
			err := codec.Decode(codectest.Record([]byte(c.value)), out)
			if pipeline.Code(err) != c.code || !strings.Contains(fmt.Sprint(err), c.says) || len(out.Lost) > 0 {
				t.Errorf("%.60s: %v, lost %v; want %s with %q", c.value, err, out.Lost, c.code, c.says)
			}
		}
	}
	for _, at := range []struct {
		settings pipeline.Settings
		value    string
	}{
		{pipeline.Settings{"max_bytes": int64(22)}, `{"name":"m","value":1}`},
		{pipeline.Settings{"max_object_bytes": int64(22)}, `[{"name":"m","value":1}]`},
		{pipeline.Settings{"max_points": int64(2)}, `{"name":"m","value":1}{"name":"m"}`},
		{pipeline.Settings{"max_attributes": int64(2)}, `{"name":"m","value":1,"a":"x","b":"y"}`},
		{pipeline.Settings{"max_label_bytes": int64(5)}, `{"name":"m","value":1,"a":"xyz"}`},
		{pipeline.Settings{"max_nesting": int64(3)}, `{"name":"m","value":1,"a":{"b":[]}}`},
	} {
		if got := decode(t, at.settings, at.value); got.Code != "" {
			t.Errorf("at the limit %v: %s", at.settings, got.Code)
		}
	}
}

func TestFullTableLosesNewSeriesOnly(t *testing.T) {
	codec, table := newCodec(t, nil), pipeline.NewSeriesTable(nil, 1)
	for range 4 {
		got := codectest.Decode(t, codec, table, codectest.Record([]byte(`[{"name":"a","value":1},{"name":"b","value":1},{"name":"a","value":2}]`)))
		if len(got.Points) != 2 || got.Lost[jsonmetrics.LostSeriesLimit] != 1 {
			t.Fatalf("%+v", got)
		}
	}
}

// TestMemoIsBoundAndForgetsWithoutHarm decodes ever new series with the smallest memo, and an old one between.
func TestMemoIsBoundAndForgetsWithoutHarm(t *testing.T) {
	codec, table := newCodec(t, pipeline.Settings{"memo": int64(1 << 20)}), pipeline.NewSeriesTable(nil, 0)
	for i := range 20_000 {
		got := codectest.Decode(t, codec, table, codectest.Record(fmt.Appendf(nil, `[{"name":"new","id":"%d","value":1},{"name":"always","value":2}]`, i)))
		if d := cmp.Diff(points(gauge(fmt.Sprintf(`new{id="%d"}`, i), now, 1), gauge("always{}", now, 2)), got.Points); d != "" {
			t.Fatal(d)
		}
		if size := jsonmetrics.MemoBytes(codec); size > 2<<20 {
			t.Fatalf("memo holds %d bytes", size)
		}
	}
}

func TestAnotherTableGetsItsOwnNumbers(t *testing.T) {
	codec := newCodec(t, nil)
	for _, order := range []string{"ab", "ba"} {
		table := pipeline.NewSeriesTable(nil, 0)
		for _, name := range order {
			for range 2 {
				got := codectest.Decode(t, codec, table, codectest.Record(fmt.Appendf(nil, `{"name":"%c","value":1}`, name)))
				if d := cmp.Diff(points(gauge(string(name)+"{}", now, 1)), got.Points); d != "" {
					t.Fatal(d)
				}
			}
		}
	}
}

func TestRegistered(t *testing.T) {
	reg := pipeline.NewRegistry()
	jsonmetrics.Register(reg)
	entry, ok := reg.Codec("json_metrics")
	if !ok {
		t.Fatal("not registered")
	}
	if _, err := entry.New(pipeline.Settings{}); err != nil {
		t.Fatal(err)
	}
	for _, s := range entry.Spec.Settings {
		if s.Doc == "" || s.Example == "" {
			t.Errorf("setting %s lacks doc or example", s.Name)
		}
	}
}
