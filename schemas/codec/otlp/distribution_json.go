package otlp

import "math"

// Fields of the three kinds of distributions. Their numbers are the codec's own.
const (
	fieldAttributes uint = 1 + iota
	fieldStart
	fieldTime
	fieldCount
	fieldSum
	fieldFlags
	fieldMin
	fieldMax
	fieldCounts
	fieldBounds
	fieldScale
	fieldZeroCount
	fieldZeroThreshold
	fieldPositive
	fieldNegative
	fieldQuantiles
)

func distributionNames(name []byte) uint {
	switch string(name) {
	case "attributes":
		return fieldAttributes
	case "startTimeUnixNano", "start_time_unix_nano":
		return fieldStart
	case "timeUnixNano", "time_unix_nano":
		return fieldTime
	case "count":
		return fieldCount
	case "sum":
		return fieldSum
	case "flags":
		return fieldFlags
	}
	return 0
}

func explicitNames(name []byte) uint {
	switch string(name) {
	case "bucketCounts", "bucket_counts":
		return fieldCounts
	case "explicitBounds", "explicit_bounds":
		return fieldBounds
	case "min":
		return fieldMin
	case "max":
		return fieldMax
	}
	return distributionNames(name)
}

func exponentialNames(name []byte) uint {
	switch string(name) {
	case "scale":
		return fieldScale
	case "zeroCount", "zero_count":
		return fieldZeroCount
	case "zeroThreshold", "zero_threshold":
		return fieldZeroThreshold
	case "positive":
		return fieldPositive
	case "negative":
		return fieldNegative
	case "min":
		return fieldMin
	case "max":
		return fieldMax
	}
	return distributionNames(name)
}

func summaryNames(name []byte) uint {
	switch string(name) {
	case "quantileValues", "quantile_values":
		return fieldQuantiles
	}
	return distributionNames(name)
}

var namesOf = [...]names{explicit: explicitNames, exponential: exponentialNames, summary: summaryNames}

// jsonDistribution reads a point of c.family.
func (c *codec) jsonDistribution(v uint32) error {
	d, t := &c.point, &c.tape
	d.begin(c.family.kind)
	read := c.family.estimated || c.family.bucketed
	for f := t.fields(v, namesOf[c.family.kind]); f.next(); {
		switch f.number {
		case fieldAttributes:
			t.attributes(f.value, &d.attrs)
		case fieldStart:
			d.start = t.uint(f.value)
		case fieldTime:
			d.time = t.uint(f.value)
		case fieldCount:
			d.count = t.uint(f.value)
		case fieldSum:
			d.sum, d.summed = t.float(f.value), true
		case fieldFlags:
			d.flags = t.uint(f.value)
		case fieldMin:
			d.min, d.hasMin = t.float(f.value), true
		case fieldMax:
			d.max, d.hasMax = t.float(f.value), true
		case fieldScale:
			d.scale = t.int(f.value, math.MinInt32, math.MaxInt32)
		case fieldZeroCount:
			d.zeroCount = t.uint(f.value)
		case fieldZeroThreshold:
			d.zeroThreshold = t.float(f.value)
		default:
			if f.number != fieldQuantiles && !read {
				continue
			}
			if err := c.jsonList(f.number, f.value); err != nil {
				return err
			}
		}
	}
	if t.fault != "" {
		return nil
	}
	return c.distribute(t.at(v))
}

// jsonList reads a list of a point: buckets, bounds or quantiles.
func (c *codec) jsonList(field uint, v uint32) error {
	d, t := &c.point, &c.tape
	switch field {
	case fieldCounts:
		return c.jsonCounts(v, &d.counts)
	case fieldBounds:
		for e := t.elements(v); e.next(); {
			if len(d.bounds) >= c.limits.buckets {
				return c.bucketsLimit(t.at(e.value))
			}
			d.bounds = append(d.bounds, t.float(e.value))
		}
	case fieldPositive:
		return c.jsonStretch(v, &d.positive)
	case fieldNegative:
		return c.jsonStretch(v, &d.negative)
	case fieldQuantiles:
		for e := t.elements(v); e.next(); {
			if len(d.told) >= c.limits.points {
				return c.pointsLimit(t.at(e.value))
			}
			var q told
			for f := t.fields(e.value, toldNames); f.next(); {
				if f.number == 1 {
					q.quantile = t.float(f.value)
				} else {
					q.value = t.float(f.value)
				}
			}
			d.told = append(d.told, q)
		}
	}
	return nil
}

func (c *codec) jsonCounts(v uint32, to *[]uint64) error {
	for e := c.tape.elements(v); e.next(); {
		if len(*to) >= c.limits.buckets {
			return c.bucketsLimit(c.tape.at(e.value))
		}
		*to = append(*to, c.tape.uint(e.value))
	}
	return nil
}

func (c *codec) jsonStretch(v uint32, s *stretch) error {
	for f := c.tape.fields(v, stretchNames); f.next(); {
		if f.number == 1 {
			s.offset = c.tape.int(f.value, math.MinInt32, math.MaxInt32)
		} else if err := c.jsonCounts(f.value, &s.counts); err != nil {
			return err
		}
	}
	return nil
}

func stretchNames(name []byte) uint {
	switch string(name) {
	case "offset":
		return 1
	case "bucketCounts", "bucket_counts":
		return 2
	}
	return 0
}

func toldNames(name []byte) uint {
	switch string(name) {
	case "quantile":
		return 1
	case "value":
		return 2
	}
	return 0
}
