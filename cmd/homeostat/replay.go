package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/engine"
)

func replayCommand() *cobra.Command {
	var path, stage string
	cmd := &cobra.Command{
		Use:   "replay -c FILE --stage S",
		Short: "Process a stage's recorded input again and print what it wrote, without writing it",
		Long: "Process the recorded input of a stage once more, from the beginning of its topics to where its group has committed, and\n" +
			"print each message that comes of it as a line of JSON: lane, topic, partition (-1 for any), key, headers, and the value in\n" +
			"base64. Lane by lane they are what the stage wrote when it ran, in the same order and byte for byte, but for the header\n" +
			"ce_sequence: what the clock did then is read from the topic NAME.times. Of ingest the rows are the same, in other\n" +
			"portions. Nothing is written, and the pipeline may run meanwhile. It serves to look into a finding, and to see what another\n" +
			"version or configuration would have made of the same input.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := requireFlag("config", path, "name the pipeline's file"); err != nil {
				return err
			}
			if err := requireFlag("stage", stage, "name ingest, detect or operate"); err != nil {
				return err
			}
			cfg, p, err := load(path)
			if err != nil {
				return err
			}
			if len(p.Bootstrap) == 0 {
				return pipeline.Errorf("cli.replay.embedded", "pipeline %s runs on an embedded broker, which ends with its process and its topics with it: name brokers in kafka.bootstrap", p.Pipeline)
			}
			ctx, log := cmd.Context(), newLogger(os.Stderr, cfg.Log)
			client, stop, err := connect(ctx, accessOf(p), p.Instance, log)
			if err != nil {
				return err
			}
			defer stop()
			out := bufio.NewWriter(cmd.OutOrStdout())
			lines := json.NewEncoder(out)
			err = engine.Replay(ctx, p, client.Cluster(), engine.Options{NewOutput: newOutput(p), Logger: log}, stage, func(lane string, m broker.Message) error {
				return lines.Encode(replayedOf(lane, m))
			})
			return errors.Join(err, out.Flush())
		},
	}
	cmd.Flags().StringVarP(&path, "config", "c", "", "the pipeline's file")
	cmd.Flags().StringVar(&stage, "stage", "", "the stage: ingest, detect or operate")
	return cmd
}

// replayed is a line of replay.
type replayed struct {
	Lane      string      `json:"lane"`
	Topic     string      `json:"topic"`
	Partition int32       `json:"partition"`
	Key       *string     `json:"key,omitempty"`
	Headers   [][2]string `json:"headers"`
	Value     []byte      `json:"value"`
}

func replayedOf(lane string, m broker.Message) replayed {
	r := replayed{Lane: lane, Topic: m.Topic, Partition: m.Partition, Value: m.Value, Headers: make([][2]string, len(m.Headers))}
	if m.Key != nil {
		key := string(m.Key)
		r.Key = &key
	}
	for i, h := range m.Headers {
		r.Headers[i] = [2]string{h.Key, string(h.Value)}
	}
	return r
}
