package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/otlp"
)

// feed writes events to a topic.
type feed struct {
	client *kgo.Client
	topic  string
	sent   int64
	count  atomic.Int64 // sent, for others to see
	failed atomic.Pointer[error]
}

func (f *feed) produce(r *kgo.Record) {
	r.Topic = f.topic
	f.client.Produce(context.Background(), r, func(_ *kgo.Record, err error) {
		if err != nil {
			f.failed.CompareAndSwap(nil, &err)
		}
	})
}

// end waits until all is written.
func (f *feed) end() error {
	if err := f.client.Flush(context.Background()); err != nil {
		return err
	}
	if err := f.failed.Load(); err != nil {
		return fmt.Errorf("the feed of %s: %w", f.topic, *err)
	}
	return nil
}

// slab cuts the records' bytes out of large pieces.
type slab []byte

func (s *slab) record(p *population, series int, at int64, value float64) []byte {
	if cap(*s)-len(*s) < 512 {
		*s = make(slab, 0, 1<<20)
	}
	from := len(*s)
	*s = p.appendRecord(*s, series, at, value)
	return (*s)[from:len(*s):len(*s)]
}

// live writes rate events a second, of now, until ctx ends.
func (f *feed) live(ctx context.Context, p *population, rate int64, window time.Duration) error {
	start := time.Now()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	var bytes slab
	for ctx.Err() == nil {
		due := int64(time.Since(start)) * rate / int64(time.Second)
		for now := time.Now().UnixNano(); f.sent < due; f.sent++ {
			s := seriesOf(f.sent)
			f.produce(&kgo.Record{Partition: p.partition[s], Key: p.key[s], Value: bytes.record(p, s, now, p.valueOf(s, f.sent, now, int64(window)))})
		}
		f.count.Store(f.sent)
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	return f.end()
}

// fill writes n events from the event of that number on, 20,000 to a second of event time before now.
func (f *feed) fill(p *population, n int64, window time.Duration, began int64) error {
	var bytes slab
	for last := f.sent + n; f.sent < last; f.sent++ {
		s, at := seriesOf(f.sent), began+f.sent*int64(time.Second)/20_000
		f.produce(&kgo.Record{Partition: p.partition[s], Key: p.key[s], Value: bytes.record(p, s, at, p.valueOf(s, f.sent, at, int64(window)))})
	}
	return f.end()
}

// crowd is many series: sixteen on each host, keyed by host.
type crowd struct {
	series     int
	partitions int
}

const hostSeries, hostsTogether = 16, 32

// round writes one point of each series, of that time, many points a record.
func (c *crowd) round(f *feed, at int64) error {
	batches := make([]struct {
		*otlp.Encoder
		hosts int
	}, c.partitions)
	for p := range batches {
		batches[p].Encoder = otlp.NewEncoder(nil)
	}
	send := func(p int, key []byte) {
		f.sent += int64(batches[p].Len())
		f.produce(&kgo.Record{Partition: int32(p), Key: key, Value: batches[p].AppendTo(nil)})
		batches[p].Reset()
		batches[p].hosts = 0
	}
	var key []byte
	for h := range c.series / hostSeries {
		name := fmt.Sprintf("host-%06d", h)
		key = []byte(name)
		p := broker.PartitionOf(key, c.partitions)
		b := &batches[p]
		b.Resource([]pipeline.Label{{Name: "service.name", Value: fmt.Sprintf("svc-%03d", h%services)}, {Name: "host.name", Value: name}, {Name: "deployment.environment", Value: "production"}})
		for i := range hostSeries {
			b.Gauge(names[i/8], "ms", crowdLabels[i%8], at, 50+float64(mix(uint64(h*hostSeries+i)^uint64(at))%1000)/20)
		}
		if b.hosts++; b.hosts == hostsTogether {
			send(int(p), key)
		}
	}
	for p := range batches {
		if batches[p].Len() > 0 {
			send(p, key)
		}
	}
	return f.end()
}

var crowdLabels = func() (all [8][]pipeline.Label) {
	for i := range all {
		all[i] = []pipeline.Label{{Name: "route", Value: fmt.Sprintf("/r/%d", i)}}
	}
	return all
}()
