package budget

import (
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/homeostat/homeostat/operators/gather"
	"github.com/homeostat/homeostat/pipeline"
)

const (
	name    = "budget"
	version = 2
	// parts is in how many steps an objective's window slides.
	parts = 240
)

// Spec describes the operator.
func Spec() pipeline.Spec {
	return pipeline.Spec{
		Name: name, Version: version, Stage: pipeline.Detect,
		Doc:      "Derives what is left of the error budget of each objective in each system, as the series " + pipeline.BudgetMetric + ".",
		Consumes: []pipeline.Kind{pipeline.Windows}, Emits: []pipeline.Kind{pipeline.Windows},
	}
}

// Register adds the operator to the registry.
func Register(r *pipeline.Registry) { r.AddOperator(Spec(), New) }

// Budget is the operator.
type Budget struct {
	env   *pipeline.Env
	table *pipeline.SeriesTable
	// accounts by ordinal of the indicator's series; nil for others.
	accounts []*account
	rows     []gather.Row
}

// account is the events of one objective in one system, over its window.
type account struct {
	slo    *pipeline.SLO
	known  bool   // there was a window
	series uint32 // what is derived, plus one; 0 while the table has no room
	begun  int64  // start of the first window
	part   int64  // the present one, a number since 1970
	past   events // of all other parts
	parts  [parts]events
}

// events are no more bad ones than there are.
type events struct{ total, bad float64 }

func (e events) plus(o events) events { return events{e.total + o.total, e.bad + o.bad} }

// New makes the operator.
func New(pipeline.Settings) (pipeline.Operator, error) { return &Budget{}, nil }

// Open implements pipeline.Operator.
func (o *Budget) Open(env *pipeline.Env) error {
	o.env, o.table = env, env.Series
	return nil
}

// Close implements pipeline.Operator.
func (o *Budget) Close() error { return nil }

// Process implements pipeline.Operator.
func (o *Budget) Process(b pipeline.Batch, out pipeline.Emitter) error {
	if b.Kind != pipeline.Windows || b.Rows() == 0 {
		return nil
	}
	o.grow()
	i64 := func(column int) []int64 { return b.Record.Column(column).(*array.Int64).Int64Values() }
	of := gather.Span{Start: i64(pipeline.WindowStart)[0], End: i64(pipeline.WindowEnd)[0]}
	counts, sums := i64(pipeline.WindowCount), b.Record.Column(pipeline.WindowSum).(*array.Float64).Float64Values()
	o.rows = o.rows[:0]
	for i, s := range b.Record.Column(pipeline.WindowSeries).(*array.Uint32).Uint32Values() {
		a := o.accounts[s]
		if a == nil || sums[i]-sums[i] != 0 {
			continue
		}
		a.add(of, float64(counts[i]), sums[i])
		if a.series == 0 && !o.derive(a, s) {
			o.env.Lose("series_limit", 1)
			continue
		}
		o.rows = append(o.rows, gather.Single(a.series-1, a.left(of.End)))
	}
	return gather.Emit(o.env, of, 0, o.rows, out)
}

// grow finds the indicators among new series.
func (o *Budget) grow() {
	for n := len(o.accounts); n < o.table.Len(); n++ {
		var a *account
		if s := o.table.At(uint32(n)); s.Metric == pipeline.SLIMetric {
			a = o.accountOf(s.Labels.Get("slo"))
		}
		o.accounts = append(o.accounts, a)
	}
}

// accountOf makes an account of an objective, nil if there is none of that name.
func (o *Budget) accountOf(slo string) *account {
	for i := range o.env.SLOs {
		if s := &o.env.SLOs[i]; s.Name == slo && s.Window >= parts {
			return &account{slo: s}
		}
	}
	return nil
}

// derive interns the series of what is left, beside its indicator.
func (o *Budget) derive(a *account, indicator uint32) bool {
	s := o.table.At(indicator)
	at, err := o.table.InternScoped(pipeline.BudgetMetric, "", pipeline.Gauge, s.Labels.List(), *s.Scope)
	if err != nil {
		return false
	}
	a.series = at + 1
	return true
}

// length is that of a part, in nanoseconds.
func (a *account) length() int64 { return a.slo.Window / parts }

// add takes a window's events in. Windows come in order of their end.
func (a *account) add(of gather.Span, total, bad float64) {
	total = max(total, 0)
	part := max((of.End-1)/a.length(), 0)
	if !a.known {
		a.known, a.begun, a.part = true, of.Start, part
	}
	if part > a.part {
		for k := max(a.part+1, part-parts+1); k <= part; k++ {
			a.parts[k%parts] = events{}
		}
		a.part = part
		a.look()
	}
	p := &a.parts[a.part%parts]
	*p = p.plus(events{total, min(max(bad, 0), total)})
}

// look adds up the parts that are over. They are added anew, so that what slid out leaves nothing behind, however much that was.
func (a *account) look() {
	a.past = events{}
	for k, p := range a.parts {
		if int64(k) != a.part%parts {
			a.past = a.past.plus(p)
		}
	}
}

// sum is the events in the objective's window.
func (a *account) sum() events { return a.past.plus(a.parts[a.part%parts]) }

// left is what is left of the budget at the end of a window.
func (a *account) left(now int64) float64 {
	sum := a.sum()
	if sum.total == 0 {
		return 1
	}
	share := sum.bad / sum.total
	known := float64(min(now-a.begun, a.slo.Window)) / float64(a.slo.Window)
	return 1 - share/max(1-a.slo.Objective, 1e-9)*known
}
