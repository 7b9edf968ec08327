package main

import (
	"sort"
	"strings"
	"time"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// heldBack holds records of several topics for a moment, so that the story is told in order of event time whichever
// partition was read first.
type heldBack struct {
	tell    *timeline
	records []heldRecord
}

type heldRecord struct {
	rec  pipeline.Record
	at   int64 // event time
	rank int
	read time.Time
}

// storyOrder is the order of what happened at one moment: what was seen before what was thought, and that before what was done.
var storyOrder = []string{"window", "finding", "incident.opened", "incident.updated", "hypothesis.opened", "remediation", "result", "hypothesis.judged", "incident.closed"}

// add copies a record.
func (h *heldBack) add(rec pipeline.Record) {
	own := pipeline.Record{Topic: rec.Topic, Partition: rec.Partition, Offset: rec.Offset, Timestamp: rec.Timestamp,
		Key: append([]byte(nil), rec.Key...), Value: append([]byte(nil), rec.Value...)}
	for _, x := range rec.Headers {
		own.Headers = append(own.Headers, pipeline.Header{Key: x.Key, Value: append([]byte(nil), x.Value...)})
	}
	text, _ := own.Header(schemas.HeaderTime)
	at, err := schemas.ParseTime(string(text))
	if err != nil {
		at = own.Timestamp * int64(time.Millisecond)
	}
	typ, _ := own.Header(schemas.HeaderType)
	h.records = append(h.records, heldRecord{own, at, storyRank(string(typ)), time.Now()})
}

func storyRank(typ string) int {
	for i, prefix := range storyOrder {
		if strings.HasPrefix(strings.TrimPrefix(typ, schemas.TypePrefix), prefix) {
			return i
		}
	}
	return len(storyOrder)
}

// release tells what was read before the moment, in order; all of it for the zero time.
func (h *heldBack) release(before time.Time) error {
	sort.SliceStable(h.records, func(i, j int) bool {
		if h.records[i].at != h.records[j].at {
			return h.records[i].at < h.records[j].at
		}
		return h.records[i].rank < h.records[j].rank
	})
	n := 0
	for ; n < len(h.records) && (before.IsZero() || h.records[n].read.Before(before)); n++ {
		if err := h.tell.record(h.records[n].rec); err != nil {
			return err
		}
	}
	h.records = h.records[n:]
	return nil
}
