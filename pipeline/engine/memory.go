package engine

import (
	"context"
	"math"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/homeostat/homeostat/pipeline"
)

// The process keeps below Go's memory limit (GOMEMLIMIT): above the upper share of it nothing is fetched, until it is
// below the lower one. What is in flight can't grow then; state that has grown too large is bounded by limits.series and the
// operators' own limits, and must not stop the work for good: so a pause has an end.
const (
	memoryUpper = 0.90
	memoryLower = 0.80
	memoryLook  = 100 * time.Millisecond
	longestSave = 2 * time.Second
	shortestRun = 300 * time.Millisecond
)

// memoryInUse is what the limit is about: what the runtime has mapped and not given back.
func memoryInUse() int64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return int64(samples[0].Value.Uint64() - samples[1].Value.Uint64())
}

// watchMemory pauses and resumes the fetching of all stages. Without a limit it does nothing.
func watchMemory(ctx context.Context, stages []*stageRun, m *pipeline.Metrics) error {
	limit := debug.SetMemoryLimit(-1)
	if limit == math.MaxInt64 {
		return nil
	}
	m.Gauge("memory_limit_bytes", "The memory limit of the process.").WithLabelValues().Set(float64(limit))
	pauses := m.Counter("memory_pauses_total", "Times that fetching paused because the process was near its memory limit.").WithLabelValues()
	w := memoryWatch{limit: limit}
	tick := time.NewTicker(memoryLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			if before := w.short; w.look(memoryInUse(), now) && !before {
				pauses.Inc()
			}
		}
		for _, s := range stages {
			_, lanes := s.current()
			for _, l := range lanes {
				l.flow.save(w.short)
			}
		}
	}
}

// memoryWatch decides when to pause.
type memoryWatch struct {
	limit int64
	short bool
	since time.Time // of the last change
}

func (w *memoryWatch) look(inUse int64, now time.Time) (short bool) {
	share, lasted := float64(inUse)/float64(w.limit), now.Sub(w.since)
	switch {
	case !w.short && share > memoryUpper && lasted >= shortestRun,
		w.short && (share < memoryLower || lasted >= longestSave):
		w.short, w.since = !w.short, now
	}
	return w.short
}
