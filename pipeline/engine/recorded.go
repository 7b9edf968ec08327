package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/plan"
)

// Replay processes the recorded input of one stage once more, up to where its group has committed, and gives each what comes of
// it: the same messages as when it ran, in the same order lane by lane. What the lanes took from the clock then they take
// from the times topic. It reads only: nothing is written, no group is joined, and the pipeline may run meanwhile.
//
// The messages for the columns topic hold the same rows but not in the same portions: those follow from when was committed.
// The number that a process gave its events (schemas.HeaderSequence) follows from all its lanes.
func Replay(ctx context.Context, p *plan.Plan, c broker.Cluster, o Options, stage string, each func(lane string, m broker.Message) error) error {
	r := &Runner{surroundings: newSurroundings(p, o), plan: p, opts: RunOptions{Options: o, Cluster: c}, cluster: c, partitions: map[string]int{}}
	// The topics of a pipeline that never ran are not made.
	if _, err := c.Partitions(ctx, p.Topics.Events.Name); err != nil {
		return err
	}
	if err := r.ensureTopics(ctx); err != nil {
		return err
	}
	chosen, err := p.Choose(stage)
	if err != nil {
		return err
	}
	if chosen[0].Stage == pipeline.Act {
		return pipeline.Errorf("engine.replay.act", "stage act is not replayed: what its sinks do outside would be done again")
	}
	if err := r.takePins(ctx, chosen); err != nil {
		return err
	}
	for source := range r.codecs {
		return pipeline.Errorf("engine.replay.codec", "the codec of source %s is auto and was not found yet, so nothing was decoded that could be replayed: run the pipeline, or name the codec", source)
	}
	rep := &recorded{Runner: r, stage: chosen[0], columns: newColumnsEncoder(p.Topics.Columns), each: each, lanes: map[broker.TopicPartition]*recordedLane{}}
	return errors.Join(rep.run(ctx), rep.close())
}

// recorded is a stage that is replayed.
type recorded struct {
	*Runner
	stage *plan.Stage
	// columns is one for all messages, since lanes remember by its count of them what it has named.
	columns *columnsEncoder
	each    func(lane string, m broker.Message) error
	lanes   map[broker.TopicPartition]*recordedLane
}

type recordedLane struct {
	lane
	name  string
	clock []clockRecord
}

func (r *recorded) run(ctx context.Context) error {
	from, to, err := r.begin(ctx)
	if err != nil {
		return err
	}
	err = broker.Scan(ctx, r.cluster, broker.FetchConfig{}, from, to, func(rec *pipeline.Record) error {
		l := r.lanes[broker.TopicPartition{Topic: rec.Topic, Partition: rec.Partition}]
		if err := r.hearClock(l, rec.Offset); err != nil {
			return err
		}
		if err := l.process(single(*rec)); err != nil {
			return fmt.Errorf("lane %s stopped at offset %d: %w", l.name, rec.Offset, err)
		}
		return r.hand(l)
	})
	if err != nil {
		return err
	}
	for tp, end := range to {
		if err := r.hearClock(r.lanes[tp], end); err != nil {
			return err
		}
	}
	return nil
}

// begin makes the lanes of the partitions that were read, and says from where to where.
func (r *recorded) begin(ctx context.Context) (from, to map[broker.TopicPartition]int64, err error) {
	var tps []broker.TopicPartition
	for _, t := range r.stage.Inputs {
		for p := range r.partitionsOf(t) {
			tps = append(tps, broker.TopicPartition{Topic: t, Partition: int32(p)})
		}
	}
	positions, err := r.cluster.Committed(ctx, r.stage.Group, tps)
	if err != nil {
		return nil, nil, err
	}
	bounds, err := r.cluster.Bounds(ctx, tps)
	if err != nil {
		return nil, nil, err
	}
	from, to = map[broker.TopicPartition]int64{}, map[broker.TopicPartition]int64{}
	names := map[string]int64{}
	for _, tp := range tps {
		if positions[tp] < 0 {
			continue
		}
		if bounds[tp].Start > 0 {
			return nil, nil, pipeline.Errorf("engine.replay.gone", "partition %d of topic %s begins at offset %d, and what came before is deleted: what comes of the rest alone is not the same", tp.Partition, tp.Topic, bounds[tp].Start)
		}
		l, err := r.newLane(r.stage, tp)
		if err != nil {
			return nil, nil, err
		}
		name := r.laneName(r.stage, tp)
		r.lanes[tp] = &recordedLane{lane: l, name: name}
		from[tp], to[tp], names[name] = 0, positions[tp], 0
	}
	clocks, err := r.times.read(ctx, r.cluster, names)
	if err != nil {
		return nil, nil, err
	}
	for _, l := range r.lanes {
		l.clock = clocks[l.name]
	}
	return from, to, nil
}

// hearClock moves a lane's time where the clock moved it before the record at an offset came.
func (r *recorded) hearClock(l *recordedLane, offset int64) error {
	for len(l.clock) > 0 && l.clock[0].Offset <= offset {
		if err := l.hear(l.clock[0].mark()); err != nil {
			return fmt.Errorf("lane %s stopped where the clock moved its time at offset %d: %w", l.name, l.clock[0].Offset, err)
		}
		l.clock = l.clock[1:]
		if err := r.hand(l); err != nil {
			return err
		}
	}
	return nil
}

func (l *recordedLane) hear(mark int64) error { return l.lane.hearClock(mark) }

// hand hands on what a lane has to write.
func (r *recorded) hand(l *recordedLane) error {
	messages, err := r.columns.messages(takeRows(l.lane))
	if err != nil {
		return err
	}
	for _, m := range append(messages, l.take()...) {
		if m.Partition < 0 && m.Key != nil {
			m.Partition = broker.PartitionOf(m.Key, r.partitionsOf(m.Topic))
		}
		if err := r.each(l.name, m); err != nil {
			return err
		}
	}
	return nil
}

func (r *recorded) close() error {
	var all error
	for _, l := range r.lanes {
		all = errors.Join(all, l.close())
	}
	return all
}
