// Command replay shows that what comes of an input does not depend on how the work on it was shared out, nor on when it is done
// (invariant I3).
//
// It records inputs on a real Apache Kafka: the topics of `homeostat demo`, with the results that came back through the inbox,
// and the Nezha example, fed from its files. Of the demo it makes a second input, in which three systems share the topics and
// the objective. One process with all stages on a copy of the input, offset for offset, is the
// reference. The same records are then given to deployments that split the stages over processes, spread the topics over
// partitions and share detect among four instances: the same events must come out, once each, by source and id and by all
// that they say, up to the event time that the rows alone brought all lanes to. At last each stage of each run is replayed
// on its own log (`homeostat replay`) and must give what it wrote, byte for byte and in its order.
//
//	make replay
//
// The exit code is 1 when anything differs. Configurations, logs and what was recorded are kept below -out.
package main

import (
	"context"
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
	program string
	out     string
	data    string
	speed   float64
	inputs  string
	only    string
	limit   time.Duration
}

func main() {
	var s settings
	flag.StringVar(&s.program, "program", "bin/homeostat", "the program under test")
	flag.StringVar(&s.out, "out", "out/replay", "folder for logs, configurations and the brokers' data")
	flag.StringVar(&s.data, "data", "../shared/data/nezha", "folder of the Nezha data set")
	flag.Float64Var(&s.speed, "speed", 70, "how many times faster than real time the demo runs; it is 70 minutes long")
	flag.StringVar(&s.inputs, "inputs", "demo,systems,nezha", "which inputs: demo, systems (the demo's of three systems, which share the one objective), and nezha")
	flag.StringVar(&s.only, "only", "", "a deployment's name, to run no others beside the reference")
	flag.DurationVar(&s.limit, "limit", 3*time.Minute, "after how long a run that does not come to the end of its input counts as stuck")
	flag.Parse()
	stand.Main("replay", s.run)
}

// run records the inputs, runs all deployments on each, and prints what it found.
func (s *settings) run(ctx context.Context) (failed bool, err error) {
	if err := stand.Settle(&s.program, &s.out); err != nil {
		return false, err
	}
	start := time.Now()
	r := &report{}
	err = s.all(ctx, r)
	fmt.Println()
	r.print(os.Stdout)
	outcome := "passed"
	if failed = r.failed(); failed || err != nil {
		outcome = "FAILED"
	}
	fmt.Printf("\n%s: %s; logs and configurations: %s\n", outcome, time.Since(start).Round(time.Second), s.out)
	return failed, err
}

func (s *settings) all(ctx context.Context, r *report) error {
	wanted := map[string]bool{}
	for name := range strings.SplitSeq(s.inputs, ",") {
		wanted[name] = true
	}
	if wanted["demo"] || wanted["systems"] {
		if err := s.demo(ctx, r, wanted); err != nil {
			return fmt.Errorf("demo: %w", err)
		}
	}
	if !wanted["nezha"] {
		return nil
	}
	folder := filepath.Join(s.data, "onlineboutique-2022-08-22")
	if _, err := os.Stat(folder); err != nil {
		r.skipped = append(r.skipped, fmt.Sprintf("nezha: there is no %s: name the folder of the data set with -data", folder))
		return nil
	}
	if err := s.nezha(ctx, r, folder); err != nil {
		return fmt.Errorf("nezha: %w", err)
	}
	return nil
}
