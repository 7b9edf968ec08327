package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/spf13/cobra"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/config"
	"github.com/homeostat/homeostat/pipeline/engine"
	"github.com/homeostat/homeostat/schemas"
)

// tap is what the flags of tap say.
type tap struct {
	bootstrap, config   string
	codec, source       string
	follow, uncommitted bool
	limit               int
}

func tapCommand() *cobra.Command {
	var t tap
	cmd := &cobra.Command{
		Use:   "tap TOPIC --bootstrap ADDR | -c FILE [--source NAME]",
		Short: "Decode a topic and print it, a line a record",
		Long: "Decode a topic and print it. Events are printed as CloudEvents with their data, windows as rows; with --codec, producers'\n" +
			"records are printed as the rows that the codec makes of them by its default settings, with --source by the codec and settings of a\n" +
			"source of the pipeline in --config; anything else as text or size.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return t.run(cmd.Context(), args[0], cmd.OutOrStdout()) },
	}
	cmd.Flags().StringVar(&t.bootstrap, "bootstrap", "", "a broker's host:port (default: those of --config)")
	cmd.Flags().StringVarP(&t.config, "config", "c", "", "a pipeline's file, whose kafka: says how to connect")
	cmd.Flags().StringVar(&t.codec, "codec", "", "decode producers' records with this codec")
	cmd.Flags().StringVar(&t.source, "source", "", "decode producers' records as this source of --config does")
	cmd.Flags().BoolVarP(&t.follow, "follow", "f", false, "go on with what comes")
	cmd.Flags().BoolVar(&t.uncommitted, "uncommitted", false, "also print what transactions have not committed, or aborted")
	cmd.Flags().IntVarP(&t.limit, "limit", "n", 0, "stop after so many records")
	return cmd
}

func (t *tap) run(ctx context.Context, topic string, out io.Writer) error {
	kafka, err := accessBy(t.bootstrap, t.config)
	if err != nil {
		return err
	}
	if err := requireFlag("bootstrap", strings.Join(kafka.bootstrap, ","), "give a broker's host:port, or the file of a pipeline that has kafka.bootstrap with --config"); err != nil {
		return err
	}
	print, err := t.newPrinter(ctx, out)
	if err != nil {
		return err
	}
	client, stop, err := connect(ctx, kafka, "tap", newLogger(os.Stderr, config.Log{Level: "warn"}))
	if err != nil {
		return err
	}
	defer stop()
	tps, err := client.AllPartitions(ctx, topic)
	if err != nil {
		return err
	}
	bounds, err := client.Bounds(ctx, tps)
	if err != nil {
		return err
	}
	fetcher := client.NewFetcher(broker.FetchConfig{Uncommitted: t.uncommitted})
	defer fetcher.Close()
	ends := map[broker.TopicPartition]int64{}
	for _, tp := range tps {
		if bounds[tp].Start < bounds[tp].Stable || t.follow {
			fetcher.Assign(tp, bounds[tp].Start)
			ends[tp] = bounds[tp].Stable
		}
	}
	err = t.print(ctx, fetcher, ends, print)
	if ctx.Err() != nil {
		return nil // somebody has seen enough
	}
	return err
}

// print prints what is fetched until all partitions have come to their ends, or for ever.
func (t *tap) print(ctx context.Context, fetcher *broker.Fetcher, ends map[broker.TopicPartition]int64, print *printer) error {
	for printed := 0; len(ends) > 0; {
		chunks, err := fetcher.Poll(ctx)
		if err != nil {
			return err
		}
		for i := range chunks {
			c := &chunks[i]
			for k := range c.Records {
				if t.limit > 0 && printed >= t.limit {
					return nil
				}
				print.record(&c.Records[k])
				printed++
			}
			c.Release()
			if c.Err != nil {
				return c.Err
			}
			if !t.follow && c.Next >= ends[c.TopicPartition] {
				delete(ends, c.TopicPartition)
				fetcher.Remove(c.TopicPartition)
			}
		}
	}
	return nil
}

// printer writes records as lines.
type printer struct {
	out   io.Writer
	codec pipeline.Codec
	table *pipeline.SeriesTable
}

func (t *tap) newPrinter(ctx context.Context, out io.Writer) (p *printer, err error) {
	p = &printer{out: out, table: pipeline.NewSeriesTable(nil, 0)}
	switch {
	case t.codec != "" && t.source != "":
		return nil, pipeline.Errorf("cli.usage", "--codec and --source both say how records are decoded: give one of them")
	case t.source != "":
		p.codec, err = t.sourceCodec(ctx)
	case t.codec != "":
		p.codec, err = t.plainCodec()
	}
	return p, err
}

// plainCodec makes the codec with its default settings.
func (t *tap) plainCodec() (pipeline.Codec, error) {
	registry := newRegistry()
	entry, ok := registry.Codec(t.codec)
	if !ok || t.codec == config.Auto {
		return nil, pipeline.Errorf("tap.codec", "codec %q does not exist or is none to decode with: choose one of %s", t.codec, strings.Join(slices.DeleteFunc(registry.Codecs(), func(c string) bool { return c == config.Auto }), ", "))
	}
	settings := pipeline.Settings{}
	for _, s := range entry.Spec.Settings {
		settings[s.Name] = s.Default
	}
	return entry.New(settings)
}

// sourceCodec makes the codec of a source of the pipeline; what codec: auto found is what was pinned.
func (t *tap) sourceCodec(ctx context.Context) (pipeline.Codec, error) {
	if err := requireFlag("config", t.config, "name the pipeline that the source is of"); err != nil {
		return nil, err
	}
	_, p, err := load(t.config)
	if err != nil {
		return nil, err
	}
	src, err := sourceOf(p, t.source)
	if err != nil {
		return nil, err
	}
	if src.Codec.Undecided() {
		if err := readPins(ctx, p); err != nil {
			return nil, err
		}
	}
	switch {
	case src.Codec == nil:
		return nil, pipeline.Errorf("tap.source", "source %s has no codec, as it makes columns itself: choose one that reads a topic", src.Name)
	case src.Codec.Undecided():
		return nil, pipeline.Errorf("tap.source", "no codec was found for source %s yet: with codec: auto the first run does; until then name one with --codec", src.Name)
	}
	return src.Codec.Entry.New(src.Codec.Settings)
}

func (p *printer) record(rec *pipeline.Record) {
	fmt.Fprintf(p.out, "%d@%d ", rec.Partition, rec.Offset)
	switch e, err := schemas.ReadEvent(rec); {
	case err == nil && e.Type == schemas.TypeWindow:
		p.windows(rec, &e)
	case err == nil:
		fmt.Fprintf(p.out, "%s %s subject=%s system=%s mode=%s id=%s %s\n", schemas.FormatTime(e.Time),
			strings.TrimPrefix(e.Type, schemas.TypePrefix), e.Subject, e.System, e.Mode, e.ID, compact(e.Data))
	case p.codec != nil:
		p.rows(rec)
	default:
		p.plain(rec)
	}
}

func (p *printer) windows(rec *pipeline.Record, e *schemas.Event) {
	if lane, ok := rec.Header(schemas.HeaderLane); ok {
		fmt.Fprintf(p.out, "%s time of lane %s\n", schemas.FormatTime(e.Time), lane)
		return
	}
	b, err := schemas.DecodeWindows(memory.NewGoAllocator(), e.Data, p.table)
	if err != nil {
		fmt.Fprintln(p.out, err)
		return
	}
	defer b.Release()
	fmt.Fprintf(p.out, "%s window.v1 system=%s %s\n", schemas.FormatTime(e.Time), e.System, plural(b.Rows(), "row"))
	if b.Rows() == 0 {
		return
	}
	w := engine.WindowOf(b)
	for i := range w.Series {
		fmt.Fprintf(p.out, "  %s count=%d sum=%g min=%g max=%g last=%g\n", w.Table.At(w.Series[i]).Key(), w.Count[i], w.Sum[i], w.Min[i], w.Max[i], w.Last[i])
	}
}

func (p *printer) rows(rec *pipeline.Record) {
	cols := pipeline.NewColumns(p.table)
	if err := p.codec.Decode(rec, cols); err != nil {
		fmt.Fprintln(p.out, err)
		return
	}
	fmt.Fprintf(p.out, "%s, %s\n", plural(len(cols.PointTime), "point"), plural(len(cols.LogTime), "log record"))
	for i, s := range cols.PointSeries {
		fmt.Fprintf(p.out, "  %s %s %g\n", schemas.FormatTime(cols.PointTime[i]), p.table.At(s).Key(), cols.PointValue[i])
	}
	for i, s := range cols.LogStream {
		fmt.Fprintf(p.out, "  %s %s %d %s\n", schemas.FormatTime(cols.LogTime[i]), p.table.At(s).Key(), cols.LogSeverity[i], printable(string(cols.LogBytes[cols.LogOffset[i]:cols.LogOffset[i+1]])))
	}
}

func (p *printer) plain(rec *pipeline.Record) {
	at := time.UnixMilli(rec.Timestamp).UTC().Format(time.RFC3339)
	for _, h := range rec.Headers {
		fmt.Fprintf(p.out, "%s=%q ", h.Key, h.Value)
	}
	if utf8.Valid(rec.Value) {
		fmt.Fprintf(p.out, "%s %s\n", at, printable(strings.TrimSpace(string(rec.Value))))
		return
	}
	fmt.Fprintf(p.out, "%s %d bytes\n", at, len(rec.Value))
}

// compact writes JSON in one line.
func compact(raw []byte) string {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return string(raw)
	}
	line, err := json.Marshal(v)
	if err != nil {
		return string(raw)
	}
	return string(line)
}

// printable keeps what a foreign record says from commanding the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\t' {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}
