package engine

import (
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
	// take hands over what is to be committed together: outputs and the position they reach. The lane forgets them.
	take() share
	close() error
}

// share is what a lane has finished since the last take.
type share struct {
	outputs []broker.Message
	// next is the position behind the last finished record, before the one of the last take.
	next, before int64
	// moved says that there is anything to commit.
	moved bool
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
	window    int64
	scope     func(string, pipeline.Labels) pipeline.Scope
	limit     int // series a lane
	dead      string
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
		SLOs: s.slos, Topology: s.topology, Window: s.window, Scope: s.scope,
	}
}

// newChain makes the operators of a lane and opens them.
func (s *surroundings) newChain(laneName string, stage pipeline.Stage, components []component, leave func(pipeline.Batch) error) (*chain, error) {
	c := &chain{leave: leave}
	ended := s.metrics.Counter("operator_rows_lost_total", "Rows that ended in an operator, by reason.", "stage", "operator", "reason")
	for _, comp := range components {
		n := node{name: comp.name}
		if comp.entry.NewDetector != nil {
			d, err := comp.entry.NewDetector(comp.settings)
			if err != nil {
				return nil, fmt.Errorf("making operator %s: %w", comp.name, err)
			}
			n.op = FromDetector(d)
		} else {
			op, err := comp.entry.New(comp.settings)
			if err != nil {
				return nil, fmt.Errorf("making operator %s: %w", comp.name, err)
			}
			n.op = op
		}
		for _, k := range comp.entry.Spec.Consumes {
			n.consumes[k] = true
		}
		n.env = s.env(laneName, comp.name, func() int64 { return c.now }, func(reason string, rows int) {
			ended.WithLabelValues(string(stage), comp.name, reason).Add(float64(rows))
		})
		c.nodes = append(c.nodes, n)
	}
	return c, c.open()
}
