package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// drained is what a topic full of events cost.
type drained struct {
	each float64 // ns of CPU an event, without the start
	rate float64 // events a second
}

// drains fills a topic and measures ways of draining it. What the start of a process costs is measured with the first tenth of the
// events, and taken off.
func (b *bench) drains(ctx context.Context, partitions int, ways ...bool) (_ []drained, err error) {
	p := newPopulation(partitions)
	topic := b.name("drain") + ".in"
	if err := b.cluster.createTopic(ctx, topic, partitions); err != nil {
		return nil, err
	}
	defer b.cluster.deleteTopics(ctx, topic)
	f := &feed{client: b.cluster.client, topic: topic}
	small, all := int64(b.events/10), int64(b.events)
	began := time.Now().Add(-time.Hour).UnixNano()
	short, long := make([]spent, len(ways)), make([]spent, len(ways))
	for _, part := range []struct {
		until int64
		cost  []spent
	}{{small, short}, {all, long}} {
		if err := f.fill(p, part.until-f.sent, b.window, began); err != nil {
			return nil, err
		}
		for i, keyed := range ways {
			if part.cost[i], err = b.drainOnce(ctx, topic, keyed); err != nil {
				return nil, err
			}
		}
	}
	var out []drained
	for i := range ways {
		n := float64(all - small)
		out = append(out, drained{float64(long[i].cpu-short[i].cpu) / n, n / (long[i].wall - short[i].wall).Seconds()})
	}
	return out, nil
}

// spent is what one process spent.
type spent struct{ cpu, wall time.Duration }

func (b *bench) drainOnce(ctx context.Context, topic string, keyed bool) (s spent, err error) {
	j := &job{name: b.name("drain"), topic: topic, keyed: keyed, window: b.window, snapshots: time.Hour}
	e, err := b.start(j, "--until-end")
	if err != nil {
		return spent{}, err
	}
	err = e.wait(2 * time.Minute)
	b.cluster.deleteTopics(ctx, j.topics()[1:]...)
	if err = errors.Join(err, ctx.Err()); err != nil {
		return spent{}, err
	}
	return spent{e.used(), time.Since(e.began)}, nil
}

func (d drained) String() string {
	if d.rate <= 0 {
		return fmt.Sprintf("%.2f µs an event; other work hid how fast it was", d.each/1000)
	}
	return fmt.Sprintf("%.2f µs an event, %.0f events/s", d.each/1000, d.rate)
}

// repartitionCost is the difference between a fused run and one over the columns topic.
func repartitionCost(ctx context.Context, b *bench) ([]row, error) {
	d, err := b.drains(ctx, 8, true, false)
	if err != nil {
		return nil, err
	}
	return []row{
		{"drain, fused: CPU", d[0].String(), ""},
		{"drain, repartitioned: CPU", d[1].String(), ""},
		{"what repartitioning adds to a point", fmt.Sprintf("%.0f ns", d[1].each-d[0].each), ""},
	}, nil
}

func partitionCost(ctx context.Context, b *bench) (rows []row, err error) {
	for _, n := range []int{1, 8, 64} {
		d, err := b.drains(ctx, n, true)
		if err != nil {
			return rows, err
		}
		r, err := b.measureRate(ctx, 20_000, true, n)
		if err != nil {
			return rows, err
		}
		rows = append(rows, row{fmt.Sprintf("%d partitions: CPU in a drain", n), d[0].String(), "within 10 %"},
			row{fmt.Sprintf("%d partitions: CPU at 20,000 events/s", n), r.usage(), "within 10 %"},
			row{fmt.Sprintf("%d partitions: findings at 20,000 events/s", n), r.String(), ""})
	}
	return rows, nil
}
