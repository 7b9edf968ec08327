package templates

import (
	"bytes"
	"fmt"
	"time"

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

	// ErrorMetric is that of the shares of errors.
	ErrorMetric = "log.errors.share"

	seriesLimit = "series_limit"
	// severityError is OpenTelemetry's ERROR.
	severityError = 17
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
			{Name: "errors", Type: pipeline.Bool, Default: false, Doc: "Tells of each stream and each template which share of the records is of severity ERROR and above, too (gauge log.errors.share)."},
			{Name: "parameters", Type: pipeline.Duration, Min: pipeline.Bound(float64(time.Second)), Max: pipeline.Bound(float64(24 * time.Hour)), Example: "10s",
				Doc: "Looks at the values in lines, too: says of each place of a template, each time so long, how many values were different and what share the most frequent one had. Give the size of the windows. By default it doesn't."},
			{Name: "places", Type: pipeline.Int, Default: int64(4096), Min: pipeline.Bound(1), Max: pipeline.Bound(1 << 20), Doc: "How many places a lane has at most at a time, of 1 KiB each. The values at further ones are not looked at."},
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
	values *parameters // nil: nobody asked for them
	shares bool

	// columns of the batch that is made
	of          []uint32
	times, none []int64
	told        []float64
}

// New makes the operator.
func New(s pipeline.Settings) (pipeline.Operator, error) {
	limits := miner.Limits{Templates: int(s.Int("templates")), Bytes: int(s.Int("memory"))}
	t := &Templates{limits: limits, miner: miner.New(limits), series: directory{limit: int(s.Int("series")), by: map[pair]uint32{}, own: map[string]uint32{}, errors: map[uint32]uint32{}}, shares: s.Bool("errors")}
	if s.Has("parameters") {
		t.values = newParameters(int64(s.Duration("parameters")), int(s.Int("places")), t.series.limit)
	}
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
	severities := b.Record.Column(pipeline.LogSeverity).(*array.Uint8).Uint8Values()
	t.begin()
	refused := 0
	for i, stream := range streams {
		line := firstLine(bodies.Value(i))
		of := t.miner.Learn(line)
		s, ok := t.series.find(stream, of)
		if !ok {
			refused++
			continue
		}
		t.tell(s, times[i], 1)
		if t.shares && !t.share(stream, s, times[i], severities[i]) {
			refused++
		}
		if t.values != nil {
			t.look(s, times[i], line, of)
		}
	}
	if refused > 0 {
		t.env.Lose(seriesLimit, refused)
	}
	return t.emit(out)
}

// share tells whether a record of a stream and a template is an error. false: there is no room for a series.
func (t *Templates) share(stream, template uint32, at int64, severity uint8) bool {
	v := 0.0
	if severity >= severityError {
		v = 1
	}
	of, ok := t.series.share(stream)
	if ok {
		t.tell(of, at, v)
	}
	by, all := t.series.share(template)
	if all {
		t.tell(by, at, v)
	}
	return ok && all
}

// look counts the values of a line.
func (t *Templates) look(series uint32, at int64, line []byte, of *miner.Template) {
	if t.env.Series.At(series).Labels.Get(templateLabel) == other {
		return
	}
	if lost := t.values.count(series, at, t.miner.Parameters(line, of)); lost != "" {
		t.env.Lose(lost, 1)
	}
}

// Watermark implements pipeline.Watermarker.
func (t *Templates) Watermark(at int64, out pipeline.Emitter) error {
	if t.values == nil {
		return nil
	}
	t.begin()
	refused := t.values.close(at, t.env.Series, t.tell)
	if refused > 0 {
		t.env.Lose(seriesLimit, refused)
	}
	return t.emit(out)
}

// Hold implements pipeline.Holder: what was counted of a place has to be told.
func (t *Templates) Hold(hold func(uint32)) {
	if t.values == nil {
		return
	}
	for i := range t.values.places {
		hold(t.values.places[i].series)
	}
}

// firstLine returns the first line of a body that is not empty.
func firstLine(body []byte) []byte {
	for len(body) > 0 && (body[0] == '\n' || body[0] == '\r') {
		body = body[1:]
	}
	if i := bytes.IndexByte(body, '\n'); i >= 0 {
		return body[:i]
	}
	return body
}

// begin begins a batch of points, tell adds one.
func (t *Templates) begin() { t.of, t.times, t.told = t.of[:0], t.times[:0], t.told[:0] }

func (t *Templates) tell(series uint32, at int64, v float64) {
	t.of, t.times, t.told = append(t.of, series), append(t.times, at), append(t.told, v)
}

// emit gives out the batch if there is anything in it.
func (t *Templates) emit(out pipeline.Emitter) error {
	n := len(t.of)
	if n == 0 {
		return nil
	}
	for len(t.none) < n {
		t.none = append(t.none, 0)
	}
	rb := array.NewRecordBuilder(t.env.Allocator, t.schema)
	defer rb.Release()
	rb.Field(pipeline.PointSeries).(*array.Uint32Builder).AppendValues(t.of, nil)
	rb.Field(pipeline.PointTime).(*array.Int64Builder).AppendValues(t.times, nil)
	rb.Field(pipeline.PointStart).(*array.Int64Builder).AppendValues(t.none[:n], nil)
	rb.Field(pipeline.PointValue).(*array.Float64Builder).AppendValues(t.told, nil)
	return out.Emit(pipeline.Batch{Kind: pipeline.Points, Record: rb.NewRecord(), Series: t.env.Series})
}
