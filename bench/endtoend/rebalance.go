package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// rebalanceTime lets a second process join one that has all partitions with the state of all series, and measures how long it
// takes until the positions of all partitions have moved on.
func rebalanceTime(ctx context.Context, b *bench) (_ []row, err error) {
	const partitions, rounds = 64, 6
	name := b.name("rebalance")
	topic := name + ".in"
	if err := b.cluster.createTopic(ctx, topic, partitions); err != nil {
		return nil, err
	}
	var jobs []*job
	for _, instance := range []string{"one", "two"} {
		jobs = append(jobs, &job{name: name, topic: topic, instance: instance, keyed: true, window: 10 * time.Second, session: recoverySession, snapshots: 10 * time.Second, robustz: quickly})
	}
	defer b.cluster.deleteTopics(ctx, jobs[0].topics()...)
	c := &crowd{series: b.series, partitions: partitions}
	f := &feed{client: b.cluster.client, topic: topic}
	began := time.Now().Add(-(rounds + 2) * 10 * time.Second).Truncate(10 * time.Second)
	for i := range rounds {
		if err := c.round(f, began.Add(time.Duration(i)*10*time.Second+time.Second).UnixNano()); err != nil {
			return nil, err
		}
	}
	first, err := b.start(jobs[0])
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, first.drain()) }()
	if err := first.settled(ctx, f.sent); err != nil {
		return nil, err
	}
	feeding, stop := context.WithCancel(ctx)
	defer stop()
	fed := make(chan error, 1)
	go func() {
		live := &feed{client: b.cluster.client, topic: topic}
		fed <- live.live(feeding, newPopulation(partitions), 20_000, 10*time.Second)
	}()
	defer func() {
		stop()
		err = errors.Join(err, <-fed)
	}()
	if err := wait(ctx, 20*time.Second); err != nil { // every lane has a snapshot by then
		return nil, err
	}
	second, err := b.start(jobs[1])
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, second.drain()) }()
	took, err := b.standstill(ctx, second, topic, partitions)
	if err != nil {
		return nil, err
	}
	return []row{{fmt.Sprintf("a second process joins, 64 partitions, %d series: from its joining until all positions have moved on", b.series), fmt.Sprintf("%.1f s", took.Seconds()), "≤ 10 s"}}, nil
}

// standstill waits for a second member and returns the time from its joining until all positions have moved.
func (b *bench) standstill(ctx context.Context, e *engine, topic string, partitions int) (time.Duration, error) {
	group := e.name + ".detect"
	var joined time.Time
	var from map[int32]int64
	err := e.until(ctx, time.Minute, func() (bool, error) {
		state, members, err := b.cluster.members(ctx, group)
		if err != nil {
			return false, err
		}
		if joined.IsZero() && (state != "Stable" || members == 2) {
			joined = time.Now()
		}
		if joined.IsZero() || state != "Stable" || members != 2 {
			return false, nil
		}
		from, err = b.cluster.positions(ctx, group, topic)
		return err == nil, err
	})
	if err != nil {
		return 0, err
	}
	err = e.until(ctx, time.Minute, func() (bool, error) {
		at, err := b.cluster.positions(ctx, group, topic)
		moved := 0
		for p, offset := range at {
			if offset > from[p] {
				moved++
			}
		}
		return moved == partitions, err
	})
	return time.Since(joined), err
}
