package engine

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/plan"
)

// Local runs a whole pipeline in one goroutine over logs in memory, each with one partition: every record is carried to
// the end of the pipeline before the next one comes in. The same input gives the same bytes out. It is what
// backtests, lockstep with a plant, and tests run on. Its methods are for one goroutine.
type Local struct {
	*surroundings
	plan    *plan.Plan
	lanes   []*detectLane            // in order of the sources, then the inbox
	topics  map[string][]*detectLane // by topic
	files   bool
	sources []*fileLane
	operate *operateLane
	act     *actLane
	offsets map[string]int64
	queue   []pipeline.Record
	watch   []func(pipeline.Record)
}

// fileLane is a detect lane with the source that fills it.
type fileLane struct {
	lane   *detectLane
	source pipeline.Source
	head   *pipeline.Input // read and not processed yet
	time   int64           // of head's first row
}

// NewLocal makes the lanes of a plan and opens its sinks. With files, its sources are the files that the configuration
// names, for Run; otherwise they are topics, for Write. Close it at the end.
func NewLocal(ctx context.Context, p *plan.Plan, files bool, o Options) (*Local, error) {
	l := &Local{surroundings: newSurroundings(p, o), plan: p, files: files, topics: map[string][]*detectLane{}, offsets: map[string]int64{}}
	if err := l.open(ctx); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func (l *Local) open(ctx context.Context) error {
	lanes := map[string]int{}
	for i := range l.plan.Sources {
		src := &l.plan.Sources[i]
		name := laneName(src.Name, 0)
		lane, err := l.sourceLane(l.plan, src, name, 1)
		if err != nil {
			return err
		}
		lanes[src.Name] = 1
		l.lanes = append(l.lanes, lane)
		if src.Codec.Undecided() && !l.files {
			return pipeline.Errorf("local.codec.auto", "the codec of source %s is auto, which only a run over Kafka finds out: name it", src.Name)
		}
		if !l.files {
			l.topics[src.Topic] = append(l.topics[src.Topic], lane)
			continue
		}
		if src.Entry.New == nil {
			return pipeline.Errorf("backtest.source.topic", "source %s names a topic only, and a backtest reads files: add file: to it", src.Name)
		}
		source, err := src.Entry.New(src.Settings)
		if err != nil {
			return err
		}
		l.sources = append(l.sources, &fileLane{lane: lane, source: source})
	}
	inbox, err := l.inboxLane(l.plan, laneName("inbox", 0), 1)
	if err != nil {
		return err
	}
	l.lanes = append(l.lanes, inbox)
	l.topics[l.plan.Topics.Inbox.Name] = []*detectLane{inbox}
	l.surroundings.lanes.Store(&laneSets{events: lanes})
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

// Run reads all file sources to their end, merged by event time.
func (l *Local) Run(ctx context.Context) error {
	for _, f := range l.sources {
		f.lane.series.idle = 0 // the source keeps the ordinals of its columns
		if err := f.source.Open(ctx, l.env(f.lane.name, f.lane.in.source, func() int64 { return f.lane.mark }, f.lane.ledger.refuse), f.lane.series.table); err != nil {
			return err
		}
		if err := f.next(ctx); err != nil {
			return err
		}
	}
	for ctx.Err() == nil {
		var first *fileLane
		for _, f := range l.sources {
			if f.head != nil && (first == nil || f.time < first.time) {
				first = f
			}
		}
		if first == nil {
			return nil
		}
		in := *first.head
		first.head = nil
		if err := first.lane.process(in); err != nil {
			return err
		}
		if err := l.carry(first.lane.take()); err != nil {
			return err
		}
		if err := first.next(ctx); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// next reads the source's next batch.
func (f *fileLane) next(ctx context.Context) error {
	in, err := f.source.Next(ctx)
	if errors.Is(err, io.EOF) {
		f.head = nil
		return nil
	}
	if err != nil {
		return err
	}
	f.head, f.time = &in, 0
	if in.Err != nil {
		return in.Err
	}
	if in.Batch != nil && in.Batch.Rows() > 0 {
		if col := timeColumn(in.Batch.Kind); col >= 0 {
			f.time = in.Batch.Record.Column(col).(*array.Int64).Value(0)
		}
	}
	return nil
}

// Finish ends time: windows close, and what was held back goes on.
func (l *Local) Finish() error {
	for _, lane := range l.lanes {
		if err := lane.finish(0); err != nil {
			return err
		}
		if err := l.carry(lane.take()); err != nil {
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

// Accounts returns the loss ledger of the sources, in their order, the inbox last.
func (l *Local) Accounts() []Account {
	out := make([]Account, len(l.lanes))
	for i, lane := range l.lanes {
		out[i] = lane.ledger.copy(0)
	}
	return out
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
	for _, f := range l.sources {
		if f.head != nil {
			if f.head.Batch != nil {
				f.head.Batch.Release()
			}
			f.head.Release()
			f.head = nil
		}
		all = errors.Join(all, f.source.Close())
	}
	if l.operate != nil {
		all = errors.Join(all, l.operate.close())
	}
	if l.act != nil {
		all = errors.Join(all, closeSinks(l.act.sinks))
	}
	return all
}
