package snapshot

import (
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

// Topic keeps snapshots in a compacted topic. All records of a lane are in one partition, by the hash of its name. A key is
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

// Save implements Store.
func (t *Topic) Save(ctx context.Context, slot int, s *Snapshot) error {
	message := func(last string, value []byte) broker.Message {
		return broker.Message{Topic: t.Name, Partition: broker.PartitionOf([]byte(s.Lane), t.Partitions), Key: key(s.Lane, slot, last), Value: value,
			Headers: []pipeline.Header{{Key: headerSnapshot, Value: []byte(s.ID)}}}
	}
	var messages []broker.Message
	size := 0
	send := func() error {
		if err := t.Cluster.Produce(ctx, messages); err != nil {
			return fmt.Errorf("saving the snapshot of lane %s: %w", s.Lane, err)
		}
		messages, size = messages[:0], 0
		return nil
	}
	for i := range s.Chunks {
		c := s.chunk(i)
		messages = append(messages, message(strconv.Itoa(i), c))
		if size += len(c); size >= produceBytes {
			if err := send(); err != nil {
				return err
			}
		}
	}
	if err := send(); err != nil {
		return err
	}
	m, err := json.Marshal(s.Manifest)
	if err != nil {
		return fmt.Errorf("BUG: the manifest of lane %s is no JSON: %w", s.Lane, err)
	}
	messages = append(messages, message(manifestKey, m))
	return send()
}

// gathering is what was read of one slot.
type gathering struct {
	id       string
	chunks   map[int][]byte
	manifest []byte
}

// Load implements Store. It reads the partitions of the lanes from their start.
func (t *Topic) Load(ctx context.Context, lanes ...string) (map[string][]Stored, error) {
	wanted := map[string]bool{}
	for _, l := range lanes {
		wanted[l] = true
	}
	from, to, err := t.extent(ctx, lanes)
	if err != nil {
		return nil, err
	}
	slots := map[string]*[Slots]gathering{}
	err = broker.Scan(ctx, t.Cluster, broker.FetchConfig{Uncommitted: true}, from, to, func(rec *pipeline.Record) error {
		lane, slot, last, ok := readKey(rec.Key)
		if !ok || len(lanes) > 0 && !wanted[lane] {
			return nil
		}
		if slots[lane] == nil {
			slots[lane] = &[Slots]gathering{}
		}
		slots[lane][slot].add(rec, last)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading snapshots from topic %s: %w", t.Name, err)
	}
	out := map[string][]Stored{}
	for lane, gathered := range slots {
		for slot := range gathered {
			if g := &gathered[slot]; g.manifest != nil || len(g.chunks) > 0 {
				out[lane] = append(out[lane], g.stored(lane, slot))
			}
		}
		out[lane] = sorted(out[lane])
	}
	return out, nil
}

// extent returns where the partitions of the lanes begin and end.
func (t *Topic) extent(ctx context.Context, lanes []string) (from, to map[broker.TopicPartition]int64, err error) {
	partitions := map[int32]bool{}
	for _, l := range lanes {
		partitions[broker.PartitionOf([]byte(l), t.Partitions)] = true
	}
	var tps []broker.TopicPartition
	for p := range int32(t.Partitions) {
		if len(lanes) == 0 || partitions[p] {
			tps = append(tps, broker.TopicPartition{Topic: t.Name, Partition: p})
		}
	}
	bounds, err := t.Cluster.Bounds(ctx, tps)
	if err != nil {
		return nil, nil, err
	}
	from, to = map[broker.TopicPartition]int64{}, map[broker.TopicPartition]int64{}
	for tp, b := range bounds {
		from[tp], to[tp] = b.Start, b.End
	}
	return from, to, nil
}

// add notes one record. A record of another snapshot than those before begins the slot anew: it is being overwritten.
func (g *gathering) add(rec *pipeline.Record, last string) {
	id, _ := rec.Header(headerSnapshot)
	if rec.Value == nil {
		g.remove(last)
		return
	}
	if g.id != string(id) || g.chunks == nil {
		*g = gathering{id: string(id), chunks: map[int][]byte{}}
	}
	if last == manifestKey {
		g.manifest = append([]byte{}, rec.Value...)
		return
	}
	if i, err := strconv.Atoi(last); err == nil {
		g.chunks[i] = append([]byte{}, rec.Value...)
	}
}

// remove notes a tombstone.
func (g *gathering) remove(last string) {
	if last == manifestKey {
		g.manifest = nil
	} else if i, err := strconv.Atoi(last); err == nil {
		delete(g.chunks, i)
	}
}

func (g *gathering) stored(lane string, slot int) Stored {
	if g.manifest == nil {
		m := Manifest{Lane: lane, ID: g.id}
		return Stored{Slot: slot, Manifest: m, Err: damaged(&m, "its manifest was not written")}
	}
	return assemble(slot, g.manifest, g.chunks)
}

// Remove implements Store: tombstones for all that is there.
func (t *Topic) Remove(ctx context.Context, lane string) error {
	from, to, err := t.extent(ctx, []string{lane})
	if err != nil {
		return err
	}
	keys := map[string]bool{}
	err = broker.Scan(ctx, t.Cluster, broker.FetchConfig{Uncommitted: true}, from, to, func(rec *pipeline.Record) error {
		if of, _, _, ok := readKey(rec.Key); ok && of == lane && rec.Value != nil {
			keys[string(rec.Key)] = true
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading snapshots from topic %s: %w", t.Name, err)
	}
	var tombstones []broker.Message
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		tombstones = append(tombstones, broker.Message{Topic: t.Name, Partition: broker.PartitionOf([]byte(lane), t.Partitions), Key: []byte(key)})
	}
	if err := t.Cluster.Produce(ctx, tombstones); err != nil {
		return fmt.Errorf("removing the snapshots of lane %s: %w", lane, err)
	}
	return nil
}
