package main

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), version())
			return err
		},
	}
}

// version names what was built: module version, commit, Go.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "homeostat (unknown build)"
	}
	commit := ""
	dirty := ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = " " + s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = " (modified)"
		}
	}
	v := info.Main.Version
	if v == "" {
		v = "(devel)"
	}
	return "homeostat " + v + commit + dirty + " " + info.GoVersion
}
