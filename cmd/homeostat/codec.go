package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/engine"
	"github.com/homeostat/homeostat/pipeline/engine/snapshot"
	"github.com/homeostat/homeostat/pipeline/plan"
)

// stateCodecCommand is state codec; path is the flag that all of state have.
func stateCodecCommand(path *string) *cobra.Command {
	var forget bool
	cmd := &cobra.Command{
		Use:   "codec -c FILE [SOURCE]",
		Short: "Print the codecs that were found for sources with codec: auto, or forget one",
		Long: "Print the codecs that were found for sources with codec: auto, and what was seen; of one source as JSON. A codec that was found holds until\n" +
			"a person changes it: by writing a codec in the configuration, or by --forget, after which the next start finds one out anew. Processes that\n" +
			"run keep to theirs until they end, so stop the pipeline before.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if forget && len(args) == 0 {
				return pipeline.Errorf("cli.usage", "say which source's codec is to be forgotten: homeostat state codec -c FILE SOURCE --forget")
			}
			store, p, stop, err := openPins(cmd.Context(), *path)
			if err != nil {
				return err
			}
			defer stop()
			if len(args) == 0 {
				pins, err := store.Pins(cmd.Context())
				if err != nil {
					return err
				}
				return listPins(cmd.OutOrStdout(), p, pins)
			}
			src, err := sourceOf(p, args[0])
			if err != nil {
				return err
			}
			if forget {
				return forgetPin(cmd, store, src)
			}
			return printPin(cmd, store, src)
		},
	}
	cmd.Flags().BoolVar(&forget, "forget", false, "remove what was found for SOURCE")
	return cmd
}

// sourceOf returns the source of a name.
func sourceOf(p *plan.Plan, name string) (*plan.Source, error) {
	var names []string
	for i := range p.Sources {
		if p.Sources[i].Name == name {
			return &p.Sources[i], nil
		}
		names = append(names, p.Sources[i].Name)
	}
	return nil, pipeline.Errorf("state.codec.source", "pipeline %s has no source %q: choose among %s", p.Pipeline, name, strings.Join(names, ", "))
}

func openPins(ctx context.Context, path string) (snapshot.Pins, *plan.Plan, func(), error) {
	store, stop, err := openState(ctx, path)
	if err != nil {
		return nil, nil, nil, err
	}
	_, p, err := load(path)
	if err != nil {
		stop()
		return nil, nil, nil, err
	}
	return store.(snapshot.Pins), p, stop, nil
}

func listPins(w io.Writer, p *plan.Plan, pins []snapshot.Pin) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "source\ttopic\tcodec\tpinned\tby\tseen")
	for i := range p.Sources {
		src := &p.Sources[i]
		k := slices.IndexFunc(pins, func(pin snapshot.Pin) bool { return pin.Source == src.Name && pin.Topic == src.Topic })
		switch {
		case !src.Codec.Undecided() && k < 0:
		case k < 0:
			fmt.Fprintf(t, "%s\t%s\tauto\tnot pinned yet\t\t\n", src.Name, src.Topic)
		default:
			fmt.Fprintln(t, pinLine(&pins[k], src))
		}
	}
	for i := range pins {
		if !slices.ContainsFunc(p.Sources, func(src plan.Source) bool { return pins[i].Source == src.Name && pins[i].Topic == src.Topic }) {
			fmt.Fprintln(t, pinLine(&pins[i], nil))
		}
	}
	return t.Flush()
}

// pinLine is a line of the list, with a word if the configuration does not use the pin.
func pinLine(pin *snapshot.Pin, src *plan.Source) string {
	seen := pin.Evidence
	switch {
	case src == nil:
		seen = "not used, the pipeline has no such source; " + seen
	case !src.Codec.Undecided():
		seen = fmt.Sprintf("not used, the configuration says %s; %s", src.Codec.Name, seen)
	}
	return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s", pin.Source, pin.Topic, pin.Codec, pin.Written.UTC().Format(time.RFC3339), pin.Instance, seen)
}

func printPin(cmd *cobra.Command, store snapshot.Pins, src *plan.Source) error {
	pins, err := store.Pins(cmd.Context())
	if err != nil {
		return err
	}
	for i := range pins {
		if pins[i].Source == src.Name && pins[i].Topic == src.Topic {
			e := json.NewEncoder(cmd.OutOrStdout())
			e.SetIndent("", "  ")
			return e.Encode(&pins[i])
		}
	}
	return pipeline.Errorf("state.codec.none", "no codec was found for source %s yet: with codec: auto the first run does, once topic %s has records", src.Name, src.Topic)
}

func forgetPin(cmd *cobra.Command, store snapshot.Pins, src *plan.Source) error {
	if err := store.Forget(cmd.Context(), src.Name, src.Topic); err != nil {
		return err
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "forgot the codec of source %s: the next start with codec: auto finds it out anew\n", src.Name)
	return err
}

// explainLimit is how long explain waits for brokers.
const explainLimit = 3 * time.Second

// explainPins puts into the plan what was found for sources with codec: auto, or why that is not known here. The plan can be explained
// without.
func explainPins(ctx context.Context, p *plan.Plan) {
	if !slices.ContainsFunc(p.Sources, func(s plan.Source) bool { return s.Codec.Undecided() && s.Topic != "" }) {
		return
	}
	err := readPins(ctx, p)
	for i := range p.Sources {
		src := &p.Sources[i]
		switch {
		case !src.Codec.Undecided() || src.Topic == "":
		case len(p.Bootstrap) == 0 && p.State.Directory == "":
			src.Codec.Found = []string{"not pinned: each run on an embedded broker finds it out anew"}
		case err != nil:
			src.Codec.Found = []string{"whether it is pinned is not known here: " + err.Error()}
		}
	}
}

// readPins takes the pins of a plan over, for a short while.
func readPins(ctx context.Context, p *plan.Plan) error {
	if p.State.Directory != "" {
		return engine.TakePins(ctx, p, engine.PinStore(p, nil))
	}
	if len(p.Bootstrap) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, explainLimit)
	defer cancel()
	client, stop, err := connectFor(ctx, accessOf(p), "explain", slog.New(slog.DiscardHandler), explainLimit)
	if err != nil {
		return err
	}
	defer stop()
	if _, err := client.Partitions(ctx, p.Topics.State.Name); err != nil {
		if pipeline.Code(err) == "kafka.topic.missing" {
			return nil // it never ran
		}
		return err
	}
	return engine.TakePins(ctx, p, engine.PinStore(p, client.Cluster()))
}
