package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

const events = "shop.events"

func finding(lane, id, data, sequence string, partition int32) message {
	key := "shop"
	return message{Lane: lane, Topic: events, Partition: partition, Key: &key, Value: []byte(data), Headers: [][2]string{
		{schemas.HeaderID, id}, {schemas.HeaderSource, "/homeostat/shop/robustz"}, {schemas.HeaderType, schemas.TypeFinding}, {schemas.HeaderSequence, sequence}}}
}

// recordOf is the message as it lies in its topic.
func recordOf(m message, offset int64) *kgo.Record {
	r := &kgo.Record{Topic: m.Topic, Partition: max(m.Partition, 0), Offset: offset, Value: m.Value}
	if m.Key != nil {
		r.Key = []byte(*m.Key)
	}
	for _, h := range m.Headers {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: h[0], Value: []byte(h[1])})
	}
	return r
}

// judged compares what a replay gives with what was written.
func judged(t *testing.T, wrote, gives []message) *stageResult {
	t.Helper()
	w := &written{pipeline: "shop", places: map[string]map[print][]place{}, names: map[string]map[print]string{}, rows: rows{}}
	for i, m := range wrote {
		if err := w.add(recordOf(m, int64(i))); err != nil {
			t.Fatal(err)
		}
	}
	var lines bytes.Buffer
	for _, m := range gives {
		if err := json.NewEncoder(&lines).Encode(m); err != nil {
			t.Fatal(err)
		}
	}
	res := &stageResult{}
	if err := w.compare(&lines, res); err != nil {
		t.Fatal(err)
	}
	w.rows.judge(res)
	w.left(res)
	return res
}

func TestStageCompare(t *testing.T) {
	a, b, c := finding("metrics/0", "a", "1", "7", 3), finding("metrics/0", "b", "2", "8", 3), finding("logs/0", "c", "3", "9", 3)
	wrote := []message{a, c, b}
	with := func(change func(*message)) []message {
		m := finding("metrics/0", "a", "1", "7", 3)
		change(&m)
		return []message{m, b, c}
	}
	for name, f := range map[string]struct {
		gives           []message
		wrongs, missing int
	}{
		"equal":                            {[]message{a, b, c}, 0, 0},
		"lanes in another order":           {[]message{c, a, b}, 0, 0},
		"a lane in another order":          {[]message{b, a, c}, 1, 0},
		"not given":                        {[]message{a, c}, 0, 1},
		"given twice":                      {[]message{a, a, b, c}, 1, 0},
		"another number of its process":    {with(func(m *message) { m.Headers[3][1] = "70" }), 0, 0},
		"another value":                    {with(func(m *message) { m.Value = []byte("9") }), 1, 1},
		"another header":                   {with(func(m *message) { m.Headers[0][1] = "x" }), 1, 1},
		"headers in another order":         {with(func(m *message) { slices.Reverse(m.Headers) }), 1, 1},
		"no key":                           {with(func(m *message) { m.Key = nil }), 1, 1},
		"another partition":                {with(func(m *message) { m.Partition = 4 }), 1, 1},
		"any partition, since it has none": {with(func(m *message) { m.Partition = -1 }), 0, 0},
	} {
		res := judged(t, wrote, f.gives)
		if res.wrongs != f.wrongs || res.missing != f.missing || res.messages != len(f.gives) {
			t.Errorf("%s: %d are wrong and %d missing of %d, not %d and %d: %v", name, res.wrongs, res.missing, res.messages, f.wrongs, f.missing, res.examples)
		}
		if len(res.examples) != res.bad() {
			t.Errorf("%s: the examples are %v", name, res.examples)
		}
	}
}

// portion is a message of the columns topic with a row for each value.
func portion(t *testing.T, values ...float64) message {
	t.Helper()
	table := pipeline.NewSeriesTable(nil, 10)
	s, err := table.Intern("cpu", "", pipeline.Gauge, nil)
	if err != nil {
		t.Fatal(err)
	}
	one := schemas.AppendSeries(nil, table.At(s))
	r := schemas.Rows{Kind: pipeline.Points, Dictionary: one, Entry: []int32{0, int32(len(one))}}
	for i, v := range values {
		r.Series, r.Time, r.Start, r.Value = append(r.Series, 0), append(r.Time, int64(i)), append(r.Start, 0), append(r.Value, v)
	}
	body, err := schemas.EncodeRows(&r)
	if err != nil {
		t.Fatal(err)
	}
	return message{Lane: "metrics/0", Topic: "shop.columns", Partition: 1, Value: body, Headers: [][2]string{{schemas.HeaderKind, pipeline.Points.String()}}}
}

func TestRowsCompare(t *testing.T) {
	if res := judged(t, []message{portion(t, 1, 2), portion(t, 1)}, []message{portion(t, 1), portion(t, 1, 2)}); res.bad() != 0 || res.rows != 3 {
		t.Errorf("the same rows: %+v", res)
	}
	if res := judged(t, []message{portion(t, 1, 2)}, []message{portion(t, 1), portion(t, 1)}); res.wrongs != 1 || res.missing != 1 {
		t.Errorf("one row twice and another not at all: %+v", res)
	}
	other := portion(t, 1)
	other.Partition = 2
	if res := judged(t, []message{portion(t, 1)}, []message{other}); res.wrongs != 1 || res.missing != 1 {
		t.Errorf("a row in another partition: %+v", res)
	}
}

// The examples are as the changes to them expect.
func TestConfigurations(t *testing.T) {
	for name, f := range map[string]struct {
		text   string
		counts map[string]int
	}{
		"shop":             {shop(false), map[string]int{"keyed: true": 0, "topic: plant.": 2}},
		"shop, keyed":      {shop(true), map[string]int{"keyed: true": 2, "topic: plant.": 2}},
		"boutique":         {boutique(false), map[string]int{"keyed: true": 0, "topic: nezha.": 4, "codec: otlp_metrics": 4}},
		"boutique, keyed":  {boutique(true), map[string]int{"keyed: true": 4, "topic: nezha.": 4}},
		"neither has them": {shop(false) + boutique(false), map[string]int{"\nkafka:": 0, "\nsinks:": 0, "\ninstance:": 0}},
	} {
		for what, want := range f.counts {
			if n := strings.Count(f.text, what); n != want {
				t.Errorf("%s has %q %d times, not %d", name, what, n, want)
			}
		}
	}
}
