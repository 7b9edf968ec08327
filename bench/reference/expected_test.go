package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
	"github.com/homeostat/homeostat/schemas/codec/otlp"
)

var small = load{layout: layout{name: "spread", spread: true}, seed: 3, hosts: 2, partitions: 2, rounds: 12 * 20}

// written writes a load to nowhere.
func written(l *load) (*writer, []record) {
	w := newWriter(l)
	var all []record
	for n := range w.steps() {
		all = append(all, w.step(n)...)
	}
	return w, append(all, w.end()...)
}

// right are the outputs that a load should have, an event for each window of a series.
func right(t *testing.T, w *writer) []*kgo.Record {
	t.Helper()
	names := map[int]string{}
	for key, n := range w.seriesNames() {
		names[n] = key
	}
	var out []*kgo.Record
	for at, c := range w.expected.windows {
		out = append(out, event(t, at.series, at.start, c.numbers()))
	}
	for range w.expected.late {
		out = append(out, letter("late"))
	}
	slices.SortFunc(out, func(a, b *kgo.Record) int { return strings.Compare(string(a.Value), string(b.Value)) })
	return out
}

func letter(reason string) *kgo.Record {
	return &kgo.Record{Headers: []kgo.RecordHeader{{Key: "hs-reason", Value: []byte(reason)}}}
}

// event is a window.v1 of one window.
func event(t *testing.T, series int, start int64, numbers [5]float64) *kgo.Record {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	host, k := series/seriesPerHost, series%seriesPerHost
	table := pipeline.NewSeriesTable(nil, 0)
	s, err := table.Intern(metricOf(k), "ms", pipeline.Gauge, pipeline.NewLabels(append(hostLabels(host), pointLabels(k)...)))
	if err != nil {
		t.Fatal(err)
	}
	b := array.NewRecordBuilder(mem, pipeline.Windows.Schema())
	defer b.Release()
	b.Field(pipeline.WindowSeries).(*array.Uint32Builder).Append(s)
	for column, v := range map[int]int64{pipeline.WindowStart: start, pipeline.WindowEnd: start + window, pipeline.WindowCount: int64(numbers[0])} {
		b.Field(column).(*array.Int64Builder).Append(v)
	}
	for i, v := range numbers[1:] {
		b.Field(pipeline.WindowSum + i).(*array.Float64Builder).Append(v)
	}
	rec := b.NewRecord()
	defer rec.Release()
	body, err := schemas.EncodeWindows(mem, pipeline.Batch{Kind: pipeline.Windows, Record: rec, Series: table}, []int{0})
	if err != nil {
		t.Fatal(err)
	}
	return &kgo.Record{Value: body, Headers: []kgo.RecordHeader{{Key: schemas.HeaderType, Value: []byte(schemas.TypeWindow)}}}
}

// TestCheckerFinds has each fault that outputs can have.
func TestCheckerFinds(t *testing.T) {
	w, _ := written(&small)
	good := right(t, w)
	if w.expected.late == 0 || w.expected.raised() == 0 {
		t.Fatalf("%d late records and %d raised windows: the load is too small", w.expected.late, w.expected.raised())
	}
	start := began + 30*window
	c := w.expected.windows[place{0, start}]
	changed := func(i int, by float64) *kgo.Record {
		numbers := c.numbers()
		numbers[i] += by
		return event(t, 0, start, numbers)
	}
	same := string(event(t, 0, start, c.numbers()).Value)
	at := slices.IndexFunc(good, func(r *kgo.Record) bool { return string(r.Value) == same })
	if at < 0 {
		t.Fatal("the window is not among the outputs")
	}
	with := func(r *kgo.Record) []*kgo.Record { return append(slices.Clone(good), r) }
	instead := func(r *kgo.Record) []*kgo.Record { out := slices.Clone(good); out[at] = r; return out }
	for name, f := range map[string]struct {
		got  []*kgo.Record
		want found
	}{
		"all is right":        {good, found{}},
		"another count":       {instead(changed(0, 1)), found{wrong: 1}},
		"another sum":         {instead(changed(1, 1e-9)), found{wrong: 1}},
		"another least":       {instead(changed(2, 1e-9)), found{wrong: 1}},
		"another greatest":    {instead(changed(3, 1e-9)), found{wrong: 1}},
		"another last":        {instead(changed(4, 1e-9)), found{wrong: 1}},
		"a window less":       {append(slices.Clone(good[:at]), good[at+1:]...), found{missing: 1}},
		"a window twice":      {with(good[at]), found{repeated: 1}},
		"a window of nothing": {with(event(t, 0, began-2*window, c.numbers())), found{extra: 1}},
		"an unknown series":   {with(event(t, 1000, start, c.numbers())), found{extra: 1}},
		"another time":        {with(event(t, 0, start+1, c.numbers())), found{extra: 1}},
		"no window":           {with(&kgo.Record{Value: []byte("x"), Headers: good[at].Headers}), found{unreadable: 1}},
		"too many are late":   {with(letter("late")), found{odd: 1}},
		"one is broken":       {with(letter("undecodable")), found{odd: 1}},
	} {
		ch := newChecker(&small, w.expected)
		for _, r := range f.got {
			ch.add(r)
		}
		got := ch.over()
		if len(got.examples) != got.bad() {
			t.Errorf("%s: %d faults and the examples %v", name, got.bad(), got.examples)
		}
		got.examples, got.windows, got.late = nil, 0, 0
		if d := cmp.Diff(f.want, *got, cmp.AllowUnexported(found{})); d != "" {
			t.Errorf("%s (-want +got)\n%s", name, d)
		}
	}
}

// TestLoad holds what is expected against the records, decoded and put into windows in the plainest way.
func TestLoad(t *testing.T) {
	for _, l := range layouts {
		in := &load{layout: l, seed: 5, hosts: 3, partitions: 3, rounds: 10 * int64(time.Minute) / round}
		w, records := written(in)
		codec := otlp.New(nil)
		names, windows := in.seriesNames(), map[place][]float64{}
		marks, rows, late := map[int32]int64{}, int64(0), int64(0)
		periods := map[int32][2]int64{}
		for _, r := range records {
			cols := pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0))
			if err := codec.Decode(&pipeline.Record{Value: r.value}, cols); err != nil {
				t.Fatal(err)
			}
			mark := marks[r.partition]
			for i, at := range cols.PointTime {
				rows++
				series, known := names[cols.Series.At(cols.PointSeries[i]).Key()]
				switch {
				case at < mark:
					late++
				case known:
					p := place{series, at - at%window}
					windows[p] = append(windows[p], cols.PointValue[i])
					if _, seen := periods[r.partition]; !seen {
						periods[r.partition] = [2]int64{at, at}
					}
					periods[r.partition] = [2]int64{min(periods[r.partition][0], at), max(periods[r.partition][1], at)}
				}
				marks[r.partition] = max(marks[r.partition], (at-disorder)-(at-disorder)%window)
			}
		}
		if rows != w.expected.rows+w.expected.lateRows || late != w.expected.lateRows || late == 0 {
			t.Errorf("%s: %d rows, %d late; expected %d and %d", l.name, rows, late, w.expected.rows, w.expected.lateRows)
		}
		if len(windows) != len(w.expected.windows) {
			t.Errorf("%s: %d windows, expected %d", l.name, len(windows), len(w.expected.windows))
		}
		for p, values := range windows {
			c := w.expected.windows[p]
			if c == nil || c.count != int64(len(values)) || c.min.float() != slices.Min(values) || c.max.float() != slices.Max(values) {
				t.Errorf("%s: window %v of the values %v is expected to be %v", l.name, p, values, c)
			}
		}
		for p := range int32(in.partitions) - 1 {
			if apart := periods[p+1][0] - periods[p][1]; l.shift > 0 && apart < int64(45*time.Minute) {
				t.Errorf("%s: partition %d begins %s after the one before ends", l.name, p+1, time.Duration(apart))
			}
		}
	}
}
