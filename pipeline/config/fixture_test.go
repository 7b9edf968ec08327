package config

import (
	"context"
	"errors"
	"io/fs"
	"testing"
	"time"

	"github.com/homeostat/homeostat/pipeline"
)

type operator struct{}

func (operator) Open(*pipeline.Env) error                            { return nil }
func (operator) Process(pipeline.Batch, pipeline.Emitter) error      { return nil }
func (operator) Close() error                                        { return nil }
func (operator) Decode(*pipeline.Record, *pipeline.Columns) error    { return nil }
func (operator) Write(context.Context, pipeline.Batch) error         { return nil }
func (operator) Flush(context.Context) error                         { return nil }
func (operator) Guarantee() pipeline.Guarantee                       { return pipeline.Idempotent }
func (operator) Next(context.Context) (in pipeline.Input, err error) { return in, nil }

type sink struct{ operator }

func (sink) Open(context.Context, *pipeline.Env) error { return nil }

type source struct{ operator }

func (source) Open(context.Context, *pipeline.Env, *pipeline.SeriesTable) error { return nil }

func newOperator(pipeline.Settings) (pipeline.Operator, error) { return operator{}, nil }

// registry has one of everything that the configuration treats differently.
func registry() *pipeline.Registry {
	r := pipeline.NewRegistry()
	points, windows, events := []pipeline.Kind{pipeline.Points, pipeline.Logs}, []pipeline.Kind{pipeline.Windows}, []pipeline.Kind{pipeline.Events}
	r.AddOperator(pipeline.Spec{Name: "window", Stage: pipeline.Detect, Consumes: points, Emits: windows, Settings: []pipeline.Setting{
		{Name: "size", Type: pipeline.Duration, Default: 10 * time.Second, Min: pipeline.Bound(float64(time.Second)), Max: pipeline.Bound(float64(time.Hour)), Example: "10s"},
	}}, newOperator)
	r.AddOperator(pipeline.Spec{Name: "templates", Stage: pipeline.Detect, Consumes: []pipeline.Kind{pipeline.Logs}, Emits: []pipeline.Kind{pipeline.Points}}, newOperator)
	r.AddOperator(pipeline.Spec{Name: "burnrate", Stage: pipeline.Detect, Consumes: windows, Emits: events}, newOperator)
	r.AddOperator(pipeline.Spec{Name: "publish", Stage: pipeline.Detect, Consumes: windows, Emits: events}, newOperator)
	r.AddDetector(pipeline.Spec{Name: "robustz", Settings: robustzSettings()}, func(s pipeline.Settings) (pipeline.Detector, error) {
		if o := s.Object("quantiles"); o.Float("low") >= o.Float("high") {
			return nil, &pipeline.SettingFault{Path: "quantiles.low", Err: pipeline.Errorf("robustz.quantiles", "low is not below high: exchange the two")}
		}
		return nil, nil
	})
	for _, name := range []string{"correlate", "judge"} {
		r.AddOperator(pipeline.Spec{Name: name, Stage: pipeline.Operate, Consumes: events, Emits: events}, newOperator)
	}
	r.AddOperator(pipeline.Spec{Name: "decide", Stage: pipeline.Operate, Consumes: events, Emits: events, Settings: decideSettings()}, newDecide)
	r.AddCodec(pipeline.Spec{Name: "otlp_metrics"}, func(pipeline.Settings) (pipeline.Codec, error) { return operator{}, nil })
	r.AddCodec(pipeline.Spec{Name: "json_logs", Settings: []pipeline.Setting{
		{Name: "labels", Type: pipeline.List, Fields: []pipeline.Setting{{Type: pipeline.String}}, Example: "[service]"},
	}}, func(pipeline.Settings) (pipeline.Codec, error) { return operator{}, nil })
	r.AddSource(pipeline.Spec{Name: "file", Settings: []pipeline.Setting{
		{Name: "paths", Type: pipeline.List, Required: true, Fields: []pipeline.Setting{{Type: pipeline.String}}, Example: `["*.csv"]`},
	}}, func(pipeline.Settings) (pipeline.Source, error) { return source{}, nil })
	r.AddSource(pipeline.Spec{Name: "generator"}, func(pipeline.Settings) (pipeline.Source, error) { return source{}, nil })
	r.AddSink(pipeline.Spec{Name: "file", Settings: []pipeline.Setting{{Name: "dir", Type: pipeline.String, Required: true, Example: "out"}}},
		func(pipeline.Settings) (pipeline.Sink, error) { return sink{}, nil })
	r.AddSink(pipeline.Spec{Name: "webhook", Settings: []pipeline.Setting{
		{Name: "url", Type: pipeline.String, Required: true, Example: "https://example.org"},
		{Name: "token", Type: pipeline.String, Secret: true},
		{Name: "port", Type: pipeline.Int, Secret: true},
	}}, func(s pipeline.Settings) (pipeline.Sink, error) {
		if s.Text("url") == "refuse" {
			return nil, errors.New("the address is refused: choose another")
		}
		return sink{}, nil
	})
	return r
}

func robustzSettings() []pipeline.Setting {
	return []pipeline.Setting{
		{Name: "threshold", Type: pipeline.Float, Default: 6.0, Min: pipeline.Bound(1), Max: pipeline.Bound(100)},
		{Name: "history", Type: pipeline.Int, Default: int64(120), Min: pipeline.Bound(2)},
		{Name: "both_sides", Type: pipeline.Bool, Default: true},
		{Name: "memory", Type: pipeline.Size, Default: int64(1 << 20), Max: pipeline.Bound(1 << 30)},
		{Name: "quantiles", Type: pipeline.Object, Fields: []pipeline.Setting{
			{Name: "low", Type: pipeline.Float, Default: 0.25}, {Name: "high", Type: pipeline.Float, Default: 0.75}}},
		{Name: "weights", Type: pipeline.Map, Fields: []pipeline.Setting{{Type: pipeline.Float, Min: pipeline.Bound(0)}}},
	}
}

func decideSettings() []pipeline.Setting {
	action := []pipeline.Setting{{Type: pipeline.Object, Fields: []pipeline.Setting{
		{Name: "verb", Type: pipeline.String, Required: true, Example: "scale"},
		{Name: "within", Type: pipeline.Duration, Default: 10 * time.Minute},
	}}}
	return []pipeline.Setting{
		{Name: "mode", Type: pipeline.String, Default: "shadow", Enum: []string{"replay", "shadow", "propose", "live"}},
		{Name: "catalogue", Type: pipeline.List, File: true, Example: "runbooks.yaml", Fields: []pipeline.Setting{{Type: pipeline.Object, Fields: []pipeline.Setting{
			{Name: "signature", Type: pipeline.String, Required: true, Example: `"overload/*"`},
			{Name: "actions", Type: pipeline.List, Required: true, Fields: action, Example: "[{verb: scale}]"},
		}}}},
	}
}

// newDecide refuses verbs that it does not know, all at once.
func newDecide(s pipeline.Settings) (pipeline.Operator, error) {
	var faults []error
	for i, entry := range s.Objects("catalogue") {
		for j, a := range entry.Objects("actions") {
			if verb := a.Text("verb"); verb != "scale" && verb != "wait" {
				faults = append(faults, &pipeline.SettingFault{
					Path: index(index("catalogue", i)+".actions", j) + ".verb",
					Err:  pipeline.Errorf("decide.verb.unknown", "no actuator knows %q: choose scale or wait", verb)})
			}
		}
	}
	return operator{}, errors.Join(faults...)
}

type files map[string]string

func (f files) read(path string) ([]byte, error) {
	text, ok := f[path]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return []byte(text), nil
}

func environment(name string) (string, bool) {
	v, ok := map[string]string{"TOPIC": "shop.metrics", "EMPTY": "", "SIZE": "20s", "TOKEN": "hunter2", "COUNT": "7", "PORT": "9092"}[name]
	return v, ok
}

// read parses a file called conf/shop.yaml.
func read(text string, named files) (*Config, error) {
	return Parse("conf/shop.yaml", []byte(text), registry(), environment, named.read)
}

// mustRead parses a file that has no faults.
func mustRead(t *testing.T, text string, named files) *Config {
	t.Helper()
	c, err := read(text, named)
	if err != nil {
		t.Fatalf("a good configuration is refused:\n%v", err)
	}
	return c
}
