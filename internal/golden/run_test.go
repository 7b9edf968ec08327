package golden

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/internal/broker/simulated"
	"github.com/homeostat/homeostat/pipeline"
)

// variant is a way to run a script. The script's expectations hold in each.
type variant struct {
	name string
	seed uint64
	// many is how many instances run where the script has one.
	many int
	// batch is how many records a producer writes at once: 0 is some, whole is all of a load.
	batch int
	// backlog lets records lie until the script asks for something else than to load more.
	backlog bool
	// borders kills instances after each statement, records in the middle of loads as well.
	borders, records bool
	// repartition writes the records to that many partitions in turn, as producers do that don't key.
	repartition int
	// tamper, if set, changes what instances commit.
	tamper func([]broker.Message) []broker.Message
}

const whole = 1 << 30

// problem is where a run is not as its script says.
type problem struct {
	file string
	line int
	text string
}

func (p problem) String() string { return fmt.Sprintf("%s:%d: %s", p.file, p.line, p.text) }

// result is what came of a run.
type result struct {
	problems []problem
	found    map[int][]string // what expect statements found, by line
	records  []string         // all events and dead letters, byte for byte
	named    []string         // the events without their bodies
	logs     []string
	took     time.Duration
}

// run is one run of a script.
type run struct {
	*world
	script *script
	result *result
	at     *statement
	shown  map[string]map[int32]int64 // offset by topic and partition up to which records were expected
	turns  int                        // records written, for the partition of the next
}

// execute runs a script in one variant.
func execute(t *testing.T, s *script, v variant) *result {
	out := &result{found: map[int][]string{}}
	began := time.Now()
	within(t, func() {
		r := &run{world: newWorld(&v), script: s, result: out, shown: map[string]map[int32]int64{}}
		defer r.end()
		for i := range s.statements {
			r.at = &s.statements[i]
			if err := r.do(); err != nil || r.trouble != nil {
				r.problem("%v", errors.Join(err, r.trouble))
				break
			}
		}
		if len(out.problems) == 0 {
			r.leftOver()
			r.monotone()
		}
		for _, v := range r.k.Violations() {
			r.problem("the cluster's rules were broken: %s", v)
		}
		out.logs = r.logs
	})
	out.took = time.Since(began)
	return out
}

func (r *run) problem(format string, args ...any) {
	r.result.problems = append(r.result.problems, problem{r.script.file, r.at.line, fmt.Sprintf("[%s] ", r.name) + fmt.Sprintf(format, args...)})
}

// word returns a word of the statement, "" if there are fewer.
func (r *run) word(i int) string {
	if i < len(r.at.words) {
		return r.at.words[i]
	}
	return ""
}

func (r *run) number(i, otherwise int) (int, error) {
	if r.word(i) == "" {
		return otherwise, nil
	}
	return strconv.Atoi(r.word(i))
}

// do does what one statement says, and what the variant adds to it.
func (r *run) do() error {
	verb := r.word(0)
	if verb != "load" && r.backlog {
		r.settle()
	}
	if err := r.statement(verb); err != nil {
		return err
	}
	if verb != "load" || !r.backlog {
		r.settle()
	}
	if r.borders && len(r.running()) > 0 && verb != "pipeline" && verb != "topic" {
		for _, i := range r.running() {
			r.crash(i)
		}
		r.settle()
	}
	return nil
}

func (r *run) statement(verb string) error {
	switch verb {
	case "pipeline":
		version := 1
		if r.word(1) == "with" && r.word(2) == "tally" {
			var err error
			if version, err = r.number(3, 1); err != nil {
				return err
			}
		}
		return r.configure(strings.Join(r.at.block, "\n")+"\n", newKit(version))
	case "topic":
		n, err := r.number(3, 1)
		r.k.AddTopic(r.word(1), max(n, r.repartition))
		return err
	case "grow":
		n, err := r.number(2, 0)
		r.k.Grow(r.word(1), n)
		return err
	case "start", "rescale":
		n, err := r.number(1, 1)
		r.scale(min(n+r.many-1, most))
		return err
	case "stop":
		r.settle()
		r.scale(0)
		return nil
	case "load":
		return r.load()
	case "corrupt", "gap":
		return r.damageLog(verb)
	}
	return r.disturb(verb)
}

func (r *run) disturb(verb string) error {
	switch verb {
	case "idle":
		return r.idle()
	case "crash":
		n, err := r.number(1, 1)
		for range n {
			for _, i := range r.running() {
				r.crash(i)
			}
		}
		return err
	case "pause":
		d, err := time.ParseDuration(r.word(2))
		if r.word(1) != "for" || err != nil {
			return fmt.Errorf("write pause for TIME: %w", err)
		}
		r.running()[0].process.Pause(d)
		r.pass(d)
		return nil
	case "rebalance":
		n := len(r.running())
		r.scale(n + 1)
		r.settle()
		r.scale(n)
		return nil
	case "snapshot":
		return r.snapshot()
	case "damage":
		return r.damageSnapshot(r.word(1))
	case "watermark":
		return r.checkWatermark()
	case "expect":
		return r.expect()
	}
	return fmt.Errorf("BUG: no statement %q", verb)
}

// partitionOf reads TOPIC/PARTITION.
func partitionOf(s string) (broker.TopicPartition, error) {
	topic, p, ok := strings.Cut(s, "/")
	n, err := strconv.ParseInt(p, 10, 32)
	if !ok || err != nil {
		return broker.TopicPartition{}, fmt.Errorf("%q is no TOPIC/PARTITION", s)
	}
	return broker.TopicPartition{Topic: topic, Partition: int32(n)}, nil
}

// load writes rows: load TOPIC/PARTITION [by time] [written TIME].
func (r *run) load() error {
	tp, err := partitionOf(r.word(1))
	if err != nil {
		return err
	}
	all, err := rows(r.at.block)
	if err != nil {
		return err
	}
	written := int64(-1)
	for i := 2; i < len(r.at.words); i += 2 {
		switch r.word(i) {
		case "by":
			slices.SortStableFunc(all, func(a, b row) int { return int(a.time/1e6 - b.time/1e6) })
		case "written":
			if written, err = at(r.word(i + 1)); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%q is not understood", r.word(i))
		}
	}
	batches := r.batches(tp, all, written)
	kill := -1
	if r.records && len(r.running()) > 0 {
		kill = r.world.random.IntN(len(batches))
	}
	for i, b := range batches {
		r.k.Append(b.tp, b.messages, simulated.Committed, false, false)
		if i == kill {
			for range r.world.random.IntN(60) {
				r.turn()
			}
			if alive := r.running(); len(alive) > 0 {
				r.crash(alive[r.world.random.IntN(len(alive))])
			}
		}
	}
	return nil
}

type producerBatch struct {
	tp       broker.TopicPartition
	messages []broker.Message
}

// batches cuts rows into what a producer writes at once.
func (r *run) batches(tp broker.TopicPartition, all []row, written int64) (out []producerBatch) {
	parts := map[int32][]broker.Message{}
	for _, row := range all {
		when := row.time
		if written >= 0 {
			when = written
		}
		m := broker.Message{Value: []byte(row.value), Time: time.Unix(0, when)}
		p := tp.Partition
		if r.repartition > 0 {
			p = int32(r.turns % r.repartition)
			r.turns++
		}
		parts[p] = append(parts[p], m)
	}
	for p := range int32(64) {
		for rest := parts[p]; len(rest) > 0; {
			n := r.batch
			if n == 0 {
				n = 1 + r.world.random.IntN(4)
			}
			n = min(n, len(rest))
			out = append(out, producerBatch{broker.TopicPartition{Topic: tp.Topic, Partition: p}, rest[:n]})
			rest = rest[n:]
		}
	}
	return out
}

// damageLog deletes what a partition has, or writes a batch that is corrupt.
func (r *run) damageLog(verb string) error {
	tp, err := partitionOf(r.word(1))
	if err != nil {
		return err
	}
	if verb == "gap" {
		if gone := r.k.DeleteUntil(tp, r.k.Ends(tp.Topic)[tp]); len(gone) == 0 {
			return fmt.Errorf("partition %s holds nothing that could be deleted", r.word(1))
		}
		return nil
	}
	all, err := rows(r.at.block)
	if err != nil {
		return err
	}
	var messages []broker.Message
	for _, row := range all {
		messages = append(messages, broker.Message{Value: []byte(row.value), Time: time.Unix(0, row.time)})
	}
	r.k.Append(tp, messages, simulated.Committed, false, true)
	return nil
}

// idle lets a partition, or all, be polled and empty for a while: idle [TOPIC/PARTITION] for TIME.
func (r *run) idle() error {
	gate, i := "", 1
	if r.word(1) != "for" {
		if gate, i = r.word(1), 2; r.repartition > 0 {
			gate = ""
		}
	}
	d, err := time.ParseDuration(r.word(i + 1))
	if r.word(i) != "for" || err != nil {
		return fmt.Errorf("write idle for TIME, or idle TOPIC/PARTITION for TIME")
	}
	r.settle()
	r.gates.set(gate, true)
	r.pass(d + 1500*time.Millisecond)
	r.gates.set(gate, false)
	return nil
}

// snapshot waits until the states of all lanes are saved as they are.
func (r *run) snapshot() error {
	r.settle()
	var missing error
	// Lanes are asked for their states and freeze them at their next step, which is that they find nothing. Each such poll is a
	// second of idle time at most, so there are only a few.
	for range 4 {
		r.pass(r.plan.State.Interval + 1500*time.Millisecond)
		for _, src := range r.plan.Sources {
			for tp := range r.k.Ends(src.Topic) {
				r.gates.grant(gateOf(tp))
			}
		}
		r.pass(3 * time.Second)
		if missing = r.unsaved(); missing == nil {
			break
		}
	}
	return missing
}

// unsaved names a lane whose newest snapshot is not of where it stands.
func (r *run) unsaved() error {
	found, err := r.states()
	if err != nil {
		return err
	}
	for _, src := range r.plan.Sources {
		for tp := range r.k.Ends(src.Topic) {
			group := r.plan.Detect.Group
			if !src.Fused {
				group = r.plan.Ingest.Group
			}
			lane, want := fmt.Sprintf("%s/%d", src.Name, tp.Partition), r.k.Position(group, tp)
			if s := found[lane]; len(s) == 0 || s[0].Err != nil || want >= 0 && s[0].Position != want {
				return fmt.Errorf("lane %s stands at %d and has no snapshot of that", lane, want)
			}
		}
	}
	return nil
}

// damageSnapshot flips a bit in a chunk of a lane's newest snapshot.
func (r *run) damageSnapshot(lane string) error {
	found, err := r.states()
	if err != nil {
		return err
	}
	if len(found[lane]) == 0 || found[lane][0].Err != nil || found[lane][0].Chunks == 0 {
		return fmt.Errorf("lane %s has no snapshot that could be damaged", lane)
	}
	s, t := found[lane][0], r.plan.Topics.State
	key := fmt.Sprintf("%s|%d|0", lane, s.Slot)
	r.k.Damage(t.Name, func(rec *pipeline.Record) bool {
		id, _ := rec.Header("hs-snapshot")
		return string(rec.Key) == key && string(id) == s.Manifest.ID
	})
	if found, err = r.states(); err != nil {
		return err
	}
	for _, f := range found[lane] {
		if f.Slot == s.Slot && f.Err == nil {
			return fmt.Errorf("the snapshot of lane %s is as good as before", lane)
		}
	}
	return nil
}
