package schemas

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/homeostat/homeostat/pipeline"
)

// Event types.
const (
	TypePrefix = "io.homeostat."

	TypeFinding              = TypePrefix + "finding.v1"
	TypeWindow               = TypePrefix + "window.v1"
	TypeTopology             = TypePrefix + "topology.v1"
	TypeChange               = TypePrefix + "change.v1"
	TypeIncidentOpened       = TypePrefix + "incident.opened.v1"
	TypeIncidentUpdated      = TypePrefix + "incident.updated.v1"
	TypeIncidentClosed       = TypePrefix + "incident.closed.v1"
	TypeHypothesisOpened     = TypePrefix + "hypothesis.opened.v1"
	TypeHypothesisJudged     = TypePrefix + "hypothesis.judged.v1"
	TypeRemediationProposed  = TypePrefix + "remediation.proposed.v1"
	TypeRemediationRequested = TypePrefix + "remediation.requested.v1"
	TypeRemediationCancelled = TypePrefix + "remediation.cancelled.v1"
	TypeResult               = TypePrefix + "result.v1"

	// TypeExport is what an operator writes to a topic of its own (pipeline.Spec.Topic). It is no event of an episode and not among
	// Types: its data is whatever the operator says, and no stage reads it.
	TypeExport = TypePrefix + "export.v1"
)

// Modes, in rising order of what an event may do. Absent means do nothing.
const (
	ModeReplay  = "replay"
	ModeShadow  = "shadow"
	ModePropose = "propose"
	ModeLive    = "live"
)

// Content types of event data.
const (
	ContentJSON  = "application/json"
	ContentArrow = "application/vnd.apache.arrow.stream"
)

// Names of the headers. CloudEvents attributes have the prefix ce_.
const (
	HeaderSpecVersion = "ce_specversion"
	HeaderID          = "ce_id"
	HeaderSource      = "ce_source"
	HeaderType        = "ce_type"
	HeaderTime        = "ce_time"
	HeaderDataSchema  = "ce_dataschema"
	HeaderContentType = "content-type"
	HeaderSubject     = "ce_subject"
	HeaderSystem      = "ce_hssystem"
	HeaderKey         = "ce_partitionkey"
	HeaderSequence    = "ce_sequence"
	HeaderCorrelation = "ce_correlationid"
	HeaderCausation   = "ce_causationid"
	HeaderTrace       = "ce_traceparent"
	HeaderExpiry      = "ce_expirytime"
	HeaderIdempotency = "ce_hskey"
	HeaderEpoch       = "ce_hsepoch"
	HeaderMode        = "ce_hsmode"
	HeaderPlan        = "ce_hsplan"
	HeaderRevision    = "ce_hsrevision"
	// HeaderWatermark and HeaderLane stand on the window.v1 records by which a detect lane passes time on.
	HeaderWatermark = "ce_hswatermark"
	HeaderLane      = "ce_hslane"
	// HeaderLanes stands beside them: all lanes whose time the reader has to wait for, as SOURCE=PARTITIONS, comma between.
	HeaderLanes = "ce_hslanes"
)

// Event is one CloudEvent. The zero value of an optional attribute means that it is absent.
type Event struct {
	ID, Source, Type string
	// Time is event time in Unix nanoseconds.
	Time    int64
	Subject string
	System  string
	// Key is the record's key and the partitionkey attribute.
	Key string
	// Correlation is the incident's id, Causation the id of the direct cause.
	Correlation, Causation string
	// Expiry is the start deadline in Unix nanoseconds.
	Expiry int64
	// Idempotency is the idempotency key, 32 hex digits.
	Idempotency string
	// Epoch is the policy epoch of the domain; meaningful on commands only.
	Epoch int64
	Mode  string
	// Plan is the SHA-256 of the canonical plan, hex.
	Plan string
	// Revision is over 0 for a window that was opened again for late rows: it takes the place of what was said of it before.
	// Its Time is when that was found out.
	Revision int64
	// Content is the content type of Data; "" is JSON.
	Content string
	Trace   string
	Data    []byte
}

// Command tells whether the event is one that an actuator may get.
func (e *Event) Command() bool {
	switch e.Type {
	case TypeRemediationProposed, TypeRemediationRequested, TypeRemediationCancelled:
		return true
	}
	return false
}

// Types lists the event types in the order in which an episode writes them.
func Types() []string {
	return []string{TypeFinding, TypeWindow, TypeTopology, TypeChange,
		TypeIncidentOpened, TypeIncidentUpdated, TypeIncidentClosed, TypeHypothesisOpened, TypeHypothesisJudged,
		TypeRemediationProposed, TypeRemediationRequested, TypeRemediationCancelled, TypeResult}
}

// Into decodes JSON data into a typed value.
func (e *Event) Into(v any) error {
	if e.Content != "" && e.Content != ContentJSON {
		return pipeline.Errorf("event.content", "event %s of type %s has data of type %s where JSON is expected: read it by its content-type", e.ID, e.Type, e.Content)
	}
	if err := json.Unmarshal(e.Data, v); err != nil {
		return pipeline.Errorf("event.data", "event %s of type %s has data that does not fit its type: %w", e.ID, e.Type, err)
	}
	return nil
}

// NewEvent makes an event with JSON data. v must be one of this package's data types. Nil slices and maps are written
// as empty ones and infinite numbers as the largest of their sign. A number that is not known (NaN) is null in what
// was measured (findings, incidents, judgements, results) and an error in what is promised or ordered. Data read back
// has 0 for null.
func NewEvent(typ, id string, time int64, v any) (Event, error) {
	data, err := encoder{mayBeUnknown(typ)}.value(nil, reflect.ValueOf(v), "data")
	if err != nil {
		return Event{}, pipeline.Errorf("event.encode", "event %s of type %s can't be written as JSON: %w", id, typ, err)
	}
	e := Event{ID: id, Type: typ, Time: time, Content: ContentJSON, Data: data}
	if !e.Command() {
		e.Epoch = NoEpoch
	}
	return e, nil
}

// DataSchema returns the URI of the JSON Schema of an event type, or "" when its data is not JSON or has no schema.
func DataSchema(typ string) string {
	if typ == TypeWindow || typ == TypeExport || len(typ) <= len(TypePrefix) {
		return ""
	}
	return "https://homeostat.dev/schemas/" + typ[len(TypePrefix):] + ".json"
}

// Headers returns the record headers of the event in a fixed order. sequence numbers the events of one source, 0 leaves
// it out.
func (e *Event) Headers(sequence uint64) []pipeline.Header {
	hs := make([]pipeline.Header, 0, 20)
	put := func(key, value string) {
		if value != "" {
			hs = append(hs, pipeline.Header{Key: key, Value: []byte(strings.ToValidUTF8(value, "\uFFFD"))})
		}
	}
	put(HeaderSpecVersion, "1.0")
	put(HeaderID, e.ID)
	put(HeaderSource, e.Source)
	put(HeaderType, e.Type)
	put(HeaderTime, FormatTime(e.Time))
	put(HeaderDataSchema, DataSchema(e.Type))
	content := e.Content
	if content == "" {
		content = ContentJSON
	}
	put(HeaderContentType, content)
	put(HeaderSubject, e.Subject)
	put(HeaderSystem, e.System)
	put(HeaderKey, e.Key)
	if sequence > 0 {
		put(HeaderSequence, fmt.Sprintf("%020d", sequence))
	}
	put(HeaderCorrelation, e.Correlation)
	put(HeaderCausation, e.Causation)
	put(HeaderTrace, e.Trace)
	if e.Expiry != 0 {
		put(HeaderExpiry, FormatTime(e.Expiry))
	}
	put(HeaderIdempotency, e.Idempotency)
	put(HeaderEpoch, e.epochText())
	put(HeaderMode, e.Mode)
	put(HeaderPlan, e.Plan)
	put(HeaderRevision, e.revisionText())
	return hs
}

// revisionText returns the revision in 20 digits, "" for 0.
func (e *Event) revisionText() string {
	if e.Revision <= 0 {
		return ""
	}
	return fmt.Sprintf("%020d", e.Revision)
}

// epochText returns the epoch in 20 digits, "" where none belongs or is set: without one a command is not carried out.
func (e *Event) epochText() string {
	if !e.Command() || e.Epoch < 0 {
		return ""
	}
	return fmt.Sprintf("%020d", e.Epoch)
}

// FormatTime writes event time as CloudEvents wants it: RFC 3339, UTC, with as many digits of the second as needed.
func FormatTime(t int64) string { return time.Unix(0, t).UTC().Format(time.RFC3339Nano) }

// ParseTime reads an RFC 3339 time.
func ParseTime(s string) (int64, error) {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return 0, err
	}
	if y := t.Year(); y < 1700 || y > 2260 {
		return 0, fmt.Errorf("year %d is outside 1700 to 2260", y)
	}
	return t.UnixNano(), nil
}

// ReadEvent reads a record in CloudEvents binary mode. Strings are copied; Data borrows the record's value. A
// record that is no CloudEvent of version 1.0 is an error that says which attribute is at fault. Of an attribute that
// is there twice the last one counts. Without a time attribute the event has its record's time.
func ReadEvent(rec *pipeline.Record) (Event, error) {
	bad := func(name, why string) (Event, error) {
		if name = "ce_" + name; name == "ce_datacontenttype" {
			name = HeaderContentType
		}
		return Event{}, pipeline.Errorf("event.attribute", "record %s/%d@%d is no CloudEvent: header %s %s: producers must write CloudEvents 1.0 in binary mode", rec.Topic, rec.Partition, rec.Offset, name, why)
	}
	e := Event{Data: rec.Value}
	texts := attributes{event: &e}
	for _, h := range rec.Headers {
		name, isAttribute := strings.CutPrefix(h.Key, "ce_")
		if !isAttribute {
			if h.Key != HeaderContentType {
				continue
			}
			name = "datacontenttype"
		}
		target := texts.byName(name)
		if target == nil {
			continue
		}
		if !utf8.Valid(h.Value) {
			return bad(name, "is not UTF-8")
		}
		*target = string(h.Value)
	}
	if name, why := texts.finish(); name != "" {
		return bad(name, why)
	}
	if texts.time == "" {
		if rec.Timestamp > math.MaxInt64/int64(time.Millisecond) || rec.Timestamp < 0 {
			return bad("time", "is missing and the record has no time of its own")
		}
		e.Time = rec.Timestamp * int64(time.Millisecond)
	}
	return e, nil
}

// NoEpoch is the Epoch of an event that carries none. On a command it means: do not act.
const NoEpoch = -1
