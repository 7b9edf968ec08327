package expr

import (
	"cmp"
	"slices"

	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/homeostat/homeostat/operators/expr/kernel"
	"github.com/homeostat/homeostat/operators/gather"
	"github.com/homeostat/homeostat/pipeline"
)

// Expr is the operator. Its state is the variables of one window.
type Expr struct {
	env       *pipeline.Env
	table     *pipeline.SeriesTable
	metric    string
	unit      string
	by        []string // nil: all labels
	variables []variable
	value     *kernel.Number
	when      *kernel.Truth // nil: always

	// places says of each series, by ordinal, where it goes.
	places [][]place
	groups []*group // in order of their keys
	byKey  map[string]*group

	window gather.Window
	rows   []gather.Row
	// of the groups that have all variables, while they are emitted.
	columns [][]float64
	series  []uint32
	values  []float64
	is      []bool
}

// place is one variable of one group.
type place struct {
	of       *group
	variable int
}

// group is the series whose labels are the same.
type group struct {
	key    string
	labels []pipeline.Label
	parts  []part // by variable
	series int64  // ordinal of the derived series; unknown before the first row
}

const unknown = -1

// part is what a window has of a variable: n numbers.
type part struct {
	sum      gather.Sum
	min, max float64
	n        int64
}

// Open implements pipeline.Operator.
func (x *Expr) Open(env *pipeline.Env) error {
	x.env, x.table = env, env.Series
	return nil
}

// Close implements pipeline.Operator.
func (x *Expr) Close() error { return nil }

// Process implements pipeline.Operator.
func (x *Expr) Process(b pipeline.Batch, out pipeline.Emitter) error {
	if b.Kind != pipeline.Windows || b.Rows() == 0 {
		return nil
	}
	x.learn()
	return x.window.Process(b, x, x.env, out)
}

// Watermark implements pipeline.Watermarker.
func (x *Expr) Watermark(t int64, out pipeline.Emitter) error { return x.window.Watermark(t, x, out) }

// learn finds out what new series are to the expression.
func (x *Expr) learn() {
	added := false
	for n := len(x.places); n < x.table.Len(); n++ {
		s := x.table.At(uint32(n))
		var places []place
		for i := range x.variables {
			if s.Metric != x.metric && x.variables[i].selector.Match(s) {
				places, added = append(places, place{x.group(s), i}), true
			}
		}
		x.places = append(x.places, places)
	}
	if added {
		slices.SortFunc(x.groups, func(a, b *group) int { return cmp.Compare(a.key, b.key) })
	}
}

// group returns the group that a series belongs to.
func (x *Expr) group(s *pipeline.Series) *group {
	labels := s.Labels.List()
	if x.by != nil {
		labels = labels[:0]
		for _, name := range x.by {
			if v := s.Labels.Get(name); v != "" {
				labels = append(labels, pipeline.Label{Name: name, Value: v})
			}
		}
		labels = pipeline.NewLabels(labels)
	}
	key := pipeline.SeriesKey(x.metric, pipeline.Gauge, labels)
	g := x.byKey[key]
	if g == nil {
		g = &group{key: key, labels: labels, parts: make([]part, len(x.variables)), series: unknown}
		x.byKey[key] = g
		x.groups = append(x.groups, g)
	}
	return g
}

// Counts implements gather.Parts.
func (x *Expr) Counts(series uint32) bool { return len(x.places[series]) > 0 }

// Add implements gather.Parts.
func (x *Expr) Add(b pipeline.Batch) {
	count := b.Record.Column(pipeline.WindowCount).(*array.Int64).Int64Values()
	var numbers [4][]float64
	for c := range numbers {
		numbers[c] = b.Record.Column(pipeline.WindowSum + c).(*array.Float64).Float64Values()
	}
	for i, s := range b.Record.Column(pipeline.WindowSeries).(*array.Uint32).Uint32Values() {
		for _, p := range x.places[s] {
			var v float64
			switch column := x.variables[p.variable].column; column {
			case 0:
				w := pipeline.Window{Series: []uint32{s}, Count: count[i : i+1], Sum: numbers[0][i : i+1], Table: x.table}
				v = w.Value(0)
			case 1:
				v = float64(count[i])
			default:
				v = numbers[column-2][i]
			}
			p.of.parts[p.variable].add(v)
		}
	}
}

func (p *part) add(v float64) {
	if v-v != 0 {
		return
	}
	if p.n == 0 {
		p.min, p.max = v, v
	}
	p.sum.Add(v)
	p.min, p.max, p.n = min(p.min, v), max(p.max, v), p.n+1
}

// empty forgets the numbers; the sum keeps its memory.
func (p *part) empty() {
	p.sum.Empty()
	p.min, p.max, p.n = 0, 0, 0
}

// Aside implements gather.Parts.
func (x *Expr) Aside() (back func()) {
	waiting := make([][]part, len(x.groups))
	for i, g := range x.groups {
		waiting[i], g.parts = g.parts, make([]part, len(x.variables))
	}
	return func() {
		for i, g := range x.groups {
			g.parts = waiting[i]
		}
	}
}

// Emit implements gather.Parts.
func (x *Expr) Emit(of gather.Span, revision int64, out pipeline.Emitter) error {
	x.collect()
	n := len(x.series)
	x.values, x.is = slices.Grow(x.values[:0], n)[:n], slices.Grow(x.is[:0], n)[:n]
	rows := kernel.Rows{Columns: x.columns, Series: x.series, Table: x.table}
	x.value.Eval(rows, x.values)
	if x.when != nil {
		x.when.Eval(rows, x.is)
	}
	x.rows = x.rows[:0]
	for i, v := range x.values {
		if (x.when == nil || x.is[i]) && v-v == 0 {
			x.rows = append(x.rows, gather.Single(x.series[i], v))
		}
	}
	return gather.Emit(x.env, of, revision, x.rows, out)
}

// collect makes columns of the groups that have all variables, and forgets their parts.
func (x *Expr) collect() {
	for v := range x.columns {
		x.columns[v] = x.columns[v][:0]
	}
	x.series = x.series[:0]
	for _, g := range x.groups {
		if x.whole(g) && x.derive(g) {
			for v := range x.variables {
				x.columns[v] = append(x.columns[v], x.variables[v].of(&g.parts[v]))
			}
			x.series = append(x.series, uint32(g.series))
		}
		for v := range g.parts {
			g.parts[v].empty()
		}
	}
}

// whole tells whether the window has something of the group, and all that it needs.
func (x *Expr) whole(g *group) bool {
	seen := false
	for v := range g.parts {
		p := &g.parts[v]
		if p.n == 0 && x.variables[v].needed {
			return false
		}
		seen = seen || p.n > 0
	}
	return seen
}

// of returns the variable's number.
func (v *variable) of(p *part) float64 {
	if p.n == 0 {
		return v.absent
	}
	switch folds[v.fold] {
	case "mean":
		return p.sum.Value() / float64(p.n)
	case "min":
		return p.min
	case "max":
		return p.max
	}
	return p.sum.Value()
}

// derive interns the group's series. false: the lane's table is full.
func (x *Expr) derive(g *group) bool {
	if g.series != unknown {
		return true
	}
	at, err := x.table.Intern(x.metric, x.unit, pipeline.Gauge, g.labels)
	if err != nil {
		x.env.Lose("series_limit", 1)
		return false
	}
	g.series = int64(at)
	return true
}
