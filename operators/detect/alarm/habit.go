package alarm

import (
	"cmp"
	"maps"
	"slices"

	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// info is the severity of a finding that is a habit of its series: it is evidence, and opens no incident.
const info = "info"

// news is how much higher than all that is remembered a score has to be to be no habit.
const news = 1.2

// past is a finding that is over: its highest score and its end.
type past struct {
	peak float64
	end  int64
}

// habits are the findings of series that had any, the latest of them, in order of time.
type habits map[uint32][]past

// bar returns the score from which on a finding of the series that opens now is no habit: 0 while it has none.
func (h habits) bar(series uint32, now int64, c *Config) float64 {
	all := h[series]
	if c.Habit == 0 || len(all) < c.Habit || all[0].end < now-int64(c.Within) {
		return 0
	}
	return news * slices.MaxFunc(all, func(a, b past) int { return cmp.Compare(a.peak, b.peak) }).peak
}

// keep remembers a finding that is over.
func (h habits) keep(series uint32, p past, c *Config) {
	if c.Habit == 0 {
		return
	}
	all := append(h[series], p)
	if len(all) > c.Habit {
		all = slices.Delete(all, 0, 1)
	}
	h[series] = all
}

// forget drops the series of which nothing is remembered that could count.
func (h habits) forget(now int64, c *Config) {
	maps.DeleteFunc(h, func(_ uint32, all []past) bool { return all[len(all)-1].end < now-int64(c.Within) })
}

// grade gives a finding that the detector gave no severity of its own the one of a habit, until it is more than that.
func (o *finding) grade(f *pipeline.Finding, habit int) {
	o.peak = max(o.peak, f.Score)
	if f.Severity != "" || o.peak >= o.bar {
		return
	}
	f.Severity = info
	f.Evidence = append(f.Evidence, pipeline.Evidence{Name: "habit", Value: float64(habit)})
}

var habitTable = state.Table{Name: "alarm.habits", Version: 1, Fields: []state.Field{
	{Name: "series", Type: state.Uint32, Role: state.Ordinal}, {Name: "peak", Type: state.Float64}, {Name: "end", Type: state.Int64},
}}

func (h habits) write(w *state.Writer) {
	t := w.Table(habitTable)
	for _, series := range slices.Sorted(maps.Keys(h)) {
		for _, p := range h[series] {
			t.Uint32(series).Float64(p.peak).Int64(p.end)
		}
	}
}

func (h habits) read(r *state.Reader, series int) {
	for t := r.Table(habitTable); t.Next(); {
		s := t.Uint32("series")
		if int64(s) >= int64(series) {
			r.Fail("remembers findings of an unknown series")
			return
		}
		h[s] = append(h[s], past{t.Float64("peak"), t.Int64("end")})
	}
}
