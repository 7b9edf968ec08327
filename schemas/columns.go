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
	for i := range events {
		e := &events[i]
		for col, s := range map[int]string{
			pipeline.EventID: e.ID, pipeline.EventSource: e.Source, pipeline.EventType: e.Type, pipeline.EventSubject: e.Subject,
			pipeline.EventSystem: e.System, pipeline.EventKey: e.Key, pipeline.EventCorrelation: e.Correlation,
			pipeline.EventCausation: e.Causation, pipeline.EventIdempotency: e.Idempotency, pipeline.EventMode: e.Mode,
			pipeline.EventPlan: e.Plan, pipeline.EventContent: e.Content, pipeline.EventTrace: e.Trace,
		} {
			b.Field(col).(*array.StringBuilder).Append(s)
		}
		b.Field(pipeline.EventTime).(*array.Int64Builder).Append(e.Time)
		b.Field(pipeline.EventExpiry).(*array.Int64Builder).Append(e.Expiry)
		b.Field(pipeline.EventEpoch).(*array.Int64Builder).Append(e.Epoch)
		b.Field(pipeline.EventData).(*array.BinaryBuilder).Append(e.Data)
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
		Data: append([]byte(nil), data...),
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
