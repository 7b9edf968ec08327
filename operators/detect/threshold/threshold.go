package threshold

import (
	"cmp"
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
	watch *choose.Watch
	rules []rule
	alpha float64
	loud  []loud

	alarm *alarm.Table
	cells state.Column[cell]
}

// cell is what is kept of a series.
type cell struct {
	previous, usual float64 // not a number before the first window
	end             int64   // of the previous window
}

// piece is the number of rows of a window that are judged at once: what they need stays in the processor's nearest cache.
const piece = 256

// rows are those of one piece of a window that one rule judges. Only the columns that the rule's expression names are there, and value.
type rows struct {
	kernel.Rows
	at []uint32 // in the window
	is []bool

	n      int
	room   [piece]uint32 // of Series
	places [piece]uint32 // of at
	values [piece]float64
	truths [piece]bool
}

// loud is row n of a rule, of which something may be to be said.
type loud struct {
	at      uint32
	rule, n int
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
	for from := 0; from < len(w.Series); from += piece {
		d.gather(w, from, min(from+piece, len(w.Series)))
		for i := range d.rules {
			if d.rules[i].rows.n > 0 {
				d.look(w, i)
			}
		}
		// Findings come in the order of the window's rows, whatever their rules.
		slices.SortFunc(d.loud, func(a, b loud) int { return cmp.Compare(a.at, b.at) })
		for _, l := range d.loud {
			found = d.judge(w, &d.rules[l.rule], l.n, found)
		}
		d.loud = d.loud[:0]
	}
	return found, nil
}

// gather takes the rows from one to another that are watched, each to those of its rule.
func (d *Detector) gather(w *pipeline.Window, from, to int) {
	for i := range d.rules {
		d.rules[i].rows.n = 0
	}
	rules := d.watch.Rules()
	for i := from; i < to; i++ {
		s := w.Series[i]
		rule := rules[s]
		if rule == choose.None {
			continue
		}
		r := &d.rules[rule].rows
		n := r.n % piece
		r.room[n], r.places[n], r.values[n] = s, uint32(i), w.Value(i)
		r.n++
	}
}

// look asks what a rule says of its rows, learns from those of which nothing is to be said, and puts the others aside.
func (d *Detector) look(w *pipeline.Window, rule int) {
	r := &d.rules[rule]
	n := r.rows.n
	r.rows.Table, r.rows.Series, r.rows.at, r.rows.is, r.rows.Columns[value] = w.Table, r.rows.room[:n], r.rows.places[:n], r.rows.truths[:n], r.rows.values[:n]
	d.cells.Own(r.rows.Series)
	for v, named := range r.names {
		if named && v != value {
			r.rows.Columns[v] = d.column(w, &r.rows, v)
		}
	}
	r.when.Eval(r.rows.Rows, r.rows.is)
	for n, s := range r.rows.Series {
		if r.rows.is[n] || !d.alarm.Quiet(s) {
			d.loud = append(d.loud, loud{r.rows.at[n], rule, n})
			continue
		}
		d.cells.Owned(s).learn(r.rows.Columns[value][n], w.End, d.alpha, false)
	}
}

// column returns the values of a variable.
func (d *Detector) column(w *pipeline.Window, r *rows, variable int) []float64 {
	out := slices.Grow(r.Columns[variable][:0], len(r.at))[:len(r.at)]
	switch variable {
	case count:
		for n, i := range r.at {
			out[n] = float64(w.Count[i])
		}
	case sum:
		pick(out, w.Sum, r.at)
	case least:
		pick(out, w.Min, r.at)
	case greatest:
		pick(out, w.Max, r.at)
	case last:
		pick(out, w.Last, r.at)
	case rate:
		d.rates(out, r, w.End)
	default:
		d.compare(out, r, variable)
	}
	return out
}

func pick(out, of []float64, at []uint32) {
	for n, i := range at {
		out[n] = of[i]
	}
}

// compare fills in a variable that is of the values before.
func (d *Detector) compare(out []float64, r *rows, variable int) {
	values := r.Columns[value]
	for n, s := range r.Series {
		switch c := d.cells.Owned(s); variable {
		case previous:
			out[n] = c.previous
		case change:
			out[n] = values[n] - c.previous
		case usual:
			out[n] = c.usual
		case ratio:
			out[n] = values[n] / c.usual
		}
	}
}

// rates fills in the change a second. Most series were seen in the window before, so that the time is divided once.
func (d *Detector) rates(out []float64, r *rows, end int64) {
	values, since, seconds := r.Columns[value], end, 0.0
	for n, s := range r.Series {
		c := d.cells.Owned(s)
		if c.end != since {
			since, seconds = c.end, float64(end-c.end)/1e9
		}
		out[n] = (values[n] - c.previous) / seconds
	}
}

// learn takes a value of the window with that end, and whether it was abnormal.
func (c *cell) learn(v float64, end int64, alpha float64, is bool) {
	if v-v != 0 {
		return
	}
	c.previous, c.end = v, end
	switch {
	case c.usual != c.usual:
		c.usual = v
	case !is:
		c.usual += alpha * (v - c.usual)
	}
}

// judge says what is to be said of row n of a rule, and then learns from it.
func (d *Detector) judge(w *pipeline.Window, r *rule, n int, found []pipeline.Finding) []pipeline.Finding {
	s, v, is := r.rows.Series[n], r.rows.Columns[value][n], r.rows.is[n]
	score := 0.0
	if is {
		score = 1
	}
	c := d.cells.Edit(s)
	if change := d.alarm.Step(s, w.Start, w.End, score, !is); change != alarm.None {
		found = d.alarm.Append(found, r.finding(w, n, score, c), change)
	}
	c.learn(v, w.End, d.alpha, is)
	return found
}

// finding says what was compared.
func (r *rule) finding(w *pipeline.Window, n int, score float64, c *cell) pipeline.Finding {
	v := r.rows.Columns[value][n]
	f := pipeline.Finding{Series: r.rows.Series[n], Start: w.Start, End: w.End, Score: score, Probability: score, Severity: r.severity}
	f.Value, f.Low, f.High = finite(v), finite(v), finite(v)
	if left, right, more, ok := r.when.Sides(r.rows.Rows, n); ok {
		f.Value, f.Low, f.High, f.Direction = finite(left), finite(right), finite(right), "down"
		if more {
			f.Direction = "up"
		}
	}
	for _, e := range [...]pipeline.Evidence{{Name: "value", Value: v}, {Name: "previous", Value: c.previous}, {Name: "usual", Value: c.usual}} {
		if e.Value-e.Value == 0 {
			f.Evidence = append(f.Evidence, e)
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

// grow makes room for new series.
func (d *Detector) grow(table *pipeline.SeriesTable) {
	if d.watch.Knows(table) {
		return
	}
	d.alarm.Grow(table.Len())
	d.cells.Grow(table.Len(), nothing)
	d.watch.Grow(table, func(s uint32, _ int16) { *d.cells.Edit(s) = nothing })
}

// nothing is known of a series.
var nothing = cell{previous: math.NaN(), usual: math.NaN()}

var cellTable = state.Table{Name: "series", Version: version, BySeries: true, Fields: []state.Field{
	{Name: "rule", Type: state.Int64}, {Name: "previous", Type: state.Float64}, {Name: "usual", Type: state.Float64}, {Name: "end", Type: state.Int64},
}}

// Hold implements pipeline.Holder: a finding that is open has to be closed.
func (d *Detector) Hold(hold func(uint32)) { d.alarm.Hold(hold) }

// Snapshot implements pipeline.Snapshotter.
func (d *Detector) Snapshot() (pipeline.Frozen, error) {
	rules, cells, alarms := d.watch.Freeze(), d.cells.Freeze(), d.alarm.Freeze()
	return state.Frozen(name, func(w *state.Writer) {
		t := w.Table(cellTable)
		for i := range uint32(cells.Len()) {
			c := cells.At(i)
			t.Int64(int64(rules[i])).Float64(c.previous).Float64(c.usual).Int64(c.end)
		}
		alarms.Write(w)
	}, cells.Release, alarms.Release), nil
}

// Restore implements pipeline.Snapshotter.
func (d *Detector) Restore(r io.Reader) error {
	s := state.NewReader(r, name)
	for t := s.Table(cellTable); t.Next(); {
		if !d.watch.Load(t.Int64("rule")) {
			s.Fail("was written with other rules")
			break
		}
		d.cells.Append(cell{t.Float64("previous"), t.Float64("usual"), t.Int64("end")})
	}
	if d.alarm.Load(s) != d.cells.Len() {
		s.Fail("has columns of different length")
	}
	return s.Close()
}
