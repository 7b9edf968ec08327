package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
)

// clockRecord is what a lane took from the clock and not from its log: at the offset its time went on to the watermark. It is
// written to the time topic, in the transaction of what came of it, so that a replay can do the same. The key is the lane.
type clockRecord struct {
	Offset int64 `json:"offset"`
	// Watermark is absent when the lane said that it has no row.
	Watermark *int64 `json:"watermark,omitempty"`
}

func (c *clockRecord) mark() int64 {
	if c.Watermark == nil {
		return unknownTime
	}
	return *c.Watermark
}

// timeRecord makes the message; there is none without a time topic.
func (s *surroundings) timeRecord(lane string, offset, mark int64) []broker.Message {
	if s.times.Name == "" {
		return nil
	}
	c := clockRecord{Offset: offset}
	if mark != unknownTime {
		c.Watermark = &mark
	}
	value, err := json.Marshal(c)
	if err != nil {
		panic("BUG: a number is no JSON: " + err.Error())
	}
	return []broker.Message{{Topic: s.times.Name, Partition: s.times.of(lane), Key: []byte(lane), Value: value}}
}

// timesTopic is the topic of clock records. Those of a lane are in one partition.
type timesTopic struct {
	Name       string
	Partitions int
}

func (t timesTopic) of(lane string) int32 { return broker.PartitionOf([]byte(lane), t.Partitions) }

func (t timesTopic) partition(lane string) broker.TopicPartition {
	return broker.TopicPartition{Topic: t.Name, Partition: t.of(lane)}
}

// all returns all partitions.
func (t timesTopic) all() (tps []broker.TopicPartition) {
	for p := range t.Partitions {
		tps = append(tps, broker.TopicPartition{Topic: t.Name, Partition: int32(p)})
	}
	return tps
}

// ends returns where the partitions of lanes end now, also what is pending. They are asked for in order of the lanes given.
func (t timesTopic) ends(ctx context.Context, c broker.Cluster, lanes []string) (map[broker.TopicPartition]int64, error) {
	ends := map[broker.TopicPartition]int64{}
	var tps []broker.TopicPartition
	for _, lane := range lanes {
		if tp := t.partition(lane); !slices.Contains(tps, tp) {
			tps = append(tps, tp)
		}
	}
	bounds, err := c.Bounds(ctx, tps)
	if err != nil {
		return nil, err
	}
	for tp, b := range bounds {
		ends[tp] = b.End
	}
	return ends, nil
}

// read returns the clock records of lanes from the offset given for each on, in the order in which they were written. The
// positions of the lanes are final, so what they committed is there or pending, and waited for.
func (t timesTopic) read(ctx context.Context, c broker.Cluster, lanes map[string]int64) (map[string][]clockRecord, error) {
	var names []string
	from := map[broker.TopicPartition]int64{}
	for _, lane := range slices.Sorted(maps.Keys(lanes)) {
		at := lanes[lane]
		names = append(names, lane)
		if have, ok := from[t.partition(lane)]; !ok || at < have {
			from[t.partition(lane)] = at
		}
	}
	to, err := t.ends(ctx, c, names)
	if err != nil {
		return nil, err
	}
	out := map[string][]clockRecord{}
	err = broker.Scan(ctx, c, broker.FetchConfig{}, from, to, func(rec *pipeline.Record) error {
		lane := string(rec.Key)
		if at, ok := lanes[lane]; !ok || rec.Offset < at {
			return nil
		}
		var r clockRecord
		if err := json.Unmarshal(rec.Value, &r); err != nil {
			return pipeline.Errorf("engine.time.record", "record %d of topic %s partition %d does not say how time went on: only the pipeline may write there: %w", rec.Offset, rec.Topic, rec.Partition, err)
		}
		out[lane] = append(out[lane], r)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading how time went on from topic %s: %w", t.Name, err)
	}
	return out, nil
}
