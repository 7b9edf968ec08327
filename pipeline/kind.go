package pipeline

import "github.com/apache/arrow/go/v15/arrow"

// Kind says what the rows of a batch are, and by that which columns it has.
type Kind uint8

const (
	// Points are samples of series: series uint32, time int64, start int64 (0 = unknown), value float64.
	Points Kind = iota + 1
	// Logs are log records: stream uint32 (a series of type Stream), time int64, severity uint8
	// (OpenTelemetry severity number, 0 = unknown), body binary.
	Logs
	// Windows are closed windows, one row a series: series uint32, start int64, end int64, count int64,
	// sum, min, max, last float64. All rows of one batch have the same start and end.
	Windows
	// Events are CloudEvents, one a row; schemas.Event is the typed row.
	Events
)

// String returns the kind's name in configuration and on screens.
func (k Kind) String() string {
	switch k {
	case Points:
		return "points"
	case Logs:
		return "logs"
	case Windows:
		return "windows"
	case Events:
		return "events"
	}
	return "unknown"
}

// Arrow types that are part of the contracts, so that a plugin is built against the same major version.
type (
	// ArrowRecord is an immutable, reference-counted table of columns.
	ArrowRecord = arrow.Record
	// ArrowSchema names and types the columns of an ArrowRecord.
	ArrowSchema = arrow.Schema
)

// Column indices of the kinds.
const (
	PointSeries, PointTime, PointStart, PointValue = 0, 1, 2, 3

	LogStream, LogTime, LogSeverity, LogBody = 0, 1, 2, 3

	WindowSeries, WindowStart, WindowEnd, WindowCount     = 0, 1, 2, 3
	WindowSum, WindowMin, WindowMax, WindowLast           = 4, 5, 6, 7
	EventID, EventSource, EventType, EventTime            = 0, 1, 2, 3
	EventSubject, EventSystem, EventKey, EventCorrelation = 4, 5, 6, 7
	EventCausation, EventExpiry, EventIdempotency         = 8, 9, 10
	EventEpoch, EventMode, EventPlan, EventContent        = 11, 12, 13, 14
	EventTrace, EventData, EventRevision                  = 15, 16, 17
)

// Schema returns the Arrow schema of the kind. It builds a new one at each call; components resolve it once.
func (k Kind) Schema() *ArrowSchema {
	switch k {
	case Points:
		return arrow.NewSchema([]arrow.Field{
			{Name: "series", Type: arrow.PrimitiveTypes.Uint32},
			{Name: "time", Type: arrow.PrimitiveTypes.Int64},
			{Name: "start", Type: arrow.PrimitiveTypes.Int64},
			{Name: "value", Type: arrow.PrimitiveTypes.Float64},
		}, nil)
	case Logs:
		return arrow.NewSchema([]arrow.Field{
			{Name: "stream", Type: arrow.PrimitiveTypes.Uint32},
			{Name: "time", Type: arrow.PrimitiveTypes.Int64},
			{Name: "severity", Type: arrow.PrimitiveTypes.Uint8},
			{Name: "body", Type: arrow.BinaryTypes.Binary},
		}, nil)
	case Windows:
		return arrow.NewSchema([]arrow.Field{
			{Name: "series", Type: arrow.PrimitiveTypes.Uint32},
			{Name: "start", Type: arrow.PrimitiveTypes.Int64},
			{Name: "end", Type: arrow.PrimitiveTypes.Int64},
			{Name: "count", Type: arrow.PrimitiveTypes.Int64},
			{Name: "sum", Type: arrow.PrimitiveTypes.Float64},
			{Name: "min", Type: arrow.PrimitiveTypes.Float64},
			{Name: "max", Type: arrow.PrimitiveTypes.Float64},
			{Name: "last", Type: arrow.PrimitiveTypes.Float64},
		}, nil)
	case Events:
		str, i64 := arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int64
		return arrow.NewSchema([]arrow.Field{
			{Name: "id", Type: str}, {Name: "source", Type: str}, {Name: "type", Type: str}, {Name: "time", Type: i64},
			{Name: "subject", Type: str}, {Name: "system", Type: str}, {Name: "key", Type: str}, {Name: "correlation", Type: str},
			{Name: "causation", Type: str}, {Name: "expiry", Type: i64}, {Name: "idempotency", Type: str},
			{Name: "epoch", Type: i64}, {Name: "mode", Type: str}, {Name: "plan", Type: str}, {Name: "content", Type: str},
			{Name: "trace", Type: str}, {Name: "data", Type: arrow.BinaryTypes.Binary},
			{Name: "revision", Type: i64},
		}, nil)
	}
	panic("BUG: schema of unknown kind " + k.String())
}
