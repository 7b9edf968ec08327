package remotewrite

import "github.com/homeostat/homeostat/pipeline"

// Name is the codec's word in the configuration.
const Name = "remote_write"

// Spec describes the codec.
func Spec() pipeline.Spec {
	return pipeline.Spec{
		Name: Name,
		Doc: "Prometheus remote write, versions 1.0 and 2.0, one request a record, as it is or compressed with snappy or zstd. Labels are kept as they are; " +
			"native histograms become the two series name.count and name.sum. A request beyond a limit is a dead letter.",
		Emits:   []pipeline.Kind{pipeline.Points},
		Version: 1,
		Settings: []pipeline.Setting{
			{Name: "compression", Type: pipeline.String, Default: "auto", Enum: []string{"auto", "none", "snappy", "zstd"},
				Doc: "How requests are compressed; auto goes by their bytes. A record's header content-encoding comes first.", Example: "snappy"},
			{Name: "version", Type: pipeline.String, Default: "auto", Enum: []string{"auto", "1", "2"},
				Doc: "Version of the protocol; auto goes by the request's fields. A record's headers content-type and x-prometheus-remote-write-version come first.", Example: `"2"`},
			{Name: "cumulative_suffixes", Type: pipeline.List, Default: []any{},
				Doc: "Ends of the names of series that grow and reset, for requests that don't say what a series is, as those of version 1.0. All other series are gauges.", Example: "[_total, _count, _sum, _bucket]",
				Fields: []pipeline.Setting{{Type: pipeline.String, Doc: "End of a metric's name."}}},
			{Name: "max_bytes", Type: pipeline.Size, Default: int64(16 << 20), Min: pipeline.Bound(1), Max: pipeline.Bound(1 << 30),
				Doc: "Size of a request, as it comes and decompressed.", Example: "16MiB"},
			{Name: "max_points", Type: pipeline.Int, Default: int64(100_000), Min: pipeline.Bound(1), Max: pipeline.Bound(100_000_000),
				Doc: "Rows a request may make, those that can't be used included; a native histogram makes two.", Example: "100000"},
			{Name: "max_attributes", Type: pipeline.Int, Default: int64(128), Min: pipeline.Bound(1), Max: pipeline.Bound(100_000),
				Doc: "Labels of a series.", Example: "128"},
			{Name: "max_label_bytes", Type: pipeline.Size, Default: int64(16 << 10), Min: pipeline.Bound(1), Max: pipeline.Bound(1 << 20),
				Doc: "Text of a series: metric name, names and values of all labels.", Example: "16KiB"},
			{Name: "memo", Type: pipeline.Size, Default: int64(128 << 20), Min: pipeline.Bound(1 << 20), Max: pipeline.Bound(2 << 30),
				Doc: "Memory of a lane for recognising series by their raw bytes. Beyond it the memo starts anew, which costs time only.", Example: "128MiB"},
		},
	}
}

// Register adds the codec to a registry.
func Register(r *pipeline.Registry) { r.AddCodec(Spec(), New) }
