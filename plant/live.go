package plant

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
)

// Live runs the rig to the end of its scenario over Kafka, as any web system would stand beside a pipeline: its telemetry
// goes to its topics, its actuator follows the topic of the commands and answers in the inbox. speed is how many
// times faster than real time it runs. each, if not nil, is called after each interval.
func Live(ctx context.Context, r *Rig, client *broker.Client, remediations string, speed float64, each func()) error {
	fetcher, err := follow(ctx, client, remediations)
	if err != nil {
		return err
	}
	defer fetcher.Close()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	g, running := errgroup.WithContext(ctx)
	g.Go(func() error { return obey(running, r, client, fetcher) })
	g.Go(func() error {
		defer stop()
		return emit(running, r, client, speed, each)
	})
	return g.Wait()
}

// follow reads a topic from its present end on.
func follow(ctx context.Context, client *broker.Client, topic string) (*broker.Fetcher, error) {
	tps, err := client.AllPartitions(ctx, topic)
	if err != nil {
		return nil, err
	}
	bounds, err := client.Bounds(ctx, tps)
	if err != nil {
		return nil, err
	}
	f := client.NewFetcher(broker.FetchConfig{})
	for _, tp := range tps {
		f.Assign(tp, bounds[tp].End)
	}
	return f, nil
}

// obey carries out the commands, those of one partition in order, until ctx ends.
func obey(ctx context.Context, r *Rig, client *broker.Client, fetcher *broker.Fetcher) error {
	for {
		chunks, err := fetcher.Poll(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		for i := range chunks {
			if err := obeyChunk(ctx, r, client, &chunks[i]); err != nil {
				if ctx.Err() != nil {
					return nil
				}
				return err
			}
		}
	}
}

func obeyChunk(ctx context.Context, r *Rig, client *broker.Client, c *broker.Chunk) error {
	defer c.Release()
	for _, rec := range c.Records {
		results, err := r.Handle(ctx, rec)
		if err != nil {
			return err
		}
		if err := client.Produce(ctx, messages(results)); err != nil {
			return err
		}
	}
	return c.Err
}

// emit advances the rig at its speed and writes its telemetry. When it falls behind it does not hurry to catch up: the
// simulated clock is nobody else's.
func emit(ctx context.Context, r *Rig, client *broker.Client, speed float64, each func()) error {
	pace := time.NewTicker(time.Duration(float64(r.cfg.Interval) / speed))
	defer pace.Stop()
	for !r.Done() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-pace.C:
		}
		records, err := r.Step()
		if err != nil {
			return err
		}
		if err := client.Produce(ctx, messages(records)); err != nil {
			return err
		}
		if each != nil {
			each()
		}
	}
	return nil
}

// messages makes messages of records; their time is the broker's, since the simulated one may be anywhere.
func messages(records []pipeline.Record) []broker.Message {
	out := make([]broker.Message, len(records))
	for i, rec := range records {
		out[i] = broker.Message{Topic: rec.Topic, Partition: -1, Key: rec.Key, Value: rec.Value, Headers: rec.Headers}
	}
	return out
}
