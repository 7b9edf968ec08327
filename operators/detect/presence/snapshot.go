package presence

import (
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/homeostat/homeostat/operators/gather"
	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// The tables of a snapshot, besides those of package alarm.
var (
	// laneTable has no over in version 1, which judged a window when the next one came.
	laneTable = state.Table{Name: "lane", Version: 2, Fields: []state.Field{
		{Name: "start", Type: state.Int64}, {Name: "end", Type: state.Int64}, {Name: "any", Type: state.Bool}, {Name: "over", Type: state.Bool},
	}}
	seriesTable = state.Table{Name: "series", Version: 1, BySeries: true, Fields: []state.Field{
		{Name: "watched", Type: state.Bool}, {Name: "known", Type: state.Bool}, {Name: "seen", Type: state.Bool},
		{Name: "last", Type: state.Int64}, {Name: "count", Type: state.Float64},
		{Name: "present", Type: state.Float64}, {Name: "total", Type: state.Float64}, {Name: "records", Type: state.Float64}, {Name: "longest", Type: state.Int64},
	}}
	systemTable = state.Table{Name: "systems", Version: 1, Fields: []state.Field{
		{Name: "system", Type: state.Text}, {Name: "age", Type: state.Float64}, {Name: "windows", Type: state.Float64}, {Name: "news", Type: state.Float64},
	}}
)

// Snapshot implements pipeline.Snapshotter. Whether a template was seen is said of each of its series.
func (d *Detector) Snapshot() (pipeline.Frozen, error) {
	window := d.window
	series, alarms, seen := d.series.Freeze(), d.alarm.Freeze(), make([]bool, d.series.Len())
	for i := range seen {
		seen[i] = d.seen[d.places[i].template]
	}
	systems := make(map[string]system, len(d.systems))
	for name, s := range d.systems {
		systems[name] = *s
	}
	return state.Frozen(name, func(w *state.Writer) {
		w.Table(laneTable).Int64(window.Start).Int64(window.End).Bool(window.Any).Bool(window.Over)
		t := w.Table(seriesTable)
		for i := range uint32(series.Len()) {
			c := series.At(i)
			t.Bool(c.watched).Bool(c.known).Bool(seen[i]).Int64(c.last).Float64(c.count).Float64(c.present).Float64(c.total).Float64(c.records).Int64(c.longest)
		}
		t = w.Table(systemTable)
		for _, name := range slices.Sorted(maps.Keys(systems)) {
			s := systems[name]
			t.Text(name).Float64(s.age).Float64(s.windows).Float64(s.news)
		}
		alarms.Write(w)
	}, series.Release, alarms.Release), nil
}

// Restore implements pipeline.Snapshotter.
func (d *Detector) Restore(r io.Reader) error {
	s := state.NewReader(r, name)
	for t := s.Table(laneTable); t.Next(); {
		d.window = gather.Whole{Span: gather.Span{Start: t.Int64("start"), End: t.Int64("end")}, Any: t.Bool("any"), Over: t.Bool("over")}
		if d.window.Any && d.window.End <= d.window.Start {
			s.Fail("has a window that ends before it begins")
		}
	}
	var seen []bool
	for t := s.Table(seriesTable); t.Next(); {
		d.series.Append(kept{watched: t.Bool("watched"), known: t.Bool("known"), last: t.Int64("last"), count: t.Float64("count"),
			present: t.Float64("present"), total: t.Float64("total"), records: t.Float64("records"), longest: t.Int64("longest")})
		seen = append(seen, t.Bool("seen"))
	}
	for t := s.Table(systemTable); t.Next(); {
		d.systems[strings.Clone(t.Text("system"))] = &system{age: t.Float64("age"), windows: t.Float64("windows"), news: t.Float64("news")}
	}
	if n := d.alarm.Load(s); n != d.series.Len() || n > d.table.Len() {
		s.Fail("has columns of different length, or of more series than there are")
		return s.Close()
	}
	d.grow(d.table)
	for i, known := range seen {
		p := d.places[i]
		if known {
			d.seen[p.template] = true
		}
		if c := d.series.At(uint32(i)); c.known {
			d.alive[p.stream] = max(d.alive[p.stream], c.last)
		}
	}
	return s.Close()
}
