// Command homeostat runs pipelines that keep web systems inside their service-level objectives.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/homeostat/homeostat/pipeline"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The second signal ends the process at once: after the first the default handling is back.
	context.AfterFunc(ctx, stop)
	if err := root().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "homeostat: "+err.Error())
		os.Exit(1)
	}
}

func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:           "homeostat",
		Short:         "Keeps web systems inside their objectives: observe, hypothesise, act, and judge whether it worked",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cmd.AddCommand(initCommand(), newCommand(), runCommand(), demoCommand(), backtestCommand(), feedCommand(), validateCommand(), explainCommand(), tapCommand(), replayCommand(), ledgerCommand(), stateCommand(), kafkaCommand(), doctorCommand(), versionCommand())
	cmd.SetFlagErrorFunc(misused)
	commands := cmd.Commands()
	for _, c := range commands {
		commands = append(commands, c.Commands()...)
	}
	for _, c := range commands {
		check := c.Args
		if check == nil {
			continue
		}
		c.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return misused(c, err)
			}
			return nil
		}
	}
	return cmd
}

// misused says where to read how a command is used.
func misused(cmd *cobra.Command, err error) error {
	return pipeline.Errorf("cli.usage", "%w: see %s --help", err, cmd.CommandPath())
}
