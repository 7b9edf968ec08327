package engine

import (
	"context"
	"errors"
	"slices"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/plan"
	"github.com/homeostat/homeostat/schemas"
)

// Local runs a whole pipeline in one goroutine over logs in memory, each with one partition: every record is carried to
// the end of the pipeline before the next one comes in. The same input gives the same bytes out. It is what
// backtests, lockstep with a plant, and tests run on. Its methods are for one goroutine.
type Local struct {
	*surroundings
	plan    *plan.Plan
	lanes   []*detectLane            // in order of the sources, then the inbox
	topics  map[string][]*detectLane // by topic
	files   *files                   // nil: sources are topics
	columns *columnsLane             // nil: all sources are fused
	encoder *columnsEncoder
	operate *operateLane
	act     *actLane
	offsets map[string]int64
	queue   []pipeline.Record
	watch   []func(pipeline.Record)
}

// NewLocal makes the lanes of a plan and opens its sinks. With files, its sources are the files that the configuration
// names, for Run; otherwise they are topics, for Write. Close it at the end.
func NewLocal(ctx context.Context, p *plan.Plan, files bool, o Options) (*Local, error) {
	l := &Local{surroundings: newSurroundings(p, o), plan: p, topics: map[string][]*detectLane{}, offsets: map[string]int64{}}
	open := l.open
	if files {
		open = l.openFiles
	}
	if err := open(ctx); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// open makes the lanes of a plan whose sources are topics.
func (l *Local) open(ctx context.Context) error {
	lanes := map[string]int{}
	for i := range l.plan.Sources {
		src := &l.plan.Sources[i]
		if src.Codec.Undecided() {
			return pipeline.Errorf("local.codec.auto", "the codec of source %s is auto, which only a run over Kafka or over files finds out: name it", src.Name)
		}
		lane, err := l.sourceLane(l.plan, src, laneName(src.Name, 0), 1)
		if err != nil {
			return err
		}
		lanes[src.Name] = 1
		l.lanes = append(l.lanes, lane)
		l.topics[src.Topic] = append(l.topics[src.Topic], lane)
	}
	l.surroundings.lanes.Store(&laneSets{events: lanes})
	return l.openRest(ctx)
}

// openRest makes what stands behind the lanes of the sources, and the inbox.
func (l *Local) openRest(ctx context.Context) error {
	inbox, err := l.inboxLane(l.plan, laneName("inbox", 0), 1)
	if err != nil {
		return err
	}
	l.lanes = append(l.lanes, inbox)
	l.topics[l.plan.Topics.Inbox.Name] = []*detectLane{inbox}
	if l.plan.Operate.Runs() {
		if l.operate, err = l.newOperateLane(laneName("operate", 0), components(l.plan.Operate.Operators)); err != nil {
			return err
		}
	}
	if l.plan.Act.Runs() {
		sinks, err := l.openSinks(ctx, l.plan)
		l.act = l.newActLane(laneName("act", 0), sinks)
		return err
	}
	return nil
}

// Watch calls f for each record that the pipeline writes, in order. The record must not be kept or changed.
func (l *Local) Watch(f func(pipeline.Record)) { l.watch = append(l.watch, f) }

// Write appends a record to a source's topic or to the inbox and carries it through the pipeline. Topic, Value and
// Timestamp must be set; the record's memory is borrowed.
func (l *Local) Write(rec pipeline.Record) error {
	rec.Offset = l.offsets[rec.Topic]
	l.offsets[rec.Topic]++
	return l.Process(single(rec))
}

// Process carries an input of a source's topic or of the inbox through the pipeline, as it was fetched. It takes it over.
func (l *Local) Process(in pipeline.Input) error {
	lanes := l.topics[in.Topic]
	if len(lanes) == 0 {
		in.Release()
		return pipeline.Errorf("local.topic.unknown", "topic %s is read by no source of the pipeline: write to one that is", in.Topic)
	}
	for _, lane := range lanes {
		if err := lane.process(in); err != nil {
			return err
		}
		if err := l.carry(lane.take()); err != nil {
			return err
		}
	}
	return nil
}

func single(rec pipeline.Record) pipeline.Input {
	return pipeline.Input{Topic: rec.Topic, Partition: rec.Partition, Records: []pipeline.Record{rec}, Next: rec.Offset + 1, Release: func() {}}
}

// Finish ends time: windows close, and what was held back goes on.
func (l *Local) Finish() error {
	for _, lane := range l.lanes {
		if err := lane.finish(0); err != nil {
			return err
		}
		if err := l.carryOf(lane); err != nil {
			return err
		}
	}
	if l.columns != nil {
		if err := l.columns.finish(0); err != nil {
			return err
		}
		if err := l.carry(l.columns.take()); err != nil {
			return err
		}
	}
	if l.operate != nil {
		if err := l.operate.finish(0); err != nil {
			return err
		}
		if err := l.carry(l.operate.take()); err != nil {
			return err
		}
	}
	if l.act != nil {
		return flush(context.Background(), l.act.sinks)
	}
	return nil
}

// Accounts returns the loss ledger of the sources, in their order, then that of the inbox and, if a source has several files whose rows are
// shared out, of what stands behind them. The files of a source are one account.
func (l *Local) Accounts() []Account {
	var out []Account
	for _, lane := range l.lanes {
		a := lane.ledger.copy(0)
		if n := len(out); n > 0 && out[n-1].Source == a.Source {
			addAccount(&out[n-1], &a)
			continue
		}
		out = append(out, a)
	}
	if l.columns != nil {
		out = append(out, l.columns.ledger.copy(0))
	}
	return out
}

// carryOf carries on what a lane has to write: the rows that it shares out come first.
func (l *Local) carryOf(lane *detectLane) error {
	var out []broker.Message
	if r, apart := lane.behind.(*repartition); apart {
		var err error
		if out, err = l.encoder.messages(r.takeRows()); err != nil {
			return err
		}
	}
	return l.carry(append(out, lane.take()...))
}

// carry passes outputs to the lanes that read them, until nothing moves any more.
func (l *Local) carry(outputs []broker.Message) error {
	l.append(outputs)
	for len(l.queue) > 0 {
		rec := l.queue[0]
		l.queue = l.queue[1:]
		for _, f := range l.watch {
			f(rec)
		}
		if l.columns != nil && rec.Topic == l.plan.Topics.Columns.Name {
			if err := l.columns.process(single(rec)); err != nil {
				return err
			}
			l.append(l.columns.take())
		}
		if err := l.heed(&rec); err != nil {
			return err
		}
		if rec.Topic == l.plan.Topics.Events.Name && l.operate != nil {
			if err := l.operate.process(single(rec)); err != nil {
				return err
			}
			l.append(l.operate.take())
		}
		if l.act != nil && slices.Contains(l.plan.Act.Inputs, rec.Topic) {
			if err := l.act.process(single(rec)); err != nil {
				return err
			}
			l.append(l.act.take())
		}
	}
	l.queue = l.queue[:0]
	return nil
}

// heed tells the lanes that are fused of a change: all that there is, is in this goroutine. In a run they have no log that says it.
func (l *Local) heed(rec *pipeline.Record) error {
	if kind, _ := rec.Header(schemas.HeaderType); rec.Topic != l.plan.Topics.Events.Name || string(kind) != schemas.TypeChange {
		return nil
	}
	e, err := schemas.ReadEvent(rec)
	if err != nil {
		return err
	}
	for _, lane := range l.lanes {
		if _, detects := lane.behind.(*detection); !detects || lane.in.inbox {
			continue
		}
		if err := lane.behind.feed(schemas.NewEvents(l.allocator, []schemas.Event{e})); err != nil {
			return err
		}
	}
	return nil
}

func (l *Local) append(outputs []broker.Message) {
	for _, m := range outputs {
		rec := pipeline.Record{Topic: m.Topic, Offset: l.offsets[m.Topic], Key: m.Key, Value: m.Value, Headers: m.Headers}
		l.offsets[m.Topic]++
		l.queue = append(l.queue, rec)
	}
}

// Close closes all operators, sources and sinks.
func (l *Local) Close() error {
	var all error
	for _, lane := range l.lanes {
		all = errors.Join(all, lane.close())
	}
	if l.files != nil {
		all = errors.Join(all, l.files.close())
	}
	if l.columns != nil {
		all = errors.Join(all, l.columns.close())
	}
	if l.operate != nil {
		all = errors.Join(all, l.operate.close())
	}
	if l.act != nil {
		all = errors.Join(all, closeSinks(l.act.sinks))
	}
	return all
}
