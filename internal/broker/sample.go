package broker

import (
	"bytes"
	"context"
	"sort"

	"github.com/homeostat/homeostat/pipeline"
)

// Sample returns some of the newest committed records of a topic, limit at most, about as many of each partition that has some,
// and those of one partition in order. It joins no group and changes nothing. What it returns is the caller's own.
func (c *Client) Sample(ctx context.Context, topic string, limit int) ([]pipeline.Record, error) {
	tps, err := c.AllPartitions(ctx, topic)
	if err != nil {
		return nil, err
	}
	bounds, err := c.Bounds(ctx, tps)
	if err != nil {
		return nil, err
	}
	from, to := map[TopicPartition]int64{}, map[TopicPartition]int64{}
	for each := shares(bounds, limit); len(tps) > 0; tps = tps[1:] {
		b := bounds[tps[0]]
		from[tps[0]], to[tps[0]] = max(b.Start, b.Stable-each), b.Stable
	}
	var out []pipeline.Record
	err = Scan(ctx, c.Cluster(), FetchConfig{}, from, to, func(rec *pipeline.Record) error {
		if len(out) >= limit {
			return nil
		}
		own := *rec
		own.Key, own.Value, own.Headers = bytes.Clone(rec.Key), bytes.Clone(rec.Value), nil
		for _, h := range rec.Headers {
			own.Headers = append(own.Headers, pipeline.Header{Key: h.Key, Value: bytes.Clone(h.Value)})
		}
		out = append(out, own)
		return nil
	})
	return out, err
}

// shares returns how many records of each partition make limit in all, where some have less.
func shares(bounds map[TopicPartition]Bounds, limit int) int64 {
	more := sort.Search(limit, func(n int) bool {
		sum := int64(0)
		for _, b := range bounds {
			sum += min(int64(n)+1, b.Stable-b.Start)
		}
		return sum > int64(limit)
	})
	return int64(max(more, 1))
}
