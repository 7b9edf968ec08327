package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/homeostat/homeostat/pipeline/engine"
)

func runCommand() *cobra.Command {
	var path string
	var untilEnd bool
	var stages []string
	cmd := &cobra.Command{
		Use:   "run -c FILE",
		Short: "Run a pipeline over Kafka until it is stopped",
		Long: "Run a pipeline over Kafka. The first SIGTERM or interrupt finishes what was fetched, commits and ends;\n" +
			"the second ends at once.",
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
			client, stop, err := connect(ctx, accessOf(p), p.Instance, log)
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
			metrics := newMetrics()
			runner, err := engine.NewRunner(ctx, p, engine.RunOptions{
				Options: engine.Options{NewOutput: newOutput(p), Metrics: metrics, Logger: log}, Cluster: client.Cluster(), UntilEnd: untilEnd, Stages: stages,
			})
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, runner.Close()) }()
			if err := serveAdmin(ctx, cfg.Admin.Listen, metrics, runner, log); err != nil {
				return err
			}
			return runner.Run(ctx)
		},
	}
	cmd.Flags().StringVarP(&path, "config", "c", "", "the pipeline's file")
	cmd.Flags().BoolVar(&untilEnd, "until-end", false, "stop when what the topics hold at the start is processed")
	cmd.Flags().StringSliceVar(&stages, "stages", nil, "run only these stages in this process: detect (with ingest), operate, act")
	return cmd
}
