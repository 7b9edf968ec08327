package main

import (
	"errors"
	"os"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/engine"
)

func runCommand() *cobra.Command {
	var path string
	var untilEnd bool
	var stages []string
	var drain, startLimit time.Duration
	cmd := &cobra.Command{
		Use:   "run -c FILE",
		Short: "Run a pipeline over Kafka until it is stopped",
		Long: "Run a pipeline over Kafka. The first SIGTERM or interrupt finishes what was fetched, commits and ends;\n" +
			"the second ends at once. It waits for brokers that don't answer, says so in the log and at /readyz, and goes on by\n" +
			"itself when they do.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if err := requireFlag("config", path, "name the pipeline's file"); err != nil {
				return err
			}
			cfg, p, err := load(path)
			if err != nil {
				return err
			}
			ctx, log := cmd.Context(), newLogger(os.Stderr, cfg.Log)
			// How long the start may take is the runner's to say, and an outage later is waited out.
			client, stop, err := connectFor(ctx, accessOf(p), p.Instance, log, -1)
			if err != nil {
				return err
			}
			defer stop()
			if len(p.Bootstrap) == 0 {
				if err := sourceTopics(ctx, client, p); err != nil {
					return err
				}
			}
			limitMemory(log)
			metrics, h := newMetrics(), &runHealth{client: client}
			if err := serveAdmin(ctx, cfg.Admin.Listen, metrics, h, log); err != nil {
				return err
			}
			runner, err := engine.NewRunner(ctx, p, engine.RunOptions{
				Options: engine.Options{NewOutput: newOutput(p), Metrics: metrics, Logger: log}, Cluster: client.Cluster(), UntilEnd: untilEnd, Stages: stages, Drain: drain, StartLimit: startLimit,
			})
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, runner.Close()) }()
			h.runner.Store(runner)
			return runner.Run(ctx)
		},
	}
	cmd.Flags().StringVarP(&path, "config", "c", "", "the pipeline's file")
	cmd.Flags().BoolVar(&untilEnd, "until-end", false, "stop when what the topics hold at the start is processed, also by the other instances that share these stages; stages that only other instances run are not waited for")
	cmd.Flags().DurationVar(&drain, "drain", 25*time.Second, "how long the process may take to its end after the first signal")
	cmd.Flags().DurationVar(&startLimit, "start-limit", 5*time.Minute, "how long to wait at the start for brokers that don't answer")
	cmd.Flags().StringSliceVar(&stages, "stages", nil, "run only these stages in this process: ingest (the same as detect where rows are not shared out anew), detect, operate, act")
	return cmd
}

// runHealth is the health of a run, also before there is a runner: while its start waits for the brokers the process is alive
// and not ready.
type runHealth struct {
	client *broker.Client
	runner atomic.Pointer[engine.Runner]
}

// Live implements health.
func (h *runHealth) Live() error {
	if r := h.runner.Load(); r != nil {
		return r.Live()
	}
	return nil
}

// Producers returns what each producer wrote to this process, the worst first.
func (h *runHealth) Producers() []engine.ProducerCount {
	if r := h.runner.Load(); r != nil {
		return r.Producers()
	}
	return nil
}

// Ready implements health.
func (h *runHealth) Ready() error {
	if r := h.runner.Load(); r != nil {
		return r.Ready()
	}
	if d, err := h.client.Unreachable(); d > 0 {
		return pipeline.Errorf("engine.starting", "the pipeline starts when the brokers answer, which they have not done for %s: see that they run, and that address, TLS and password are right: %w", d.Round(time.Second), err)
	}
	return pipeline.Errorf("engine.starting", "the pipeline is starting")
}
