package config

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/homeostat/homeostat/pipeline"
)

// settings checks a mapping against the settings a Spec describes, reports what is wrong and returns the values with
// defaults filled in. An Object that is not given gets the defaults of its members, unless one of them is
// required: then it stays absent. Keys named in elsewhere are somebody else's.
func (r *reader) settings(n *node, path string, fields []pipeline.Setting, elsewhere ...string) pipeline.Settings {
	out := pipeline.Settings{}
	if n.include != nil {
		n = n.include
	}
	switch {
	case n.shape == broken:
		return out
	case n.shape != mapping && !n.empty:
		r.fault(n, path, "config.value.type", "%s is no mapping: write keys and values%s", n.what(), known(fields, elsewhere))
		return out
	}
	byName := make(map[string]*pipeline.Setting, len(fields))
	for i := range fields {
		byName[fields[i].Name] = &fields[i]
	}
	for _, m := range n.members {
		if byName[m.name] == nil && !slices.Contains(elsewhere, m.name) {
			r.unknown(m, path, fields, elsewhere)
		}
	}
	for i := range fields {
		f := &fields[i]
		value, at := n.member(f.Name), join(path, f.Name)
		if absent(value) {
			if f.Required {
				place := n
				if value != nil {
					place = value
				}
				r.fault(place, at, "config.key.missing", "is required: %s", instruction(f))
			} else if v := fallback(f); v != nil {
				out[f.Name] = v
			}
			continue
		}
		if v := r.value(value, at, f); v != nil {
			out[f.Name] = v
		}
	}
	return out
}

func (r *reader) unknown(m member, path string, fields []pipeline.Setting, elsewhere []string) {
	names := append([]string{}, elsewhere...)
	for _, f := range fields {
		names = append(names, f.Name)
	}
	if s := Nearest(m.name, names); s != "" {
		r.suggest(m.key, join(path, m.name), "config.key.unknown", s, "this key is not known: correct or remove it")
		return
	}
	r.fault(m.key, join(path, m.name), "config.key.unknown", "this key is not known: correct or remove it%s", known(fields, elsewhere))
}

// known lists the keys that may be written, for the end of a message.
func known(fields []pipeline.Setting, elsewhere []string) string {
	var names []string
	for _, f := range fields {
		names = append(names, f.Name)
	}
	names = append(names, elsewhere...)
	if len(names) == 0 {
		return " (it has no settings)"
	}
	return " (known: " + strings.Join(names, ", ") + ")"
}

// instruction says how a setting is written.
func instruction(f *pipeline.Setting) string {
	value := "a " + f.Type.String()
	switch {
	case f.Example != "":
		value = strings.TrimPrefix(f.Example, f.Name+": ")
	case len(f.Enum) > 0:
		value = strings.Join(f.Enum, " or ")
	case f.Type == pipeline.Bool:
		value = f.Type.String()
	}
	if f.Name == "" {
		return "write " + value
	}
	return "write " + f.Name + ": " + value
}

// fallback returns a fresh copy of a setting's default, nil for none.
func fallback(f *pipeline.Setting) any {
	if f.Default != nil {
		if want := goType(f.Type); reflect.TypeOf(f.Default) != want {
			panic(fmt.Sprintf("BUG: default of setting %s is a %T, not a %s", f.Name, f.Default, want))
		}
		return clone(f.Default)
	}
	if f.Type != pipeline.Object {
		return nil
	}
	out := pipeline.Settings{}
	for i := range f.Fields {
		if f.Fields[i].Required {
			return nil
		}
		if v := fallback(&f.Fields[i]); v != nil {
			out[f.Fields[i].Name] = v
		}
	}
	return out
}

func clone(v any) any {
	switch v := v.(type) {
	case pipeline.Settings:
		out := make(pipeline.Settings, len(v))
		for k, e := range v {
			out[k] = clone(e)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = clone(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = clone(e)
		}
		return out
	}
	return v
}

func goType(t pipeline.SettingType) reflect.Type {
	switch t {
	case pipeline.String:
		return reflect.TypeFor[string]()
	case pipeline.Bool:
		return reflect.TypeFor[bool]()
	case pipeline.Float:
		return reflect.TypeFor[float64]()
	case pipeline.Duration:
		return reflect.TypeFor[time.Duration]()
	case pipeline.Object:
		return reflect.TypeFor[pipeline.Settings]()
	case pipeline.List:
		return reflect.TypeFor[[]any]()
	case pipeline.Map:
		return reflect.TypeFor[map[string]any]()
	}
	return reflect.TypeFor[int64]()
}

// value decodes one value; nil after reporting what is wrong with it.
func (r *reader) value(n *node, path string, f *pipeline.Setting) any {
	if n.shape == broken {
		return nil
	}
	switch f.Type {
	case pipeline.Object, pipeline.List, pipeline.Map:
		if n.shape == scalar && f.File && f.Type != pipeline.Map {
			return r.included(n, path, f)
		}
		return r.collection(n, path, f)
	}
	if n.shape != scalar || n.empty {
		hint := ""
		if n.shape == mapping && f.Type == pipeline.String {
			hint = "; a text that starts with { needs quotes around it"
		}
		r.fault(n, path, "config.value.type", "%s is no %s: %s%s", n.what(), f.Type, instruction(f), hint)
		return nil
	}
	if f.Secret {
		if n = r.secret(n, path); n == nil {
			return nil
		}
	}
	v, err := parse(n, f)
	if err != nil {
		r.fault(n, path, "config.value.type", "%s is no %s%s: %s", n.shown(), f.Type, because(err, f.Type), instruction(f))
		return nil
	}
	if !r.bounded(n, path, f, v) {
		return nil
	}
	return v
}

func because(err error, t pipeline.SettingType) string {
	switch {
	case err == errRange:
		return " that fits into 64 bits"
	case err == errUnit && t == pipeline.Duration:
		return " without a unit (ms, s, m, h, d, w)"
	case err == errUnit:
		return " without a unit (B, kB, KiB, MB, MiB, GB, GiB)"
	}
	return ""
}

// parse reads a scalar. Texts may be written without quotes, whatever they look like; numbers and true or false may
// not be quoted, unless they come from the environment.
func parse(n *node, f *pipeline.Setting) (any, error) {
	switch f.Type {
	case pipeline.String:
		return n.text, nil
	case pipeline.Duration:
		return parseDuration(n.text)
	case pipeline.Size:
		return parseSize(n.text)
	}
	if !n.plain && n.raw == n.text {
		return nil, errSyntax
	}
	switch f.Type {
	case pipeline.Bool:
		if n.text == "true" || n.text == "false" {
			return n.text == "true", nil
		}
	case pipeline.Int:
		v, err := strconv.ParseInt(n.text, 10, 64)
		if err == nil {
			return v, nil
		}
		if errors.Is(err, strconv.ErrRange) {
			return nil, errRange
		}
	case pipeline.Float:
		if v, err := strconv.ParseFloat(n.text, 64); err == nil && !math.IsNaN(v) && !math.IsInf(v, 0) {
			return v, nil
		}
	}
	return nil, errSyntax
}

// bounded checks a value against the setting's limits.
func (r *reader) bounded(n *node, path string, f *pipeline.Setting, v any) bool {
	var x float64
	switch v := v.(type) {
	case string:
		if len(f.Enum) == 0 || slices.Contains(f.Enum, v) {
			return true
		}
		r.suggest(n, path, "config.value.enum", Nearest(v, f.Enum), "%s is not one of %s: choose one of them", n.shown(), strings.Join(f.Enum, ", "))
		return false
	case int64:
		x = float64(v)
	case float64:
		x = v
	case time.Duration:
		x = float64(v)
	}
	if f.Min != nil && x < *f.Min || f.Max != nil && x > *f.Max {
		r.fault(n, path, "config.value.range", "%s is outside of %s: choose a value inside", n.shown(), bounds(f))
		return false
	}
	return true
}

// bounds writes a setting's limits with their unit.
func bounds(f *pipeline.Setting) string {
	low, high := "", ""
	if f.Min != nil {
		low = quantityText(f.Type, *f.Min)
	}
	if f.Max != nil {
		high = quantityText(f.Type, *f.Max)
	}
	switch {
	case high == "":
		return low + " and more"
	case low == "":
		return high + " and less"
	}
	return low + " to " + high
}

func quantityText(t pipeline.SettingType, v float64) string {
	switch t {
	case pipeline.Duration:
		return FormatDuration(time.Duration(v))
	case pipeline.Size:
		return FormatSize(int64(v))
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// collection decodes an Object, List or Map.
func (r *reader) collection(n *node, path string, f *pipeline.Setting) any {
	switch {
	case f.Type == pipeline.Object && n.shape == mapping:
		return r.settings(n, path, f.Fields)
	case f.Type == pipeline.List && n.shape == list:
		out, whole := make([]any, len(n.items)), true
		for i, item := range n.items {
			out[i] = r.value(item, index(path, i), element(f))
			whole = whole && out[i] != nil
		}
		if !whole {
			return nil // what is left would stand at other indices than in the file
		}
		return out
	case f.Type == pipeline.Map && n.shape == mapping:
		out := make(map[string]any, len(n.members))
		for _, m := range n.members {
			if v := r.value(m.value, join(path, m.name), element(f)); v != nil {
				out[m.name] = v
			}
		}
		return out
	}
	r.fault(n, path, "config.value.type", "%s is no %s: %s", n.what(), f.Type, instruction(f))
	return nil
}

func element(f *pipeline.Setting) *pipeline.Setting {
	if len(f.Fields) != 1 {
		panic("BUG: setting " + f.Name + " is a list or map and does not describe its elements")
	}
	return &f.Fields[0]
}

// included decodes the content of the file that a scalar names.
func (r *reader) included(n *node, path string, f *pipeline.Setting) any {
	file, data := r.open(n, path)
	if data == nil {
		return nil
	}
	content := r.tree(file, path, data)
	if content == nil {
		return nil
	}
	n.include = content
	return r.collection(content, path, f)
}
