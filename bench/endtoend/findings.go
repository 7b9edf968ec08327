package main

import (
	"context"
	"encoding/json"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/homeostat/homeostat/schemas"
)

// reader reads a pipeline's events as they are committed, and notes when they came.
type reader struct {
	client *kgo.Client
	cancel context.CancelFunc
	over   chan struct{}
	index  map[string]int

	mu sync.Mutex
	// opened has when the finding came that opened at the end of a window, by series.
	opened map[opening]time.Time
	// marks has each lane's time records.
	marks map[string]mark
	count int
}

type opening struct {
	series int
	end    int64
}

// mark is the last time record of a lane, and when it came.
type mark struct {
	watermark int64
	at        time.Time
}

// follow begins to read the events of a pipeline.
func (b *bench) follow(j *job, index map[string]int) (*reader, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(b.cluster.addr), kgo.ClientID("bench-reader"), kgo.ConsumeTopics(j.name+".events"),
		kgo.FetchMaxWait(50*time.Millisecond), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &reader{client: client, cancel: cancel, over: make(chan struct{}), index: index, opened: map[opening]time.Time{}, marks: map[string]mark{}}
	go func() {
		defer close(r.over)
		for ctx.Err() == nil {
			fetches := client.PollFetches(ctx)
			now := time.Now()
			r.mu.Lock()
			fetches.EachRecord(func(rec *kgo.Record) { r.note(rec, now) })
			r.mu.Unlock()
		}
	}()
	return r, nil
}

func (r *reader) note(rec *kgo.Record, now time.Time) {
	var lane, watermark, typ string
	for _, h := range rec.Headers {
		switch h.Key {
		case schemas.HeaderLane:
			lane = string(h.Value)
		case schemas.HeaderWatermark:
			watermark = string(h.Value)
		case schemas.HeaderType:
			typ = string(h.Value)
		}
	}
	if lane != "" {
		if t, err := strconv.ParseInt(watermark, 10, 64); err == nil && t > r.marks[lane].watermark {
			r.marks[lane] = mark{t, now}
		}
		return
	}
	if typ != schemas.TypeFinding {
		return
	}
	r.count++
	var f schemas.Finding
	if json.Unmarshal(rec.Value, &f) != nil || f.State != schemas.Open || f.Revision != 0 && f.Revision != 1 {
		return
	}
	end, err := time.Parse(time.RFC3339Nano, f.End)
	s, ok := r.index[seriesName(f.Series.Metric, f.Series.Labels["host.name"], f.Series.Labels["status"])]
	if err != nil || !ok {
		return
	}
	at := opening{s, end.UnixNano()}
	if _, again := r.opened[at]; !again {
		r.opened[at] = now
	}
}

// lanes returns the lanes' time records, but for those of the inbox.
func (r *reader) lanes() map[string]mark {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[string]mark{}
	for lane, m := range r.marks {
		out[lane] = m
	}
	return out
}

func (r *reader) close() {
	r.cancel()
	<-r.over
	r.client.Close()
}
