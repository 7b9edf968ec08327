package schemas

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/homeostat/homeostat/pipeline"
)

// AppendJSON appends the event as one line of CloudEvents JSON (structured mode), without line break: attributes in a
// fixed order, then data. JSON data is embedded in compact form; other data, and bytes that claim to be JSON and are
// not, stand in data_base64. Equal events give equal bytes. Text that is no UTF-8 gets U+FFFD for each bad byte.
func AppendJSON(dst []byte, e Event) []byte {
	dst = append(dst, '{')
	put := func(name, value string) {
		if value != "" {
			dst = appendText(appendName(dst, name, dst[len(dst)-1] != '{'), value)
		}
	}
	content := e.Content
	if content == "" {
		content = ContentJSON
	}
	put("specversion", "1.0")
	put("id", e.ID)
	put("source", e.Source)
	put("type", e.Type)
	put("time", FormatTime(e.Time))
	put("subject", e.Subject)
	put("hssystem", e.System)
	put("partitionkey", e.Key)
	put("correlationid", e.Correlation)
	put("causationid", e.Causation)
	put("traceparent", e.Trace)
	if e.Expiry != 0 {
		put("expirytime", FormatTime(e.Expiry))
	}
	put("hskey", e.Idempotency)
	put("hsepoch", e.epochText())
	put("hsmode", e.Mode)
	put("hsplan", e.Plan)
	put("hsrevision", e.revisionText())
	put("datacontenttype", content)
	put("dataschema", DataSchema(e.Type))
	if e.Data != nil {
		dst = appendData(dst, content, e.Data)
	}
	return append(dst, '}')
}

func appendData(dst []byte, content string, data []byte) []byte {
	if content == ContentJSON && utf8.Valid(data) {
		start := len(dst)
		buf := bytes.NewBuffer(append(dst, `,"data":`...))
		if json.Compact(buf, data) == nil {
			return buf.Bytes()
		}
		dst = dst[:start]
	}
	dst = append(dst, `,"data_base64":"`...)
	dst = base64.StdEncoding.AppendEncode(dst, data)
	return append(dst, '"')
}

// ReadJSON reads what AppendJSON writes, and any CloudEvent of version 1.0 in JSON. The event owns its memory. Attributes
// that Event does not have are ignored.
func ReadJSON(line []byte) (Event, error) {
	bad := func(format string, args ...any) (Event, error) {
		return Event{}, pipeline.Errorf("event.json", "no CloudEvent in JSON: %w", fmt.Errorf(format, args...))
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(line, &members); err != nil {
		return bad("%w", err)
	}
	var e Event
	texts := attributes{event: &e}
	for name, raw := range members {
		target := texts.byName(name)
		if target == nil {
			continue
		}
		if err := json.Unmarshal(raw, target); err != nil {
			return bad("attribute %s is no text", name)
		}
	}
	if name, why := texts.finish(); name != "" {
		return bad("attribute %s %s", name, why)
	}
	if texts.time == "" {
		return bad("attribute time is missing")
	}
	data, plain := members["data"]
	encoded, binary := members["data_base64"]
	switch {
	case plain && binary:
		return bad("event %s has both data and data_base64", e.ID)
	case plain:
		e.Data = append([]byte(nil), data...)
	case binary:
		if err := json.Unmarshal(encoded, &e.Data); err != nil {
			return bad("data_base64 of event %s is no base64", e.ID)
		}
		if e.Data == nil {
			e.Data = []byte{}
		}
	}
	return e, nil
}

// attributes gathers the attributes of an event that is being read.
type attributes struct {
	event                                  *Event
	version, time, expiry, epoch, revision string
}

// byName returns where the attribute's text goes, nil if Event does not have it.
func (a *attributes) byName(name string) *string {
	e := a.event
	switch name {
	case "specversion":
		return &a.version
	case "id":
		return &e.ID
	case "source":
		return &e.Source
	case "type":
		return &e.Type
	case "time":
		return &a.time
	case "datacontenttype":
		return &e.Content
	case "subject":
		return &e.Subject
	case "hssystem":
		return &e.System
	case "partitionkey":
		return &e.Key
	case "correlationid":
		return &e.Correlation
	case "causationid":
		return &e.Causation
	case "traceparent":
		return &e.Trace
	case "expirytime":
		return &a.expiry
	case "hskey":
		return &e.Idempotency
	case "hsepoch":
		return &a.epoch
	case "hsmode":
		return &e.Mode
	case "hsplan":
		return &e.Plan
	case "hsrevision":
		return &a.revision
	}
	return nil
}

// finish checks what is required and reads times and numbers. It returns the attribute at fault and why, "" if none.
func (a *attributes) finish() (name, why string) {
	e := a.event
	switch {
	case a.version == "":
		return "specversion", "is missing"
	case a.version != "1.0":
		return "specversion", "is " + strconv.Quote(a.version) + ", not 1.0"
	case e.ID == "":
		return "id", "is missing"
	case e.Type == "":
		return "type", "is missing"
	case e.Source == "":
		return "source", "is missing"
	}
	// Parameters such as a charset don't matter: JSON is UTF-8.
	if media, _, _ := strings.Cut(e.Content, ";"); strings.EqualFold(strings.TrimSpace(media), ContentJSON) {
		e.Content = ContentJSON
	}
	var err error
	if a.time != "" {
		if e.Time, err = ParseTime(a.time); err != nil {
			return "time", "is no RFC 3339 time"
		}
	}
	if a.expiry != "" {
		if e.Expiry, err = ParseTime(a.expiry); err != nil {
			return "expirytime", "is no RFC 3339 time"
		}
	}
	e.Epoch = NoEpoch
	if a.epoch != "" {
		if e.Epoch, err = strconv.ParseInt(a.epoch, 10, 64); err != nil || e.Epoch < 0 {
			return "hsepoch", "is no number of up to 20 digits"
		}
	}
	if a.revision != "" {
		if e.Revision, err = strconv.ParseInt(a.revision, 10, 64); err != nil || e.Revision < 0 {
			return "hsrevision", "is no number of up to 20 digits"
		}
	}
	return "", ""
}
