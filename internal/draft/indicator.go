package draft

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
)

// indicator is a candidate for an objective.
type indicator struct {
	name string
	// lines are the objective's in the configuration, without their indentation.
	lines []string
	// certain: the data say themselves what is good. All others are comments.
	certain bool
	why     string
}

var (
	outcomes  = []string{"http.response.status_code", "http.status_code", "http_status_code", "status_code", "status", "code", "grpc.status_code", "grpc_code", "outcome", "result", "error"}
	failed    = regexp.MustCompile(`(?i)^(error|errors|err|fail|failed|failure|timeout|5xx|true|unavailable|internal)$`)
	server    = regexp.MustCompile(`^5\d\d$`)
	mistakes  = regexp.MustCompile(`(?i)(^|[._])(errors?|fail(ed|ures?)?)([._]|$)`)
	requests  = regexp.MustCompile(`(?i)(^|[._])(requests?|calls?|queries|handled|accesses)([._]|$)`)
	latencies = regexp.MustCompile(`(?i)(duration|latency|response[._]?time|request[._]?time)`)
)

// maxIndicators bounds the candidates that are written down.
const maxIndicators = 6

// indicators finds metrics that objectives could be made of.
func indicators(sources []*Source) []indicator {
	var certain, perhaps []indicator
	for _, s := range sources {
		if s.metrics["traces.span.metrics.calls"] != nil && s.metrics["traces.span.metrics.errors"] != nil {
			certain = append(certain, ratio("requests", "bad", "{metric: traces.span.metrics.errors}", "{metric: traces.span.metrics.calls}", "spans say themselves whether they failed; the objective is a guess", true))
		}
		for _, name := range s.metricNames() {
			if strings.HasPrefix(name, "traces.") {
				continue
			}
			if c, ok := s.indicator(s.metrics[name]); ok {
				perhaps = append(perhaps, c)
			}
		}
	}
	out := append(certain, perhaps...)
	taken := map[string]bool{}
	for i := range out {
		for base, n := out[i].name, 2; taken[out[i].name]; n++ {
			out[i].name = base + "-" + strconv.Itoa(n)
		}
		taken[out[i].name] = true
	}
	return out[:min(len(out), maxIndicators)]
}

func ratio(name, word, part, total, why string, certain bool) indicator {
	return indicator{name: name, certain: certain, why: why, lines: []string{"total: " + total, word + ": " + part, "objective: 99%"}}
}

// indicator looks at one metric.
func (s *Source) indicator(m *metric) (indicator, bool) {
	name := slug(m.name)
	if m.typ != pipeline.Gauge {
		for _, label := range outcomes {
			values := m.labels[label]
			if len(values) < 2 {
				continue
			}
			list := slices.Sorted(maps.Keys(values))
			pattern := ""
			if i := slices.IndexFunc(list, server.MatchString); i >= 0 {
				pattern = "5*"
			} else if i := slices.IndexFunc(list, failed.MatchString); i >= 0 {
				pattern = list[i]
			}
			if pattern == "" {
				continue
			}
			bad := fmt.Sprintf("{metric: %s, labels: {%s: %s}}", quote(m.name), quote(label), quote(pattern))
			return ratio(name, "bad", bad, fmt.Sprintf("{metric: %s}", quote(m.name)), fmt.Sprintf("%s has the values %s", label, valuesOf(values, 6)), false), true
		}
		if mistakes.MatchString(m.name) {
			if total := s.sibling(m.name); total != "" {
				return ratio(name, "bad", fmt.Sprintf("{metric: %s}", quote(m.name)), fmt.Sprintf("{metric: %s}", quote(total)), "by their names errors of requests", false), true
			}
		}
		return indicator{}, false
	}
	if !latencies.MatchString(m.name) || !(m.most > 0) {
		return indicator{}, false
	}
	labels, why := "", "by its name a time; "
	if m.quantiles {
		labels, why = `, labels: {quantile: "0.95"}`, "a quantile of a histogram; "
	}
	bound := strconv.FormatFloat(m.most*1.5, 'g', 3, 64)
	return indicator{name: name, why: why + fmt.Sprintf("the highest value in the sample is %.4g, the bound half as much again", m.most),
		lines: []string{fmt.Sprintf("threshold: {metric: %s%s, below: %s}", quote(m.name), labels, bound), "objective: 99%"}}, true
}

// sibling returns the counter of requests whose name is nearest to that of a counter of errors: the one that begins alike for the longest.
func (s *Source) sibling(errors string) string {
	best, most := "", 3
	for _, name := range s.metricNames() {
		if name == errors || s.metrics[name].typ == pipeline.Gauge || !requests.MatchString(name) || mistakes.MatchString(name) {
			continue
		}
		n := 0
		for n < len(name) && n < len(errors) && name[n] == errors[n] {
			n++
		}
		if n > most {
			best, most = name, n
		}
	}
	return best
}

// slug makes a name of a text, as the configuration wants names.
func slug(text string) string {
	out := strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(text), "-"), "-")
	if len(out) > 40 {
		out = strings.Trim(out[:40], "-")
	}
	if out == "" {
		return "source"
	}
	return out
}

func quote(s string) string {
	return strconv.Quote(strings.ReplaceAll(s, "${", "$${"))
}
