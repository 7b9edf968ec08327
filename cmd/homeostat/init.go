package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/internal/draft"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/config"
	"github.com/homeostat/homeostat/pipeline/plan"
)

// beginning is what the flags of init say.
type beginning struct {
	bootstrap, config, out, name string
	topics                       []string
}

func initCommand() *cobra.Command {
	var b beginning
	cmd := &cobra.Command{
		Use:   "init --bootstrap ADDR --topic T [--topic …] [-o FILE]",
		Short: "Look at topics and write a first pipeline for them, with comments, that runs as it is",
		Long: "Look at the beginning, the middle and the end of each partition of topics, and write a pipeline for them: codec, entities, keys, time,\n" +
			"disorder, windows, detectors, and metrics that objectives could be made of. What was seen stands in its comments.\n" +
			"Nothing is written to Kafka, and no group is made. The same topics give the same file.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return b.run(cmd) },
	}
	cmd.Flags().StringVar(&b.bootstrap, "bootstrap", "", "a broker's host:port (default: those of --config)")
	cmd.Flags().StringVarP(&b.config, "config", "c", "", "a pipeline's file, whose kafka: says how to connect")
	cmd.Flags().StringArrayVar(&b.topics, "topic", nil, "a topic to look at; may be given several times")
	cmd.Flags().StringVarP(&b.out, "output", "o", "", "the file to write, which must not be there yet (default: standard output)")
	cmd.Flags().StringVar(&b.name, "name", "", "the pipeline's name (default: made of the first topic's)")
	return cmd
}

// initPatience is how long init waits for brokers that don't answer.
const initPatience = 20 * time.Second

func (b *beginning) run(cmd *cobra.Command) error {
	kafka, err := accessBy(b.bootstrap, b.config)
	if err != nil {
		return err
	}
	if err := requireFlag("bootstrap", strings.Join(kafka.bootstrap, ","), "give a broker's host:port, or the file of a pipeline that has kafka.bootstrap with --config"); err != nil {
		return err
	}
	if err := requireFlag("topic", strings.Join(b.topics, ""), "name a topic to look at; it may be given several times"); err != nil {
		return err
	}
	if err := absent(b.out); err != nil {
		return err
	}
	client, stop, err := connectFor(cmd.Context(), kafka, "init", newLogger(cmd.ErrOrStderr(), config.Log{Level: "error"}), initPatience)
	if err != nil {
		return err
	}
	defer stop()
	sources, err := survey(cmd.Context(), client, b.topics)
	if err != nil {
		return err
	}
	if b.name == "" {
		b.name = draft.Name(b.topics)
	}
	security, err := kafka.written()
	if err != nil {
		return err
	}
	text := draft.Write(b.name, draft.Kafka{Bootstrap: kafka.bootstrap, Security: security}, sources)
	if err := b.check(text); err != nil {
		return err
	}
	if b.out == "" {
		_, err := fmt.Fprint(cmd.OutOrStdout(), text)
		return err
	}
	return b.write(cmd, text, sources)
}

// check reads the pipeline as a run would.
func (b *beginning) check(text string) error {
	registry := newRegistry()
	cfg, err := config.Parse("pipeline.yaml", []byte(text), registry, os.LookupEnv, os.ReadFile)
	if err == nil {
		_, err = plan.New(cfg, registry)
	}
	var faults config.Faults
	if errors.As(err, &faults) && slices.ContainsFunc(faults, func(f config.Fault) bool { return f.Path == "name" }) || pipeline.Code(err) == "plan.source.loop" {
		return pipeline.Errorf("init.name", "a pipeline for these topics can't be called %s: %w: give another name with --name", b.name, err)
	}
	if err != nil {
		return fmt.Errorf("BUG: the pipeline that would be written is not valid, please report it: %w", err)
	}
	return nil
}

// write writes the file and says what is in it and what to do with it.
func (b *beginning) write(cmd *cobra.Command, text string, sources []*draft.Source) error {
	f, err := os.OpenFile(b.out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return pipeline.Errorf("init.output", "%s can't be written: %w: name another file with -o", b.out, err)
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return pipeline.Errorf("init.output", "%s can't be written: %w: name another file with -o", b.out, err)
	}
	out := cmd.OutOrStdout()
	for _, s := range sources {
		fmt.Fprintf(out, "%s: %s, %s\n", s.Topic, s.Codec, s.Evidence)
	}
	_, err = fmt.Fprintf(out, "wrote %s\nnext: homeostat explain %s, then homeostat run -c %s\n", b.out, b.out, b.out)
	return err
}

// absent refuses to write over a file.
func absent(file string) error {
	if file == "" {
		return nil
	}
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		return pipeline.Errorf("init.output.exists", "%s is there already: name another file with -o, or remove it", file)
	}
	return nil
}

// How much of a topic is looked at: records of a stretch of a partition, and the most in all.
const (
	stretchRecords = 200
	topicRecords   = 6000
	topicBytes     = 32 << 20
)

// survey looks at topics. The error says what is wrong with each of those that can't be understood.
func survey(ctx context.Context, client *broker.Client, topics []string) ([]*draft.Source, error) {
	registry := newRegistry()
	var sources []*draft.Source
	var faults []error
	seen := map[string]bool{}
	for _, topic := range topics {
		if seen[topic] {
			continue
		}
		seen[topic] = true
		found, err := lookAt(ctx, client, topic)
		var src *draft.Source
		if err == nil {
			src, err = draft.Survey(registry, found)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			faults = append(faults, err)
			continue
		}
		sources = append(sources, src)
	}
	return sources, errors.Join(faults...)
}

// lookAt takes a sample of a topic.
func lookAt(ctx context.Context, client *broker.Client, topic string) (draft.Topic, error) {
	out := draft.Topic{Name: topic}
	partitions, err := client.AllPartitions(ctx, topic)
	if pipeline.Code(err) == "kafka.topic.missing" {
		return out, alike(ctx, client, topic)
	}
	if err != nil {
		return out, err
	}
	out.Partitions = len(partitions)
	places := []broker.Place{broker.Beginning, broker.Middle, broker.End}
	share := max(1, len(places)*len(partitions))
	found, err := broker.Sample(ctx, client.Cluster(), partitions, broker.SampleConfig{
		Places: places, Records: min(stretchRecords, max(5, topicRecords/share)), Bytes: topicBytes / share})
	if err != nil {
		return out, err
	}
	for _, s := range found {
		out.Stretches = append(out.Stretches, draft.Stretch{Partition: s.Partition, Records: s.Records})
	}
	return out, nil
}

// alike says that a topic is not there, and which one may be meant.
func alike(ctx context.Context, client *broker.Client, topic string) error {
	const code = "init.topic.missing"
	names, err := client.TopicNames(ctx)
	if err != nil || len(names) == 0 {
		return pipeline.Errorf(code, "there is no topic %s that this user may see: correct its name, or grant the right to describe it", topic)
	}
	if near := config.Nearest(topic, names); near != "" {
		return pipeline.Errorf(code, "there is no topic %s that this user may see: did you mean %s?", topic, near)
	}
	const most = 10
	if len(names) > most {
		names = append(names[:most:most], fmt.Sprintf("and %d more", len(names)-most))
	}
	return pipeline.Errorf(code, "there is no topic %s that this user may see: choose among %s", topic, strings.Join(names, ", "))
}

// written are the lines of a configuration's section kafka that say how connections are secured.
func (a access) written() ([]string, error) {
	var out []string
	quoted := func(name, text string) string {
		return fmt.Sprintf("%s: %q", name, strings.ReplaceAll(text, "${", "$${"))
	}
	if a.tls != nil {
		var parts []string
		for _, f := range []struct{ name, path string }{{"ca", a.tls.CA}, {"cert", a.tls.Cert}, {"key", a.tls.Key}} {
			if f.path == "" {
				continue
			}
			whole, err := filepath.Abs(f.path)
			if err != nil {
				return nil, err
			}
			parts = append(parts, quoted(f.name, whole))
		}
		if a.tls.ServerName != "" {
			parts = append(parts, quoted("server_name", a.tls.ServerName))
		}
		out = append(out, "tls: {"+strings.Join(parts, ", ")+"}")
	}
	if a.sasl == nil {
		return out, nil
	}
	reference := func(s config.Secret) (string, error) {
		path, file := strings.CutPrefix(s.Reference(), "file:")
		if !file {
			return s.Reference(), nil
		}
		whole, err := filepath.Abs(path)
		return "file:" + whole, err
	}
	user, err := reference(a.sasl.User)
	if err != nil {
		return nil, err
	}
	password, err := reference(a.sasl.Password)
	if err != nil {
		return nil, err
	}
	return append(out, fmt.Sprintf("sasl: {mechanism: %s, user: %q, password: %q}", strings.ToLower(a.sasl.Mechanism), user, password)), nil
}
