// Command chaos ends processes, connections and the broker under a running pipeline, at random points of a seed, and then
// holds everything that the pipeline wrote against what an undisturbed run makes of the same input: each event is
// there once, by id and content (invariants I2 and I4).
//
// It is all real: Apache Kafka, several `homeostat run` processes that share the work, a TCP proxy between them that can
// do what networks do, and a client to read the outcome that shares no code with the engine's. A round is one fault.
//
//	make chaos SEED=1 ROUNDS=200
//
// The exit code is 1 when anything is wrong. What the processes logged, their configurations and the schedule of the
// faults with their times are kept below -out.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/homeostat/homeostat/bench/stand"
)

// settings are the flags.
type settings struct {
	seed    uint64
	rounds  int
	program string
	out     string
	mode    string
	session time.Duration
	limit   time.Duration
	calm    time.Duration
	// distance is how long bytes are on their way between engines and broker.
	distance time.Duration
	// brokerKills bounds how often the broker is ended; below 0 nothing does.
	brokerKills int
	// atLeastOnce runs the engines without transactions.
	atLeastOnce bool
}

func main() {
	var s settings
	flag.Uint64Var(&s.seed, "seed", 1, "what the faults and the input are made of")
	flag.IntVar(&s.rounds, "rounds", 200, "number of faults")
	flag.StringVar(&s.program, "program", "bin/homeostat", "the program under test")
	flag.StringVar(&s.out, "out", "out/chaos", "folder for logs, configurations and the broker's data")
	flag.StringVar(&s.mode, "mode", "windows", "the pipeline: windows (all stages), columns (the same, ingest apart), records (what depends on single records only)")
	flag.DurationVar(&s.session, "session", 3*time.Second, "after how long the group gives a silent engine up")
	flag.DurationVar(&s.limit, "limit", 90*time.Second, "after how long without recovery the pipeline counts as stuck")
	flag.DurationVar(&s.calm, "calm", 0, "how long to feed without faults before the first round; with -rounds 0 it shows whether two quiet runs are equal")
	flag.DurationVar(&s.distance, "distance", 5*time.Millisecond, "how long bytes are on their way between engines and broker")
	flag.IntVar(&s.brokerKills, "broker-kills", -1, "rounds that may end the broker, the others end an engine instead; -1 is all. Apache Kafka 4.3 alone does not always come back with its offsets (docs/operations.md)")
	flag.BoolVar(&s.atLeastOnce, "at-least-once", false, "run the engines without transactions: then duplicates have to be found, which shows that they would be")
	flag.Parse()
	stand.Main("chaos", s.run)
}

// run runs both runs and prints the report.
func (s *settings) run(ctx context.Context) (failed bool, err error) {
	var m *mode
	for i := range modes {
		if modes[i].name == s.mode {
			m = &modes[i]
		}
	}
	if m == nil {
		return false, fmt.Errorf("there is no mode %q: choose windows, columns or records", s.mode)
	}
	dir := filepath.Join(s.out, fmt.Sprintf("%s-%d-%d", s.mode, s.seed, s.rounds))
	if err := stand.Settle(&s.program, &dir); err != nil {
		return false, err
	}
	start := time.Now()
	d := &disturbed{settings: s, mode: m, dir: dir, report: &report{mode: s.mode, seed: s.seed, rounds: s.rounds, dir: dir, judgesTime: m.timed, faults: map[kind]int{}}}
	err = d.compare(ctx)
	d.report.took = time.Since(start)
	if d.report.monitor != nil {
		f, fileErr := os.Create(filepath.Join(dir, "report.txt"))
		if fileErr == nil {
			d.report.print(f)
			fileErr = f.Close()
		}
		err = errors.Join(err, fileErr)
		d.report.print(os.Stdout)
	}
	if err == nil && !d.report.failed() {
		// Nobody will look at the data of the brokers any more.
		err = errors.Join(os.RemoveAll(filepath.Join(dir, "kafka")), os.RemoveAll(filepath.Join(dir, "kafka-undisturbed")))
	}
	return d.report.failed(), err
}
