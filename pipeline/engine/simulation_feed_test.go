package engine

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/internal/broker/simulated"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// supplies is the number of different inputs. Schedules of one feed must all come to the same outputs.
const supplies = 8

const leftPartitions = 3

// lastRow is when, in seconds, the last row of a partition is.
const lastRow = epoch + 3*3600

// supply is what the producers write, batch by batch.
type supply struct {
	number     uint64
	partitions []supplyPartition
	tokens     map[string]int // that outputs must show, with how often
	rows       int64          // that detect or ingest have to account for
	until      int64          // where time has to get by the clock alone, in nanoseconds; 0 if a last row takes it there
}

type supplyPartition struct {
	tp      broker.TopicPartition
	batches []supplyBatch
}

type supplyBatch struct {
	messages               []broker.Message
	fate                   simulated.Fate
	transactional, corrupt bool
}

// supplyOf makes one of the inputs. Each row has a token of its own, by which its outputs are known. The last row of each
// partition is hours after the others, so that all windows close, whoever processes them and however long it takes.
//
// Every other input of a pipeline with state has no such row: its windows are closed by idle time. The bound of disorder is
// longer than the input takes to come, so that idle time makes nothing late, and outputs don't depend on the schedule.
func supplyOf(number uint64, state bool) *supply {
	f := &supply{number: number, tokens: map[string]int{}}
	random := rand.New(rand.NewPCG(number, 77))
	n := 0
	token := func(b *supplyBatch) string {
		n++
		s := fmt.Sprintf("t%dt", n)
		if b.fate == simulated.Committed && !b.corrupt {
			f.tokens[s]++
		}
		return s
	}
	for p := range leftPartitions {
		part := supplyPartition{tp: broker.TopicPartition{Topic: "sim.left", Partition: int32(p)}}
		m := 0
		if state { // a lane that had no row yet would not be waited for
			f.rows++
			value := fmt.Sprintf("p%dfirst 3 %d", p, epoch)
			part.batches = append(part.batches, supplyBatch{messages: []broker.Message{{Value: []byte(value), Time: time.Unix(epoch, 0)}}})
		}
		for range 4 + random.IntN(10) {
			b := supplyBatch{transactional: random.IntN(5) == 0}
			if b.transactional && random.IntN(2) == 0 {
				b.fate = simulated.Aborted
			}
			b.corrupt = !b.transactional && random.IntN(15) == 0
			for range 1 + random.IntN(4) {
				m++
				at := float64(epoch) + float64(m)/3 + float64(p)/100
				value := ""
				kind := random.IntN(8)
				if state && n > 0 && random.IntN(2) == 0 {
					kind = 8 + random.IntN(5)
				}
				lines := int64(1)
				switch kind {
				case 8, 9, 10: // series that are seen again, and are high now and then
					n++
					value = fmt.Sprintf("p%ds%d %d %f", p, random.IntN(3), 1+random.IntN(9), at)
				case 11: // late, whoever reads it and when: its partition has had rows that are minutes younger
					if b.fate == simulated.Committed && !b.corrupt {
						value = fmt.Sprintf("p%dlate %d %f", p, m, float64(epoch-1000)) // no two are the same event
					} else {
						value = "lost"
					}
				case 12:
					n++
					value = fmt.Sprintf("p%ds0 20 %f", p, at)
				case 0:
					value = "! " + token(&b)
				case 1:
					value = fmt.Sprintf("l%d%s 1 %f\nlost\nl%d%s 2 %f", p, token(&b), at, p, token(&b), at)
					lines = 3
				default:
					value = fmt.Sprintf("l%d%s 3 %f", p, token(&b), at)
				}
				b.messages = append(b.messages, broker.Message{Value: []byte(value), Time: time.UnixMilli(int64(at * 1000))})
				if b.fate == simulated.Committed {
					if b.corrupt {
						lines = 1 // nobody knows what was in it
					}
					f.rows += lines
				}
			}
			part.batches = append(part.batches, b)
		}
		if f.partitions = append(f.partitions, part); state && number%2 == 1 {
			f.until = max(f.until, (epoch+int64(m)/3+26)*second)
			continue
		}
		f.rows++
		last := float64(lastRow)
		value := fmt.Sprintf("last%d 3 %f", p, last)
		if !state {
			value = fmt.Sprintf("l%d%s 3 %f", p, token(&supplyBatch{}), last)
		}
		part.batches = append(part.batches, supplyBatch{messages: []broker.Message{{Value: []byte(value), Time: time.UnixMilli(int64(last * 1000))}}})
		f.partitions[p] = part
	}
	for p := range 2 {
		if state {
			break
		}
		part := supplyPartition{tp: broker.TopicPartition{Topic: "sim.inbox", Partition: int32(p)}}
		for range random.IntN(4) {
			var b supplyBatch
			id := token(&b)
			f.rows++
			data, _ := json.Marshal(schemas.Change{Change: id, Kind: "deploy"})
			e := schemas.Event{ID: id, Source: "/ci", Type: schemas.TypeChange, Time: (epoch + 12) * second, System: "shop"}
			b.messages = []broker.Message{{Value: data, Headers: e.Headers(0), Time: time.Unix(epoch, 0)}}
			part.batches = append(part.batches, b)
		}
		f.partitions = append(f.partitions, part)
	}
	return f
}

var tokenForm = regexp.MustCompile(`t[0-9]+t`)

// tokensOf returns the tokens that a record shows, each once.
func tokensOf(rec *pipeline.Record) []string {
	var out []string
	seen := map[string]bool{}
	for _, s := range tokenForm.FindAllString(recordText(rec), -1) {
		if !seen[s] {
			seen[s], out = true, append(out, s)
		}
	}
	return out
}

// recordText writes a record but for where it lies and when it was written.
func recordText(rec *pipeline.Record) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %q %q", rec.Topic, rec.Key, rec.Value)
	for _, h := range rec.Headers {
		fmt.Fprintf(&b, " %s=%q", h.Key, h.Value)
	}
	return b.String()
}
