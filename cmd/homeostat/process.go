package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/config"
	"github.com/homeostat/homeostat/pipeline/engine"
	"github.com/homeostat/homeostat/pipeline/plan"
	"github.com/homeostat/homeostat/schemas"
	kafkasink "github.com/homeostat/homeostat/sinks/kafka"
)

// load reads a configuration and plans it. The error lists all faults, a line each.
func load(path string) (*config.Config, *plan.Plan, error) {
	registry := newRegistry()
	cfg, err := config.Load(path, registry, os.LookupEnv)
	if err != nil {
		return nil, nil, err
	}
	p, err := plan.New(cfg, registry)
	return cfg, p, err
}

// newLogger writes as the configuration says.
func newLogger(w io.Writer, cfg config.Log) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.Level)); err != nil {
		level = slog.LevelInfo
	}
	opts := &slog.HandlerOptions{Level: level}
	if cfg.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}

// newOutput makes the encoder of a lane's events for the topics of the plan.
func newOutput(p *plan.Plan) func() engine.Output {
	cfg := kafkasink.Config{
		Routes:    kafkasink.Routes(p.Topics.Events.Name, p.Topics.Incidents.Name, p.Topics.Remediations.Name),
		Exports:   map[string]string{},
		Sequences: &kafkasink.Sequences{},
	}
	for operator, topic := range p.Exports() {
		cfg.Exports[schemas.Source(&pipeline.Env{Pipeline: p.Pipeline, Component: operator})] = topic
	}
	return func() engine.Output { return kafkasink.NewSink(cfg) }
}

// sourceTopics makes the producers' topics, of one partition: on an embedded broker nobody else would.
func sourceTopics(ctx context.Context, client *broker.Client, p *plan.Plan) error {
	var topics []broker.Topic
	for _, s := range p.Sources {
		if s.Topic != "" {
			topics = append(topics, broker.Topic{Name: s.Topic, Partitions: 1, Settings: map[string]string{"retention.ms": "-1"}})
		}
	}
	return client.EnsureTopics(ctx, topics)
}

// requireFlag says that a command can't do without one of its flags.
func requireFlag(name, value, why string) error {
	if value == "" {
		return pipeline.Errorf("cli.flag.missing", "flag --%s is missing: %s", name, why)
	}
	return nil
}

// plural writes a count with its noun.
func plural(n int, noun string) string {
	if n == 1 {
		return fmt.Sprintf("1 %s", noun)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// redirect sends all events of the pipeline to JSONL files in dir, made anew.
func redirect(p *plan.Plan, dir string) error {
	entry, ok := newRegistry().Sink("file")
	if !ok {
		return errors.New("BUG: the file sink is not registered")
	}
	p.Redirect(plan.Sink{Name: "out", Entry: entry, Settings: pipeline.Settings{"dir": dir, "types": []any{}, "mode": "truncate"}, Guarantee: pipeline.AtLeastOnce})
	return nil
}

// limitMemory gives Go the memory limit of the container, less a tenth, unless GOMEMLIMIT is set: near it the pipeline
// fetches no more, instead of being ended from outside.
func limitMemory(log *slog.Logger) {
	limit, err := memlimit.Set()
	switch {
	case errors.Is(err, memlimit.ErrNoCgroup), errors.Is(err, memlimit.ErrCgroupsNotSupported):
	case err != nil:
		log.Warn("the container's memory limit is not known: set GOMEMLIMIT", "error", err)
	case limit != math.MaxInt64:
		log.Info("memory limit", "bytes", limit)
	}
}
