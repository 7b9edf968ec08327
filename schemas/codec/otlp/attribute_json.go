package otlp

import (
	"encoding/base64"
	"math"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/wire"
)

// read turns attributes into labels: a list in JSON, or KeyValue fields of a number. No field begins with a bracket or brace, which
// would be a group, so memos need not tell both forms apart.
func (p *labelParser) read(raw []byte, at int, number uint64) error {
	if len(raw) == 0 || raw[0] != '[' {
		return p.attributes(raw, at, number)
	}
	t, err := p.index(raw, at)
	if err != nil {
		return err
	}
	return p.listed(t, 0, at, "")
}

// Names of the labels of a scope; the attributes of a scope follow the prefix.
const (
	scopePrefix       = "otel.scope."
	scopeNameLabel    = scopePrefix + "name"
	scopeVersionLabel = scopePrefix + "version"
)

// scope turns an InstrumentationScope into labels: name = 1, version = 2, attributes = 3. Name and version count over attributes that
// are called so.
func (p *labelParser) scope(raw []byte, at int) error {
	if raw[0] == '{' {
		return p.jsonScope(raw, at)
	}
	first := len(p.labels)
	if err := p.attributes(raw, at, 3); err != nil {
		return err
	}
	for i := range p.labels[first:] {
		p.bytes += len(scopePrefix)
		p.labels[first+i].Name = scopePrefix + p.labels[first+i].Name
	}
	cur := wire.Cursor{B: raw, End: len(raw)}
	var f wire.Field
	var name, version []byte
	for cur.Next(&f) {
		switch f.Number {
		case 1:
			if cur.Expect(&f, wire.Bytes) {
				name = raw[f.From:f.To]
			}
		case 2:
			if cur.Expect(&f, wire.Bytes) {
				version = raw[f.From:f.To]
			}
		}
	}
	if err := p.fault(&cur, at); err != nil {
		return err
	}
	return p.named(name, version, at)
}

// named adds name and version of a scope, where it has them.
func (p *labelParser) named(name, version []byte, at int) error {
	if len(name) > 0 {
		if err := p.add(scopeNameLabel, text(name), at); err != nil {
			return err
		}
	}
	if len(version) > 0 {
		return p.add(scopeVersionLabel, text(version), at)
	}
	return nil
}

func (p *labelParser) jsonScope(raw []byte, at int) error {
	t, err := p.index(raw, at)
	if err != nil {
		return err
	}
	var name, version []byte
	for f := t.fields(0, scopeNames); f.next(); {
		switch f.number {
		case 1:
			name = t.textOf(f.value, nil)
		case 2:
			version = t.textOf(f.value, nil)
		case 3:
			if err := p.listed(t, f.value, at, scopePrefix); err != nil {
				return err
			}
		}
	}
	if err := oddAttribute(t); err != nil {
		return err
	}
	return p.named(name, version, at)
}

// index makes a tape of JSON that has been found sound.
func (p *labelParser) index(raw []byte, at int) (*tape, error) {
	// Text is seldom shorter than a thirtieth of its form in JSON: what is longer than that is not worth reading.
	if len(raw) > 1024+32*p.limits.labelBytes {
		return nil, p.tooLong(at)
	}
	t := &tape{base: at}
	if _, deep := t.read(raw, 0, p.limits.brackets()); deep || t.fault != "" {
		panic("BUG: attributes that were sound JSON are not")
	}
	return t, nil
}

// oddAttribute returns the fault of a tape of attributes.
func oddAttribute(t *tape) error {
	if t.fault == "" {
		return nil
	}
	return pipeline.Errorf("otlp_metrics.value", "otlp metrics record is not OTLP in JSON in the attributes at byte %d: %s; check what writes to the topic", t.faultAt, t.fault)
}

// listed adds the labels of a list of KeyValue.
func (p *labelParser) listed(t *tape, list uint32, at int, prefix string) error {
	for e := t.elements(list); e.next(); {
		key, value, err := p.jsonPair(t, e.value, p.limits.nesting)
		if err != nil {
			return err
		}
		if t.fault == "" {
			if err := p.add(prefix+key, valueText(value), at); err != nil {
				return err
			}
		}
	}
	return oddAttribute(t)
}

// jsonPair reads a KeyValue.
func (p *labelParser) jsonPair(t *tape, v uint32, depth int) (key string, value any, err error) {
	for f := t.fields(v, pairNames); f.next(); {
		if f.number == 1 {
			key = text(t.textOf(f.value, nil))
		} else if value, err = p.jsonValue(t, f.value, depth); err != nil {
			return "", nil, err
		}
	}
	return key, value, nil
}

// jsonValue reads an AnyValue, as labelParser.value does.
func (p *labelParser) jsonValue(t *tape, v uint32, depth int) (value any, err error) {
	for f := t.fields(v, valueNames); f.next(); {
		switch f.number {
		case 1:
			value = text(t.textOf(f.value, nil))
		case 2:
			value = t.bool(f.value)
		case 3:
			value = t.int(f.value, math.MinInt64, math.MaxInt64)
		case 4:
			value = t.float(f.value)
		case 5, 6:
			if depth == 0 {
				return nil, pipeline.Errorf("otlp_metrics.limit.nesting", "otlp attribute at byte %d nests lists and maps deeper than max_nesting %d: flatten it at the producer or raise it",
					t.base+t.at(f.value), p.limits.nesting)
			}
			if value, err = p.jsonValues(t, f.value, depth-1, f.number == 6); err != nil {
				return nil, err
			}
		case 7:
			value = t.base64(f.value)
		}
	}
	return value, nil
}

// jsonValues reads an ArrayValue or a KeyValueList.
func (p *labelParser) jsonValues(t *tape, v uint32, depth int, pairs bool) (any, error) {
	list, object := []any{}, map[string]any{}
	for f := t.fields(v, valuesNames); f.next(); {
		for e := t.elements(f.value); e.next(); {
			var key string
			var value any
			var err error
			if pairs {
				key, value, err = p.jsonPair(t, e.value, depth)
				object[key] = value
			} else {
				value, err = p.jsonValue(t, e.value, depth)
				list = append(list, value)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	if pairs {
		return object, nil
	}
	return list, nil
}

var plainBase64 = strings.NewReplacer("-", "+", "_", "/", "=", "")

// base64 reads bytes, in the alphabet for URLs or the other, with padding or without.
func (t *tape) base64(v uint32) []byte {
	b, err := base64.RawStdEncoding.DecodeString(plainBase64.Replace(string(t.textOf(v, nil))))
	if err != nil {
		t.odd(v, "bytes in base64")
	}
	return b
}

func scopeNames(name []byte) uint {
	switch string(name) {
	case "name":
		return 1
	case "version":
		return 2
	case "attributes":
		return 3
	}
	return 0
}

func pairNames(name []byte) uint {
	switch string(name) {
	case "key":
		return 1
	case "value":
		return 2
	}
	return 0
}

func valueNames(name []byte) uint {
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

func valuesNames(name []byte) uint {
	if string(name) == "values" {
		return 1
	}
	return 0
}
