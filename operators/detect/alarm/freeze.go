package alarm

import (
	"maps"
	"slices"

	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// The tables in a detector's snapshot: of the lane, of its series, row by ordinal, and of what is open.
var (
	laneTable = state.Table{Name: "alarm", Version: 1, Fields: []state.Field{{Name: "end", Type: state.Int64}}}
	cellTable = state.Table{Name: "alarm.series", Version: 1, BySeries: true, Fields: []state.Field{
		{Name: "recent", Type: state.Uint64}, {Name: "run", Type: state.Int64}, {Name: "calm", Type: state.Uint16},
		{Name: "rest", Type: state.Uint16}, {Name: "in_run", Type: state.Bool},
	}}
	findingTable = state.Table{Name: "alarm.findings", Version: 2, Fields: []state.Field{
		{Name: "series", Type: state.Uint32, Role: state.Ordinal}, {Name: "onset", Type: state.Int64}, {Name: "start", Type: state.Int64}, {Name: "end", Type: state.Int64},
		{Name: "revision", Type: state.Int64}, {Name: "silent", Type: state.Int64}, {Name: "seen", Type: state.Int64},
		{Name: "score", Type: state.Float64}, {Name: "probability", Type: state.Float64}, {Name: "value", Type: state.Float64},
		{Name: "low", Type: state.Float64}, {Name: "high", Type: state.Float64}, {Name: "direction", Type: state.Text}, {Name: "severity", Type: state.Text},
		{Name: "bar", Type: state.Float64}, {Name: "peak", Type: state.Float64},
	}}
)

// Frozen is a table as it was when it was frozen. Any goroutine may write it, one at a time.
type Frozen struct {
	end      int64
	cells    *state.FrozenColumn[cell]
	open     []finding // by series
	past     habits
	settling settling
}

// Freeze takes time by the number of pages and of open findings.
func (t *Table) Freeze() *Frozen {
	f := &Frozen{end: t.end, cells: t.cells.Freeze(), open: make([]finding, 0, len(t.open)), past: make(habits, len(t.past)), settling: slices.Clone(t.settling)}
	for series, all := range t.past {
		f.past[series] = slices.Clone(all)
	}
	for _, series := range slices.Sorted(maps.Keys(t.open)) {
		open := *t.open[series]
		open.said.Series = series
		f.open = append(f.open, open)
	}
	return f
}

// Release gives the frozen pages up.
func (f *Frozen) Release() {
	f.cells.Release()
	f.open, f.past = nil, nil
}

// Write writes the tables into a snapshot.
func (f *Frozen) Write(w *state.Writer) {
	w.Table(laneTable).Int64(f.end)
	cells := w.Table(cellTable)
	for i := range uint32(f.cells.Len()) {
		c := f.cells.At(i)
		cells.Uint64(c.recent).Int64(c.run).Uint16(c.calm).Uint16(c.rest).Bool(c.inRun)
	}
	findings := w.Table(findingTable)
	for i := range f.open {
		o, said := &f.open[i], &f.open[i].said
		findings.Uint32(said.Series).Int64(said.Onset).Int64(said.Start).Int64(said.End).
			Int64(int64(said.Revision)).Int64(int64(o.silent)).Int64(o.seen).
			Float64(said.Score).Float64(said.Probability).Float64(said.Value).
			Float64(said.Low).Float64(said.High).Text(said.Direction).Text(said.Severity).Float64(o.bar).Float64(o.peak)
	}
	f.past.write(w)
	f.settling.write(w)
}

// Load reads what Write wrote into an empty table and returns the number of series.
func (t *Table) Load(r *state.Reader) int {
	for lane := r.Table(laneTable); lane.Next(); {
		t.end = lane.Int64("end")
	}
	for c := r.Table(cellTable); c.Next(); {
		t.add(cell{recent: c.Uint64("recent"), run: c.Int64("run"), calm: c.Uint16("calm"), rest: c.Uint16("rest"), inRun: c.Bool("in_run")})
	}
	last := int64(-1)
	for f := r.Table(findingTable); f.Next(); {
		series := f.Uint32("series")
		if int64(series) <= last || int64(series) >= int64(t.cells.Len()) {
			r.Fail("has an open finding of an unknown series")
			break
		}
		last = int64(series)
		c := t.cells.Edit(series)
		c.open = true
		t.note(series, c)
		t.open[series] = &finding{
			said: pipeline.Finding{
				Series: series, Open: true, Onset: f.Int64("onset"), Start: f.Int64("start"), End: f.Int64("end"), Revision: int(f.Int64("revision")),
				Score: f.Float64("score"), Probability: f.Float64("probability"), Value: f.Float64("value"), Low: f.Float64("low"), High: f.Float64("high"),
				Direction: f.Text("direction"), Severity: f.Text("severity"),
			},
			silent: int(f.Int64("silent")), seen: f.Int64("seen"), bar: f.Float64("bar"), peak: f.Float64("peak"),
		}
	}
	t.past.read(r, t.cells.Len())
	t.settling.read(r)
	return t.cells.Len()
}
