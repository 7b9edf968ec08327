package otlp

import "github.com/homeostat/homeostat/schemas/codec/wire"

// protobufSpan reads Span: trace_id 1, span_id 2, trace_state 3, name 5, kind 6, start_time 7, end_time 8, attributes 9, status 15.
func (c *tracesCodec) protobufSpan(v extent, res uint32) {
	s := &c.span
	s.reset(v.from)
	cur := wire.Cursor{B: c.b, At: v.from, End: v.to}
	var f wire.Field
	var attributes extent // with what is between them
	for cur.Next(&f) {
		switch f.Number {
		case 1:
			// A metric has its name here.
			if n := f.To - f.From; cur.Expect(&f, wire.Bytes) && n != 0 && n != 16 {
				cur.Stop(f.At, "a trace id has neither 16 bytes nor none")
			}
		case 3:
			if cur.Expect(&f, wire.Bytes) {
				s.state = c.b[f.From:f.To]
			}
		case 5:
			if cur.Expect(&f, wire.Bytes) {
				s.name = c.b[f.From:f.To]
			}
		case 6:
			if cur.Expect(&f, wire.Varint) {
				s.kind = int64(f.Value)
			}
		case 7:
			if cur.Expect(&f, wire.Fixed64) {
				s.start = f.Value
			}
		case 8:
			if cur.Expect(&f, wire.Fixed64) {
				s.end = f.Value
			}
		case 9:
			if cur.Expect(&f, wire.Bytes) {
				if !attributes.there() {
					attributes.from = f.At
				}
				attributes.to = f.To
			}
		case 15:
			if cur.Expect(&f, wire.Bytes) {
				c.statusAt(extent{f.From, f.To})
			}
		}
	}
	c.check(&cur)
	if c.defect.what == sound && c.attributesCount() {
		c.attributesAt(attributes)
	}
	c.finish(res)
}

// statusAt reads Status: code = 3.
func (c *tracesCodec) statusAt(v extent) {
	cur := wire.Cursor{B: c.b, At: v.from, End: v.to}
	var f wire.Field
	for cur.Next(&f) {
		if f.Number == 3 && cur.Expect(&f, wire.Varint) {
			c.span.status = int64(f.Value)
		}
	}
	c.check(&cur)
}

// attributesAt reads attributes = 9.
func (c *tracesCodec) attributesAt(v extent) {
	cur := wire.Cursor{B: c.b, At: v.from, End: v.to}
	var f wire.Field
	for cur.Next(&f) {
		if f.Number != 9 {
			continue
		}
		e, d := keyValue(c.b, extent{f.From, f.To})
		c.stop(d)
		c.attribute(e)
	}
}

// wanted tells whether the span makes points.
func (c *tracesCodec) wanted() bool {
	k := c.span.kind
	return k >= 0 && k < spanKinds && c.kinds[k]
}

// attributesCount tells whether the span's attributes make labels.
func (c *tracesCodec) attributesCount() bool {
	return c.wanted() && (c.span.kind >= kindClient || len(c.dimensions.names) > 0)
}

func (c *tracesCodec) attribute(e entry) {
	if slot, ok := c.dimensions.slot(e.key); ok {
		c.span.dimensions.set(slot, e.value)
	}
	if c.span.kind >= kindClient {
		if slot, ok := peerSlotOf(e.key); ok {
			c.span.peer.set(int(slot), e.value)
		}
	}
}

// jsonSpan reads a Span in JSON.
func (c *tracesCodec) jsonSpan(res uint32) {
	sp, s := &c.span, &c.scan
	sp.reset(s.at)
	s.enter('{')
	var seen uint32
	var attributes extent
	for first := true; ; {
		name, ok := s.member(&first)
		if !ok {
			break
		}
		bit := spanMember(name)
		if bit == 0 {
			s.skip()
			continue
		}
		if !s.once(&seen, bit) || s.null() {
			continue
		}
		switch bit {
		case 3:
			sp.state, _ = s.text()
		case 5:
			sp.name, _ = s.text()
		case 6:
			sp.kind = s.enum(kindPrefix, kindNames)
		case 7:
			sp.start = s.unsigned()
		case 8:
			sp.end = s.unsigned()
		case 9:
			switch {
			case s.next() != '[':
				s.enter('[')
			case seen&(1<<6) == 0: // the kind says whether they count
				attributes = s.raw()
			case c.attributesCount():
				c.jsonSpanAttributes()
			default:
				s.skip()
			}
		case 15:
			c.jsonStatus()
		}
	}
	if s.fault.what == sound && attributes.there() && c.attributesCount() {
		end := s.at
		s.at = attributes.from
		c.jsonSpanAttributes()
		s.at = max(s.at, end)
	}
	c.stop(s.fault)
	c.finish(res)
}

func (c *tracesCodec) jsonSpanAttributes() {
	s := &c.scan
	s.enter('[')
	for first := true; s.element(&first); {
		c.attribute(jsonKeyValue(s))
	}
}

// spanMember returns the number that Span has for a member that is read.
func spanMember(name []byte) uint {
	switch string(name) {
	case "traceState", "trace_state":
		return 3
	case "name":
		return 5
	case "kind":
		return 6
	case "startTimeUnixNano", "start_time_unix_nano":
		return 7
	case "endTimeUnixNano", "end_time_unix_nano":
		return 8
	case "attributes":
		return 9
	case "status":
		return 15
	}
	return 0
}

func (c *tracesCodec) jsonStatus() {
	s := &c.scan
	s.enter('{')
	var seen uint32
	for first := true; ; {
		name, ok := s.member(&first)
		switch {
		case !ok:
			return
		case string(name) != "code":
			s.skip()
		case s.once(&seen, 0) && !s.null():
			c.span.status = s.enum(statusPrefix, statusNames)
		}
	}
}

// finish makes the rows of the span that was read, or counts them as lost. They are at its end, which is when a request's outcome is known,
// and when producers send it.
func (c *tracesCodec) finish(res uint32) {
	s := &c.span
	if c.defect.what != sound {
		return
	}
	if !c.wanted() {
		c.lost[spanKind] += spanRows
		return
	}
	when := int64(s.end)
	switch {
	case s.end > 1<<63-1:
		c.lost[spanTimeRange] += spanRows
		return
	case s.end == 0:
		if when = c.recordTime; when == 0 {
			c.lost[spanNoTime] += spanRows
			return
		}
	}
	series := c.seriesOf(res)
	if c.defect.what != sound {
		return
	}
	count := adjustedCount(s.state)
	failed := 0.0
	if s.status == statusError {
		failed = count
	}
	c.row(series.calls, when, count)
	c.row(series.errors, when, failed)
	if s.start == 0 || s.end < s.start {
		c.lost[spanNoDuration]++
		return
	}
	c.row(series.duration, when, float64(s.end-s.start)/1e9)
}

func (c *tracesCodec) row(series uint32, when int64, value float64) {
	if series == refused {
		c.lost[spanSeriesLimit]++
		return
	}
	c.out.Point(series, when, 0, value)
}

// adjustedCount returns how many spans a sampled one stands for: by the rejection threshold th in the section ot of a tracestate
// (opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling), one of 2^56 in hexadecimal digits, trailing zeros left
// out. A span that says nothing, or nothing that can be read, stands for itself.
func adjustedCount(state []byte) float64 {
	const most, digits = 1 << 56, 14
	th := stateValue(state)
	if len(th) == 0 || len(th) > digits {
		return 1
	}
	threshold := uint64(0)
	for _, ch := range th {
		digit, ok := hexDigit(ch)
		if !ok || ch < 'a' && ch > '9' {
			return 1
		}
		threshold = threshold<<4 | uint64(digit)
	}
	threshold <<= 4 * (digits - len(th))
	return most / float64(most-threshold)
}

// stateValue returns the value of th in the section ot of a tracestate: "a=b,ot=th:c;rv:0123".
func stateValue(state []byte) []byte {
	for len(state) > 0 {
		var section []byte
		section, state = cut(state, ',')
		for len(section) > 0 && (section[0] == ' ' || section[0] == '\t') {
			section = section[1:]
		}
		if len(section) < 3 || string(section[:3]) != "ot=" {
			continue
		}
		for section = section[3:]; len(section) > 0; {
			var part []byte
			part, section = cut(section, ';')
			if len(part) >= 3 && string(part[:3]) == "th:" {
				return part[3:]
			}
		}
		return nil
	}
	return nil
}

// cut is bytes.Cut without what was found.
func cut(b []byte, at byte) (before, after []byte) {
	for i, ch := range b {
		if ch == at {
			return b[:i], b[i+1:]
		}
	}
	return b, nil
}
