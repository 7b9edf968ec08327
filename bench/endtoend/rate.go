package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// atRate is what a run at a rate showed.
type atRate struct {
	latency spread // of findings, behind the end of their window and the disorder bound
	missing int
	cpu     time.Duration
	system  time.Duration // of cpu
	commits int64         // while cpu was used, as events
	commit  time.Duration // how long one took in the mean
	events  int64
	took    time.Duration
	rss     int64
	behind  time.Duration // how far the feed was behind its rate at most
}

// measureRate runs a pipeline at a rate of events of now, and measures it once its series are warm.
func (b *bench) measureRate(ctx context.Context, rate int64, keyed bool, partitions int) (_ *atRate, err error) {
	p := newPopulation(partitions)
	name := b.name("rate")
	j := &job{name: name, topic: name + ".in", keyed: keyed, window: b.window}
	if err := b.cluster.createTopic(ctx, j.topic, partitions); err != nil {
		return nil, err
	}
	defer b.cluster.deleteTopics(ctx, j.topics()...)
	e, err := b.start(j)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, e.drain()) }()
	if err := e.ready(ctx); err != nil {
		return nil, err
	}
	found, err := b.follow(j, p.index)
	if err != nil {
		return nil, err
	}
	defer found.close()
	feeding, stop := context.WithCancel(ctx)
	defer stop()
	f := &feed{client: b.cluster.client, topic: j.topic}
	fed := make(chan error, 1)
	began := time.Now()
	// The first window that is whole, those that warm up, and the time until the last of them has closed.
	from := began.Truncate(b.window).Add(b.window * (warmup + 1))
	p.calm = from.UnixNano()
	go func() { fed <- f.live(feeding, p, rate, b.window) }()
	defer func() {
		stop()
		err = errors.Join(err, <-fed)
	}()

	if err := wait(ctx, time.Until(from.Add(disorder+time.Second))); err != nil {
		return nil, err
	}
	out := &atRate{}
	if err := b.spend(ctx, e, rate, out); err != nil {
		return nil, err
	}
	to := time.Now().Add(-disorder - 2*time.Second).Truncate(b.window)
	out.behind = time.Since(began) - time.Duration(f.count.Load()*int64(time.Second)/rate)
	found.mu.Lock()
	defer found.mu.Unlock()
	for w := from.UnixNano() / int64(b.window); w < to.UnixNano()/int64(b.window); w++ {
		end := (w + 1) * int64(b.window)
		for s := range populationSize {
			if end-int64(b.window) < p.calm || !raised(s, w) || raised(s, w-1) && end-2*int64(b.window) >= p.calm {
				continue
			}
			if at, ok := found.opened[opening{s, end}]; ok {
				out.latency = append(out.latency, at.Sub(time.Unix(0, end+disorder)))
			} else {
				out.missing++
			}
		}
	}
	return out, nil
}

// spend measures what a pipeline uses at a rate.
func (b *bench) spend(ctx context.Context, e *engine, rate int64, out *atRate) (err error) {
	if b.perf != "" {
		end, err := perf(ctx, e.cmd.Process.Pid, b.perf)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, end()) }()
	}
	committed, err := e.metrics()
	if err != nil {
		return err
	}
	before, err := e.usage()
	if err != nil {
		return err
	}
	since := time.Now()
	if err := wait(ctx, b.measure); err != nil {
		return err
	}
	after, err := e.usage()
	if err != nil {
		return err
	}
	out.took = time.Since(since)
	out.cpu, out.system, out.rss = after.cpu-before.cpu, after.system-before.system, after.rss
	out.events = int64(out.took.Seconds() * float64(rate))
	m, err := e.metrics()
	if err != nil {
		return err
	}
	const commits, seconds = "homeostat_commits_total", "homeostat_commit_seconds_sum"
	out.commits = int64(m[commits] - committed[commits])
	out.commit = time.Duration((m[seconds] - committed[seconds]) / max(1, float64(out.commits)) * float64(time.Second))
	return nil
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// latency says when the findings came.
func (r *atRate) String() string {
	text := r.latency.String()
	if r.missing > 0 {
		text += fmt.Sprintf(", %d MISSING", r.missing)
	}
	if r.behind > 100*time.Millisecond {
		text += fmt.Sprintf(", the feed was %s late", ms(r.behind))
	}
	return text
}

func (r *atRate) usage() string {
	return fmt.Sprintf("%s an event, %s of it in the kernel (%.1f %% of a CPU, %d MiB, %.1f commits/s of %s)", each(r.cpu, r.events), each(r.system, r.events),
		100*r.cpu.Seconds()/r.took.Seconds(), r.rss>>20, float64(r.commits)/r.took.Seconds(), ms(r.commit))
}

func detectionLatency(ctx context.Context, b *bench) (rows []row, err error) {
	for _, way := range []struct {
		keyed bool
		what  string
		goal  string
	}{{true, "fused", "p99 ≤ 100 ms"}, {false, "repartitioned", "p99 ≤ 300 ms"}} {
		for _, rate := range []int64{20_000, 100_000} {
			r, err := b.measureRate(ctx, rate, way.keyed, 8)
			if err != nil {
				return rows, err
			}
			what := fmt.Sprintf("%s, %d,000 events/s", way.what, rate/1000)
			rows = append(rows, row{what + ": finding readable after window end + disorder", r.String(), way.goal},
				row{what + ": CPU of the engine", r.usage(), cpuGoal(rate, way.keyed)})
		}
	}
	return rows, nil
}

func cpuGoal(rate int64, keyed bool) string {
	if rate == 20_000 && keyed {
		return "≤ 3 µs"
	}
	return ""
}

func engineCPU(ctx context.Context, b *bench) ([]row, error) {
	r, err := b.measureRate(ctx, 20_000, true, 8)
	if err != nil {
		return nil, err
	}
	return []row{{"fused, 20,000 events/s: CPU of the engine", r.usage(), cpuGoal(20_000, true)},
		{"fused, 20,000 events/s: finding readable after window end + disorder", r.String(), "p99 ≤ 100 ms"}}, nil
}
