package schemas

import (
	"encoding/json"
	"math"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/homeostat/homeostat/pipeline"
)

// encoder writes event data as JSON as encoding/json does, but for what JSON can't say or consumers can't read:
//   - a slice or map that is nil is empty, never null;
//   - an infinite number is the largest finite one of its sign: an open band stays a band;
//   - a number that is not known (NaN) is null where unknown is allowed, and an error where it is not.
type encoder struct{ unknown bool }

// mayBeUnknown tells whether numbers in the data of a type may be unknown. What was measured may; what was
// ordered, promised or predicted may not.
func mayBeUnknown(typ string) bool {
	switch typ {
	case TypeFinding, TypeIncidentOpened, TypeIncidentUpdated, TypeIncidentClosed, TypeHypothesisJudged, TypeResult:
		return true
	}
	return false
}

func (e encoder) value(dst []byte, v reflect.Value, path string) ([]byte, error) {
	switch v.Kind() {
	case reflect.Invalid:
		return append(dst, "null"...), nil
	case reflect.Interface, reflect.Pointer:
		return e.value(dst, v.Elem(), path)
	case reflect.Float32, reflect.Float64:
		return e.number(dst, v.Float(), path)
	case reflect.Struct:
		return e.object(dst, v, path)
	case reflect.Map:
		return e.dictionary(dst, v, path)
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() != reflect.Uint8 {
			return e.list(dst, v, path)
		}
	case reflect.Bool:
		return strconv.AppendBool(dst, v.Bool()), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.AppendInt(dst, v.Int(), 10), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return strconv.AppendUint(dst, v.Uint(), 10), nil
	}
	raw, err := json.Marshal(v.Interface())
	return append(dst, raw...), err
}

func (e encoder) number(dst []byte, f float64, path string) ([]byte, error) {
	switch {
	case math.IsNaN(f) && e.unknown:
		return append(dst, "null"...), nil
	case math.IsNaN(f):
		return dst, pipeline.Errorf("event.number", "%s is not a number: an event of this type promises or orders, so all its numbers have to be known", path)
	case math.IsInf(f, 0):
		f = math.Copysign(math.MaxFloat64, f)
	}
	raw, err := json.Marshal(f)
	return append(dst, raw...), err
}

func (e encoder) object(dst []byte, v reflect.Value, path string) ([]byte, error) {
	t := v.Type()
	dst = append(dst, '{')
	empty := len(dst)
	for i := range t.NumField() {
		name, options, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name == "-" || !t.Field(i).IsExported() {
			continue
		}
		if name == "" {
			name = t.Field(i).Name
		}
		field := v.Field(i)
		if options == "omitempty" && isEmpty(field) {
			continue
		}
		var err error
		dst = appendName(dst, name, len(dst) > empty)
		if dst, err = e.value(dst, field, path+"."+name); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

func (e encoder) dictionary(dst []byte, v reflect.Value, path string) ([]byte, error) {
	if v.Type().Key().Kind() != reflect.String {
		return dst, pipeline.Errorf("event.map", "BUG: %s is a map whose keys are no text", path)
	}
	keys := v.MapKeys()
	sort.Slice(keys, func(i, j int) bool { return keys[i].String() < keys[j].String() })
	dst = append(dst, '{')
	for i, key := range keys {
		var err error
		dst = appendName(dst, key.String(), i > 0)
		if dst, err = e.value(dst, v.MapIndex(key), path+"."+key.String()); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

func (e encoder) list(dst []byte, v reflect.Value, path string) ([]byte, error) {
	dst = append(dst, '[')
	for i := range v.Len() {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = e.value(dst, v.Index(i), path+"["+strconv.Itoa(i)+"]"); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

// isEmpty is what omitempty means to encoding/json.
func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map, reflect.String, reflect.Array:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}

func appendName(dst []byte, name string, more bool) []byte {
	if more {
		dst = append(dst, ',')
	}
	return append(appendText(dst, name), ':')
}

// AppendText appends a JSON string; bytes that are no UTF-8 become U+FFFD.
func AppendText(dst []byte, s string) []byte { return appendText(dst, s) }

// appendText writes a JSON string; bytes that are no UTF-8 become U+FFFD.
func appendText(dst []byte, s string) []byte {
	plain := utf8.ValidString(s)
	for i := 0; plain && i < len(s); i++ {
		c := s[i]
		plain = c >= 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&'
	}
	if plain {
		return append(append(append(dst, '"'), s...), '"')
	}
	raw, _ := json.Marshal(s) // a string always has a JSON form
	return append(dst, raw...)
}
