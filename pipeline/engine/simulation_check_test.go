package engine

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// check compares what there is with what an undisturbed run writes.
func (c *schedule) check() {
	c.out.violations = append(c.out.violations, c.k.Violations()...)
	p := c.plans["a"]
	brief := map[string]string{}
	for _, topic := range []string{p.Topics.Events.Name, p.Topics.Incidents.Name, p.Topics.DeadLetters.Name} {
		recs := c.k.Records(topic)
		if c.state {
			c.checkTime(recs)
		}
		for i := range recs {
			rec := &recs[i]
			if _, time := rec.Header(schemas.HeaderLane); time {
				continue
			}
			s := recordText(rec)
			c.out.records[s]++
			brief[s] = fmt.Sprintf("%s/%d@%d of %v, %.80q", rec.Topic, rec.Partition, rec.Offset, tokensOf(rec), rec.Value)
			if id, ok := rec.Header(schemas.HeaderID); ok && topic != p.Topics.DeadLetters.Name && !c.delivered[string(id)] && len(c.out.violations) == 0 {
				c.violate("an event was not handed to the sink: %s", brief[s])
			}
		}
	}
	want := c.results[c.supply.number]
	if c.out.brief = brief; want == nil {
		return // this is the undisturbed run
	}
	for s, n := range want.records {
		have := c.out.records[s]
		if have == n || have == 0 && c.isGone(s) {
			continue
		}
		c.violate("%d times instead of %d: %s", have, n, cmp.Or(brief[s], "as in the undisturbed run "+want.brief[s]))
	}
	for s, n := range c.out.records {
		if want.records[s] == 0 {
			c.violate("%d times, though the undisturbed run has it not: %s", n, brief[s])
		}
	}
}

// checkTime holds that the time which lanes tell never goes back, in no partition (I2).
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
		if before, ok := last[key]; err != nil || ok && mark < before {
			c.violate("the time of lane %s goes back from %d to %q at offset %d", key, before, text, recs[i].Offset)
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
