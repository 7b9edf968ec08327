package simulated

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
)

// reader keeps the contract of broker.Fetcher.
type reader struct {
	p   *Process
	cfg broker.FetchConfig

	mu     sync.Mutex
	closed bool
	parts  []*reading // in order of topic and partition
}

type reading struct {
	broker.TopicPartition
	next            int64
	paused, stopped bool
}

// NewReader implements broker.Cluster.
func (p *Process) NewReader(cfg broker.FetchConfig) broker.Reader {
	if cfg.MaxWait == 0 {
		cfg.MaxWait = 500 * time.Millisecond
	}
	return &reader{p: p, cfg: cfg}
}

func (r *reader) find(tp broker.TopicPartition) *reading {
	for _, p := range r.parts {
		if p.TopicPartition == tp {
			return p
		}
	}
	return nil
}

// Assign implements broker.Reader.
func (r *reader) Assign(tp broker.TopicPartition, offset int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.find(tp)
	if p == nil {
		p = &reading{TopicPartition: tp}
		r.parts = append(r.parts, p)
		slices.SortFunc(r.parts, func(a, b *reading) int {
			if a.Topic != b.Topic {
				if a.Topic < b.Topic {
					return -1
				}
				return 1
			}
			return int(a.Partition - b.Partition)
		})
	}
	p.next, p.paused, p.stopped = offset, false, false
}

// Remove implements broker.Reader.
func (r *reader) Remove(tp broker.TopicPartition) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.parts = slices.DeleteFunc(r.parts, func(p *reading) bool { return p.TopicPartition == tp })
}

// Pause implements broker.Reader.
func (r *reader) Pause(tp broker.TopicPartition) { r.pause(tp, true) }

// Resume implements broker.Reader.
func (r *reader) Resume(tp broker.TopicPartition) { r.pause(tp, false) }

func (r *reader) pause(tp broker.TopicPartition, paused bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.find(tp); p != nil {
		p.paused = paused
	}
}

// Close implements broker.Reader. Nobody may be polling.
func (r *reader) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
}

// Poll implements broker.Reader. The driver cuts the answer at batches and leaves partitions out as it likes.
func (r *reader) Poll(ctx context.Context) ([]broker.Chunk, error) {
	r.mu.Lock()
	closed, name := r.closed, ""
	for _, p := range r.parts { // readers are told apart by what they read, not by which of their goroutines came first
		name += fmt.Sprintf("%s/%d@%d ", p.Topic, p.Partition, p.next)
	}
	r.mu.Unlock()
	if closed {
		return nil, broker.ErrClosed
	}
	since := time.Now()
	chunks, err := r.p.ask(ctx, request{
		kind: "poll", name: name, reads: true,
		ready: func() bool { return r.any(time.Since(since) >= r.cfg.MaxWait) },
		do:    func() (any, error) { return r.read(), nil },
	})
	if err != nil {
		return nil, err
	}
	return chunks.([]broker.Chunk), nil
}

// any says whether there is anything to answer: records, markers, an error, or after the longest wait nothing at all.
func (r *reader) any(waited bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.parts, func(p *reading) bool { return !p.paused && !p.stopped && (waited || r.has(p)) })
}

func (r *reader) has(p *reading) bool {
	at := r.p.k.partition(p.TopicPartition)
	if at == nil {
		return false
	}
	end := at.stable()
	if r.cfg.Uncommitted {
		end = at.end
	}
	return p.next < end || p.next > at.end || p.next < at.start
}

func (r *reader) read() []broker.Chunk {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := r.p.k
	var asked, chosen []*reading
	for _, p := range r.parts {
		if !p.paused && !p.stopped && k.partition(p.TopicPartition) != nil {
			asked = append(asked, p)
		}
	}
	some := slices.ContainsFunc(asked, r.has)
	for _, p := range asked {
		if !some || k.fate.IntN(2) == 0 {
			chosen = append(chosen, p)
		}
	}
	if some && !slices.ContainsFunc(chosen, r.has) {
		chosen = append(chosen, asked[slices.IndexFunc(asked, r.has)])
	}
	k.fate.Shuffle(len(chosen), func(i, j int) { chosen[i], chosen[j] = chosen[j], chosen[i] })
	var chunks []broker.Chunk
	for _, p := range chosen {
		most := 4
		if r.cfg.Uncommitted {
			most = 64 // a scan of a topic of the pipeline's own
		}
		c := k.partition(p.TopicPartition).chunk(p.next, 1+k.fate.IntN(most), r.cfg.Uncommitted)
		p.next, p.stopped = c.Next, c.Err != nil
		chunks = append(chunks, c)
	}
	return chunks
}
