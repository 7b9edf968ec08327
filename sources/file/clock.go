package file

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"time"
	"unsafe"

	"github.com/homeostat/homeostat/pipeline"
)

// clock reads times in one format. It remembers the last one: in long files times repeat.
type clock struct {
	parse func(text string) (int64, error)
	last  []byte
	time  int64
}

// newClock takes the settings of time.
func newClock(s pipeline.Settings) (*clock, error) {
	zone, err := time.LoadLocation(s.Text("timezone"))
	if err != nil {
		return nil, &pipeline.SettingFault{Path: "time.timezone", Err: pipeline.Errorf("file.time.zone", "%q is no time zone that this machine knows: write UTC, or a name such as Europe/Berlin", s.Text("timezone"))}
	}
	c := &clock{}
	switch format := s.Text("format"); format {
	case "", "auto":
		c.parse = func(text string) (int64, error) { return guess(text, zone) }
	case "unix":
		c.parse = decimal(9)
	case "unix_ms":
		c.parse = decimal(6)
	case "unix_us":
		c.parse = decimal(3)
	case "unix_ns":
		c.parse = decimal(0)
	case "rfc3339":
		c.parse = func(text string) (int64, error) { return layout(time.RFC3339Nano, text, zone) }
	default:
		at := time.Date(2009, 11, 28, 23, 47, 59, 0, time.UTC)
		if again, err := time.Parse(format, at.Format(format)); err != nil || again.Year() != 2009 || again.Day() != 28 {
			return nil, &pipeline.SettingFault{Path: "time.format", Err: pipeline.Errorf("file.time.format", "%q is no format that gives a day: write auto, unix, unix_ms, unix_us, unix_ns, rfc3339, or a layout of Go such as 2006-01-02 15:04:05", format)}
		}
		c.parse = func(text string) (int64, error) { return layout(format, text, zone) }
	}
	return c, nil
}

// read returns the time in Unix nanoseconds.
func (c *clock) read(cell []byte) (int64, error) {
	if bytes.Equal(cell, c.last) && len(cell) > 0 {
		return c.time, nil
	}
	t, err := c.parse(text(bytes.TrimSpace(cell)))
	if err != nil {
		return 0, err
	}
	c.last, c.time = append(c.last[:0], cell...), t
	return t, nil
}

// text views bytes as a string; it must not outlive them.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func layout(format, text string, zone *time.Location) (int64, error) {
	t, err := time.ParseInLocation(format, text, zone)
	if err != nil {
		return 0, fmt.Errorf("it is not of the form %s", format)
	}
	return nanoseconds(t)
}

func nanoseconds(t time.Time) (int64, error) {
	if y := t.Year(); y < 1700 || y > 2260 {
		return 0, fmt.Errorf("the year %d is outside of 1700 to 2260", y)
	}
	return t.UnixNano(), nil
}

// guess reads numbers as Unix time of the unit that gives a year near ours, and the usual texts.
func guess(text string, zone *time.Location) (int64, error) {
	if v, err := strconv.ParseFloat(text, 64); err == nil {
		switch a := math.Abs(v); {
		case a < 1e11:
			return decimal(9)(text)
		case a < 1e14:
			return decimal(6)(text)
		case a < 1e17:
			return decimal(3)(text)
		}
		return decimal(0)(text)
	}
	for _, format := range []string{time.RFC3339Nano, "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(format, text, zone); err == nil {
			return nanoseconds(t)
		}
	}
	return 0, fmt.Errorf("it is neither Unix time nor of the form 2006-01-02 15:04:05: set time.format")
}

// decimal reads a decimal number of units of 10^digits nanoseconds, exactly.
func decimal(digits int) func(string) (int64, error) {
	return func(text string) (int64, error) {
		whole, fraction := text, ""
		for i := range len(text) {
			if text[i] == '.' {
				whole, fraction = text[:i], text[i+1:]
				break
			}
		}
		n, err := strconv.ParseInt(whole, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("it is no number of Unix time")
		}
		unit := int64(math.Pow10(digits))
		if n > math.MaxInt64/unit-1 || n < -math.MaxInt64/unit+1 {
			return 0, fmt.Errorf("it is outside of 1700 to 2260")
		}
		rest := int64(0)
		for i := range digits {
			d := byte('0')
			if i < len(fraction) {
				d = fraction[i]
			}
			if d < '0' || d > '9' {
				return 0, fmt.Errorf("it is no number of Unix time")
			}
			rest = rest*10 + int64(d-'0')
		}
		if whole[0] == '-' {
			rest = -rest
		}
		return n*unit + rest, nil
	}
}
