package correlate

import (
	"path"
	"regexp"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

const otherClass = "anomaly"

// traffic is the class of what others cause: it never explains a caller's trouble.
const traffic = "traffic"

// defaultClasses tells the golden signals (Beyer et al., Site Reliability Engineering, O'Reilly 2016, chapter 6) by parts
// of metric names, and errors by labels such as outcome=error. The order is that of precedence: what is saturated is slow and fails, not the other way round.
func defaultClasses() []class {
	return []class{
		{name: "saturation", metrics: []string{"*cpu*", "*mem*", "*util*", "*satur*", "*queue*", "*pool*", "*thread*", "*connections*", "*waiters*",
			"*contention*", "*inflight*", "*in_flight*", "*active*", "load*", "*disk*", "*heap*", "*gc*", "*throttl*"}},
		{name: "errors", metrics: []string{"*error*", "*fail*", "*exception*", "*5xx*", "*reject*", "*refused*", "*timeout*", "*panic*", "*drop*", "log", "logs*", "*success*", "*availab*", "*bad*"},
			labels: []string{"*=*error*", "*=*fail*", "*=*exception*", "*=refused", "*=reject*", "*=timeout*", "*=*unavailable*", "*status*=5??", "*code*=5??"}},
		{name: "latency", metrics: []string{"*latenc*", "*duration*", "*delay*", "*time*", "*p50*", "*p9*", "*_lag*", "*residence*"}},
		{name: traffic, metrics: []string{"*request*", "*throughput*", "*rate*", "*qps*", "*ops*", "*receive*", "*transmit*", "*sent*", "*net*", "*workload*", "*arriv*", "*calls*", "*quer*"}},
	}
}

// classOf returns the first class that fits the series. A log stream without a metric name counts as one called log.
func (o *options) classOf(s *schemas.Series, detector string) string {
	metric := strings.ToLower(s.Metric)
	if metric == "" && s.Type == pipeline.Stream.String() {
		metric = "log"
	}
	for i := range o.classes {
		c := &o.classes[i]
		if matchAny(c.metrics, metric) || matchAny(c.detectors, detector) || c.matchLabels(s.Labels) {
			return c.name
		}
	}
	return otherClass
}

func (c *class) matchLabels(labels map[string]string) bool {
	if len(c.labels) == 0 {
		return false
	}
	for name, value := range labels {
		if matchAny(c.labels, strings.ToLower(name+"="+value)) {
			return true
		}
	}
	return false
}

func (o *options) roleOf(entity string) string {
	for _, r := range o.roles {
		if matchAny(r.entities, entity) {
			return r.name
		}
	}
	return roleName(entity)
}

var (
	podHash     = regexp.MustCompile(`-[a-z0-9]{6,10}-[a-z0-9]{5}$`)
	instanceEnd = regexp.MustCompile(`([-_.:]?\d+)+$`)
)

// roleName strips what tells instances of one role apart: the path before the last slash, the hashes of a
// Kubernetes pod and numbers at the end.
func roleName(entity string) string {
	name := entity[strings.LastIndexByte(entity, '/')+1:]
	if s := podHash.ReplaceAllString(name, ""); s != "" {
		name = s
	}
	if s := instanceEnd.ReplaceAllString(name, ""); s != "" {
		name = s
	}
	return name
}

func matchAny(patterns []string, s string) bool {
	for _, p := range patterns {
		if match(p, s) {
			return true
		}
	}
	return false
}

// match is path.Match in which * also matches a slash.
func match(pattern, s string) bool {
	ok, err := path.Match(strings.ReplaceAll(pattern, "/", "\x01"), strings.ReplaceAll(s, "/", "\x01"))
	return ok && err == nil
}

// signature returns class:role of the first suspect. Of the classes of its strong metrics the first in the order of
// the settings counts: the order of scores may change from one time to the next, the class may not.
func (o *options) signature(s *suspicion) string {
	const strong = 0.5
	for _, c := range o.classes {
		if s.classes[c.name] >= strong*s.strongest {
			return c.name + ":" + o.roleOf(s.entity)
		}
	}
	return otherClass + ":" + o.roleOf(s.entity)
}
