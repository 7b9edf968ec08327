package simulated

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
)

// group is a group at its coordinator, with the eager protocol.
type group struct {
	k          *Kafka
	id         string
	generation int32
	members    []*membership
	joining    bool      // a rebalance is on: members join
	earliest   time.Time // of its end: an empty group waits for more members
	deadline   time.Time // of its end
	named      int
	committed  map[broker.TopicPartition]int64
	notes      map[broker.TopicPartition]string
	writers    map[broker.TopicPartition]string // of the last transaction that moved it
	pending    []pendingOffset
	owners     map[int32]string // partition number → member that had it
}

// pendingOffset is a position that a transaction will move.
type pendingOffset struct {
	by     *coordinator
	tp     broker.TopicPartition
	offset int64
	note   string
}

// membership is a member as the coordinator sees it.
type membership struct {
	id         string
	of         *Member
	joined     bool // in the rebalance that is on
	generation int32
	assigned   []broker.TopicPartition
	seen       time.Time
}

func (k *Kafka) group(id string) *group {
	for _, g := range k.groups {
		if g.id == id {
			return g
		}
	}
	g := &group{k: k, id: id, committed: map[broker.TopicPartition]int64{}, notes: map[broker.TopicPartition]string{}, writers: map[broker.TopicPartition]string{}, owners: map[int32]string{}}
	k.groups = append(k.groups, g)
	return g
}

func (g *group) member(id string) *membership {
	for _, m := range g.members {
		if m.id == id {
			return m
		}
	}
	return nil
}

// fence is what a commit of positions has to pass.
func (g *group) fence(gen *broker.Generation) error {
	switch {
	case g.k.Unfenced:
		return nil
	case g.member(gen.Member) == nil:
		return errUnknown
	case gen.ID != g.generation:
		return errStale
	}
	return nil
}

// join adds a member to the rebalance, which it begins if none is on. id is empty for a new member.
func (g *group) join(of *Member, id string) (string, error) {
	now := time.Now()
	m := g.member(id)
	switch {
	case id != "" && m == nil:
		return "", errUnknown
	case m == nil:
		g.named++
		m = &membership{id: fmt.Sprintf("%s-%s-%d", of.p.label, g.id, g.named), of: of}
		g.begin(now)
		g.members = append(g.members, m)
	default:
		g.begin(now)
	}
	m.joined, m.seen = true, now
	return m.id, nil
}

// begin begins a rebalance.
func (g *group) begin(now time.Time) {
	if g.joining {
		return
	}
	g.joining, g.earliest, g.deadline = true, now, now.Add(10*time.Second)
	for _, m := range g.members {
		g.deadline = later(g.deadline, now.Add(m.of.cfg.Rebalance))
	}
	if len(g.members) == 0 {
		g.earliest = now.Add([]time.Duration{1, 300 * time.Millisecond, 3 * time.Second}[g.k.random.IntN(3)])
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (g *group) leave(id string) {
	n := len(g.members)
	g.members = slices.DeleteFunc(g.members, func(m *membership) bool { return m.id == id })
	if len(g.members) < n {
		g.k.note("leaves", g.id, id)
		g.begin(time.Now())
	}
}

// tick removes members whose session ended or who did not join in time, and ends a rebalance that all have joined.
func (g *group) tick(now time.Time) {
	for _, m := range slices.Clone(g.members) {
		if g.k.down() || m.of.id == m.id && !m.of.estranged && !m.of.closed && m.of.p.reachable(now) {
			m.seen = now
		}
		if now.Sub(m.seen) > m.of.cfg.Session {
			g.leave(m.id)
		}
	}
	if !g.joining || g.k.down() {
		return
	}
	waiting := func(m *membership) bool { return !m.joined }
	if now.After(g.deadline) {
		g.members = slices.DeleteFunc(g.members, waiting)
	}
	if now.Before(g.earliest) || slices.ContainsFunc(g.members, waiting) {
		return
	}
	g.joining = false
	g.generation++
	g.share()
	g.k.note("generation", g.id, fmt.Sprint(g.generation, " of ", len(g.members)))
}

// share shares out partition numbers evenly; members keep what they had as far as that goes.
func (g *group) share() {
	if len(g.members) == 0 {
		return
	}
	slices.SortFunc(g.members, func(a, b *membership) int { return cmp.Compare(a.id, b.id) })
	most := 0
	var topics []*topic
	for _, name := range g.members[0].of.cfg.Topics {
		if t := g.k.byName[name]; t != nil {
			topics = append(topics, t)
			most = max(most, len(t.partitions))
		}
	}
	least, larger := most/len(g.members), most%len(g.members)
	given := map[string]int{}
	var left []int32
	for n := range int32(most) {
		owner := g.owners[n]
		switch {
		case g.member(owner) != nil && given[owner] < least:
			given[owner]++
		case g.member(owner) != nil && given[owner] == least && larger > 0:
			given[owner]++
			larger--
		default:
			left = append(left, n)
		}
	}
	for _, n := range left {
		to := slices.MinFunc(g.members, func(a, b *membership) int { return given[a.id] - given[b.id] })
		given[to.id]++
		g.owners[n] = to.id
	}
	for _, m := range g.members {
		m.joined, m.generation, m.assigned = false, g.generation, nil
		for _, t := range topics {
			for n := range t.partitions {
				if g.owners[int32(n)] == m.id {
					m.assigned = append(m.assigned, broker.TopicPartition{Topic: t.name, Partition: int32(n)})
				}
			}
		}
		sortPartitions(m.assigned)
	}
}

func sortPartitions(tps []broker.TopicPartition) {
	slices.SortFunc(tps, func(a, b broker.TopicPartition) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
}

func sortedPartitions(offsets map[broker.TopicPartition]int64) []broker.TopicPartition {
	tps := slices.Collect(maps.Keys(offsets))
	sortPartitions(tps)
	return tps
}

// resolve applies or drops what a transaction was to move.
func (g *group) resolve(by *coordinator, commit bool) {
	var rest []pendingOffset
	for _, p := range g.pending {
		switch {
		case p.by != by:
			rest = append(rest, p)
		case commit:
			g.move(p.tp, p.offset, p.note)
			g.writers[p.tp] = by.id
		}
	}
	g.pending = rest
}

func (g *group) move(tp broker.TopicPartition, offset int64, note string) {
	if have, ok := g.committed[tp]; ok && have > offset {
		g.k.violate("group %s: the position of %s/%d goes back from %d to %d", g.id, tp.Topic, tp.Partition, have, offset)
	}
	g.committed[tp], g.notes[tp] = offset, note
	if g.k.Trace != nil {
		g.k.Trace(fmt.Sprintf("  %s %s/%d at %d", g.id, tp.Topic, tp.Partition, offset))
	}
}

func (g *group) unstable(tps []broker.TopicPartition) bool {
	return slices.ContainsFunc(g.pending, func(p pendingOffset) bool { return slices.Contains(tps, p.tp) })
}

// Position returns a group's committed position, -1 if there is none.
func (k *Kafka) Position(id string, tp broker.TopicPartition) int64 {
	if at, ok := k.group(id).committed[tp]; ok {
		return at
	}
	return -1
}
