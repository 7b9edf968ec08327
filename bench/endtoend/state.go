package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// stateRounds is how often each series is heard before its state is measured: robust z is warm after 20 windows.
const stateRounds = 24

// laneState fills one lane with many warm series, waits for a snapshot of them, ends the process like a crash, and starts it again.
func laneState(ctx context.Context, b *bench) (_ []row, err error) {
	name := b.name("state")
	j := &job{name: name, topic: name + ".in", keyed: true, window: 10 * time.Second, snapshots: 5 * time.Second, robustz: "{}"}
	if err := b.cluster.createTopic(ctx, j.topic, 1); err != nil {
		return nil, err
	}
	defer b.cluster.deleteTopics(ctx, j.topics()...)
	c := &crowd{series: b.series, partitions: 1}
	f := &feed{client: b.cluster.client, topic: j.topic}
	began := time.Now().Add(-(stateRounds + 3) * j.window).Truncate(j.window)
	for i := range stateRounds {
		if err := c.round(f, began.Add(time.Duration(i)*j.window+time.Second).UnixNano()); err != nil {
			return nil, err
		}
	}
	e, err := b.start(j)
	if err != nil {
		return nil, err
	}
	defer func() {
		if e != nil {
			err = errors.Join(err, e.drain())
		}
	}()
	if err := e.settled(ctx, f.sent); err != nil {
		return nil, err
	}
	s, err := e.nextSnapshot(ctx)
	if err != nil {
		return nil, err
	}
	used, err := e.usage()
	if err != nil {
		return nil, err
	}
	m, err := e.metrics()
	if err != nil {
		return nil, err
	}
	n := float64(b.series)
	rows := []row{
		{fmt.Sprintf("snapshot of a lane of %d series: pause of the lane", b.series), ms(s.pause), "≤ 5 ms"},
		{"the same: size, and time until it is stored in the state topic", fmt.Sprintf("%.0f MB, %.1f s", s.bytes/1e6, s.took.Seconds()), ""},
		{"memory a series (line 6), window + robust z after 24 windows", fmt.Sprintf("%.0f B of heap in use, %.0f B RSS (of %.2f GB)", m["go_memstats_heap_inuse_bytes"]/n, float64(used.rss)/n, float64(used.rss)/1e9), ""},
	}
	e.kill()
	e = nil
	again, err := b.start(j)
	if err != nil {
		return rows, err
	}
	defer func() { err = errors.Join(err, again.drain()) }()
	if err := again.ready(ctx); err != nil {
		return rows, err
	}
	ready := time.Since(again.began)
	if m, err = again.metrics(); err != nil {
		return rows, err
	}
	return append(rows,
		row{"restore after SIGKILL: find, read and restore the snapshot", fmt.Sprintf("%.1f s", m["homeostat_restore_seconds_sum"]), "≤ 5 s"},
		row{"start after SIGKILL until ready: the dead one's session (10 s), restore, replay", fmt.Sprintf("%.1f s", ready.Seconds()), ""}), nil
}

// settled waits until the process is ready and has taken in so many rows.
func (e *engine) settled(ctx context.Context, rows int64) error {
	if err := e.ready(ctx); err != nil {
		return err
	}
	return e.until(ctx, 3*time.Minute, func() (bool, error) {
		m, err := e.metrics()
		return m[rowsMetric] >= float64(rows), err
	})
}

// rowsMetric counts the rows that came in.
const rowsMetric = `homeostat_rows_total way="in"`

// saved is what a snapshot cost.
type saved struct {
	pause, took time.Duration
	bytes       float64
}

// nextSnapshot waits for a snapshot that begins from now on.
func (e *engine) nextSnapshot(ctx context.Context) (*saved, error) {
	// The first that ends may have begun before.
	before, err := e.afterSnapshot(ctx)
	if err != nil {
		return nil, err
	}
	after, err := e.afterSnapshot(ctx)
	if err != nil {
		return nil, err
	}
	n := after["homeostat_snapshot_seconds_count"] - before["homeostat_snapshot_seconds_count"]
	mean := func(name string) float64 { return (after[name] - before[name]) / n }
	seconds := func(name string) time.Duration { return time.Duration(mean(name) * float64(time.Second)) }
	return &saved{pause: seconds("homeostat_snapshot_pause_seconds_sum"), took: seconds("homeostat_snapshot_seconds_sum"), bytes: mean("homeostat_snapshot_bytes_total")}, nil
}

// afterSnapshot waits until one more snapshot is stored and returns the metrics.
func (e *engine) afterSnapshot(ctx context.Context) (map[string]float64, error) {
	const stored = "homeostat_snapshot_seconds_count"
	before, err := e.metrics()
	if err != nil {
		return nil, err
	}
	after := before
	err = e.until(ctx, 3*time.Minute, func() (bool, error) {
		after, err = e.metrics()
		return after[stored] > before[stored], err
	})
	return after, err
}
