package window

import (
	"fmt"
	"time"

	"github.com/homeostat/homeostat/pipeline"
)

const (
	name    = "window"
	version = 3

	defaultSize = 10 * time.Second
	// mostOverlap bounds how many windows a row may fall into.
	mostOverlap = 1000
)

// kind is how windows are cut.
type kind uint8

const (
	aligned  kind = iota // at multiples of a time
	sessions             // where a series was silent
	counted              // after so many rows of a series
	limited              // at multiples of a time, and after so many rows of a series
)

// settings are the operator's, checked. Times are in nanoseconds.
type settings struct {
	kind        kind
	size, every int64 // aligned and limited
	gap, max    int64 // sessions
	rows        int64 // counted and limited
}

// Spec describes the operator.
func Spec() pipeline.Spec {
	shortest, longest := pipeline.Bound(float64(time.Millisecond)), pipeline.Bound(float64(24*time.Hour))
	return pipeline.Spec{
		Name:     name,
		Doc:      "Gathers points and log records into windows of event time, one row a series.",
		Stage:    pipeline.Detect,
		Consumes: []pipeline.Kind{pipeline.Points, pipeline.Logs},
		Emits:    []pipeline.Kind{pipeline.Windows},
		Version:  version,
		Settings: []pipeline.Setting{
			{Name: "size", Type: pipeline.Duration, Min: shortest, Max: longest, Example: "10s",
				Doc: "Length of a window, 10s unless session or count is given. Detectors see a fault at the end of the window it falls into."},
			{Name: "every", Type: pipeline.Duration, Min: shortest, Max: longest, Example: "5s",
				Doc: "Distance between the starts of windows, a whole fraction of size; windows then overlap. By default it is size."},
			{Name: "session", Type: pipeline.Object, Doc: "Windows of one series that end when it was silent for gap, instead of windows of a size.",
				Fields: []pipeline.Setting{
					{Name: "gap", Type: pipeline.Duration, Required: true, Min: shortest, Max: longest, Example: "30s", Doc: "How long a series is silent before its window ends."},
					{Name: "max", Type: pipeline.Duration, Default: time.Hour, Min: shortest, Max: longest, Example: "1h", Doc: "Greatest length of a window."},
				}},
			{Name: "count", Type: pipeline.Int, Min: pipeline.Bound(1), Max: pipeline.Bound(1_000_000_000), Example: "100",
				Doc: "Windows of so many rows of one series, instead of windows of a size."},
			{Name: "max_rows", Type: pipeline.Int, Min: pipeline.Bound(1), Max: pipeline.Bound(1_000_000_000), Example: "10000",
				Doc: "A window of a series that has so many rows ends early, and the rest of its time is another window."},
			{Name: "limit", Type: pipeline.Size, Default: int64(256 << 20), Min: pipeline.Bound(64 << 10),
				Doc: "Memory that the open windows of one lane may take. Rows that would need more are lost and counted.", Example: "256MiB"},
		},
	}
}

// Register adds the operator to the registry.
func Register(r *pipeline.Registry) { r.AddOperator(Spec(), New) }

// read checks how the settings fit together.
func read(s pipeline.Settings) (settings, error) {
	cfg := settings{size: int64(s.Duration("size")), every: int64(s.Duration("every")), rows: s.Int("count")}
	session := s.Has("session")
	for _, word := range []string{"size", "every", "count", "max_rows"} {
		if session && s.Has(word) {
			return cfg, clash(word, "session")
		}
	}
	for _, word := range []string{"size", "every", "max_rows"} {
		if s.Has("count") && s.Has(word) {
			return cfg, clash(word, "count")
		}
	}
	switch {
	case session:
		cfg.kind, cfg.gap, cfg.max = sessions, int64(s.Object("session").Duration("gap")), int64(s.Object("session").Duration("max"))
		if cfg.gap > cfg.max {
			return cfg, fault("session.gap", "window.session.gap", "a gap of %s is longer than the longest window, %s: make it shorter, or raise max", time.Duration(cfg.gap), time.Duration(cfg.max))
		}
		return cfg, nil
	case s.Has("count"):
		cfg.kind = counted
		return cfg, nil
	}
	if !s.Has("size") {
		cfg.size = int64(defaultSize)
	}
	if !s.Has("every") {
		cfg.every = cfg.size
	}
	if cfg.every > cfg.size || cfg.size%cfg.every != 0 || cfg.size/cfg.every > mostOverlap {
		return cfg, fault("every", "window.every", "windows of %s can't start every %s: choose a whole fraction of the size, at least a %dth", time.Duration(cfg.size), time.Duration(cfg.every), mostOverlap)
	}
	if s.Has("max_rows") {
		if s.Has("every") {
			return cfg, clash("every", "max_rows")
		}
		cfg.kind, cfg.rows = limited, s.Int("max_rows")
	}
	return cfg, nil
}

func clash(word, other string) error {
	return fault(word, "window.kind", "%s and %s exclude each other: keep one of them", word, other)
}

func fault(path, code, format string, args ...any) error {
	return &pipeline.SettingFault{Path: path, Err: pipeline.Errorf(code, format, args...)}
}

// what says how windows are cut.
func (c *settings) what() string {
	switch {
	case c.kind == sessions:
		return fmt.Sprintf("sessions ended by %s of silence, %s at most", time.Duration(c.gap), time.Duration(c.max))
	case c.kind == counted:
		return fmt.Sprintf("%d rows of a series each", c.rows)
	case c.kind == limited:
		return fmt.Sprintf("%s long, cut after %d rows of a series", time.Duration(c.size), c.rows)
	case c.every < c.size:
		return fmt.Sprintf("%s long and start every %s", time.Duration(c.size), time.Duration(c.every))
	}
	return fmt.Sprintf("%s long, one after the other", time.Duration(c.size))
}
