package broker

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
)

// Place is where in a partition a sample is taken.
type Place uint8

const (
	Beginning Place = iota
	Middle
	End
)

// SampleConfig bounds a sample.
type SampleConfig struct {
	// Places are where each partition is looked at, each once.
	Places []Place
	// Records bounds the offsets of a stretch, Bytes the values of its records; the record that goes beyond is still taken.
	Records int
	Bytes   int
}

// Stretch is what lies between two offsets of a partition. The records are the caller's own.
type Stretch struct {
	TopicPartition
	Records []pipeline.Record
}

// Sample reads some records of partitions, and nothing else: no group knows of it, no position is committed. What transactions have not committed
// is left out. Stretches come in order of partition and offset; where they would meet in a short partition they are one. The same log gives the same
// sample. Partitions without records have no stretch.
func Sample(ctx context.Context, c Cluster, partitions []TopicPartition, cfg SampleConfig) ([]Stretch, error) {
	bounds, err := c.Bounds(ctx, partitions)
	if err != nil {
		return nil, err
	}
	var out []Stretch
	// A reader reads a partition from one place at a time.
	for round := range cfg.Places {
		from, to := map[TopicPartition]int64{}, map[TopicPartition]int64{}
		for _, tp := range partitions {
			if spans := cfg.spans(bounds[tp]); round < len(spans) {
				from[tp], to[tp] = spans[round].from, spans[round].to
			}
		}
		found, err := takeStretches(ctx, c, from, to, cfg.Bytes)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	slices.SortStableFunc(out, func(a, b Stretch) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Records[0].Offset, b.Records[0].Offset))
	})
	return out, nil
}

type span struct{ from, to int64 }

// spans are the stretches of a partition, in order, those that touch put together.
func (cfg *SampleConfig) spans(b Bounds) []span {
	n := int64(cfg.Records)
	var all []span
	for _, p := range cfg.Places {
		from := b.Start
		switch p {
		case Middle:
			from = b.Start + (b.Stable-b.Start-n)/2
		case End:
			from = b.Stable - n
		}
		from = max(from, b.Start)
		all = append(all, span{from, min(from+n, b.Stable)})
	}
	slices.SortFunc(all, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	var out []span
	for _, s := range all {
		switch last := len(out) - 1; {
		case s.from >= s.to:
		case last >= 0 && s.from <= out[last].to:
			out[last].to = max(out[last].to, s.to)
		default:
			out = append(out, s)
		}
	}
	return out
}

// takeStretches reads one stretch of each partition.
func takeStretches(ctx context.Context, c Cluster, from, to map[TopicPartition]int64, bytes int) ([]Stretch, error) {
	r := c.NewReader(FetchConfig{})
	defer r.Close()
	left, taken, size := map[TopicPartition]int64{}, map[TopicPartition]*Stretch{}, map[TopicPartition]int{}
	for tp, end := range to {
		left[tp], taken[tp] = end, &Stretch{TopicPartition: tp}
		r.Assign(tp, from[tp])
	}
	for len(left) > 0 {
		chunks, err := r.Poll(ctx)
		if err != nil {
			return nil, err
		}
		for i := range chunks {
			tp := chunks[i].TopicPartition
			if err == nil {
				err = scanChunk(r, &chunks[i], left, func(rec *pipeline.Record) error {
					if size[tp] <= bytes {
						taken[tp].Records = append(taken[tp].Records, own(rec))
						size[tp] += len(rec.Value)
					}
					return nil
				})
			}
			chunks[i].Release()
			if _, more := left[tp]; more && size[tp] > bytes {
				delete(left, tp)
				r.Remove(tp)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	var out []Stretch
	for _, s := range taken {
		if len(s.Records) > 0 {
			out = append(out, *s)
		}
	}
	return out, nil
}

// own copies a borrowed record.
func own(rec *pipeline.Record) pipeline.Record {
	out := *rec
	out.Key, out.Value = slices.Clone(rec.Key), slices.Clone(rec.Value)
	out.Headers = make([]pipeline.Header, len(rec.Headers))
	for i, h := range rec.Headers {
		out.Headers[i] = pipeline.Header{Key: strings.Clone(h.Key), Value: slices.Clone(h.Value)}
	}
	return out
}
