package burnrate

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// FuzzRestore: no bytes make Restore panic, or what comes after a Restore that went well.
func FuzzRestore(f *testing.F) {
	table := pipeline.NewSeriesTable(nil, 0)
	s, _ := table.Intern(pipeline.SLIMetric, "", pipeline.Delta, []pipeline.Label{{Name: "slo", Value: "web"}})
	w := pipeline.Window{Table: table, Series: []uint32{s}, Count: []int64{100}, Sum: []float64{0}}
	fresh := func() *Detector {
		d, _ := New(settings(nil))
		d.Open(&pipeline.Env{SLOs: []pipeline.SLO{slo()}, Series: table})
		return d.(*Detector)
	}
	feed := func(d *Detector) {
		for k := range int64(30) {
			w.Start, w.End, w.Sum[0] = k*10e9, k*10e9+10e9, float64(k/20*50)
			if _, err := d.Detect(&w, nil); err != nil {
				f.Fatal(err)
			}
		}
	}
	d := fresh()
	feed(d)
	var b bytes.Buffer
	frozen, err := d.Snapshot()
	if err == nil {
		err = frozen.Write(&b)
	}
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		d := fresh()
		if err := d.Restore(bytes.NewReader(data)); err != nil {
			if pipeline.Code(err) == "" {
				t.Fatalf("an error without a code: %v", err)
			}
			return
		}
		if len(d.indicator) <= table.Len() {
			feed(d)
		}
	})
}

// oldSnapshot is one of version 1: the objective's series, which does not name its system, has ordinal 1 of 2 or more and saw 19
// good windows, then 2 in which half was bad, and its finding is open.
func oldSnapshot(t *testing.T, table *pipeline.SeriesTable) []byte {
	t.Helper()
	d := made(t, table)
	w := pipeline.Window{Table: table, Series: []uint32{1}, Count: []int64{100}, Sum: []float64{0}}
	d.grow(table)
	d.indicator[1] = d.indicatorNamed("web")
	for k := range int64(24) {
		w.Start, w.End, w.Sum[0] = k*10e9, k*10e9+10e9, float64(k/19*50)
		if _, err := d.Detect(&w, nil); err != nil {
			t.Fatal(err)
		}
	}
	if !d.alarm.Open(1) {
		t.Fatal("nothing was found")
	}
	x, alarms := d.indicator[1], d.alarm.Freeze()
	defer alarms.Release()
	frozen := state.Frozen(name, func(w *state.Writer) {
		w.Table(laneTable).Int64(int64(len(d.indicator)))
		writeOlder(w, 1, 1, x)
		alarms.Write(w)
	}, func() {})
	var b bytes.Buffer
	if err := frozen.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// writeOlder writes an indicator as version 1 or 2 did, whose events are in millionths.
func writeOlder(w *state.Writer, version int, series uint32, x *indicator) {
	old := state.Table{Name: "indicators", Version: version, Fields: []state.Field{
		{Name: "series", Type: state.Uint32, Role: state.Ordinal}, {Name: "slo", Type: state.Text}, {Name: "begun", Type: state.Int64},
		{Name: "start", Type: state.Ints}, {Name: "end", Type: state.Ints}, {Name: "total", Type: state.Ints}, {Name: "bad", Type: state.Ints},
	}}
	var columns [4][]int64
	for _, p := range x.past {
		for i, v := range [4]int64{p.start, p.end, int64(math.Round(p.total * 1e6)), int64(math.Round(p.bad * 1e6))} {
			columns[i] = append(columns[i], v)
		}
	}
	w.Table(old).Uint32(series).Text("web").Int64(x.begun).Ints(columns[0]).Ints(columns[1]).Ints(columns[2]).Ints(columns[3])
}

// What a snapshot has in millionths of events goes on as it was.
func TestOldSnapshotInMillionths(t *testing.T) {
	table := tableOf(t)
	d := made(t, table)
	d.grow(table)
	x := d.indicator[1]
	for k := range int64(50) {
		x.add(k*10e9, k*10e9+10e9, float64(100+k), float64(k)/8+0.3)
	}
	var b bytes.Buffer
	w := state.NewWriter(&b, name)
	w.Table(laneTable).Int64(int64(len(d.indicator)))
	writeOlder(w, 2, 1, x)
	d.alarm.Freeze().Write(w)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	again := made(t, table)
	if err := again.Restore(&b); err != nil {
		t.Fatal(err)
	}
	if got, want := again.indicator[1].past, x.past; !slices.Equal(got, want) {
		t.Errorf("the past is %v, want %v", got, want)
	}
	if got, want := again.indicator[1].verdict(0), x.verdict(0); got != want {
		t.Errorf("verdict %+v, want %+v", got, want)
	}
}

func made(t *testing.T, table *pipeline.SeriesTable) *Detector {
	t.Helper()
	d, err := New(settings(pipeline.Settings{"gone": int64(3)}))
	if err != nil {
		t.Fatal(err)
	}
	o := slo()
	o.Total, o.Bad = pipeline.Selector{Metric: "requests"}, pipeline.Selector{Metric: "errors"}
	if err := d.Open(&pipeline.Env{SLOs: []pipeline.SLO{o}, Series: table}); err != nil {
		t.Fatal(err)
	}
	return d.(*Detector)
}

// tableOf makes a table with the old series of the objective at 1, of system shop, and requests of the systems around it.
func tableOf(t *testing.T, systems ...string) *pipeline.SeriesTable {
	t.Helper()
	table := pipeline.NewSeriesTable(nil, 0)
	add := func(metric, label, value, system string) {
		if _, err := table.InternScoped(metric, "", pipeline.Delta, []pipeline.Label{{Name: label, Value: value}}, pipeline.Scope{Entity: "web", System: system, Domain: "web"}); err != nil {
			t.Fatal(err)
		}
	}
	add("requests", "system", "shop", "shop")
	add(pipeline.SLIMetric, "slo", "web", "shop")
	for _, s := range systems {
		add("requests", "system", s, s)
	}
	return table
}

// What an older snapshot has of a lane with one system goes on as that system's. The finding of the series that did not name
// it closes when it is gone, and what still burns is found on the new one.
func TestOldSnapshotOfOneSystem(t *testing.T) {
	table := tableOf(t)
	data := oldSnapshot(t, table)
	d := made(t, table)
	if err := d.Restore(bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	found := goOn(t, d, table, "shop")
	if len(found) < 2 || !found[0].Open || found[0].Revision != 0 || table.At(found[0].Series).Labels.Get("system") != "shop" {
		t.Fatalf("what burns is not found at once: %+v", found)
	}
	closed := false
	for _, f := range found {
		closed = closed || f.Series == 1 && !f.Open && f.Revision > 0
	}
	if !closed {
		t.Errorf("the finding of the old series did not close: %+v", found)
	}
	x := d.indicator[found[0].Series]
	if x.begun != 0 || d.indicator[1] != nil {
		t.Errorf("the past begins at %d, and the old series is watched: %t", x.begun, d.indicator[1] != nil)
	}
}

// Of several systems nobody knows what was whose: each begins anew.
func TestOldSnapshotOfSeveralSystems(t *testing.T) {
	table := tableOf(t, "mall")
	data := oldSnapshot(t, table)
	d := made(t, table)
	if err := d.Restore(bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	goOn(t, d, table, "shop")
	for _, x := range d.indicator {
		if x != nil && (x.begun != 240e9 || len(x.past) != 5) {
			t.Errorf("the past begins at %d and has %d windows", x.begun, len(x.past))
		}
	}
}

// goOn gives five more windows, half bad, of the objective in a system.
func goOn(t *testing.T, d *Detector, table *pipeline.SeriesTable, system string) (found []pipeline.Finding) {
	t.Helper()
	s, err := table.InternScoped(pipeline.SLIMetric, "", pipeline.Delta, d.slos[0].IndicatorLabels(system), pipeline.Scope{Entity: "web", System: system, Domain: "web"})
	if err != nil {
		t.Fatal(err)
	}
	w := pipeline.Window{Table: table, Series: []uint32{s}, Count: []int64{100}, Sum: []float64{50}}
	for k := int64(24); k < 29; k++ {
		w.Start, w.End = k*10e9, k*10e9+10e9
		if found, err = d.Detect(&w, found); err != nil {
			t.Fatal(err)
		}
	}
	return found
}
