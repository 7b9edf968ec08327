package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/config"
)

func validateCommand() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "validate FILE",
		Short: "Check a pipeline's file and list all its faults",
		Long:  "Check a pipeline's file. Each fault is one line, file:line:col: path: message (code); the exit status is 1 if there are any.",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := fileArgument(path, args)
			if err != nil {
				return err
			}
			cfg, _, err := load(file)
			var faults config.Faults
			if errors.As(err, &faults) {
				for _, f := range faults {
					fmt.Fprintln(cmd.OutOrStdout(), f)
				}
				return pipeline.Errorf("config.invalid", "%s: %s", file, plural(len(faults), "fault"))
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: pipeline %s is valid\n", file, cfg.Name)
			return err
		},
	}
	cmd.Flags().StringVarP(&path, "config", "c", "", "the pipeline's file")
	return cmd
}

func explainCommand() *cobra.Command {
	var path string
	var acls bool
	cmd := &cobra.Command{
		Use:   "explain FILE",
		Short: "Print the plan of a pipeline: stages, topics, lanes, guarantees, and where rows can be lost",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := fileArgument(path, args)
			if err != nil {
				return err
			}
			_, p, err := load(file)
			if err != nil {
				return err
			}
			if acls {
				return p.ExplainACLs(cmd.OutOrStdout())
			}
			explainPins(cmd.Context(), p)
			return p.Explain(cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVarP(&path, "config", "c", "", "the pipeline's file")
	cmd.Flags().BoolVar(&acls, "acls", false, "print the Kafka rights that each stage needs, as a script for kafka-acls.sh")
	return cmd
}

// fileArgument takes the pipeline's file from the flag or the argument.
func fileArgument(flag string, args []string) (string, error) {
	switch {
	case flag != "" && len(args) == 0:
		return flag, nil
	case flag == "" && len(args) == 1:
		return args[0], nil
	}
	return "", pipeline.Errorf("cli.file", "name one pipeline's file, as argument or with --config")
}
