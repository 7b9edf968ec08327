package otlp

import (
	"github.com/homeostat/homeostat/schemas/codec/wire"

	"bytes"
	"encoding/base64"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// extent is where something stands in a record; both are 0 if it is not there.
type extent struct{ from, to int }

func (s extent) there() bool { return s.to > 0 }

// textWriter writes attribute values (opentelemetry-proto common/v1 AnyValue) as the canonical text that valueText gives them,
// without a tree of values, so that bodies of logs that are maps cost no memory either. Values come in protocol buffers or in
// JSON. The first defect is kept.
type textWriter struct {
	nesting int
	// exact leaves a text or bytes that are the whole value as they are, as logs need it: bytes are not written in base64 then,
	// and what is not UTF-8 stays.
	exact   bool
	defect  defect
	entries []entry // of the maps that are being written
	scratch []byte
}

// entry is a member of a map, whose value stands as raw bytes; without a value it is empty.
type entry struct {
	key   []byte
	value extent
}

func (w *textWriter) stop(d defect) {
	if w.defect.what == sound {
		w.defect = d
	}
}

// check keeps the fault of a cursor.
func (w *textWriter) check(cur *wire.Cursor) {
	if cur.Fault != "" {
		w.stop(defect{brokenBytes, cur.FaultAt, cur.Fault})
	}
}

// protobuf appends the text of the AnyValue in b[v.from:v.to].
func (w *textWriter) protobuf(dst, b []byte, v extent) []byte {
	return w.value(dst, b, v, w.nesting, false)
}

// value reads AnyValue: string 1, bool 2, int 3, double 4, array 5, kvlist 6, bytes 7. The last one counts.
func (w *textWriter) value(dst, b []byte, v extent, depth int, nested bool) []byte {
	from, known := len(dst), false
	cur := wire.Cursor{B: b, At: v.from, End: v.to}
	var f wire.Field
	for w.defect.what == sound && cur.Next(&f) {
		typ := wire.Bytes
		switch f.Number {
		case 2, 3:
			typ = wire.Varint
		case 4:
			typ = wire.Fixed64
		}
		if f.Number > 7 || !cur.Expect(&f, typ) {
			continue
		}
		dst, known = dst[:from], true
		switch content := b[f.From:max(f.From, f.To)]; f.Number {
		case 1:
			dst = w.text(dst, content, nested)
		case 2:
			dst = strconv.AppendBool(dst, f.Value != 0)
		case 3:
			dst = strconv.AppendInt(dst, int64(f.Value), 10)
		case 4:
			dst = appendDouble(dst, math.Float64frombits(f.Value), nested)
		case 5, 6:
			if depth == 0 {
				w.stop(defect{tooDeep, f.At, ""})
			} else if f.Number == 5 {
				dst = w.list(dst, b, extent{f.From, f.To}, depth-1)
			} else {
				dst = w.fields(dst, b, extent{f.From, f.To}, 1, depth-1)
			}
		case 7:
			dst = w.bytes(dst, content, nested)
		}
	}
	w.check(&cur)
	if !known && nested {
		dst = append(dst, "null"...)
	}
	return dst
}

// list reads ArrayValue: values = 1.
func (w *textWriter) list(dst, b []byte, v extent, depth int) []byte {
	cur := wire.Cursor{B: b, At: v.from, End: v.to}
	var f wire.Field
	dst = append(dst, '[')
	from := len(dst)
	for w.defect.what == sound && cur.Next(&f) {
		if f.Number != 1 || !cur.Expect(&f, wire.Bytes) {
			continue
		}
		if len(dst) > from {
			dst = append(dst, ',')
		}
		dst = w.value(dst, b, extent{f.From, f.To}, depth, true)
	}
	w.check(&cur)
	return append(dst, ']')
}

// fields writes the KeyValue fields of that number in b[v.from:v.to] as an object: values = 1 of KeyValueList, or attributes.
func (w *textWriter) fields(dst, b []byte, v extent, number uint64, depth int) []byte {
	cur := wire.Cursor{B: b, At: v.from, End: v.to}
	var f wire.Field
	base := len(w.entries)
	for cur.Next(&f) {
		if f.Number != number || !cur.Expect(&f, wire.Bytes) {
			continue
		}
		var e entry
		if e, w.defect = keyValue(b, extent{f.From, f.To}); w.defect.what != sound {
			return dst
		}
		w.entries = append(w.entries, e)
	}
	w.check(&cur)
	return w.object(dst, base, func(dst []byte, v extent) []byte { return w.value(dst, b, v, depth, true) })
}

// keyValue reads KeyValue: key = 1, value = 2.
func keyValue(b []byte, v extent) (e entry, d defect) {
	// As most are, without a call: short, and with nothing but the two.
	for i := v.from; ; {
		if i == v.to {
			return e, d
		}
		if i+2 > v.to || b[i+1] >= 0x80 || i+2+int(b[i+1]) > v.to {
			break
		}
		to := i + 2 + int(b[i+1])
		if b[i] == 1<<3|wire.Bytes {
			e.key = b[i+2 : to]
		} else if b[i] == 2<<3|wire.Bytes {
			e.value = extent{i + 2, to}
		} else {
			break
		}
		i = to
	}
	e = entry{}
	cur := wire.Cursor{B: b, At: v.from, End: v.to}
	var f wire.Field
	for cur.Next(&f) {
		switch f.Number {
		case 1:
			if cur.Expect(&f, wire.Bytes) {
				e.key = b[f.From:f.To]
			}
		case 2:
			if cur.Expect(&f, wire.Bytes) {
				e.value = extent{f.From, f.To}
			}
		}
	}
	if cur.Fault != "" {
		return e, defect{brokenBytes, cur.FaultAt, cur.Fault}
	}
	return e, defect{}
}

// object writes the entries from base on, sorted by key, and takes them away. Of equal keys the last one counts.
func (w *textWriter) object(dst []byte, base int, write func(dst []byte, v extent) []byte) []byte {
	entries := w.entries[base:]
	for i := range entries {
		entries[i].key = valid(entries[i].key)
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return bytes.Compare(a.key, b.key) })
	dst = append(dst, '{')
	from := len(dst)
	for i := base; i < len(w.entries) && w.defect.what == sound; i++ {
		e := w.entries[i]
		if i+1 < len(w.entries) && bytes.Equal(w.entries[i+1].key, e.key) {
			continue
		}
		if len(dst) > from {
			dst = append(dst, ',')
		}
		dst = append(appendQuoted(dst, e.key), ':')
		if e.value.there() {
			dst = write(dst, e.value)
		} else {
			dst = append(dst, "null"...)
		}
	}
	w.entries = w.entries[:base]
	return append(dst, '}')
}

func (w *textWriter) text(dst, s []byte, nested bool) []byte {
	switch {
	case nested:
		return appendQuoted(dst, valid(s))
	case w.exact:
		return append(dst, s...)
	}
	return append(dst, valid(s)...)
}

func (w *textWriter) bytes(dst, s []byte, nested bool) []byte {
	switch {
	case nested:
		dst = append(dst, '"')
		return append(base64.StdEncoding.AppendEncode(dst, s), '"')
	case w.exact:
		return append(dst, s...)
	}
	return base64.StdEncoding.AppendEncode(dst, s)
}

// valid replaces what is not UTF-8, which is rare.
func valid(s []byte) []byte {
	if utf8.Valid(s) {
		return s
	}
	return bytes.ToValidUTF8(s, []byte("\uFFFD"))
}

// appendDouble writes a number as encoding/json does; what JSON has no numbers for is a text.
func appendDouble(dst []byte, v float64, nested bool) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		if nested {
			return append(append(append(dst, '"'), doubleText(v)...), '"')
		}
		return append(dst, doubleText(v)...)
	}
	size := math.Abs(v)
	if size == 0 || size >= 1e-6 && size < 1e21 {
		return strconv.AppendFloat(dst, v, 'f', -1, 64)
	}
	dst = strconv.AppendFloat(dst, v, 'e', -1, 64)
	if n := len(dst); dst[n-4] == 'e' && dst[n-2] == '0' { // e-09 is written e-9
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst
}

// appendQuoted writes valid UTF-8 as a JSON text as encoding/json does without escapes for HTML.
func appendQuoted(dst, s []byte) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); i++ {
		ch := s[i]
		switch {
		case ch == 0xe2 && i+2 < len(s) && s[i+1] == 0x80 && s[i+2]&^1 == 0xa8: // U+2028, U+2029
			dst = append(append(dst, s[from:i]...), `\u202`...)
			dst = append(dst, hex[s[i+2]&0xf])
			i += 2
			from = i + 1
			continue
		case ch >= 0x20 && ch != '"' && ch != '\\':
			continue
		}
		dst = append(append(dst, s[from:i]...), '\\')
		from = i + 1
		switch ch {
		case '"', '\\':
			dst = append(dst, ch)
		case '\b':
			dst = append(dst, 'b')
		case '\f':
			dst = append(dst, 'f')
		case '\n':
			dst = append(dst, 'n')
		case '\r':
			dst = append(dst, 'r')
		case '\t':
			dst = append(dst, 't')
		default:
			dst = append(dst, 'u', '0', '0', hex[ch>>4], hex[ch&0xf])
		}
	}
	return append(append(dst, s[from:]...), '"')
}
