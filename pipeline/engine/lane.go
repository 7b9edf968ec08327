package engine

import (
	"errors"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/engine/snapshot"
)

// lane is one partition's chain with what stands before and behind it. One goroutine at a time uses it.
type lane interface {
	// process takes one input; the lane gives it back by its Release.
	process(in pipeline.Input) error
	// idle tells that the partition has been polled and empty at an offset for d, since the last record.
	idle(at int64, d time.Duration) error
	// finish tells that no more input will come behind an offset: time moves to the end of what was seen.
	finish(at int64) error
	// hearClock moves time as a clock record says, during a replay.
	hearClock(mark int64) error
	// lose counts records that could not be had.
	lose(reason string, records int64)
	// take hands over the outputs of what was processed since the last take. The lane forgets them.
	take() []broker.Message
	// replay says whether what comes was processed before: its outputs are thrown away, and it has no effect outside.
	replay(on bool)
	// freeze returns the state as it is now. What is in it was taken or is still to be.
	freeze() (*frozen, error)
	// restore takes the state of a snapshot over, before anything is processed.
	restore(s *snapshot.Snapshot) error
	close() error
}

// Output encodes events as messages of the topics they belong to. sinks/kafka implements it.
type Output interface {
	pipeline.Sink
	// Take returns what was written since the last Take and forgets it.
	Take() []broker.Message
}

// component is an operator of a plan, ready to be made.
type component struct {
	name     string
	entry    pipeline.OperatorEntry
	settings pipeline.Settings
}

// surroundings is what all lanes of a process have in common.
type surroundings struct {
	pipeline  string
	allocator pipeline.Allocator
	logger    *slog.Logger
	metrics   *pipeline.Metrics
	slos      []pipeline.SLO
	topology  *pipeline.Topology
	window    int64 // 0 if detect has none
	tick      int64 // time moves in steps of it, and lanes tell each other: the distance of windows, or a second
	reopen    int64 // for how long after its end a window of the lane may be opened again; 0 is never
	scope     func(string, pipeline.Labels) pipeline.Scope
	limit     int   // series a lane
	idle      int64 // for how long a series is silent, in event time, before it makes room for others; 0 is never
	dead      string
	letter    int // bytes that a dead letter keeps of its record
	newOutput func() Output
	// times is where lanes write what they take from the clock; no name when nothing is to be written down.
	times timesTopic
	// codecs are those that are being found out, by source.
	codecs map[string]*search
	// lanes are those whose time is waited for. It is replaced when partitions are added.
	lanes *atomic.Pointer[laneSets]
	// producers counts what producers write, by source.
	producers *producersOf
}

// laneSets are the lanes whose time the events topic and the columns topic hear: partitions by source.
type laneSets struct{ events, columns map[string]int }

// env makes the Env of a component on a lane.
func (s *surroundings) env(laneName, name string, now func() int64, lose func(string, int)) *pipeline.Env {
	return &pipeline.Env{
		Pipeline: s.pipeline, Component: name, Lane: laneName, Allocator: s.allocator,
		Logger: s.logger.With("lane", laneName, "operator", name), Metrics: s.metrics,
		Now: now, Rand: rand.New(s.random(name)), Lose: lose,
		SLOs: s.slos, Topology: s.topology, Window: s.window, Reopen: s.reopen, Scope: s.scope,
	}
}

// random is the source of a component's randomness, the same on every run.
func (s *surroundings) random(name string) *rand.PCG {
	h := fnv.New64a()
	h.Write([]byte(s.pipeline + "\x00" + name))
	return rand.NewPCG(h.Sum64(), 0)
}

// newChain makes the operators of a lane and opens them.
func (s *surroundings) newChain(laneName string, account *ledger, series *residence, components []component, leave func(pipeline.Batch) error) (*chain, error) {
	c := &chain{leave: leave, touch: series.touch}
	for _, comp := range components {
		n := node{component: comp, random: s.random(comp.name), revised: comp.entry.Spec.Accepts.Revised}
		for _, k := range comp.entry.Spec.Consumes {
			n.consumes[k] = true
		}
		n.env = s.env(laneName, comp.name, func() int64 { return c.now }, func(reason string, rows int) { account.end(comp.name, reason, rows) })
		n.env.Series, n.env.Rand = series.table, rand.New(n.random)
		c.nodes = append(c.nodes, n)
	}
	if err := c.open(); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func (c *component) make() (pipeline.Operator, error) {
	if c.entry.NewDetector == nil {
		return c.entry.New(c.settings)
	}
	d, err := c.entry.NewDetector(c.settings)
	if err != nil {
		return nil, err
	}
	return FromDetector(d), nil
}
