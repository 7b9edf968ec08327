package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/engine"
	"github.com/homeostat/homeostat/pipeline/plan"
)

// backtest is what the flags of backtest say.
type backtest struct {
	config, input, out string
	picture            picture
}

func backtestCommand() *cobra.Command {
	var b backtest
	cmd := &cobra.Command{
		Use:   "backtest -c FILE --input DIR --out DIR",
		Short: "Run a pipeline over files, in event time, as fast as it can go",
		Long: "Run a pipeline over the files that its sources name below --input. Into --out it writes one JSONL file an event type,\n" +
			"incidents.scored.jsonl (one line an incident: start, detected, end, ranks), summary.json and, if records could not be used,\n" +
			"dead_letters.jsonl, with file and line.\n" +
			"The same input gives the same bytes, always.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return b.run(cmd.Context(), cmd.OutOrStdout()) },
	}
	cmd.Flags().StringVarP(&b.config, "config", "c", "", "the pipeline's file")
	cmd.Flags().StringVar(&b.input, "input", "", "the folder that the sources' files lie in, or a single file")
	cmd.Flags().StringVar(&b.out, "out", "", "the folder for the results")
	b.picture.flags(cmd)
	return cmd
}

func (b *backtest) run(ctx context.Context, out io.Writer) (err error) {
	for _, f := range []struct{ name, value, why string }{
		{"config", b.config, "name the pipeline's file"}, {"input", b.input, "name the folder that the sources' files lie in"}, {"out", b.out, "name a folder for the results"},
	} {
		if err := requireFlag(f.name, f.value, f.why); err != nil {
			return err
		}
	}
	cfg, p, err := load(b.config)
	if err != nil {
		return err
	}
	if err := readFrom(p, b.input); err != nil {
		return err
	}
	if err := b.picture.watch(p, b.input); err != nil {
		return err
	}
	// The results of a backtest are its files; the sinks of the configuration are for live events.
	if err := redirect(p, b.out); err != nil {
		return err
	}
	local, err := engine.NewLocal(ctx, p, true, engine.Options{NewOutput: newOutput(p), Logger: newLogger(os.Stderr, cfg.Log)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, local.Close()) }()
	results, err := newResults(p, b.out)
	if err != nil {
		return err
	}
	defer results.dead.close()
	results.picture = &b.picture
	local.Watch(results.record)
	if err := local.Run(ctx); err != nil {
		return err
	}
	if err := local.Finish(); err != nil {
		return err
	}
	if err := results.write(b.out, local.Accounts(), out); err != nil {
		return err
	}
	return b.picture.write()
}

// literally makes a glob of a file's name that nothing else fits.
var literally = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`)

// readFrom points the plan's file sources at input: the folder that their paths start from, or the one file to read.
func readFrom(p *plan.Plan, input string) error {
	info, err := os.Stat(input)
	if err != nil {
		return pipeline.Errorf("backtest.input", "input can't be read: %w: give the folder that the sources' files lie in, or a file", err)
	}
	for i := range p.Sources {
		s := &p.Sources[i]
		switch {
		case s.Type == "":
		case info.IsDir():
			s.Settings["root"] = input
		default:
			s.Settings["root"], s.Settings["paths"] = filepath.Dir(input), []any{literally.Replace(filepath.Base(input))}
		}
	}
	return nil
}
