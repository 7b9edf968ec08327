package engine

import (
	"strconv"
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
)

// deadLetter is the record, its bytes untouched, with headers that say where it came from and why it lies there.
// The record's own headers follow.
func deadLetter(topic string, stage pipeline.Stage, rec *pipeline.Record, reason string, rows int, cause error) broker.Message {
	hs := []pipeline.Header{
		{Key: headerDeadTopic, Value: []byte(rec.Topic)},
		{Key: headerDeadPartition, Value: []byte(strconv.Itoa(int(rec.Partition)))},
		{Key: headerDeadOffset, Value: []byte(strconv.FormatInt(rec.Offset, 10))},
		{Key: headerDeadStage, Value: []byte(stage)},
		{Key: headerDeadReason, Value: []byte(reason)},
	}
	if rows > 0 {
		hs = append(hs, pipeline.Header{Key: headerDeadRows, Value: []byte(strconv.Itoa(rows))})
	}
	if cause != nil {
		hs = append(hs, pipeline.Header{Key: headerDeadCode, Value: []byte(pipeline.Code(cause))},
			pipeline.Header{Key: headerDeadDetail, Value: []byte(cause.Error())})
	}
	for _, h := range rec.Headers {
		hs = append(hs, pipeline.Header{Key: h.Key, Value: clone(h.Value)})
	}
	return broker.Message{Topic: topic, Partition: -1, Key: clone(rec.Key), Value: clone(rec.Value), Headers: hs, Time: time.Time{}}
}

// clone copies bytes that are borrowed; nil stays nil, a tombstone stays a tombstone.
func clone(b []byte) []byte {
	if b == nil {
		return nil
	}
	return append([]byte{}, b...)
}
