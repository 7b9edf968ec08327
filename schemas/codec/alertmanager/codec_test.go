package alertmanager_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/alertmanager"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
)

const (
	// recordAt is 2026-11-23T04:30:04.407Z.
	recordAt = codectest.Timestamp * 1e6
	// startAt and endAt are startText and endText, two hours and one minute before the record.
	startText = "2026-11-23T02:30:04.5Z"
	startAt   = recordAt - 7_199_907_000_000
	endText   = "2026-11-23T05:29:04.407+01:00"
	endAt     = recordAt - 60_000_000_000
)

// alert is a firing one with a label.
const alert = `{"status":"firing","labels":{"alertname":"A"},"startsAt":"` + startText + `","endsAt":"0001-01-01T00:00:00Z"}`

// group is what a webhook sends, with these alerts.
func group(alerts ...string) string {
	return `{"version":"4","groupKey":"{}:{}","status":"firing","receiver":"hook","alerts":[` + strings.Join(alerts, ",") + `]}`
}

func TestShapes(t *testing.T) {
	point := func(series string, time, start int64, value float64) []codectest.Point {
		return []codectest.Point{{Series: series, Time: time, Start: start, Value: value}}
	}
	fires := point(`alert{alertname="A"}`, recordAt, startAt, 1)
	resolved := strings.NewReplacer("firing", "resolved", "0001-01-01T00:00:00Z", endText).Replace(alert)
	own := pipeline.Settings{"time": "alert"}
	for _, c := range []struct {
		name     string
		value    string
		want     []codectest.Point
		lost     map[string]int
		settings pipeline.Settings
	}{
		{name: "firing", value: group(alert), want: fires},
		{name: "resolved", value: group(resolved), want: point(`alert{alertname="A"}`, recordAt, startAt, 0)},
		{name: "several", value: group(alert, resolved, alert), want: append(append(fires, point(`alert{alertname="A"}`, recordAt, startAt, 0)...), fires...)},
		{name: "an array", value: "[" + alert + "]", want: fires},
		{name: "an alert alone", value: alert, want: fires},
		{name: "white space and a byte order mark", value: "\uFEFF \r\n" + strings.ReplaceAll(strings.ReplaceAll(group(alert), `,"`, " ,\n\t\""), `":`, `" : `) + "\n", want: fires},
		{name: "escapes in names", value: `{"\u0061lerts":[` + strings.Replace(alert, `"labels"`, `"label\u0073"`, 1) + `]}`, want: fires},
		{name: "no alerts", value: group()},
		{name: "alerts that are null", value: `{"alerts":null}`},
		{name: "an empty array", value: " [ ] "},
		{name: "of members of one name the last", value: `{"alerts":[1],"alerts":[` + alert + `]}`, want: fires},
		{name: "of labels of one name the last", value: `[{"labels":{"a":"1","b":"2","a":"3"}}]`, want: point(`alert{a="3",b="2"}`, recordAt, 0, 1)},
		{name: "common labels", value: `{"alerts":[` + alert + `],"commonLabels":{"alertname":"B","zone":"z"}}`, want: point(`alert{alertname="A",zone="z"}`, recordAt, startAt, 1)},
		{name: "common labels that are null", value: `{"alerts":[` + alert + `],"commonLabels":null}`, want: fires},
		{name: "labels without value", value: `[{"labels":{"a":"","b":null,"c":"x"}}]`, want: point(`alert{c="x"}`, recordAt, 0, 1)},
		{name: "labels that are no texts", value: `[{"labels":{"a":1.50,"b":true,"c":"\u00e9\n\ud800"}}]`, want: point("alert{a=\"1.50\",b=\"true\",c=\"é\n\uFFFD\"}", recordAt, 0, 1)},
		{name: "labels not UTF-8", value: "[{\"labels\":{\"\xff\":\"a\xffb\"}}]", want: point("alert{\uFFFD=\"a\uFFFDb\"}", recordAt, 0, 1)},
		{name: "brackets in texts", value: `[{"annotations":{"x":"]}{[\"\\"},"labels":{"a":"}]\\\""}}]`, want: point("alert{a=\"\\}]\\\\\\\"\"}", recordAt, 0, 1)},
		{name: "no labels", value: `[{"labels":{}}]`, want: point("alert{}", recordAt, 0, 1)},
		{name: "Grafana's extras", value: `{"receiver":"hook","status":"firing","orgId":1,"alerts":[{"status":"firing","labels":{"alertname":"A"},"annotations":{},"startsAt":"` + startText +
			`","endsAt":"0001-01-01T00:00:00Z","fingerprint":"c6e","silenceURL":"x","values":{"B":22,"C":1},"valueString":"[ var='B' value=22 ]"}],"groupLabels":{},"version":"1","title":"[FIRING:1]","state":"alerting","message":"m"}`, want: fires},

		{name: "states of the API", value: `[{"labels":{"a":"1"},"status":{"state":"active","silencedBy":[]}},{"labels":{"a":"1"},"status":{"state":"suppressed"}},{"labels":{"a":"1"},"status":{"state":"unprocessed"}},{"labels":{"a":"1"},"status":{"state":"Resolved"}}]`,
			want: append(append(append(point(`alert{a="1"}`, recordAt, 0, 1), point(`alert{a="1"}`, recordAt, 0, 1)...), point(`alert{a="1"}`, recordAt, 0, 1)...), point(`alert{a="1"}`, recordAt, 0, 0)...)},
		{name: "no status, an end in the future", value: `[{"labels":{"a":"1"},"endsAt":"2026-11-23T04:30:04.408Z"}]`, want: point(`alert{a="1"}`, recordAt, 0, 1)},
		{name: "no status, an end now", value: `[{"labels":{"a":"1"},"endsAt":"2026-11-23T04:30:04.407Z"}]`, want: point(`alert{a="1"}`, recordAt, 0, 0)},
		{name: "no status, an end in the past", value: `[{"labels":{"a":"1"},"status":{},"endsAt":"` + endText + `"}]`, want: point(`alert{a="1"}`, recordAt, 0, 0)},
		{name: "no status, ends that are none", value: `[{"labels":{"a":"1"},"status":null,"endsAt":"2286-11-20T17:46:40Z"},{"labels":{"a":"1"},"endsAt":null},{"labels":{"a":"1"},"endsAt":""}]`,
			want: append(append(point(`alert{a="1"}`, recordAt, 0, 1), point(`alert{a="1"}`, recordAt, 0, 1)...), point(`alert{a="1"}`, recordAt, 0, 1)...)},
		{name: "another status", value: `[{"labels":{"a":"1"},"status":"pending"},{"labels":{"a":"1"},"status":7}]`, lost: map[string]int{alertmanager.LostNoValue: 2}},

		{name: "the alert's own time", value: group(alert, resolved), want: append(point(`alert{alertname="A"}`, startAt, startAt, 1), point(`alert{alertname="A"}`, endAt, startAt, 0)...), settings: own},
		{name: "an own time that is none", value: `[{"labels":{"a":"1"},"startsAt":"0001-01-01T00:00:00Z"},{"labels":{"a":"1"}}]`, want: append(point(`alert{a="1"}`, recordAt, 0, 1), point(`alert{a="1"}`, recordAt, 0, 1)...), settings: own},
		{name: "an own time that can't be read", value: `[{"labels":{"a":"1"},"startsAt":"yesterday"},{"labels":{"a":"1"},"startsAt":"2286-11-20T17:46:40Z"}]`, lost: map[string]int{alertmanager.LostTimeRange: 2}, settings: own},
		{name: "the same, where it does not count", value: `[{"labels":{"a":"1"},"startsAt":"yesterday"}]`, want: point(`alert{a="1"}`, recordAt, 0, 1)},
		{name: "a time as a number", value: `[{"labels":{"a":"1"},"startsAt":1795408204.407}]`, want: point(`alert{a="1"}`, recordAt, recordAt, 1), settings: own},

		{name: "truncated", value: `{"alerts":[` + alert + `],"truncatedAlerts":3}`, want: fires, lost: map[string]int{alertmanager.LostTruncated: 3}},
		{name: "not truncated", value: `{"alerts":[` + alert + `],"truncatedAlerts":0}`, want: fires},
	} {
		got := codectest.Fresh(t, alertmanager.New(c.settings), []byte(c.value))
		if c.lost == nil {
			c.lost = map[string]int{}
		}
		if d := cmp.Diff(codectest.Result{Points: c.want, Lost: c.lost}, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}

func TestRecordsWithoutTime(t *testing.T) {
	resolved := `{"labels":{"a":"1"},"status":"resolved","endsAt":"` + endText + `"}`
	for _, c := range []struct {
		value string
		time  int64
		lost  string
	}{
		{alert, startAt, ""},
		{resolved, endAt, ""},
		{`{"labels":{"a":"1"},"status":"firing"}`, 0, alertmanager.LostNoTime},
		{`{"labels":{"a":"1"},"status":"firing","startsAt":"soon"}`, 0, alertmanager.LostTimeRange},
		{`{"labels":{"a":"1"},"startsAt":"` + startText + `","endsAt":"` + endText + `"}`, 0, alertmanager.LostNoTime},
	} {
		for _, timestamp := range []int64{0, -1} {
			got := codectest.Decode(t, alertmanager.New(nil), pipeline.NewSeriesTable(nil, 0), &pipeline.Record{Timestamp: timestamp, Value: []byte(c.value)})
			switch {
			case c.lost != "" && (len(got.Points) != 0 || got.Lost[c.lost] != 1), c.lost == "" && (len(got.Points) != 1 || got.Points[0].Time != c.time):
				t.Errorf("%s: %+v", c.value, got)
			}
		}
	}
}

func TestLimits(t *testing.T) {
	for _, c := range []struct {
		name      string
		settings  pipeline.Settings
		good, bad string
		code      string
	}{
		{"bytes", pipeline.Settings{"max_bytes": int64(len(alert))}, alert, alert + " ", "alertmanager.limit.bytes"},
		{"points", pipeline.Settings{"max_points": int64(2)}, group(alert, alert), group(alert, alert, alert), "alertmanager.limit.points"},
		{"labels", pipeline.Settings{"max_attributes": int64(1)}, alert, `{"labels":{"a":"1","b":"2"}}`, "alertmanager.limit.attributes"},
		{"labels, common ones", pipeline.Settings{"max_attributes": int64(1)}, `{"alerts":[` + alert + `],"commonLabels":{"alertname":"B"}}`, `{"alerts":[` + alert + `],"commonLabels":{"b":"B"}}`, "alertmanager.limit.attributes"},
		{"text", pipeline.Settings{"max_label_bytes": int64(10)}, alert, strings.Replace(alert, `"A"`, `"AA"`, 1), "alertmanager.limit.label_bytes"},
		{"nesting", pipeline.Settings{"max_nesting": int64(4)}, group(alert), group(`{"labels":{},"x":[[]]}`), "alertmanager.limit.nesting"},
	} {
		codec, table := alertmanager.New(c.settings), pipeline.NewSeriesTable(nil, 0)
		if got := codectest.Decode(t, codec, table, codectest.Record([]byte(c.good))); got.Code != "" || len(got.Points) == 0 {
			t.Errorf("%s, within: %+v", c.name, got)
		}
		if got := codectest.Decode(t, codec, table, codectest.Record([]byte(c.bad))); got.Code != c.code {
			t.Errorf("%s, beyond: %+v, want %s", c.name, got, c.code)
		}
	}
}

func TestSeriesLimit(t *testing.T) {
	codec, table := alertmanager.New(nil), pipeline.NewSeriesTable(nil, 1)
	for range 2 {
		got := codectest.Decode(t, codec, table, codectest.Record([]byte(group(alert, `{"labels":{"a":"1"}}`, alert, `{"labels":{"a":"2"}}`))))
		if len(got.Points) != 2 || got.Lost[alertmanager.LostSeriesLimit] != 2 {
			t.Fatalf("%+v", got)
		}
	}
}

// A lane that evicts series goes on with another table: what was remembered of the first is of no use.
func TestAnotherTable(t *testing.T) {
	codec := alertmanager.New(nil)
	for i := range 3 {
		table := pipeline.NewSeriesTable(nil, 0)
		for n := range i {
			if _, err := table.Intern(fmt.Sprint("other", n), "", pipeline.Gauge, nil); err != nil {
				t.Fatal(err)
			}
		}
		got := codectest.Decode(t, codec, table, codectest.Record([]byte(alert)))
		if len(got.Points) != 1 || got.Points[0].Series != `alert{alertname="A"}` {
			t.Fatalf("%+v", got)
		}
	}
}

func TestMemoIsBounded(t *testing.T) {
	codec, table := alertmanager.New(pipeline.Settings{"memo": int64(1 << 20)}), pipeline.NewSeriesTable(nil, 10)
	for i := range 30_000 {
		out := pipeline.NewColumns(table)
		if err := codec.Decode(codectest.Record(fmt.Appendf(nil, `{"labels":{"a":"%0100d"}}`, i)), out); err != nil {
			t.Fatal(err)
		}
		if n := alertmanager.MemoBytes(codec); n > 3<<20 {
			t.Fatalf("the memo takes %d bytes after %d series", n, i)
		}
	}
}
