package plan

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/config"
)

func duration(ns int64) time.Duration { return time.Duration(ns) }

// settings writes what a component was given in one line, and what it has by default in another.
func settings(fields []pipeline.Setting, s pipeline.Settings) []string {
	var given, defaults []string
	for i := range fields {
		f := &fields[i]
		v, ok := s[f.Name]
		if !ok || v == nil {
			continue
		}
		text := f.Name + ": " + value(f, v)
		if f.Default != nil && reflect.DeepEqual(v, f.Default) || f.Default == nil && f.Type == pipeline.Object && byDefault(f.Fields, v.(pipeline.Settings)) {
			defaults = append(defaults, text)
		} else {
			given = append(given, text)
		}
	}
	return append(wrapped("set      ", given), wrapped("default  ", defaults)...)
}

// wrapped joins texts into lines of about a screen's width.
func wrapped(title string, texts []string) []string {
	const width = 96
	var lines []string
	for i, text := range texts {
		if i < len(texts)-1 {
			text += ","
		}
		last := len(lines) - 1
		if last >= 0 && len(lines[last])+1+len(text) <= width {
			lines[last] += " " + text
			continue
		}
		if last >= 0 {
			title = strings.Repeat(" ", len(title))
		}
		lines = append(lines, title+text)
	}
	return lines
}

// byDefault tells whether an object has nothing but defaults.
func byDefault(fields []pipeline.Setting, s pipeline.Settings) bool {
	for i := range fields {
		f := &fields[i]
		v := s[f.Name]
		if o, ok := v.(pipeline.Settings); ok && f.Default == nil {
			if !byDefault(f.Fields, o) {
				return false
			}
		} else if !reflect.DeepEqual(v, f.Default) {
			return false
		}
	}
	return true
}

// long is the number of elements beyond which a list or mapping is only counted.
const long = 6

// value writes a value as a configuration would. Secrets are hidden, long lists counted.
func value(f *pipeline.Setting, v any) string {
	if f.Secret {
		return "(secret)"
	}
	switch v := v.(type) {
	case string:
		return quoted(v)
	case time.Duration:
		return config.FormatDuration(v)
	case int64:
		if f.Type == pipeline.Size {
			return config.FormatSize(v)
		}
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case pipeline.Settings:
		return object(f, v)
	case []any:
		return items(f, v)
	case map[string]any:
		return entries(f, v)
	}
	return fmt.Sprint(v)
}

func object(f *pipeline.Setting, v pipeline.Settings) string {
	var parts []string
	for i := range f.Fields {
		if e, ok := v[f.Fields[i].Name]; ok && e != nil {
			parts = append(parts, f.Fields[i].Name+": "+value(&f.Fields[i], e))
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func items(f *pipeline.Setting, v []any) string {
	nested := len(v) > 0 && (f.Fields[0].Type == pipeline.Object || f.Fields[0].Type == pipeline.List)
	if len(v) > long || nested {
		return count(len(v), "element")
	}
	var parts []string
	for _, e := range v {
		parts = append(parts, value(&f.Fields[0], e))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

func entries(f *pipeline.Setting, v map[string]any) string {
	if len(v) > long {
		return count(len(v), "key")
	}
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(v)) {
		parts = append(parts, k+": "+value(&f.Fields[0], v[k]))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func quoted(s string) string {
	if s == "" || strings.ContainsAny(s, "\"'\\{}[],:#\n\t ") {
		return strconv.Quote(s)
	}
	return s
}

// selector writes a selector as metric{label=pattern,…}.
func selector(s pipeline.Selector) string {
	if len(s.Labels) == 0 {
		return s.Metric
	}
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(s.Labels)) {
		parts = append(parts, k+"="+s.Labels[k])
	}
	return s.Metric + "{" + strings.Join(parts, ",") + "}"
}

func topicSettings(t Topic) string {
	parts := []string{count(t.Partitions, "partition")}
	for _, k := range slices.Sorted(maps.Keys(t.Config)) {
		text := t.Config[k]
		n, err := strconv.ParseInt(text, 10, 64)
		switch {
		case err != nil:
		case k == "retention.ms":
			k, text = "retention", config.FormatDuration(duration(n)*time.Millisecond)
		case k == "max.message.bytes", k == "segment.bytes":
			text = config.FormatSize(n)
		}
		parts = append(parts, k+" "+text)
	}
	return strings.Join(parts, ", ")
}
