package choose

import (
	"fmt"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/homeostat/homeostat/pipeline"
)

// Most returns the setting of how many series are watched at most.
func Most() pipeline.Setting {
	s := pipeline.Whole("most", 0, 0, 1_000_000, "So many series of a lane are watched at most: those of the first entry of series first, of an entry those seen first. 0 is all.")
	s.Example = "2000"
	return s
}

// Watch is the rule by which each series of a lane is judged: Rules, within a budget of series. One goroutine uses it.
type Watch struct {
	rules  Rules
	of     []int16 // by ordinal
	shared bool    // a freeze has it: only what is appended may be written
	asked  int     // series, from the first on, that the rules were asked about: not those of a snapshot

	most, have int        // how many may be watched, and are
	left       int        // how many would be watched if there were no limit
	by         [][]uint32 // by entry the series that are watched, in their order; only if there is a limit
	gauge      prometheus.Gauge
}

// ReadWatch reads what ReadRules reads, and most where the component has it.
func ReadWatch(s pipeline.Settings) (w *Watch, rules []pipeline.Settings, err error) {
	w = &Watch{}
	w.rules, rules, err = ReadRules(s)
	if s.Has("most") {
		w.most = int(s.Int("most"))
	}
	w.by = make([][]uint32, max(1, len(rules)))
	return w, rules, err
}

// Open makes the metric of series that are left out for the limit.
func (w *Watch) Open(env *pipeline.Env) {
	if w.most > 0 {
		w.gauge = env.Metrics.Gauge("series_left_out", "Series that a detector does not watch for its setting most.", "pipeline", "component", "lane").
			WithLabelValues(env.Pipeline, env.Component, env.Lane)
	}
}

// Describe says which series are watched.
func (w *Watch) Describe() string {
	what := "all series of numbers"
	if n := w.rules.Len(); n > 0 {
		what = fmt.Sprintf("the series of %d selectors", n)
	}
	if w.most > 0 {
		what += fmt.Sprintf(", at most %d of a lane", w.most)
	}
	return what
}

// Left returns the number of series that are not watched because there are too many.
func (w *Watch) Left() int { return w.left }

// Rules returns for each series, by ordinal, the entry of series that it is judged by, 0 where the configuration names none, and None where
// it is not watched; to read until the next Grow.
func (w *Watch) Rules() []int16 { return w.of }

// Knows tells that Grow would do nothing.
func (w *Watch) Knows(table *pipeline.SeriesTable) bool { return w.asked == table.Len() }

// Grow takes in the series that are new in the lane's table. It calls begin for each that is watched from now on, in their order; one
// that is watched, or was begun just before, may give way to one that comes first.
func (w *Watch) Grow(table *pipeline.SeriesTable, begin func(series uint32, rule int16)) {
	for n := table.Len(); w.asked < n; w.asked++ {
		i := uint32(w.asked)
		rule, was := w.within(i, int16(w.rules.Of(table.At(i)))), int16(None)
		if w.asked == len(w.of) {
			w.of = append(w.of, rule)
		} else if was = w.of[i]; was != rule {
			w.set(i, rule)
		}
		if was == None && rule != None {
			begin(i, rule)
		}
	}
	if w.gauge != nil {
		w.gauge.Set(float64(w.left))
	}
}

// within returns the rule of a series as far as there is room for it, which another one may have to make.
func (w *Watch) within(series uint32, rule int16) int16 {
	if w.most == 0 || rule == None {
		return rule
	}
	if w.have < w.most {
		w.have++
	} else {
		w.left++
		last := len(w.by) - 1
		for len(w.by[last]) == 0 {
			last--
		}
		if last <= int(rule) {
			return None
		}
		end := len(w.by[last]) - 1
		w.set(w.by[last][end], None)
		w.by[last] = w.by[last][:end]
	}
	w.by[rule] = append(w.by[rule], series)
	return rule
}

func (w *Watch) set(series uint32, rule int16) {
	if w.shared {
		w.of, w.shared = slices.Clone(w.of), false
	}
	w.of[series] = rule
}

// Freeze returns the rules as they are now, for a snapshot. Any goroutine may read them.
func (w *Watch) Freeze() []int16 {
	w.shared = true
	return slices.Clip(w.of)
}

// Load takes the rule of one more series from a snapshot; it returns false if there is none such. The first Grow asks whether it is
// still so: begin is only called for series that were not watched.
func (w *Watch) Load(rule int64) bool {
	if rule < None || rule >= int64(len(w.by)) {
		return false
	}
	w.of = append(w.of, int16(rule))
	return true
}
