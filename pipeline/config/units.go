package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// errUnit says that a number stands without its unit.
var errUnit = errors.New("no unit")

// errRange says that a value does not fit into 64 bits.
var errRange = errors.New("too large")

var errSyntax = errors.New("not understood")

const day = 24 * time.Hour

type unit struct {
	name string
	size int64
}

// durationUnits are Go's and days and weeks; longer names before their beginnings.
func durationUnits() []unit {
	return []unit{{"ns", 1}, {"us", 1e3}, {"µs", 1e3}, {"μs", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9},
		{"d", int64(day)}, {"w", int64(7 * day)}}
}

func sizeUnits() []unit {
	return []unit{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
		{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1}}
}

// parseDuration reads Go's durations and days (d) and weeks (w): 90s, 1h30m, 30d. A bare 0 needs no unit.
func parseDuration(text string) (time.Duration, error) {
	rest, negative := strings.CutPrefix(text, "-")
	if rest == "0" {
		return 0, nil
	}
	var sum int64
	for first := true; first || rest != ""; first = false {
		v, after, err := quantity(rest, durationUnits())
		if err != nil {
			return 0, err
		}
		if sum > math.MaxInt64-v {
			return 0, errRange
		}
		sum, rest = sum+v, after
	}
	if negative {
		sum = -sum
	}
	return time.Duration(sum), nil
}

// parseSize reads a number of bytes: 512KiB, 64MiB, 1.5GB. A bare 0 needs no unit.
func parseSize(text string) (int64, error) {
	if text == "0" {
		return 0, nil
	}
	v, rest, err := quantity(text, sizeUnits())
	if err == nil && rest != "" {
		return 0, errSyntax
	}
	return v, err
}

// quantity reads one decimal number with its unit from the start of text.
func quantity(text string, units []unit) (value int64, rest string, err error) {
	n := 0
	for n < len(text) && (text[n] >= '0' && text[n] <= '9' || text[n] == '.') {
		n++
	}
	number, err := strconv.ParseFloat(text[:n], 64)
	if err != nil {
		return 0, "", errSyntax
	}
	rest = text[n:]
	if rest == "" {
		return 0, "", errUnit
	}
	for _, u := range units {
		after, ok := strings.CutPrefix(rest, u.name)
		if !ok || after != "" && !(after[0] >= '0' && after[0] <= '9') {
			continue
		}
		if whole, err := strconv.ParseInt(text[:n], 10, 64); err == nil {
			if whole > math.MaxInt64/u.size {
				return 0, "", errRange
			}
			return whole * u.size, after, nil
		}
		if number*float64(u.size) >= math.MaxInt64 {
			return 0, "", errRange
		}
		return int64(math.Round(number * float64(u.size))), after, nil
	}
	return 0, "", errSyntax
}

// FormatDuration writes a duration as a configuration would: 30d, 1h30m, 100ms.
func FormatDuration(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + FormatDuration(-d)
	case d >= day && d%day == 0:
		return strconv.FormatInt(int64(d/day), 10) + "d"
	case d >= time.Minute && d%time.Minute == 0:
		h, m := d/time.Hour, d%time.Hour/time.Minute
		switch {
		case h == 0:
			return fmt.Sprintf("%dm", m)
		case m == 0:
			return fmt.Sprintf("%dh", h)
		}
		return fmt.Sprintf("%dh%dm", h, m)
	}
	return d.String()
}

// FormatSize writes a number of bytes as a configuration would: 512MiB, 1GB, 17B.
func FormatSize(n int64) string {
	for _, u := range []unit{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}} {
		if n != 0 && n%u.size == 0 {
			return strconv.FormatInt(n/u.size, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10) + "B"
}
