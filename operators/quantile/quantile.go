package quantile

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/apache/arrow/go/v15/arrow/array"

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

// span is the time of a window.
type span struct{ start, end int64 }

// compare orders spans as windows come: by end, then by start.
func (s span) compare(o span) int {
	return cmp.Or(cmp.Compare(s.end, o.end), cmp.Compare(s.start, o.start))
}

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

	now     span // the window that is being added up
	pending bool
	done    span // the last one that was emitted
	any     bool // whether there was one

	increases []float64 // of one histogram, while it is estimated
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
	of := span{b.Record.Column(pipeline.WindowStart).(*array.Int64).Value(0), b.Record.Column(pipeline.WindowEnd).(*array.Int64).Value(0)}
	if b.Revision > 0 {
		return q.revise(b, of, out)
	}
	if q.any && of.compare(q.done) <= 0 || q.pending && of.compare(q.now) < 0 {
		q.lose(b)
		return nil
	}
	if q.pending && of != q.now {
		if err := q.emit(out); err != nil {
			return err
		}
	}
	q.now, q.pending = of, true
	q.addUp(b)
	return nil
}

// addUp takes the increases of a batch's buckets.
func (q *Quantile) addUp(b pipeline.Batch) {
	sums := b.Record.Column(pipeline.WindowSum).(*array.Float64).Float64Values()
	for i, s := range b.Record.Column(pipeline.WindowSeries).(*array.Uint32).Uint32Values() {
		if at := q.places[s]; at != nil {
			at.increase, at.seen = sums[i], true
		}
	}
}

// revise estimates a window that was opened again, of which the batch has all rows. The window that is being added up waits.
func (q *Quantile) revise(b pipeline.Batch, of span, out pipeline.Emitter) error {
	var waiting []bucket
	q.each(func(at *bucket) {
		waiting = append(waiting, *at)
		at.seen = false
	})
	q.addUp(b)
	err := q.estimate(of, b.Revision, out)
	i := 0
	q.each(func(at *bucket) {
		*at = waiting[i]
		i++
	})
	return err
}

// each calls f with each bucket, in order.
func (q *Quantile) each(f func(*bucket)) {
	for _, g := range q.histograms {
		for _, at := range g.buckets {
			f(at)
		}
	}
}

// lose counts the rows that would have mattered.
func (q *Quantile) lose(b pipeline.Batch) {
	n := 0
	for _, s := range b.Record.Column(pipeline.WindowSeries).(*array.Uint32).Uint32Values() {
		if q.places[s] != nil {
			n++
		}
	}
	if n > 0 {
		q.env.Lose("late", n)
	}
}

// Watermark implements pipeline.Watermarker.
func (q *Quantile) Watermark(t int64, out pipeline.Emitter) error {
	if !q.pending || q.now.end > t {
		return nil
	}
	return q.emit(out)
}

// emit gives out the estimates of the window and begins anew.
func (q *Quantile) emit(out pipeline.Emitter) error {
	q.done, q.any, q.pending = q.now, true, false
	return q.estimate(q.now, 0, out)
}

// estimate emits what the increases say and forgets them.
func (q *Quantile) estimate(of span, revision int64, out pipeline.Emitter) error {
	rb := array.NewRecordBuilder(q.env.Allocator, pipeline.Windows.Schema())
	defer rb.Release()
	rows := 0
	for _, g := range q.histograms {
		e := histogram.Estimator{Quantiles: q.quantiles, Min: math.NaN(), Max: math.NaN()}
		if !q.estimateOne(g, &e) {
			continue
		}
		for i, v := range e.Out {
			series, ok := q.derived(g, i)
			if !ok {
				q.env.Lose("series_limit", 1)
				continue
			}
			rows++
			rb.Field(pipeline.WindowSeries).(*array.Uint32Builder).Append(series)
			for c, n := range []int64{of.start, of.end, 1} {
				rb.Field(pipeline.WindowStart + c).(*array.Int64Builder).Append(n)
			}
			for c := range 4 {
				rb.Field(pipeline.WindowSum + c).(*array.Float64Builder).Append(v)
			}
		}
	}
	if rows == 0 {
		return nil
	}
	return out.Emit(pipeline.Batch{Kind: pipeline.Windows, Record: rb.NewRecord(), Series: q.table, Revision: revision})
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
