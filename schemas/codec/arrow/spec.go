package arrow

import "github.com/homeostat/homeostat/pipeline"

// Name is the codec's word in the configuration.
const Name = "arrow"

// Spec describes the codec.
func Spec() pipeline.Spec {
	return pipeline.Spec{
		Name: Name,
		Doc: "Arrow IPC streams, one a record: each row and column of values is a point. Columns are named by settings; without them all numbers are values and all texts are labels. " +
			"A stream beyond a limit is a dead letter.",
		Emits:   []pipeline.Kind{pipeline.Points},
		Version: 1,
		Settings: []pipeline.Setting{
			names("time", "Columns with the row's time: a timestamp, or Unix time as 64-bit numbers. Without one the record's own time counts.", "[ts]", "time", "timestamp", "ts", "@timestamp", "datetime"),
			{Name: "time_unit", Type: pipeline.String, Default: "auto", Enum: []string{"auto", "s", "ms", "us", "ns"},
				Doc: "Unit of times that are numbers; auto goes by their size.", Example: "ms"},
			names("name", "Columns with the metric's name. Without one it is the name of the column of values.", "[metric]", "name", "metric", "__name__", "metric_name"),
			names("values", "Columns of numbers that make points; all but the time's if none is named.", "[value]"),
			names("labels", "Columns of texts that are labels; all but the name's if none is named.", "[host, service]"),
			{Name: "type", Type: pipeline.String, Default: "gauge", Enum: []string{"gauge", "delta", "cumulative"},
				Doc: "How values are to be read: as they stand, as what was added since the row before, or as counters that grow and reset.", Example: "cumulative"},
			{Name: "max_bytes", Type: pipeline.Size, Default: int64(16 << 20), Min: pipeline.Bound(1), Max: pipeline.Bound(1 << 30),
				Doc: "Size of a stream.", Example: "16MiB"},
			{Name: "max_points", Type: pipeline.Int, Default: int64(100_000), Min: pipeline.Bound(1),
				Doc: "Points a stream may make, those that can't be used included: rows times columns of values.", Example: "100000"},
			{Name: "max_attributes", Type: pipeline.Int, Default: int64(128), Min: pipeline.Bound(1), Max: pipeline.Bound(10_000),
				Doc: "Columns of a stream, those in others included.", Example: "128"},
			{Name: "max_label_bytes", Type: pipeline.Size, Default: int64(16 << 10), Min: pipeline.Bound(1), Max: pipeline.Bound(1 << 20),
				Doc: "Text of a series: metric name, names and values of all labels.", Example: "16KiB"},
			{Name: "max_nesting", Type: pipeline.Int, Default: int64(16), Min: pipeline.Bound(1), Max: pipeline.Bound(100),
				Doc: "Depth of columns in columns.", Example: "16"},
			{Name: "memo", Type: pipeline.Size, Default: int64(128 << 20), Min: pipeline.Bound(1 << 20), Max: pipeline.Bound(2 << 30),
				Doc: "Memory of a lane for recognising series by their texts. Beyond it the memo starts anew, which costs time only.", Example: "128MiB"},
		},
	}
}

func names(name, doc, example string, defaults ...any) pipeline.Setting {
	if defaults == nil {
		defaults = []any{}
	}
	return pipeline.Setting{Name: name, Type: pipeline.List, Default: defaults, Doc: doc, Example: example,
		Fields: []pipeline.Setting{{Type: pipeline.String, Doc: "Name of a column."}}}
}

// Register adds the codec to a registry.
func Register(r *pipeline.Registry) {
	r.AddCodec(Spec(), func(s pipeline.Settings) (pipeline.Codec, error) { return New(s), nil })
}
