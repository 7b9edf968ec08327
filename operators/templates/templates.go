package templates

import (
	"bytes"
	"fmt"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/homeostat/homeostat/operators/templates/miner"
	"github.com/homeostat/homeostat/pipeline"
)

const (
	name    = "templates"
	version = 1
	// Metric is the name of the operator's series.
	Metric = "log.templates"
)

// Spec describes the operator.
func Spec() pipeline.Spec {
	return pipeline.Spec{
		Name: name, Version: version, Stage: pipeline.Detect,
		Doc:      "Counts log records by what their lines have in common (templates).",
		Consumes: []pipeline.Kind{pipeline.Logs}, Emits: []pipeline.Kind{pipeline.Points},
		Settings: []pipeline.Setting{
			{Name: "templates", Type: pipeline.Int, Default: int64(4096), Min: pipeline.Bound(16), Max: pipeline.Bound(1 << 20), Doc: "How many templates a lane knows at most. Beyond it those that were not seen for longest are forgotten."},
			{Name: "memory", Type: pipeline.Size, Default: int64(16 << 20), Min: pipeline.Bound(64 << 10), Doc: "What the templates of a lane may take. What finds them takes about as much again.", Example: "16MiB"},
			{Name: "series", Type: pipeline.Int, Default: int64(10_000), Min: pipeline.Bound(1), Doc: "How many series of templates a lane has at most. Beyond it records count for the template other of their stream."},
			{Name: "labels", Type: pipeline.List, Fields: []pipeline.Setting{{Type: pipeline.String}}, Example: "[service]",
				Doc: "The labels of streams that the series have, so that instances are counted together. By default all."},
		},
	}
}

// Register adds the operator to the registry.
func Register(r *pipeline.Registry) { r.AddOperator(Spec(), New) }

// Templates is the operator. Its state is what the miner knows.
type Templates struct {
	env    *pipeline.Env
	schema *arrow.Schema
	limits miner.Limits
	miner  *miner.Miner
	series directory

	// columns of the batch that is made
	of          []uint32
	times, none []int64
	ones        []float64
}

// New makes the operator.
func New(s pipeline.Settings) (pipeline.Operator, error) {
	limits := miner.Limits{Templates: int(s.Int("templates")), Bytes: int(s.Int("memory"))}
	t := &Templates{limits: limits, miner: miner.New(limits), series: directory{limit: int(s.Int("series")), by: map[pair]uint32{}, own: map[string]uint32{}}}
	for _, l := range s.List("labels") {
		t.series.labels = append(t.series.labels, l.(string))
	}
	return t, nil
}

// Open implements pipeline.Operator.
func (t *Templates) Open(env *pipeline.Env) error {
	t.env, t.schema, t.series.table = env, pipeline.Points.Schema(), env.Series
	return nil
}

// Close implements pipeline.Operator.
func (t *Templates) Close() error { return nil }

// Describe implements pipeline.Describer.
func (t *Templates) Describe() string {
	return fmt.Sprintf("counts of the first lines of log records, by up to %d templates and in up to %d series a lane", t.limits.Templates, t.series.limit)
}

// Process implements pipeline.Operator.
func (t *Templates) Process(b pipeline.Batch, out pipeline.Emitter) error {
	streams := b.Record.Column(pipeline.LogStream).(*array.Uint32).Uint32Values()
	times := b.Record.Column(pipeline.LogTime).(*array.Int64).Int64Values()
	bodies := b.Record.Column(pipeline.LogBody).(*array.Binary)
	t.of, t.times = t.of[:0], t.times[:0]
	refused := 0
	for i, stream := range streams {
		s, ok := t.series.find(stream, t.miner.Learn(firstLine(bodies.Value(i))))
		if !ok {
			refused++
			continue
		}
		t.of, t.times = append(t.of, s), append(t.times, times[i])
	}
	if refused > 0 {
		t.env.Lose("series_limit", refused)
	}
	if len(t.of) == 0 {
		return nil
	}
	return out.Emit(t.batch())
}

// firstLine returns the first line of a body that is not empty.
func firstLine(body []byte) []byte {
	body = bytes.TrimLeft(body, "\r\n")
	if i := bytes.IndexByte(body, '\n'); i >= 0 {
		return body[:i]
	}
	return body
}

// batch makes a batch of a point of one for each record that was found a series for.
func (t *Templates) batch() pipeline.Batch {
	n := len(t.of)
	for len(t.ones) < n {
		t.ones, t.none = append(t.ones, 1), append(t.none, 0)
	}
	rb := array.NewRecordBuilder(t.env.Allocator, t.schema)
	defer rb.Release()
	rb.Field(pipeline.PointSeries).(*array.Uint32Builder).AppendValues(t.of, nil)
	rb.Field(pipeline.PointTime).(*array.Int64Builder).AppendValues(t.times, nil)
	rb.Field(pipeline.PointStart).(*array.Int64Builder).AppendValues(t.none[:n], nil)
	rb.Field(pipeline.PointValue).(*array.Float64Builder).AppendValues(t.ones[:n], nil)
	return pipeline.Batch{Kind: pipeline.Points, Record: rb.NewRecord(), Series: t.env.Series}
}
