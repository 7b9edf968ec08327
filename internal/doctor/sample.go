package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/engine"
	"github.com/homeostat/homeostat/pipeline/plan"
)

// sample is what some of the newest records of a source are, as its codec reads them.
type sample struct {
	source  *plan.Source
	records []pipeline.Record
	// err says why there are no records; unavailable why the codec could not tell what they are.
	err, unavailable error

	decoded, rows int
	bad           map[string]*kind  // records that can't be decoded, by code
	lost          map[string]int    // rows by reason
	producers     map[string]int    // records by producer
	series        map[string]*trail // by key
	times         []stamp           // of rows
}

// kind is records that can't be decoded for one reason.
type kind struct {
	code      string
	records   int
	producers map[string]int
	example   error
	at        pipeline.Position
}

// trail is where a series was met.
type trail struct {
	*pipeline.Series
	rows       int
	partitions map[int32]bool
}

// stamp is the time of a row, and that of its record, in Unix nanoseconds.
type stamp struct {
	row, record int64
	partition   int32
	producer    string
}

// timesPerRecord bounds how many rows of one record are looked at for their times.
const timesPerRecord = 10

// sampled returns the sample of a source, reading it at first use.
func (e *examination) sampled(ctx context.Context, i int) *sample {
	src := &e.plan.Sources[i]
	if s := e.samples[src.Name]; s != nil {
		return s
	}
	s := &sample{source: src, bad: map[string]*kind{}, lost: map[string]int{}, producers: map[string]int{}, series: map[string]*trail{}}
	e.samples[src.Name] = s
	// One topic that is held up must not take the time of all.
	deadline, _ := ctx.Deadline()
	own, cancel := context.WithTimeout(ctx, max(time.Until(deadline)/2, time.Second))
	defer cancel()
	if s.records, s.err = e.client.Newest(own, src.Topic, e.Sample); s.err != nil || src.Codec == nil {
		return s
	}
	if err := engine.TakePins(own, e.plan, engine.PinStore(e.plan, e.client.Cluster())); pipeline.Code(err) != "kafka.topic.missing" { // before the first start
		s.err = err
	}
	if s.err == nil && !src.Codec.Undecided() {
		s.decode(own, e.plan)
	}
	return s
}

func (s *sample) decode(ctx context.Context, p *plan.Plan) {
	codec, err := s.source.Codec.Entry.New(s.source.Codec.Settings)
	if err != nil {
		s.err = err
		return
	}
	cols := pipeline.NewColumns(pipeline.NewSeriesTable(p.Scope, p.Limits.Series))
	producerOf := engine.ProducerOf(s.source)
	for i := range s.records {
		rec := &s.records[i]
		if ctx.Err() != nil {
			s.records = s.records[:i]
			return
		}
		cols.Mark()
		err := decodeOne(codec, rec, cols, p.Limits.Record)
		if errors.As(err, new(*pipeline.Unavailable)) {
			s.unavailable, s.records = err, s.records[:i]
			return
		}
		if err != nil {
			cols.Rollback()
			clear(cols.Lost)
			producer := whose(producerOf(rec, nil))
			s.producers[producer]++
			s.refuse(rec, producer, err)
			continue
		}
		s.take(rec, cols, producerOf)
	}
}

// decodeOne decodes a record as a lane does; a codec that panics has a fault.
func decodeOne(codec pipeline.Codec, rec *pipeline.Record, out *pipeline.Columns, limit int64) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = pipeline.Errorf("doctor.codec.panic", "the code of the codec panicked: %v: that is a fault in it", v)
		}
	}()
	if limit > 0 && int64(len(rec.Value)) > limit {
		return pipeline.Errorf("doctor.record.size", "it has %d bytes, more than the limit of %d: raise limits.record or send smaller records", len(rec.Value), limit)
	}
	return codec.Decode(rec, out)
}

func (s *sample) refuse(rec *pipeline.Record, producer string, err error) {
	code := cmp.Or(pipeline.Code(err), "undecodable")
	k := s.bad[code]
	if k == nil {
		k = &kind{code: code, producers: map[string]int{}, example: err, at: pipeline.Position{Topic: rec.Topic, Partition: rec.Partition, First: rec.Offset}}
		s.bad[code] = k
	}
	k.records++
	k.producers[producer]++
}

func (s *sample) take(rec *pipeline.Record, cols *pipeline.Columns, producerOf func(*pipeline.Record, *pipeline.Series) (by, producer string)) {
	s.decoded++
	for reason, n := range cols.Lost {
		s.lost[reason] += n
	}
	clear(cols.Lost)
	points, logs := cols.Marked()
	var first *pipeline.Series
	note := func(ordinals []uint32, times []int64) {
		for i, o := range ordinals {
			series := cols.Series.At(o)
			if first == nil {
				first = series
			}
			key := series.Key()
			t := s.series[key]
			if t == nil {
				t = &trail{Series: series, partitions: map[int32]bool{}}
				s.series[key] = t
			}
			t.rows++
			t.partitions[rec.Partition] = true
			s.rows++
			if i < timesPerRecord {
				s.times = append(s.times, stamp{row: times[i], record: rec.Timestamp * int64(time.Millisecond), partition: rec.Partition})
			}
		}
	}
	from := len(s.times)
	note(cols.PointSeries[points:], cols.PointTime[points:])
	note(cols.LogStream[logs:], cols.LogTime[logs:])
	producer := whose(producerOf(rec, first))
	s.producers[producer]++
	for i := from; i < len(s.times); i++ {
		s.times[i].producer = producer
	}
	cols.Rollback() // the rows are not needed any more
}

// whose writes who a producer is, and by what it is known.
func whose(by, producer string) string { return by + " " + producer }

// undecodable is how many records can't be decoded.
func (s *sample) undecodable() (n int) {
	for _, k := range s.bad {
		n += k.records
	}
	return n
}

// kinds returns what can't be decoded, the most frequent first.
func (s *sample) kinds() []*kind {
	return slices.SortedFunc(maps.Values(s.bad), func(a, b *kind) int { return cmp.Or(b.records-a.records, cmp.Compare(a.code, b.code)) })
}

// newest is the newest time of a record, in Unix nanoseconds.
func (s *sample) newest() int64 {
	newest := int64(math.MinInt64)
	for i := range s.records {
		newest = max(newest, s.records[i].Timestamp*int64(time.Millisecond))
	}
	return newest
}

// most returns the name with the highest count, and the count.
func most(counts map[string]int) (name string, n int) {
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		if counts[k] > n {
			name, n = k, counts[k]
		}
	}
	return name, n
}

// percent writes a share for people: never 0 % of something nor 100 % of less than all.
func percent(n, of int) string {
	switch share := 100 * float64(n) / float64(of); {
	case n == 0 || n == of:
		return fmt.Sprintf("%.0f %%", share)
	case share < 0.1:
		return "less than 0.1 %"
	case share > 99.9:
		return "more than 99.9 %"
	default:
		return fmt.Sprintf("%.3g %%", share)
	}
}
