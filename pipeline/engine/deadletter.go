package engine

import (
	"strconv"
	"strings"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
)

// Headers of a dead letter, which otherwise is the record as it came.
const (
	headerDeadTopic     = "hs-topic"
	headerDeadPartition = "hs-partition"
	headerDeadOffset    = "hs-offset"
	headerDeadStage     = "hs-stage"
	headerDeadReason    = "hs-reason"
	headerDeadCode      = "hs-code"
	headerDeadDetail    = "hs-detail"
	headerDeadRows      = "hs-rows"
	headerDeadBytes     = "hs-bytes"
)

// detailBytes bounds the text of a dead letter's cause, which may quote the record.
const detailBytes = 4 << 10

// deadLetter is the record, its bytes untouched, with headers that say where it came from and why it lies there.
// The record's own headers follow. Of a record beyond limits.record the letter has what fits, and a header with the bytes
// that the whole has, which lies where it came from: a letter too large for its topic would stop the lane for good.
func (s *surroundings) deadLetter(stage pipeline.Stage, rec *pipeline.Record, reason string, rows int, cause error) broker.Message {
	hs := []pipeline.Header{
		{Key: headerDeadTopic, Value: []byte(rec.Topic)},
		{Key: headerDeadPartition, Value: []byte(strconv.Itoa(int(rec.Partition)))},
	}
	if rec.Offset >= 0 {
		hs = append(hs, pipeline.Header{Key: headerDeadOffset, Value: []byte(strconv.FormatInt(rec.Offset, 10))})
	}
	hs = append(hs, pipeline.Header{Key: headerDeadStage, Value: []byte(stage)}, pipeline.Header{Key: headerDeadReason, Value: []byte(reason)})
	if rows > 0 {
		hs = append(hs, pipeline.Header{Key: headerDeadRows, Value: []byte(strconv.Itoa(rows))})
	}
	if cause != nil {
		hs = append(hs, pipeline.Header{Key: headerDeadCode, Value: []byte(pipeline.Code(cause))},
			pipeline.Header{Key: headerDeadDetail, Value: []byte(strings.ToValidUTF8(first(cause.Error(), detailBytes), ""))})
	}
	room, whole := s.letter, recordBytes(rec.Key, rec.Value, rec.Headers)
	if whole > room {
		hs = append(hs, pipeline.Header{Key: headerDeadBytes, Value: []byte(strconv.Itoa(whole))})
	}
	value := first(rec.Value, room)
	room -= len(value)
	key := first(rec.Key, room)
	room -= len(key)
	for _, h := range rec.Headers {
		if room -= headerBytes(h); room < 0 {
			break
		}
		hs = append(hs, pipeline.Header{Key: h.Key, Value: clone(h.Value)})
	}
	return broker.Message{Topic: s.dead, Partition: -1, Key: clone(key), Value: clone(value), Headers: hs, Time: time.Time{}}
}

func first[T string | []byte](s T, n int) T { return s[:min(len(s), max(n, 0))] }

// recordBytes is what a record takes, but for what is the same for all.
func recordBytes(key, value []byte, headers []pipeline.Header) int {
	n := len(key) + len(value)
	for _, h := range headers {
		n += headerBytes(h)
	}
	return n
}

// headerBytes counts a header with its two lengths.
func headerBytes(h pipeline.Header) int { return len(h.Key) + len(h.Value) + 10 }

// largestEvent bounds an event of a lane: what a topic takes by default (max.message.bytes), with some room.
const largestEvent = 1<<20 - 4<<10

// fitting makes dead letters of the events that are too large for their topics: in a commit they would stop the process, again
// after each restart. Such a letter has no offset: many records make an event, and which of them was fetched first is not the same
// in each run.
func (s *surroundings) fitting(stage pipeline.Stage, at pipeline.Position, events []broker.Message) []broker.Message {
	for i := range events {
		m := &events[i]
		size := recordBytes(m.Key, m.Value, m.Headers)
		if size <= largestEvent {
			continue
		}
		rec := pipeline.Record{Topic: at.Topic, Partition: at.Partition, Offset: -1, Key: m.Key, Value: m.Value, Headers: m.Headers}
		err := pipeline.Errorf("event.size", "an event for topic %s has %d bytes, more than the %d that a topic takes: it is a dead letter; shorten names and labels, or declare fewer series", m.Topic, size, largestEvent)
		s.logger.Error("an event is too large and goes to the dead letters", "stage", stage, "topic", at.Topic, "partition", at.Partition, "offset", at.First, "error", err)
		s.metrics.Counter("events_too_large_total", "Events that went to the dead letters because no topic takes them.", "stage").WithLabelValues(string(stage)).Inc()
		events[i] = s.deadLetter(stage, &rec, "too_large", 0, err)
	}
	return events
}

// clone copies bytes that are borrowed; nil stays nil, a tombstone stays a tombstone.
func clone(b []byte) []byte {
	if b == nil {
		return nil
	}
	return append([]byte{}, b...)
}
