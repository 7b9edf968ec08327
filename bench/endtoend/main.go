// Command endtoend measures the engine from end to end, as its own process on a real Apache Kafka, and prints one table.
//
//	make bench              # all lines, about ten minutes
//	make bench LINES=2,3    # some of them
//
// The job is the one that other engines were measured on (docs/performance.md): 10,000 series keyed by host over 8
// partitions, one point a record, tumbling windows, 2 s of disorder, exactly once, and a finding for each window that was
// raised. What it prints is what it measured, good or bad; the machine's load stands beside it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/homeostat/homeostat/internal/broker/apachekafka"
)

// settings are the flags.
type settings struct {
	program string
	out     string
	window  time.Duration
	measure time.Duration
	series  int
	events  int
	perf    string
	commit  time.Duration
}

// line is one line of the table; it may give several rows.
type line struct {
	number int
	title  string
	run    func(ctx context.Context, b *bench) ([]row, error)
}

// row is one figure.
type row struct {
	what, value, goal string
}

var lines = []line{
	{1, "commit of a transaction, outputs every 100 ms", commitLatency},
	{2, "detection latency and CPU at a rate, exactly once", detectionLatency},
	{3, "CPU of the engine at 20,000 events/s, fused", engineCPU},
	{4, "state of a lane: snapshot, restore, memory a series", laneState},
	{5, "repartitioning, a point", repartitionCost},
	{7, "recovery after SIGKILL", recoveryTime},
	{8, "CPU by number of partitions", partitionCost},
	{9, "rebalance of 64 partitions", rebalanceTime},
}

// bench is what the lines share.
type bench struct {
	settings
	cluster *cluster
	dir     string
	runs    int
}

func main() {
	var s settings
	chosen := flag.String("lines", "", "numbers of the lines to measure, with commas; all if empty (6 is measured with 4)")
	flag.StringVar(&s.program, "program", "bin/homeostat", "the program under test")
	flag.StringVar(&s.out, "out", "out/bench", "folder for logs, configurations and the broker's data")
	flag.DurationVar(&s.window, "window", 5*time.Second, "size of the windows of lines 2, 3 and 8")
	flag.DurationVar(&s.measure, "measure", 30*time.Second, "how long a rate is measured, after it was warmed up")
	flag.IntVar(&s.series, "series", 1_000_000, "series of lines 4, 6 and 9")
	flag.IntVar(&s.events, "events", 6_000_000, "events of what is drained in lines 5 and 8")
	flag.DurationVar(&s.commit, "commit", 0, "commit_interval of the pipelines; 0 is the program's default")
	flag.StringVar(&s.perf, "perf", "", "file that Linux perf writes what the engine did to, while its CPU was measured in lines 2, 3 and 8; the last measurement stays")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := s.run(ctx, *chosen); err != nil {
		fmt.Fprintln(os.Stderr, "endtoend:", err)
		stop()
		os.Exit(1)
	}
}

func (s *settings) run(ctx context.Context, chosen string) (err error) {
	if tool := apachekafka.Missing(); tool != "" {
		fmt.Printf("nothing was measured: no %s found, and Apache Kafka needs Java 17 or newer, and Maven for the first time\n", tool)
		return nil
	}
	want, err := choose(chosen)
	if err != nil {
		return err
	}
	b := &bench{settings: *s}
	if b.program, err = filepath.Abs(s.program); err != nil {
		return err
	}
	if b.dir, err = filepath.Abs(s.out); err != nil {
		return err
	}
	if err := errors.Join(os.RemoveAll(b.dir), os.MkdirAll(b.dir, 0o755)); err != nil {
		return err
	}
	if b.cluster, err = startCluster(ctx, filepath.Join(b.dir, "kafka")); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.cluster.stop(), os.RemoveAll(filepath.Join(b.dir, "kafka"))) }()
	fmt.Printf("%s\n\n| line | what | measured | goal | load |\n| --- | --- | --- | --- | --- |\n", machine())
	var failed error
	for _, l := range want {
		fmt.Fprintf(os.Stderr, "%s line %d: %s\n", time.Now().Format(time.TimeOnly), l.number, l.title)
		before := load()
		rows, err := l.run(ctx, b)
		for _, r := range rows {
			fmt.Printf("| %d | %s | %s | %s | %s |\n", l.number, r.what, r.value, r.goal, before)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			fmt.Printf("| %d | %s | failed: %s | | %s |\n", l.number, l.title, strings.ReplaceAll(err.Error(), "\n", "; "), before)
			failed = errors.Join(failed, fmt.Errorf("line %d: %w", l.number, err))
		}
	}
	return failed
}

// choose finds lines by their numbers.
func choose(text string) ([]line, error) {
	if text == "" {
		return lines, nil
	}
	var out []line
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if n == 6 {
			n = 4
		}
		i := slices.IndexFunc(lines, func(l line) bool { return l.number == n })
		if err != nil || i < 0 {
			return nil, fmt.Errorf("there is no line %q: choose from 1 to 9", part)
		}
		if !slices.ContainsFunc(out, func(l line) bool { return l.number == n }) {
			out = append(out, lines[i])
		}
	}
	return out, nil
}

// name makes a name that no pipeline or topic has yet.
func (b *bench) name(what string) string {
	b.runs++
	return fmt.Sprintf("%s-%d", what, b.runs)
}
