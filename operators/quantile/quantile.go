package quantile

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/homeostat/homeostat/operators/gather"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/histogram"
)

const (
	name    = "quantile"
	version = 1
)

// Spec describes the operator.
func Spec() pipeline.Spec {
	return pipeline.Spec{
		Name: name, Version: version, Stage: pipeline.Detect,
		Doc:      "Estimates quantiles of histograms from the windows of their buckets.",
		Consumes: []pipeline.Kind{pipeline.Windows}, Emits: []pipeline.Kind{pipeline.Windows},
		Accepts: pipeline.Accepts{Overlapping: true, Revised: true},
		Settings: []pipeline.Setting{
			{Name: "quantiles", Type: pipeline.List, Default: []any{0.5, 0.95, 0.99}, Doc: "The quantiles, each above 0 and up to 1.", Example: "[0.5, 0.99]",
				Fields: []pipeline.Setting{{Type: pipeline.Float}}},
		},
	}
}

// Register adds the operator to the registry.
func Register(r *pipeline.Registry) { r.AddOperator(Spec(), New) }

// Quantile is the operator. Its state is the increases of one window's buckets.
type Quantile struct {
	env       *pipeline.Env
	table     *pipeline.SeriesTable
	quantiles []float64
	texts     []string
	// places says of each series, by ordinal, which bucket it is; nil for other series.
	places []*bucket
	// histograms in order of their keys.
	histograms []*group
	byKey      map[string]*group

	window gather.Window

	increases []float64 // of one histogram, while it is estimated
	rows      []gather.Row
}

// bucket is one bucket of a histogram.
type bucket struct {
	of       *group
	bound    float64
	series   uint32
	increase float64
	seen     bool // in the window that is being added up
}

// New makes the operator.
func New(s pipeline.Settings) (pipeline.Operator, error) {
	q := &Quantile{byKey: map[string]*group{}}
	for _, v := range s.List("quantiles") {
		q.quantiles = append(q.quantiles, v.(float64))
	}
	slices.Sort(q.quantiles)
	q.quantiles = slices.Compact(q.quantiles)
	for _, v := range q.quantiles {
		if !(v > 0 && v <= 1) {
			return nil, &pipeline.SettingFault{Path: "quantiles", Err: pipeline.Errorf("quantile.range", "%v is no quantile: give numbers above 0 and up to 1, as 0.95 for the 95th percentile", v)}
		}
		q.texts = append(q.texts, strconv.FormatFloat(v, 'f', -1, 64))
	}
	if len(q.quantiles) == 0 {
		return nil, &pipeline.SettingFault{Path: "quantiles", Err: pipeline.Errorf("quantile.none", "no quantile is named: give at least one, or leave the setting out")}
	}
	return q, nil
}

// Open implements pipeline.Operator.
func (q *Quantile) Open(env *pipeline.Env) error {
	q.env, q.table = env, env.Series
	return nil
}

// Close implements pipeline.Operator.
func (q *Quantile) Close() error { return nil }

// Describe implements pipeline.Describer.
func (q *Quantile) Describe() string {
	return fmt.Sprintf("of each histogram's buckets, per window: %v", q.texts)
}

// Process implements pipeline.Operator.
func (q *Quantile) Process(b pipeline.Batch, out pipeline.Emitter) error {
	if b.Kind != pipeline.Windows || b.Rows() == 0 {
		return nil
	}
	q.learn()
	return q.window.Process(b, q, q.env, out)
}

// Watermark implements pipeline.Watermarker.
func (q *Quantile) Watermark(t int64, out pipeline.Emitter) error {
	return q.window.Watermark(t, q, out)
}

// Counts implements gather.Parts.
func (q *Quantile) Counts(series uint32) bool { return q.places[series] != nil }

// Add implements gather.Parts: it takes the increases of a batch's buckets.
func (q *Quantile) Add(b pipeline.Batch) {
	sums := b.Record.Column(pipeline.WindowSum).(*array.Float64).Float64Values()
	for i, s := range b.Record.Column(pipeline.WindowSeries).(*array.Uint32).Uint32Values() {
		if at := q.places[s]; at != nil {
			at.increase, at.seen = sums[i], true
		}
	}
}

// Aside implements gather.Parts.
func (q *Quantile) Aside() (back func()) {
	var waiting []bucket
	q.each(func(at *bucket) {
		waiting = append(waiting, *at)
		at.seen = false
	})
	return func() {
		i := 0
		q.each(func(at *bucket) {
			*at = waiting[i]
			i++
		})
	}
}

// each calls f with each bucket, in order.
func (q *Quantile) each(f func(*bucket)) {
	for _, g := range q.histograms {
		for _, at := range g.buckets {
			f(at)
		}
	}
}

// Emit implements gather.Parts: it emits what the increases say and forgets them.
func (q *Quantile) Emit(of gather.Span, revision int64, out pipeline.Emitter) error {
	q.rows = q.rows[:0]
	for _, g := range q.histograms {
		e := histogram.Estimator{Quantiles: q.quantiles, Min: math.NaN(), Max: math.NaN()}
		if !q.estimateOne(g, &e) {
			continue
		}
		for i, v := range e.Out {
			if series, ok := q.derived(g, i); ok {
				q.rows = append(q.rows, gather.Single(series, v))
			} else {
				q.env.Lose("series_limit", 1)
			}
		}
	}
	return gather.Emit(q.env, of, revision, q.rows, out)
}

// estimateOne takes the increases of a histogram. false: there is nothing to say.
func (q *Quantile) estimateOne(g *group, e *histogram.Estimator) bool {
	counts := q.increases[:0]
	up, infinite := 0.0, false
	for i, at := range g.buckets {
		n := 0.0
		if at.seen && at.increase == at.increase {
			n, infinite = at.increase, infinite || math.IsInf(at.bound, 1)
		}
		at.seen = false
		if i > 0 && at.bound == g.buckets[i-1].bound {
			counts[len(counts)-1] += n
			continue
		}
		counts = append(counts, n)
	}
	q.increases = counts
	for i, n := range counts {
		up = max(up, n)
		counts[i] = up
	}
	if !infinite || len(counts) < 2 || !(up > 0) || math.IsInf(up, 1) {
		return false
	}
	q.spread(g, counts, e)
	return true
}

// spread gives the estimator the buckets of a histogram, from what each has beyond the one below.
func (q *Quantile) spread(g *group, counts []float64, e *histogram.Estimator) {
	below := 0.0
	for _, n := range counts {
		e.Total += n - below
		below = n
	}
	low, i := math.Inf(-1), 0
	below = 0
	for b, at := range g.buckets {
		if b > 0 && at.bound == g.buckets[b-1].bound {
			continue
		}
		if n := counts[i] - below; e.Reaches(n) {
			e.Bucket(low, at.bound, n)
		}
		low, below = at.bound, counts[i]
		i++
	}
}
