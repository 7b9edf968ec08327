package stand

import (
	"math"
	"strconv"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

const (
	eventsTopic = "chaos.events"
	deadTopic   = "chaos.dead-letters"
	metricsIn   = "raw.metrics"
	began       = int64(1_700_000_000_000_000_000)
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

func outputsOf(records ...*kgo.Record) *Outputs {
	o := NewOutputs(deadTopic)
	for i, r := range records {
		r.Offset = int64(i)
		o.Add(r)
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
		want Count
	}{
		"equal": {good, finding, Count{Want: 2, Got: 2}},
		"another order and number of its process": {func() []*kgo.Record {
			return []*kgo.Record{letter(8, "x"), event("b", "2", 700), event("a", "1", 9), letter(7, "x")}
		}, finding, Count{Want: 2, Got: 2}},
		"missing":   {func() []*kgo.Record { return good()[1:] }, finding, Count{Want: 2, Got: 1, Missing: 1}},
		"duplicate": {func() []*kgo.Record { return append(good(), event("b", "2", 3)) }, finding, Count{Want: 2, Got: 3, Duplicates: 1}},
		"extra":     {func() []*kgo.Record { return append(good(), event("c", "2", 3)) }, finding, Count{Want: 2, Got: 3, Extra: 1}},
		"changed data": {func() []*kgo.Record {
			return append(good()[1:], event("a", "9", 1))
		}, finding, Count{Want: 2, Got: 2, Differing: 1}},
		"a duplicate that says something else": {func() []*kgo.Record { return append(good(), event("b", "9", 3)) }, finding, Count{Want: 2, Got: 3, Duplicates: 1, Differing: 1}},
		"changed attribute": {func() []*kgo.Record {
			e := event("a", "1", 1)
			e.Headers = append(e.Headers, kgo.RecordHeader{Key: schemas.HeaderMode, Value: []byte("live")})
			return append(good()[1:], e)
		}, finding, Count{Want: 2, Got: 2, Differing: 1}},
		"changed key": {func() []*kgo.Record {
			e := event("a", "1", 1)
			e.Key = []byte("sys-2")
			return append(good()[1:], e)
		}, finding, Count{Want: 2, Got: 2, Differing: 1}},
		"missing letter":   {func() []*kgo.Record { return good()[:3] }, dead, Count{Want: 2, Got: 1, Missing: 1}},
		"duplicate letter": {func() []*kgo.Record { return append(good(), letter(7, "x")) }, dead, Count{Want: 2, Got: 3, Duplicates: 1}},
		"changed letter":   {func() []*kgo.Record { return append(good()[:3], letter(8, "y")) }, dead, Count{Want: 2, Got: 2, Differing: 1}},
	} {
		v := Compare(outputsOf(good()...), outputsOf(f.got()...))
		if d := cmp.Diff(f.want, *v.Of(f.what)); d != "" {
			t.Errorf("%s (-want +got)\n%s", name, d)
		}
		bad := f.want.Bad()
		if v.Faults() != bad {
			t.Errorf("%s: %d faults, not %d", name, v.Faults(), bad)
		}
		if len(v.Examples[f.what]) != bad {
			t.Errorf("%s: %d faults and the examples %v", name, bad, v.Examples[f.what])
		}
	}
}

// A duplicate without any disturbance is a fault as well, though both runs agree.
func TestUndisturbedDuplicate(t *testing.T) {
	two := outputsOf(event("a", "1", 1), event("a", "1", 2))
	if v := Compare(two, two); v.Of("finding.v1").Duplicates != 2 {
		t.Errorf("found %+v", v.Of("finding.v1"))
	}
}

func TestNoOutput(t *testing.T) {
	if v := Compare(outputsOf(), outputsOf(&kgo.Record{Topic: eventsTopic, Value: []byte("?")})); v.Faults() != 1 {
		t.Errorf("a record without attributes: %d faults", v.Faults())
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
		s, err := table.Intern("svc.cpu", "1", pipeline.Gauge, []pipeline.Label{{Name: "n", Value: strconv.Itoa(n)}})
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
	of := func(body []byte) *Outputs {
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
		if v := Compare(want, of(f.body)); v.Of("window.v1").Differing != f.bad || v.Faults() != f.bad {
			t.Errorf("%s: %+v", name, v.Of("window.v1"))
		}
	}
}

func timeRecord(mark string) *kgo.Record {
	return &kgo.Record{Topic: eventsTopic, Partition: 2, Headers: []kgo.RecordHeader{{Key: schemas.HeaderLane, Value: []byte("metrics/0")}, {Key: schemas.HeaderWatermark, Value: []byte(mark)}}}
}

func TestCompareTime(t *testing.T) {
	of := func(marks ...string) *Outputs {
		var rs []*kgo.Record
		for _, m := range marks {
			rs = append(rs, timeRecord(m))
		}
		return outputsOf(rs...)
	}
	for name, f := range map[string]struct {
		got     *Outputs
		want    Count
		regress int
	}{
		"equal":                      {of("10", "20", "30"), Count{Want: 2, Got: 2}, 0},
		"none first":                 {of("", "10", "20"), Count{Want: 2, Got: 2}, 0},
		"behind the end all is free": {of("10", "20", "40", "50"), Count{Want: 2, Got: 2}, 0},
		"missing":                    {of("10"), Count{Want: 2, Got: 1, Missing: 1}, 0},
		"duplicate":                  {of("10", "10", "20"), Count{Want: 2, Got: 3, Duplicates: 1}, 0},
		"extra":                      {of("10", "15", "20"), Count{Want: 2, Got: 3, Extra: 1}, 0},
		"fell back":                  {of("10", "20", "10"), Count{Want: 2, Got: 3, Duplicates: 1}, 1},
		"forgot":                     {of("10", "", "20"), Count{Want: 2, Got: 2}, 1},
	} {
		v := Compare(of("10", "20", "30"), f.got)
		v.CompareTime(of("10", "20", "30"), f.got, 25)
		if d := cmp.Diff(f.want, *v.Of(TimeRecords)); d != "" {
			t.Errorf("%s (-want +got)\n%s", name, d)
		}
		if v.Regress != f.regress {
			t.Errorf("%s: %d marks fell back, not %d", name, v.Regress, f.regress)
		}
	}
}

func TestBefore(t *testing.T) {
	late := event("b", "2", 2)
	for i := range late.Headers {
		if late.Headers[i].Key == schemas.HeaderTime {
			late.Headers[i].Value = []byte(schemas.FormatTime(began + 5))
		}
	}
	all := outputsOf(event("a", "1", 1), late, letter(7, "x"))
	for until, want := range map[int64]int{began: 1, began + 5: 2, began + 6: 3} {
		if got := len(all.Before(until).byID); got != want {
			t.Errorf("before %d there are %d outputs, not %d", until-began, got, want)
		}
	}
	if v := Compare(all, all.Before(began+5)); v.Of("finding.v1").Missing != 1 || v.Faults() != 1 {
		t.Errorf("the later one is not missing: %+v", v.Of("finding.v1"))
	}
}

func TestTold(t *testing.T) {
	other := timeRecord("20")
	other.Headers[0].Value = []byte("logs/0")
	silent := timeRecord("")
	silent.Headers[0].Value = []byte("metrics/1")
	for name, f := range map[string]struct {
		records []*kgo.Record
		want    int64
	}{
		"the slowest lane":     {[]*kgo.Record{timeRecord("10"), other, timeRecord("30")}, 20},
		"not one without rows": {[]*kgo.Record{timeRecord(""), timeRecord("30"), silent}, 30},
		"nobody":               {nil, math.MaxInt64},
	} {
		if got := outputsOf(f.records...).Told(); got != f.want {
			t.Errorf("%s: %d, not %d", name, got, f.want)
		}
	}
}
