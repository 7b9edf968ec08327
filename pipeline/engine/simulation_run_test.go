package engine

import (
	"flag"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	simSeeds    = flag.Int("sim.seeds", 40, "number of simulated schedules")
	simFirst    = flag.Uint64("sim.first", 1, "seed of the first one")
	simPipeline = flag.String("sim.pipeline", "", "simulate one pipeline: keeping, passing or sharing; otherwise seeds take them in turn")
	simTwice    = flag.Int("sim.twice", 8, "number of schedules that are run twice and compared")
	simTrace    = flag.Bool("sim.trace", false, "print all that happens")
)

func chosen() []string {
	if *simPipeline == "" {
		return nil
	}
	return []string{*simPipeline}
}

// one lets a single goroutine run at a time, so that a schedule depends on its seed alone.
func one(t *testing.T) {
	oneGoroutine(t)
	before := runtime.GOMAXPROCS(1)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

// expect runs the feeds undisturbed, and sees that these runs have every row.
func (s *simulator) expect() {
	for i := range uint64(supplies * len(s.pipelines)) {
		p, n := s.pipelines[i%uint64(len(s.pipelines))], i/uint64(len(s.pipelines))
		out := s.run(i, true)
		seen := out.seen
		if len(out.violations) > 0 && s.trace {
			fmt.Println(strings.Join(out.lines, "\n"))
		}
		if len(out.violations) > 0 || len(out.exits) > 0 {
			s.t.Fatalf("the undisturbed run of %s with feed %d: %v %v", p.name, n, out.violations, out.exits)
		}
		for token, times := range supplyOf(n, p.state).tokens {
			if seen[token] < times || !p.state && seen[token] != times {
				s.t.Fatalf("the undisturbed run of %s with feed %d shows %s %d times, not %d", p.name, n, token, seen[token], times)
			}
			delete(seen, token)
		}
		if len(seen) > 0 {
			s.t.Fatalf("the undisturbed run of %s with feed %d shows what was not there: %v", p.name, n, seen)
		}
		p.results[n] = out
	}
}

// TestSimulation runs schedules; see make sim.
func TestSimulation(t *testing.T) {
	one(t)
	s := newSimulator(t, chosen()...)
	s.trace = *simTrace
	s.expect()
	began, steps, exits := time.Now(), 0, map[string]int{}
	for i := range *simSeeds {
		seed := *simFirst + uint64(i)
		out := s.run(seed, false)
		steps += out.steps
		for _, e := range out.exits {
			exits[e]++
		}
		if s.trace {
			for _, l := range out.lines {
				fmt.Println(l)
			}
		}
		if len(out.violations) > 0 {
			slices.Sort(out.violations)
			t.Errorf("seed %d: %d violations; see them happen with: make sim SEEDS=1 FIRST=%d TRACE=1", seed, len(out.violations), seed)
			for _, v := range out.violations[:min(len(out.violations), 5)] {
				t.Log(v)
			}
		}
		if (i+1)%1000 == 0 {
			fmt.Printf("%d schedules in %.1f s\n", i+1, time.Since(began).Seconds())
		}
	}
	t.Logf("%d schedules, %d steps, %.1f s, exits %v", *simSeeds, steps, time.Since(began).Seconds(), exits)
}

// TestSimulationIsDeterministic runs each seed twice and compares all that the cluster did.
func TestSimulationIsDeterministic(t *testing.T) {
	one(t)
	s := newSimulator(t, chosen()...)
	s.trace = true
	for i := range uint64(*simTwice) {
		seed := *simFirst + i
		a, b := s.run(seed, false), s.run(seed, false)
		if a.hash == b.hash && a.steps == b.steps {
			continue
		}
		n := 0
		for n < min(len(a.lines), len(b.lines)) && a.lines[n] == b.lines[n] {
			n++
		}
		t.Errorf("seed %d: two runs differ: %x in %d steps, %x in %d", seed, a.hash, a.steps, b.hash, b.steps)
		for i := max(n-3, 0); i < min(n+3, len(a.lines), len(b.lines)); i++ {
			t.Logf("%s\n%s", a.lines[i], b.lines[i])
		}
	}
}
