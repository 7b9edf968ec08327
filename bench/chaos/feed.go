package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/homeostat/homeostat/bench/stand"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
	"github.com/homeostat/homeostat/schemas/codec/otlp"
)

// What the input looks like. Event time runs faster than the clock and is counted in steps, so that the rows depend on
// the seed alone; only how many steps there are depends on how long the run takes.
const (
	systems   = 8
	services  = 3
	metricsIn = "chaos-in.metrics"
	logsIn    = "chaos-in.logs"

	metricPartitions, logPartitions = 4, 2

	// step is the event time between two records of a system, every stepEach of the clock.
	step     = int64(3 * time.Second)
	stepEach = 100 * time.Millisecond
	// jitter is how far rows lie behind the newest of their source at most.
	jitter = int64(8 * time.Second)
	// disorder is the bound that the pipeline allows. It is so much more than the jitter that the idle time of a broker's
	// restart, which is event time as well, makes no row late.
	disorder = int64(time.Minute)
	// beyond is how far behind the last row the end marker lies: past all that waits for time.
	beyond = int64(6 * time.Hour)

	// sideRecords are the useless ones and those for the inbox, each, of a step.
	sideRecords = 3
)

// began is the event time of the first step.
var began = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).UnixNano()

// feeder writes the input of a seed.
type feeder struct {
	seed   uint64
	client *kgo.Client
	inbox  string
	inboxN int32
	spread bool // a system's records go to any partition
	enc    *otlp.Encoder

	steps  int64
	rows   map[string]int64 // by source
	failed atomic.Pointer[error]
}

func newFeeder(seed uint64, client *kgo.Client, inbox string, inboxN int32, spread bool) *feeder {
	return &feeder{seed: seed, client: client, inbox: inbox, inboxN: inboxN, spread: spread, enc: otlp.NewEncoder(nil), rows: map[string]int64{}}
}

// run feeds a step each stepEach until ctx ends, then the end marker. A broker that is away is waited for.
func (f *feeder) run(ctx context.Context) error {
	tick := time.NewTicker(stepEach)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
			if f.client.BufferedProduceRecords() < stand.MostPending {
				f.send(f.next())
			}
		}
	}
	f.send(f.end())
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if err := f.client.Flush(last); err != nil {
		return fmt.Errorf("the input can not be written: %w", err)
	}
	if err := f.failed.Load(); err != nil {
		return fmt.Errorf("the input can not be written: %w", *err)
	}
	return nil
}

func (f *feeder) send(records []*kgo.Record) {
	for _, r := range records {
		f.client.Produce(context.Background(), r, func(_ *kgo.Record, err error) {
			if err != nil {
				f.failed.CompareAndSwap(nil, &err)
			}
		})
	}
}

// next returns the records of the next step.
func (f *feeder) next() []*kgo.Record {
	n := f.steps
	f.steps++
	r := rand.New(rand.NewPCG(f.seed, uint64(n)<<8|3))
	now := began + n*step
	var out []*kgo.Record
	for s := range systems {
		out = append(out, f.metrics(r, s, now), f.logs(r, s, now))
	}
	// Some of it is good for nothing, and some comes by the side door.
	// What it makes is much, so that hardly a commit is without outputs.
	for i := range int64(sideRecords) {
		out = append(out, f.junk(r, n*sideRecords+i), f.change(r, n*sideRecords+i, now))
	}
	return out
}

// partition chooses where a system's record goes.
func (f *feeder) partition(r *rand.Rand, system, partitions int) int32 {
	if f.spread {
		return int32(r.IntN(partitions))
	}
	return int32(system % partitions)
}

// sick says how ill a system is: for some minutes in each half hour of event time, each in its turn.
func sick(system int, now int64) bool {
	minute := (now-began)/int64(time.Minute) - int64(5+2*system)
	return minute >= 0 && minute%30 < 5
}

func name(system int) string { return fmt.Sprintf("sys-%d", system) }

// metrics makes one message of OTLP metrics of a system. Its first row is of the moment, the others may be older.
func (f *feeder) metrics(r *rand.Rand, system int, now int64) *kgo.Record {
	f.enc.Reset()
	ill := sick(system, now)
	for v := range services {
		f.enc.Resource([]pipeline.Label{{Name: "service.name", Value: fmt.Sprintf("svc-%d", v)}, {Name: "service.namespace", Value: name(system)}})
		at := now
		if v > 0 {
			at -= r.Int64N(jitter)
		}
		bad, latency := float64(r.IntN(2)), 0.1+0.02*r.Float64()
		if ill && v == 1 {
			bad, latency = float64(30+r.IntN(20)), 1+r.Float64()
		}
		f.enc.Sum("svc.requests", "1", []pipeline.Label{{Name: "outcome", Value: "ok"}}, at-step, at, float64(100+r.IntN(10)), true)
		f.enc.Sum("svc.requests", "1", []pipeline.Label{{Name: "outcome", Value: "error"}}, at-step, at, bad, true)
		f.enc.Gauge("svc.latency", "s", nil, at, latency)
		f.enc.Gauge("svc.cpu", "1", nil, at, 0.3+0.1*r.Float64())
	}
	f.rows["metrics"] += int64(f.enc.Len())
	return &kgo.Record{Topic: metricsIn, Partition: f.partition(r, system, metricPartitions), Key: []byte(name(system)), Value: f.enc.AppendTo(nil)}
}

// logs makes a message of two log lines of a system.
func (f *feeder) logs(r *rand.Rand, system int, now int64) *kgo.Record {
	value := f.line(r, system, now, now)
	value = append(value, f.line(r, system, now, now-r.Int64N(jitter))...)
	return &kgo.Record{Topic: logsIn, Partition: f.partition(r, system, logPartitions), Key: []byte(name(system)), Value: value}
}

func (f *feeder) line(r *rand.Rand, system int, now, at int64) []byte {
	severity, v := "info", r.IntN(services)
	if r.IntN(50) == 0 || sick(system, now) && r.IntN(2) == 0 {
		severity = "error"
	}
	f.rows["logs"]++
	line, err := json.Marshal(map[string]string{
		"time": schemas.FormatTime(at), "severity": severity, "body": fmt.Sprintf("request %d took %d ms", r.IntN(1000), r.IntN(100)),
		"service.name": fmt.Sprintf("svc-%d", v), "service.namespace": name(system),
	})
	if err != nil {
		panic(err) // texts can be written as JSON
	}
	return append(line, '\n')
}

// junk is a record that no codec takes.
func (f *feeder) junk(r *rand.Rand, n int64) *kgo.Record {
	value := []byte(fmt.Sprintf("{no metrics and no log, number %d", n))
	if r.IntN(2) == 0 {
		f.rows["metrics"]++
		return &kgo.Record{Topic: metricsIn, Partition: int32(r.IntN(metricPartitions)), Value: value}
	}
	f.rows["logs"]++
	return &kgo.Record{Topic: logsIn, Partition: int32(r.IntN(logPartitions)), Value: value}
}

// change is an event for the inbox, of a system of its own: when it comes among the others depends on the clock, and
// their outputs must not.
func (f *feeder) change(r *rand.Rand, n, now int64) *kgo.Record {
	e, err := schemas.NewEvent(schemas.TypeChange, fmt.Sprintf("change-%d", n), now, schemas.Change{Change: fmt.Sprint("c-", n), Kind: "deploy", Entities: []string{"elsewhere"}})
	if err != nil {
		panic(err) // it always can be written
	}
	e.Source, e.System = "/chaos", "elsewhere"
	rec := &kgo.Record{Topic: f.inbox, Partition: int32(r.IntN(int(f.inboxN))), Value: e.Data}
	for _, h := range e.Headers(0) {
		rec.Headers = append(rec.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
	}
	f.rows["inbox"]++
	return rec
}

// lastTick is up to where the time records of all runs must be the same: what idle time makes of them comes behind it.
func (f *feeder) lastTick() int64 { return began + (f.steps-1)*step - disorder }

// end makes the end markers: rows far in the future that close all windows, in every partition.
func (f *feeder) end() []*kgo.Record {
	at := began + f.steps*step + beyond
	var out []*kgo.Record
	for p := range metricPartitions {
		f.enc.Reset()
		f.enc.Resource([]pipeline.Label{{Name: "service.name", Value: "end"}, {Name: "service.namespace", Value: "end"}})
		f.enc.Gauge("end", "1", nil, at, 1)
		f.rows["metrics"]++
		out = append(out, &kgo.Record{Topic: metricsIn, Partition: int32(p), Value: f.enc.AppendTo(nil)})
	}
	for p := range logPartitions {
		f.rows["logs"]++
		out = append(out, &kgo.Record{Topic: logsIn, Partition: int32(p), Value: []byte(fmt.Sprintf(`{"time":%q,"severity":"info","body":"end","service.name":"end","service.namespace":"end"}`, schemas.FormatTime(at)))})
	}
	return out
}
