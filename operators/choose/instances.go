package choose

import (
	"slices"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
)

// instances are labels that by custom tell instances of one thing apart.
var instances = []string{"instance", "pod", "pod_name", "host", "hostname", "node", "container_id", "ip",
	"service.instance.id", "k8s.pod.name", "k8s.pod.uid", "k8s.pod.ip", "k8s.node.name", "host.name", "host.id", "host.ip", "container.id", "process.pid"}

// Across returns the setting of which labels tell instances apart; doc says what becomes of series whose other labels are equal.
func Across(doc string) pipeline.Setting {
	return pipeline.Setting{Name: "across", Type: pipeline.List, Fields: []pipeline.Setting{{Type: pipeline.String}}, Example: "[pod, node]",
		Doc: "Labels that tell instances apart: " + doc + " Without it these: " + strings.Join(instances, ", ") + "."}
}

// ReadAcross returns the labels.
func ReadAcross(s pipeline.Settings) []string {
	if !s.Has("across") {
		return instances
	}
	return s.Texts("across")
}

// Alike appends what a series has in common with its like to a key: system, metric, type and its labels, but for those that tell instances
// apart. It returns false if it has none of these.
func Alike(key []byte, s *pipeline.Series, across []string) ([]byte, bool) {
	text := func(t string) { key = append(append(key, t...), 0) }
	text(s.System)
	text(s.Metric)
	key = append(key, byte(s.Type))
	instance := false
	for _, l := range s.Labels {
		if slices.Contains(across, l.Name) {
			instance = true
			continue
		}
		text(l.Name)
		text(l.Value)
	}
	return key, instance
}
