package engine

import (
	"sync"

	"github.com/homeostat/homeostat/internal/broker"
)

// pausable is what a lane needs of a fetcher.
type pausable interface {
	Pause(broker.TopicPartition)
	Resume(broker.TopicPartition)
}

// flow bounds what is fetched and not yet handed to a commit of one partition: at the bound its fetching pauses, at half
// of it it goes on. The poll loop, the lane and the committer all call it, so that nobody has to wait for another to
// notice: a poll loop whose partitions are all paused waits for ever.
type flow struct {
	tp      broker.TopicPartition
	fetcher pausable
	memory  int64
	// waiting is the number of chunks in the lane's queue.
	waiting func() int

	mu     sync.Mutex
	bytes  int64
	ahead  bool // too far ahead of other lanes in event time
	short  bool // the process is short of memory
	paused bool
}

// take counts bytes that were fetched.
func (f *flow) take(bytes int) {
	f.mu.Lock()
	f.bytes += int64(bytes)
	f.mu.Unlock()
}

// done counts bytes that are not the lane's any more.
func (f *flow) done(bytes int64) {
	f.mu.Lock()
	f.bytes -= bytes
	f.mu.Unlock()
}

// hold notes whether the lane is too far ahead.
func (f *flow) hold(ahead bool) {
	f.mu.Lock()
	f.ahead = ahead
	f.mu.Unlock()
	f.regulate()
}

// save notes whether the process is short of memory.
func (f *flow) save(short bool) {
	f.mu.Lock()
	f.short = short
	f.mu.Unlock()
	f.regulate()
}

// regulate pauses and resumes.
func (f *flow) regulate() {
	f.mu.Lock()
	defer f.mu.Unlock()
	bytes, chunks := f.memory, queueLength/2
	if f.paused {
		bytes, chunks = bytes/2, chunks/2
	}
	pause := f.ahead || f.short || f.bytes > bytes || f.waiting() > chunks
	switch {
	case pause && !f.paused:
		f.fetcher.Pause(f.tp)
	case !pause && f.paused:
		f.fetcher.Resume(f.tp)
	}
	f.paused = pause
}
