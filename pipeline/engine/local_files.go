package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/plan"
	"github.com/homeostat/homeostat/schemas/codec/sniff"
)

// files are the sources of a Local that reads files, each with its lanes.
type files struct {
	sources []pipeline.Source
	lanes   []*fileLane // in order of the sources, then of their partitions
}

// fileLane is a detect lane with what fills it: a source of columns, or a partition of a source of records.
type fileLane struct {
	lane   *detectLane
	source pipeline.Source
	apart  bool // its rows are shared out; see repartition
	ended  bool

	// Of a source of columns: what is read and not processed yet, and the time of its first row.
	head *pipeline.Input
	time int64

	// Of a source of records.
	records   pipeline.Partitioned
	partition int32
	topic     string // that its records bear
}

// openFiles makes the lanes of a plan whose sources are files. The files of a source of records are what the partitions of a topic are: where
// the source is not keyed and has several, their rows are shared out, to one lane here.
func (l *Local) openFiles(ctx context.Context) error {
	own := *l.plan
	own.Sources, own.Topics.Columns.Partitions = slices.Clone(own.Sources), 1
	l.plan, l.files, l.encoder = &own, &files{}, newColumnsEncoder(own.Topics.Columns)
	sets := &laneSets{events: map[string]int{}, columns: map[string]int{}}
	for i := range own.Sources {
		src := &own.Sources[i]
		n, err := l.openFileSource(ctx, src)
		if err != nil {
			return err
		}
		if src.Fused {
			sets.events[src.Name] = n
		} else {
			sets.columns[src.Name] = n
		}
	}
	if len(sets.columns) > 0 {
		sets.events[columnsSource] = 1
	}
	l.surroundings.lanes.Store(sets)
	if len(sets.columns) > 0 {
		var err error
		if l.columns, err = l.columnsLane(l.plan, laneName(columnsSource, 0), 1); err != nil {
			return err
		}
	}
	return l.openRest(ctx)
}

// openFileSource makes the lanes of a source and returns their number.
func (l *Local) openFileSource(ctx context.Context, src *plan.Source) (n int, err error) {
	if src.Entry.New == nil {
		return 0, pipeline.Errorf("backtest.source.topic", "source %s names a topic only, and a backtest reads files: add file: to it", src.Name)
	}
	source, err := src.Entry.New(src.Settings)
	if err != nil {
		return 0, err
	}
	l.files.sources = append(l.files.sources, source)
	records, ok := source.(pipeline.Partitioned)
	if n = 1; ok {
		if err := l.openRecords(ctx, records, src); err != nil {
			return 0, err
		}
		n = records.Partitions()
		src.MaxFutureSkew = 0 // nothing says when a line was written
	}
	src.Fused = src.Keyed || n <= 1
	for p := range n {
		lane, err := l.sourceLane(l.plan, src, laneName(src.Name, int32(p)), 1)
		if err != nil {
			return 0, err
		}
		l.lanes = append(l.lanes, lane)
		l.files.lanes = append(l.files.lanes, &fileLane{lane: lane, source: source, apart: !src.Fused, records: records, partition: int32(p), topic: recordTopic(src)})
	}
	return n, nil
}

// recordTopic is what the records of a source's files name as their topic: that which the same records come by in a run, so that what
// codecs make of it, labels say, is the same.
func recordTopic(src *plan.Source) string { return cmp.Or(src.Topic, src.Name) }

// openRecords opens a source of records and finds out its codec if need be.
func (l *Local) openRecords(ctx context.Context, records pipeline.Partitioned, src *plan.Source) error {
	env := l.env("files", src.Name, func() int64 { return 0 }, func(string, int) {})
	if err := records.Open(ctx, env, nil); err != nil {
		return err
	}
	if !src.Codec.Undecided() {
		return nil
	}
	// The source is at its beginning still when another of its kind has had a look.
	other, err := src.Entry.New(src.Settings)
	if err != nil {
		return err
	}
	defer other.Close()
	if err := other.Open(ctx, env, nil); err != nil {
		return err
	}
	sample, err := sampleFiles(ctx, other.(pipeline.Partitioned), recordTopic(src))
	if err != nil {
		return err
	}
	a := sniff.Sniff(l.plan.Registry, sample, src.Codec.Settings.Texts("candidates")...)
	if err := a.Err(fmt.Sprintf("what the files of source %s hold", src.Name)); err != nil {
		return err
	}
	entry, settings, err := sniff.Settled(l.plan.Registry, a.Best.Codec, a.Best.Settings)
	if err != nil {
		return fmt.Errorf("source %s: %w", src.Name, err)
	}
	src.Codec = &plan.Codec{Name: a.Best.Codec, Entry: entry, Settings: settings}
	l.logger.Info("the codec of a source was found by the beginning of its files", "source", src.Name, "codec", a.Best.Codec, "seen", a.Evidence())
	return nil
}

// sampleFiles returns records from the beginning of each file.
func sampleFiles(ctx context.Context, from pipeline.Partitioned, topic string) ([]pipeline.Record, error) {
	var sample []pipeline.Record
	n := from.Partitions()
	most, room := min(sniffPartition, max(1, sniffRecords/n)), max(1, sniffBytes/n)
	for p := range min(n, sniffRecords) {
		for records, bytes := 0, 0; records < most && bytes < room; {
			in, err := from.NextOf(ctx, int32(p))
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, err
			}
			for _, rec := range in.Records {
				if records == most || bytes >= room {
					break
				}
				rec.Topic, rec.Value = topic, clone(rec.Value)
				sample = append(sample, rec)
				records, bytes = records+1, bytes+len(rec.Value)
			}
			in.Release()
		}
	}
	return sample, nil
}

// Run reads all file sources to their end, merged by event time: what is read next is of the lane that is furthest behind.
func (l *Local) Run(ctx context.Context) error {
	for _, f := range l.files.lanes {
		if f.records != nil {
			continue
		}
		f.lane.series.idle = 0 // the source keeps the ordinals of its columns
		if err := f.source.Open(ctx, l.env(f.lane.name, f.lane.in.source, func() int64 { return f.lane.mark }, f.lane.ledger.refuse), f.lane.series.table); err != nil {
			return err
		}
		if err := f.next(ctx); err != nil {
			return err
		}
	}
	for ctx.Err() == nil {
		f := l.files.furthestBehind()
		if f == nil {
			return nil
		}
		if err := l.step(ctx, f); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// furthestBehind is the lane to be read next, nil at the end. A file of which no row was seen yet is behind all others.
func (fs *files) furthestBehind() *fileLane {
	var first *fileLane
	for _, f := range fs.lanes {
		if !f.ended && (first == nil || f.at() < first.at()) {
			first = f
		}
	}
	return first
}

func (f *fileLane) at() int64 {
	if f.records != nil {
		return f.lane.newest
	}
	return f.time
}

// step takes the next input of a lane through the pipeline.
func (l *Local) step(ctx context.Context, f *fileLane) error {
	if f.records != nil {
		return l.stepRecords(ctx, f)
	}
	in := *f.head
	f.head = nil
	if err := f.lane.process(in); err != nil {
		return err
	}
	if err := l.carryOf(f.lane); err != nil {
		return err
	}
	return f.next(ctx)
}

func (l *Local) stepRecords(ctx context.Context, f *fileLane) error {
	in, err := f.records.NextOf(ctx, f.partition)
	if errors.Is(err, io.EOF) {
		return l.endFile(f)
	}
	if err != nil {
		return err
	}
	if in.Topic = f.topic; in.Lost != "" {
		f.lane.lose(in.Lost, in.LostRecords)
		in.Release()
		return l.carryOf(f.lane)
	}
	for i := range in.Records {
		in.Records[i].Topic = f.topic
	}
	if err := f.lane.process(in); err != nil {
		return err
	}
	return l.carryOf(f.lane)
}

// endFile ends the time of a file whose rows are shared out. Others go on, and theirs must not wait for it, so it says that it has no row any
// more. The last one keeps its time, which is that of all: no other had come so far when it ended, since always the one furthest behind is read.
func (l *Local) endFile(f *fileLane) error {
	f.ended = true
	if !f.apart {
		return nil // Finish ends its time
	}
	if err := f.lane.finish(0); err != nil {
		return err
	}
	if slices.ContainsFunc(l.files.lanes, func(other *fileLane) bool { return other.apart && !other.ended }) {
		f.lane.pending = append(f.lane.pending, f.lane.behind.tell(f.lane.name, unknownTime)...)
	}
	return l.carryOf(f.lane)
}

// next reads the next batch of a source of columns.
func (f *fileLane) next(ctx context.Context) error {
	in, err := f.source.Next(ctx)
	if errors.Is(err, io.EOF) {
		f.head, f.ended = nil, true
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

// close closes the sources.
func (fs *files) close() error {
	for _, f := range fs.lanes {
		if f.head == nil {
			continue
		}
		if f.head.Batch != nil {
			f.head.Batch.Release()
		}
		f.head.Release()
		f.head = nil
	}
	var all error
	for _, s := range fs.sources {
		all = errors.Join(all, s.Close())
	}
	return all
}
