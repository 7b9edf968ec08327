package simulated

import (
	"errors"
	"slices"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
)

// What coordinators and leaders answer.
var (
	errFenced  = errors.New("PRODUCER_FENCED")
	errState   = errors.New("INVALID_TXN_STATE")
	errUnknown = errors.New("UNKNOWN_MEMBER_ID")
	errStale   = errors.New("ILLEGAL_GENERATION")
)

// coordinator keeps the transactions of one transactional id.
type coordinator struct {
	k      *Kafka
	id     string
	epoch  int
	handed int // the last epoch that was handed out; the coordinator's own aborts are beyond it
	open   bool
	// committed says how the last transaction ended, of epoch ended.
	committed  bool
	ended      int
	expires    time.Time
	timeout    time.Duration
	partitions []*partition
	groups     []*group
	written    []*batch
	markers    int // still to be written
}

// marker is one partition's or group's part in the end of a transaction that is decided.
type marker struct {
	of        *coordinator
	commit    bool
	partition *partition
	group     *group
	batches   []*batch
	due       time.Time
}

func (k *Kafka) coordinator(id string) *coordinator {
	for _, c := range k.writers {
		if c.id == id {
			return c
		}
	}
	c := &coordinator{k: k, id: id}
	k.writers = append(k.writers, c)
	return c
}

// settled says whether the last transaction's markers are all written. Before that a broker answers
// CONCURRENT_TRANSACTIONS, which clients repeat.
func (c *coordinator) settled() bool { return c.markers == 0 }

// abandon aborts what is open and fences who opened it: the first part of InitProducerId.
func (c *coordinator) abandon(own int) error {
	if own >= 0 && own != c.handed {
		return errFenced
	}
	if c.open {
		c.epoch++
		c.decide(false)
	}
	return nil
}

// hand is the second part of InitProducerId.
func (c *coordinator) hand(own int, timeout time.Duration) (int, error) {
	if own >= 0 && own != c.handed {
		return 0, errFenced
	}
	if c.open { // by a request that came in between
		c.epoch++
		c.decide(false)
	}
	c.epoch++
	c.handed, c.timeout, c.ended = c.epoch, timeout, -1
	return c.epoch, nil
}

func (c *coordinator) check(epoch int) error {
	if epoch != c.epoch {
		return errFenced
	}
	return nil
}

// begin is what the first request of a transaction does. Brokers look for time-outs every 10 s.
func (c *coordinator) begin() {
	if !c.open {
		c.open = true
		c.expires = time.Now().Add(c.timeout + c.k.during(10*time.Second))
	}
}

func (c *coordinator) addPartitions(epoch int, tps []broker.TopicPartition) error {
	if err := c.check(epoch); err != nil {
		return err
	}
	if !c.settled() {
		return errState
	}
	c.begin()
	for _, tp := range tps {
		if p := c.k.partition(tp); !slices.Contains(c.partitions, p) {
			c.partitions = append(c.partitions, p)
		}
	}
	return nil
}

// write is a produce request. Leaders ask the coordinator whether the partition belongs to the transaction.
func (c *coordinator) write(epoch int, batches []outBatch) error {
	for _, b := range batches {
		p := c.k.partition(b.TopicPartition)
		switch {
		case c.check(epoch) != nil:
			return errFenced
		case !c.open || !slices.Contains(c.partitions, p):
			return errState
		}
		c.written = append(c.written, p.append(b.messages, Pending))
	}
	return nil
}

func (c *coordinator) addOffsets(epoch int, g *group) error {
	if err := c.check(epoch); err != nil {
		return err
	}
	if !c.settled() {
		return errState
	}
	c.begin()
	if !slices.Contains(c.groups, g) {
		c.groups = append(c.groups, g)
	}
	return nil
}

func (c *coordinator) commitOffsets(epoch int, g *group, s broker.Share) error {
	switch {
	case c.check(epoch) != nil:
		return errFenced
	case !c.open || !slices.Contains(c.groups, g):
		return errState
	}
	if err := g.fence(s.Generation); err != nil {
		return err
	}
	for _, tp := range sortedPartitions(s.Offsets) {
		g.pending = append(g.pending, pendingOffset{c, tp, s.Offsets[tp], s.Note})
	}
	return nil
}

// end is EndTxn: the decision. The markers follow.
func (c *coordinator) end(epoch int) error {
	if err := c.check(epoch); err != nil {
		return err
	}
	if !c.open {
		if c.committed && c.ended == epoch {
			return nil
		}
		return errState
	}
	c.decide(true)
	return nil
}

func (c *coordinator) decide(commit bool) {
	c.open, c.committed, c.ended = false, commit, c.epoch
	add := func(m *marker) {
		m.of, m.commit = c, commit
		m.due = time.Now().Add(c.k.during(c.k.Markers))
		c.k.markers = append(c.k.markers, m)
		c.markers++
	}
	for _, p := range c.partitions {
		m := &marker{partition: p}
		for _, b := range c.written {
			if slices.Contains(p.batches, b) {
				m.batches = append(m.batches, b)
			}
		}
		add(m)
	}
	for _, g := range c.groups {
		add(&marker{group: g})
	}
	c.partitions, c.groups, c.written = nil, nil, nil
}

// mark writes one marker.
func (k *Kafka) mark(m *marker) {
	k.markers = slices.DeleteFunc(k.markers, func(o *marker) bool { return o == m })
	m.of.markers--
	how := "abort"
	if m.commit {
		how = "commit"
	}
	if m.group != nil {
		k.note("marker", how, m.of.id, m.group.id)
		m.group.resolve(m.of, m.commit)
		return
	}
	k.note("marker", how, m.of.id, m.partition.Topic, string(rune('0'+m.partition.Partition)))
	for _, b := range m.batches {
		if b.fate = Aborted; m.commit {
			b.fate = Committed
		}
	}
	m.partition.mark()
}
