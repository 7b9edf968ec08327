package collectd_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
)

// valueList is a value list as encoding/json sees it.
type valueList struct {
	Values         []*float64  `json:"values"`
	DSTypes        []string    `json:"dstypes"`
	DSNames        []string    `json:"dsnames"`
	Time           json.Number `json:"time"`
	Interval       float64     `json:"interval"`
	Host           string      `json:"host"`
	Plugin         string      `json:"plugin"`
	PluginInstance string      `json:"plugin_instance"`
	Type           string      `json:"type"`
	TypeInstance   string      `json:"type_instance"`
}

func (v *valueList) point(i int, typ pipeline.SeriesType, at int64) codectest.Point {
	metric := "collectd_" + v.Plugin
	if v.Type != v.Plugin {
		metric += "_" + v.Type
	}
	if v.DSNames[i] != "value" {
		metric += "_" + v.DSNames[i]
	}
	var labels []pipeline.Label
	for name, value := range map[string]string{"host": v.Host, "plugin_instance": v.PluginInstance, "type_instance": v.TypeInstance} {
		if value != "" {
			labels = append(labels, pipeline.Label{Name: name, Value: value})
		}
	}
	return point(pipeline.SeriesKey(metric, typ, pipeline.NewLabels(labels)), at, *v.Values[i])
}

// consult reads a record with encoding/json.
func consult(value []byte) (r codectest.Result, err error) {
	r.Lost = map[string]int{}
	var lists []valueList
	if err := json.Unmarshal(value, &lists); err != nil {
		return r, err
	}
	for _, v := range lists {
		whole, fraction, _ := strings.Cut(v.Time.String(), ".")
		var at int64
		if _, err := fmt.Sscan(whole+(fraction + "000000000")[:9], &at); err != nil {
			return r, err
		}
		for i := range v.Values {
			if v.Values[i] == nil {
				r.Lost["no_recorded_value"]++
				continue
			}
			typ := map[string]pipeline.SeriesType{"gauge": pipeline.Gauge, "derive": pipeline.Cumulative, "counter": pipeline.Cumulative, "absolute": pipeline.Delta}[v.DSTypes[i]]
			r.Points = append(r.Points, v.point(i, typ, at))
		}
	}
	return r, nil
}

var counters = pipeline.Settings{"store_rates": false}

func TestOracleOnFixtures(t *testing.T) {
	for name, value := range fixtures(t, "*.json") {
		want, err := consult(value)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, codectest.Fresh(t, newCodec(counters), value)); d != "" {
			t.Errorf("%s (-oracle +codec):\n%s", name, d)
		}
	}
}

func TestOracleOnRandomValueLists(t *testing.T) {
	check := codectest.NewChecker(func() pipeline.Codec { return newCodec(counters) })
	for seed := range uint64(2000) {
		value := randomLists(t, rand.New(rand.NewPCG(seed, 1)))
		want, err := consult(value)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, check.Check(t, codectest.Record(value))); d != "" {
			t.Fatalf("seed %d (-oracle +codec):\n%s\n%s", seed, d, value)
		}
	}
}

// randomLists are value lists as encoding/json writes them.
func randomLists(t testing.TB, r *rand.Rand) []byte {
	t.Helper()
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	lists := make([]valueList, 1+r.IntN(4))
	for i := range lists {
		v := valueList{Host: pick("", "node-1", "ä<&>\"\\"), Plugin: pick("cpu", "load", "x y"), PluginInstance: pick("", "0", "eth0"), Type: pick("load", "cpu", "t"), TypeInstance: pick("", "idle", "\u2028")}
		v.Time = json.Number(fmt.Sprintf("%d.%03d", 1+r.Uint32(), r.IntN(1000)))
		for range 1 + r.IntN(4) {
			x := r.NormFloat64() * 1e6
			v.Values = append(v.Values, &x)
			if r.IntN(5) == 0 {
				v.Values[len(v.Values)-1] = nil
			}
			v.DSTypes = append(v.DSTypes, pick("gauge", "derive", "counter", "absolute"))
			v.DSNames = append(v.DSNames, pick("value", "rx", "tx"))
		}
		lists[i] = v
	}
	value, err := json.Marshal(lists)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// FuzzDecode checks what holds for any bytes.
func FuzzDecode(f *testing.F) {
	for _, value := range fixtures(f, "collectd-*") {
		f.Add(value)
		for n := 1; n < len(value); n += 11 {
			f.Add(value[:n])
			f.Add(value[n:])
		}
	}
	for seed := range uint64(20) {
		f.Add(randomLists(f, rand.New(rand.NewPCG(seed, 2))))
	}
	f.Add([]byte("PUTVAL \"h \\\"x\\\"/p-1/if_octets\" interval=10 meta:a=\"b c\" N:1:U 5:nan:2\nputval h/p/t 1:1\r\n"))
	check := codectest.NewChecker(func() pipeline.Codec { return newCodec(counters) })
	f.Fuzz(func(t *testing.T, value []byte) {
		got := check.Check(t, codectest.Record(value))
		// What encoding/json understands and writes anew is the same to the codec.
		var lists []map[string]any
		if got.Code != "" || json.Unmarshal(value, &lists) != nil {
			return
		}
		want, err := consult(value)
		if err != nil || len(want.Points) == 0 || strings.Contains(string(value), `\`) {
			return
		}
		for _, v := range lists {
			for _, name := range []string{"values", "dstypes", "dsnames", "time"} {
				if _, ok := v[name]; !ok {
					return // the oracle reads only what is whole
				}
			}
		}
		if len(got.Points)+got.Lost["time_out_of_range"]+got.Lost["no_metric_name"] != len(want.Points) {
			t.Fatalf("%d points, want %d: %+v", len(got.Points), len(want.Points), got)
		}
	})
}
