package engine

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/internal/broker/simulated"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/engine/snapshot"
	"github.com/homeostat/homeostat/schemas"
)

// check compares what there is with what an undisturbed run writes.
func (c *schedule) check() {
	c.out.violations = append(c.out.violations, c.k.Violations()...)
	p := c.plans["a"]
	brief := map[string]string{}
	topics := []string{p.Topics.Events.Name, p.Topics.Incidents.Name, p.Topics.DeadLetters.Name}
	for _, topic := range append(topics, p.Topics.Columns.Name) {
		if !c.hasTopic(topic) {
			continue
		}
		recs := c.k.Records(topic)
		if !c.loose && len(c.gone) == 0 { // what a replay needed may be gone
			c.checkTime(recs)
		}
		for i := range recs {
			rec := &recs[i]
			if _, time := rec.Header(schemas.HeaderLane); time || !slices.Contains(topics, topic) {
				continue
			}
			id, isEvent := rec.Header(schemas.HeaderID)
			isEvent = isEvent && topic != p.Topics.DeadLetters.Name
			if e, err := schemas.ReadEvent(rec); err == nil && c.state && e.Time >= (lastRow-1)*second {
				continue // of the last row: whether time goes past it depends on the schedule
			}
			s := recordText(rec)
			if c.unkeyed && isEvent { // the order of series in a table is that of their rows
				s = fmt.Sprintf("%s %q %s", topic, rec.Key, id)
			}
			c.out.records[s]++
			brief[s] = fmt.Sprintf("%s/%d@%d of %v, %.80q", rec.Topic, rec.Partition, rec.Offset, tokensOf(rec), rec.Value)
			if isEvent && !c.delivered[string(id)] && len(c.out.violations) == 0 {
				c.violate("an event was not handed to the sink: %s", brief[s])
			}
			if c.loose && isEvent && c.out.records[s] > 1 {
				c.violate("an event is there %d times: %s", c.out.records[s], brief[s])
			}
			for _, token := range tokensOf(rec) {
				c.out.seen[token]++
			}
		}
	}
	want := c.results[c.supply.number]
	if c.out.brief = brief; want == nil || c.loose {
		return // this is the undisturbed run, or nobody knows what was to come out
	}
	for _, s := range slices.Sorted(maps.Keys(want.records)) {
		have, n := c.out.records[s], want.records[s]
		if have == n || have == 0 && c.isGone(s) {
			continue
		}
		c.violate("%d times instead of %d: %s", have, n, cmp.Or(brief[s], "as in the undisturbed run "+want.brief[s]))
	}
	for _, s := range slices.Sorted(maps.Keys(c.out.records)) {
		if want.records[s] == 0 {
			c.violate("%d times, though the undisturbed run has it not: %s", c.out.records[s], brief[s])
		}
	}
}

func (c *schedule) hasTopic(name string) bool { return c.k.HasTopic(name) }

// told says whether all lanes of detect have told that time has come so far. It is asked only while nothing is pending.
func (c *schedule) told(until int64) bool {
	p := c.plans["a"]
	source, lanes := "left", leftPartitions
	if c.unkeyed {
		source, lanes = columnsSource, p.Topics.Columns.Partitions
	}
	for _, tp := range c.k.Partitions(p.Topics.Events.Name) {
		end := c.k.Ends(tp.Topic)[tp]
		for _, rec := range c.k.RecordsFrom(tp, c.heard[tp]) {
			lane, _ := rec.Header(schemas.HeaderLane)
			text, _ := rec.Header(schemas.HeaderWatermark)
			if mark, err := strconv.ParseInt(string(text), 10, 64); err == nil && mark >= until {
				c.reached[fmt.Sprintf("%s to %d", lane, rec.Partition)] = true
			}
		}
		c.heard[tp] = end
	}
	for l := range lanes {
		for e := range p.Topics.Events.Partitions {
			if !c.reached[fmt.Sprintf("%s to %d", laneName(source, int32(l)), e)] {
				return false
			}
		}
	}
	return true
}

// restTime is how long the last process runs: a few ticks of idle time.
const restTime = 25 * time.Second

// audit stops all processes and looks at what their lanes have left: each lane has a snapshot where it stopped, whose account
// balances, and all rows are accounted for from stage to stage (I1).
func (c *schedule) audit() {
	if len(c.out.violations) > 0 {
		return
	}
	c.agenda = nil // one that was fenced was to come back
	if c.random.IntN(2) == 0 {
		c.stop()
	} else {
		for _, i := range c.instances {
			c.kill(i)
		}
	}
	// A process that is stopped while partitions change hands leaves what it has just taken over as it was, and one that is
	// killed has saved less still. One alone goes on from there, for long enough to tell its time, and is stopped once it stands
	// everywhere.
	last, began := c.start("a"), time.Now()
	if last == nil {
		return
	}
	c.settle(func() bool { return last.ended || time.Since(began) > restTime && c.stands(last) && c.finished() })
	c.stop()
	if last.err != nil {
		c.violate("the last process ended: %v", last.err)
	}
	p := c.plans["a"]
	found, err := StateStore(p, offline{k: c.k}).Load(context.Background())
	if err != nil {
		c.violate("the snapshots cannot be read: %v", err)
		return
	}
	in, on := map[string]int64{}, map[string]int64{}
	for _, s := range p.Stages() {
		for _, topic := range s.Inputs {
			for _, tp := range c.k.Partitions(topic) {
				a := c.account((&Runner{plan: p}).laneName(s, tp), c.k.Position(s.Group, tp), found)
				in[string(s.Stage)] += a.In
				on[string(s.Stage)] += a.On
			}
		}
	}
	first := pipeline.Detect
	if c.unkeyed {
		if first = pipeline.Ingest; !c.loose && on["ingest"] != in["detect"] {
			c.violate("ingest passed %d rows on, and to detect came %d", on["ingest"], in["detect"])
		}
	}
	if rows := in[string(first)]; !c.loose && len(c.gone) == 0 && rows != c.supply.rows {
		c.violate("%d rows were fed, and %s accounts for %d", c.supply.rows, first, rows)
	}
}

// stop tells all processes to stop, and waits until they have.
func (c *schedule) stop() {
	for _, i := range c.instances {
		i.stopped = true
		if i.cancel != nil {
			i.cancel()
		}
	}
	c.settle(func() bool {
		return !slices.ContainsFunc(c.instances, func(i *instance) bool { return !i.ended && !i.killed }) && c.k.Idle()
	})
}

// stands says whether a process has all partitions and has replayed what it had to.
func (c *schedule) stands(i *instance) bool {
	if i.runner == nil || i.runner.Ready() != nil {
		return false
	}
	for _, s := range i.runner.stages {
		want := 0
		for _, topic := range s.topics {
			want += len(c.k.Partitions(topic))
		}
		if _, lanes := s.current(); len(lanes) != want {
			return false
		}
	}
	return true
}

// account returns the account in a lane's newest snapshot, which has to be of where the lane stopped.
func (c *schedule) account(lane string, position int64, found map[string][]snapshot.Stored) snapshot.Account {
	if position < 0 && len(found[lane]) == 0 {
		return snapshot.Account{} // nothing came to it
	}
	if len(found[lane]) == 0 || found[lane][0].Err != nil {
		c.violate("lane %s, at %d, has no whole snapshot at the end", lane, position)
		return snapshot.Account{}
	}
	m := found[lane][0].Manifest
	if m.Position != position && position >= 0 {
		c.violate("the newest snapshot of lane %s is of %d, though it stopped at %d", lane, m.Position, position)
	}
	if !m.Account.Balanced() {
		c.violate("the account of lane %s does not balance: %+v", lane, m.Account)
	}
	return m.Account
}

// offline reads a simulated cluster at once, without its faults. It is the driver's.
type offline struct {
	broker.Cluster
	k *simulated.Kafka
}

func (o offline) Bounds(_ context.Context, tps []broker.TopicPartition) (map[broker.TopicPartition]broker.Bounds, error) {
	out := map[broker.TopicPartition]broker.Bounds{}
	for _, tp := range tps {
		out[tp] = broker.Bounds{End: o.k.Ends(tp.Topic)[tp]}
	}
	return out, nil
}

func (o offline) NewReader(broker.FetchConfig) broker.Reader {
	return &offlineReader{offline: o, left: map[broker.TopicPartition]int64{}}
}

type offlineReader struct {
	broker.Reader
	offline
	left map[broker.TopicPartition]int64
}

func (r *offlineReader) Assign(tp broker.TopicPartition, offset int64) { r.left[tp] = offset }
func (r *offlineReader) Remove(tp broker.TopicPartition)               { delete(r.left, tp) }
func (r *offlineReader) Close()                                        {}
func (r *offlineReader) Poll(context.Context) (chunks []broker.Chunk, err error) {
	for tp, offset := range r.left {
		chunk := broker.Chunk{TopicPartition: tp, Next: r.k.Ends(tp.Topic)[tp]}
		for _, rec := range r.k.Records(tp.Topic) {
			if rec.Partition == tp.Partition && rec.Offset >= offset {
				chunk.Records = append(chunk.Records, rec)
			}
		}
		chunks = append(chunks, chunk)
	}
	return chunks, nil
}

// wholeSlots returns how many of a lane's slots hold a whole snapshot.
func (c *schedule) wholeSlots(lane string) (n int) {
	p := c.plans["a"]
	found, err := StateStore(p, offline{k: c.k}).Load(context.Background(), lane)
	if err != nil {
		c.violate("the snapshots cannot be read: %v", err)
	}
	// What a save that was broken off has overwritten goes with the next compaction.
	last := map[string]string{}
	for _, rec := range c.k.Records(p.Topics.State.Name) {
		id, _ := rec.Header("hs-snapshot")
		last[string(rec.Key)] = string(id)
	}
	for _, s := range found[lane] {
		whole := s.Err == nil
		for i := range s.Manifest.Chunks {
			whole = whole && last[fmt.Sprintf("%s|%d|%d", lane, s.Slot, i)] == s.Manifest.ID
		}
		if whole {
			n++
		}
	}
	return n
}

func splitStateKey(key []byte) (lane, slot, last string, ok bool) {
	parts := strings.Split(string(key), "|")
	if len(parts) != 3 {
		return "", "", "", false
	}
	return parts[0], parts[1], parts[2], true
}

// checkTime holds that the time which lanes tell never goes back, in no partition (I2), and that each is told once.
func (c *schedule) checkTime(recs []pipeline.Record) {
	last := map[string]int64{}
	for i := range recs {
		lane, told := recs[i].Header(schemas.HeaderLane)
		text, _ := recs[i].Header(schemas.HeaderWatermark)
		if !told || len(text) == 0 {
			continue
		}
		mark, err := strconv.ParseInt(string(text), 10, 64)
		key := fmt.Sprintf("%s in %s/%d", lane, recs[i].Topic, recs[i].Partition)
		if before, ok := last[key]; err != nil || ok && mark <= before {
			c.violate("the time of lane %s does not go on from %d to %q at offset %d", key, before, text, recs[i].Offset)
		}
		last[key] = mark
	}
}

// isGone says whether the record behind an output was deleted before it may have been read.
func (c *schedule) isGone(text string) bool {
	for token := range c.gone {
		if strings.Contains(text, token) {
			return true
		}
	}
	return false
}
