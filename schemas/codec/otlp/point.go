package otlp

import (
	"math"

	"github.com/homeostat/homeostat/pipeline"
)

// noValueFlag is DataPointFlags' DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK.
const noValueFlag = 1

// attributes gathers the attribute fields of a point as raw bytes: a stretch of the message as long as they
// stand together, which they do as a rule, else a copy of all of them one after the other.
type attributes struct {
	from, to  int
	scattered bool
}

func (c *codec) gather(a *attributes, f *field) {
	switch {
	case a.scattered:
		c.scattered = append(c.scattered, c.b[f.at:f.to]...)
	case a.to == 0:
		a.from, a.to = f.at, f.to
	case a.to == f.at:
		a.to = f.to
	default:
		a.scattered = true
		c.scattered = append(append(c.scattered[:0], c.b[a.from:a.to]...), c.b[f.at:f.to]...)
	}
}

func (c *codec) raw(a *attributes) []byte {
	if a.scattered {
		return c.scattered
	}
	return c.b[a.from:a.to]
}

// numberPoint reads NumberDataPoint: start 2, time 3, as_double 4, as_int 6, attributes 7, flags 8.
func (c *codec) numberPoint(p *field, metric uint32, lose loss) error {
	cur := c.walk(p)
	var f field
	var attrs attributes
	var start, time, flags uint64
	var value float64
	valued := false
	for cur.next(&f) {
		switch f.number {
		case 7:
			if cur.expect(&f, wireBytes) {
				c.gather(&attrs, &f)
			}
		case 2:
			if cur.expect(&f, wireFixed64) {
				start = f.value
			}
		case 3:
			if cur.expect(&f, wireFixed64) {
				time = f.value
			}
		case 4:
			if cur.expect(&f, wireFixed64) {
				value, valued = math.Float64frombits(f.value), true
			}
		case 6:
			if cur.expect(&f, wireFixed64) {
				value, valued = float64(int64(f.value)), true
			}
		case 8:
			if cur.expect(&f, wireVarint) {
				flags = f.value
			}
		}
	}
	if cur.fault != "" {
		return cur.err()
	}
	if lose == kept && (!valued || flags&noValueFlag != 0) {
		lose = noValue
	}
	return c.row(p.from, metric, &attrs, start, time, value, lose)
}

// distributionPoint reads what HistogramDataPoint, ExponentialHistogramDataPoint and SummaryDataPoint have in common:
// start 2, time 3, count 4, sum 5, and attributes and flags where the shape says. A point without a sum makes one row.
func (c *codec) distributionPoint(p *field, sh shape, countMetric, sumMetric uint32, lose loss) error {
	cur := c.walk(p)
	var f field
	var attrs attributes
	var start, time, count, flags uint64
	var sum float64
	// A summary's sum is left out when it is 0; a histogram's when it is unknown.
	summed := sh.cumulative
	for cur.next(&f) {
		switch f.number {
		case sh.attributes:
			if cur.expect(&f, wireBytes) {
				c.gather(&attrs, &f)
			}
		case 2:
			if cur.expect(&f, wireFixed64) {
				start = f.value
			}
		case 3:
			if cur.expect(&f, wireFixed64) {
				time = f.value
			}
		case 4:
			if cur.expect(&f, wireFixed64) {
				count = f.value
			}
		case 5:
			if cur.expect(&f, wireFixed64) {
				sum, summed = math.Float64frombits(f.value), true
			}
		case sh.flags:
			if cur.expect(&f, wireVarint) {
				flags = f.value
			}
		}
	}
	if cur.fault != "" {
		return cur.err()
	}
	if lose == kept && flags&noValueFlag != 0 {
		lose = noValue
	}
	if err := c.row(p.from, countMetric, &attrs, start, time, float64(count), lose); err != nil || !summed {
		return err
	}
	return c.row(p.from, sumMetric, &attrs, start, time, sum, lose)
}

// row appends one point, or counts it as lost.
func (c *codec) row(at int, metric uint32, attrs *attributes, start, time uint64, value float64, lose loss) error {
	if c.rows++; c.rows > c.limits.points {
		return pipeline.Errorf("otlp_metrics.limit.points", "otlp metrics message makes more rows than max_points %d (reached at byte %d of %d): send smaller batches or raise it",
			c.limits.points, at, len(c.b))
	}
	when := int64(time)
	switch {
	case lose != kept:
	case math.IsNaN(value) || math.IsInf(value, 0):
		lose = notFinite
	case time > math.MaxInt64:
		lose = timeRange
	case time == 0:
		if when = c.recordTime; when == 0 {
			lose = noTime
		}
	}
	if lose != kept {
		c.lost[lose]++
		return nil
	}
	if start > math.MaxInt64 {
		start = 0
	}
	raw := c.raw(attrs)
	series, hash, ok := c.seriesMemo.find(metric, raw)
	if !ok {
		var err error
		if series, err = c.admit(metric, raw, max(at, attrs.from)); err != nil {
			return err
		}
		c.seriesMemo.add(hash, metric, raw, series)
	}
	if series == refused {
		c.lost[seriesLimit]++
		return nil
	}
	c.out.Point(series, when, int64(start), value)
	return nil
}
