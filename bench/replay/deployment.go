package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/homeostat/homeostat/bench/stand"
	"github.com/homeostat/homeostat/internal/broker"
)

// deployment is a way to share the work out.
type deployment struct {
	name string
	// partitions of the producers' topics.
	partitions int32
	// keyed puts all records of a system into one partition; otherwise they go round.
	keyed bool
	// processes are the stages of each, "" for all.
	processes []string
}

// deployments are the reference, first, and those that are held against it.
var deployments = []deployment{
	{name: "one process", partitions: 1, processes: []string{""}},
	{name: "stages apart", partitions: 1, processes: []string{"detect,operate", "act"}},
	{name: "detect by four, keyed", partitions: 4, keyed: true, processes: []string{"detect", "detect", "detect", "detect", "operate,act"}},
	{name: "detect by four, unkeyed", partitions: 4, processes: []string{"ingest,detect", "ingest,detect", "ingest,detect", "ingest,detect", "operate,act"}},
}

// ingests says whether rows come by the columns topic.
func (d *deployment) ingests() bool { return d.partitions > 1 && !d.keyed }

// trial is one deployment on one input.
type trial struct {
	*settings
	*input
	deployment deployment
	name       string
	dir        string
	cluster    *stand.Cluster
	config     string // of one of its processes
	replayed   []string
	next       map[string]int32 // partition of records that go round, by topic
}

// result is what a trial wrote.
type result struct {
	outputs *stand.Outputs
	// until is the event time up to which the rows alone made all there is, in every lane; behind it idle time does.
	until int64
}

// deployments tries all deployments on an input.
func (s *settings) deployments(ctx context.Context, r *report, in *input) error {
	var want *result
	for i, d := range deployments {
		if i > 0 && s.only != "" && s.only != d.name {
			continue
		}
		fmt.Printf("%s: %s\n", in.name, d.name)
		t := &trial{settings: s, input: in, deployment: d, name: d.name, next: map[string]int32{}, dir: filepath.Join(s.out, in.name, strings.NewReplacer(" ", "-", ",", "").Replace(d.name))}
		got, err := t.run(ctx, r)
		if err != nil {
			return fmt.Errorf("%s: %w", d.name, err)
		}
		if i == 0 {
			want = got
			r.inputs = append(r.inputs, described(in))
			continue
		}
		r.compare(in.name, d.name, want, got)
	}
	return nil
}

func described(in *input) string {
	n := len(in.records)
	if in.multiply != nil {
		n = 0
		for _, rec := range in.records {
			n += len(in.multiply(rec))
		}
	}
	text := fmt.Sprintf("%s: %d records in %s, %d in the inbox", in.name, n, strings.Join(in.topics, ", "), len(in.inbox))
	if in.rows > 0 {
		text += fmt.Sprintf("; %d rows", in.rows)
	}
	return text
}

// run runs the deployment on a cluster of its own, and replays its stages.
func (t *trial) run(ctx context.Context, r *report) (_ *result, err error) {
	if t.cluster, err = stand.Open(filepath.Join(t.dir, "kafka"), 0); err != nil {
		return nil, err
	}
	defer func() {
		err = errors.Join(err, t.cluster.Stop())
		if err == nil {
			err = os.RemoveAll(filepath.Join(t.dir, "kafka"))
		}
	}()
	for _, topic := range t.topics {
		if err := t.cluster.CreateTopic(ctx, topic, t.deployment.partitions, map[string]string{"retention.ms": "-1"}); err != nil {
			return nil, err
		}
	}
	if err := t.work(ctx, r); err != nil {
		return nil, err
	}
	t.replayed = []string{"detect", "operate"}
	if t.deployment.ingests() {
		t.replayed = slices.Insert(t.replayed, 0, "ingest")
	}
	if err := t.replay(ctx, r, t); err != nil {
		return nil, err
	}
	out, err := t.read(ctx)
	if err != nil {
		return nil, err
	}
	until, err := t.until(ctx)
	return &result{out, min(until, out.Told())}, err
}

// work starts the processes, gives them the input, and ends them when they have done all of it.
func (t *trial) work(ctx context.Context, r *report) error {
	if len(t.inbox) == 0 {
		if err := t.give(ctx, t.records); err != nil {
			return err
		}
	}
	var all []*stand.Engine
	note := func(format string, args ...any) {
		r.violate("%s, %s: %s", t.input.name, t.name, fmt.Sprintf(format, args...))
	}
	for i, stages := range t.deployment.processes {
		instance := fmt.Sprintf("p%d", i+1)
		config, err := t.write(t.dir, instance, t.cluster.Broker.Addr(), t.deployment.keyed)
		if err != nil {
			return err
		}
		t.config = config
		e := stand.NewEngine(t.program, t.dir, instance, config, stages, note)
		defer e.Kill()
		if err := e.Start(); err != nil {
			return err
		}
		all = append(all, e)
	}
	first := "ingest"
	if !t.deployment.ingests() {
		first = "detect"
	}
	if len(t.inbox) > 0 {
		// Operate waits for the time of lanes that have rows, and not for the inbox, which has none. So what the inbox says has to
		// be there before the rows that move time past it, as when it was recorded, and each lane has to have a row before any
		// has many.
		begin, rest := t.beginning()
		for _, step := range []func() error{
			func() error { return t.appears(ctx, t.inboxTopic()) },
			func() error { return t.give(ctx, append(begin, t.inbox...)) },
			func() error { return t.caughtUp(ctx, first) },
			func() error { return t.give(ctx, rest) },
		} {
			if err := step(); err != nil {
				return err
			}
		}
	}
	for _, stage := range []string{first, "detect", "operate", "act"} {
		if err := t.caughtUp(ctx, stage); err != nil {
			return err
		}
	}
	var ended sync.WaitGroup
	for _, e := range all {
		ended.Go(func() { e.Drain(30 * time.Second) })
	}
	ended.Wait()
	for _, e := range all {
		for _, line := range append(e.Failures(), e.Confess()...) {
			r.violate("%s, %s: %s", t.input.name, t.name, line)
		}
	}
	return nil
}

// appears waits until the processes have made a topic.
func (t *trial) appears(ctx context.Context, topic string) error {
	ctx, cancel := context.WithTimeout(ctx, t.limit)
	defer cancel()
	return t.cluster.Await(ctx, topic, 1)
}

// beginning splits the records: first so many of each topic that each partition has one.
func (t *trial) beginning() (begin, rest []record) {
	seen := map[string]int32{}
	for _, rec := range t.records {
		if seen[rec.Topic]++; seen[rec.Topic] <= 2*t.deployment.partitions {
			begin = append(begin, rec)
		} else {
			rest = append(rest, rec)
		}
	}
	return begin, rest
}

// give writes recorded records: to where they lay, or spread.
func (t *trial) give(ctx context.Context, records []record) error {
	var mu sync.Mutex
	var failed error
	for _, rec := range records {
		all := []*kgo.Record{rec}
		inbox := rec.Topic == t.inboxTopic()
		if t.multiply != nil && !inbox {
			all = t.multiply(rec)
		}
		for _, rec := range all {
			out := &kgo.Record{Topic: rec.Topic, Partition: rec.Partition, Key: rec.Key, Value: rec.Value, Headers: rec.Headers, Timestamp: rec.Timestamp}
			switch {
			case inbox || t.deployment.partitions == 1:
			case t.deployment.keyed:
				out.Partition = broker.PartitionOf(t.keyOf(rec), int(t.deployment.partitions))
			default:
				out.Partition = t.next[rec.Topic] % t.deployment.partitions
				t.next[rec.Topic]++
			}
			t.cluster.Client.Produce(ctx, out, func(_ *kgo.Record, err error) {
				mu.Lock()
				defer mu.Unlock()
				failed = errors.Join(failed, err)
			})
		}
	}
	err := t.cluster.Client.Flush(ctx)
	mu.Lock()
	defer mu.Unlock()
	return errors.Join(failed, err)
}

// keyOf is the system that a record's rows belong to.
func (t *trial) keyOf(r *kgo.Record) []byte {
	if len(r.Key) > 0 {
		return r.Key
	}
	return []byte(t.system)
}

// reads lists the topics that a stage reads.
func (t *trial) reads(stage string) []string {
	raw := append(slices.Clone(t.topics), t.inboxTopic())
	switch stage {
	case "detect":
		if t.deployment.ingests() {
			return []string{t.pipeline + ".columns"}
		}
	case "operate":
		return []string{t.pipeline + ".events"}
	case "act":
		return []string{t.pipeline + ".events", t.pipeline + ".incidents", t.pipeline + ".remediations"}
	}
	return raw
}

// caughtUp waits until a stage's group stands at the end that its topics have now.
func (t *trial) caughtUp(ctx context.Context, stage string) error {
	ctx, cancel := context.WithTimeout(ctx, t.limit)
	defer cancel()
	var ends map[stand.Partition]int64
	for {
		partitions, err := t.cluster.Partitions(ctx, t.reads(stage)...)
		if err == nil && len(ends) == 0 && len(partitions) > 0 {
			ends, err = t.cluster.Ends(ctx, partitions, false)
		}
		var at map[stand.Partition]int64
		if err == nil {
			at, err = t.cluster.Positions(ctx, t.pipeline+"."+stage)
		}
		behind := ""
		for p, end := range ends {
			if have, ok := at[p]; end > 0 && (!ok || have < end) {
				behind += fmt.Sprintf(" %s %d of %d", p, have, end)
			}
		}
		if err == nil && len(ends) > 0 && behind == "" {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("stage %s did not come to the end of its input within %s:%s %w", stage, t.limit, behind, errors.Join(err, context.Cause(ctx)))
		case <-time.After(100 * time.Millisecond):
		}
	}
}
