package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/homeostat/homeostat/bench/stand"
)

// way is a way to have a load done.
type way struct {
	name string
	// live writes only as fast as it is processed. Otherwise all is there before any process starts.
	live bool
	// processes are the stages of each, "" for all. Where rows are not spread, ingest and detect are one.
	processes []string
	// killed has all processes killed in the middle of the backlog, and later stopped in order, each time to start again.
	killed bool
}

// ways are those that are tried. The first is what the others are held against.
var ways = []way{
	{name: "live", live: true, processes: []string{""}},
	{name: "drained", processes: []string{""}},
	{name: "drained by three, killed and stopped", processes: []string{"ingest,detect", "ingest", "operate"}, killed: true},
}

// trial is one load done in one way on a cluster of its own.
type trial struct {
	*load
	way     way
	dir     string
	program string
	session time.Duration // after which a process that was killed has lost its partitions
	limit   time.Duration // past it a stage that does not come to its end is stuck
	cluster *stand.Cluster

	engines []*stand.Engine
	mu      sync.Mutex // guards notes
	notes   []string   // what must not be
	fed     failure
}

// outcome is what a trial came to.
type outcome struct {
	*found
	expected *expected
	outputs  *stand.Outputs
	notes    []string
	took     time.Duration // from the start of the processes until all was done
}

// The pipeline and its topics. Its name is the same in all trials, since ids are made of it.
const (
	pipelineName = "reference"
	input        = pipelineName + "-in"
)

func topicOf(what string) string { return pipelineName + "." + what }

// configuration is that of an instance.
func (t *trial) configuration(instance string) string {
	return fmt.Sprintf(`version: 1
name: %s
instance: %s
kafka: {bootstrap: [%q], session: %s}
scope: {entity: ["{{.host.name}}"], system: "{{.service.name}}"}
sources:
  - {name: metrics, topic: %s, codec: otlp_metrics, keyed: %t, disorder: %s, late: dead_letter, max_future_skew: 0s}
detect:
  - window: {size: %s}
  - robustz: {history: 8, warmup: 4, hold: 1, of: 1, clear: 1, rest: 0}
declare:
  - {metric: "work.*"}
operate:
  - correlate: {open_on: [findings], enough: {entities: 1, findings: 1, score: 1}, settle: 10s, hold: 1m, reopen: 1m}
state: {interval: 1s}
admin: {listen: "off"}
`, pipelineName, instance, t.cluster.Addr(), t.session, input, !t.spread, time.Duration(disorder), time.Duration(window))
}

// run does the load and reads what came of it.
func (t *trial) run(ctx context.Context) (_ *outcome, err error) {
	if err := os.MkdirAll(t.dir, 0o755); err != nil {
		return nil, err
	}
	if err := t.cluster.CreateTopic(ctx, input, int32(t.partitions), map[string]string{"retention.ms": "-1"}); err != nil {
		return nil, err
	}
	for i, stages := range t.way.processes {
		instance := fmt.Sprintf("p%d", i+1)
		config := filepath.Join(t.dir, instance+".yaml")
		if err := os.WriteFile(config, []byte(t.configuration(instance)), 0o644); err != nil {
			return nil, err
		}
		t.engines = append(t.engines, stand.NewEngine(t.program, t.dir, instance, config, stages, t.note))
	}
	defer t.each((*stand.Engine).Kill)
	w := newWriter(t.load)
	began := time.Now()
	switch {
	case t.way.live:
		err = t.live(ctx, w)
	case t.way.killed:
		began, err = t.killed(ctx, w)
	default:
		if err = t.give(ctx, w.step, 0, w.steps(), w.end); err == nil {
			began = time.Now()
			err = t.start()
		}
	}
	for _, stage := range t.stages() {
		if err == nil {
			err = t.caughtUp(ctx, stage)
		}
	}
	took := time.Since(began)
	if err != nil {
		return nil, err
	}
	t.each(func(e *stand.Engine) { e.Drain(30 * time.Second) })
	t.confess()
	out, err := t.read(ctx, w)
	if err == nil {
		out.took = took
	}
	return out, err
}

// stages are those whose ends are waited for, in the order of the flow.
func (t *trial) stages() []string {
	if t.spread {
		return []string{"ingest", "detect", "operate"}
	}
	return []string{"detect", "operate"}
}

// inputs are the topics that a stage reads.
func (t *trial) inputs(stage string) []string {
	switch {
	case stage == "operate":
		return []string{topicOf("events")}
	case stage == "detect" && t.spread:
		return []string{topicOf("columns")}
	}
	return []string{input}
}

// give writes the rounds from one to before another, and what ends time unless it is nil.
func (t *trial) give(ctx context.Context, rounds func(int64) []record, from, to int64, end func() []record) error {
	for n := from; n < to; n++ {
		t.send(ctx, rounds(n))
	}
	if end != nil {
		t.send(ctx, end())
	}
	return errors.Join(t.cluster.Client.Flush(ctx), t.fed.get())
}

func (t *trial) send(ctx context.Context, records []record) {
	for _, r := range records {
		t.cluster.Client.Produce(ctx, &kgo.Record{Topic: input, Partition: r.partition, Value: r.value, Timestamp: time.Unix(0, r.time)}, func(_ *kgo.Record, err error) { t.fed.note(err) })
	}
}

// lead is how many rounds of event time are written before they have to be processed, in a live run: whole windows, so that the quiet
// time of ten seconds makes no row late.
const lead = 4 * window / round

// live writes a little, and waits until it is processed.
func (t *trial) live(ctx context.Context, w *writer) error {
	if err := t.start(); err != nil {
		return err
	}
	for n := int64(0); n < w.steps(); n += lead {
		to := min(n+lead, w.steps())
		var end func() []record
		if to == w.steps() {
			end = w.end
		}
		if err := t.give(ctx, w.step, n, to, end); err != nil {
			return err
		}
		if err := t.caughtUp(ctx, t.stages()[0]); err != nil {
			return err
		}
	}
	return nil
}

// killed has the first half of each partition done, kills all processes in its middle, and lets others take over what is left of
// it and the second half; these are stopped in order on the way, and started again. Each partition has rows from the start on: one
// that was seen to be empty is not waited for, so how far behind the others its first rows may be would be up to chance.
func (t *trial) killed(ctx context.Context, w *writer) (began time.Time, err error) {
	half := w.rounds / 2
	half -= half % (window / round)
	if err := t.give(ctx, w.own, 0, half, nil); err != nil {
		return time.Time{}, err
	}
	began = time.Now()
	if err := t.start(); err != nil {
		return began, err
	}
	written, err := t.progress(ctx, 1)
	if err != nil {
		return began, err
	}
	t.each((*stand.Engine).Kill)
	if err := t.give(ctx, w.own, half, w.rounds, w.end); err != nil {
		return began, err
	}
	if err := t.start(); err != nil {
		return began, err
	}
	if _, err := t.progress(ctx, written+1); err != nil {
		return began, err
	}
	t.each(func(e *stand.Engine) { e.Drain(30 * time.Second) })
	return began, t.start()
}

func (t *trial) start() error {
	var all error
	for _, e := range t.engines {
		all = errors.Join(all, e.Start())
	}
	return all
}

// each does something to all processes at the same time.
func (t *trial) each(do func(*stand.Engine)) {
	var done sync.WaitGroup
	for _, e := range t.engines {
		done.Go(func() { do(e) })
	}
	done.Wait()
}

// progress waits until so much is committed of the producers' records, and returns how much they are by then.
func (t *trial) progress(ctx context.Context, least int64) (written int64, err error) {
	err = t.until(ctx, "the first commits", func(ctx context.Context) (string, error) {
		ends, at, err := t.positions(ctx, t.stages()[0])
		sum := int64(0)
		written = 0
		for p, end := range ends {
			written += end
			sum += max(at[p], 0)
		}
		if sum >= least {
			return "", err
		}
		return fmt.Sprintf("%d records of %d", sum, written), err
	})
	return written, err
}

// caughtUp waits until a stage's group stands at the end that its topics have now.
func (t *trial) caughtUp(ctx context.Context, stage string) error {
	var ends map[stand.Partition]int64
	return t.until(ctx, "the end of stage "+stage, func(ctx context.Context) (string, error) {
		now, at, err := t.positions(ctx, stage)
		if err == nil && len(ends) == 0 {
			ends = now
		}
		behind := ""
		for p, end := range ends {
			if have, ok := at[p]; end > 0 && (!ok || have < end) {
				behind += fmt.Sprintf(" %s %d of %d", p, have, end)
			}
		}
		if len(ends) == 0 {
			behind = "it has no input"
		}
		return behind, err
	})
}

// positions returns where the topics of a stage end, and where its group stands.
func (t *trial) positions(ctx context.Context, stage string) (ends, at map[stand.Partition]int64, err error) {
	partitions, err := t.cluster.Partitions(ctx, t.inputs(stage)...)
	if err != nil || len(partitions) == 0 {
		return nil, nil, err
	}
	if ends, err = t.cluster.Ends(ctx, partitions, false); err != nil {
		return nil, nil, err
	}
	at, err = t.cluster.Positions(ctx, topicOf(stage))
	return ends, at, err
}

// until waits for something; so says what is missing, "" for nothing.
func (t *trial) until(ctx context.Context, what string, so func(context.Context) (string, error)) error {
	ctx, cancel := context.WithTimeout(ctx, t.limit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		missing, err := so(ctx)
		if err == nil && missing == "" {
			return nil
		}
		for _, e := range t.engines {
			if f := e.Failures(); len(f) > 0 {
				return errors.New(f[0])
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s did not come within %s: %s %w", what, t.limit, missing, errors.Join(err, context.Cause(ctx)))
		case <-tick.C:
		}
	}
}

// note takes down what must not be.
func (t *trial) note(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
}

// confess takes down what the processes' logs say that must not be.
func (t *trial) confess() {
	for _, e := range t.engines {
		for _, line := range append(e.Failures(), e.Confess()...) {
			t.note("%s", line)
		}
	}
}

// failure is the first error of several goroutines.
type failure struct {
	mu  sync.Mutex
	err error
}

func (f *failure) note(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
	}
}

func (f *failure) get() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}
