package influx_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
	"github.com/homeostat/homeostat/schemas/codec/influx"
)

func newCodec(s pipeline.Settings) pipeline.Codec {
	c, err := influx.New(s)
	if err != nil {
		panic(err)
	}
	return c
}

func fixtures(t testing.TB) map[string][]byte {
	t.Helper()
	return codectest.Fixtures(t, "testdata/*.lp")
}

func point(series string, at int64, value float64) codectest.Point {
	return codectest.Point{Series: series, Time: at, Value: value}
}

// now is the time of records that have none of their own.
const now = codectest.Timestamp * 1_000_000

func TestTelegrafOutput(t *testing.T) {
	values := fixtures(t)
	for name, want := range map[string][]codectest.Point{
		"telegraf-0.lp": {
			point(`mem_used{dc="eu-1",host="node-1"}`, 1_795_408_592_000_000_000, 1295499264),
			point(`mem_used_percent{dc="eu-1",host="node-1"}`, 1_795_408_592_000_000_000, 5.125308214649627),
		},
		"telegraf-1.lp": {
			point(`mem_used_percent{dc="eu-1",host="node-1"}`, 1_795_408_594_000_000_000, 5.199153333385189),
			point(`mem_used{dc="eu-1",host="node-1"}`, 1_795_408_594_000_000_000, 1314164736),
		},
		"telegraf-2.lp": {
			point(`cpu_usage_user{cpu="cpu-total",dc="eu-1",host="node-1"}`, 1_795_408_594_000_000_000, 2.261306532665154),
			point(`cpu_usage_idle{cpu="cpu-total",dc="eu-1",host="node-1"}`, 1_795_408_594_000_000_000, 93.96984924615009),
		},
		"telegraf-fields.lp": {
			point(`shop_latency{host="host-1",region="eu west"}`, 1_795_868_676_000_000_000, 0.125),
			point(`shop_orders{host="host-1",region="eu west"}`, 1_795_868_676_000_000_000, 1000003),
			point(`shop_open{host="host-1",region="eu west"}`, 1_795_868_676_000_000_000, 1),
			point(`shop_up{host="host-1",region="eu west"}`, 1_795_868_676_000_000_000, 1),
		},
	} {
		got := codectest.Fresh(t, newCodec(nil), values[name])
		if d := cmp.Diff(codectest.Result{Points: want, Lost: map[string]int{}}, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestShapes(t *testing.T) {
	const at = 1_700_000_000_000_000_000
	one := []codectest.Point{point(`m_f{a="1",b="2"}`, at, 1.5)}
	for _, c := range []struct {
		name, value string
		want        []codectest.Point
		lost        map[string]int
	}{
		{"plain", "m,a=1,b=2 f=1.5 1700000000000000000\n", one, nil},
		{"no line end", "m,a=1,b=2 f=1.5 1700000000000000000", one, nil},
		{"carriage return", "m,a=1,b=2 f=1.5 1700000000000000000\r\n", one, nil},
		{"spaces around", "  m,a=1,b=2   f=1.5   1700000000000000000  \n", one, nil},
		{"tags in another order", "m,b=2,a=1 f=1.5 1700000000000000000\n", one, nil},
		{"the last of equal tags counts", "m,a=0,b=2,a=1 f=1.5 1700000000000000000", one, nil},
		{"comments and empty lines", "# a, comment=1\n\n \r\nm,a=1,b=2 f=1.5 1700000000000000000\n#m v=1\n", one, nil},
		{"no time", "m,a=1 f=2\n", []codectest.Point{point(`m_f{a="1"}`, now, 2)}, nil},
		{"no time, several lines", "m f=1\nm f=2\nm f=3", []codectest.Point{point("m_f{}", now, 1), point("m_f{}", now, 2), point("m_f{}", now, 3)}, nil},
		{"no tags", "m f=1,g=2i,h=3u 1700000000000000000", []codectest.Point{point("m_f{}", at, 1), point("m_g{}", at, 2), point("m_h{}", at, 3)}, nil},
		{"the field value", "m,a=1 value=2i,f=1 1700000000000000000", []codectest.Point{point(`m{a="1"}`, at, 2), point(`m_f{a="1"}`, at, 1)}, nil},
		{"the measurement prometheus", "prometheus,a=1 up=1,value=2 1700000000000000000", []codectest.Point{point(`up{a="1"}`, at, 1), point(`value{a="1"}`, at, 2)}, nil},
		{"booleans", "m a=t,b=T,c=true,d=True,e=TRUE,f=f,g=F,h=false,i=False,j=FALSE 1700000000000000000", []codectest.Point{
			point("m_a{}", at, 1), point("m_b{}", at, 1), point("m_c{}", at, 1), point("m_d{}", at, 1), point("m_e{}", at, 1),
			point("m_f{}", at, 0), point("m_g{}", at, 0), point("m_h{}", at, 0), point("m_i{}", at, 0), point("m_j{}", at, 0)}, nil},
		{"numbers", "m a=-1,b=-1.5e3,c=.5,d=-9223372036854775808i,e=18446744073709551615u,f=9223372036854775807i,g=-0i,h=1e-400 1700000000000000000", []codectest.Point{
			point("m_a{}", at, -1), point("m_b{}", at, -1500), point("m_c{}", at, .5), point("m_d{}", at, -1<<63), point("m_e{}", at, 1<<64), point("m_f{}", at, 1<<63), point("m_g{}", at, 0), point("m_h{}", at, 0)}, nil},
		{"texts are no metrics", `m,a=1 s="v 1.2, \"x\" \\",f=1 1700000000000000000`, []codectest.Point{point(`m_f{a="1"}`, at, 1)}, nil},
		{"text with a line end and what looks like fields", "m s=\"a=1\n,b 2\",f=1 1700000000000000000", []codectest.Point{point("m_f{}", at, 1)}, nil},
		{"nothing but texts", `m s="x",t="" 1700000000000000000`, nil, nil},
		{"a field that was a number and is a text", "m f=1,g=2 1700000000000000000\nm f=\"x\",g=3 1700000000000000000", []codectest.Point{point("m_f{}", at, 1), point("m_g{}", at, 2), point("m_g{}", at, 3)}, nil},
		{"escapes", `m\ x\,y=z,t\ a\,g\=1=v\ a\,l\=2 f\ i\,e\=ld=1 1700000000000000000`, []codectest.Point{point(`m x\,y\=z_f i\,e\=ld{t a\,g\=1="v a\,l\=2"}`, at, 1)}, nil},
		{"backslashes that escape nothing", `m\\,a=C:\dir\n\\ f\\=1 1700000000000000000`, nil, nil},
		{"backslashes in the middle", `m\x,a=C:\dir\n f\g=1 1700000000000000000`, []codectest.Point{point(`m\\x_f\\g{a="C\:\\dir\\n"}`, at, 1)}, nil},
		{"not UTF-8", "m\xff,a\xfe=\xfd f\xfc=1 1700000000000000000", []codectest.Point{point("m\uFFFD_f\uFFFD{a\uFFFD=\"\uFFFD\"}", at, 1)}, nil},
		{"not finite", "m a=NaN,b=inf,c=-Inf,d=1e999,e=1 1700000000000000000", []codectest.Point{point("m_e{}", at, 1)}, map[string]int{influx.LostNotFinite: 4}},
		{"time before 1970, two lines", "m a=1,b=2 -5\nm a=1 1700000000000000000", []codectest.Point{point("m_a{}", at, 1)}, map[string]int{influx.LostTimeRange: 2}},
		{"time in seconds, by its size", "m a=1 1700000000", []codectest.Point{point("m_a{}", at, 1)}, nil},
		{"time in microseconds, by its size", "m a=1 1700000000000000", []codectest.Point{point("m_a{}", at, 1)}, nil},
	} {
		if c.name == "backslashes that escape nothing" {
			continue // see TestRefused: the last backslash escapes the space
		}
		got := codectest.Fresh(t, newCodec(nil), []byte(c.value))
		if c.lost == nil {
			c.lost = map[string]int{}
		}
		if d := cmp.Diff(codectest.Result{Points: c.want, Lost: c.lost}, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}

func TestPrecision(t *testing.T) {
	for _, c := range []struct {
		precision, time string
		want            int64
	}{
		{"ns", "1700000000000000000", 1_700_000_000_000_000_000}, {"ns", "1", 1}, {"us", "1700000000000000", 1_700_000_000_000_000_000}, {"ms", "1700000000000", 1_700_000_000_000_000_000},
		{"s", "1700000000", 1_700_000_000_000_000_000}, {"s", "1", 1_000_000_000}, {"auto", "1700000000000", 1_700_000_000_000_000_000}, {"auto", "1700000000000000000", 1_700_000_000_000_000_000},
		{"auto", "999999999", 0}, {"s", "9223372037", 0}, {"ns", "9223372036854775808", 0}, {"ns", "0", 0}, {"s", "99999999999999999999999999", 0},
	} {
		got := codectest.Fresh(t, newCodec(pipeline.Settings{"precision": c.precision}), []byte("m f=1 "+c.time))
		switch {
		case c.want == 0 && (len(got.Points) != 0 || got.Lost[influx.LostTimeRange] != 1):
			t.Errorf("%s %s: %+v", c.precision, c.time, got)
		case c.want != 0 && (len(got.Points) != 1 || got.Points[0].Time != c.want):
			t.Errorf("%s %s: %+v", c.precision, c.time, got)
		}
	}
}

func TestCumulative(t *testing.T) {
	value := []byte("net,interface=eth0 bytes_recv=5i,bytes_recv_mean=5 1700000000000000000\nhaproxy value=1,x_total=2 1700000000000000000\ncpu time_idle=3,usage_idle=4 1700000000000000000")
	for _, c := range []struct {
		settings pipeline.Settings
		want     []string
	}{
		{nil, []string{`net_bytes_recv:cumulative{interface="eth0"}`, `net_bytes_recv_mean{interface="eth0"}`, "haproxy{}", "haproxy_x_total{}", "cpu_time_idle:cumulative{}", "cpu_usage_idle{}"}},
		{pipeline.Settings{"cumulative": []any{"*_total", "haproxy"}}, []string{`net_bytes_recv{interface="eth0"}`, `net_bytes_recv_mean{interface="eth0"}`, "haproxy:cumulative{}", "haproxy_x_total:cumulative{}", "cpu_time_idle{}", "cpu_usage_idle{}"}},
		{pipeline.Settings{"cumulative": []any{}}, []string{`net_bytes_recv{interface="eth0"}`, `net_bytes_recv_mean{interface="eth0"}`, "haproxy{}", "haproxy_x_total{}", "cpu_time_idle{}", "cpu_usage_idle{}"}},
	} {
		var got []string
		for _, p := range codectest.Fresh(t, newCodec(c.settings), value).Points {
			got = append(got, p.Series)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%v (-want +got):\n%s", c.settings, d)
		}
	}
}

func TestSettingsThatDoNotWork(t *testing.T) {
	for _, pattern := range []string{"[", ""} {
		if _, err := influx.New(pipeline.Settings{"cumulative": []any{"a", pattern}}); pipeline.Code(err) != "influx.cumulative.pattern" || !strings.HasPrefix(err.Error(), "cumulative[1]: ") {
			t.Errorf("%q: %v", pattern, err)
		}
	}
}

func TestNoTimeAnywhere(t *testing.T) {
	for _, timestamp := range []int64{0, -1, 1 << 62} {
		got := codectest.Decode(t, newCodec(nil), pipeline.NewSeriesTable(nil, 0), &pipeline.Record{Timestamp: timestamp, Value: []byte("m a=1,b=2\nm a=1 1700000000")})
		if len(got.Points) != 1 || got.Lost[influx.LostNoTime] != 2 {
			t.Errorf("timestamp %d: %+v", timestamp, got)
		}
	}
}

func TestSeriesLimit(t *testing.T) {
	c, table := newCodec(nil), pipeline.NewSeriesTable(nil, 2)
	for range 2 {
		got := codectest.Decode(t, c, table, codectest.Record([]byte("m a=1,b=2,c=3,d=4\nm a=5")))
		if len(got.Points) != 3 || got.Lost[influx.LostSeriesLimit] != 2 {
			t.Errorf("%+v", got)
		}
	}
}

// TestManyFields has lines of more fields than are compared one by one.
func TestManyFields(t *testing.T) {
	var fields []string
	for i := range 40 {
		fields = append(fields, "f"+strings.Repeat("x", i)+"=1")
	}
	check := codectest.NewChecker(func() pipeline.Codec { return newCodec(nil) })
	for shift := range 40 {
		line := "m " + strings.Join(append(append([]string{}, fields[shift:]...), fields[:shift]...), ",")
		if got := check.Check(t, codectest.Record([]byte(line))); len(got.Points) != 40 || got.Points[0].Series != "m_f"+strings.Repeat("x", shift)+"{}" {
			t.Fatalf("%d: %+v", shift, got)
		}
	}
}

// TestTheMemoForgets has a memo that is full at once, and tables that change.
func TestTheMemoForgets(t *testing.T) {
	c := newCodec(pipeline.Settings{"memo": int64(1)})
	for range 3 {
		table := pipeline.NewSeriesTable(nil, 0)
		for range 3 {
			got := codectest.Decode(t, c, table, codectest.Record([]byte("m,a=1 f=1 1700000000\nn,a=1 f=2 1700000000")))
			want := []codectest.Point{point(`m_f{a="1"}`, 1_700_000_000_000_000_000, 1), point(`n_f{a="1"}`, 1_700_000_000_000_000_000, 2)}
			if d := cmp.Diff(want, got.Points); d != "" {
				t.Fatal(d)
			}
		}
	}
}
