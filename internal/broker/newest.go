package broker

import (
	"context"
	"math"
	"sort"

	"github.com/homeostat/homeostat/pipeline"
)

// Newest returns some of the newest committed records of a topic, limit at most, about as many of each partition that has some,
// and those of one partition in order. It joins no group and changes nothing. What it returns is the caller's own.
func (c *Client) Newest(ctx context.Context, topic string, limit int) ([]pipeline.Record, error) {
	tps, err := c.AllPartitions(ctx, topic)
	if err != nil {
		return nil, err
	}
	bounds, err := c.Bounds(ctx, tps)
	if err != nil {
		return nil, err
	}
	found, err := Sample(ctx, c.Cluster(), tps, SampleConfig{Places: []Place{End}, Records: shares(bounds, limit), Bytes: math.MaxInt})
	if err != nil {
		return nil, err
	}
	var out []pipeline.Record
	for _, s := range found {
		out = append(out, s.Records[:min(len(s.Records), limit-len(out))]...)
	}
	return out, nil
}

// shares returns how many records of each partition make limit in all, where some have less.
func shares(bounds map[TopicPartition]Bounds, limit int) int {
	more := sort.Search(limit, func(n int) bool {
		sum := int64(0)
		for _, b := range bounds {
			sum += min(int64(n)+1, b.Stable-b.Start)
		}
		return sum > int64(limit)
	})
	return max(more, 1)
}
