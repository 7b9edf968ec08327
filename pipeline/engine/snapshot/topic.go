package snapshot

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
)

// Topic keeps snapshots in a compacted topic. Manifests are in its first partition, which is short and read whole; the chunks
// of a lane are in one of the others, by the hash of its name, and the manifest says between which offsets. A key is
// LANE|SLOT|INDEX, or LANE|SLOT|manifest; header hs-snapshot is the snapshot's id.
type Topic struct {
	Cluster    broker.Cluster
	Name       string
	Partitions int
}

const (
	headerSnapshot = "hs-snapshot"
	manifestKey    = "manifest"
)

// produceBytes bounds what is handed to the broker at once.
const produceBytes = 8 << 20

func key(lane string, slot int, last string) []byte {
	return []byte(lane + "|" + strconv.Itoa(slot) + "|" + last)
}

func readKey(b []byte) (lane string, slot int, last string, ok bool) {
	parts := strings.Split(string(b), "|")
	if len(parts) < 3 {
		return "", 0, "", false
	}
	n := len(parts)
	slot, err := strconv.Atoi(parts[n-2])
	return strings.Join(parts[:n-2], "|"), slot, parts[n-1], err == nil && slot >= 0 && slot < Slots
}

// chunks is the partition that a lane's chunks go to.
func (t *Topic) chunks(lane string) broker.TopicPartition {
	tp := broker.TopicPartition{Topic: t.Name}
	if t.Partitions > 1 {
		tp.Partition = 1 + broker.PartitionOf([]byte(lane), t.Partitions-1)
	}
	return tp
}

// Save implements Store.
func (t *Topic) Save(ctx context.Context, slot int, s *Snapshot) error {
	fail := func(err error) error { return fmt.Errorf("saving the snapshot of lane %s: %w", s.Lane, err) }
	m := s.Manifest
	tp := t.chunks(s.Lane)
	var err error
	if m.From, err = t.end(ctx, tp); err != nil {
		return fail(err)
	}
	message := func(partition int32, last string, value []byte) broker.Message {
		return broker.Message{Topic: t.Name, Partition: partition, Key: key(s.Lane, slot, last), Value: value,
			Headers: []pipeline.Header{{Key: headerSnapshot, Value: []byte(s.ID)}}}
	}
	var messages []broker.Message
	size := 0
	for i := range s.Chunks {
		c := s.chunk(i)
		messages, size = append(messages, message(tp.Partition, strconv.Itoa(i), c)), size+len(c)
		if size < produceBytes && i < s.Chunks-1 {
			continue
		}
		if err := t.Cluster.Produce(ctx, messages); err != nil {
			return fail(err)
		}
		messages, size = messages[:0], 0
	}
	if m.To, err = t.end(ctx, tp); err != nil {
		return fail(err)
	}
	m.Sum = m.sum()
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("BUG: the manifest of lane %s is no JSON: %w", s.Lane, err)
	}
	if err := t.Cluster.Produce(ctx, []broker.Message{message(0, manifestKey, text)}); err != nil {
		return fail(err)
	}
	return nil
}

// Delete implements Store. A slot without a manifest is empty; its chunks are overwritten by the next snapshot.
func (t *Topic) Delete(ctx context.Context, lane string) error {
	var messages []broker.Message
	for slot := range Slots {
		messages = append(messages, broker.Message{Topic: t.Name, Key: key(lane, slot, manifestKey)})
	}
	if err := t.Cluster.Produce(ctx, messages); err != nil {
		return fmt.Errorf("deleting the snapshots of lane %s: %w", lane, err)
	}
	return nil
}

func (t *Topic) end(ctx context.Context, tp broker.TopicPartition) (int64, error) {
	bounds, err := t.Cluster.Bounds(ctx, []broker.TopicPartition{tp})
	return bounds[tp].End, err
}

// Load implements Store.
func (t *Topic) Load(ctx context.Context, lanes ...string) (map[string][]Stored, error) {
	found, err := t.manifests(ctx, lanes)
	if err != nil {
		return nil, err
	}
	var all []*Stored
	for _, slots := range found {
		for i := range slots {
			all = append(all, &slots[i])
		}
	}
	if err := t.read(ctx, all); err != nil {
		return nil, err
	}
	for lane := range found {
		found[lane] = sorted(found[lane])
	}
	return found, nil
}

// Newest implements Store.
func (t *Topic) Newest(ctx context.Context, at map[string]int64) (map[string][]Stored, error) {
	found, err := t.manifests(ctx, slices.Sorted(maps.Keys(at)))
	if err != nil {
		return nil, err
	}
	for lane := range found {
		found[lane] = sorted(found[lane])
	}
	// Where the newest is damaged, the next one is read as well.
	for range Slots {
		var next []*Stored
		for _, lane := range slices.Sorted(maps.Keys(found)) {
			if s := candidate(found[lane], at[lane]); s != nil {
				next = append(next, s)
			}
		}
		if len(next) == 0 {
			break
		}
		if err := t.read(ctx, next); err != nil {
			return nil, err
		}
	}
	for lane := range found {
		found[lane] = sorted(found[lane])
	}
	return found, nil
}

// candidate returns the newest slot at or before a position that is not read yet; nil if one that is can be used, or there
// is none.
func candidate(found []Stored, at int64) *Stored {
	for i := range found {
		s := &found[i]
		switch {
		case s.Err != nil || at >= 0 && s.Manifest.Position > at:
		case s.Snapshot != nil:
			return nil
		default:
			return s
		}
	}
	return nil
}

// manifests reads the manifests of lanes, of all without any. What they describe is not read yet.
func (t *Topic) manifests(ctx context.Context, lanes []string) (map[string][]Stored, error) {
	tp := broker.TopicPartition{Topic: t.Name}
	bounds, err := t.Cluster.Bounds(ctx, []broker.TopicPartition{tp})
	if err != nil {
		return nil, err
	}
	texts := map[string]*[Slots][]byte{}
	err = t.scan(ctx, map[broker.TopicPartition]int64{tp: bounds[tp].Start}, map[broker.TopicPartition]int64{tp: bounds[tp].End}, func(rec *pipeline.Record) error {
		lane, slot, last, ok := readKey(rec.Key)
		if !ok || last != manifestKey || len(lanes) > 0 && !slices.Contains(lanes, lane) {
			return nil
		}
		if texts[lane] == nil {
			texts[lane] = &[Slots][]byte{}
		}
		texts[lane][slot] = bytes.Clone(rec.Value)
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := map[string][]Stored{}
	for lane, slots := range texts {
		for slot, text := range slots {
			if text == nil {
				continue
			}
			s := Stored{Slot: slot}
			s.Manifest, s.Err = readManifest(text)
			s.text = text
			out[lane] = append(out[lane], s)
		}
	}
	return out, nil
}

func (t *Topic) scan(ctx context.Context, from, to map[broker.TopicPartition]int64, each func(*pipeline.Record) error) error {
	if err := broker.Scan(ctx, t.Cluster, broker.FetchConfig{Uncommitted: true}, from, to, each); err != nil {
		return fmt.Errorf("reading snapshots from topic %s: %w", t.Name, err)
	}
	return nil
}

// read reads what manifests describe, all at once, and puts it together.
func (t *Topic) read(ctx context.Context, wanted []*Stored) error {
	chunks := map[string]map[int][]byte{} // by id
	for _, s := range wanted {
		chunks[s.Manifest.ID] = map[int][]byte{}
	}
	for _, toEnd := range [...]bool{false, true} {
		if err := t.readChunks(ctx, wanted, chunks, toEnd); err != nil {
			return err
		}
	}
	for _, s := range wanted {
		if s.Err == nil {
			*s = assemble(s.Slot, s.text, chunks[s.Manifest.ID])
		}
	}
	return nil
}

// readChunks reads the chunks that are not there yet, between the offsets that the manifests say, or to the end of the topic: a
// request that got no answer and was repeated may have arrived late, behind the manifest, and compaction keeps only what is last.
func (t *Topic) readChunks(ctx context.Context, wanted []*Stored, chunks map[string]map[int][]byte, toEnd bool) error {
	from, to := map[broker.TopicPartition]int64{}, map[broker.TopicPartition]int64{}
	for _, s := range wanted {
		m := &s.Manifest
		if s.Err != nil || len(chunks[m.ID]) == m.Chunks {
			continue
		}
		tp := t.chunks(m.Lane)
		if have, ok := from[tp]; !ok || m.From < have {
			from[tp] = m.From
		}
		to[tp] = max(to[tp], m.To)
	}
	if len(from) == 0 {
		return nil
	}
	if toEnd {
		bounds, err := t.Cluster.Bounds(ctx, slices.Collect(maps.Keys(from)))
		if err != nil {
			return err
		}
		for tp := range to {
			to[tp] = bounds[tp].End
		}
	}
	return t.scan(ctx, from, to, func(rec *pipeline.Record) error {
		id, _ := rec.Header(headerSnapshot)
		_, _, last, ok := readKey(rec.Key)
		i, err := strconv.Atoi(last)
		if of := chunks[string(id)]; ok && err == nil && of != nil && rec.Value != nil {
			of[i] = bytes.Clone(rec.Value)
		}
		return nil
	})
}
