package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/config"
	"github.com/homeostat/homeostat/pipeline/engine"
	"github.com/homeostat/homeostat/pipeline/engine/snapshot"
	"github.com/homeostat/homeostat/schemas"
)

func stateCommand() *cobra.Command {
	var path string
	cmd := &cobra.Command{Use: "state", Short: "Look into the stored states of a pipeline's lanes"}
	cmd.PersistentFlags().StringVarP(&path, "config", "c", "", "the pipeline's file")
	list := &cobra.Command{
		Use: "ls -c FILE", Short: "List the snapshots of all lanes", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			found, err := loadState(cmd, path)
			if err != nil {
				return err
			}
			return listState(cmd.OutOrStdout(), found)
		},
	}
	get := &cobra.Command{
		Use: "get -c FILE LANE [PART]", Short: "Print the newest snapshot of a lane: its manifest, or the rows of one part as JSON", Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			found, err := loadState(cmd, path, args[0])
			if err != nil {
				return err
			}
			return getState(cmd.OutOrStdout(), found, args)
		},
	}
	verify := &cobra.Command{
		Use: "verify -c FILE", Short: "Read all snapshots and fail if one is damaged", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			found, err := loadState(cmd, path)
			if err != nil {
				return err
			}
			return verifyState(cmd.OutOrStdout(), found)
		},
	}
	remove := &cobra.Command{
		Use: "rm -c FILE LANE...", Short: "Remove the snapshots of lanes, which then begin without state", Args: cobra.MinimumNArgs(1),
		Long: "Remove the snapshots of lanes, as state ls names them: for lanes whose topic was made again, or whose positions were set\n" +
			"past something that no lane can process. They begin without state at their committed positions, or at the start of\n" +
			"their topic if there are none. Stop the pipeline before.",
		RunE: func(cmd *cobra.Command, args []string) error { return removeState(cmd, path, args) },
	}
	cmd.AddCommand(list, get, verify, remove, stateCodecCommand(&path))
	return cmd
}

func loadState(cmd *cobra.Command, path string, lanes ...string) (map[string][]snapshot.Stored, error) {
	store, stop, err := openState(cmd.Context(), path)
	if err != nil {
		return nil, err
	}
	defer stop()
	return store.Load(cmd.Context(), lanes...)
}

func removeState(cmd *cobra.Command, path string, lanes []string) error {
	store, stop, err := openState(cmd.Context(), path)
	if err != nil {
		return err
	}
	defer stop()
	found, err := store.Load(cmd.Context(), lanes...)
	if err != nil {
		return err
	}
	for _, lane := range lanes {
		if len(found[lane]) == 0 {
			return pipeline.Errorf("state.lane.unknown", "there is no snapshot of a lane %s: see homeostat state ls", lane)
		}
	}
	for _, lane := range lanes {
		if err := store.Delete(cmd.Context(), lane); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(cmd.OutOrStdout(), "removed %s of lane %s\n", plural(len(found[lane]), "snapshot"), lane); err != nil {
			return err
		}
	}
	return nil
}

func listState(w io.Writer, found map[string][]snapshot.Stored) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "lane\tslot\toffset\ttime\tbytes\twritten\tstate")
	for _, lane := range slices.Sorted(maps.Keys(found)) {
		for _, s := range found[lane] {
			at, state := "none yet", "good"
			if s.Manifest.Timed {
				at = schemas.FormatTime(s.Manifest.Watermark)
			}
			if s.Err != nil {
				state = "damaged"
			}
			fmt.Fprintf(t, "%s\t%d\t%d\t%s\t%s\t%s\t%s\n", lane, s.Slot, s.Manifest.Position, at, config.FormatSize(s.Manifest.Bytes), s.Manifest.Written.Format(time.RFC3339), state)
		}
	}
	return t.Flush()
}

func getState(w io.Writer, found map[string][]snapshot.Stored, args []string) error {
	stored := found[args[0]]
	if len(stored) == 0 {
		return pipeline.Errorf("state.lane.unknown", "there is no snapshot of a lane %s: see homeostat state ls", args[0])
	}
	s := stored[0]
	if s.Err != nil {
		return s.Err
	}
	if len(args) == 1 {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(s.Snapshot.Manifest)
	}
	if _, ok := s.Part(args[1]); !ok {
		var names []string
		for _, p := range s.Parts {
			names = append(names, p.Name)
		}
		return pipeline.Errorf("state.part.unknown", "the snapshot of lane %s has no part %s: choose among %q", args[0], args[1], names)
	}
	return inspectPart(w, s.Snapshot, args[1])
}

// inspectPart writes an operator's tables row by row as JSON, other parts as the engine does.
func inspectPart(w io.Writer, s *snapshot.Snapshot, part string) error {
	if !engine.OperatorPart(part) {
		return engine.InspectPart(w, s, part)
	}
	b, _ := s.Part(part)
	out := bufio.NewWriter(w)
	e := json.NewEncoder(out)
	_, err := state.Inspect(bytes.NewReader(b), func(t state.TableInfo, r state.Row) error {
		row := map[string]any{}
		for i, c := range t.Columns {
			row[c.Name] = asJSON(r.Value(i))
		}
		return e.Encode(map[string]any{"table": t.Table, "version": t.Version, "row": row})
	})
	return errors.Join(err, out.Flush())
}

// asJSON makes of what JSON can't write (NaN, infinities) a text.
func asJSON(v any) any {
	switch v := v.(type) {
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Sprint(v)
		}
	case []float64:
		out := make([]any, len(v))
		for i := range v {
			out[i] = asJSON(v[i])
		}
		return out
	}
	return v
}

func verifyState(w io.Writer, found map[string][]snapshot.Stored) error {
	var bad error
	good := 0
	for _, lane := range slices.Sorted(maps.Keys(found)) {
		usable := false
		for _, s := range found[lane] {
			err := s.Err
			for i := 0; err == nil && i < len(s.Parts); i++ {
				err = inspectPart(io.Discard, s.Snapshot, s.Parts[i].Name)
			}
			if err != nil {
				fmt.Fprintf(w, "lane %s slot %d: %v\n", lane, s.Slot, err)
				bad = errors.Join(bad, err)
				continue
			}
			usable = true
			good++
		}
		if !usable {
			fmt.Fprintf(w, "lane %s has no snapshot that can be used\n", lane)
		}
	}
	fmt.Fprintf(w, "%s of %s are good\n", plural(good, "snapshot"), plural(len(found), "lane"))
	if bad != nil {
		return pipeline.Errorf("state.verify", "not all snapshots are good: the other slot of the same lane is used; if both are damaged, the lane begins at its committed position only when they are deleted")
	}
	return nil
}
