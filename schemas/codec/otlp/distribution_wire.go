package otlp

import (
	"encoding/binary"
	"math"
)

// distributionPoint reads a HistogramDataPoint, ExponentialHistogramDataPoint or SummaryDataPoint of c.family.
func (c *codec) distributionPoint(p *field) error {
	cur := c.walk(p)
	d := &c.point
	d.begin(c.family.kind)
	var f field
	for cur.next(&f) {
		switch f.number {
		case 2:
			if cur.expect(&f, wireFixed64) {
				d.start = f.value
			}
		case 3:
			if cur.expect(&f, wireFixed64) {
				d.time = f.value
			}
		case 4:
			if cur.expect(&f, wireFixed64) {
				d.count = f.value
			}
		case 5:
			if cur.expect(&f, wireFixed64) {
				d.sum, d.summed = math.Float64frombits(f.value), true
			}
		default:
			var err error
			switch c.family.kind {
			case explicit:
				err = c.explicitField(&cur, &f)
			case exponential:
				err = c.exponentialField(&cur, &f)
			case summary:
				err = c.summaryField(&cur, &f)
			}
			if err != nil {
				return err
			}
		}
	}
	if cur.fault != "" {
		return cur.err()
	}
	return c.distribute(p.from)
}

// explicitField reads bucket_counts 6, explicit_bounds 7, attributes 9, flags 10, min 11 and max 12.
func (c *codec) explicitField(cur *cursor, f *field) error {
	d := &c.point
	switch f.number {
	case 6:
		if c.family.estimated || c.family.bucketed {
			return numbersOf(c, cur, f, &d.counts, func(v uint64) uint64 { return v })
		}
	case 7:
		if c.family.estimated || c.family.bucketed {
			return numbersOf(c, cur, f, &d.bounds, math.Float64frombits)
		}
	case 9:
		c.attributeField(cur, f)
	case 10:
		flagsField(cur, f, d)
	case 11:
		d.hasMin = doubleField(cur, f, &d.min)
	case 12:
		d.hasMax = doubleField(cur, f, &d.max)
	}
	return nil
}

// exponentialField reads attributes 1, scale 6, zero_count 7, positive 8, negative 9, flags 10, min 12, max 13 and
// zero_threshold 14.
func (c *codec) exponentialField(cur *cursor, f *field) error {
	d := &c.point
	switch f.number {
	case 1:
		c.attributeField(cur, f)
	case 6:
		if cur.expect(f, wireVarint) {
			d.scale = zigzag(f.value)
		}
	case 7:
		if cur.expect(f, wireFixed64) {
			d.zeroCount = f.value
		}
	case 8:
		return c.stretch(cur, f, &d.positive)
	case 9:
		return c.stretch(cur, f, &d.negative)
	case 10:
		flagsField(cur, f, d)
	case 12:
		d.hasMin = doubleField(cur, f, &d.min)
	case 13:
		d.hasMax = doubleField(cur, f, &d.max)
	case 14:
		doubleField(cur, f, &d.zeroThreshold)
	}
	return nil
}

// summaryField reads quantile_values 6, attributes 7 and flags 8.
func (c *codec) summaryField(cur *cursor, f *field) error {
	d := &c.point
	switch f.number {
	case 6:
		if !cur.expect(f, wireBytes) {
			return nil
		}
		if len(d.told) >= c.limits.points {
			return c.pointsLimit(f.at)
		}
		var t told
		inner := c.walk(f)
		var g field
		for inner.next(&g) {
			switch g.number {
			case 1:
				doubleField(&inner, &g, &t.quantile)
			case 2:
				doubleField(&inner, &g, &t.value)
			}
		}
		d.told = append(d.told, t)
		return inner.err()
	case 7:
		c.attributeField(cur, f)
	case 8:
		flagsField(cur, f, d)
	}
	return nil
}

func (c *codec) attributeField(cur *cursor, f *field) {
	if cur.expect(f, wireBytes) {
		c.gather(&c.point.attrs, f.at, f.to)
	}
}

func flagsField(cur *cursor, f *field, d *distribution) {
	if cur.expect(f, wireVarint) {
		d.flags = f.value
	}
}

func doubleField(cur *cursor, f *field, v *float64) bool {
	if !cur.expect(f, wireFixed64) {
		return false
	}
	*v = math.Float64frombits(f.value)
	return true
}

// numbersOf reads numbers of eight bytes each, which stand alone or packed.
func numbersOf[T any](c *codec, cur *cursor, f *field, to *[]T, of func(uint64) T) error {
	if f.wire == wireFixed64 {
		if len(*to) >= c.limits.buckets {
			return c.bucketsLimit(f.at)
		}
		*to = append(*to, of(f.value))
		return nil
	}
	if !cur.expect(f, wireBytes) {
		return nil
	}
	if (f.to-f.from)%8 != 0 {
		cur.stop(f.at, "a list of numbers ends within a number")
		return nil
	}
	if len(*to)+(f.to-f.from)/8 > c.limits.buckets {
		return c.bucketsLimit(f.at)
	}
	for i := f.from; i < f.to; i += 8 {
		*to = append(*to, of(binary.LittleEndian.Uint64(c.b[i:])))
	}
	return nil
}

// stretch reads Buckets, if they are wanted: offset = 1, bucket_counts = 2, which stand alone or packed.
func (c *codec) stretch(cur *cursor, f *field, s *stretch) error {
	if !cur.expect(f, wireBytes) || !c.family.estimated {
		return nil
	}
	inner := c.walk(f)
	var g field
	for inner.next(&g) {
		switch g.number {
		case 1:
			if inner.expect(&g, wireVarint) {
				s.offset = zigzag(g.value)
			}
		case 2:
			if g.wire == wireVarint {
				s.counts = append(s.counts, g.value)
			} else if inner.expect(&g, wireBytes) {
				s.read(&inner, &g, c.limits.buckets)
			}
			if len(s.counts) > c.limits.buckets {
				return c.bucketsLimit(g.at)
			}
		}
	}
	return inner.err()
}

// read reads packed varints, at most one more than the limit.
func (s *stretch) read(cur *cursor, f *field, limit int) {
	list := cursor{b: cur.b, at: f.from, end: f.to}
	for list.at < list.end && len(s.counts) <= limit {
		v, next := list.varint(list.at)
		if next < 0 {
			cur.stop(list.faultAt, list.fault)
			return
		}
		s.counts, list.at = append(s.counts, v), next
	}
}

// zigzag reads a sint32.
func zigzag(v uint64) int64 { return int64(int32(uint32(v)>>1) ^ -int32(v&1)) }
