package sniff

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/homeostat/homeostat/pipeline"
)

// form is what the bytes of a record are, before anybody decodes them.
type form uint8

const (
	other      form = iota // neither JSON nor text
	jsonObject             // one object, or several, one behind the other
	jsonArray
	jsonText
	plain // printable text that is no JSON
)

// view is a record as all candidates look at it.
type view struct {
	rec  *pipeline.Record
	form form
	// first is the first object of a record that is JSON, also of an array; nil if there is none.
	first map[string]json.RawMessage
	// content is the type that a header says, in small letters.
	content string
	// schema is the id of Confluent's framing; framed tells whether there may be one.
	schema uint32
	framed bool
	// own says that it is an event of Homeostat itself.
	own bool
}

// ownEvents begins the types of the events that Homeostat writes.
const ownEvents = "io.homeostat."

func look(rec *pipeline.Record) *view {
	v := &view{rec: rec}
	for _, h := range rec.Headers {
		switch strings.ToLower(h.Key) {
		case "content-type", "ce_datacontenttype", "contenttype":
			v.content = strings.ToLower(string(h.Value))
		case "ce_type":
			v.own = strings.HasPrefix(string(h.Value), ownEvents)
		}
	}
	if len(rec.Value) > 5 && rec.Value[0] == 0 {
		// Ids are given out from 1 on, so that real ones have a first byte of zero.
		v.schema = binary.BigEndian.Uint32(rec.Value[1:5])
		v.framed = v.schema > 0 && v.schema < 1<<24
	}
	v.shape()
	return v
}

// contents are the formats that a header may name, by a word in it, and the codecs that read them. A type that is not here, as text/plain or
// application/octet-stream, says nothing.
var contents = []struct {
	word   string
	codecs []string
}{
	{"protobuf", []string{"otlp_metrics", "otlp_logs", "otlp_traces", "remote_write"}},
	{"arrow", []string{"arrow"}},
	{"json", []string{"otlp_metrics", "otlp_logs", "otlp_traces", "alertmanager", "collectd", "json_metrics", "json_logs"}},
	{"avro", nil},
}

// mayBe tells whether what a header says of the content lets it be a codec's.
func (v *view) mayBe(codec string) bool {
	for _, c := range contents {
		if strings.Contains(v.content, c.word) {
			return slices.Contains(c.codecs, codec)
		}
	}
	return true
}

// shape finds out whether the record is JSON or text.
func (v *view) shape() {
	b := bytes.TrimSpace(bytes.TrimPrefix(v.rec.Value, []byte("\xef\xbb\xbf")))
	if len(b) == 0 {
		return
	}
	decoder := json.NewDecoder(bytes.NewReader(b))
	switch b[0] {
	case '{':
		if decoder.Decode(&v.first) == nil {
			v.form = jsonObject
			return
		}
	case '[':
		var items []json.RawMessage
		if decoder.Decode(&items) == nil && len(bytes.TrimSpace(b[decoder.InputOffset():])) == 0 {
			v.form = jsonArray
			if len(items) > 0 {
				_ = json.Unmarshal(items[0], &v.first) // anything but an object leaves it nil
			}
			return
		}
	case '"':
		var text string
		if decoder.Decode(&text) == nil && len(bytes.TrimSpace(b[decoder.InputOffset():])) == 0 {
			v.form = jsonText
			return
		}
	}
	if printable(b) {
		v.form = plain
	}
}

// printable tells whether bytes are text: a few bytes of another encoding are let through, since logs have such, control characters
// are not.
func printable(b []byte) bool {
	odd := 0
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		switch {
		case r == utf8.RuneError && n == 1:
			odd++
		case r < ' ' && r != '\t' && r != '\n' && r != '\r' && r != '\f' && r != 0x1b, r == 0x7f:
			return false
		}
		b = b[n:]
		if odd > 0 && odd*20 > len(b)+20 {
			return false
		}
	}
	return true
}

// has tells whether the first object has all of these members.
func (v *view) has(names ...string) bool {
	for _, name := range names {
		if _, ok := v.first[name]; !ok {
			return false
		}
	}
	return v.first != nil
}

// within returns the members of a member that is an object.
func (v *view) within(name string) map[string]json.RawMessage {
	var inner map[string]json.RawMessage
	if json.Unmarshal(v.first[name], &inner) != nil {
		return nil
	}
	return inner
}

// only tells whether the first object has no members but these.
func (v *view) only(names ...string) bool {
	n := 0
	for _, name := range names {
		if _, ok := v.first[name]; ok {
			n++
		}
	}
	return n == len(v.first)
}

func (v *view) json() bool { return v.form == jsonObject || v.form == jsonArray || v.form == jsonText }

// lines returns the lines of a record that are not blank, the first most of them.
func (v *view) lines(most int) [][]byte {
	var out [][]byte
	for line := range bytes.SplitSeq(v.rec.Value, []byte("\n")) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			if out = append(out, line); len(out) == most {
				break
			}
		}
	}
	return out
}
