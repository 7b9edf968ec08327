package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// recoverySession is the time-out of a silent process in lines 7 and 9: the least that brokers take by default.
const recoverySession = 6 * time.Second

// recoveryTime ends one of two processes again and again, and measures how long it takes until every lane has told its time
// anew. Half of the times it waits for a transaction of that process to be open.
func recoveryTime(ctx context.Context, b *bench) (_ []row, err error) {
	const each, attempts, partitions = 2, 10, 8
	p := newPopulation(partitions)
	name := b.name("recovery")
	if err := b.cluster.createTopic(ctx, name+".in", partitions); err != nil {
		return nil, err
	}
	var jobs []*job
	for _, instance := range []string{"one", "two"} {
		jobs = append(jobs, &job{name: name, topic: name + ".in", instance: instance, keyed: true, window: time.Second, session: recoverySession})
	}
	defer b.cluster.deleteTopics(ctx, jobs[0].topics()...)
	var engines [2]*engine
	for i, j := range jobs {
		if engines[i], err = b.start(j); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, engines[i].drain()) }()
	}
	for _, e := range engines {
		if err := e.ready(ctx); err != nil {
			return nil, err
		}
	}
	found, err := b.follow(jobs[0], p.index)
	if err != nil {
		return nil, err
	}
	defer found.close()
	feeding, stop := context.WithCancel(ctx)
	defer stop()
	f := &feed{client: b.cluster.client, topic: name + ".in"}
	fed := make(chan error, 1)
	go func() { fed <- f.live(feeding, p, 5000, time.Second) }()
	defer func() {
		stop()
		err = errors.Join(err, <-fed)
	}()

	var plain, open spread
	for n := 0; n < attempts && (len(plain) < each || len(open) < each); n++ {
		if err := b.allTell(ctx, found, time.Now(), partitions); err != nil {
			return nil, err
		}
		victim := n % 2
		if err := wait(ctx, 2*time.Second+time.Duration(mix(uint64(n))%1000)*time.Millisecond); err != nil {
			return nil, err
		}
		id := name + "." + jobs[victim].instance
		if len(plain) >= each {
			if err := b.untilOpen(ctx, id); err != nil {
				return nil, err
			}
		}
		died := time.Now()
		engines[victim].kill()
		state, err := b.cluster.transaction(ctx, id)
		if err != nil {
			return nil, err
		}
		if err := b.allTell(ctx, found, died, partitions); err != nil {
			return nil, err
		}
		if took := time.Since(died); state == "Ongoing" {
			open = append(open, took)
		} else {
			plain = append(plain, took)
		}
		if engines[victim], err = b.start(jobs[victim]); err != nil {
			return nil, err
		}
		if err := errors.Join(engines[victim].ready(ctx), engines[1-victim].ready(ctx)); err != nil {
			return nil, err
		}
	}
	goal := fmt.Sprintf("≤ %.0f s", (recoverySession + 3*time.Second).Seconds())
	return []row{
		{fmt.Sprintf("SIGKILL of one of two processes, session %s: until all lanes tell their time again", recoverySession), plain.String(), goal},
		{"the same while its transaction was open", open.String(), goal},
	}, nil
}

// allTell waits until each lane has told its time since then.
func (b *bench) allTell(ctx context.Context, r *reader, since time.Time, partitions int) error {
	for range 3000 {
		told := 0
		for lane, m := range r.lanes() {
			// What was in a fetch already when the process died is not told since; a tick is a second.
			if strings.HasPrefix(lane, "metrics/") && m.at.After(since.Add(200*time.Millisecond)) {
				told++
			}
		}
		if told == partitions {
			return nil
		}
		if err := wait(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
	return fmt.Errorf("not all lanes told their time within 30 s")
}

// untilOpen waits until a transaction is open, or for two seconds.
func (b *bench) untilOpen(ctx context.Context, id string) error {
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); {
		state, err := b.cluster.transaction(ctx, id)
		if err != nil || state == "Ongoing" {
			return err
		}
	}
	return nil
}
