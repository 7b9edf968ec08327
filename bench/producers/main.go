// Command producers has those programs that people feed Kafka with write to an Apache Kafka, has Homeostat read it, and holds what was read
// against what was written.
//
// The producers are the OpenTelemetry Collector and Telegraf, built from their Go modules, and rsyslog, syslog-ng, collectd and kcat
// from Debian's packages, which are unpacked and not installed. All of them are kept in the user's cache folder. They
// listen and send on 127.0.0.1 alone.
//
//	make producers
//	make producers ARGS='-only telegraf -keep'
//
// What was written is known without Homeostat: it is what the producer was given (points pushed over OTLP, lines of logs), or what an
// independent library reads from the bytes in Kafka, where a producer measures for itself. Held against it are how many rows the
// pipeline took and what it lost, by its ledger; each value and each line, as `homeostat tap` prints them; and the windows that the
// pipeline wrote, exactly once.
//
// For the Collector and rsyslog it also tries the way of somebody new: an hour without a fault is written, `homeostat init` writes a pipeline for
// the topic, that runs as it is and finds nothing; then a host fails, and the pipeline has to find that host and no other.
//
// The exit code is 1 when anything differs, or a producer could not be had. Configurations, logs and the broker's data are below -out.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/homeostat/homeostat/bench/stand"
)

// settings are the flags.
type settings struct {
	program string
	out     string
	only    string
	capture string
	keep    bool
}

// producers are all there are, in the order of the table.
var producers = []producer{collector, telegraf, rsyslog, syslogNG, collectd, kcat}

func main() {
	var s settings
	flag.StringVar(&s.program, "program", "bin/homeostat", "the program under test")
	flag.StringVar(&s.out, "out", "out/producers", "folder for logs, configurations and the broker's data")
	flag.StringVar(&s.only, "only", "", "names of producers with commas between, to try no others: "+strings.Join(names(), ", "))
	flag.StringVar(&s.capture, "capture", "", "folder to write some records of each encoding to, as they are, with their origin")
	flag.BoolVar(&s.keep, "keep", false, "keep the broker's data")
	flag.Parse()
	stand.Main("producers", s.run)
}

func names() []string {
	var all []string
	for _, p := range producers {
		all = append(all, p.name)
	}
	return all
}

// chosen are the producers that -only names.
func (s *settings) chosen() ([]producer, error) {
	if s.only == "" {
		return producers, nil
	}
	var all []producer
	for name := range strings.SplitSeq(s.only, ",") {
		i := slices.Index(names(), strings.TrimSpace(name))
		if i < 0 {
			return nil, fmt.Errorf("there is no producer %q: choose among %s", name, strings.Join(names(), ", "))
		}
		all = append(all, producers[i])
	}
	return all, nil
}

// run gets the producers, lets them write, reads, and prints what it found.
func (s *settings) run(ctx context.Context) (failed bool, err error) {
	chosen, err := s.chosen()
	if err != nil {
		return false, err
	}
	if s.capture != "" {
		if s.capture, err = filepath.Abs(s.capture); err != nil {
			return false, err
		}
	}
	if err := stand.Settle(&s.program, &s.out); err != nil {
		return false, err
	}
	r := &report{}
	start := time.Now()
	shop, err := openWorkshop()
	if err != nil {
		return false, err
	}
	had := map[string]tools{}
	for _, p := range chosen {
		t, err := p.get(ctx, shop)
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		if err != nil {
			r.fail("%s could not be had: %v", p.name, err)
			continue
		}
		had[p.name] = t
	}
	r.got = time.Since(start)
	if err := s.trial(ctx, r, chosen, had); err != nil {
		r.fail("%v", err)
	}
	r.took = time.Since(start) - r.got
	r.print(os.Stdout)
	fmt.Printf("\nconfigurations and logs: %s\n", s.out)
	return r.failed(), nil
}

// trial lets all producers that are there write to a broker, and reads what they wrote.
func (s *settings) trial(ctx context.Context, r *report, chosen []producer, had map[string]tools) (err error) {
	kafka := filepath.Join(s.out, "kafka")
	cluster, err := stand.Open(kafka, 0)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, cluster.Stop())
		if err == nil && !s.keep {
			err = os.RemoveAll(kafka)
		}
	}()
	var all []*encoding
	for _, p := range chosen {
		t, ok := had[p.name]
		if !ok {
			continue
		}
		fmt.Printf("%s %s writes\n", p.name, t.version)
		site := &site{cluster: cluster, tools: t, had: had, producer: p.name, dir: filepath.Join(s.out, p.name)}
		if err := site.write(ctx, p); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			r.fail("%s: %v", p.name, err)
			continue
		}
		all = append(all, site.encodings...)
		first := *site
		first.dir = filepath.Join(s.out, p.name+"-first")
		if err := s.first(ctx, r, &first); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			r.fail("first pipeline of %s: %v", p.name, err)
		}
	}
	for _, e := range all {
		if err := e.load(ctx, cluster); err != nil {
			return err
		}
	}
	if s.capture != "" {
		if err := capture(s.capture, all); err != nil {
			return err
		}
	}
	if len(all) == 0 {
		return nil
	}
	fmt.Println("homeostat reads")
	reader := &reader{program: s.program, dir: s.out, cluster: cluster}
	return reader.read(ctx, r, all)
}
