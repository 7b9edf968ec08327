// Command reference holds what the pipeline makes of a backlog against what its rows say, and against what it makes of them live.
//
// It writes OTLP points to a real Apache Kafka and adds them up itself, as they are written: count, sum, least, greatest and last value
// of each series in each window of ten seconds, and which rows are late. Four layouts of the rows: keyed by host or in any partition
// (so that ingest is a stage of its own), and each with partitions that cover the same hours in very different numbers of records, so
// that a drain reads some of them hours ahead of others, or whose rows are hours apart from the first on. Each is done three ways:
// live, with the pipeline never more than a minute of event time behind; drained by one process when all is there; drained by
// three processes, which are killed in the middle of the backlog, and later stopped and started again.
//
//	make reference
//
// Each window of each series has to be there once, with numbers that are right to the last bit, each late row has to be in
// the dead letters and no other, and the drains have to give the same events as the live run, with all that they say:
// windows, findings, incidents, dead letters. The exit code is 1 when anything differs. Configurations and logs are kept below -out.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/homeostat/homeostat/bench/stand"
)

// settings are the flags.
type settings struct {
	program    string
	out        string
	seed       uint64
	hosts      int
	partitions int
	hours      float64
	layout     string
	limit      time.Duration
}

func main() {
	var s settings
	flag.StringVar(&s.program, "program", "bin/homeostat", "the program under test")
	flag.StringVar(&s.out, "out", "out/reference", "folder for logs, configurations and the brokers' data")
	flag.Uint64Var(&s.seed, "seed", 1, "what the values follow from")
	flag.IntVar(&s.hosts, "hosts", 64, "hosts, each of four series with a point each five seconds")
	flag.IntVar(&s.partitions, "partitions", 8, "partitions of the producers' topic")
	flag.Float64Var(&s.hours, "hours", 2, "hours of event time; where partitions are apart they share them")
	flag.StringVar(&s.layout, "layout", "", "a layout's name, to try no other: keyed; keyed, apart; spread; spread, apart")
	flag.DurationVar(&s.limit, "limit", 5*time.Minute, "after how long a stage that does not come to its end counts as stuck")
	flag.Parse()
	stand.Main("reference", s.run)
}

// run tries all layouts in all ways and prints what it found.
func (s *settings) run(ctx context.Context) (failed bool, err error) {
	if err := stand.Settle(&s.program, &s.out); err != nil {
		return false, err
	}
	start := time.Now()
	r := &report{}
	for _, l := range layouts {
		if err == nil && (s.layout == "" || s.layout == l.name) {
			err = s.layoutIn(ctx, r, l)
		}
	}
	r.print(os.Stdout)
	outcome := "passed"
	if failed = r.failed(); failed || err != nil {
		outcome = "FAILED"
	}
	fmt.Printf("\n%s: %s; logs and configurations: %s\n", outcome, time.Since(start).Round(time.Second), s.out)
	return failed, err
}

// layoutIn does one layout in all ways.
func (s *settings) layoutIn(ctx context.Context, r *report, l layout) error {
	in := &load{layout: l, seed: s.seed, hosts: s.hosts, partitions: s.partitions, rounds: int64(s.hours * float64(time.Hour) / float64(round))}
	if l.shift > 0 {
		in.rounds = min(in.rounds/int64(in.partitions), int64(l.shift)/round)
	}
	in.rounds -= in.rounds % (window / round)
	for _, w := range ways {
		fmt.Printf("%s: %s\n", l.name, w.name)
		o, err := s.trial(ctx, in, w)
		if err != nil {
			return fmt.Errorf("%s, %s: %w", l.name, w.name, err)
		}
		r.add(l.name, w.name, o)
	}
	return nil
}

// trial does a load in one way on an Apache Kafka of its own.
func (s *settings) trial(ctx context.Context, in *load, w way) (_ *outcome, err error) {
	dir := filepath.Join(s.out, strings.NewReplacer(" ", "-", ",", "").Replace(in.name+" "+w.name))
	kafka := filepath.Join(dir, "kafka")
	c, err := stand.Open(kafka, 0)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err = errors.Join(err, c.Stop()); err == nil {
			err = os.RemoveAll(kafka)
		}
	}()
	t := &trial{load: in, way: w, dir: dir, program: s.program, session: 6 * time.Second, limit: s.limit, cluster: c}
	return t.run(ctx)
}
