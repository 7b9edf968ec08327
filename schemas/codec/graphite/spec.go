package graphite

import (
	"errors"
	"fmt"
	"maps"
	"path"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/memo"
	"github.com/homeostat/homeostat/schemas/codec/moment"
)

// Name is the codec's word in the configuration.
const Name = "graphite"

// Reasons in Columns.Lost.
const (
	// LostNotFinite: NaN or an infinity, or a number that no float64 holds.
	LostNotFinite = "not_finite"
	// LostNoTime: neither the line nor the record has a time.
	LostNoTime = "no_time"
	// LostTimeRange: the line's time is before 1970 or beyond the year 2262, or too small for its unit to be seen.
	LostTimeRange = "time_out_of_range"
	// LostSeriesLimit: a new series, and the lane's table is full.
	LostSeriesLimit = "series_limit"
)

// Spec describes the codec.
func Spec() pipeline.Spec {
	text := func(doc string) []pipeline.Setting { return []pipeline.Setting{{Type: pipeline.String, Doc: doc}} }
	return pipeline.Spec{
		Name: Name,
		Doc: "Graphite's plaintext protocol, one line a record or several, with tags or without, as collectd, Telegraf and carbon's clients write it. " +
			"The path is the metric's name; path_labels makes labels of its parts. A record beyond a limit is a dead letter.",
		Emits:   []pipeline.Kind{pipeline.Points},
		Version: 1,
		Settings: []pipeline.Setting{
			{Name: "path_labels", Type: pipeline.List, Fields: text("Words with dots between: the label of each part of the path; * for a part of the metric's name, at the end for all that is left; _ for a part that is dropped."),
				Doc: "Patterns that make labels of the parts of a path; the first that fits counts.", Example: "[host.plugin.*]"},
			{Name: "cumulative", Type: pipeline.List, Fields: text("Name of a metric, or pattern with * and ?."),
				Doc: "Metrics whose values only grow, until they start again; all others are gauges.", Example: "[if_octets.*]"},
			{Name: "precision", Type: pipeline.String, Default: "auto", Enum: []string{"auto", "s", "ms", "us", "ns"},
				Doc: "Unit of times; auto goes by their size, by which seconds are recognised from 2001 on.", Example: "s"},
			{Name: "max_bytes", Type: pipeline.Size, Default: int64(16 << 20), Min: pipeline.Bound(1), Max: pipeline.Bound(1 << 30),
				Doc: "Size of a record.", Example: "16MiB"},
			{Name: "max_points", Type: pipeline.Int, Default: int64(100_000), Min: pipeline.Bound(1),
				Doc: "Lines of a record.", Example: "100000"},
			{Name: "max_attributes", Type: pipeline.Int, Default: int64(128), Min: pipeline.Bound(1),
				Doc: "Tags of a line and labels of its path together.", Example: "128"},
			{Name: "max_label_bytes", Type: pipeline.Size, Default: int64(16 << 10), Min: pipeline.Bound(1), Max: pipeline.Bound(1 << 20),
				Doc: "Text of a series: metric name, names and values of all labels.", Example: "16KiB"},
			{Name: "memo", Type: pipeline.Size, Default: int64(128 << 20), Min: pipeline.Bound(1 << 20), Max: pipeline.Bound(2 << 30),
				Doc: "Memory of a lane for recognising series by their raw bytes. Beyond it the memo starts anew, which costs time only.", Example: "128MiB"},
		},
	}
}

// Register adds the codec to a registry.
func Register(r *pipeline.Registry) { r.AddCodec(Spec(), New) }

type limits struct{ bytes, points, attributes, labelBytes, memo int }

// New makes a codec for one lane. Settings that are absent have the defaults of Spec.
func New(given pipeline.Settings) (pipeline.Codec, error) {
	s := pipeline.Settings{}
	for _, setting := range Spec().Settings {
		s[setting.Name] = setting.Default
	}
	maps.Copy(s, given)
	c := &codec{unit: moment.UnitOf(s.Text("precision")), cumulative: s.Texts("cumulative"), memo: memo.New(), limits: limits{
		bytes:      int(s.Int("max_bytes")),
		points:     int(s.Int("max_points")),
		attributes: int(s.Int("max_attributes")),
		labelBytes: int(s.Int("max_label_bytes")),
		memo:       int(s.Int("memo")),
	}}
	var faults []error
	for i, pattern := range c.cumulative {
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
			faults = append(faults, &pipeline.SettingFault{Path: fmt.Sprintf("cumulative[%d]", i),
				Err: pipeline.Errorf("graphite.cumulative.pattern", "%q is no pattern: write a metric's name, close what [ opens, and write \\[ for the character itself", pattern)})
		}
	}
	for i, pattern := range s.Texts("path_labels") {
		p, err := newTemplate(pattern)
		if err != nil {
			faults = append(faults, &pipeline.SettingFault{Path: fmt.Sprintf("path_labels[%d]", i), Err: err})
		}
		c.templates = append(c.templates, p)
	}
	return c, errors.Join(faults...)
}
