package main

import (
	"strconv"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// event is a record of the events topic.
func event(id string, data string, sequence uint64) *kgo.Record {
	e := schemas.Event{ID: id, Source: "/homeostat/chaos/window", Type: schemas.TypeFinding, Time: began, System: "sys-1", Key: "sys-1", Data: []byte(data)}
	return record(eventsTopic, &e, sequence)
}

func record(topic string, e *schemas.Event, sequence uint64) *kgo.Record {
	r := &kgo.Record{Topic: topic, Partition: 3, Key: []byte(e.Key), Value: e.Data}
	for _, h := range e.Headers(sequence) {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
	}
	return r
}

func letter(offset int, value string) *kgo.Record {
	r := &kgo.Record{Topic: deadTopic, Value: []byte(value)}
	for k, v := range map[string]string{"hs-stage": "ingest", "hs-topic": metricsIn, "hs-partition": "1", "hs-offset": strconv.Itoa(offset), "hs-reason": "undecodable"} {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: k, Value: []byte(v)})
	}
	return r
}

func outputsOf(records ...*kgo.Record) *outputs {
	o := newOutputs()
	for i, r := range records {
		r.Offset = int64(i)
		o.add(r)
	}
	return o
}

func TestCompare(t *testing.T) {
	good := func() []*kgo.Record {
		return []*kgo.Record{event("a", "1", 1), event("b", "2", 2), letter(7, "x"), letter(8, "x")}
	}
	const finding, dead = "finding.v1", "dead letter undecodable"
	for name, f := range map[string]struct {
		got  func() []*kgo.Record
		what string
		want count
	}{
		"equal": {good, finding, count{want: 2, got: 2}},
		"another order and number of its process": {func() []*kgo.Record {
			return []*kgo.Record{letter(8, "x"), event("b", "2", 700), event("a", "1", 9), letter(7, "x")}
		}, finding, count{want: 2, got: 2}},
		"missing":   {func() []*kgo.Record { return good()[1:] }, finding, count{want: 2, got: 1, missing: 1}},
		"duplicate": {func() []*kgo.Record { return append(good(), event("b", "2", 3)) }, finding, count{want: 2, got: 3, duplicates: 1}},
		"extra":     {func() []*kgo.Record { return append(good(), event("c", "2", 3)) }, finding, count{want: 2, got: 3, extra: 1}},
		"changed data": {func() []*kgo.Record {
			return append(good()[1:], event("a", "9", 1))
		}, finding, count{want: 2, got: 2, differing: 1}},
		"a duplicate that says something else": {func() []*kgo.Record { return append(good(), event("b", "9", 3)) }, finding, count{want: 2, got: 3, duplicates: 1, differing: 1}},
		"changed attribute": {func() []*kgo.Record {
			e := event("a", "1", 1)
			e.Headers = append(e.Headers, kgo.RecordHeader{Key: schemas.HeaderMode, Value: []byte("live")})
			return append(good()[1:], e)
		}, finding, count{want: 2, got: 2, differing: 1}},
		"changed key": {func() []*kgo.Record {
			e := event("a", "1", 1)
			e.Key = []byte("sys-2")
			return append(good()[1:], e)
		}, finding, count{want: 2, got: 2, differing: 1}},
		"missing letter":   {func() []*kgo.Record { return good()[:3] }, dead, count{want: 2, got: 1, missing: 1}},
		"duplicate letter": {func() []*kgo.Record { return append(good(), letter(7, "x")) }, dead, count{want: 2, got: 3, duplicates: 1}},
		"changed letter":   {func() []*kgo.Record { return append(good()[:3], letter(8, "y")) }, dead, count{want: 2, got: 2, differing: 1}},
	} {
		v := compare(outputsOf(good()...), outputsOf(f.got()...))
		if d := cmp.Diff(f.want, *v.of(f.what), cmp.AllowUnexported(count{})); d != "" {
			t.Errorf("%s (-want +got)\n%s", name, d)
		}
		bad := f.want.bad()
		if v.faults() != bad {
			t.Errorf("%s: %d faults, not %d", name, v.faults(), bad)
		}
		if len(v.examples[f.what]) != bad {
			t.Errorf("%s: %d faults and the examples %v", name, bad, v.examples[f.what])
		}
		r := report{verdict: v, judgesTime: true}
		if r.failed() != (bad > 0) {
			t.Errorf("%s: the run failed: %t", name, r.failed())
		}
	}
}

// A duplicate without any disturbance is a fault as well, though both runs agree.
func TestUndisturbedDuplicate(t *testing.T) {
	two := outputsOf(event("a", "1", 1), event("a", "1", 2))
	if v := compare(two, two); v.of("finding.v1").duplicates != 2 {
		t.Errorf("found %+v", v.of("finding.v1"))
	}
}

func TestNoOutput(t *testing.T) {
	if v := compare(outputsOf(), outputsOf(&kgo.Record{Topic: eventsTopic, Value: []byte("?")})); v.faults() != 1 {
		t.Errorf("a record without attributes: %d faults", v.faults())
	}
}

// windows is the body of a window.v1, its series met in the order given.
func windows(t *testing.T, sum float64, order ...int) []byte {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	table := pipeline.NewSeriesTable(nil, 0)
	b := array.NewRecordBuilder(mem, pipeline.Windows.Schema())
	defer b.Release()
	rows := make([]int, len(order))
	for i, n := range order {
		s, err := table.Intern("svc.cpu", "1", pipeline.Gauge, pipeline.Labels{{Name: "n", Value: strconv.Itoa(n)}})
		if err != nil {
			t.Fatal(err)
		}
		b.Field(pipeline.WindowSeries).(*array.Uint32Builder).Append(s)
		for c := pipeline.WindowStart; c <= pipeline.WindowCount; c++ {
			b.Field(c).(*array.Int64Builder).Append(int64(c))
		}
		for c := pipeline.WindowSum; c <= pipeline.WindowLast; c++ {
			b.Field(c).(*array.Float64Builder).Append(sum + float64(n))
		}
		rows[i] = i
	}
	rec := b.NewRecord()
	defer rec.Release()
	body, err := schemas.EncodeWindows(mem, pipeline.Batch{Kind: pipeline.Windows, Record: rec, Series: table}, rows)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// The rows of a window count, not the order in which its lane met the series.
func TestWindowsByRows(t *testing.T) {
	of := func(body []byte) *outputs {
		return outputsOf(record(eventsTopic, &schemas.Event{ID: "w", Source: "s", Type: schemas.TypeWindow, Time: 1, Key: "k", Content: schemas.ContentArrow, Data: body}, 1))
	}
	want := of(windows(t, 1, 0, 1, 2))
	for name, f := range map[string]struct {
		body []byte
		bad  int
	}{
		"the same": {windows(t, 1, 0, 1, 2), 0}, "another order": {windows(t, 1, 2, 0, 1), 0},
		"other values": {windows(t, 1.5, 0, 1, 2), 1}, "a row less": {windows(t, 1, 0, 1), 1}, "no Arrow": {[]byte("x"), 1},
	} {
		if v := compare(want, of(f.body)); v.of("window.v1").differing != f.bad || v.faults() != f.bad {
			t.Errorf("%s: %+v", name, v.of("window.v1"))
		}
	}
}

func timeRecord(mark string) *kgo.Record {
	return &kgo.Record{Topic: eventsTopic, Partition: 2, Headers: []kgo.RecordHeader{{Key: schemas.HeaderLane, Value: []byte("metrics/0")}, {Key: schemas.HeaderWatermark, Value: []byte(mark)}}}
}

func TestCompareTime(t *testing.T) {
	of := func(marks ...string) *outputs {
		var rs []*kgo.Record
		for _, m := range marks {
			rs = append(rs, timeRecord(m))
		}
		return outputsOf(rs...)
	}
	for name, f := range map[string]struct {
		got     *outputs
		want    count
		regress int
	}{
		"equal":                      {of("10", "20", "30"), count{want: 2, got: 2}, 0},
		"none first":                 {of("", "10", "20"), count{want: 2, got: 2}, 0},
		"behind the end all is free": {of("10", "20", "40", "50"), count{want: 2, got: 2}, 0},
		"missing":                    {of("10"), count{want: 2, got: 1, missing: 1}, 0},
		"duplicate":                  {of("10", "10", "20"), count{want: 2, got: 3, duplicates: 1}, 0},
		"extra":                      {of("10", "15", "20"), count{want: 2, got: 3, extra: 1}, 0},
		"fell back":                  {of("10", "20", "10"), count{want: 2, got: 3, duplicates: 1}, 1},
		"forgot":                     {of("10", "", "20"), count{want: 2, got: 2}, 1},
	} {
		v := compare(of("10", "20", "30"), f.got)
		v.compareTime(of("10", "20", "30"), f.got, 25)
		if d := cmp.Diff(f.want, *v.of(timeRecords), cmp.AllowUnexported(count{})); d != "" {
			t.Errorf("%s (-want +got)\n%s", name, d)
		}
		if v.regress != f.regress {
			t.Errorf("%s: %d marks fell back, not %d", name, v.regress, f.regress)
		}
		if r := (&report{verdict: v, judgesTime: true}); r.failed() != (f.want.bad()+f.regress > 0) {
			t.Errorf("%s: the run failed: %t", name, r.failed())
		}
		if r := (&report{verdict: v}); r.failed() {
			t.Errorf("%s: the run failed for time, which was not to be judged", name)
		}
	}
}
