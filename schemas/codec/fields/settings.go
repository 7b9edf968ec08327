package fields

import (
	"fmt"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/memo"
	"github.com/homeostat/homeostat/schemas/codec/moment"
)

// Reasons in Columns.Lost.
const (
	// LostNoValue: the event names no value, or it is null or empty.
	LostNoValue = "no_recorded_value"
	// LostNotNumeric: the value is neither a number nor a text that is one.
	LostNotNumeric = "not_numeric"
	// LostNotFinite: NaN, an infinity, or more than float64 holds.
	LostNotFinite = "not_finite"
	// LostNoTime: neither the event nor the record has a time.
	LostNoTime = "no_time"
	// LostTimeRange: the event's time is not after 1970, beyond 2261, or in no form that is known.
	LostTimeRange = "time_out_of_range"
	// LostSeriesLimit: a new series, and the lane's table is full.
	LostSeriesLimit = "series_limit"
)

type loss int

const (
	kept loss = iota
	noValue
	notNumeric
	notFinite
	noTime
	timeRange
	seriesLimit
	losses
)

var lossReasons = [losses]string{"", LostNoValue, LostNotNumeric, LostNotFinite, LostNoTime, LostTimeRange, LostSeriesLimit}

// Settings describes the settings that say what fields are, and what bounds rows. record is what the format calls an event and all
// that has members, nested what counts for max_nesting.
func Settings(record, nested string) []pipeline.Setting {
	return []pipeline.Setting{
		names("time", "Fields with the time: RFC 3339 or Unix time. Without one the record's own time counts.", "[ts]"),
		{Name: "time_unit", Type: pipeline.String, Default: "auto", Enum: []string{"auto", "s", "ms", "us", "ns"},
			Doc: "Unit of times that are plain numbers; auto goes by their size.", Example: "ms"},
		names("name", "Fields with the metric's name; the first that is there counts.", "[metric]"),
		{Name: "metric", Type: pipeline.String, Default: "", Doc: "The metric's name where no field has it; by default the " + record + "'s name in the schema. Without name beside it, no field is looked at.", Example: "http.requests"},
		names("value", "Fields with the value; the first that is a number, or a text that is one, counts.", "[value]"),
		names("values", "Fields with several values: "+record+"s or maps, whose numbers become metrics called NAME_MEMBER, or numbers, called NAME_FIELD.", "[cpu.user, cpu.idle]"),
		names("unit", "Fields with the unit.", "[unit]"),
		{Name: "type", Type: pipeline.String, Default: pipeline.Gauge.String(), Enum: []string{pipeline.Gauge.String(), pipeline.Delta.String(), pipeline.Cumulative.String()},
			Doc: "How values are to be read: gauge stands for itself, delta is what was added, cumulative grows and may begin anew.", Example: "cumulative"},
		names("labels", "Fields that become labels; \"*\" stands for all texts that no other setting names.", "[service, host]"),
		names("labels_object", strings.ToUpper(record[:1])+record[1:]+"s and maps whose members become labels.", "[tags]"),
		size("max_bytes", 16<<20, 1<<30, "Size of a record.", "16MiB"),
		{Name: "max_points", Type: pipeline.Int, Default: int64(100_000), Min: pipeline.Bound(1),
			Doc: "Rows a record may make, those that can't be used included.", Example: "100000"},
		{Name: "max_attributes", Type: pipeline.Int, Default: int64(128), Min: pipeline.Bound(1), Doc: "Labels of a point.", Example: "128"},
		size("max_label_bytes", 16<<10, 1<<20, "Text of a series: metric name, names and values of all labels.", "16KiB"),
		{Name: "max_nesting", Type: pipeline.Int, Default: int64(32), Min: pipeline.Bound(1), Max: pipeline.Bound(300),
			Doc: "Depth of " + nested + " in a record, the record itself included.", Example: "32"},
		{Name: "memo", Type: pipeline.Size, Default: int64(128 << 20), Min: pipeline.Bound(1 << 20), Max: pipeline.Bound(2 << 30),
			Doc: "Memory of a lane for recognising series by their raw bytes. Beyond it the memo starts anew, which costs time only.", Example: "128MiB"},
	}
}

// usual are the fields of the settings that are not there.
var usual = map[string][]any{
	"time": {"timestamp", "time", "ts", "datetime", "date"}, "name": {"name", "metric", "metric_name"}, "value": {"value", "val"}, "values": {"fields", "values"},
	"unit": {"unit"}, "labels": {everyText}, "labels_object": {"labels", "tags", "attributes", "dimensions"},
}

// names describes a list of fields. Its default is no value of the setting's: whether it is given counts.
func names(name, doc, example string) pipeline.Setting {
	words := fmt.Sprint(usual[name]...)
	if len(usual[name]) > 1 {
		words = strings.Trim(strings.ReplaceAll(fmt.Sprint(usual[name]), " ", ", "), "[]")
	}
	return pipeline.Setting{Name: name, Type: pipeline.List, Doc: doc + " By default " + words + ".", Example: example,
		Fields: []pipeline.Setting{{Type: pipeline.String, Doc: "Name or path of a field."}}}
}

func size(name string, def int64, most float64, doc, example string) pipeline.Setting {
	return pipeline.Setting{Name: name, Type: pipeline.Size, Default: def, Min: pipeline.Bound(1), Max: pipeline.Bound(most), Doc: doc, Example: example}
}

// NewRows makes what makes points, by settings that are complete but for the names of fields.
func NewRows(s pipeline.Settings) (*Rows, error) {
	m, err := NewMapping(s)
	return &Rows{
		Mapping: m, timeUnit: moment.UnitOf(s.Text("time_unit")), metric: []byte(s.Text("metric")), memo: memo.New(),
		typ:        map[string]pipeline.SeriesType{"delta": pipeline.Delta, "cumulative": pipeline.Cumulative}[s.Text("type")],
		points:     int(s.Int("max_points")),
		attributes: int(s.Int("max_attributes")),
		labelBytes: int(s.Int("max_label_bytes")),
		memoBytes:  int(s.Int("memo")),
	}, err
}
