package collectd

import (
	"maps"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/memo"
)

// Name is the codec's word in the configuration.
const Name = "collectd"

// Reasons in Columns.Lost.
const (
	// LostNoValue: null in JSON, U in a command: collectd had no value.
	LostNoValue = "no_recorded_value"
	// LostNotFinite: NaN or an infinity, or a number that no float64 holds.
	LostNotFinite = "not_finite"
	// LostNoTime: neither the value list nor the record has a time.
	LostNoTime = "no_time"
	// LostTimeRange: the time is before 1970 or beyond the year 2262.
	LostTimeRange = "time_out_of_range"
	// LostNoName: the value list has no plugin or no type.
	LostNoName = "no_metric_name"
	// LostSeriesLimit: a new series, and the lane's table is full.
	LostSeriesLimit = "series_limit"
)

type loss int

const (
	kept loss = iota
	noValue
	notFinite
	noTime
	timeRange
	noName
	seriesLimit
	losses
)

var lossReasons = [losses]string{"", LostNoValue, LostNotFinite, LostNoTime, LostTimeRange, LostNoName, LostSeriesLimit}

// Spec describes the codec.
func Spec() pipeline.Spec {
	return pipeline.Spec{
		Name: Name,
		Doc: "What collectd's write_kafka writes with Format JSON or Command, told apart by themselves. Each value makes a point of the series " +
			"collectd_plugin_type[_dsname] with the labels host, plugin_instance and type_instance. A record beyond a limit is a dead letter.",
		Emits:   []pipeline.Kind{pipeline.Points},
		Version: 1,
		Settings: []pipeline.Setting{
			{Name: "store_rates", Type: pipeline.Bool, Default: true,
				Doc: "As StoreRates in collectd's configuration, on if it is not there: derive, counter and absolute come as rates in JSON, so they are gauges. " +
					"With false, derive and counter are cumulative and absolute is a delta.", Example: "false"},
			{Name: "types", Type: pipeline.Map, Fields: []pipeline.Setting{{Type: pipeline.String, Doc: "name:type of the data sources in order, types being gauge, derive, counter or absolute.", Example: "hits:derive ratio:gauge"}},
				Doc:     "Data sources of types, as types.db has them, for commands, which do not name them. Those of the plugins for the operating system are known.",
				Example: `{cache_use: "hits:derive ratio:gauge"}`},
			{Name: "max_bytes", Type: pipeline.Size, Default: int64(256 << 10), Min: pipeline.Bound(1), Max: pipeline.Bound(64 << 20),
				Doc: "Size of a record; collectd's own have at most 8 KiB.", Example: "256KiB"},
			{Name: "max_points", Type: pipeline.Int, Default: int64(100_000), Min: pipeline.Bound(1),
				Doc: "Rows a record may make, those that can't be used included.", Example: "100000"},
			{Name: "max_label_bytes", Type: pipeline.Size, Default: int64(16 << 10), Min: pipeline.Bound(1), Max: pipeline.Bound(1 << 20),
				Doc: "Text of a series: metric name, names and values of all labels.", Example: "16KiB"},
			{Name: "max_nesting", Type: pipeline.Int, Default: int64(16), Min: pipeline.Bound(1), Max: pipeline.Bound(100),
				Doc: "Depth of arrays and objects in JSON, that of the record itself included.", Example: "16"},
			{Name: "memo", Type: pipeline.Size, Default: int64(128 << 20), Min: pipeline.Bound(1 << 20), Max: pipeline.Bound(2 << 30),
				Doc: "Memory of a lane for recognising series by their raw bytes. Beyond it the memo starts anew, which costs time only.", Example: "128MiB"},
		},
	}
}

// Register adds the codec to a registry.
func Register(r *pipeline.Registry) { r.AddCodec(Spec(), New) }

type limits struct{ bytes, points, labelBytes, nesting, memo int }

// New makes a codec for one lane. Settings that are absent have the defaults of Spec.
func New(given pipeline.Settings) (pipeline.Codec, error) {
	s := pipeline.Settings{}
	for _, setting := range Spec().Settings {
		s[setting.Name] = setting.Default
	}
	maps.Copy(s, given)
	types, err := newTypes(s.TextMap("types"))
	if err != nil {
		return nil, err
	}
	return &codec{rates: s.Bool("store_rates"), types: types, memo: memo.New(), limits: limits{
		bytes:      int(s.Int("max_bytes")),
		points:     int(s.Int("max_points")),
		labelBytes: int(s.Int("max_label_bytes")),
		nesting:    int(s.Int("max_nesting")),
		memo:       int(s.Int("memo")),
	}}, nil
}
