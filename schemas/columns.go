package schemas

import (
	"strings"

	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/homeostat/homeostat/pipeline"
)

// NewEvents makes a batch of kind Events, one row an event. The events are copied.
func NewEvents(mem pipeline.Allocator, events []Event) pipeline.Batch {
	b := array.NewRecordBuilder(mem, pipeline.Events.Schema())
	defer b.Release()
	text := func(col int, v string) { b.Field(col).(*array.StringBuilder).Append(v) }
	number := func(col int, v int64) { b.Field(col).(*array.Int64Builder).Append(v) }
	for i := range events {
		e := &events[i]
		text(pipeline.EventID, e.ID)
		text(pipeline.EventSource, e.Source)
		text(pipeline.EventType, e.Type)
		number(pipeline.EventTime, e.Time)
		text(pipeline.EventSubject, e.Subject)
		text(pipeline.EventSystem, e.System)
		text(pipeline.EventKey, e.Key)
		text(pipeline.EventCorrelation, e.Correlation)
		text(pipeline.EventCausation, e.Causation)
		number(pipeline.EventExpiry, e.Expiry)
		text(pipeline.EventIdempotency, e.Idempotency)
		number(pipeline.EventEpoch, e.Epoch)
		text(pipeline.EventMode, e.Mode)
		text(pipeline.EventPlan, e.Plan)
		text(pipeline.EventContent, e.Content)
		text(pipeline.EventTrace, e.Trace)
		b.Field(pipeline.EventData).(*array.BinaryBuilder).Append(e.Data)
		number(pipeline.EventRevision, e.Revision)
	}
	return pipeline.Batch{Kind: pipeline.Events, Record: b.NewRecord()}
}

// EventAt returns row i of a batch of kind Events. The event owns its memory.
func EventAt(b pipeline.Batch, i int) Event {
	str := func(col int) string {
		return strings.Clone(b.Record.Column(col).(*array.String).Value(i))
	}
	i64 := func(col int) int64 { return b.Record.Column(col).(*array.Int64).Value(i) }
	data := b.Record.Column(pipeline.EventData).(*array.Binary).Value(i)
	return Event{
		ID: str(pipeline.EventID), Source: str(pipeline.EventSource), Type: str(pipeline.EventType), Time: i64(pipeline.EventTime),
		Subject: str(pipeline.EventSubject), System: str(pipeline.EventSystem), Key: str(pipeline.EventKey),
		Correlation: str(pipeline.EventCorrelation), Causation: str(pipeline.EventCausation), Expiry: i64(pipeline.EventExpiry),
		Idempotency: str(pipeline.EventIdempotency), Epoch: i64(pipeline.EventEpoch), Mode: str(pipeline.EventMode),
		Plan: str(pipeline.EventPlan), Content: str(pipeline.EventContent), Trace: str(pipeline.EventTrace),
		Data: append([]byte(nil), data...), Revision: i64(pipeline.EventRevision),
	}
}

// EachEvent calls f for each row of a batch of kind Events until it returns an error.
func EachEvent(b pipeline.Batch, f func(Event) error) error {
	for i := 0; i < b.Rows(); i++ {
		if err := f(EventAt(b, i)); err != nil {
			return err
		}
	}
	return nil
}
