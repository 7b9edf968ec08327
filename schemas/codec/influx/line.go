package influx

import (
	"bytes"
	"strconv"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/decimal"
	"github.com/homeostat/homeostat/schemas/codec/moment"
)

// line decodes the line at a position and returns the position behind it. The points get their time when it is read, at the end.
func (c *codec) line(at int) (int, error) {
	end := c.space(at)
	if end < 0 {
		return 0, c.broken(at, "the line has no fields")
	}
	id, err := c.identify(at, end)
	if err != nil {
		return 0, err
	}
	first := len(c.out.PointSeries)
	for at = spaces(c.b, end); ; at++ {
		if at, err = c.field(at, id); err != nil {
			return 0, err
		}
		if at == len(c.b) || c.b[at] != ',' {
			break
		}
	}
	if behind := spaces(c.b, at); behind > at || c.lineEnd(at) >= 0 {
		return c.end(behind, first)
	}
	return 0, c.broken(at, "a field ends neither with a comma nor with the line or a space")
}

// space returns the position of the first space that is not escaped, -1 if there is none. A backslash is no escape of another one,
// so a space is escaped exactly when a backslash stands before it.
func (c *codec) space(at int) int {
	for i := at; ; i++ {
		n := bytes.IndexByte(c.b[i:], ' ')
		if n < 0 {
			return -1
		}
		if i += n; i == at || c.b[i-1] != '\\' {
			return i
		}
	}
}

func spaces(b []byte, at int) int {
	for at < len(b) && b[at] == ' ' {
		at++
	}
	return at
}

// lineEnd returns the position behind a line's end that stands at a position, -1 if there is none.
func (c *codec) lineEnd(at int) int {
	switch {
	case at == len(c.b):
		return at
	case c.b[at] == '\n':
		return at + 1
	case c.b[at] == '\r' && at+1 == len(c.b):
		return at + 1
	case c.b[at] == '\r' && c.b[at+1] == '\n':
		return at + 2
	}
	return -1
}

// end reads the time at a position, if there is one, and gives it to the rows from first on.
func (c *codec) end(at, first int) (int, error) {
	if next := c.lineEnd(at); next >= 0 {
		c.give(first, c.recordTime, &c.lost.noTime)
		return next, nil
	}
	d, end := decimal.Scan(c.b, at)
	digits := at
	if d.Negative {
		digits++
	}
	next := c.lineEnd(spaces(c.b, end))
	if end == digits || next < 0 || d.Decimals > 0 || c.b[end-1] == '.' {
		return 0, c.broken(at, "what stands behind the fields is no time")
	}
	ns := int64(0)
	switch {
	case d.Negative:
	case d.Full:
		ns, _ = moment.Whole(d.Mantissa, c.unit)
	default:
		ns, _ = moment.Unix(c.b[at:end], c.unit)
	}
	c.give(first, ns, &c.lost.timeRange)
	return next, nil
}

// give sets the time of the rows from first on. Without one, 0, they are lost.
func (c *codec) give(first int, ns int64, lost *int) {
	out := c.out
	if ns <= 0 {
		*lost += len(out.PointSeries) - first
		out.PointSeries, out.PointTime = out.PointSeries[:first], out.PointTime[:first]
		out.PointStart, out.PointValue = out.PointStart[:first], out.PointValue[:first]
		return
	}
	times := out.PointTime[first:]
	for i := range times {
		times[i] = ns
	}
}

// field decodes the field at a position and returns the position behind it. Known fields that are numbers, as nearly all are, are read here.
func (c *codec) field(at int, id *identity) (int, error) {
	series, from := id.known(c.b, at)
	if from == 0 {
		return c.strange(at, id)
	}
	d, end := decimal.Scan(c.b, from)
	if d.Full && end < len(c.b) {
		switch c.b[end] {
		case ',', ' ':
			return end, c.row(from, series, d.Value())
		case 'i':
			if d.Exact() && d.Decimals == 0 && d.Mantissa > 0 && c.b[end-1] != '.' {
				return end + 1, c.row(from, series, d.Value())
			}
		}
	}
	return c.value(from, series)
}

// strange decodes a field of which nothing is known.
func (c *codec) strange(at int, id *identity) (int, error) {
	end, err := c.fieldName(at)
	if err != nil {
		return 0, err
	}
	if end+1 < len(c.b) && c.b[end+1] == '"' {
		return c.text(end + 1)
	}
	series, err := c.series(id, at, end)
	if err != nil {
		return 0, err
	}
	return c.value(end+1, series)
}

// value decodes the value at a position.
func (c *codec) value(at int, series uint32) (int, error) {
	if at == len(c.b) {
		return 0, c.broken(at, "a field has no value")
	}
	switch c.b[at] {
	case '"':
		return c.text(at)
	case 't', 'T', 'f', 'F':
		return c.boolean(at, series)
	}
	return c.number(at, series)
}

// number decodes a number with an optional i or u behind it.
func (c *codec) number(at int, series uint32) (int, error) {
	d, end := decimal.Scan(c.b, at)
	if end > at && end < len(c.b) && (c.b[end] == 'i' || c.b[end] == 'u') && c.b[end-1]-'0' <= 9 && d.Decimals == 0 {
		if !d.Full || d.Mantissa >= 1<<63 || d.Negative && c.b[end] == 'u' {
			return c.long(at, end, series)
		}
		return end + 1, c.row(at, series, signed(d))
	}
	v, n := decimal.Parse(c.b[at:])
	if n == 0 {
		return 0, c.broken(at, noValue)
	}
	return at + n, c.row(at, series, v)
}

const noValue = "a field's value is neither a number nor true, false or a text in quotes"

// signed returns a whole number: there is no -0 among them.
func signed(d decimal.Digits) float64 {
	if d.Negative {
		return 0 - float64(d.Mantissa)
	}
	return float64(d.Mantissa)
}

// long decodes a whole number that may be beyond its range.
func (c *codec) long(at, end int, series uint32) (int, error) {
	var v float64
	var err error
	if text := string(c.b[at:end]); c.b[end] == 'u' {
		var n uint64
		n, err = strconv.ParseUint(text, 10, 64)
		v = float64(n)
	} else {
		var n int64
		n, err = strconv.ParseInt(text, 10, 64)
		v = float64(n)
	}
	if err != nil {
		return 0, c.broken(at, "a whole number does not fit into its 64 bits")
	}
	return end + 1, c.row(at, series, v)
}

// boolean decodes true and false in their forms.
func (c *codec) boolean(at int, series uint32) (int, error) {
	end := at
	for end < len(c.b) && (c.b[end]|0x20)-'a' < 26 {
		end++
	}
	var v float64
	switch string(c.b[at:end]) {
	case "t", "T", "true", "True", "TRUE":
		v = 1
	case "f", "F", "false", "False", "FALSE":
	default:
		return 0, c.broken(at, noValue)
	}
	return end, c.row(at, series, v)
}

// text passes over a text.
func (c *codec) text(at int) (int, error) {
	for i := at + 1; i < len(c.b); i++ {
		switch c.b[i] {
		case '"':
			return i + 1, nil
		case '\\':
			if i+1 < len(c.b) && (c.b[i+1] == '"' || c.b[i+1] == '\\') {
				i++
			}
		}
	}
	return 0, c.broken(at, "a text has no end")
}

// row appends one point whose time is not known yet, or counts it as lost.
func (c *codec) row(at int, series uint32, v float64) error {
	if c.rows++; c.rows > c.limits.points {
		return pipeline.Errorf("influx.limit.points", "line protocol record makes more rows than max_points %d (reached at byte %d of %d): send smaller batches or raise it",
			c.limits.points, at, len(c.b))
	}
	switch {
	case v-v != 0: // not finite
		c.lost.notFinite++
	case series == refused:
		c.lost.seriesLimit++
	default:
		c.out.Point(series, 0, 0, v)
	}
	return nil
}

func (c *codec) broken(at int, why string) error {
	return pipeline.Errorf("influx.syntax", "line protocol record of %d bytes is broken at byte %d: %s; check what writes to the topic and that it is set to Influx line protocol, uncompressed",
		len(c.b), at, why)
}
