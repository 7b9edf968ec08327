package otlp

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/wire"
)

// labelParser turns attributes (opentelemetry-proto common/v1 KeyValue) into labels. It works at first sight of a raw form
// only and may allocate.
type labelParser struct {
	limits limits
	labels []pipeline.Label
	bytes  int
}

// attributes reads KeyValue fields of that number, any if it is 0, from raw, which lies at a position of the record.
func (p *labelParser) attributes(raw []byte, at int, number uint64) error {
	cur := wire.Cursor{B: raw, End: len(raw)}
	var f wire.Field
	for cur.Next(&f) {
		if number != 0 && f.Number != number || !cur.Expect(&f, wire.Bytes) {
			continue
		}
		key, value, err := p.keyValue(raw, f.From, f.To, at)
		if err != nil {
			return err
		}
		if err := p.add(text(key), valueText(value), at); err != nil {
			return err
		}
	}
	return p.fault(&cur, at)
}

// add adds a label, within the limits.
func (p *labelParser) add(name, value string, at int) error {
	if len(p.labels) >= p.limits.attributes {
		return pipeline.Errorf("otlp_metrics.limit.attributes", "otlp point at byte %d has more attributes, its resource's included, than max_attributes %d: drop some at the producer or raise it",
			at, p.limits.attributes)
	}
	if p.bytes += len(name) + len(value); p.bytes > p.limits.labelBytes {
		return p.tooLong(at)
	}
	p.labels = append(p.labels, pipeline.Label{Name: name, Value: value})
	return nil
}

// fault returns the fault of a cursor over raw bytes that lie at a position of the record.
func (p *labelParser) fault(cur *wire.Cursor, at int) error {
	if cur.Fault == "" {
		return nil
	}
	return pipeline.Errorf("otlp_metrics.bytes", "otlp metrics message is broken in the attributes at byte %d: %s; check what writes to the topic", at+cur.FaultAt, cur.Fault)
}

func (p *labelParser) tooLong(at int) error {
	return pipeline.Errorf("otlp_metrics.limit.label_bytes", "otlp point at byte %d has more text in its name and labels than max_label_bytes %d: drop long attributes at the producer or raise it",
		at, p.limits.labelBytes)
}

// keyValue reads key = 1 and value = 2.
func (p *labelParser) keyValue(raw []byte, from, to, at int) (key []byte, value any, err error) {
	// Text is seldom shorter than a fifth of its raw form: what is eight times as long as the limit is not worth reading.
	if to-from > 8*p.limits.labelBytes {
		return nil, nil, p.tooLong(at)
	}
	return p.pair(raw, from, to, at, p.limits.nesting)
}

func (p *labelParser) pair(raw []byte, from, to, at, depth int) (key []byte, value any, err error) {
	cur := wire.Cursor{B: raw, At: from, End: to}
	var f wire.Field
	for cur.Next(&f) {
		switch f.Number {
		case 1:
			if cur.Expect(&f, wire.Bytes) {
				key = raw[f.From:f.To]
			}
		case 2:
			if cur.Expect(&f, wire.Bytes) {
				if value, err = p.value(raw, f.From, f.To, at, depth); err != nil {
					return nil, nil, err
				}
			}
		}
	}
	return key, value, p.fault(&cur, at)
}

// value reads AnyValue: string 1, bool 2, int 3, double 4, array 5, kvlist 6, bytes 7. It returns nil for an
// empty one, else string, bool, int64, float64, []any, map[string]any or []byte.
func (p *labelParser) value(raw []byte, from, to, at, depth int) (v any, err error) {
	cur := wire.Cursor{B: raw, At: from, End: to}
	var f wire.Field
	for cur.Next(&f) {
		switch f.Number {
		case 1:
			if cur.Expect(&f, wire.Bytes) {
				v = text(raw[f.From:f.To])
			}
		case 2:
			if cur.Expect(&f, wire.Varint) {
				v = f.Value != 0
			}
		case 3:
			if cur.Expect(&f, wire.Varint) {
				v = int64(f.Value)
			}
		case 4:
			if cur.Expect(&f, wire.Fixed64) {
				v = math.Float64frombits(f.Value)
			}
		case 5, 6:
			if !cur.Expect(&f, wire.Bytes) {
				break
			}
			if depth == 0 {
				return nil, pipeline.Errorf("otlp_metrics.limit.nesting", "otlp attribute at byte %d nests lists and maps deeper than max_nesting %d: flatten it at the producer or raise it",
					at+f.At, p.limits.nesting)
			}
			if f.Number == 5 {
				v, err = p.list(raw, f.From, f.To, at, depth-1)
			} else {
				v, err = p.object(raw, f.From, f.To, at, depth-1)
			}
			if err != nil {
				return nil, err
			}
		case 7:
			if cur.Expect(&f, wire.Bytes) {
				v = bytes.Clone(raw[f.From:f.To])
			}
		}
	}
	return v, p.fault(&cur, at)
}

// list reads ArrayValue: values = 1.
func (p *labelParser) list(raw []byte, from, to, at, depth int) (any, error) {
	cur := wire.Cursor{B: raw, At: from, End: to}
	var f wire.Field
	list := []any{}
	for cur.Next(&f) {
		if f.Number == 1 && cur.Expect(&f, wire.Bytes) {
			v, err := p.value(raw, f.From, f.To, at, depth)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
	}
	return list, p.fault(&cur, at)
}

// object reads KeyValueList: values = 1.
func (p *labelParser) object(raw []byte, from, to, at, depth int) (any, error) {
	cur := wire.Cursor{B: raw, At: from, End: to}
	var f wire.Field
	object := map[string]any{}
	for cur.Next(&f) {
		if f.Number == 1 && cur.Expect(&f, wire.Bytes) {
			key, v, err := p.pair(raw, f.From, f.To, at, depth)
			if err != nil {
				return nil, err
			}
			object[text(key)] = v
		}
	}
	return object, p.fault(&cur, at)
}

// valueText returns the canonical text of an attribute's value.
func valueText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return doubleText(v)
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(finite(v)); err != nil {
		panic("BUG: attribute value without JSON form: " + err.Error())
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte{'\n'}))
}

// doubleText writes a number as JSON does.
func doubleText(v float64) string {
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 1):
		return "Infinity"
	case math.IsInf(v, -1):
		return "-Infinity"
	}
	b, err := json.Marshal(v)
	if err != nil {
		panic("BUG: number without JSON form: " + err.Error())
	}
	return string(b)
}

// finite replaces what JSON has no numbers for by its text.
func finite(v any) any {
	switch v := v.(type) {
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return doubleText(v)
		}
	case []any:
		for i := range v {
			v[i] = finite(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = finite(v[k])
		}
	}
	return v
}
