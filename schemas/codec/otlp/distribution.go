package otlp

import (
	"math"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/histogram"
)

// kind is what a distribution is told by.
type kind uint8

const (
	explicit kind = iota
	exponential
	summary
)

// family is what the points of one histogram or summary have in common: the metrics that they make, and why not.
type family struct {
	id         identity
	kind       kind
	lose       loss
	count, sum uint32
	// Of deltas only.
	min, max  uint32
	quantiles []uint32 // for each of codec.quantiles
	// What the buckets are read for.
	estimated, bucketed bool
}

// of finds the metrics of a histogram or summary whose temporality says how. What is cumulative has neither least
// and greatest value nor quantiles that mean anything: they would be those since its start.
func (f *family) of(c *codec, id identity, k kind, how uint64) (err error) {
	*f = family{id: id, kind: k, quantiles: f.quantiles[:0]}
	f.id.typ = pipeline.Cumulative
	switch how {
	case temporalityDelta:
		f.id.typ = pipeline.Delta
	case temporalityCumulative:
	default:
		f.lose = temporality
	}
	if f.count, f.lose, err = c.identify(&f.id, ofCount, 0, f.lose); err != nil {
		return err
	}
	if f.sum, f.lose, err = c.identify(&f.id, ofSum, 0, f.lose); err != nil || f.lose != kept {
		return err
	}
	f.bucketed = c.buckets && k == explicit
	if f.id.typ != pipeline.Delta {
		return nil
	}
	f.estimated = len(c.quantiles) > 0
	gauge := f.id
	gauge.typ = pipeline.Gauge
	if f.min, f.lose, err = c.identify(&gauge, ofMin, 0, f.lose); err != nil {
		return err
	}
	if f.max, f.lose, err = c.identify(&gauge, ofMax, 0, f.lose); err != nil {
		return err
	}
	for _, q := range c.quantiles {
		number, _, err := c.identify(&gauge, ofQuantile, q, f.lose)
		if err != nil {
			return err
		}
		f.quantiles = append(f.quantiles, number)
	}
	return nil
}

// distribution is what a point of a histogram, exponential histogram or summary says.
type distribution struct {
	attrs                     attributes
	start, time, count, flags uint64
	sum, min, max             float64 // min and max are NaN if unknown
	summed, hasMin, hasMax    bool

	counts []uint64 // of an explicit histogram: one more than bounds
	bounds []float64

	scale              int64
	zeroCount          uint64
	zeroThreshold      float64
	positive, negative stretch

	told []told // by a summary
}

// stretch is adjacent buckets of an exponential histogram; the first has the index offset.
type stretch struct {
	offset int64
	counts []uint64
}

// told is a quantile of a summary.
type told struct{ quantile, value float64 }

// begin makes a distribution that says nothing. A summary's sum is left out when it is 0; a histogram's when it is unknown.
func (d *distribution) begin(k kind) {
	*d = distribution{
		counts: d.counts[:0], bounds: d.bounds[:0], told: d.told[:0],
		positive: stretch{counts: d.positive.counts[:0]}, negative: stretch{counts: d.negative.counts[:0]},
		min: math.NaN(), max: math.NaN(), summed: k == summary,
	}
}

// distribute makes the rows of c.point, which lies at a position of the record.
func (c *codec) distribute(at int) error {
	f, d := &c.family, &c.point
	lose := f.lose
	if lose == kept && d.flags&noValueFlag != 0 {
		lose = noValue
	}
	if err := c.row(at, f.count, &d.attrs, d.start, d.time, float64(d.count), lose); err != nil {
		return err
	}
	if d.summed {
		if err := c.row(at, f.sum, &d.attrs, d.start, d.time, d.sum, lose); err != nil {
			return err
		}
	}
	switch {
	case lose != kept:
		return nil
	case f.kind == summary:
		return c.tell(at)
	}
	if f.id.typ == pipeline.Delta && d.count > 0 {
		if err := c.extremes(at); err != nil {
			return err
		}
	}
	if f.estimated {
		if err := c.estimate(at); err != nil {
			return err
		}
	}
	if f.bucketed {
		return c.accumulate(at)
	}
	return nil
}

// tell makes the rows of a summary's quantiles.
func (c *codec) tell(at int) error {
	d := &c.point
	id := c.family.id
	id.typ = pipeline.Gauge
	for _, t := range d.told {
		lose := kept
		if !(t.quantile >= 0 && t.quantile <= 1) {
			lose = inconsistent
		}
		number, lose, err := c.identify(&id, ofQuantile, t.quantile, lose)
		if err != nil {
			return err
		}
		if err := c.row(at, number, &d.attrs, d.start, d.time, t.value, lose); err != nil {
			return err
		}
	}
	return nil
}

// extremes makes the rows of the least and the greatest value, where they are known.
func (c *codec) extremes(at int) error {
	d := &c.point
	if d.hasMin {
		if err := c.row(at, c.family.min, &d.attrs, d.start, d.time, d.min, kept); err != nil {
			return err
		}
	}
	if d.hasMax {
		return c.row(at, c.family.max, &d.attrs, d.start, d.time, d.max, kept)
	}
	return nil
}

// estimate makes the rows of the quantiles. A point of no observations, or that tells no buckets, has none.
func (c *codec) estimate(at int) error {
	d := &c.point
	c.estimates = c.estimates[:0]
	e := histogram.Estimator{Quantiles: c.quantiles, Min: d.min, Max: d.max, Out: c.estimates}
	sound := true
	if c.family.kind == explicit {
		sound = d.explicit(&e)
	} else {
		sound = d.exponential(&e)
	}
	if !sound {
		c.lost[inconsistent] += len(c.quantiles)
		return nil
	}
	c.estimates = e.Out
	for i, v := range c.estimates {
		if err := c.row(at, c.family.quantiles[i], &d.attrs, d.start, d.time, v, kept); err != nil {
			return err
		}
	}
	return nil
}

// accumulate makes the rows of the buckets: what was observed up to each bound. A point that tells no buckets has none.
func (c *codec) accumulate(at int) error {
	d := &c.point
	if len(d.counts) == 0 && len(d.bounds) == 0 {
		return nil
	}
	if !d.rising() {
		c.lost[inconsistent]++
		return nil
	}
	up := 0.0
	for i, n := range d.counts {
		bound := math.Inf(1)
		if i < len(d.bounds) {
			bound = d.bounds[i]
		}
		up += float64(n)
		number, lose, err := c.identify(&c.family.id, ofBucket, bound, kept)
		if err != nil {
			return err
		}
		if err := c.row(at, number, &d.attrs, d.start, d.time, up, lose); err != nil {
			return err
		}
	}
	return nil
}

// bucketsLimit says that a point has too many buckets.
func (c *codec) bucketsLimit(at int) error {
	return pipeline.Errorf("otlp_metrics.limit.buckets", "otlp histogram point at byte %d of %d has more buckets than max_buckets %d: use fewer bounds or a lower resolution at the producer, or raise it",
		at, len(c.b), c.limits.buckets)
}
