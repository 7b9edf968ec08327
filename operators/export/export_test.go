package export

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/homeostat/homeostat/operators/operatortest"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// written are the events of the output.
func written(out *operatortest.Output) []schemas.Event {
	var events []schemas.Event
	for _, b := range out.Batches {
		for i := range b.Rows() {
			events = append(events, schemas.EventAt(b, i))
		}
	}
	return events
}

func records(out *operatortest.Output) []string {
	var got []string
	for _, e := range written(out) {
		got = append(got, string(e.Data))
	}
	return got
}

// made makes the operator, with a topic unless the settings name one.
func made(s pipeline.Settings) (pipeline.Operator, error) {
	full := pipeline.Settings{"topic": "out"}
	maps.Copy(full, s)
	return New(full)
}

func run(t *testing.T, settings pipeline.Settings, in *operatortest.Input, want ...string) {
	t.Helper()
	operatortest.Run(t, operatortest.Case{
		New: func() (pipeline.Operator, error) { return made(settings) }, Input: in,
		Check: func(t testing.TB, out *operatortest.Output) {
			if d := cmp.Diff(want, records(out)); d != "" {
				t.Errorf("records (-want +got):\n%s", d)
			}
		},
	})
}

const input = `
	windows cpu{host="a",system="s"} at 0s every 10s: 1 20/3
	windows requests:delta{host="a"} at 0s every 10s: 4/2 _
	windows app:stream{host="b"} at 10s every 10s: 7`

func TestRecords(t *testing.T) {
	run(t, pipeline.Settings{"topic": "out"}, operatortest.Script(t, input),
		`{"name":"cpu","entity":"a","system":"s","labels":{"host":"a","system":"s"},"window_start":0,"window_end":10000,"count":1,"sum":1,"min":1,"max":1,"avg":1,"last":1}`,
		`{"name":"requests","type":"delta","entity":"a","system":"default","labels":{"host":"a"},"window_start":0,"window_end":10000,"count":4,"sum":2,"min":0,"max":0,"avg":0.5,"last":0}`,
		`{"name":"cpu","entity":"a","system":"s","labels":{"host":"a","system":"s"},"window_start":10000,"window_end":20000,"count":20,"sum":3,"min":0,"max":0,"avg":0.15,"last":0}`,
		`{"name":"app","type":"stream","entity":"b","system":"default","labels":{"host":"b"},"window_start":10000,"window_end":20000,"count":7,"sum":0,"min":0,"max":0,"avg":0,"last":0}`)
}

func where(column string, bounds pipeline.Settings) pipeline.Settings {
	bounds["column"] = column
	return bounds
}

func TestWhere(t *testing.T) {
	in := operatortest.Script(t, `windows cpu{host="a"} at 0s every 10s: 1 2 3 4 5`)
	for _, c := range []struct {
		where []any
		want  []float64
	}{
		{[]any{where("avg", pipeline.Settings{"above": 3.0})}, []float64{4, 5}},
		{[]any{where("max", pipeline.Settings{"below": 3.0})}, []float64{1, 2}},
		{[]any{where("sum", pipeline.Settings{"above": 1.0, "below": 4.0}), where("last", pipeline.Settings{"above": 2.5})}, []float64{3}},
		{[]any{where("count", pipeline.Settings{"above": 1.0})}, nil},
		{[]any{where("min", pipeline.Settings{"above": -math.MaxFloat64})}, []float64{1, 2, 3, 4, 5}},
	} {
		operatortest.Run(t, operatortest.Case{
			New: func() (pipeline.Operator, error) { return made(pipeline.Settings{"where": c.where}) }, Input: in,
			Check: func(t testing.TB, out *operatortest.Output) {
				var got []float64
				for _, r := range records(out) {
					var v struct{ Avg float64 }
					if err := json.Unmarshal([]byte(r), &v); err != nil {
						t.Fatal(err)
					}
					got = append(got, v.Avg)
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("%v: %v, want %v", c.where, got, c.want)
				}
			},
		})
	}
}

func TestChosenSeriesAndFlatLabels(t *testing.T) {
	chosen := []any{pipeline.Settings{"metric": "c*", "labels": map[string]any{"host": "a*"}}, pipeline.Settings{"metric": "disk"}}
	run(t, pipeline.Settings{"series": chosen, "flat": true}, operatortest.Script(t, `
		windows cpu{count="5",host="a1",label.count="6",service="q"} at 0s every 10s: 1
		windows cpu{host="b"} at 0s every 10s: 2
		windows disk{host="b"} at 0s every 10s: 3`),
		`{"name":"cpu","entity":"q","system":"default","label.label.count":"5","host":"a1","label.count":"6","service":"q","window_start":0,"window_end":10000,"count":1,"sum":1,"min":1,"max":1,"avg":1,"last":1}`,
		`{"name":"disk","entity":"b","system":"default","host":"b","window_start":0,"window_end":10000,"count":1,"sum":3,"min":3,"max":3,"avg":3,"last":3}`)
}

func TestRenamedLabels(t *testing.T) {
	names := map[string]any{"host": "host.name", "status": "http.response.status_code", "service": "none", "a": "service"}
	in := `windows cpu{host.name="a1",http.response.status_code="200",service="q",z="1"} at 0s every 10s: 1`
	rest := `"window_start":0,"window_end":10000,"count":1,"sum":1,"min":1,"max":1,"avg":1,"last":1}`
	run(t, pipeline.Settings{"labels": names}, operatortest.Script(t, in),
		`{"name":"cpu","entity":"q","system":"default","labels":{"a":"q","host":"a1","status":"200"},`+rest)
	run(t, pipeline.Settings{"labels": names, "flat": true}, operatortest.Script(t, in),
		`{"name":"cpu","entity":"q","system":"default","a":"q","host":"a1","status":"200",`+rest)
}

func TestEventsNameTheWindow(t *testing.T) {
	in := operatortest.Script(t, `windows cpu{host="a",system="s"} at 0s every 10s: 1 2`)
	in.Revised(1, `cpu{host="a",system="s"}`, 0, 10e9, 2, 5, 1, 4, 4)
	operatortest.Run(t, operatortest.Case{
		New: func() (pipeline.Operator, error) { return made(nil) }, Input: in, FixedTime: true,
		Check: func(t testing.TB, out *operatortest.Output) {
			ids := map[string]bool{}
			var got []string
			for _, e := range written(out) {
				ids[e.ID] = true
				var v struct{ Revision int64 }
				if err := json.Unmarshal(e.Data, &v); err != nil {
					t.Fatal(err)
				}
				got = append(got, fmt.Sprint(e.Type, " ", e.Subject, " ", e.Key, " ", e.System, " ", e.Content, " ", schemas.FormatTime(e.Time), " ", e.Revision, " ", v.Revision))
			}
			const same = "io.homeostat.export.v1 a a s application/json 1970-01-01T00:00:"
			if d := cmp.Diff([]string{same + "10Z 0 0", same + "20Z 0 0", same + "20Z 1 1"}, got); d != "" || len(ids) != 3 {
				t.Errorf("%d ids (-want +got):\n%s", len(ids), d)
			}
		},
	})
}

func TestWhatJSONCannotWrite(t *testing.T) {
	x := &Exporter{}
	r := row{sumColumn: math.Inf(1), minColumn: math.NaN(), maxColumn: 1e300, avgColumn: 0.1}
	got := string(x.data(&pipeline.Series{Quantity: &pipeline.Quantity{Metric: "a\"\xff", Unit: "ms"}, Scope: &pipeline.Scope{}}, -1_500_000_000, 5e9, 0, 2, &r))
	want := `{"name":"a\"\ufffd","unit":"ms","entity":"","system":"","labels":{},"window_start":-1500,"window_end":5000,"count":2,"sum":null,"min":null,"max":1e+300,"avg":0.1,"last":0}`
	if got != want || !json.Valid([]byte(got)) {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func TestSettingsThatDoNotFit(t *testing.T) {
	for _, c := range []struct {
		settings   pipeline.Settings
		path, code string
	}{
		{pipeline.Settings{"topic": ""}, "topic", "export.topic.name"},
		{pipeline.Settings{"topic": "a b"}, "topic", "export.topic.name"},
		{pipeline.Settings{"topic": ".."}, "topic", "export.topic.name"},
		{pipeline.Settings{"where": []any{where("avg", pipeline.Settings{})}}, "where[0]", "export.where.bounds"},
		{pipeline.Settings{"where": []any{where("avg", pipeline.Settings{"above": 2.0, "below": 1.0})}}, "where[0]", "export.where.bounds"},
		{pipeline.Settings{"where": []any{where("avg", pipeline.Settings{"above": 2.0, "below": 2.0})}}, "where[0]", "export.where.bounds"},
		{pipeline.Settings{"series": []any{pipeline.Settings{"metric": "["}}}, "series[0].metric", "series.pattern"},
		{pipeline.Settings{"series": []any{pipeline.Settings{"metric": "a", "labels": map[string]any{"x": "["}}}}, "series[0].labels.x", "series.pattern"},
	} {
		_, err := made(c.settings)
		var f *pipeline.SettingFault
		if !errors.As(err, &f) || f.Path != c.path || pipeline.Code(err) != c.code {
			t.Errorf("%v: %v", c.settings, err)
		}
	}
}
