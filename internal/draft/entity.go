package draft

import (
	"fmt"
	"slices"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
)

// places are labels that name what has health: services and the instances, pods and hosts that they run on. Of those that cover a source's series
// equally well, the one with the most values is the finest, and stands for what a fault is about; of equal ones the first here.
var places = []string{
	"service.name", "service", "service_name", "pod", "pod_name", "k8s.pod.name", "kubernetes.pod.name", "kubernetes.pod_name",
	"instance", "host.name", "host", "hostname", "HOST", "_HOSTNAME", "node", "nodename", "k8s.node.name",
	"service.instance.id", "container", "container.name", "container_name", "k8s.container.name", "kubernetes.container.name", "kubernetes.container_name",
}

// programs are labels that name it where none of places does.
var programs = []string{"app", "appname", "application", "job", "entity", "system", "PROGRAM", "SYSLOG_IDENTIFIER", "key", "stream", "topic"}

// groups are labels that name what several entities belong to.
var groups = []string{"service.namespace", "k8s.namespace.name", "kubernetes.namespace_name", "kubernetes.namespace", "namespace", "k8s.cluster.name", "cluster", "deployment.environment.name", "deployment.environment", "environment", "env", "dc", "region"}

// maxEntities is the number of values beyond which a label is rather a request's than a place's.
const maxEntities = 20_000

// entities are the labels that name entities, in the order in which they are looked for.
type entities struct {
	labels []string
	// why says of each what it was chosen for.
	why []string
	// rest is the entity of series that have none of them; "" if there are none such.
	rest string
	// left is the number of such series.
	left int
}

// chooseEntities finds labels so that each series of each source has an entity.
func chooseEntities(sources []*Source, rest string) entities {
	var e entities
	for _, s := range sources {
		left := s.Series
		for _, among := range [][]string{places, programs} {
			for len(left) > 0 {
				name := s.best(left, among)
				if name == "" {
					break
				}
				before := len(left)
				left = slices.DeleteFunc(slices.Clone(left), func(x *pipeline.Series) bool { return x.Labels.Get(name) != "" })
				if !slices.Contains(e.labels, name) {
					e.labels = append(e.labels, name)
					values := s.labels[name].values
					e.why = append(e.why, fmt.Sprintf("%s: %d of %d series of %s, %s (%s)", name, before-len(left), len(s.Series), s.Topic, plural(len(values), "value", "values"), valuesOf(values, 4)))
				}
			}
		}
		e.left += len(left)
	}
	if e.left > 0 || len(e.labels) == 0 {
		e.rest = rest
	}
	return e
}

// best returns the label that names the most of some series, "" if none does. Nearly all is as good as all, and then the finest counts.
func (s *Source) best(series []*pipeline.Series, among []string) string {
	best, most := "", 0
	for _, name := range among {
		l := s.labels[name]
		if l == nil || len(l.values) > maxEntities {
			continue
		}
		n := 0
		for _, x := range series {
			if x.Labels.Get(name) != "" {
				n++
			}
		}
		switch near := max(n, most) / 20; {
		case n == 0:
		case best == "" || n > most+near:
			best, most = name, n
		case n >= most-near && compareLabels(l, s.labels[best], name, best) < 0:
			best, most = name, n
		}
	}
	return best
}

// of returns the entity of a series.
func (e *entities) of(s *pipeline.Series) string {
	for _, name := range e.labels {
		if v := s.Labels.Get(name); v != "" {
			return v
		}
	}
	return e.rest
}

// templates is the list as the configuration has it.
func (e *entities) templates() string {
	var out []string
	for _, name := range e.labels {
		out = append(out, quote("{{."+name+"}}"))
	}
	if e.rest != "" {
		out = append(out, quote(e.rest))
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// grouping lists the labels by which systems could be told apart.
func grouping(sources []*Source) []string {
	var out []string
	for _, name := range groups {
		for _, s := range sources {
			if l := s.labels[name]; l != nil && !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}
