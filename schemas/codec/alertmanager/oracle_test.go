package alertmanager_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/alertmanager"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
)

func fixtures(t testing.TB) map[string][]byte {
	t.Helper()
	return codectest.Fixtures(t, "testdata/*.json")
}

// message and oneAlert are what the specifications have, read and written by encoding/json.
type message struct {
	Version         string            `json:"version"`
	GroupKey        string            `json:"groupKey"`
	TruncatedAlerts uint64            `json:"truncatedAlerts"`
	Status          string            `json:"status"`
	Receiver        string            `json:"receiver"`
	GroupLabels     map[string]string `json:"groupLabels"`
	CommonLabels    map[string]string `json:"commonLabels"`
	Annotations     map[string]string `json:"commonAnnotations"`
	ExternalURL     string            `json:"externalURL"`
	Alerts          []oneAlert        `json:"alerts"`
}

type oneAlert struct {
	Status      any               `json:"status,omitempty"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations,omitempty"`
	StartsAt    time.Time         `json:"startsAt"`
	EndsAt      time.Time         `json:"endsAt"`
	URL         string            `json:"generatorURL"`
	Fingerprint string            `json:"fingerprint,omitempty"`
}

// consult says what alerts make in a record of that time. It shares no code with the codec.
func consult(alerts []oneAlert, common map[string]string, now time.Time, own bool) []codectest.Point {
	var out []codectest.Point
	for _, a := range alerts {
		firing := a.EndsAt.IsZero() || a.EndsAt.After(now)
		switch s := a.Status.(type) {
		case string:
			firing = s == "firing"
		case map[string]any:
			firing = true
		}
		p := codectest.Point{Time: now.UnixNano()}
		when := a.EndsAt
		if firing {
			p.Value = 1
			when = a.StartsAt
		}
		if own && !when.IsZero() {
			p.Time = when.UnixNano()
		}
		if !a.StartsAt.IsZero() {
			p.Start = a.StartsAt.UnixNano()
		}
		all := map[string]string{}
		for _, m := range []map[string]string{common, a.Labels} {
			for name, value := range m {
				all[name] = value
			}
		}
		var labels []pipeline.Label
		for name, value := range all {
			if value != "" {
				labels = append(labels, pipeline.Label{Name: name, Value: value})
			}
		}
		sort.Slice(labels, func(i, j int) bool { return labels[i].Name < labels[j].Name })
		p.Series = pipeline.SeriesKey("alert", pipeline.Gauge, labels)
		out = append(out, p)
	}
	return out
}

// understand reads a fixture by encoding/json.
func understand(t testing.TB, value []byte) ([]oneAlert, map[string]string) {
	t.Helper()
	if value[0] == '[' {
		var alerts []oneAlert
		if err := json.Unmarshal(value, &alerts); err != nil {
			t.Fatal(err)
		}
		return alerts, nil
	}
	var m message
	if err := json.Unmarshal(value, &m); err != nil {
		t.Fatal(err)
	}
	return m.Alerts, m.CommonLabels
}

// captured is when the fixtures were captured: between the end of one alert and the beginning of the next.
var captured = time.Date(2026, 11, 28, 9, 50, 20, 0, time.UTC)

func TestFixturesInWords(t *testing.T) {
	const rate, queue = `alert{alertname="HighErrorRate",cluster="eu-1",service="checkout",severity="critical"}`, `alert{alertname="QueueGrows",cluster="eu-1",queue="orders",service="checkout",severity="warning"}`
	const now, first, second, third, old = 1_795_859_420_000_000_000, 1_795_859_400_189_000_000, 1_795_859_496_189_000_000, 1_795_859_520_189_000_000, 1_795_859_394_189_000_000
	for name, want := range map[string][]codectest.Point{
		"alertmanager-webhook-firing.json":   {{Series: rate, Time: now, Start: second, Value: 1}},
		"alertmanager-webhook-resolved.json": {{Series: rate, Time: now, Start: second, Value: 0}},
		"alertmanager-webhook-group.json":    {{Series: rate, Time: now, Start: third, Value: 1}, {Series: queue, Time: now, Start: old, Value: 1}},
		"alertmanager-get-alerts.json":       {{Series: rate, Time: now, Start: third, Value: 1}, {Series: queue, Time: now, Start: old, Value: 1}},
		"prometheus-post-firing.json":        {{Series: rate, Time: now, Start: first, Value: 1}},
		"prometheus-post-resolved.json":      {{Series: rate, Time: now, Start: first, Value: 0}},
	} {
		value := fixtures(t)[name]
		rec := &pipeline.Record{Timestamp: captured.UnixMilli(), Value: value}
		got := codectest.Decode(t, alertmanager.New(nil), pipeline.NewSeriesTable(nil, 0), rec)
		if d := cmp.Diff(codectest.Result{Points: want, Lost: map[string]int{}}, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
		alerts, common := understand(t, value)
		for _, own := range []bool{false, true} {
			settings := pipeline.Settings{"time": map[bool]string{false: "record", true: "alert"}[own]}
			got := codectest.Decode(t, alertmanager.New(settings), pipeline.NewSeriesTable(nil, 0), rec)
			if d := cmp.Diff(consult(alerts, common, captured, own), got.Points); d != "" {
				t.Errorf("%s (-encoding/json +codec):\n%s", name, d)
			}
		}
	}
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func randomLabels(r *rand.Rand) map[string]string {
	labels := map[string]string{}
	for range r.IntN(5) {
		labels[pick(r, "alertname", "service", "größe", `q"uo\te`, "<&>", "\u2028", "")] = pick(r, "A", "", "line\nbreak", `{"a":[1,2]}`, "\\", strings.Repeat("long ", r.IntN(50)), "\x7f\x01", "日本")
	}
	return labels
}

func randomTime(r *rand.Rand) time.Time {
	return pick(r, time.Time{}, captured.Add(-time.Duration(r.Int64N(1e15))), captured.Add(time.Duration(r.Int64N(1e15))), captured).In(pick(r, time.UTC, time.FixedZone("", 7*3600+1800)))
}

func randomAlerts(r *rand.Rand) []oneAlert {
	alerts := []oneAlert{}
	for range r.IntN(6) {
		a := oneAlert{Labels: randomLabels(r), Annotations: randomLabels(r), StartsAt: randomTime(r), EndsAt: randomTime(r), URL: "http://x/?a=1&b=2"}
		a.Status = pick[any](r, nil, "firing", "resolved", map[string]any{"state": pick(r, "active", "suppressed"), "silencedBy": []any{}})
		alerts = append(alerts, a)
	}
	return alerts
}

// What encoding/json writes of notifications of random shape is read as it reads it, with memos and without.
func TestRandomNotifications(t *testing.T) {
	for _, own := range []bool{false, true} {
		settings := pipeline.Settings{"time": map[bool]string{false: "record", true: "alert"}[own]}
		checker := codectest.NewChecker(func() pipeline.Codec { return alertmanager.New(settings) })
		for seed := range uint64(2000) {
			r := rand.New(rand.NewPCG(seed, 1))
			m := message{Version: "4", Status: "firing", CommonLabels: randomLabels(r), Alerts: randomAlerts(r), TruncatedAlerts: pick[uint64](r, 0, 0, 2)}
			var shape any = m
			lost := map[string]int{}
			if seed%2 == 0 {
				shape, m.CommonLabels = m.Alerts, nil
			} else if m.TruncatedAlerts > 0 {
				lost[alertmanager.LostTruncated] = int(m.TruncatedAlerts)
			}
			value, err := json.Marshal(shape)
			if seed%3 == 0 {
				value, err = json.MarshalIndent(shape, " ", "\t")
			}
			if err != nil {
				t.Fatal(err)
			}
			got := checker.Check(t, &pipeline.Record{Timestamp: captured.UnixMilli(), Value: value})
			want := codectest.Result{Points: consult(m.Alerts, m.CommonLabels, captured, own), Lost: lost}
			if d := cmp.Diff(want, got); d != "" {
				t.Fatalf("seed %d: %s\n(-encoding/json +codec):\n%s", seed, value, d)
			}
		}
	}
}

// FuzzDecode checks that hostile bytes never panic, that an error leaves nothing behind, that a codec with a memo decodes as one without, and that
// what encoding/json understands of them, written by it, is decoded as the oracle says.
func FuzzDecode(f *testing.F) {
	for _, value := range fixtures(f) {
		f.Add(value)
		for n := 1; n < len(value); n += 97 {
			f.Add(value[:n])
		}
	}
	for _, h := range hostile() {
		if h.Record == nil && len(h.Value) < 1<<14 {
			f.Add(h.Value)
		}
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		checker := codectest.NewChecker(func() pipeline.Codec { return alertmanager.New(pipeline.Settings{"memo": int64(1 << 20)}) })
		got := checker.Check(t, codectest.Record(value))
		if !json.Valid(value) && got.Code == "" && !strings.HasPrefix(string(value), "\uFEFF") {
			t.Fatal("what is no JSON was read")
		}
		var alerts []oneAlert
		if json.Unmarshal(value, &alerts) != nil {
			return
		}
		for i, a := range alerts {
			year := func(t time.Time) bool { return t.Year() < 1970 || t.Year() > 2261 }
			if _, word := a.Status.(string); a.Labels == nil || year(a.StartsAt) && !a.StartsAt.IsZero() || year(a.EndsAt) && !a.EndsAt.IsZero() || a.Status != nil && !word {
				return
			}
			if a.Status != nil {
				alerts[i].Status = "firing"
			}
		}
		clean, err := json.Marshal(alerts)
		if err != nil {
			return
		}
		got = checker.Check(t, codectest.Record(clean))
		if strings.HasPrefix(got.Code, "alertmanager.limit.") || string(clean) == "null" {
			return
		}
		if d := cmp.Diff(consult(alerts, nil, time.UnixMilli(codectest.Timestamp), false), got.Points); d != "" {
			t.Fatalf("%s\n(-encoding/json +codec):\n%s", clean, d)
		}
	})
}

// notification is a webhook of ten alerts.
func notification(t testing.TB) []byte {
	m := message{Version: "4", Status: "firing", Receiver: "hook", CommonLabels: map[string]string{"cluster": "eu-1"}}
	for i := range 10 {
		m.Alerts = append(m.Alerts, oneAlert{Status: "firing", StartsAt: captured, URL: "http://prometheus:9090/graph?g0.expr=up+%3D%3D+0", Fingerprint: "17ed80dcf03695b9",
			Labels:      map[string]string{"alertname": "InstanceDown", "cluster": "eu-1", "instance": fmt.Sprintf("10.0.0.%d:9100", i), "job": "node", "severity": "critical"},
			Annotations: map[string]string{"summary": "Instance is down", "description": "It has been down for more than five minutes: look at its console and its \"dmesg\"."}})
	}
	value, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestDecodingAllocatesNothing(t *testing.T) {
	codec, out := alertmanager.New(nil), pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0))
	rec := codectest.Record(notification(t))
	decode := func() {
		out.Mark()
		if err := codec.Decode(rec, out); err != nil {
			t.Fatal(err)
		}
		out.Rollback()
	}
	decode()
	// The race detector has pools, as that of json.Valid, forget what is in them now and then: the least of several runs counts.
	least := math.Inf(1)
	for range 30 {
		least = min(least, testing.AllocsPerRun(1, decode))
	}
	if least != 0 {
		t.Fatalf("%v allocations for ten alerts, want none", least)
	}
}

func BenchmarkDecode(b *testing.B) {
	codec, out := alertmanager.New(nil), pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0))
	rec := codectest.Record(notification(b))
	b.ReportAllocs()
	b.SetBytes(int64(len(rec.Value)))
	points := 0
	for b.Loop() {
		out.Mark()
		if err := codec.Decode(rec, out); err != nil {
			b.Fatal(err)
		}
		points += len(out.PointSeries)
		out.Rollback()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(points), "ns/alert")
}
