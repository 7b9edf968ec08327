package otlp

import (
	"encoding/binary"
	"math"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/wire"
)

// noValueFlag is DataPointFlags' DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK.
const noValueFlag = 1

// staleMarker is the NaN by which Prometheus says that a series has ended.
const staleMarker = 0x7ff0000000000002

// attributes gathers the attribute fields of a point as raw bytes: a stretch of the message as long as they
// stand together, which they do as a rule, else a copy of all of them one after the other.
type attributes struct {
	from, to  int
	scattered bool
	number    uint32 // of the bytes, plus 1; 0 as long as it is not known
}

// gather adds the attribute field in c.b[at:to].
func (c *codec) gather(a *attributes, at, to int) {
	switch {
	case a.scattered:
		c.scattered = append(c.scattered, c.b[at:to]...)
	case a.to == 0:
		a.from, a.to = at, to
	case a.to == at:
		a.to = to
	default:
		a.scattered = true
		c.scattered = append(append(c.scattered[:0], c.b[a.from:a.to]...), c.b[at:to]...)
	}
}

func (c *codec) raw(a *attributes) []byte {
	if a.scattered {
		return c.scattered
	}
	return c.b[a.from:a.to]
}

// number is what a NumberDataPoint says.
type number struct {
	attrs              attributes
	start, time, flags uint64
	value              float64
	valued             bool
	at                 layout
}

// Tags of NumberDataPoint: start_time_unix_nano 2, time_unix_nano 3, as_double 4, as_int 6, attributes 7.
const (
	tagStart      = 2<<3 | wire.Fixed64
	tagTime       = 3<<3 | wire.Fixed64
	tagDouble     = 4<<3 | wire.Fixed64
	tagInt        = 6<<3 | wire.Fixed64
	tagAttributes = 7<<3 | wire.Bytes
)

// numberPoint reads a NumberDataPoint. What all points have is read here, where no call is made for it; the rest, and
// whatever is odd or broken, by numberField.
func (c *codec) numberPoint(p *wire.Field, metric uint32, lose loss) error {
	var n number
	b := c.b[:p.To]
	for i := p.From; i < len(b); {
		rest := b[i:]
		if len(rest) >= 9 {
			v := binary.LittleEndian.Uint64(rest[1:])
			switch rest[0] {
			case tagAttributes:
				if to := i + 2 + int(rest[1]); rest[1] < 0x80 && to <= len(b) {
					c.gather(&n.attrs, i, to)
					i = to
					continue
				}
			case tagStart:
				n.start, n.at.start = v, i+1
				i += 9
				continue
			case tagTime:
				n.time, n.at.time = v, i+1
				i += 9
				continue
			case tagDouble:
				n.value, n.valued = math.Float64frombits(v), true
				n.at.value, n.at.integer = i+1, false
				i += 9
				continue
			case tagInt:
				n.value, n.valued = float64(int64(v)), true
				n.at.value, n.at.integer = i+1, true
				i += 9
				continue
			}
		}
		var err error
		if i, err = c.numberField(i, p.To, &n); err != nil {
			return err
		}
	}
	if lose == kept && (!n.valued || n.flags&noValueFlag != 0) {
		lose = noValue
	}
	c.numbered++
	c.last = n.at
	return c.row(p.From, metric, &n.attrs, n.start, n.time, n.value, lose)
}

// numberField reads the field of a NumberDataPoint at position at, among them flags = 8, and returns where it ends.
func (c *codec) numberField(at, end int, n *number) (int, error) {
	cur := wire.Cursor{B: c.b, At: at, End: end}
	var f wire.Field
	if !cur.Next(&f) {
		return 0, wireFault(&cur)
	}
	switch f.Number {
	case 7:
		if cur.Expect(&f, wire.Bytes) {
			c.gather(&n.attrs, f.At, f.To)
		}
	case 2:
		if cur.Expect(&f, wire.Fixed64) {
			n.start, n.at.start = f.Value, f.To-8
		}
	case 3:
		if cur.Expect(&f, wire.Fixed64) {
			n.time, n.at.time = f.Value, f.To-8
		}
	case 4:
		if cur.Expect(&f, wire.Fixed64) {
			n.value, n.valued = math.Float64frombits(f.Value), true
			n.at.value, n.at.integer = f.To-8, false
		}
	case 6:
		if cur.Expect(&f, wire.Fixed64) {
			n.value, n.valued = float64(int64(f.Value)), true
			n.at.value, n.at.integer = f.To-8, true
		}
	case 8:
		if cur.Expect(&f, wire.Varint) {
			n.flags = f.Value
		}
	}
	return f.To, wireFault(&cur)
}

// row appends one point, or counts it as lost.
func (c *codec) row(at int, metric uint32, attrs *attributes, start, time uint64, value float64, lose loss) error {
	if c.rows++; c.rows > c.limits.points {
		return c.pointsLimit(at)
	}
	when, lose := c.usable(time, value, lose)
	if lose != kept {
		c.lost[lose]++
		return nil
	}
	series, err := c.seriesOf(at, metric, attrs)
	if err != nil {
		return err
	}
	if series == refused {
		c.lost[seriesLimit]++
		return nil
	}
	c.lastSeries = series
	c.out.Point(series, when, startOf(start), value)
	return nil
}

// seriesOf finds the series of a metric with a point's attributes.
func (c *codec) seriesOf(at int, metric uint32, attrs *attributes) (uint32, error) {
	var hash uint32
	if attrs.number == 0 {
		number, h, ok := c.attributeMemo.Find(0, c.raw(attrs))
		if hash = h; ok {
			attrs.number = number + 1
		}
	}
	if attrs.number > 0 {
		if series, ok := c.series.Find(metric, attrs.number-1); ok {
			return series, nil
		}
	}
	raw := c.raw(attrs)
	series, err := c.admit(metric, raw, max(at, attrs.from))
	if err != nil {
		return 0, err
	}
	if c.full.is {
		c.full.sought++
		return series, nil
	}
	if attrs.number == 0 {
		attrs.number = uint32(c.attributeMemo.Len()) + 1
		c.attributeMemo.Add(hash, 0, raw, attrs.number-1)
	}
	c.series.Add(metric, attrs.number-1, series)
	return series, nil
}

func (c *codec) pointsLimit(at int) error {
	return pipeline.Errorf("otlp_metrics.limit.points", "otlp metrics record makes more rows than max_points %d (reached at byte %d of %d): send smaller batches or raise it",
		c.limits.points, at, len(c.b))
}

// usable returns a point's time in Unix nanoseconds and lose, or the reason why its numbers can't be used.
func (c *codec) usable(time uint64, value float64, lose loss) (when int64, _ loss) {
	when = int64(time)
	switch {
	case lose != kept:
	case math.IsNaN(value) || math.IsInf(value, 0):
		if lose = notFinite; math.Float64bits(value) == staleMarker {
			lose = noValue
		}
	case time > math.MaxInt64:
		lose = timeRange
	case time == 0:
		if when = c.recordTime; when == 0 {
			lose = noTime
		}
	}
	return when, lose
}

// startOf is a point's start, 0 if it is none.
func startOf(start uint64) int64 {
	if start > math.MaxInt64 {
		return 0
	}
	return int64(start)
}
