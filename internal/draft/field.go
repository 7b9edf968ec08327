package draft

import (
	"encoding/json"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
)

// metricFields are the fields of the codec for metrics in JSON that are looked for when nobody names them.
var metricFields = map[string][]string{
	"time": {"timestamp", "time", "ts", "@timestamp", "datetime", "date"},
	"name": {"name", "metric", "metric_name", "__name__", "labels.__name__"},
}

// seeFields notes in which fields of JSON time, severity and the like stand: of the names that the codec knows the first one that half of the records
// have.
func (s *Source) seeFields(settings pipeline.Settings, records []pipeline.Record) {
	var roles []string
	names := settings.Texts
	switch {
	case s.Codec == "json_logs":
		roles = []string{"time", "severity", "body", "trace"}
	case s.Codec == "json_metrics" && len(s.Settings) == 0:
		roles = []string{"time", "name"}
		names = func(role string) []string { return metricFields[role] }
	default:
		return
	}
	var objects []map[string]any
	for i := range records {
		var o map[string]any
		if json.Unmarshal(records[i].Value, &o) == nil && o != nil {
			objects = append(objects, o)
		}
	}
	for _, role := range roles {
		for _, name := range names(role) {
			n := 0
			for _, o := range objects {
				if hasField(o, name) {
					n++
				}
			}
			if n > 0 && 2*n >= len(objects) {
				s.Fields = append(s.Fields, role+" in "+name)
				break
			}
		}
	}
}

// hasField tells whether an object has a field, as a member or as the path to a nested one.
func hasField(o map[string]any, path string) bool {
	if v, ok := o[path]; ok && v != nil {
		return true
	}
	for i := strings.IndexByte(path, '.'); i >= 0; {
		if inner, ok := o[path[:i]].(map[string]any); ok && hasField(inner, path[i+1:]) {
			return true
		}
		next := strings.IndexByte(path[i+1:], '.')
		if next < 0 {
			return false
		}
		i += 1 + next
	}
	return false
}
