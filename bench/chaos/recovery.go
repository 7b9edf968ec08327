package main

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/homeostat/homeostat/bench/stand"
)

// monitor watches the groups' positions. The pipeline has come to itself after a fault when every partition's position
// has moved since.
type monitor struct {
	cluster *stand.Cluster
	groups  []string
	inputs  map[string][]stand.Partition // by group

	mu      sync.Mutex
	at      map[string]map[stand.Partition]int64
	waiting []*recovery
	done    []recovery
	changed chan struct{} // closed when something recovered
}

// recovery is the time from a fault until every partition moved again.
type recovery struct {
	kind  kind
	since time.Time
	from  map[string]map[stand.Partition]int64
	took  time.Duration
	// alone says that no other fault came in between.
	alone bool
}

func newMonitor(c *stand.Cluster, groups []string, inputs map[string][]stand.Partition) *monitor {
	return &monitor{cluster: c, groups: groups, inputs: inputs, at: map[string]map[stand.Partition]int64{}, changed: make(chan struct{})}
}

// pollEach is how often positions are asked for: the resolution of recovery times.
const pollEach = 150 * time.Millisecond

// run asks until ctx ends.
func (m *monitor) run(ctx context.Context) {
	tick := time.NewTicker(pollEach)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, g := range m.groups {
			limited, cancel := context.WithTimeout(ctx, 2*time.Second)
			at, err := m.cluster.Positions(limited, g)
			cancel()
			if err == nil {
				m.mu.Lock()
				m.at[g] = at
				m.mu.Unlock()
			}
		}
		m.review(time.Now())
	}
}

// fault notes one.
func (m *monitor) fault(k kind) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, w := range m.waiting {
		w.alone = false
	}
	from := map[string]map[stand.Partition]int64{}
	for g, at := range m.at {
		from[g] = at // replaced, never changed
	}
	m.waiting = append(m.waiting, &recovery{kind: k, since: time.Now(), from: from, alone: len(m.waiting) == 0})
}

func (m *monitor) review(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := len(m.waiting)
	m.waiting = slices.DeleteFunc(m.waiting, func(r *recovery) bool {
		for _, g := range m.groups {
			for _, p := range m.inputs[g] {
				if at, ok := m.at[g][p]; !ok || at <= r.from[g][p] {
					return false
				}
			}
		}
		r.took = now.Sub(r.since)
		m.done = append(m.done, *r)
		return true
	})
	if len(m.waiting) < before {
		close(m.changed)
		m.changed = make(chan struct{})
	}
}

// calm waits until nothing waits to recover; false if that takes longer than limit, or ctx ends.
func (m *monitor) calm(ctx context.Context, limit time.Duration) bool {
	over := time.NewTimer(limit)
	defer over.Stop()
	for {
		m.mu.Lock()
		n, changed := len(m.waiting), m.changed
		m.mu.Unlock()
		if n == 0 {
			return true
		}
		select {
		case <-changed:
		case <-over.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// oldest is how long the longest wait has lasted.
func (m *monitor) oldest() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.waiting) == 0 {
		return 0
	}
	return time.Since(m.waiting[0].since)
}

// times returns how long recoveries from kinds took, sorted; alone only those that no other fault drew out.
func (m *monitor) times(alone bool, of ...kind) []time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []time.Duration
	for _, r := range m.done {
		if slices.Contains(of, r.kind) && (r.alone || !alone) {
			out = append(out, r.took)
		}
	}
	slices.Sort(out)
	return out
}

// where tells the positions, for a run that hangs.
func (m *monitor) where() map[string]map[stand.Partition]int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string]map[stand.Partition]int64{}
	for g, at := range m.at {
		out[g] = at
	}
	return out
}
