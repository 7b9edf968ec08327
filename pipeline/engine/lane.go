package engine

import (
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
)

// lane is one partition's chain with what stands before and behind it. One goroutine at a time uses it.
type lane interface {
	// process takes one input; the lane gives it back by its Release.
	process(in pipeline.Input) error
	// idle tells that the partition has been polled and empty for d, since the last record.
	idle(d time.Duration) error
	// finish tells that no more input will come: time moves to the end of what was seen.
	finish() error
	// take hands over the outputs of what was processed since the last take. The lane forgets them.
	take() []broker.Message
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
	limit     int // series a lane
	dead      string
	letter    int // bytes that a dead letter keeps of its record
	newOutput func() Output
}

// env makes the Env of a component on a lane.
func (s *surroundings) env(laneName, name string, now func() int64, lose func(string, int)) *pipeline.Env {
	h := fnv.New64a()
	h.Write([]byte(s.pipeline + "\x00" + name))
	return &pipeline.Env{
		Pipeline: s.pipeline, Component: name, Lane: laneName, Allocator: s.allocator,
		Logger: s.logger.With("lane", laneName, "operator", name), Metrics: s.metrics,
		Now: now, Rand: rand.New(rand.NewPCG(h.Sum64(), 0)), Lose: lose,
		SLOs: s.slos, Topology: s.topology, Window: s.window, Reopen: s.reopen, Scope: s.scope,
	}
}

// newChain makes the operators of a lane and opens them.
func (s *surroundings) newChain(laneName string, stage pipeline.Stage, table *pipeline.SeriesTable, components []component, leave func(pipeline.Batch) error) (*chain, error) {
	c := &chain{leave: leave}
	ended := s.metrics.Counter("operator_rows_lost_total", "Rows that ended in an operator, by reason.", "stage", "operator", "reason")
	for _, comp := range components {
		op, err := comp.make()
		if err != nil {
			return nil, fmt.Errorf("making operator %s: %w", comp.name, err)
		}
		n := node{name: comp.name, op: op, revised: comp.entry.Spec.Accepts.Revised}
		for _, k := range comp.entry.Spec.Consumes {
			n.consumes[k] = true
		}
		n.env = s.env(laneName, comp.name, func() int64 { return c.now }, func(reason string, rows int) {
			ended.WithLabelValues(string(stage), comp.name, reason).Add(float64(rows))
		})
		n.env.Series = table
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
