package jsonmetrics

import (
	"maps"
	"slices"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/moment"
)

// Name is the codec's word in the configuration.
const Name = "json_metrics"

// The presets.
const (
	Generic           = "generic"
	Telegraf          = "telegraf"
	PrometheusAdapter = "prometheus_adapter"
)

// everyText stands in the setting labels for all texts that no other setting names.
const everyText = "*"

// presets hold the fields of each preset, in the order of roles.
var presets = map[string]map[string][]any{
	Generic: {
		"time": {"timestamp", "time", "ts", "@timestamp", "datetime", "date"}, "name": {"name", "metric", "metric_name", "__name__", "labels.__name__"},
		"value": {"value", "val"}, "values": {"fields", "values"}, "unit": {"unit"}, "type_field": {}, "labels": {everyText}, "labels_object": {"labels", "tags", "attributes", "dimensions"},
		"batch": {"metrics"},
	},
	Telegraf: {
		"time": {"timestamp"}, "name": {"name"}, "value": {}, "values": {"fields"}, "unit": {}, "type_field": {}, "labels": {}, "labels_object": {"tags"}, "batch": {"metrics"},
	},
	PrometheusAdapter: {
		"time": {"timestamp"}, "name": {"name", "labels.__name__"}, "value": {"value"}, "values": {}, "unit": {}, "type_field": {}, "labels": {}, "labels_object": {"labels"}, "batch": {},
	},
}

// Spec describes the codec.
func Spec() pipeline.Spec {
	return pipeline.Spec{
		Name: Name,
		Doc: "Metrics in JSON by a mapping of fields: one object a record, several separated by white space, or an array of objects. Fields are named as members or paths with dots. " +
			"preset fills the mapping in for a producer; what is set besides takes its place. A record beyond a limit is a dead letter.",
		Emits:   []pipeline.Kind{pipeline.Points},
		Version: 1,
		Settings: []pipeline.Setting{
			{Name: "preset", Type: pipeline.String, Default: Generic, Enum: []string{Generic, Telegraf, PrometheusAdapter},
				Doc: "Whose JSON it is. generic: time in timestamp, time, ts, …; name in name, metric, …; value in value; values in fields or values; " +
					"all other texts and the members of labels, tags, attributes and dimensions are labels. telegraf: timestamp, name, fields, tags. prometheus_adapter: timestamp, name, value, labels.", Example: Telegraf},
			names("time", "Fields with the time: RFC 3339 or Unix time. Without one the record's own time counts.", "[ts]"),
			{Name: "time_unit", Type: pipeline.String, Default: "auto", Enum: []string{"auto", "s", "ms", "us", "ns"},
				Doc: "Unit of times that are numbers; auto goes by their size.", Example: "ms"},
			names("name", "Fields with the metric's name; the first that is there counts.", "[metric]"),
			{Name: "metric", Type: pipeline.String, Default: "", Doc: "The metric's name where no field has it. Without name beside it, no field is looked at.", Example: "http.requests"},
			names("value", "Fields with the value; the first that is a number, or a text that is one, counts.", "[value]"),
			names("values", "Fields with several values: objects, whose numbers (and true and false, as 1 and 0) become metrics called NAME_MEMBER, or numbers, called NAME_FIELD.", "[fields]"),
			names("unit", "Fields with the unit.", "[unit]"),
			{Name: "type", Type: pipeline.String, Default: pipeline.Gauge.String(), Enum: []string{pipeline.Gauge.String(), pipeline.Delta.String(), pipeline.Cumulative.String()},
				Doc: "How values are to be read: gauge stands for itself, delta is what was added, cumulative grows and may begin anew.", Example: "cumulative"},
			names("type_field", "Fields that say the type: gauge, delta, cumulative or counter.", "[kind]"),
			names("labels", "Fields that become labels; \"*\" stands for all texts that no other setting names.", "[service, host]"),
			names("labels_object", "Objects whose members become labels.", "[tags]"),
			names("batch", "Members that are arrays of objects: an object that has nothing else stands for these.", "[metrics]"),
			{Name: "max_bytes", Type: pipeline.Size, Default: int64(16 << 20), Min: pipeline.Bound(1), Max: pipeline.Bound(1 << 30),
				Doc: "Size of a record.", Example: "16MiB"},
			{Name: "max_object_bytes", Type: pipeline.Size, Default: int64(1 << 20), Min: pipeline.Bound(1), Max: pipeline.Bound(64 << 20),
				Doc: "Size of an object as it stands in the record.", Example: "1MiB"},
			{Name: "max_points", Type: pipeline.Int, Default: int64(100_000), Min: pipeline.Bound(1),
				Doc: "Rows a record may make, those that can't be used included.", Example: "100000"},
			{Name: "max_attributes", Type: pipeline.Int, Default: int64(128), Min: pipeline.Bound(1),
				Doc: "Labels of a point.", Example: "128"},
			{Name: "max_label_bytes", Type: pipeline.Size, Default: int64(16 << 10), Min: pipeline.Bound(1), Max: pipeline.Bound(1 << 20),
				Doc: "Text of a series: metric name, names and values of all labels.", Example: "16KiB"},
			{Name: "max_nesting", Type: pipeline.Int, Default: int64(32), Min: pipeline.Bound(1), Max: pipeline.Bound(300),
				Doc: "Depth of objects and arrays in an object, the object itself included.", Example: "32"},
			{Name: "memo", Type: pipeline.Size, Default: int64(128 << 20), Min: pipeline.Bound(1 << 20), Max: pipeline.Bound(2 << 30),
				Doc: "Memory of a lane for recognising series by their raw bytes. Beyond it the memo starts anew, which costs time only.", Example: "128MiB"},
		},
	}
}

func names(name, doc, example string) pipeline.Setting {
	return pipeline.Setting{Name: name, Type: pipeline.List, Doc: doc + " By default those of preset.", Example: example,
		Fields: []pipeline.Setting{{Type: pipeline.String, Doc: "Name or path of a field."}}}
}

// Register adds the codec to a registry.
func Register(r *pipeline.Registry) { r.AddCodec(Spec(), New) }

// New makes a codec for one lane. Settings that are absent have the defaults of Spec and of the preset.
func New(given pipeline.Settings) (pipeline.Codec, error) {
	c := &codec{}
	if err := c.configure(given); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *codec) configure(given pipeline.Settings) error {
	s := pipeline.Settings{}
	for _, setting := range Spec().Settings {
		s[setting.Name] = setting.Default
	}
	maps.Copy(s, given)
	mapped := map[string][]string{}
	for role, fields := range presets[s.Text("preset")] {
		if mapped[role] = s.Texts(role); !s.Has(role) {
			mapped[role] = pipeline.Settings{role: fields}.Texts(role)
		}
	}
	if s.Text("metric") != "" && !s.Has("name") {
		mapped["name"] = nil
	}
	fields, err := newMapping(mapped)
	if err != nil {
		return err
	}
	*c = codec{
		mapping:  fields,
		timeUnit: moment.UnitOf(s.Text("time_unit")),
		metric:   []byte(s.Text("metric")),
		batch:    mapped["batch"],
		typ:      typeOf([]byte(s.Text("type")), pipeline.Gauge),
		limits: limits{
			bytes:      int(s.Int("max_bytes")),
			object:     int(s.Int("max_object_bytes")),
			points:     int(s.Int("max_points")),
			attributes: int(s.Int("max_attributes")),
			labelBytes: int(s.Int("max_label_bytes")),
			nesting:    int(s.Int("max_nesting")),
			memo:       int(s.Int("memo")),
		},
	}
	c.named = len(c.metric) > 0 || len(mapped["name"]) > 0
	c.reader = reader{mapping: &c.mapping, nesting: c.limits.nesting}
	c.slow.slots = make([]scalar, len(c.mapping.paths))
	return nil
}

// typeOf reads a type's name.
func typeOf(word []byte, otherwise pipeline.SeriesType) pipeline.SeriesType {
	i := slices.Index([]string{pipeline.Gauge.String(), pipeline.Delta.String(), pipeline.Cumulative.String(), "counter"}, string(word))
	switch i {
	case 0:
		return pipeline.Gauge
	case 1:
		return pipeline.Delta
	case 2, 3:
		return pipeline.Cumulative
	}
	return otherwise
}
