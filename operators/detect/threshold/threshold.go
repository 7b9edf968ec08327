package threshold

import (
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/homeostat/homeostat/operators/choose"
	"github.com/homeostat/homeostat/operators/detect/alarm"
	"github.com/homeostat/homeostat/operators/expr/kernel"
	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// Detector is the threshold detector. Its state is columns by ordinal.
type Detector struct {
	watch choose.Rules
	rules []rule
	alpha float64

	alarm *alarm.Table
	cells state.Column[cell]
}

// cell is what is kept of a series.
type cell struct {
	previous, usual float64 // not a number before the first window
	end             int64   // of the previous window
	rule            int16   // choose.None if it is not watched
}

// rows are those of one window that one rule judges.
type rows struct {
	kernel.Rows
	at []int // in the window
	is []bool
}

// Open implements pipeline.Detector.
func (d *Detector) Open(*pipeline.Env) error { return nil }

// Describe implements pipeline.Describer.
func (d *Detector) Describe() string {
	byRow := 0
	for i := range d.rules {
		if d.rules[i].when.Explain() != "over columns" {
			byRow++
		}
	}
	return fmt.Sprintf("%d rules, %d of them row by row", len(d.rules), byRow)
}

// Detect implements pipeline.Detector.
func (d *Detector) Detect(w *pipeline.Window, found []pipeline.Finding) ([]pipeline.Finding, error) {
	d.grow(w.Table)
	found = d.alarm.Begin(w.Start, w.End, found)
	for i := range d.rules {
		d.rules[i].rows.begin(w.Table)
	}
	for i, s := range w.Series {
		if c := d.cells.At(s); c.rule != choose.None {
			d.rules[c.rule].rows.add(w, i, &c)
		}
	}
	for i := range d.rules {
		r := &d.rules[i]
		r.rows.is = slices.Grow(r.rows.is[:0], len(r.rows.at))[:len(r.rows.at)]
		r.when.Eval(r.rows.Rows, r.rows.is)
	}
	// Findings come in the order of the window's rows, whatever their rules.
	next := make([]int, len(d.rules))
	for i, s := range w.Series {
		if rule := d.cells.At(s).rule; rule != choose.None {
			found = d.judge(w, i, &d.rules[rule], next[rule], found)
			next[rule]++
		}
	}
	return found, nil
}

func (r *rows) begin(table *pipeline.SeriesTable) {
	if r.Columns == nil {
		r.Columns = make([][]float64, len(variables))
	}
	for i := range r.Columns {
		r.Columns[i] = r.Columns[i][:0]
	}
	r.Table, r.Series, r.at = table, r.Series[:0], r.at[:0]
}

// add takes row i of the window.
func (r *rows) add(w *pipeline.Window, i int, c *cell) {
	v := w.Value(i)
	change := v - c.previous
	rate := change / (float64(w.End-c.end) / 1e9)
	for at, x := range [...]float64{v, float64(w.Count[i]), w.Sum[i], w.Min[i], w.Max[i], w.Last[i], c.previous, change, rate, c.usual, v / c.usual} {
		r.Columns[at] = append(r.Columns[at], x)
	}
	r.Series, r.at = append(r.Series, w.Series[i]), append(r.at, i)
}

// judge takes what row n of a rule says of row i of the window, and then learns from it.
func (d *Detector) judge(w *pipeline.Window, i int, r *rule, n int, found []pipeline.Finding) []pipeline.Finding {
	s, v, is := w.Series[i], r.rows.Columns[0][n], r.rows.is[n]
	score := 0.0
	if is {
		score = 1
	}
	change := d.alarm.Step(s, w.Start, w.End, score, !is)
	if change != alarm.None {
		found = d.alarm.Append(found, r.finding(w, n, v, score), change)
	}
	if v-v != 0 {
		return found
	}
	c := d.cells.Edit(s)
	c.previous, c.end = v, w.End
	switch {
	case c.usual != c.usual:
		c.usual = v
	case !is:
		c.usual += d.alpha * (v - c.usual)
	}
	return found
}

// finding says what was compared.
func (r *rule) finding(w *pipeline.Window, n int, v, score float64) pipeline.Finding {
	f := pipeline.Finding{Series: r.rows.Series[n], Start: w.Start, End: w.End, Score: score, Probability: score, Severity: r.severity}
	f.Value, f.Low, f.High = finite(v), finite(v), finite(v)
	if left, right, more, ok := r.when.Sides(r.rows.Rows, n); ok {
		f.Value, f.Low, f.High, f.Direction = finite(left), finite(right), finite(right), "down"
		if more {
			f.Direction = "up"
		}
	}
	for i, name := range variables {
		if x := r.rows.Columns[i][n]; (name == "value" || name == "previous" || name == "usual") && x-x == 0 {
			f.Evidence = append(f.Evidence, pipeline.Evidence{Name: name, Value: x})
		}
	}
	return f
}

// finite is a number that a finding may have.
func finite(x float64) float64 {
	if x != x {
		return 0
	}
	return min(max(x, -math.MaxFloat64), math.MaxFloat64)
}

// grow makes room for new series and chooses their rules.
func (d *Detector) grow(table *pipeline.SeriesTable) {
	n := table.Len()
	if d.cells.Len() == n {
		return
	}
	d.alarm.Grow(n)
	for i := d.cells.Len(); i < n; i++ {
		d.cells.Append(cell{previous: math.NaN(), usual: math.NaN(), rule: int16(d.watch.Of(table.At(uint32(i))))})
	}
}

var cellTable = state.Table{Name: "series", Version: version, BySeries: true, Fields: []state.Field{
	{Name: "rule", Type: state.Int64}, {Name: "previous", Type: state.Float64}, {Name: "usual", Type: state.Float64}, {Name: "end", Type: state.Int64},
}}

// Hold implements pipeline.Holder: a finding that is open has to be closed.
func (d *Detector) Hold(hold func(uint32)) { d.alarm.Hold(hold) }

// Snapshot implements pipeline.Snapshotter.
func (d *Detector) Snapshot() (pipeline.Frozen, error) {
	cells, alarms := d.cells.Freeze(), d.alarm.Freeze()
	return state.Frozen(name, func(w *state.Writer) {
		t := w.Table(cellTable)
		for i := range uint32(cells.Len()) {
			c := cells.At(i)
			t.Int64(int64(c.rule)).Float64(c.previous).Float64(c.usual).Int64(c.end)
		}
		alarms.Write(w)
	}, cells.Release, alarms.Release), nil
}

// Restore implements pipeline.Snapshotter.
func (d *Detector) Restore(r io.Reader) error {
	s := state.NewReader(r, name)
	for t := s.Table(cellTable); t.Next(); {
		rule := t.Int64("rule")
		if rule < choose.None || rule >= int64(len(d.rules)) {
			s.Fail("was written with other rules")
			break
		}
		d.cells.Append(cell{t.Float64("previous"), t.Float64("usual"), t.Int64("end"), int16(rule)})
	}
	if d.alarm.Load(s) != d.cells.Len() {
		s.Fail("has columns of different length")
	}
	return s.Close()
}
