package otlp

import (
	"github.com/homeostat/homeostat/schemas/codec/wire"

	"encoding/binary"
	"math"
)

// distributionPoint reads a HistogramDataPoint, ExponentialHistogramDataPoint or SummaryDataPoint of c.family.
func (c *codec) distributionPoint(p *wire.Field) error {
	cur := c.walk(p)
	d := &c.point
	d.begin(c.family.kind)
	var f wire.Field
	for cur.Next(&f) {
		switch f.Number {
		case 2:
			if cur.Expect(&f, wire.Fixed64) {
				d.start = f.Value
			}
		case 3:
			if cur.Expect(&f, wire.Fixed64) {
				d.time = f.Value
			}
		case 4:
			if cur.Expect(&f, wire.Fixed64) {
				d.count = f.Value
			}
		case 5:
			if cur.Expect(&f, wire.Fixed64) {
				d.sum, d.summed = math.Float64frombits(f.Value), true
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
	if cur.Fault != "" {
		return wireFault(&cur)
	}
	return c.distribute(p.From)
}

// explicitField reads bucket_counts 6, explicit_bounds 7, attributes 9, flags 10, min 11 and max 12.
func (c *codec) explicitField(cur *wire.Cursor, f *wire.Field) error {
	d := &c.point
	switch f.Number {
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
func (c *codec) exponentialField(cur *wire.Cursor, f *wire.Field) error {
	d := &c.point
	switch f.Number {
	case 1:
		c.attributeField(cur, f)
	case 6:
		if cur.Expect(f, wire.Varint) {
			d.scale = zigzag(f.Value)
		}
	case 7:
		if cur.Expect(f, wire.Fixed64) {
			d.zeroCount = f.Value
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
func (c *codec) summaryField(cur *wire.Cursor, f *wire.Field) error {
	d := &c.point
	switch f.Number {
	case 6:
		if !cur.Expect(f, wire.Bytes) {
			return nil
		}
		if len(d.told) >= c.limits.points {
			return c.pointsLimit(f.At)
		}
		var t told
		inner := c.walk(f)
		var g wire.Field
		for inner.Next(&g) {
			switch g.Number {
			case 1:
				doubleField(&inner, &g, &t.quantile)
			case 2:
				doubleField(&inner, &g, &t.value)
			}
		}
		d.told = append(d.told, t)
		return wireFault(&inner)
	case 7:
		c.attributeField(cur, f)
	case 8:
		flagsField(cur, f, d)
	}
	return nil
}

func (c *codec) attributeField(cur *wire.Cursor, f *wire.Field) {
	if cur.Expect(f, wire.Bytes) {
		c.gather(&c.point.attrs, f.At, f.To)
	}
}

func flagsField(cur *wire.Cursor, f *wire.Field, d *distribution) {
	if cur.Expect(f, wire.Varint) {
		d.flags = f.Value
	}
}

func doubleField(cur *wire.Cursor, f *wire.Field, v *float64) bool {
	if !cur.Expect(f, wire.Fixed64) {
		return false
	}
	*v = math.Float64frombits(f.Value)
	return true
}

// numbersOf reads numbers of eight bytes each, which stand alone or packed.
func numbersOf[T any](c *codec, cur *wire.Cursor, f *wire.Field, to *[]T, of func(uint64) T) error {
	if f.Wire == wire.Fixed64 {
		if len(*to) >= c.limits.buckets {
			return c.bucketsLimit(f.At)
		}
		*to = append(*to, of(f.Value))
		return nil
	}
	if !cur.Expect(f, wire.Bytes) {
		return nil
	}
	if (f.To-f.From)%8 != 0 {
		cur.Stop(f.At, "a list of numbers ends within a number")
		return nil
	}
	if len(*to)+(f.To-f.From)/8 > c.limits.buckets {
		return c.bucketsLimit(f.At)
	}
	for i := f.From; i < f.To; i += 8 {
		*to = append(*to, of(binary.LittleEndian.Uint64(c.b[i:])))
	}
	return nil
}

// stretch reads Buckets, if they are wanted: offset = 1, bucket_counts = 2, which stand alone or packed.
func (c *codec) stretch(cur *wire.Cursor, f *wire.Field, s *stretch) error {
	if !cur.Expect(f, wire.Bytes) || !c.family.estimated {
		return nil
	}
	inner := c.walk(f)
	var g wire.Field
	for inner.Next(&g) {
		switch g.Number {
		case 1:
			if inner.Expect(&g, wire.Varint) {
				s.offset = zigzag(g.Value)
			}
		case 2:
			if g.Wire == wire.Varint {
				s.counts = append(s.counts, g.Value)
			} else if inner.Expect(&g, wire.Bytes) {
				s.read(&inner, &g, c.limits.buckets)
			}
			if len(s.counts) > c.limits.buckets {
				return c.bucketsLimit(g.At)
			}
		}
	}
	return wireFault(&inner)
}

// read reads packed varints, at most one more than the limit.
func (s *stretch) read(cur *wire.Cursor, f *wire.Field, limit int) {
	list := wire.Cursor{B: cur.B, At: f.From, End: f.To}
	for list.At < list.End && len(s.counts) <= limit {
		v, next := list.Varint(list.At)
		if next < 0 {
			cur.Stop(list.FaultAt, list.Fault)
			return
		}
		s.counts, list.At = append(s.counts, v), next
	}
}

// zigzag reads a sint32.
func zigzag(v uint64) int64 { return int64(int32(uint32(v)>>1) ^ -int32(v&1)) }
