package judge

import (
	"time"

	"github.com/homeostat/homeostat/pipeline"
)

const (
	name    = "judge"
	version = 1
)

// Spec describes the operator.
func Spec() pipeline.Spec {
	second := pipeline.Bound(float64(time.Second))
	return pipeline.Spec{
		Name:     name,
		Doc:      "Judges each hypothesis after its horizon: whether the objective recovered, and whether it was the action, against placebos.",
		Stage:    pipeline.Operate,
		Consumes: []pipeline.Kind{pipeline.Windows, pipeline.Events},
		Emits:    []pipeline.Kind{pipeline.Events},
		Version:  version,
		Settings: []pipeline.Setting{
			{Name: "history", Type: pipeline.Duration, Default: 24 * time.Hour, Min: second,
				Doc: "How much of each metric's past is kept, for placebos. Longer finds more untreated incidents to compare with; 24 bytes a window and series.", Example: "7d"},
			{Name: "hold", Type: pipeline.Duration, Default: 2 * time.Minute, Min: second,
				Doc: "How long every SLO must burn below 1 to count as recovered.", Example: "2m"},
			{Name: "max_series", Type: pipeline.Int, Default: int64(1000), Min: pipeline.Bound(1), Doc: "Series that are followed. The windows of more are lost and counted; SLIs always have room."},
		},
	}
}

// Register adds the operator to the registry.
func Register(r *pipeline.Registry) {
	r.AddOperator(Spec(), func(s pipeline.Settings) (pipeline.Operator, error) { return New(s) })
}
