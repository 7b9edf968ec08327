package window

import (
	"time"

	"github.com/homeostat/homeostat/pipeline"
)

const (
	name    = "window"
	version = 1
)

// Spec describes the operator.
func Spec() pipeline.Spec {
	return pipeline.Spec{
		Name:     name,
		Doc:      "Gathers points and log records into tumbling windows of event time, one row a series.",
		Stage:    pipeline.Detect,
		Consumes: []pipeline.Kind{pipeline.Points, pipeline.Logs},
		Emits:    []pipeline.Kind{pipeline.Windows},
		Version:  version,
		Settings: []pipeline.Setting{
			{Name: "size", Type: pipeline.Duration, Default: 10 * time.Second, Min: pipeline.Bound(float64(time.Millisecond)), Max: pipeline.Bound(float64(24 * time.Hour)),
				Doc: "Length of a window. Detectors see a fault at the end of the window it falls into.", Example: "10s"},
			{Name: "limit", Type: pipeline.Size, Default: int64(256 << 20), Min: pipeline.Bound(64 << 10),
				Doc: "Memory that the open windows of one lane may take. Rows that would need more are lost and counted.", Example: "256MiB"},
		},
	}
}

// Register adds the operator to the registry.
func Register(r *pipeline.Registry) { r.AddOperator(Spec(), New) }
