package main

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/internal/doctor"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/config"
	"github.com/homeostat/homeostat/pipeline/plan"
)

func doctorCommand() *cobra.Command {
	var path string
	var asJSON bool
	var o doctor.Options
	cmd := &cobra.Command{
		Use:   "doctor FILE",
		Short: "Check everything between this machine and a healthy pipeline, and say what to do",
		Long: "Check everything between this machine and a healthy pipeline: configuration, brokers, certificates, rights, topics,\n" +
			"retention, clocks, what of the newest records can be read and whose the rest is, series, keys, lag, state, memory.\n" +
			"One line a check: ok, warning, fault or skipped, with what to do below. The exit status is 1 if there is a fault.\n" +
			"It changes nothing, joins no group, and may be run beside a pipeline that runs.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := fileArgument(path, args)
			if err != nil {
				return err
			}
			o.File, o.Connect = file, connectQuietly
			o.Load = func() (*config.Config, *plan.Plan, error) { return load(file) }
			if !asJSON {
				o.Each = doctor.Printer(cmd.OutOrStdout())
			}
			findings := doctor.Examine(cmd.Context(), o)
			if asJSON {
				err = doctor.WriteJSON(cmd.OutOrStdout(), file, findings)
			} else {
				err = doctor.Summary(cmd.OutOrStdout(), findings)
			}
			if err == nil && doctor.Worst(findings) == doctor.Fault {
				return pipeline.Errorf("doctor.fault", "%s: the pipeline is not healthy: do what the lines with fault say", file)
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringVarP(&path, "config", "c", "", "the pipeline's file")
	f.BoolVar(&asJSON, "json", false, "print one JSON document")
	f.DurationVar(&o.Timeout, "timeout", 30*time.Second, "how long all of it may take")
	f.IntVar(&o.Sample, "sample", 1000, "how many of the newest records of each source to decode")
	f.StringSliceVar(&o.Stages, "stages", nil, "look at the rights of these stages only: ingest, detect, operate, act")
	f.BoolVar(&o.Write, "write", false, "also try what only a trial tells: begin and end an empty transaction under the id NAME.doctor")
	return cmd
}

// connectQuietly opens a client that tells its errors only to who asks, and gives up soon.
func connectQuietly(ctx context.Context, p *plan.Plan) (*broker.Client, func(), error) {
	cfg, err := accessOf(p).secured(broker.Config{
		Bootstrap: p.Bootstrap, Instance: "doctor", Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), RequestTimeout: 5 * time.Second, Patience: 10 * time.Second,
	})
	if err != nil {
		return nil, nil, err
	}
	client, err := broker.Open(cfg)
	if err != nil {
		return nil, nil, err
	}
	return client, client.Close, nil
}
