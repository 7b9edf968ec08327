package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/homeostat/homeostat/bench/stand"
	"github.com/homeostat/homeostat/schemas"
)

// read reads what the trial wrote.
func (t *trial) read(ctx context.Context, w *writer) (*outcome, error) {
	if err := t.unhurried(ctx, w); err != nil {
		return nil, err
	}
	dead := topicOf("dead-letters")
	partitions, err := t.cluster.Partitions(ctx, topicOf("events"), topicOf("incidents"), dead)
	if err != nil {
		return nil, err
	}
	c, all := newChecker(t.load, w.expected), stand.NewOutputs(dead)
	if err := t.cluster.Each(ctx, partitions, func(r *kgo.Record) { c.add(r); all.Add(r) }); err != nil {
		return nil, err
	}
	// Behind the rows there is what idle time did, and that depends on how long the processes stayed.
	return &outcome{found: c.over(), expected: w.expected, outputs: all.Before(w.over() + beyond - disorder - window), notes: t.notes}, nil
}

// unhurried fails if the clock moved a lane of the producers' topic past rows that it had still to read: then they were late, the
// machine was too slow, and the trial says nothing of the engine.
func (t *trial) unhurried(ctx context.Context, w *writer) error {
	partitions, err := t.cluster.Partitions(ctx, topicOf("times"))
	if err != nil {
		return err
	}
	first := w.firstTimes()
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
		text, ours := strings.CutPrefix(string(r.Key), "metrics/")
		p, err := strconv.Atoi(text)
		if !ours || clock.Watermark == nil {
			return
		}
		if err != nil || p >= len(first) || clock.Offset < 0 {
			failed = fmt.Errorf("a clock record of lane %s at offset %d", r.Key, clock.Offset)
			return
		}
		if rest := first[p]; clock.Offset < int64(len(rest)) && *clock.Watermark > rest[clock.Offset] {
			failed = fmt.Errorf("the clock moved lane %s at offset %d to %s, past rows to come: the machine is too slow for this trial", r.Key, clock.Offset, schemas.FormatTime(*clock.Watermark))
		}
	})
	return errors.Join(err, failed)
}
