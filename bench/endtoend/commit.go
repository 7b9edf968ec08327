package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
)

// commitLatency times the transactions that the engine makes: outputs for eight partitions and the positions of eight lanes,
// each 100 ms.
func commitLatency(ctx context.Context, b *bench) ([]row, error) {
	const partitions, commits = 8, 150
	in, out := b.name("commit-in"), b.name("commit-out")
	for _, t := range []string{in, out} {
		if err := b.cluster.createTopic(ctx, t, partitions); err != nil {
			return nil, err
		}
	}
	defer b.cluster.deleteTopics(ctx, in, out)
	client, err := broker.Open(broker.Config{Bootstrap: []string{b.cluster.addr}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	defer client.Close()
	group, err := client.JoinGroup(broker.GroupConfig{ID: in, Topics: []string{in}})
	if err != nil {
		return nil, err
	}
	defer group.Close()
	generation, err := group.Next(ctx)
	if err != nil {
		return nil, err
	}
	defer generation.Release()
	writer, err := client.NewTransactor(ctx, broker.TransactorConfig{TransactionalID: in})
	if err != nil {
		return nil, err
	}
	var took spread
	value := make([]byte, 700)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for n := range int64(commits) {
		share := broker.Share{Generation: generation, Offsets: map[broker.TopicPartition]int64{}, Note: fmt.Sprint(n)}
		var messages []broker.Message
		for p := range int32(partitions) {
			share.Offsets[broker.TopicPartition{Topic: in, Partition: p}] = n
			for range 4 {
				messages = append(messages, broker.Message{Topic: out, Partition: p, Value: value})
			}
		}
		start := time.Now()
		if err := writer.Commit(ctx, messages, []broker.Share{share}); err != nil {
			return nil, err
		}
		if n >= 20 { // the JVM warms up
			took = append(took, time.Since(start))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return []row{{"transaction of 32 records and 8 positions", took.String(), ""}}, nil
}
