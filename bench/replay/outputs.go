package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/homeostat/homeostat/bench/stand"
)

// outputTopics are those that a pipeline's stages write for others.
func (in *input) outputTopics() []string {
	return []string{in.pipeline + ".events", in.pipeline + ".incidents", in.pipeline + ".remediations", in.pipeline + ".dead-letters"}
}

// read reads what the trial wrote.
func (t *trial) read(ctx context.Context) (*stand.Outputs, error) {
	partitions, err := t.cluster.Partitions(ctx, t.outputTopics()...)
	if err != nil {
		return nil, err
	}
	out := stand.NewOutputs(t.pipeline + ".dead-letters")
	return out, t.cluster.Each(ctx, partitions, out.Add)
}

// until returns the event time up to which rows made all there is: idle time moves a source on when all of it is read, and how far
// depends on how long the processes stayed. That it did so earlier is an error: then rows may be late that are not elsewhere.
func (t *trial) until(ctx context.Context) (int64, error) {
	until := int64(math.MaxInt64)
	partitions, err := t.cluster.Partitions(ctx, t.pipeline+".times")
	if err != nil {
		return 0, err
	}
	raw, err := t.cluster.Partitions(ctx, t.topics...)
	if err != nil {
		return 0, err
	}
	ends, err := t.cluster.Ends(ctx, raw, false)
	if err != nil {
		return 0, err
	}
	var failed error
	err = t.cluster.Each(ctx, partitions, func(r *kgo.Record) {
		var clock struct {
			Offset    int64
			Watermark *int64
		}
		if err := json.Unmarshal(r.Value, &clock); err != nil {
			failed = fmt.Errorf("clock record at %d: %w", r.Offset, err)
			return
		}
		if clock.Watermark == nil {
			return
		}
		until = min(until, *clock.Watermark)
		if p, ok := t.partitionOf(string(r.Key)); ok && clock.Offset < ends[p] {
			failed = fmt.Errorf("the clock moved lane %s at offset %d, before its input's end at %d: the machine is too slow for this trial", r.Key, clock.Offset, ends[p])
		}
	})
	if err == nil {
		err = failed
	}
	return until, err
}

// partitionOf is the partition that a source's lane reads. Topics are named by their source.
func (t *trial) partitionOf(lane string) (stand.Partition, bool) {
	source, number, _ := strings.Cut(lane, "/")
	n, err := strconv.Atoi(number)
	if err != nil {
		return stand.Partition{}, false
	}
	for _, topic := range t.topics {
		if strings.HasSuffix(topic, "."+source) {
			return stand.Partition{Topic: topic, N: int32(n)}, true
		}
	}
	return stand.Partition{}, false
}
