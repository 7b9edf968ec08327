package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/homeostat/homeostat/internal/outline"
	"github.com/homeostat/homeostat/pipeline"
)

func newCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "new", Short: "Lay the files of a new component"}
	dir := ""
	detector := &cobra.Command{
		Use:   "detector NAME",
		Short: "Lay a detector that works, with its tests, to be changed into what you want",
		Long: "Lay operators/detect/NAME with a detector of one series that works, its tests and its benchmark. What to do with them is told in\n" +
			"docs/guides/write-a-detector.md. Nothing that is there is changed.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			files, err := outline.Detector(args[0])
			if err != nil {
				return err
			}
			if err := lay(dir, files); err != nil {
				return err
			}
			for _, f := range files {
				fmt.Fprintln(cmd.OutOrStdout(), "wrote "+f.Path)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "next: go test ./operators/detect/%[1]s, and %[1]s.Kind.Register in cmd/homeostat/registry.go\n", args[0])
			return nil
		},
	}
	detector.Flags().StringVar(&dir, "dir", ".", "the top of the repository")
	cmd.AddCommand(detector)
	return cmd
}

// lay writes files that are not there yet; all or none.
func lay(dir string, files []outline.File) error {
	if _, err := os.Stat(filepath.Join(dir, "operators", "detect")); err != nil {
		return pipeline.Errorf("new.place", "%s is not the top of the repository: %w; go there, or name it with --dir", dir, err)
	}
	for _, f := range files {
		if _, err := os.Stat(filepath.Join(dir, f.Path)); !errors.Is(err, fs.ErrNotExist) {
			return pipeline.Errorf("new.exists", "%s is there already: choose another name, or remove it", f.Path)
		}
	}
	for _, f := range files {
		path := filepath.Join(dir, f.Path)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err == nil {
			err = os.WriteFile(path, []byte(f.Content), 0o644)
		}
		if err != nil {
			return pipeline.Errorf("new.write", "%s can't be written: %w; see that the folder is yours", f.Path, err)
		}
	}
	return nil
}
