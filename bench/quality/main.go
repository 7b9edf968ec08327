// Command quality measures how well the shipped pipelines find what is labelled in public data sets.
//
//	make quality DATA=dir OUT=dir [SCORE=dir]
//
// DATA holds a folder for each data set; those that are missing are left out. Any files of the same layout will do. The pipelines
// and their settings are the ones in examples/, the same for all files. Results are written below OUT in the form that the
// scorers want, and then the scorers in SCORE (Python 3), and nothing else, read the labels.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/homeostat/homeostat/bench/quality/loghub"
	"github.com/homeostat/homeostat/bench/quality/nab"
	"github.com/homeostat/homeostat/bench/quality/petshop"
)

// suite is one run over a data set. run writes results below out/name, score prints the scorer's table.
type suite struct {
	name  string // of the folder below out
	data  string // of the folder below data
	run   func(ctx context.Context, data, out string) error
	score func(ctx context.Context, scorers, data, out string) error
}

func main() {
	program := flag.String("program", "bin/homeostat", "the program under test")
	data := flag.String("data", "../shared/data", "folder of the data sets")
	out := flag.String("out", "out/quality", "folder for the results")
	scorers := flag.String("score", "../shared/score", "folder of the scorers; empty prints no tables")
	only := flag.String("only", "", "one of nab, detectors, quiet and loghub, to leave out the others")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	novelty := nab.Bench{Program: *program, Config: filepath.Join("examples", "nab.yaml")}
	detectors := nab.Bench{Program: *program, Config: filepath.Join("bench", "quality", "nab", "detectors.yaml")}
	suites := []suite{
		{name: "nab", data: "nab", run: novelty.Run, score: nab.Score},
		{name: "detectors", data: "nab", run: detectors.Find, score: detectors.Compare},
		{name: "quiet", data: "petshop", run: func(ctx context.Context, data, out string) error {
			if err := petshop.Lay(data, out); err != nil {
				return err
			}
			return detectors.Find(ctx, out, out)
		}, score: func(ctx context.Context, scorers, _, out string) error {
			return detectors.Compare(ctx, scorers, out, out)
		}},
		{name: "loghub", data: "loghub", run: func(_ context.Context, data, out string) error { return loghub.Run(data, out) }, score: loghub.Score},
	}
	if err := measure(ctx, suites, *only, *data, *out, *scorers); err != nil {
		fmt.Fprintln(os.Stderr, "quality:", err)
		stop()
		os.Exit(1)
	}
}

// measure runs all suites before it scores the first, so that a missing scorer costs no results.
func measure(ctx context.Context, suites []suite, only, data, out, scorers string) error {
	var ran []suite
	for _, s := range suites {
		if only != "" && s.name != only {
			continue
		}
		folder := filepath.Join(data, s.data)
		if _, err := os.Stat(folder); errors.Is(err, os.ErrNotExist) {
			fmt.Printf("%s: there is no %s\n", s.name, folder)
			continue
		}
		if err := s.run(ctx, folder, filepath.Join(out, s.name)); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		ran = append(ran, s)
	}
	if len(ran) == 0 {
		return fmt.Errorf("no data set found below %s: name the folder that holds nab and the others with DATA", data)
	}
	if scorers == "" {
		return nil
	}
	for _, s := range ran {
		if err := s.score(ctx, scorers, filepath.Join(data, s.data), filepath.Join(out, s.name)); err != nil {
			return fmt.Errorf("%s: results are in %s, but are not scored: %w", s.name, filepath.Join(out, s.name), err)
		}
	}
	return nil
}
