package broker

import (
	"context"
	"errors"

	"github.com/homeostat/homeostat/pipeline"
)

// Scan reads partitions from one offset each up to another, and calls each for their records, those of one partition in
// order. The records are borrowed for the call. What is damaged or deleted in between is left out: whoever reads so
// checks what it has. A partition whose log is held up by a pending transaction is waited for.
func Scan(ctx context.Context, c Cluster, cfg FetchConfig, from, to map[TopicPartition]int64, each func(*pipeline.Record) error) error {
	r := c.NewReader(cfg)
	defer r.Close()
	left := map[TopicPartition]int64{}
	for tp, end := range to {
		if from[tp] < end {
			left[tp] = end
			r.Assign(tp, from[tp])
		}
	}
	for len(left) > 0 {
		chunks, err := r.Poll(ctx)
		if err != nil {
			return err
		}
		for i := range chunks {
			if err == nil {
				err = scanChunk(r, &chunks[i], left, each)
			}
			chunks[i].Release()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func scanChunk(r Reader, c *Chunk, left map[TopicPartition]int64, each func(*pipeline.Record) error) error {
	end, wanted := left[c.TopicPartition]
	if !wanted {
		return nil
	}
	for i := range c.Records {
		if c.Records[i].Offset >= end {
			break
		}
		if err := each(&c.Records[i]); err != nil {
			return err
		}
	}
	next := c.Next
	if c.Err != nil {
		to, ok := beyond(c.Err)
		if !ok {
			return c.Err
		}
		next = to
		r.Assign(c.TopicPartition, to)
	}
	if next >= end {
		delete(left, c.TopicPartition)
		r.Remove(c.TopicPartition)
	}
	return nil
}

// beyond returns where a partition goes on behind what can't be had.
func beyond(err error) (to int64, ok bool) {
	var corrupt *CorruptError
	var gap *GapError
	switch {
	case errors.As(err, &corrupt) && corrupt.To > corrupt.From:
		return corrupt.To, true
	case errors.As(err, &gap) && gap.To > gap.From:
		return gap.To, true
	}
	return 0, false
}
