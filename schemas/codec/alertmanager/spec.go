package alertmanager

import "github.com/homeostat/homeostat/pipeline"

// Name is the codec's word in the configuration.
const Name = "alertmanager"

// Spec describes the codec.
func Spec() pipeline.Spec {
	return pipeline.Spec{
		Name: Name,
		Doc: "Alerts of others: webhooks of Alertmanager and Grafana, and what Prometheus posts to Alertmanager, one notification a record. " +
			"Each alert is a point of the gauge alert, 1 if it fires and 0 if it is resolved, with the alert's labels. A record beyond a limit is a dead letter.",
		Emits:   []pipeline.Kind{pipeline.Points},
		Version: 1,
		Settings: []pipeline.Setting{
			{Name: "time", Type: pipeline.String, Default: "record", Enum: []string{"record", "alert"},
				Doc: "The time of a point: the record's, which is when the alert was last heard of, or the alert's own, startsAt or endsAt, which is late for an alert that lasts.", Example: "alert"},
			{Name: "max_bytes", Type: pipeline.Size, Default: int64(16 << 20), Min: pipeline.Bound(1), Max: pipeline.Bound(1 << 30),
				Doc: "Size of a notification.", Example: "16MiB"},
			{Name: "max_points", Type: pipeline.Int, Default: int64(100_000), Min: pipeline.Bound(1),
				Doc: "Alerts of a notification, those that can't be used included.", Example: "100000"},
			{Name: "max_attributes", Type: pipeline.Int, Default: int64(128), Min: pipeline.Bound(1),
				Doc: "Labels of an alert.", Example: "128"},
			{Name: "max_label_bytes", Type: pipeline.Size, Default: int64(16 << 10), Min: pipeline.Bound(1), Max: pipeline.Bound(1 << 20),
				Doc: "Text of a series: names and values of all labels.", Example: "16KiB"},
			{Name: "max_nesting", Type: pipeline.Int, Default: int64(16), Min: pipeline.Bound(1), Max: pipeline.Bound(100),
				Doc: "Depth of objects and arrays, the notification itself included.", Example: "16"},
			{Name: "memo", Type: pipeline.Size, Default: int64(128 << 20), Min: pipeline.Bound(1 << 20), Max: pipeline.Bound(2 << 30),
				Doc: "Memory of a lane for recognising series by their raw bytes. Beyond it the memo starts anew, which costs time only.", Example: "128MiB"},
		},
	}
}

// Register adds the codec to a registry.
func Register(r *pipeline.Registry) {
	r.AddCodec(Spec(), func(s pipeline.Settings) (pipeline.Codec, error) { return New(s), nil })
}
