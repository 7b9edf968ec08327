package engine

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/plan"
)

// Options is what a process adds to a plan.
type Options struct {
	// NewOutput makes the encoder of a lane's events; sinks/kafka is one.
	NewOutput func() Output
	// Metrics is where all metrics are registered; nil registers none.
	Metrics prometheus.Registerer
	// Logger is slog.Default if nil.
	Logger *slog.Logger
	// Allocator is Go's own if nil.
	Allocator pipeline.Allocator
}

func newSurroundings(p *plan.Plan, o Options) *surroundings {
	s := &surroundings{
		pipeline: p.Pipeline, allocator: o.Allocator, logger: o.Logger, metrics: &pipeline.Metrics{Registerer: o.Metrics},
		slos: p.SLOs, topology: &p.Topology, window: int64(p.Window), scope: p.Scope, limit: p.Limits.Series, idle: int64(p.Limits.Idle),
		dead: p.Topics.DeadLetters.Name, letter: int(p.Limits.Record), newOutput: o.NewOutput,
	}
	s.producers = registerProducers(o.Metrics)
	s.lanes = new(atomic.Pointer[laneSets])
	s.lanes.Store(&laneSets{})
	if s.allocator == nil {
		s.allocator = memory.NewGoAllocator()
	}
	if s.logger == nil {
		s.logger = slog.Default()
	}
	if s.tick = int64(p.Every); s.tick <= 0 {
		s.tick = int64(time.Second)
	}
	return s
}

// laneName names a lane by its source or stage and its partition: the same on every process.
func laneName(name string, partition int32) string {
	return name + "/" + strconv.Itoa(int(partition))
}

func components(operators []plan.Operator) []component {
	out := make([]component, len(operators))
	for i, o := range operators {
		out[i] = component{o.Name, o.Entry, o.Settings}
	}
	return out
}

// sourceLane makes the detect lane of one partition of a source.
func (s *surroundings) sourceLane(p *plan.Plan, src *plan.Source, name string, eventPartitions int) (*detectLane, error) {
	in := intake{
		source: src.Name, disorder: int64(src.Disorder), deadLate: src.Late != "drop",
		skew: int64(src.MaxFutureSkew), limit: int(p.Limits.Record),
		producer: src.Producer, maxProducers: src.MaxProducers, keyed: src.Keyed,
	}
	var err error
	if in.codec, err = s.newCodec(src); err != nil {
		return nil, err
	}
	own := *s
	own.reopen = int64(src.ReopenFor)
	if !src.Fused {
		l := own.newIntakeLane(name, pipeline.Ingest, in)
		l.behind = s.newRepartition(l.series, p.Topics.Columns, p.GroupKey)
		return l, nil
	}
	return own.newDetectLane(name, in, components(p.Detect.Operators), p.Topics.Events.Name, eventPartitions)
}

// columnsLane makes the lane of one partition of the columns topic. Its windows may be opened again for as long as those of the
// most generous source behind it.
func (s *surroundings) columnsLane(p *plan.Plan, name string, eventPartitions int) (*columnsLane, error) {
	own := *s
	for i := range p.Sources {
		if !p.Sources[i].Fused {
			own.reopen = max(own.reopen, int64(p.Sources[i].ReopenFor))
		}
	}
	return own.newColumnsLane(name, components(p.Detect.Operators), p.Topics.Events.Name, eventPartitions)
}

// inboxProducers is how many of those who write to the inbox metrics name.
const inboxProducers = 100

// inboxLane makes the lane of one partition of the inbox. Its events may be as far ahead of their records as the rows of
// the most generous source.
func (s *surroundings) inboxLane(p *plan.Plan, name string, eventPartitions int) (*detectLane, error) {
	in := intake{source: "inbox", inbox: true, limit: int(p.Limits.Record), producer: "auto", maxProducers: inboxProducers}
	if p.Ingest.Runs() {
		in.columns = p.Topics.Columns
	}
	for i := range p.Sources {
		skew := int64(p.Sources[i].MaxFutureSkew)
		if skew == 0 {
			in.skew = 0
			break
		}
		in.skew = max(in.skew, skew)
	}
	return s.newDetectLane(name, in, nil, p.Topics.Events.Name, eventPartitions)
}

// openSinks makes the sinks of act and opens them. Those that are to be closed are returned also on an error.
func (s *surroundings) openSinks(ctx context.Context, p *plan.Plan) ([]namedSink, error) {
	var sinks []namedSink
	for _, k := range p.Act.Sinks {
		sink, err := k.Entry.New(k.Settings)
		if err != nil {
			return sinks, err
		}
		sinks = append(sinks, namedSink{k.Name, sink})
		env := s.env("act", k.Name, func() int64 { return 0 }, func(string, int) {})
		if err := sink.Open(ctx, env); err != nil {
			return sinks, fmt.Errorf("opening sink %s: %w", k.Name, err)
		}
	}
	return sinks, nil
}
