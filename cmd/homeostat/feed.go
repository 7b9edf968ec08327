package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/spf13/cobra"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/plan"
	"github.com/homeostat/homeostat/schemas/codec/otlp"
)

// feedRows is the number of rows of one message.
const feedRows = 1000

// feed is what the flags of feed say.
type feed struct{ config, topic, bootstrap, source string }

func feedCommand() *cobra.Command {
	var f feed
	cmd := &cobra.Command{
		Use:   "feed FILE --topic T -c PIPELINE",
		Short: "Write the rows of a file as events onto a topic",
		Long: "Write the rows of a file onto a Kafka topic as OTLP metrics, read as the file: section of a source of the pipeline says;\n" +
			"records of a codec (format: lines or whole) are written as they are, a message each.\n" +
			"If FILE is a folder, all files below it that the source names are read, merged by time; those of records one after the other.\n" +
			"The topic is made, with one partition, if it is not there.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd.Context(), args[0], cmd.OutOrStdout()) },
	}
	cmd.Flags().StringVarP(&f.config, "config", "c", "", "the pipeline's file")
	cmd.Flags().StringVar(&f.topic, "topic", "", "the topic to write to")
	cmd.Flags().StringVar(&f.bootstrap, "bootstrap", "", "a broker's host:port (default: those of the pipeline)")
	cmd.Flags().StringVar(&f.source, "source", "", "the source whose file: section says how to read (default: the only one)")
	return cmd
}

func (f *feed) run(ctx context.Context, file string, out io.Writer) error {
	if err := requireFlag("topic", f.topic, "name the topic to write to"); err != nil {
		return err
	}
	if err := requireFlag("config", f.config, "name the pipeline whose source says how to read the file"); err != nil {
		return err
	}
	cfg, p, err := load(f.config)
	if err != nil {
		return err
	}
	kafka := accessOf(p).at(f.bootstrap)
	if len(kafka.bootstrap) == 0 {
		return pipeline.Errorf("feed.bootstrap", "no broker is named: give --bootstrap, or kafka.bootstrap in %s", f.config)
	}
	src, err := feedSource(p, f.source)
	if err != nil {
		return err
	}
	log := newLogger(os.Stderr, cfg.Log)
	client, stop, err := connect(ctx, kafka, "feed", log)
	if err != nil {
		return err
	}
	defer stop()
	rows, err := writeFile(ctx, client, log, p, src, file, f.topic)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%d rows written to topic %s\n", rows, f.topic)
	return err
}

// feedSource chooses the source that says how a file is read.
func feedSource(p *plan.Plan, name string) (*plan.Source, error) {
	var found []*plan.Source
	for i := range p.Sources {
		if s := &p.Sources[i]; s.Entry.New != nil && (name == "" || s.Name == name) {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		return nil, pipeline.Errorf("feed.source", "%s of pipeline %s could say how to read the file: name one with --source", plural(len(found), "source"), p.Pipeline)
	}
	return found[0], nil
}

// writeFile reads the file as the source would and writes its rows, in order of time.
func writeFile(ctx context.Context, client *broker.Client, log *slog.Logger, p *plan.Plan, src *plan.Source, file, topic string) (int, error) {
	if err := client.EnsureTopics(ctx, []broker.Topic{{Name: topic, Partitions: 1, Settings: map[string]string{"retention.ms": "-1"}}}); err != nil {
		return 0, err
	}
	settings := pipeline.Settings{}
	for k, v := range src.Settings {
		settings[k] = v
	}
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return 0, pipeline.Errorf("feed.file", "the file can't be read: %w: give a file, or the folder that the paths of the source start from", err)
	case info.IsDir():
		settings["root"] = file
	default:
		settings["root"], settings["paths"] = filepath.Dir(file), []any{filepath.Base(file)}
	}
	source, err := src.Entry.New(settings)
	if err != nil {
		return 0, err
	}
	lost := map[string]int{}
	env := &pipeline.Env{Pipeline: p.Pipeline, Component: "feed", Allocator: memory.NewGoAllocator(), Logger: log, Metrics: &pipeline.Metrics{},
		Lose: func(reason string, n int) { lost[reason] += n }}
	table := pipeline.NewSeriesTable(p.Scope, p.Limits.Series)
	if err := source.Open(ctx, env, table); err != nil {
		return 0, err
	}
	defer source.Close()
	total := 0
	for {
		in, err := source.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return total, err
		}
		n := len(in.Records)
		if in.Batch != nil {
			n, err = writeRows(ctx, client, topic, *in.Batch)
			in.Batch.Release()
		} else {
			err = writeRecords(ctx, client, topic, in.Records)
		}
		if in.Lost != "" {
			lost[in.Lost] += int(in.LostRecords)
		}
		in.Release()
		total += n
		if err != nil {
			return total, err
		}
	}
	for reason, n := range lost {
		log.Warn("rows could not be used", "reason", reason, "rows", n)
	}
	return total, nil
}

// writeRecords writes records as they are.
func writeRecords(ctx context.Context, client *broker.Client, topic string, records []pipeline.Record) error {
	messages := make([]broker.Message, len(records))
	for i := range records {
		messages[i] = broker.Message{Topic: topic, Partition: 0, Value: records[i].Value, Time: time.Now()}
	}
	return client.Produce(ctx, messages)
}

// writeRows writes a batch of points as OTLP messages. The labels of a series are its point attributes.
func writeRows(ctx context.Context, client *broker.Client, topic string, b pipeline.Batch) (int, error) {
	series := b.Record.Column(pipeline.PointSeries).(*array.Uint32)
	times := b.Record.Column(pipeline.PointTime).(*array.Int64)
	starts := b.Record.Column(pipeline.PointStart).(*array.Int64)
	values := b.Record.Column(pipeline.PointValue).(*array.Float64)
	enc := otlp.NewEncoder(nil)
	var messages []broker.Message
	for i := 0; i < b.Rows(); i++ {
		s := b.Series.At(series.Value(i))
		if s.Type == pipeline.Gauge {
			enc.Gauge(s.Metric, s.Unit, s.Labels.List(), times.Value(i), values.Value(i))
		} else {
			enc.Sum(s.Metric, s.Unit, s.Labels.List(), starts.Value(i), times.Value(i), values.Value(i), s.Type == pipeline.Delta)
		}
		if enc.Len() == feedRows || i == b.Rows()-1 {
			messages = append(messages, broker.Message{Topic: topic, Partition: 0, Value: enc.AppendTo(nil), Time: time.Now()})
			enc.Reset()
		}
	}
	return b.Rows(), client.Produce(ctx, messages)
}
