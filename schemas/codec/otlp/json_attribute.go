package otlp

import (
	"bytes"
	"encoding/base64"
	"strconv"
)

// json appends the text of the AnyValue that the scanner is in front of, in JSON as OTLP has it (opentelemetry.io/docs/specs/otlp, JSON
// Protobuf Encoding): what protobuf and valueText make of the same value. Faults of the scanner become defects of the writer.
func (w *textWriter) json(dst []byte, s *scanner) []byte {
	dst = w.jsonValue(dst, s, w.nesting, false)
	w.stop(s.fault)
	return dst
}

// jsonValue reads an AnyValue. The last one of its members counts.
func (w *textWriter) jsonValue(dst []byte, s *scanner, depth int, nested bool) []byte {
	from, known := len(dst), false
	if !s.null() && s.enter('{') {
		for first := true; ; {
			name, ok := s.member(&first)
			if !ok {
				break
			}
			kind := jsonValueKind(name)
			if kind == 0 {
				s.skip()
				continue
			}
			if s.null() {
				continue
			}
			dst, known = w.jsonContent(dst[:from], s, kind, depth, nested), true
		}
	}
	if !known && nested {
		dst = append(dst, "null"...)
	}
	return dst
}

// jsonValueKind returns the number that AnyValue has for a member.
func jsonValueKind(name []byte) int {
	switch string(name) {
	case "stringValue", "string_value":
		return 1
	case "boolValue", "bool_value":
		return 2
	case "intValue", "int_value":
		return 3
	case "doubleValue", "double_value":
		return 4
	case "arrayValue", "array_value":
		return 5
	case "kvlistValue", "kvlist_value":
		return 6
	case "bytesValue", "bytes_value":
		return 7
	}
	return 0
}

func (w *textWriter) jsonContent(dst []byte, s *scanner, kind, depth int, nested bool) []byte {
	switch kind {
	case 1:
		if text, ok := s.text(); ok {
			dst = w.text(dst, text, nested)
		}
	case 2:
		dst = strconv.AppendBool(dst, s.boolean())
	case 3:
		dst = strconv.AppendInt(dst, s.signed(), 10)
	case 4:
		dst = appendDouble(dst, s.double(), nested)
	case 5, 6:
		if depth == 0 {
			s.fault = defect{tooDeep, s.at, ""}
			s.stop(s.at, "")
		} else if kind == 5 {
			dst = w.jsonList(dst, s, depth-1)
		} else {
			dst = w.jsonMap(dst, s, depth-1)
		}
	case 7:
		dst = w.jsonBytes(dst, s, nested)
	}
	return dst
}

// jsonValues passes to the list of an ArrayValue or KeyValueList, {"values":[…]}, and calls each at each element.
func jsonValues(s *scanner, each func()) {
	if !s.enter('{') {
		return
	}
	var seen uint32
	for first := true; ; {
		name, ok := s.member(&first)
		if !ok {
			return
		}
		if string(name) != "values" {
			s.skip()
			continue
		}
		if !s.once(&seen, 0) || s.null() || !s.enter('[') {
			continue
		}
		for first := true; s.element(&first); {
			each()
		}
	}
}

func (w *textWriter) jsonList(dst []byte, s *scanner, depth int) []byte {
	dst = append(dst, '[')
	from := len(dst)
	jsonValues(s, func() {
		if len(dst) > from {
			dst = append(dst, ',')
		}
		dst = w.jsonValue(dst, s, depth, true)
	})
	return append(dst, ']')
}

func (w *textWriter) jsonMap(dst []byte, s *scanner, depth int) []byte {
	base := len(w.entries)
	jsonValues(s, func() { w.entries = append(w.entries, jsonKeyValue(s)) })
	return w.jsonObject(dst, s, base, depth)
}

// jsonAttributes writes the attributes in the list that the scanner is in front of as an object.
func (w *textWriter) jsonAttributes(dst []byte, s *scanner, depth int) []byte {
	base := len(w.entries)
	if s.enter('[') {
		for first := true; s.element(&first); {
			w.entries = append(w.entries, jsonKeyValue(s))
		}
	}
	dst = w.jsonObject(dst, s, base, depth)
	w.stop(s.fault)
	return dst
}

// jsonObject writes the entries from base on.
func (w *textWriter) jsonObject(dst []byte, s *scanner, base, depth int) []byte {
	if s.fault.what != sound {
		w.entries = w.entries[:base]
		return dst
	}
	at := s.at
	dst = w.object(dst, base, func(dst []byte, v extent) []byte {
		s.at = v.from
		return w.jsonValue(dst, s, depth, true)
	})
	if s.fault.what == sound {
		s.at = at
	}
	return dst
}

// jsonKeyValue reads {"key":…,"value":…}; the value is passed.
func jsonKeyValue(s *scanner) (e entry) {
	if !s.enter('{') {
		return e
	}
	var seen uint32
	for first := true; ; {
		name, ok := s.member(&first)
		if !ok {
			return e
		}
		switch string(name) {
		case "key":
			if s.once(&seen, 0) && !s.null() {
				e.key, _ = s.text()
			}
		case "value":
			if s.once(&seen, 1) && !s.null() {
				e.value = s.raw()
			}
		default:
			s.skip()
		}
	}
}

// jsonBytes reads base64, in either alphabet, with or without padding.
func (w *textWriter) jsonBytes(dst []byte, s *scanner, nested bool) []byte {
	s.next()
	at := s.at
	text, ok := s.text()
	if !ok {
		return dst
	}
	w.scratch = append(w.scratch[:0], bytes.TrimRight(text, "=")...)
	for i, ch := range w.scratch {
		switch ch {
		case '-':
			w.scratch[i] = '+'
		case '_':
			w.scratch[i] = '/'
		}
	}
	n := len(w.scratch)
	var err error
	if w.scratch, err = base64.RawStdEncoding.AppendDecode(w.scratch, w.scratch); err != nil {
		s.stop(at, "bytes in base64 are expected here")
		return dst
	}
	return w.bytes(dst, w.scratch[n:], nested)
}
