package otlp

import (
	"bytes"
	"encoding/binary"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/memo"
	"github.com/homeostat/homeostat/schemas/codec/wire"
)

// reader is what the codecs of logs and of spans share: it walks a message in protocol buffers or JSON, which have the same
// levels in both signals, down to the records (log records, spans), and knows the chosen attributes of resources.
type reader struct {
	limits readerLimits
	// members are the names in JSON of what the message, a resource's part and a scope's part hold, in two spellings.
	members [3][2]string
	// protobuf reads the record at v, json the record that scan is in front of. They are made once: a method value costs memory.
	protobuf func(v extent, origin uint32)
	json     func(origin uint32)
	labels   choice

	// Of the table.
	resources memo.Memo
	origins   []origin

	// Of the message being decoded.
	b       []byte
	isJSON  bool
	scan    scanner
	part    scanner // over a part of the message that was passed before
	texts   textWriter
	defect  defect
	records int
	parts   int
	key     []byte
}

type readerLimits struct{ bytes, records, labelBytes, nesting, memo int }

// origin is what is known of a resource: its chosen attributes that are not empty.
type origin struct {
	labels []pipeline.Label
	bytes  int // of their text
}

// defect is why a record can't be decoded, and where; each codec has codes of its own for it.
type defect struct {
	what defectKind
	at   int
	why  string
}

type defectKind uint8

const (
	sound       defectKind = iota
	brokenBytes            // not the protocol buffers that are expected
	brokenJSON             // not the JSON that is expected
	nothing                // sound, but something else
	foreignJSON            // JSON of a span, but not OTLP's
	tooDeep
	tooManyRecords
	tooMuchText // in labels
	tooLargeBody
)

func (r *reader) stop(d defect) {
	if r.defect.what == sound {
		r.defect = d
	}
}

// forget starts the memory of resources anew.
func (r *reader) forget() { r.resources, r.origins = memo.New(), nil }

// largestScratch is what a reader keeps of its scratch memory from one message to the next.
const largestScratch, entryBytes = 1 << 20, 40

// read walks a message.
func (r *reader) read(b []byte) defect {
	at, isJSON := jsonBegins(b)
	r.b, r.isJSON, r.records, r.parts, r.defect = b, isJSON, 0, 0, defect{}
	r.texts.nesting, r.texts.defect, r.texts.entries = r.limits.nesting, defect{}, r.texts.entries[:0]
	if isJSON {
		r.scan.reset(b, at, len(b), r.limits.nesting)
		r.documents()
		r.stop(r.scan.fault)
	} else {
		r.message()
	}
	r.b, r.scan.b, r.part.b = nil, nil, nil
	if cap(r.scan.arena)+cap(r.part.arena)+cap(r.texts.entries)*entryBytes+cap(r.texts.scratch)+cap(r.key) > largestScratch {
		r.scan.arena, r.part.arena, r.texts.entries, r.texts.scratch, r.key = nil, nil, nil, nil, nil
	}
	return r.defect
}

// jsonBegins tells JSON from protocol buffers, where a message of either signal begins with 0x0a as a rule: what has a brace
// after a byte order mark or white space other than that is JSON.
func jsonBegins(b []byte) (at int, ok bool) {
	rest := bytes.TrimLeft(bytes.TrimPrefix(b, []byte("\uFEFF")), " \t\r")
	return len(b) - len(rest), len(rest) > 0 && rest[0] == '{'
}

// message reads ExportLogsServiceRequest or ExportTraceServiceRequest: resource_logs or resource_spans = 1.
func (r *reader) message() {
	cur := wire.Cursor{B: r.b, End: len(r.b)}
	var f wire.Field
	found := false
	for r.defect.what == sound && cur.Next(&f) {
		if f.Number == 1 && cur.Expect(&f, wire.Bytes) {
			found = true
			r.resourcePart(extent{f.From, f.To}, f.At)
		}
	}
	r.check(&cur)
	if !found {
		r.stop(defect{nothing, 0, ""})
	}
}

// check keeps the fault of a cursor.
func (r *reader) check(cur *wire.Cursor) {
	if cur.Fault != "" {
		r.stop(defect{brokenBytes, cur.FaultAt, cur.Fault})
	}
}

// resourcePart reads resource = 1, then the parts of scopes = 2: producers write them in either order.
func (r *reader) resourcePart(v extent, at int) {
	cur := wire.Cursor{B: r.b, At: v.from, End: v.to}
	var f wire.Field
	var raw []byte
	from := v.from
	for cur.Next(&f) {
		if f.Number != 1 || !cur.Expect(&f, wire.Bytes) {
			continue
		}
		// Parts of a message that comes in parts are one message.
		if raw == nil {
			raw, from = r.b[f.From:f.To:f.To], f.From
		} else {
			raw = append(raw, r.b[f.From:f.To]...)
		}
	}
	r.check(&cur)
	res := r.resource(raw, from, at)
	cur = wire.Cursor{B: r.b, At: v.from, End: v.to}
	for r.defect.what == sound && cur.Next(&f) {
		if f.Number == 2 && cur.Expect(&f, wire.Bytes) {
			r.scopePart(extent{f.From, f.To}, res)
		}
	}
	r.check(&cur)
}

// scopePart reads log_records = 2 or spans = 2.
func (r *reader) scopePart(v extent, res uint32) {
	cur := wire.Cursor{B: r.b, At: v.from, End: v.to}
	var f wire.Field
	for r.defect.what == sound && cur.Next(&f) {
		if f.Number == 2 && cur.Expect(&f, wire.Bytes) && r.count(f.At) {
			r.protobuf(extent{f.From, f.To}, res)
		}
	}
	r.check(&cur)
}

// count counts a record at its position.
func (r *reader) count(at int) bool {
	if r.records++; r.records > r.limits.records {
		r.stop(defect{tooManyRecords, at, ""})
		return false
	}
	return true
}

// documents reads messages in JSON, one after the other with white space between them.
func (r *reader) documents() {
	for r.scan.next(); r.scan.at < len(r.b) && r.defect.what == sound; r.scan.next() {
		r.document()
	}
}

func (r *reader) document() {
	s := &r.scan
	at, found, foreign := s.at, false, false
	s.enter('{')
	var seen uint32
	for first := true; ; {
		name, ok := s.member(&first)
		switch {
		case !ok:
			if s.fault.what != sound {
				return
			}
			if !found && foreign {
				r.stop(defect{foreignJSON, at, ""})
			} else if !found {
				r.stop(defect{nothing, at, ""})
			}
			return
		case spelt(name, r.members[0]):
			found = true
			if s.once(&seen, 0) {
				r.each(r.resourceObject)
			}
		default:
			foreign = foreign || string(name) == "operationName"
			s.skip()
		}
	}
}

func spelt(name []byte, spellings [2]string) bool {
	return string(name) == spellings[0] || string(name) == spellings[1]
}

// each calls read at each element of the list that scan is in front of; null is an empty one.
func (r *reader) each(read func()) {
	s := &r.scan
	if s.null() || !s.enter('[') {
		return
	}
	for first := true; r.defect.what == sound && s.element(&first); {
		read()
	}
}

// resourceObject reads resource, then the parts of scopes, which may stand before it.
func (r *reader) resourceObject() {
	s := &r.scan
	s.next()
	at := s.at
	s.enter('{')
	var seen uint32
	var raw, scopes extent
	for first := true; r.defect.what == sound; {
		name, ok := s.member(&first)
		switch {
		case !ok:
			if s.fault.what == sound && scopes.there() {
				end := s.at
				s.at = scopes.from
				r.scopes(r.resource(r.b[raw.from:raw.to], raw.from, at))
				s.at = max(s.at, end)
			}
			return
		case string(name) == "resource":
			if s.once(&seen, 0) && !s.null() {
				raw = s.raw()
			}
		case !spelt(name, r.members[1]):
			s.skip()
		case !s.once(&seen, 1):
		case seen&1 == 0:
			scopes = s.raw()
		default:
			r.scopes(r.resource(r.b[raw.from:raw.to], raw.from, at))
		}
	}
}

// scopes reads the list of parts of scopes that scan is in front of.
func (r *reader) scopes(res uint32) {
	s := &r.scan
	r.each(func() {
		s.enter('{')
		var seen uint32
		for first := true; r.defect.what == sound; {
			name, ok := s.member(&first)
			if !ok {
				return
			}
			if !spelt(name, r.members[2]) {
				s.skip()
				continue
			}
			if !s.once(&seen, 0) {
				return
			}
			r.each(func() {
				s.next()
				if r.count(s.at) {
					s.arena = s.arena[:0]
					r.json(res)
				}
			})
		}
	})
}

// resource finds the number of a resource by its bytes, which lie at a position of the record.
func (r *reader) resource(raw []byte, from, at int) uint32 {
	// A resource has a record as a rule: a message of many that have none would fill the memory.
	if r.parts++; r.parts > 2*r.limits.records {
		r.stop(defect{tooManyRecords, at, ""})
	}
	if r.defect.what != sound {
		return 0
	}
	encoding := uint32(0)
	if r.isJSON {
		encoding = 1
	}
	number, hash, ok := r.resources.Find(encoding, raw)
	if ok {
		return number
	}
	found := newChosen(len(r.labels.names))
	d := r.resourceAttributes(raw, &found)
	o := origin{}
	if d.what == sound {
		o.labels, o.bytes, d = r.labelsOf(nil, 0, raw, r.labels.names, &found)
	}
	if d.what != sound {
		d.at += from
		r.stop(d)
		return 0
	}
	number = uint32(len(r.origins))
	r.origins = append(r.origins, o)
	r.resources.Add(hash, encoding, raw, number)
	return number
}

// resourceAttributes reads attributes = 1 of a Resource.
func (r *reader) resourceAttributes(raw []byte, found *chosen) defect {
	if !r.isJSON {
		return attributesAt(raw, extent{0, len(raw)}, 1, func(key []byte, value extent) {
			if slot, ok := r.labels.slot(key); ok {
				found.set(slot, value)
			}
		})
	}
	if len(raw) == 0 {
		return defect{}
	}
	s := &r.part
	s.reset(raw, 0, len(raw), r.limits.nesting)
	s.arena = s.arena[:0]
	s.enter('{')
	var seen uint32
	for first := true; ; {
		name, ok := s.member(&first)
		switch {
		case !ok:
			return s.fault
		case string(name) != "attributes":
			s.skip()
		case s.once(&seen, 0) && !s.null():
			s.enter('[')
			for first := true; s.element(&first); {
				e := jsonKeyValue(s)
				if slot, ok := r.labels.slot(e.key); ok {
					found.set(slot, e.value)
				}
			}
		}
	}
}

// attributesAt calls each for the KeyValue fields of that number in b[v.from:v.to].
func attributesAt(b []byte, v extent, number uint64, each func(key []byte, value extent)) defect {
	cur := wire.Cursor{B: b, At: v.from, End: v.to}
	var f wire.Field
	for cur.Next(&f) {
		if f.Number != number || !cur.Expect(&f, wire.Bytes) {
			continue
		}
		e, d := keyValue(b, extent{f.From, f.To})
		if d.what != sound {
			return d
		}
		each(e.key, e.value)
	}
	if cur.Fault != "" {
		return defect{brokenBytes, cur.FaultAt, cur.Fault}
	}
	return defect{}
}

// labelsOf adds labels of the names for the values found in b; a value that is empty makes none. size is that of the text of
// labels so far.
func (r *reader) labelsOf(labels []pipeline.Label, size int, b []byte, names []string, found *chosen) ([]pipeline.Label, int, defect) {
	for slot, v := range found.values {
		if !v.there() {
			continue
		}
		// Text is seldom shorter than a fifth of its raw form: what is eight times as long as the limit is not worth reading.
		if v.to-v.from > 8*r.limits.labelBytes {
			return nil, 0, defect{tooMuchText, v.from, ""}
		}
		value := r.text(nil, b, v, false)
		if r.texts.defect.what != sound {
			return nil, 0, r.texts.defect
		}
		if len(value) == 0 {
			continue
		}
		if size += len(names[slot]) + len(value); size > r.limits.labelBytes {
			return nil, 0, defect{tooMuchText, v.from, ""}
		}
		labels = append(labels, pipeline.Label{Name: names[slot], Value: string(value)})
	}
	return labels, size, defect{}
}

// text appends the text of the AnyValue at v in b, which is the record or a part of it.
func (r *reader) text(dst, b []byte, v extent, exact bool) []byte {
	r.texts.exact = exact
	if !r.isJSON {
		return r.texts.protobuf(dst, b, v)
	}
	r.part.reset(b, v.from, v.to, r.limits.nesting)
	r.part.arena = r.part.arena[:0]
	return r.texts.json(dst, &r.part)
}

// appendKey adds the raw values found, with their slots, to a key.
func (r *reader) appendKey(key []byte, found *chosen) []byte {
	if !found.any {
		return key
	}
	for slot, v := range found.values {
		if v.there() {
			key = binary.AppendUvarint(binary.AppendUvarint(key, uint64(slot)), uint64(v.to-v.from))
			key = append(key, r.b[v.from:v.to]...)
		}
	}
	return key
}
