package quantile

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
)

// group is one histogram.
type group struct {
	key    string
	metric string
	unit   string
	labels []pipeline.Label // without le
	scope  pipeline.Scope
	// buckets by bound; of equal bounds by key.
	buckets []*bucket
	// quantiles are the ordinals of the derived series, one more for each of Quantile.quantiles; 0 is not interned yet.
	quantiles []uint32
}

// learn finds out which buckets new series are.
func (q *Quantile) learn() {
	added := false
	for n := len(q.places); n < q.table.Len(); n++ {
		s := q.table.At(uint32(n))
		var place *bucket
		if metric, bound, ok := bucketOf(s); ok {
			g := q.group(s, metric)
			place = &bucket{of: g, bound: bound, series: uint32(n)}
			g.insert(place, q.table)
			added = true
		}
		q.places = append(q.places, place)
	}
	if added {
		slices.SortFunc(q.histograms, func(a, b *group) int { return cmp.Compare(a.key, b.key) })
	}
}

// bucketOf tells whether a series is a bucket, of which histogram and up to what bound.
func bucketOf(s *pipeline.Series) (metric string, bound float64, ok bool) {
	if s.Type != pipeline.Cumulative && s.Type != pipeline.Delta {
		return "", 0, false
	}
	metric, ok = strings.CutSuffix(s.Metric, "_bucket")
	if !ok {
		metric, ok = strings.CutSuffix(s.Metric, ".bucket")
	}
	if !ok || metric == "" {
		return "", 0, false
	}
	bound, err := strconv.ParseFloat(s.Labels.Get("le"), 64)
	return metric, bound, err == nil && !math.IsNaN(bound) && !math.IsInf(bound, -1)
}

// group returns the histogram that a bucket is of.
func (q *Quantile) group(s *pipeline.Series, metric string) *group {
	labels := slices.DeleteFunc(s.Labels.List(), func(l pipeline.Label) bool { return l.Name == "le" })
	key := pipeline.SeriesKey(metric, s.Type, labels)
	g := q.byKey[key]
	if g == nil {
		g = &group{key: key, metric: metric, unit: s.Unit, labels: labels, scope: *s.Scope, quantiles: make([]uint32, len(q.quantiles))}
		q.byKey[key] = g
		q.histograms = append(q.histograms, g)
	}
	return g
}

// insert puts a bucket in its place.
func (g *group) insert(b *bucket, table *pipeline.SeriesTable) {
	i, _ := slices.BinarySearchFunc(g.buckets, b, func(x, y *bucket) int {
		return cmp.Or(cmp.Compare(x.bound, y.bound), pipeline.CompareKeys(table.At(x.series), table.At(y.series)))
	})
	g.buckets = slices.Insert(g.buckets, i, b)
}

// derived returns the series of a histogram's i-th quantile. false: the lane's table is full.
func (q *Quantile) derived(g *group, i int) (uint32, bool) {
	if at := g.quantiles[i]; at > 0 {
		return at - 1, true
	}
	labels := slices.DeleteFunc(slices.Clone(g.labels), func(l pipeline.Label) bool { return l.Name == "quantile" })
	labels = pipeline.NewLabels(append(labels, pipeline.Label{Name: "quantile", Value: q.texts[i]}))
	at, err := q.table.InternScoped(g.metric, g.unit, pipeline.Gauge, labels, g.scope)
	if err != nil {
		return 0, false
	}
	g.quantiles[i] = at + 1
	return at, true
}
