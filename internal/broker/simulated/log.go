package simulated

import (
	"errors"
	"slices"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
)

type topic struct {
	name       string
	partitions []*partition
	compacted  bool
}

// partition is a log of batches.
type partition struct {
	broker.TopicPartition
	start, end int64
	batches    []*batch
}

// Fate is what becomes of a batch.
type Fate int

// Pending batches belong to an open transaction.
const (
	Committed Fate = iota
	Pending
	Aborted
)

type batch struct {
	base, next int64
	records    []pipeline.Record // none in a marker
	fate       Fate
	corrupt    bool
	bytes      int
}

// AddTopic makes a topic.
func (k *Kafka) AddTopic(name string, partitions int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.byName[name] != nil {
		return
	}
	t := &topic{name: name}
	for i := range partitions {
		t.partitions = append(t.partitions, &partition{TopicPartition: broker.TopicPartition{Topic: name, Partition: int32(i)}})
	}
	k.topics, k.byName[name] = append(k.topics, t), t
}

// compactAt is how many batches a partition of a compacted topic has when it may be compacted.
const compactAt = 40

// compact leaves out, in partitions that have become long, what was written again under the same key since. Where it
// begins to leave everything as it is is left to chance.
func (t *topic) compact(k *Kafka) {
	if !t.compacted {
		return
	}
	for _, p := range t.partitions {
		if len(p.batches) < compactAt {
			continue
		}
		seen := map[string]bool{}
		head := len(p.batches) - 1 - k.random.IntN(compactAt/4)
		var left []*batch
		for i := len(p.batches) - 1; i >= 0; i-- {
			b := p.batches[i]
			kept := b.records[:0:0]
			for _, rec := range slices.Backward(b.records) {
				if !seen[string(rec.Key)] || i >= head {
					kept = append(kept, rec)
				}
				seen[string(rec.Key)] = true
			}
			slices.Reverse(kept)
			if b.records = kept; len(kept) > 0 {
				left = append(left, b)
			}
		}
		slices.Reverse(left)
		p.batches = left
		k.note("compacted", p.Topic, string(rune('0'+p.Partition)))
	}
}

// Damage changes a byte in the newest record of a topic that pick picks, as a disk may; false says that there is none.
func (k *Kafka) Damage(name string, pick func(rec *pipeline.Record) bool) bool {
	for _, p := range k.byName[name].partitions {
		for _, b := range slices.Backward(p.batches) {
			for i := range slices.Backward(b.records) {
				rec := &b.records[i]
				if len(rec.Value) == 0 || !pick(rec) {
					continue
				}
				value := slices.Clone(rec.Value)
				value[k.random.IntN(len(value))] ^= 0x20
				rec.Value = value
				k.note("damaged", p.Topic, string(rec.Key))
				return true
			}
		}
	}
	return false
}

// partition returns a partition, nil if it is not there.
func (k *Kafka) partition(tp broker.TopicPartition) *partition {
	k.mu.Lock()
	defer k.mu.Unlock()
	t := k.byName[tp.Topic]
	if t == nil || tp.Partition < 0 || int(tp.Partition) >= len(t.partitions) {
		return nil
	}
	return t.partitions[tp.Partition]
}

// Append writes one batch as a producer outside of the pipeline would: committed or aborted ones with their marker if
// transactional, and a corrupt one if the disk is to be at fault.
func (k *Kafka) Append(tp broker.TopicPartition, messages []broker.Message, fate Fate, transactional, corrupt bool) {
	p := k.partition(tp)
	b := p.append(messages, fate)
	b.corrupt = corrupt
	if transactional {
		p.mark()
	}
	k.note("input", tp.Topic, string(rune('0'+tp.Partition)))
}

func (p *partition) append(messages []broker.Message, fate Fate) *batch {
	b := &batch{base: p.end, fate: fate, bytes: 61}
	for i := range messages {
		m := &messages[i]
		at := m.Time
		if at.IsZero() {
			at = time.Now()
		}
		b.records = append(b.records, pipeline.Record{Topic: p.Topic, Partition: p.Partition, Offset: p.end, Timestamp: at.UnixMilli(), Key: m.Key, Value: m.Value, Headers: m.Headers})
		b.bytes += len(m.Key) + len(m.Value) + 20
		p.end++
	}
	b.next = p.end
	p.batches = append(p.batches, b)
	return b
}

// mark writes a control batch.
func (p *partition) mark() {
	p.batches = append(p.batches, &batch{base: p.end, next: p.end + 1, fate: Committed, bytes: 78})
	p.end++
}

// stable is the last stable offset.
func (p *partition) stable() int64 {
	for _, b := range p.batches {
		if b.fate == Pending {
			return b.base
		}
	}
	return p.end
}

// DeleteUntil deletes whole batches before an offset, as retention does, and returns the records that are gone.
func (k *Kafka) DeleteUntil(tp broker.TopicPartition, offset int64) (gone []pipeline.Record) {
	p := k.partition(tp)
	n := 0
	for n < len(p.batches) && p.batches[n].next <= offset && p.batches[n].fate != Pending {
		gone = append(gone, p.batches[n].records...)
		p.start = p.batches[n].next
		n++
	}
	p.batches = p.batches[n:]
	k.note("delete", tp.Topic, string(rune('0'+tp.Partition)))
	return gone
}

// Records returns what a reader of committed records sees of a topic, in order of partition.
func (k *Kafka) Records(name string) (records []pipeline.Record) {
	for _, p := range k.byName[name].partitions {
		records = append(records, k.RecordsFrom(p.TopicPartition, 0)...)
	}
	return records
}

// RecordsFrom returns what a reader of committed records sees of a partition from an offset on.
func (k *Kafka) RecordsFrom(tp broker.TopicPartition, from int64) (records []pipeline.Record) {
	p := k.partition(tp)
	stable := p.stable()
	for _, b := range p.batches[p.search(from):] {
		if b.fate == Committed && b.next <= stable && !b.corrupt {
			records = append(records, b.records...)
		}
	}
	return records
}

// search returns the place of the batch that an offset lies in.
func (p *partition) search(offset int64) int {
	at, _ := slices.BinarySearchFunc(p.batches, offset, func(b *batch, o int64) int {
		if b.next <= o {
			return -1
		}
		return 1
	})
	return at
}

// HasTopic says whether a topic is there.
func (k *Kafka) HasTopic(name string) bool { return k.byName[name] != nil }

// Partitions returns the partitions of a topic in order.
func (k *Kafka) Partitions(name string) (tps []broker.TopicPartition) {
	for _, p := range k.byName[name].partitions {
		tps = append(tps, p.TopicPartition)
	}
	return tps
}

// Ends returns where the partitions of a topic end.
func (k *Kafka) Ends(name string) map[broker.TopicPartition]int64 {
	ends := map[broker.TopicPartition]int64{}
	for _, p := range k.byName[name].partitions {
		ends[p.TopicPartition] = p.end
	}
	return ends
}

// chunk reads up to limit batches from an offset on.
func (p *partition) chunk(next int64, limit int, uncommitted bool) broker.Chunk {
	end := p.stable()
	c := broker.Chunk{TopicPartition: p.TopicPartition, Next: next, Stable: end, HighWatermark: p.end}
	if uncommitted {
		c.Stable, end = p.end, p.end
	}
	if next < p.start || next > p.end {
		to := p.start
		if next > p.end {
			to = p.end
		}
		c.Stable, c.HighWatermark = -1, -1
		c.Err = &broker.GapError{TopicPartition: p.TopicPartition, From: next, To: to}
		return c
	}
	for _, b := range p.batches[p.search(next):] {
		if b.base >= end || limit == 0 {
			break
		}
		limit--
		if b.corrupt {
			c.Err = &broker.CorruptError{TopicPartition: p.TopicPartition, From: b.base, To: b.next, Err: errors.New("checksum")}
			break
		}
		if b.fate == Committed || uncommitted {
			for i := range b.records {
				if b.records[i].Offset >= next {
					c.Records = append(c.Records, b.records[i])
				}
			}
			c.Bytes += b.bytes
		}
		c.Next = b.next
	}
	return c
}
