package simulated

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
)

// Member keeps the contract of broker.Group.
type Member struct {
	p   *Process
	cfg broker.GroupConfig
	// What follows is the driver's, and of Next between its requests.
	id string
	// estranged members lost their connection to the coordinator and have to join anew, with a new id.
	estranged bool
	current   *broker.Generation
	end       func()
	over      <-chan struct{}
	ended     bool
	closed    bool
}

// JoinGroup implements broker.Cluster.
func (p *Process) JoinGroup(cfg broker.GroupConfig) (broker.Member, error) {
	if cfg.ID == "" || len(cfg.Topics) == 0 {
		return nil, pipeline.Errorf("kafka.group.config", "a group needs an id and topics, not id %q and topics %v: name them", cfg.ID, cfg.Topics)
	}
	if cfg.Session == 0 {
		cfg.Session = 10 * time.Second
	}
	if cfg.Rebalance == 0 {
		cfg.Rebalance = cfg.Session
	}
	p.k.mu.Lock()
	defer p.k.mu.Unlock()
	m := &Member{p: p, cfg: cfg}
	p.members = append(p.members, m)
	// A process's stages join in any order.
	slices.SortStableFunc(p.members, func(a, b *Member) int { return cmp.Compare(a.cfg.ID, b.cfg.ID) })
	return m, nil
}

// group is the group at its coordinator, for the driver.
func (m *Member) group() *group { return m.p.k.group(m.cfg.ID) }

// assignment is what a member is told at the end of a rebalance.
type assignment struct {
	generation int32
	partitions []broker.TopicPartition
}

// Next implements broker.Member.
func (m *Member) Next(ctx context.Context) (*broker.Generation, error) {
	if !m.released(ctx) {
		return nil, pipeline.Errorf("kafka.stopped", "gave up to join group %s: %w", m.cfg.ID, context.Cause(ctx))
	}
	for {
		if m.estranged {
			m.id, m.estranged = "", false
		}
		id := m.id
		joined, err := m.p.ask(ctx, request{kind: "join", name: m.cfg.ID, do: func() (any, error) {
			return m.group().join(m, id)
		}})
		if err == nil {
			m.id = joined.(string)
			var a any
			a, err = m.p.ask(ctx, request{kind: "sync", name: m.cfg.ID, ready: m.decided, do: m.assigned})
			if err == nil {
				return m.begin(a.(assignment)), nil
			}
		}
		switch {
		case errors.Is(err, errDead):
			return nil, err
		case ctx.Err() != nil:
			return nil, pipeline.Errorf("kafka.stopped", "gave up to join group %s: %w", m.cfg.ID, context.Cause(ctx))
		case m.closed:
			return nil, broker.ErrClosed
		}
		m.id = "" // a client forgets its id on any error
	}
}

// released waits until the generation before is released. That comes first if ctx has ended as well, whatever select likes.
func (m *Member) released(ctx context.Context) bool {
	if m.current == nil {
		return true
	}
	select {
	case <-m.over:
		return true
	default:
	}
	select {
	case <-m.over:
		return true
	case <-ctx.Done():
		return false
	}
}

// decided says whether the coordinator has an answer for a member that joined.
func (m *Member) decided() bool {
	at := m.group().member(m.id)
	return at == nil || !at.joined
}

func (m *Member) assigned() (any, error) {
	at := m.group().member(m.id)
	if at == nil || at.generation == 0 {
		return nil, errUnknown
	}
	return assignment{at.generation, at.assigned}, nil
}

func (m *Member) begin(a assignment) *broker.Generation {
	m.current, m.end, m.over = broker.NewGeneration(m.cfg.ID, a.generation, m.id, a.partitions)
	m.ended = false
	return m.current
}

// outdated says that the next heartbeat will tell the member that its generation is over.
func (m *Member) outdated() bool {
	if m.current == nil || m.ended || !m.p.reachable(time.Now()) {
		return false
	}
	at := m.group().member(m.id)
	return m.estranged || at == nil || m.group().joining || at.generation != m.current.ID
}

func (m *Member) learn() {
	m.p.k.note("heartbeat", m.p.label, m.cfg.ID)
	m.ended = true
	m.end()
}

// Close implements broker.Member.
func (m *Member) Close() {
	m.p.k.mu.Lock()
	ended := m.ended || m.current == nil || m.p.dead
	m.ended, m.closed = true, true
	m.p.k.mu.Unlock()
	if !ended {
		m.end()
	}
	if m.id == "" {
		return
	}
	id := m.id
	// The coordinator finds out by itself if this does not arrive.
	_, _ = m.p.ask(context.Background(), request{kind: "leave", name: m.cfg.ID, do: func() (any, error) { m.group().leave(id); return nil, nil }})
}
